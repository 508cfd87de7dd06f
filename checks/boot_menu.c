/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The three kinds of menus: grub.cfg, GRUB legacy's, and the files of boot loader entries. */
#include "checks/boot.h"

#include <ctype.h>
#include <stdio.h>

#define ENTRIES_MAX 500u
#define DEPTH_MAX   8u

static struct boot_entry *add_entry(struct boot *boot, const char *file, uint32_t line,
				    char *number)
{
	struct boot_entry *entry = vec_add(&boot->entries);

	*entry = (struct boot_entry){ .id = mem_strdup(""),
				      .title = mem_strdup(""),
				      .number = number,
				      .name = mem_strdup(""),
				      .file = mem_strdup(file),
				      .line = line,
				      .args = mem_strdup(""),
				      .version = mem_strdup("") };
	return entry;
}

static void set(char **field, const char *text)
{
	free(*field);
	*field = mem_strdup(text);
}

/* ---- grub.cfg -------------------------------------------------------------------------------- */

struct menu_reader {
	const struct machine *machine;
	struct boot *boot;
	uint32_t line;
	struct level {
		unsigned next;	 /* number of the next entry on this level */
		unsigned braces; /* that are open where the submenu began */
		char *prefix;	 /* of the names of its entries: "advanced>" */
	} levels[DEPTH_MAX];
	unsigned depth, braces;
	size_t entry; /* the one that is open; SIZE_MAX: none */
	unsigned entry_braces;
};

static char *number_of(const struct menu_reader *r)
{
	cleanup(str_done) struct str text = STR_INIT;

	for (unsigned i = 0; i <= r->depth; i++)
		str_addf(&text, "%s%u", i ? ">" : "", r->levels[i].next - (i < r->depth));
	return str_take(&text);
}

/* The id, else the title, of a menuentry or submenu; "" when there is neither. */
static const char *id_of(const struct boot_words *words)
{
	for (size_t i = 2; i + 1 < words->count; i++)
		if (str_eq(words->items[i], "$menuentry_id_option") ||
		    str_eq(words->items[i], "${menuentry_id_option}") ||
		    str_eq(words->items[i], "--id"))
			return words->items[i + 1];
	return "";
}

/* How `default` names it: a ">" inside is doubled. Source: GRUB manual, "default". NULL: nothing
 * safe does, or the submenu around it has no name. */
static char *name_of(const struct menu_reader *r, const struct boot_words *words)
{
	const char *id = id_of(words), *prefix = r->levels[r->depth].prefix;
	cleanup(str_done) struct str name = STR_INIT;

	if (!*id && words->count > 1)
		id = words->items[1];
	if (!*id || strpbrk(id, "$\"\\`") || (r->depth && !prefix))
		return NULL;
	str_add(&name, prefix ? prefix : "");
	for (; *id; id++)
		str_addf(&name, *id == '>' ? ">>" : "%c", *id);
	return str_take(&name);
}

static void begin_entry(struct menu_reader *r, const struct boot_words *words)
{
	char *name = name_of(r, words);
	struct boot_entry *entry;

	if (r->boot->entries.count == ENTRIES_MAX) {
		free(name);
		return;
	}
	entry = add_entry(r->boot, r->boot->path, r->line, number_of(r));
	r->levels[r->depth].next++;
	r->entry = r->boot->entries.count - 1;
	r->entry_braces = r->braces;
	if (words->count > 1)
		set(&entry->title, words->items[1]);
	set(&entry->id, id_of(words));
	if (name) {
		free(entry->name);
		entry->name = name;
	}
}

static void begin_submenu(struct menu_reader *r, const struct boot_words *words)
{
	cleanup(free) char *name = name_of(r, words);

	r->levels[r->depth].next++;
	if (r->depth + 1 == DEPTH_MAX)
		return;
	free(r->levels[++r->depth].prefix);
	r->levels[r->depth] = (struct level){ .braces = r->braces,
					      .prefix = name ? mem_printf("%s>", name) : NULL };
}

/* `set default="0"`: the last one that is not for one boot alone counts. */
static void take_default(struct menu_reader *r, const struct boot_words *words)
{
	const char *value;

	if (words->count < 2 || !str_eq(words->items[0], "set") ||
	    !str_starts(words->items[1], "default="))
		return;
	value = words->items[1] + strlen("default=");
	if (strstr(value, "next_entry"))
		return;
	set(&r->boot->default_text, value);
	set(&r->boot->default_path, r->boot->path);
	r->boot->default_line = r->boot->set_line = r->line;
}

static void count_braces(struct menu_reader *r, const char *line, size_t len)
{
	char quote = 0;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (c == '\\' && quote != '\'')
			i++;
		else if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else if (!quote && c == '#' && (!i || isspace((unsigned char)line[i - 1])))
			return;
		else if (!quote && c == '{' && !(i && line[i - 1] == '$'))
			r->braces++;
		else if (!quote && c == '}' && r->braces &&
			 !(i && (isalnum((unsigned char)line[i - 1]) || line[i - 1] == '_')))
			r->braces--;
	}
	if (r->entry != SIZE_MAX && r->braces <= r->entry_braces)
		r->entry = SIZE_MAX;
	while (r->depth && r->braces <= r->levels[r->depth].braces)
		r->depth--;
}

/* Every grub.cfg of grub-mkconfig reads custom.cfg beside it, if there is one; as a rule there is none. */
static bool reads_more(const struct menu_reader *r, const struct boot_words *words)
{
	const char *path = r->boot->path, *name = words->count > 1 ? words->items[1] : "";
	cleanup(free) char *custom =
		mem_printf("%.*s/custom.cfg", (int)(strrchr(path, '/') - path), path);

	return !str_ends(name, "/custom.cfg") || tree_exists(machine_tree(r->machine), custom);
}

static void read_command(struct menu_reader *r, const struct boot_words *words)
{
	const char *command = words->items[0];

	if (str_eq(command, "menuentry"))
		begin_entry(r, words);
	else if (str_eq(command, "submenu"))
		begin_submenu(r, words);
	else if (str_eq(command, "blscfg"))
		r->boot->uses_bls = true;
	else if (str_eq(command, "configfile") || str_eq(command, "source") || str_eq(command, "."))
		r->boot->has_submenu_code |= r->entry == SIZE_MAX && reads_more(r, words);
	else if (r->entry != SIZE_MAX)
		boot_entry_command(r->machine, &r->boot->entries.items[r->entry], words, r->line);
	else if (str_eq(command, "search"))
		boot_search_read(&r->boot->search, words, r->line);
	else
		take_default(r, words);
}

void boot_read_grub_cfg(const struct machine *machine, const struct str *text, struct boot *boot)
{
	struct menu_reader r = { .machine = machine, .boot = boot, .entry = SIZE_MAX };
	const char *end = text->s + text->len;

	for (const char *p = text->s; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((stop ? stop : end) - p);
		struct boot_words words;

		r.line++;
		boot_words_split(p, len, &words);
		if (words.count)
			read_command(&r, &words);
		boot_words_done(&words);
		count_braces(&r, p, len);
		p += len + (stop != NULL);
	}
	for (size_t i = 0; i < DEPTH_MAX; i++)
		free(r.levels[i].prefix);
}

/* ---- GRUB legacy ----------------------------------------------------------------------------- */

/* "default 0", "default=0", "title …", then its commands until the next title. */
void boot_read_legacy(const struct machine *machine, const struct str *text, struct boot *boot)
{
	struct boot_entry *entry = NULL;
	uint32_t line = 0;

	set(&boot->default_text, "0");
	for (const char *p = text->s; *p && boot->entries.count < ENTRIES_MAX;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "\r\n");
		struct boot_words words;

		line++;
		boot_words_split(p, len, &words);
		if (words.count && str_eq(words.items[0], "title")) {
			entry = add_entry(boot, boot->path, line,
					  mem_printf("%zu", boot->entries.count));
			set(&entry->name, entry->number);
			free(entry->title);
			entry->title = boot_words_join(&words, 1);
		} else if (words.count && entry) {
			boot_entry_command(machine, entry, &words, line);
		} else if (words.count && str_starts(words.items[0], "default")) {
			const char *value = words.count > 1 ? words.items[1]
							    : words.items[0] + strlen("default");

			set(&boot->default_text, value + (*value == '='));
			set(&boot->default_path, boot->path);
			boot->default_line = line;
		}
		boot_words_done(&words);
	}
}

/* ---- boot loader entries --------------------------------------------------------------------- */

static bool is_separator(char c)
{
	return c && !isalnum((unsigned char)c) && c != '~' && c != '^';
}

/* rpm's rpmvercmp: runs of digits by value, runs of letters by bytes, ~ before everything. */
int version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		size_t alen, blen;
		bool is_digits;
		int order;

		while (is_separator(*a))
			a++;
		while (is_separator(*b))
			b++;
		if (*a == '~' || *b == '~') {
			if (*a != '~' || *b != '~')
				return *a == '~' ? -1 : 1;
			a++, b++;
			continue;
		}
		if (!*a || !*b)
			break;
		is_digits = isdigit((unsigned char)*a);
		if (is_digits != !!isdigit((unsigned char)*b))
			return is_digits ? 1 : -1;
		if (is_digits) {
			a += strspn(a, "0");
			b += strspn(b, "0");
		}
		for (alen = 0;
		     is_digits ? isdigit((unsigned char)a[alen]) : isalpha((unsigned char)a[alen]);)
			alen++;
		for (blen = 0;
		     is_digits ? isdigit((unsigned char)b[blen]) : isalpha((unsigned char)b[blen]);)
			blen++;
		if (is_digits && alen != blen)
			return alen < blen ? -1 : 1;
		order = strncmp(a, b, alen < blen ? alen : blen);
		if (order || alen != blen)
			return order ? order : alen < blen ? -1 : 1;
		if (!is_digits && !alen) { /* a character that is neither: ^ */
			alen = *a != 0;
			blen = *b != 0;
		}
		a += alen;
		b += blen;
	}
	return *a ? 1 : *b ? -1 : 0;
}

static void read_bls_file(const struct machine *machine, struct boot *boot, const char *path,
			  const struct str *text)
{
	struct boot_entry *entry = add_entry(boot, path, 0, mem_strdup(""));
	const char *base = strrchr(path, '/') + 1;
	cleanup(str_done) struct str options = STR_INIT;
	uint32_t line = 0;

	free(entry->id);
	entry->id = mem_strndup(base, strlen(base) - strlen(".conf"));
	set(&entry->name, entry->id);
	for (const char *p = text->s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		struct boot_words words;

		line++;
		boot_words_split(p, strcspn(p, "\r\n"), &words);
		if (words.count > 1 && str_eq(words.items[0], "title")) {
			free(entry->title);
			entry->title = boot_words_join(&words, 1);
		} else if (words.count > 1 && str_eq(words.items[0], "options")) {
			cleanup(free) char *more = boot_words_join(&words, 1);

			str_addf(&options, "%s%s", options.len ? " " : "", more);
			entry->args_line = line;
		} else if (words.count > 1) {
			boot_entry_command(machine, entry, &words, line);
		}
		boot_words_done(&words);
	}
	set(&entry->args, options.s);
}

/* What grub.cfg sets where grubenv has no kernelopts: `set kernelopts="..."`. */
static char *options_of_menu(const struct machine *machine, const struct boot *boot)
{
	static const char set_it[] = "set kernelopts=";
	struct err ignored = ERR_INIT;
	const struct str *text = boot->path ? machine_file(machine, boot->path, &ignored) : NULL;
	const char *at = text ? strstr(text->s, set_it) : NULL;

	if (!at)
		return NULL;
	at += strlen(set_it);
	at += *at == '"';
	return mem_strndup(at, strcspn(at, "\"\r\n"));
}

static void fill_in_options(const struct machine *machine, struct boot *boot)
{
	static const char *const paths[] = { "/boot/grub2/grubenv", "/boot/grub/grubenv" };
	struct err ignored = ERR_INIT;
	cleanup(free) char *options = NULL;

	for (size_t i = 0; i < ARRAY_LEN(paths) && !options; i++) {
		const struct str *env = machine_file(machine, paths[i], &ignored);

		if (env && str_starts(env->s, GRUBENV_SIGNATURE))
			options = grubenv_get(env, "kernelopts");
	}
	if (!options)
		options = options_of_menu(machine, boot);
	vec_foreach (entry, &boot->entries) {
		char *at = options ? strstr(entry->args, "$kernelopts") : NULL;

		if (!at)
			continue;
		at = mem_printf("%.*s%s%s", (int)(at - entry->args), entry->args, options,
				at + strlen("$kernelopts"));
		free(entry->args);
		entry->args = at;
	}
}

static int compare_entries(const void *a, const void *b)
{
	return version_compare(((const struct boot_entry *)b)->id,
			       ((const struct boot_entry *)a)->id);
}

/* The newest is the first. Entries of grub.cfg itself stay before or behind them; who counts by
 * number there counts these alone, as GRUB's blscfg stands first in every grub.cfg that has it. */
void boot_read_bls(const struct machine *machine, struct boot *boot)
{
	static const char dir[] = "/boot/loader/entries";
	const struct tree_names *names = machine_list(machine, dir);
	size_t first = boot->entries.count;
	struct err ignored = ERR_INIT;

	if (!names)
		return;
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		const struct str *text = str_ends(*name, ".conf") && strlen(*name) > 5
						 ? machine_file(machine, path, &ignored)
						 : NULL;

		if (text && boot->entries.count < ENTRIES_MAX)
			read_bls_file(machine, boot, path, text);
	}
	if (boot->entries.count > first)
		qsort(boot->entries.items + first, boot->entries.count - first,
		      sizeof(*boot->entries.items), compare_entries);
	for (size_t i = first; i < boot->entries.count; i++) {
		free(boot->entries.items[i].number);
		boot->entries.items[i].number = mem_printf("%zu", i - first);
	}
	fill_in_options(machine, boot);
}
