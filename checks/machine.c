/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/machine.h"
#include "checks/console_rules.h"

#include <stdio.h>

struct cached_file {
	char *path;
	struct str text;
	char *seen;	/* see machine_text(); NULL: not asked for, or no NUL is in it */
	struct err err; /* ERR_NONE: text counts */
};

struct cached_dir {
	char *path;
	bool is_known;
	struct tree_names names;
};

struct kept {
	const void *key;
	void *value;
	void (*free_value)(void *);
};

struct machine {
	struct machine_given given;
	VEC(struct kept) kept;
	VEC(struct cached_dir *) dirs;
	VEC(struct cached_file *) files;
	VEC(char *) quotes;
	char *console;
	bool has_os, has_users;
	unsigned used; /* bits of enum machine_need */
	struct machine_os os;
	struct machine_users users;
};

/* Answers are worked out on first use and kept; to a check the machine is constant. */
static struct machine *mutable(const struct machine *machine)
{
	return (struct machine *)(uintptr_t)machine;
}

struct machine *machine_new(const struct machine_given *given)
{
	struct machine *machine = mem_alloc(sizeof(*machine));

	machine->given = *given;
	return machine;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	vec_foreach (kept, &machine->kept)
		kept->free_value(kept->value);
	vec_done(&machine->kept);
	vec_foreach (file, &machine->files) {
		free((*file)->path);
		str_done(&(*file)->text);
		free((*file)->seen);
		free(*file);
	}
	free(machine->console);
	vec_foreach (quote, &machine->quotes)
		free(*quote);
	vec_foreach (dir, &machine->dirs) {
		free((*dir)->path);
		tree_names_done(&(*dir)->names);
		free(*dir);
	}
	vec_foreach (user, &machine->users) {
		free(user->name);
		free(user->home);
		free(user->shell);
	}
	vec_done(&machine->files);
	vec_done(&machine->dirs);
	vec_done(&machine->quotes);
	vec_done(&machine->users);
	free(machine);
}

void *machine_kept(const struct machine *machine, const void *key)
{
	vec_foreach (kept, &machine->kept)
		if (kept->key == key)
			return kept->value;
	return NULL;
}

void machine_keep(const struct machine *machine, const void *key, void *value,
		  void (*free_value)(void *))
{
	vec_push(&mutable(machine)->kept, ((struct kept){ key, value, free_value }));
}

unsigned machine_used(const struct machine *machine)
{
	return machine->used;
}

struct tree *machine_tree(const struct machine *machine)
{
	mutable(machine)->used |= NEEDS_TREE;
	return machine->given.tree;
}

const struct disks *machine_disks(const struct machine *machine)
{
	mutable(machine)->used |= NEEDS_DISKS;
	return machine->given.disks;
}

const struct cloud_facts *machine_cloud(const struct machine *machine)
{
	const struct cloud_facts *cloud = machine->given.cloud;

	mutable(machine)->used |= NEEDS_CLOUD;
	return cloud && cloud->is_known ? cloud : NULL;
}

const char *machine_console(const struct machine *machine)
{
	struct machine *m = mutable(machine);

	m->used |= NEEDS_CONSOLE;
	if (!m->given.console)
		return NULL;
	if (!m->console) {
		struct str text = STR_INIT;

		console_last_boot(m->given.console, &text);
		m->console = str_take(&text);
	}
	return m->console;
}

const struct wanted_key *machine_wanted_key(const struct machine *machine)
{
	mutable(machine)->used |= NEEDS_KEY;
	return machine->given.key.line ? &machine->given.key : NULL;
}

const struct wanted_client *machine_wanted_client(const struct machine *machine)
{
	mutable(machine)->used |= NEEDS_CLIENT;
	return machine->given.client.address ? &machine->given.client : NULL;
}

const struct wanted_nat *machine_wanted_nat(const struct machine *machine)
{
	mutable(machine)->used |= NEEDS_NAT;
	return machine->given.nat.range ? &machine->given.nat : NULL;
}

static struct cached_file *file_of(const struct machine *machine, const char *path)
{
	struct cached_file *file;

	vec_foreach (known, &machine->files)
		if (str_eq((*known)->path, path))
			return *known;
	file = mem_alloc(sizeof(*file));
	file->path = mem_strdup(path);
	file->text = (struct str)STR_INIT;
	vec_push(&mutable(machine)->files, file);
	if (!tree_read(machine->given.tree, path, TREE_FILE_MAX, &file->text, &file->err))
		file->err = ERR_INIT;
	return file;
}

const struct str *machine_file(const struct machine *machine, const char *path, struct err *err)
{
	const struct cached_file *file = file_of(machine, path);

	if (file->err.code == ERR_NONE)
		return &file->text;
	*err = file->err;
	return NULL;
}

static char *without_nuls(const struct str *text)
{
	struct str seen = STR_INIT;
	const char *at = text->s, *end = text->s + text->len;

	while (at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		str_add_bytes(&seen, at, strnlen(at, (size_t)((next ? next : end) - at)));
		if (next)
			str_add_char(&seen, '\n');
		at = next ? next + 1 : end;
	}
	return str_take(&seen);
}

const char *machine_text(const struct machine *machine, const char *path, struct err *err)
{
	const struct str *text = machine_file(machine, path, err);
	struct cached_file *file;

	if (!text || !memchr(text->s, '\0', text->len))
		return text ? text->s : NULL;
	file = file_of(machine, path);
	if (!file->seen)
		file->seen = without_nuls(text);
	return file->seen;
}

const char *machine_quote(const struct machine *machine, const char *bytes, size_t len)
{
	cleanup(str_done) struct str text = STR_INIT;
	char *quote;

	str_add_char(&text, '"');
	str_add_escaped(&text, bytes, len < 120 ? len : 120);
	str_add(&text, len <= 120 ? "\"" : "…\"");
	quote = str_take(&text);
	vec_push(&mutable(machine)->quotes, quote);
	return quote;
}

/* os-release(5): KEY=value, the value optionally in single or double quotes. */
static void os_field(const char *text, const char *key, char *ret, size_t room)
{
	size_t key_len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = line + key_len + 1;
		size_t len;

		if (strncmp(line, key, key_len) || line[key_len] != '=')
			continue;
		len = strcspn(value, "\r\n");
		if (len >= 2 && (value[0] == '"' || value[0] == '\'') &&
		    value[len - 1] == value[0]) {
			value++;
			len -= 2;
		}
		snprintf(ret, room, "%.*s", (int)(len < room ? len : room - 1), value);
	}
}

/* Before os-release there were files of one line: "CentOS release 6.10 (Final)". */
static void os_from_release_line(const char *text, struct machine_os *os)
{
	static const struct {
		const char *word, *id;
	} known[] = { { "CentOS", "centos" }, { "Red Hat", "rhel" },
		      { "Fedora", "fedora" }, { "Amazon Linux", "amzn" },
		      { "Oracle", "ol" },     { "Scientific", "scientific" } };
	const char *digit = strpbrk(text, "0123456789");

	for (size_t i = 0; i < ARRAY_LEN(known) && !os->id[0]; i++)
		if (strstr(text, known[i].word))
			snprintf(os->id, sizeof(os->id), "%s", known[i].id);
	snprintf(os->id_like, sizeof(os->id_like), "rhel fedora");
	if (digit)
		snprintf(os->version_id, sizeof(os->version_id), "%.*s",
			 (int)strspn(digit, "0123456789."), digit);
	snprintf(os->pretty_name, sizeof(os->pretty_name), "%.*s", (int)strcspn(text, "\r\n"),
		 text);
}

const struct machine_os *machine_os(const struct machine *machine)
{
	static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
	static const char *const lines[] = { "/etc/system-release", "/etc/redhat-release" };
	struct machine_os *os = &mutable(machine)->os;
	struct err ignored = ERR_INIT;
	const char *text = NULL;

	if (machine->has_os)
		return os;
	mutable(machine)->has_os = true;
	for (size_t i = 0; i < ARRAY_LEN(paths) && !text; i++)
		text = machine_text(machine, paths[i], &ignored);
	if (text) {
		os_field(text, "ID", os->id, sizeof(os->id));
		os_field(text, "ID_LIKE", os->id_like, sizeof(os->id_like));
		os_field(text, "VERSION_ID", os->version_id, sizeof(os->version_id));
		os_field(text, "PRETTY_NAME", os->pretty_name, sizeof(os->pretty_name));
		return os;
	}
	for (size_t i = 0; i < ARRAY_LEN(lines) && !text; i++)
		text = machine_text(machine, lines[i], &ignored);
	if (text)
		os_from_release_line(text, os);
	else if (tree_exists(machine->given.tree, "/etc/debian_version"))
		snprintf(os->id, sizeof(os->id), "debian");
	return os;
}

bool machine_os_is_like(const struct machine *machine, const char *id)
{
	const struct machine_os *os = machine_os(machine);
	size_t len = strlen(id);

	if (str_eq(os->id, id))
		return true;
	for (const char *p = strstr(os->id_like, id); p; p = strstr(p + 1, id))
		if ((p == os->id_like || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}

/* A shell that lets somebody work: it is there and executable, and is not one of those that refuse.
 */
static bool is_login_shell(const struct machine *machine, const char *shell)
{
	const char *name = strrchr(shell, '/');
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (!*shell)
		return true; /* passwd(5): empty means /bin/sh */
	if (!name || shell[0] != '/')
		return false;
	if (str_eq(name, "/nologin") || str_eq(name, "/false") || str_eq(name, "/true") ||
	    str_eq(name, "/sync") || str_eq(name, "/halt") || str_eq(name, "/shutdown"))
		return false;
	return !tree_stat(machine->given.tree, shell, TREE_FOLLOW, &st, &ignored) &&
	       S_ISREG(st.mode) && (st.mode & 0111);
}

/* name:password:uid:gid:gecos:home:shell, as glibc reads it: what is missing behind gid is empty,
 * shell takes the rest. */
static void add_user(struct machine *machine, char *line, uint32_t number)
{
	char none[] = "", *field[7], *end_uid, *end_gid;
	struct machine_user *user;
	unsigned long uid, gid;

	line += strspn(line, " \t\r\v\f");
	for (size_t i = 0; i < ARRAY_LEN(field); i++) {
		field[i] = i + 1 < ARRAY_LEN(field) ? strsep(&line, ":") : line;
		if (!field[i] && i <= 3)
			return;
		if (!field[i])
			field[i] = none;
	}
	uid = strtoul(field[2], &end_uid, 10);
	gid = strtoul(field[3], &end_gid, 10);
	if (!*field[0] || !*field[2] || *end_uid || *end_gid || uid > UINT32_MAX ||
	    gid > UINT32_MAX || machine->users.count == TREE_LIST_MAX)
		return;
	user = vec_add(&machine->users);
	user->name = mem_strdup(field[0]);
	user->home = mem_strdup(field[5]);
	user->shell = mem_strdup(field[6]);
	user->uid = (uint32_t)uid;
	user->gid = (uint32_t)gid;
	user->line = number;
	user->has_login_shell = is_login_shell(machine, field[6]);
}

const struct machine_users *machine_users(const struct machine *machine)
{
	struct err ignored = ERR_INIT;
	const char *text;
	uint32_t number = 0;

	if (machine->has_users)
		return &machine->users;
	mutable(machine)->has_users = true;
	text = machine_text(machine, "/etc/passwd", &ignored);
	if (!text)
		return &machine->users;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		cleanup(free) char *copy = mem_strndup(line, strcspn(line, "\n"));

		add_user(mutable(machine), copy, ++number);
	}
	return &machine->users;
}

const struct machine_user *machine_user(const struct machine *machine, const char *name)
{
	const struct machine_users *users = machine_users(machine);

	vec_foreach (user, users)
		if (str_eq(user->name, name))
			return user;
	return NULL;
}

const struct tree_names *machine_list(const struct machine *machine, const char *path)
{
	struct err err = ERR_INIT;
	struct cached_dir *dir;

	vec_foreach (known, &machine->dirs)
		if (str_eq((*known)->path, path))
			return (*known)->is_known ? &(*known)->names : NULL;
	dir = mem_alloc(sizeof(*dir));
	dir->path = mem_strdup(path);
	dir->is_known = !tree_list(machine->given.tree, path, &dir->names, &err) ||
			err.code == ERR_NOTFOUND;
	vec_push(&mutable(machine)->dirs, dir);
	return dir->is_known ? &dir->names : NULL;
}

static int compare_name(const void *name, const void *item)
{
	return strcmp(name, *(char *const *)item);
}

bool machine_may_be_in(const struct machine *machine, const char *dir, const char *name)
{
	const struct tree_names *names = machine_list(machine, dir);

	return !names || (names->count && bsearch(name, names->items, names->count,
						  sizeof(*names->items), compare_name));
}

bool machine_has_systemd(const struct machine *machine)
{
	return tree_exists(machine_tree(machine), "/usr/lib/systemd/systemd") ||
	       tree_exists(machine_tree(machine), "/lib/systemd/systemd");
}

#define WHOLE_ROOT 13u /* names; hier(7) has 18 */
bool machine_is_whole(const struct machine *machine)
{
	static const char *const of_every_root[] = { "etc", "usr", "var" };
	const struct tree_names *names = machine_list(machine, "/");

	if (!names || names->count < WHOLE_ROOT)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(of_every_root); i++)
		if (!machine_may_be_in(machine, "/", of_every_root[i]))
			return false;
	return true;
}
