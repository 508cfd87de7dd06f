/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifupdown.h"
#include "checks/near_word.h"
#include "checks/net_stack.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>

#define FILES_MAX 256u
#define DEPTH_MAX 8u
#define WORDS_MAX 4096u

const char *const ifupdown_keywords[] = {
	"auto",	      "iface",	      "allow-hotplug", "source", "mapping", "source-directory",
	"allow-auto", "no-auto-down", "no-scripts",    "rename", NULL
};

struct reader {
	const struct machine *machine;
	struct ifupdown *ret;
	const char *path;
	const struct str *text;
	size_t at;
	uint32_t next; /* line that is read next, 1-based */
	enum { IN_NONE, IN_IFACE, IN_MAPPING } in;
	bool has_script;
	unsigned depth;
};
struct logical {
	char *text;
	uint32_t line, count;
};

const char *const *ifupdown_methods(const char *family)
{
	static const char *const inet[] = { "dhcp", "static", "loopback", "manual", "bootp",
					    "ppp",  "wvdial", "tunnel",	  "ipv4ll", NULL };
	static const char *const inet6[] = { "auto",   "static", "dhcp",     "loopback", "manual",
					     "tunnel", "6to4",	 "v4tunnel", NULL };
	static const char *const can[] = { "static", NULL };
	static const char *const ipx[] = { "static", "dynamic", NULL };
	static const char *const meta[] = { "none", NULL };

	if (str_eq(family, "inet"))
		return inet;
	if (str_eq(family, "inet6"))
		return inet6;
	if (str_eq(family, "can"))
		return can;
	if (str_eq(family, "ipx"))
		return ipx;
	return str_eq(family, "meta") ? meta : NULL;
}

static bool is_in(const char *const *list, const char *word)
{
	for (; list && *list; list++)
		if (str_eq(*list, word))
			return true;
	return false;
}

/* One line with those that continue it; false at the end. A comment is not continued. */
static bool read_logical(struct reader *r, struct logical *ret)
{
	cleanup(str_done) struct str joined = STR_INIT;
	bool goes_on = true;

	*ret = (struct logical){ .line = r->next };
	if (r->at >= r->text->len)
		return false;
	for (bool is_first = true; goes_on && r->at < r->text->len; is_first = false) {
		const char *start = r->text->s + r->at;
		const char *end = memchr(start, '\n', r->text->len - r->at);
		size_t len = end ? (size_t)(end - start) : r->text->len - r->at;

		r->at += len + (end != NULL);
		r->next++;
		ret->count++;
		while (is_first && len && isspace((unsigned char)*start)) {
			start++;
			len--;
		}
		goes_on = len && start[len - 1] == '\\' && !(is_first && *start == '#');
		str_add_bytes(&joined, start, len - goes_on);
	}
	while (joined.len && isspace((unsigned char)joined.s[joined.len - 1]))
		joined.s[--joined.len] = '\0';
	ret->text = str_take(&joined);
	return true;
}

/* The next word of *rest; NULL: no more. Cuts it out of the text. */
static char *next_word(char **rest)
{
	char *word = *rest, *end;

	if (!*word)
		return NULL;
	for (end = word; *end && !isspace((unsigned char)*end);)
		end++;
	*rest = end;
	while (isspace((unsigned char)**rest))
		(*rest)++;
	*end = '\0';
	return word;
}

static void add_error(struct reader *r, enum ifupdown_fault fault, const struct logical *line,
		      const char *word, const char *rest)
{
	bool is_in_stanza = r->in == IN_IFACE && r->ret->stanzas.count;

	vec_push(&r->ret->errors,
		 ((struct ifupdown_error){ fault, r->path, line->line, line->count,
					   mem_strdup(word ? word : ""), rest && *rest,
					   is_in_stanza ? r->ret->stanzas.count - 1 : SIZE_MAX }));
}

static bool is_known(const struct ifupdown *model, const char *name, const char *family)
{
	for (size_t i = 0; i + 1 < model->stanzas.count; i++)
		if (str_eq(model->stanzas.items[i].name, name) &&
		    (!*family || !model->stanzas.items[i].family[0] ||
		     str_eq(model->stanzas.items[i].family, family)))
			return true;
	return false;
}

/* "iface NAME [FAMILY METHOD] [inherits OTHER]" */
static void read_iface(struct reader *r, const struct logical *line, char *rest)
{
	const char *name = next_word(&rest), *family = next_word(&rest), *method = NULL;
	struct ifupdown_stanza *stanza = vec_add(&r->ret->stanzas);
	bool inherits = family && str_eq(family, "inherits");
	const char *more;

	*stanza = (struct ifupdown_stanza){ .path = r->path,
					    .line = line->line,
					    .count = line->count,
					    .name = mem_strdup(name ? name : "") };
	r->in = IN_IFACE;
	if (!name)
		add_error(r, IFUPDOWN_NO_NAME, line, NULL, NULL);
	else if (!inherits && (!family || !ifupdown_methods(family)))
		add_error(r, IFUPDOWN_BAD_FAMILY, line, family, rest);
	else if (!inherits) {
		method = next_word(&rest);
		inherits = method && str_eq(method, "inherits");
		if (!inherits && (!method || !is_in(ifupdown_methods(family), method)))
			add_error(r, IFUPDOWN_BAD_METHOD, line, method, rest);
	}
	stanza->family = mem_strdup(family && ifupdown_methods(family) ? family : "");
	stanza->method = mem_strdup(
		method && !inherits && is_in(ifupdown_methods(family), method) ? method : "");
	more = inherits ? "inherits" : next_word(&rest);
	if (!more || !str_eq(more, "inherits"))
		return; /* anything else is ignored with a warning */
	stanza->inherits = true;
	more = next_word(&rest);
	if (!more || !is_known(r->ret, more, stanza->family))
		add_error(r, IFUPDOWN_BAD_INHERITS, line, more, rest);
}

static void read_file(const struct machine *, struct ifupdown *, const char *path, unsigned depth);

/* Patterns are known in the last part of the path alone; other expansions of a shell are not. */
static void read_source(struct reader *r, char *rest, bool is_dir)
{
	cleanup(free) char *pattern = NULL, *dir = NULL;
	const char *base = NULL;

	if (!*rest || strpbrk(rest, "$`~"))
		return;
	pattern = *rest == '/' ? mem_strdup(rest)
			       : mem_printf("%.*s/%s", (int)(strrchr(r->path, '/') - r->path),
					    r->path, rest);
	dir = mem_strdup(pattern);
	if (!is_dir) {
		base = strrchr(pattern, '/') + 1;
		dir[base - 1 - pattern] = '\0';
	}
	if (base && !strpbrk(base, "*?[")) {
		read_file(r->machine, r->ret, pattern, r->depth + 1);
		return;
	}
	const struct tree_names *names = machine_list(r->machine, dir);

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		const char *p = names->items[i];

		while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
			p++;
		if (base ? !fnmatch(base, names->items[i], FNM_PERIOD) : !*p)
			read_file(r->machine, r->ret, path, r->depth + 1);
	}
}

static void read_auto(struct reader *r, const struct logical *line, char *rest, bool is_hotplug)
{
	for (char *name; (name = next_word(&rest)) && r->ret->autos.count < WORDS_MAX;)
		vec_push(&r->ret->autos, ((struct ifupdown_auto){ r->path, line->line, line->count,
								  mem_strdup(name), is_hotplug }));
	r->in = IN_NONE;
}

static void read_option(struct reader *r, const struct logical *line, const char *word,
			const char *value)
{
	struct ifupdown_stanza *stanza;

	if (r->in == IN_MAPPING && str_eq(word, "script")) {
		if (r->has_script)
			add_error(r, IFUPDOWN_TWO_SCRIPTS, line, word, value);
		r->has_script = true;
	} else if (r->in == IN_MAPPING && str_eq(word, "map")) {
		return;
	} else if (r->in != IN_IFACE) {
		add_error(r, IFUPDOWN_MISPLACED, line, word, value);
	} else if (!*value) {
		add_error(r, IFUPDOWN_NO_VALUE, line, word, NULL);
	} else {
		stanza = &r->ret->stanzas.items[r->ret->stanzas.count - 1];
		vec_push(&stanza->options,
			 ((struct ifupdown_option){ mem_strdup(word), mem_strdup(value), line->line,
						    line->count }));
	}
}

static void read_words(struct reader *r, const struct logical *line, const char *word, char *rest)
{
	if (str_eq(word, "mapping")) {
		r->in = IN_MAPPING;
		r->has_script = false;
		r->ret->has_mapping = true;
	} else if (str_eq(word, "source")) {
		r->in = IN_NONE;
		read_source(r, rest, false);
	} else if (str_starts(word, "source-dir")) {
		r->in = IN_NONE;
		read_source(r, rest, true);
	} else if (str_eq(word, "iface")) {
		read_iface(r, line, rest);
	} else if (str_eq(word, "auto") || (str_starts(word, "allow-") && word[6])) {
		read_auto(r, line, rest, str_eq(word, "allow-hotplug"));
	} else if (str_eq(word, "no-auto-down") || str_eq(word, "no-scripts") ||
		   str_eq(word, "rename")) {
		r->in = IN_NONE;
		r->ret->has_rename |= str_eq(word, "rename");
	} else {
		read_option(r, line, word, rest);
	}
}

/* A keyword that is mistyped where no option can be is an error and is then read as what was meant,
 * so that the lines below it are not taken for more errors. */
static void read_line(struct reader *r, const struct logical *line)
{
	char *rest = line->text;
	const char *word = next_word(&rest), *meant;

	if (!word)
		return;
	meant = r->in != IN_IFACE && !is_in(ifupdown_keywords, word) && !str_eq(word, "script") &&
				!str_eq(word, "map") && !str_starts(word, "allow-") &&
				!str_starts(word, "source-dir")
			? near_word(word, ifupdown_keywords)
			: NULL;
	if (meant) {
		add_error(r, IFUPDOWN_MISPLACED, line, word, rest);
		word = meant;
	}
	read_words(r, line, word, rest);
}

static void read_file(const struct machine *machine, struct ifupdown *ret, const char *path,
		      unsigned depth)
{
	struct reader r = { .machine = machine, .ret = ret, .next = 1, .depth = depth };
	struct ifupdown_file *file;
	struct err ignored = ERR_INIT;
	struct logical line;

	vec_foreach (known, &ret->files)
		if (str_eq((*known)->path, path))
			return;
	if (depth > DEPTH_MAX || ret->files.count >= FILES_MAX)
		return;
	r.text = machine_file(machine, path, &ignored);
	if (!r.text)
		return;
	file = mem_alloc(sizeof(*file));
	*file = (struct ifupdown_file){ mem_strdup(path), r.text };
	vec_push(&ret->files, file);
	r.path = file->path;
	while (read_logical(&r, &line)) {
		if (line.text[0] != '#' && ret->stanzas.count < WORDS_MAX &&
		    ret->errors.count < WORDS_MAX)
			read_line(&r, &line);
		free(line.text);
	}
}

static void free_model(void *value)
{
	struct ifupdown *model = value;

	vec_foreach (file, &model->files) {
		free((*file)->path);
		free(*file);
	}
	vec_foreach (stanza, &model->stanzas) {
		vec_foreach (option, &stanza->options) {
			free(option->name);
			free(option->value);
		}
		vec_done(&stanza->options);
		free(stanza->name);
		free(stanza->family);
		free(stanza->method);
	}
	vec_foreach (item, &model->autos)
		free(item->name);
	vec_foreach (error, &model->errors)
		free(error->word);
	vec_done(&model->files);
	vec_done(&model->stanzas);
	vec_done(&model->autos);
	vec_done(&model->errors);
	free(model);
}

const struct ifupdown *ifupdown_model(const struct machine *machine)
{
	static const char key;
	struct ifupdown *model = machine_kept(machine, &key);

	if (!model) {
		model = mem_alloc(sizeof(*model));
		*model = (struct ifupdown){ 0 };
		if (net_has_ifupdown(machine))
			read_file(machine, model, IFUPDOWN_PATH, 0);
		machine_keep(machine, &key, model, free_model);
	}
	return model->files.count ? model : NULL;
}

const struct str *ifupdown_text(const struct ifupdown *model, const char *path)
{
	vec_foreach (file, &model->files)
		if (str_eq((*file)->path, path))
			return (*file)->text;
	return model->files.items[0]->text;
}

const struct ifupdown_option *ifupdown_option(const struct ifupdown_stanza *stanza,
					      const char *name)
{
	const struct ifupdown_option *found = NULL;

	vec_foreach (option, &stanza->options)
		if (str_eq(option->name, name))
			found = option;
	return found;
}

bool ifupdown_is_auto(const struct ifupdown *model, const char *name)
{
	vec_foreach (item, &model->autos) {
		const char *pattern = item->name[0] == '/' ? item->name + 1 : item->name;

		if (!fnmatch(pattern, name, 0))
			return true;
	}
	return false;
}

const struct ifupdown_stanza *ifupdown_find(const struct ifupdown *model, const char *name)
{
	vec_foreach (stanza, &model->stanzas)
		if (str_eq(stanza->name, name))
			return stanza;
	return NULL;
}

const struct ifupdown_auto *ifupdown_orphan(const struct ifupdown *model,
					    const struct ifupdown_error *error)
{
	const struct ifupdown_auto *last = NULL;

	if (error->fault != IFUPDOWN_MISPLACED || !error->has_more)
		return NULL;
	vec_foreach (item, &model->autos)
		if (str_eq(item->path, error->path) && item->line < error->line)
			last = item;
	if (!last || ifupdown_find(model, last->name))
		return NULL;
	vec_foreach (stanza, &model->stanzas)
		if (str_eq(stanza->path, error->path) && stanza->line > last->line &&
		    stanza->line < error->line)
			return NULL;
	return last;
}

bool ifupdown_describes_card(const struct ifupdown *model)
{
	vec_foreach (stanza, &model->stanzas)
		if (!str_eq(stanza->name, "lo"))
			return true;
	return false;
}

bool ifupdown_has_card(const struct machine *machine)
{
	const struct ifupdown *model = ifupdown_model(machine);

	if (!model)
		return false;
	vec_foreach (stanza, &model->stanzas)
		if (!str_eq(stanza->name, "lo") && ifupdown_is_auto(model, stanza->name))
			return true;
	return false;
}
