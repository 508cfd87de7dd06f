/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/pam.h"
#include "fs/lines.h"

#include <ctype.h>
#include <strings.h>

#define ITEMS_MAX 2000u
#define FILES_MAX 1000u /* read for one stack, each time counted */

static const char *const dirs[] = { "/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d" };

const char *pam_type_name(enum pam_type type)
{
	static const char *const names[] = { "auth", "account", "password", "session" };

	return names[type];
}

bool pam_is_configured(const struct machine *machine)
{
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const struct tree_names *names = machine_list(machine, dirs[i]);
		if (names && names->count)
			return true;
	}
	return false;
}

bool pam_action_refuses(enum pam_action action)
{
	return action == PAM_DO_BAD || action == PAM_DO_DIE;
}

/* The next word; what is in brackets is one. NULL: the end. The caller frees. */
static char *next_word(const char **p)
{
	const char *s = *p + strspn(*p, " \t\r");
	size_t len;

	if (!*s)
		return NULL;
	if (*s == '[') {
		len = 1;
		while (s[len] && s[len] != ']')
			len += s[len] == '\\' && s[len + 1] ? 2 : 1;
		*p = s + len + (s[len] == ']');
		return mem_strndup(s, len + (s[len] == ']'));
	}
	len = strcspn(s, " \t\r");
	*p = s + len;
	return mem_strndup(s, len);
}

static bool parse_action(const char *word, size_t len, enum pam_action *ret, unsigned *jump)
{
	static const struct {
		const char *name;
		enum pam_action action;
	} names[] = {
		{ "ignore", PAM_DO_IGNORE }, { "ok", PAM_DO_OK },   { "done", PAM_DO_DONE },
		{ "bad", PAM_DO_BAD },	     { "die", PAM_DO_DIE }, { "reset", PAM_DO_RESET }
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i].name) == len && !strncmp(word, names[i].name, len)) {
			*ret = names[i].action;
			return true;
		}
	if (!len || strspn(word, "0123456789") < len || len > 4)
		return false;
	*jump = (unsigned)strtoul(word, NULL, 10);
	*ret = *jump ? PAM_DO_JUMP : PAM_DO_IGNORE;
	return true;
}

/* "[success=1 default=ignore]" */
static bool parse_bracket(struct pam_item *item, const char *p)
{
	bool has_success = false, has_unknown = false, has_failure = false;

	item->on_success = item->on_unknown = item->on_failure = PAM_DO_BAD;
	for (p++; *(p += strspn(p, " \t\r")) && *p != ']';) {
		size_t name = strcspn(p, "= \t]"), value;
		const char *v = p + name + strspn(p + name, " \t");
		enum pam_action action;
		unsigned jump = 0;
		if (*v != '=')
			return false;
		v++;
		v += strspn(v, " \t");
		value = strcspn(v, " \t\r]");
		if (!parse_action(v, value, &action, &jump))
			return false;
		if (name == 7 && !strncmp(p, "success", 7)) {
			item->on_success = action;
			item->jump = jump;
			has_success = true;
		} else if (name == 14 && !strncmp(p, "module_unknown", 14)) {
			item->on_unknown = action;
			has_unknown = true;
		} else if ((name == 11 && !strncmp(p, "perm_denied", 11)) ||
			   (name == 8 && !strncmp(p, "auth_err", 8))) {
			item->on_failure = action;
			has_failure = true;
		} else if (name == 7 && !strncmp(p, "default", 7)) {
			item->on_success = has_success ? item->on_success : action;
			item->jump = has_success ? item->jump : jump;
			item->on_unknown = has_unknown ? item->on_unknown : action;
			item->on_failure = has_failure ? item->on_failure : action;
		}
		p = v + value;
	}
	return *p == ']';
}

static void parse_control(struct pam_item *item)
{
	static const struct {
		const char *name;
		enum pam_action success, other;
	} names[] = { { "required", PAM_DO_OK, PAM_DO_BAD },
		      { "requisite", PAM_DO_OK, PAM_DO_DIE },
		      { "sufficient", PAM_DO_DONE, PAM_DO_IGNORE },
		      { "optional", PAM_DO_OK, PAM_DO_IGNORE } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(item->control, names[i].name)) {
			item->on_success = names[i].success;
			item->on_unknown = item->on_failure = names[i].other;
			return;
		}
	item->on_success = item->on_unknown = item->on_failure = PAM_DO_BAD;
	if (item->control[0] != '[' || !parse_bracket(item, item->control)) {
		item->broken = "its control is none that PAM knows";
		item->on_success = item->on_unknown = item->on_failure = PAM_DO_BAD;
	}
}

/* The files that are being read, the innermost first. */
struct open_file {
	const char *path;
	const struct open_file *outer;
};

struct walk {
	const struct machine *machine;
	struct pam_stack *stack;
	enum pam_type type;
	const struct open_file *open;
	unsigned files;
	size_t level_start; /* first item of the substack */
	bool is_cut;
	struct err *err;
};

static const struct str *open_service(const struct machine *machine, const char *name,
				      char **ret_path, struct err *err)
{
	if (*name == '/') {
		*ret_path = mem_strdup(name);
		return machine_file(machine, name, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], name);
		struct err one = ERR_INIT;
		const struct str *text = machine_file(machine, path, &one);
		if (!text && one.code == ERR_NOTFOUND) {
			*err = one;
			continue;
		}
		if (!text)
			*err = one;
		*ret_path = TAKE(path);
		return text;
	}
	return NULL;
}

static int walk_text(struct walk *, const char *path, const struct str *text, bool is_any);

static void add(struct walk *walk, struct pam_item *item)
{
	/* Who jumps over this one, or may have ended the stack before it? */
	struct pam_stack *stack = walk->stack;

	for (size_t i = walk->level_start; i < stack->count; i++) {
		const struct pam_item *before = &stack->items[i];
		if (before->on_success == PAM_DO_DONE && !before->broken)
			item->may_be_passed = true;
		if (before->on_success == PAM_DO_JUMP && stack->count - i <= before->jump)
			item->may_be_passed = true;
	}
	if (stack->count < ITEMS_MAX)
		vec_push(stack, *item);
	else {
		free(item->path);
		free(item->control);
		free(item->module);
		free(item->args);
		free(item->missing);
	}
}

/* `missing`: the name of a file that is not there; NULL: the include is wrong by itself. */
static void add_bad_include(struct walk *walk, struct pam_item *item, const char *missing)
{
	/* Files stay open while they are read, so one that includes itself ends where no more can
	 * be opened, which PAM takes as it takes a missing one. */
	item->broken = missing ? "the file that it includes is not there"
			       : "it leads back into a file that includes it";
	item->missing = missing ? mem_strdup(missing) : NULL;
	item->control = mem_strdup("include");
	item->module = mem_strdup("");
	item->args = mem_strdup("");
	item->on_success = item->on_unknown = item->on_failure = PAM_DO_BAD;
	add(walk, item);
}

static bool is_open(const struct walk *walk, const char *path)
{
	for (const struct open_file *file = walk->open; file; file = file->outer)
		if (str_eq(file->path, path))
			return true;
	return false;
}

static int include(struct walk *walk, struct pam_item *item, const char *name, bool is_substack,
		   bool is_any)
{
	char *path = NULL;
	struct err err = ERR_INIT;
	const struct str *text = *name ? open_service(walk->machine, name, &path, &err) : NULL;
	size_t level = walk->level_start;
	int ret = 0;

	if (text && !is_open(walk, path) && walk->files >= FILES_MAX) {
		free(item->path);
		ret = err_set(walk->err, ERR_MALFORMED,
			      "%s: the stack of PAM includes more than %u files", path, FILES_MAX);
	} else if (text && !is_open(walk, path)) {
		walk->files++;
		if (is_substack)
			walk->level_start = walk->stack->count;
		ret = walk_text(walk, path, text, is_any);
		walk->level_start = level;
		free(item->path);
	} else if (!text && *name && err.code != ERR_NOTFOUND) {
		free(item->path);
		*walk->err = err;
		ret = -1;
	} else
		add_bad_include(walk, item, text ? NULL : name);
	free(path);
	return ret;
}

/* One line without its comment. `is_any`: the file is for all types (the service's own, @include). */
static int walk_line(struct walk *walk, const char *path, const char *line, uint32_t number,
		     uint32_t count, bool is_any)
{
	struct pam_item item = { .line = number, .line_count = count, .type = walk->type };
	const char *p = line;
	cleanup(free) char *type = next_word(&p), *control = NULL, *module = NULL;
	const char *name = type;
	size_t i;

	if (!type)
		return 0;
	item.path = mem_strdup(path);
	if (str_eq(type, "@include")) {
		module = next_word(&p);
		return include(walk, &item, module ? module : "", false, is_any);
	}
	name += *name == '-';
	for (i = 0; i < 4 && strcasecmp(name, pam_type_name((enum pam_type)i)); i++)
		;
	/* An unknown type is one for "auth", or for the type that the include asks for. */
	if (i == 4)
		item.broken = "it is of no type that PAM knows";
	if (i < 4 ? i != (size_t)walk->type : is_any && walk->type != PAM_AUTH) {
		free(item.path);
		return 0;
	}
	control = next_word(&p);
	module = next_word(&p);
	if (control && !item.broken &&
	    (!strcasecmp(control, "include") || !strcasecmp(control, "substack")))
		return include(walk, &item, module ? module : "", !strcasecmp(control, "substack"),
			       false);
	item.control = mem_strdup(control ? control : "");
	item.module = mem_strdup(module ? module : "");
	item.args = mem_strdup(p + strspn(p, " \t"));
	parse_control(&item);
	if (!item.broken && !control)
		item.broken = "it has no control";
	if (!item.broken && !module)
		item.broken = "it names no module";
	add(walk, &item);
	return 0;
}

static int walk_text(struct walk *walk, const char *path, const struct str *text, bool is_any)
{
	struct open_file here = { .path = path, .outer = walk->open };
	uint32_t number = 0;
	int rc = 0;

	walk->open = &here;
	for (const char *p = text->s; *p && !rc && walk->stack->count < ITEMS_MAX;) {
		cleanup(str_done) struct str line = STR_INIT;
		uint32_t first = ++number;
		size_t len = strcspn(p, "\n");
		str_add_bytes(&line, p, strcspn(p, "#\n") < len ? strcspn(p, "#\n") : len);
		p += len + (p[len] == '\n');
		while (line.len && line.s[line.len - 1] == '\\' && *p) {
			line.s[--line.len] = ' ';
			line.len++;
			len = strcspn(p, "\n");
			str_add_bytes(&line, p, strcspn(p, "#\n"));
			p += len + (p[len] == '\n');
			number++;
		}
		rc = walk_line(walk, path, line.s, first, number - first + 1, is_any);
	}
	walk->open = here.outer;
	return rc;
}

int pam_stack_read(const struct machine *machine, const char *service, enum pam_type type,
		   struct pam_stack *ret, struct err *err)
{
	struct walk walk = { .machine = machine, .stack = ret, .type = type, .err = err };
	cleanup(free) char *path = NULL;
	struct err read_err = ERR_INIT;
	const struct str *text = open_service(machine, service, &path, &read_err);

	*ret = (struct pam_stack){ 0 };
	if (!text && read_err.code == ERR_NOTFOUND) {
		ret->is_other = true;
		free(TAKE(path));
		text = open_service(machine, "other", &path, &read_err);
		ret->is_missing = !text && read_err.code == ERR_NOTFOUND;
		if (ret->is_missing)
			return 0;
	}
	if (!text) {
		*err = read_err;
		return -1;
	}
	if (walk_text(&walk, path, text, true) < 0) {
		pam_stack_done(ret);
		return -1;
	}
	return 0;
}

void pam_stack_done(struct pam_stack *stack)
{
	vec_foreach (item, stack) {
		free(item->path);
		free(item->control);
		free(item->module);
		free(item->args);
		free(item->missing);
	}
	vec_done(stack);
}

bool pam_item_is(const struct pam_item *item, const char *name)
{
	const char *base = strrchr(item->module, '/');
	size_t len = strlen(name);

	base = base ? base + 1 : item->module;
	return !strncmp(base, name, len) && (str_eq(base + len, ".so") || !base[len]);
}

char *pam_item_arg(const struct pam_item *item, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = item->args; *(p += strspn(p, " \t\r"));) {
		size_t n = strcspn(p, " \t\r");
		if (n > len && !strncmp(p, name, len) && p[len] == '=')
			return mem_strndup(p + len + 1, n - len - 1);
		p += n;
	}
	return NULL;
}

void pam_edit_disable(const struct machine *machine, const struct pam_item *item,
		      struct edits *edits)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, item->path, &err);

	if (text)
		lines_edit_comment(edits, item->path, text, item->line, item->line_count);
}
