/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

#include "checks/sshd_service.h"

#include <fnmatch.h>
#include <strings.h>

/* Reads sshd_config and what it includes into one list of directives in sshd's order. */

#define DEPTH_MAX      16 /* of Include, as sshd's own */
#define DIRECTIVES_MAX 10000
#define FILES_MAX      1000
#define PORTS_MAX      256
#define SUBSYSTEMS_MAX 256

struct load {
	const struct machine *machine;
	struct sshd_conf *conf;
	uint32_t scope; /* where the next directive belongs */
	size_t ports, subsystems;
	const char *open_files[DEPTH_MAX + 2]; /* from the main file down to the one being read */
};

static int load_file(struct load *, const char *path, uint32_t depth, struct err *);

const char *sshd_conf_path(const struct machine *machine)
{
	static const char main_path[] = "/etc/ssh/sshd_config",
			  vendor[] = "/usr/etc/ssh/sshd_config";
	struct tree *tree = machine_tree(machine);

	if (tree_exists(tree, main_path) || !tree_exists(tree, vendor))
		return main_path;
	/* Only a vendor's patch makes sshd look there. */
	struct sshd_program program = sshd_program(machine);
	return !program.binary || sshd_program_has(&program, vendor) ? vendor : main_path;
}

/* Versions that stand for all when the volume does not tell its own. */
static const uint32_t any_version[] = { 905, 704, 600 };

/* What sshd would die of in this line; with the version unknown only what all die of. */
static char *line_problem(const struct machine *machine, struct sshd_program program,
			  const char *line, uint32_t version)
{
	const struct sshd_keyword *keyword;
	cleanup(sshd_words_done) struct sshd_words words = { 0 };

	program.version = version;
	sshd_words_split(line, version, &words);
	if (!words.name)
		return NULL;
	keyword = sshd_keyword_find(words.name);
	cleanup(free) char *lower = mem_strdup(words.name);
	for (char *p = lower; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	/* Short words may be anything in a binary; vendors' keywords are long. */
	bool in_binary = strlen(lower) >= 6 && sshd_program_has(&program, lower);
	const char *quoted = machine_quote(machine, words.name, strlen(words.name));
	if (!keyword && !in_binary)
		return mem_printf("%s is no keyword of sshd_config", quoted);
	if (keyword && keyword->since == SSHD_VENDOR && program.binary && !in_binary)
		return mem_printf("%s is a keyword of other builds of sshd", quoted);
	if (keyword && keyword->since != SSHD_VENDOR && keyword->since > version && !in_binary)
		return mem_printf("%s came with OpenSSH %u.%u, the volume's sshd is %u.%u", quoted,
				  keyword->since / 100, keyword->since % 100, version / 100,
				  version % 100);
	if (words.fatal)
		return TAKE(words.fatal);
	if (!keyword || (keyword->gone && keyword->gone <= version))
		return NULL;
	return sshd_value_problem(keyword, &words, &program, machine);
}

char *sshd_line_problem(const struct sshd_conf *conf, const struct machine *machine,
			const char *line)
{
	uint32_t version = conf->program.version;

	if (version)
		return line_problem(machine, conf->program, line, version);
	char *problem = NULL;
	for (size_t i = 0; i < ARRAY_LEN(any_version); i++) {
		free(problem);
		problem = line_problem(machine, conf->program, line, any_version[i]);
		if (!problem)
			return NULL;
	}
	return problem;
}

static void check_scope(const struct load *load, struct sshd_directive *d)
{
	uint32_t version = load->conf->program.version;

	if (d->fatal || !d->scope || load->conf->scopes.items[d->scope].is_all || !d->keyword)
		return;
	uint16_t since = d->keyword->match_since;
	if (since == UINT16_MAX ? true : since && version && version < since) {
		d->fatal = mem_printf("%s is not allowed within a Match block",
				      machine_quote(load->machine, d->name, strlen(d->name)));
		d->is_scope_problem = true;
	}
}

/* Subsystem twice (before 9.5) and too many ports. */
static void check_repetition(struct load *load, struct sshd_directive *d)
{
	uint32_t version = load->conf->program.version;
	const char *key = d->keyword ? sshd_keyword_key(d->keyword) : "";

	if (d->fatal)
		return;
	if (str_eq(key, "port") && ++load->ports > PORTS_MAX)
		d->fatal = mem_printf("there are too many ports");
	if (str_eq(key, "subsystem") && ++load->subsystems > SUBSYSTEMS_MAX)
		d->fatal = mem_printf("there are too many subsystems");
	if (d->fatal || !str_eq(key, "subsystem") || !version || version >= 905)
		return;
	for (size_t i = 0; i + 1 < load->conf->directives.count; i++) {
		const struct sshd_directive *other = &load->conf->directives.items[i];
		bool is_same_line = other->line == d->line && str_eq(other->path, d->path);
		if (!other->fatal && !is_same_line && sshd_directive_is(other, "subsystem") &&
		    str_eq(sshd_directive_arg(other), sshd_directive_arg(d))) {
			d->fatal = mem_printf(
				"the subsystem %s is already defined at %s:%u",
				machine_quote(load->machine, d->args[0], strlen(d->args[0])),
				other->path, other->line);
			return;
		}
	}
}

static void begin_match(struct load *load, size_t directive, uint32_t file_scope)
{
	struct sshd_conf *conf = load->conf;
	const struct sshd_directive *d = &conf->directives.items[directive];
	cleanup(free) char *copy = mem_strdup(d->rest);
	char *rest = copy;
	const char *first = sshd_strdelim(&rest);
	bool in_global = !file_scope || conf->scopes.items[file_scope].is_all;

	struct sshd_scope *scope = vec_add(&conf->scopes);
	scope->parent = file_scope;
	scope->directive = directive;
	scope->is_all = in_global && first && !strcasecmp(first, "all");
	load->scope = (uint32_t)conf->scopes.count - 1;
}

/* Edits want paths without "//", "." and "..". */
static char *plain_path(struct tree *tree, const char *path)
{
	cleanup(str_done) struct str plain = STR_INIT;
	struct err err = ERR_INIT;

	if ((strstr(path, "/../") || str_ends(path, "/..")) &&
	    tree_resolve(tree, path, &plain, &err) == 0)
		return str_take(&plain);
	str_clear(&plain);
	for (const char *p = path; *p;) {
		size_t len = strcspn(p + 1, "/");
		if (len && !(len == 1 && p[1] == '.'))
			str_add_bytes(&plain, p, len + 1);
		p += len + 1;
	}
	return str_take(&plain);
}

/* Matches of one glob(7) pattern whose last component may hold wildcards, and those before it too;
 * sorted bytewise as in the C locale. */
static int glob_into(struct tree *tree, const char *pattern, size_t depth, struct tree_names *ret)
{
	const char *magic = strpbrk(pattern, "*?[");
	struct err err = ERR_INIT;

	if (!magic) {
		struct tree_stat st;
		if (tree_stat(tree, pattern, TREE_NOFOLLOW, &st, &err) == 0)
			vec_push(ret, plain_path(tree, pattern));
		return 0;
	}
	if (depth > 32 || ret->count > FILES_MAX)
		return -1;
	const char *start = magic;
	while (start > pattern && start[-1] != '/')
		start--;
	const char *end = strchr(magic, '/');
	cleanup(free) char *dir = mem_strndup(pattern, (size_t)(start - pattern));
	cleanup(free) char *glob =
		end ? mem_strndup(start, (size_t)(end - start)) : mem_strdup(start);
	cleanup(tree_names_done) struct tree_names names = { 0 };
	if (tree_list(tree, *dir ? dir : "/", &names, &err) < 0)
		return err.code == ERR_NOTFOUND || err.code == ERR_MALFORMED ? 0 : -1;
	for (size_t i = 0; i < names.count; i++) {
		if (fnmatch(glob, names.items[i], FNM_PERIOD))
			continue;
		cleanup(free) char *path =
			mem_printf("%s%s%s", dir, names.items[i], end ? end : "");
		if (strlen(path) < TREE_PATH_MAX && glob_into(tree, path, depth + 1, ret) < 0)
			return -1;
	}
	return 0;
}

static void directive_done(struct sshd_directive *d)
{
	free(d->path);
	free(d->text);
	free(d->name);
	for (size_t i = 0; i < d->arg_count; i++)
		free(d->args[i]);
	free(d->args);
	free(d->rest);
	free(d->fatal);
	free(d->included);
}

/* A file of which sshd knows no word belongs to something else: what is wrong is the line that includes
 * it. In sshd's own directory a line or two are more likely misspelt. */
static void disown(struct load *load, size_t include)
{
	struct sshd_conf *conf = load->conf;
	struct sshd_directive *d = &conf->directives.items[include];
	size_t bad = conf->directives.count - include - 1;

	if (d->fatal || d->arg_count != 1 || strpbrk(d->args[0], "*?[") || !bad)
		return;
	for (size_t i = 1; i <= bad; i++)
		if (d[i].keyword || !d[i].fatal)
			return;
	if (bad <= 2 && str_starts(d[1].path, "/etc/ssh/"))
		return;
	d->fatal = mem_printf("it includes %s, in which nothing is a keyword of sshd_config",
			      machine_quote(load->machine, d[1].path, strlen(d[1].path)));
	while (bad--)
		directive_done(&conf->directives.items[--conf->directives.count]);
}

static int include_one(struct load *load, size_t directive, const char *arg, uint32_t depth,
		       struct err *err)
{
	struct sshd_conf *conf = load->conf;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	/* "~" is root's home; sshd runs as root. */
	cleanup(free) char *pattern = *arg == '~' && arg[1] == '/' ? mem_printf("/root%s", arg + 1)
				      : *arg == '/'		   ? mem_strdup(arg)
								   : mem_printf("/etc/ssh/%s", arg);

	if (strlen(pattern) >= TREE_PATH_MAX)
		return 0;
	if (glob_into(machine_tree(load->machine), pattern, 0, &names) < 0)
		return err_set(err, ERR_IO, "the files of Include %s cannot be listed",
			       machine_quote(load->machine, arg, strlen(arg)));
	for (size_t i = 0; i < names.count; i++) {
		struct err file_err = ERR_INIT;
		struct tree_stat st;
		struct sshd_directive *d = &conf->directives.items[directive];
		if (d->fatal)
			return 0;
		for (uint32_t k = 0; k <= depth && !d->fatal; k++)
			if (str_eq(load->open_files[k], names.items[i]))
				d->fatal = mem_printf("it includes %s, which includes it",
						      machine_quote(load->machine, names.items[i],
								    strlen(names.items[i])));
		if (d->fatal)
			return 0;
		if (depth + 1 > DEPTH_MAX || conf->files.count >= FILES_MAX) {
			d->fatal = mem_printf("the includes are nested too deeply");
			return 0;
		}
		if (tree_stat(machine_tree(load->machine), names.items[i], TREE_FOLLOW, &st,
			      &file_err) < 0 &&
		    file_err.code == ERR_NOTFOUND) {
			d->fatal = mem_printf("it includes %s, a link that leads nowhere",
					      machine_quote(load->machine, names.items[i],
							    strlen(names.items[i])));
			d->included = mem_strdup(names.items[i]);
			continue;
		}
		if (file_err.code == ERR_NONE && !S_ISREG(st.mode))
			continue;
		if (load_file(load, names.items[i], depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int add_line(struct load *load, const struct sshd_directive *at, const char *line,
		    uint32_t file_scope, uint32_t depth, struct err *err)
{
	struct sshd_conf *conf = load->conf;
	struct sshd_words words;

	sshd_words_split(line, conf->program.version ? conf->program.version : any_version[0],
			 &words);
	if (!words.name) {
		sshd_words_done(&words);
		return 0;
	}
	if (conf->directives.count >= DIRECTIVES_MAX) {
		sshd_words_done(&words);
		return err_set(err, ERR_MALFORMED, "%s: too many directives", at->path);
	}
	size_t index = conf->directives.count;
	struct sshd_directive *d = vec_add(&conf->directives);
	d->path = mem_strdup(at->path);
	d->line = at->line;
	d->text = mem_strdup(at->text);
	d->has_nul = at->has_nul;
	d->name = TAKE(words.name);
	d->keyword = sshd_keyword_find(d->name);
	d->args = TAKE(words.args);
	d->arg_count = words.count;
	words.count = 0;
	d->rest = TAKE(words.rest);
	d->scope = load->scope;
	d->fatal = sshd_line_problem(conf, load->machine, line);
	sshd_words_done(&words);

	bool is_match = d->keyword && d->keyword->kind == SSHD_MATCH;
	check_scope(load, d);
	check_repetition(load, d);
	if (is_match) {
		begin_match(load, index, file_scope);
	} else if (d->keyword && d->keyword->kind == SSHD_INCLUDE && !d->fatal) {
		for (size_t i = 0; i < conf->directives.items[index].arg_count; i++) {
			uint32_t scope = load->scope;
			if (include_one(load, index, conf->directives.items[index].args[i], depth,
					err) < 0)
				return -1;
			load->scope = scope; /* an included file leaves the Match state alone */
		}
		disown(load, index);
	}
	return 0;
}

static int load_file(struct load *load, const char *path, uint32_t depth, struct err *err)
{
	const struct str *bytes = machine_file(load->machine, path, err);
	uint32_t file_scope = load->scope;
	uint32_t number = 0;

	if (!bytes)
		return -1;
	load->open_files[depth] = path;
	vec_push(&load->conf->files, mem_strdup(path));
	for (const char *p = bytes->s, *end = p + bytes->len; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline + 1 : end) - p);
		cleanup(free) char *text = mem_strndup(p, len);
		cleanup(free) char *line =
			mem_strdup(text); /* a NUL ends it, as it does for sshd */
		line[strcspn(line, "\n")] = '\0';
		struct sshd_directive at = { .path = (char *)path, .line = ++number, .text = text };
		at.has_nul = memchr(p, '\0', len) != NULL;
		if (add_line(load, &at, line, file_scope, depth, err) < 0)
			return -1;
		p += len;
	}
	return 0;
}

/* A file's line with its end; "" when there is none such. */
static char *line_of(const struct machine *machine, const char *path, uint32_t number)
{
	struct err err = ERR_INIT;
	const struct str *bytes = machine_file(machine, path, &err);
	const char *p = bytes ? bytes->s : "";

	for (uint32_t i = 1; i < number && *p; i++) {
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	size_t len = strcspn(p, "\n");
	return mem_strndup(p, len + (p[len] == '\n'));
}

/* -o, -p, -4 and -6 come before the file, so they win; -p also silences Port in the file. */
static int load_options(struct load *load, struct err *err)
{
	cleanup(unit_values_done) struct unit_values words = { 0 };

	sshd_service_options(load->machine, &words);
	for (size_t i = 0; i < words.count; i++) {
		const struct unit_value *w = &words.items[i];
		const char *option = w->value;
		if (*option != '-' || !option[1])
			continue;
		const char *arg = option[2] ? option + 2 : NULL;
		if (strchr("opfhEbCcgku", option[1]) && !arg && i + 1 < words.count)
			arg = words.items[++i].value;
		cleanup(free) char *line = option[1] == 'o' && arg   ? mem_strdup(arg)
					   : option[1] == 'p' && arg ? mem_printf("Port %s", arg)
					   : option[1] == '4' ? mem_strdup("AddressFamily inet")
					   : option[1] == '6' ? mem_strdup("AddressFamily inet6")
							      : NULL;
		if (option[1] == 'f' && arg && *arg == '/') {
			free(load->conf->path);
			load->conf->path = mem_strdup(arg);
		}
		if (!line)
			continue;
		load->conf->has_port_option |= option[1] == 'p';
		cleanup(free) char *text = line_of(load->machine, w->path, w->line);
		struct sshd_directive at = { .path = w->path, .line = w->line, .text = text };
		load->open_files[0] = w->path; /* what is included must not be that one */
		if (add_line(load, &at, line, 0, 0, err) < 0)
			return -1;
	}
	vec_foreach (d, &load->conf->directives)
		d->is_option = true;
	return 0;
}

struct sshd_conf *sshd_conf_new(const struct machine *machine)
{
	struct sshd_conf *conf = mem_alloc(sizeof(*conf));

	conf->path = mem_strdup(sshd_conf_path(machine));
	conf->program = sshd_program(machine);
	vec_add(&conf->scopes);
	return conf;
}

/* ERR_NOTFOUND: there is no sshd_config. */
static int load_conf(const struct machine *machine, struct sshd_conf **ret, struct err *err)
{
	cleanup(sshd_conf_free) struct sshd_conf *conf = sshd_conf_new(machine);
	struct load load = { .machine = machine, .conf = conf };

	if (load_options(&load, err) < 0)
		return -1;
	if (load_file(&load, conf->path, 0, err) < 0)
		return -1;
	*ret = TAKE(conf);
	return 0;
}

int sshd_conf_read(const struct machine *machine, struct sshd_conf **ret, struct err *err)
{
	struct err load_err = ERR_INIT;

	*ret = NULL;
	if (load_conf(machine, ret, &load_err) == 0 || load_err.code == ERR_NOTFOUND)
		return 0;
	*err = load_err;
	return -1;
}

int sshd_conf_effective(const struct machine *machine, struct sshd_conf **ret, struct err *err)
{
	if (sshd_conf_read(machine, ret, err) < 0)
		return -1;
	if (!*ret)
		*ret = sshd_conf_new(machine);
	return 0;
}

void sshd_conf_free(struct sshd_conf *conf)
{
	if (!conf)
		return;
	vec_foreach (d, &conf->directives)
		directive_done(d);
	vec_foreach (file, &conf->files)
		free(*file);
	vec_done(&conf->directives);
	vec_done(&conf->scopes);
	vec_done(&conf->files);
	free(conf->path);
	free(conf);
}

bool sshd_conf_is_garbage(const struct sshd_conf *conf)
{
	size_t bad = 0;

	vec_foreach (d, &conf->directives) {
		if (d->is_option || !str_eq(d->path, conf->path))
			continue;
		if (d->keyword)
			return false;
		bad++;
	}
	return bad > 2;
}

bool sshd_directive_is(const struct sshd_directive *d, const char *key)
{
	return d->keyword && str_eq(sshd_keyword_key(d->keyword), key);
}

const char *sshd_directive_arg(const struct sshd_directive *d)
{
	return d && d->arg_count ? d->args[0] : "";
}

const struct sshd_directive *sshd_conf_global(const struct sshd_conf *conf, const char *key)
{
	vec_foreach (d, &conf->directives) {
		if (!d->fatal && sshd_directive_is(d, key) &&
		    (!d->scope || conf->scopes.items[d->scope].is_all))
			return d;
	}
	return NULL;
}

bool sshd_conf_flag(const struct sshd_conf *conf, const char *key, bool def)
{
	const struct sshd_directive *d = sshd_conf_global(conf, key);

	return d ? !strcasecmp(sshd_directive_arg(d), "yes") : def;
}
