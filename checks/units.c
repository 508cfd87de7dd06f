/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/units.h"

#define UNIT_FILES_MAX 64u

static const char *const unit_dirs[] = { "/etc/systemd/system", "/run/systemd/system",
					 "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
					 "/lib/systemd/system" };

static bool is_masked(struct tree *tree, const char *path)
{
	cleanup(str_done) struct str target = STR_INIT, real = STR_INIT;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(tree, path, TREE_NOFOLLOW, &st, &ignored) < 0)
		return false;
	if (S_ISLNK(st.mode)) /* also by a relative link, or by another one */
		return (!tree_readlink(tree, path, &target, &ignored) &&
			str_eq(target.s, "/dev/null")) ||
		       (!tree_resolve(tree, path, &real, &ignored) && str_eq(real.s, "/dev/null"));
	return S_ISREG(st.mode) && !st.size_bytes; /* an empty unit file masks too */
}

static char *find_file(const struct machine *machine, const char *name)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	for (size_t i = 0; i < ARRAY_LEN(unit_dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", unit_dirs[i], name);

		if (machine_may_be_in(machine, unit_dirs[i], name) &&
		    !tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored))
			return TAKE(path);
	}
	return NULL;
}

/* ---- enabled or not -------------------------------------------------------------------------- */

static bool is_wanted(const struct machine *machine, const char *unit)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	for (size_t i = 0; i < ARRAY_LEN(unit_dirs); i++) {
		const struct tree_names *names = machine_list(machine, unit_dirs[i]);

		if (!names)
			continue;
		vec_foreach (name, names) {
			cleanup(free) char *dir = NULL, *link = NULL;

			if (!str_ends(*name, ".wants") && !str_ends(*name, ".requires"))
				continue;
			dir = mem_printf("%s/%s", unit_dirs[i], *name);
			link = mem_printf("%s/%s", dir, unit);
			if (machine_may_be_in(machine, dir, unit) &&
			    !tree_stat(machine_tree(machine), link, TREE_NOFOLLOW, &st, &ignored))
				return true;
		}
	}
	return false;
}

/* System V: /etc/rc3.d/S55sshd (or /etc/rc.d/rc3.d). */
static enum unit_state sysv_state(const struct machine *machine, const char *unit)
{
	static const char *const dirs[] = { "/etc/rc3.d", "/etc/rc.d/rc3.d", "/etc/rc2.d",
					    "/etc/rc5.d", "/etc/init.d/rc3.d" };
	const char *dot = strrchr(unit, '.');
	cleanup(free) char *base = NULL, *script = NULL;

	if (!dot || !str_eq(dot, ".service"))
		return UNIT_MISSING;
	base = mem_strndup(unit, (size_t)(dot - unit));
	script = mem_printf("/etc/init.d/%s", base);
	if (!machine_may_be_in(machine, "/etc/init.d", base) ||
	    !tree_exists(machine_tree(machine), script))
		return UNIT_MISSING;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const struct tree_names *names = machine_list(machine, dirs[i]);

		if (!names)
			continue;
		vec_foreach (name, names)
			if ((*name)[0] == 'S' && strlen(*name) > 3 && str_eq(*name + 3, base))
				return UNIT_ENABLED;
	}
	return UNIT_DISABLED;
}

struct known_unit {
	char *name, *path;
	enum unit_state state;
	bool is_loaded;
	struct unit *unit;
};
struct known_units {
	struct known_unit **items;
	size_t count, room;
};

static void unit_free(struct unit *unit)
{
	if (!unit)
		return;
	vec_foreach (file, &unit->files) {
		free(file->path);
		sections_done(&file->sections);
	}
	vec_done(&unit->files);
	free(unit->name);
	free(unit);
}

static void free_known(void *value)
{
	struct known_units *known = value;

	vec_foreach (unit, known) {
		free((*unit)->name);
		free((*unit)->path);
		unit_free((*unit)->unit);
		free(*unit);
	}
	vec_done(known);
	free(known);
}

static void look_at_unit(const struct machine *machine, struct known_unit *unit)
{
	struct tree *tree = machine_tree(machine);
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored = ERR_INIT;
	const char *real_name;

	unit->path = find_file(machine, unit->name);
	if (!unit->path) {
		unit->state = sysv_state(machine, unit->name);
		return;
	}
	if (is_masked(tree, unit->path)) {
		unit->state = UNIT_MASKED;
		return;
	}
	unit->state = is_wanted(machine, unit->name) ? UNIT_ENABLED : UNIT_DISABLED;
	if (unit->state == UNIT_ENABLED || tree_resolve(tree, unit->path, &real, &ignored) < 0)
		return;
	/* An alias ("sshd.service" for ssh.service) runs when what it names runs, and the other way
	 * round. */
	real_name = strrchr(real.s, '/') + 1;
	if (!str_eq(real_name, unit->name) && is_wanted(machine, real_name))
		unit->state = UNIT_ENABLED;
}

static struct known_unit *known_of(const struct machine *machine, const char *name)
{
	static const char key;
	struct known_units *known = machine_kept(machine, &key);
	struct known_unit *unit;

	if (!known) {
		known = mem_alloc(sizeof(*known));
		machine_keep(machine, &key, known, free_known);
	}
	vec_foreach (old, known)
		if (str_eq((*old)->name, name))
			return *old;
	unit = mem_alloc(sizeof(*unit));
	unit->name = mem_strdup(name);
	look_at_unit(machine, unit);
	vec_push(known, unit);
	return unit;
}

enum unit_state machine_unit(const struct machine *machine, const char *unit)
{
	return known_of(machine, unit)->state;
}

const char *machine_unit_path(const struct machine *machine, const char *unit)
{
	return known_of(machine, unit)->path;
}

/* ---- settings -------------------------------------------------------------------------------- */

static void add_file(const struct machine *machine, struct unit *unit, const char *path)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct unit_file *file;

	if (!text || unit->files.count == UNIT_FILES_MAX)
		return;
	file = vec_add(&unit->files);
	file->path = mem_strdup(path);
	sections_parse(text, SECTIONS_SYSTEMD, &file->sections);
}

struct drop_in {
	const char *name; /* borrowed from the listing */
	char *path;
};
VEC_TYPE(drop_ins, struct drop_in);

static void add_drop_ins(const struct machine *machine, const char *stem, struct drop_ins *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(unit_dirs); i++) {
		cleanup(free) char *base = mem_printf("%s.d", stem);
		cleanup(free) char *dir = mem_printf("%s/%s", unit_dirs[i], base);
		const struct tree_names *names;

		if (!machine_may_be_in(machine, unit_dirs[i], base))
			continue;
		names = machine_list(machine, dir);
		if (!names)
			continue;
		vec_foreach (name, names) {
			bool is_hidden = !str_ends(*name, ".conf");

			/* The same name in an earlier place counts alone. */
			vec_foreach (old, ret)
				is_hidden |= str_eq(old->name, *name);
			if (!is_hidden)
				vec_push(ret, ((struct drop_in){
						      *name, mem_printf("%s/%s", dir, *name) }));
		}
	}
}

static int compare_drop_ins(const void *a, const void *b)
{
	return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

/* "a-b-c@d.service": its own, the template's, the dashed prefixes', the type's. */
static void load_drop_ins(const struct machine *machine, struct unit *unit)
{
	const char *dot = strrchr(unit->name, '.');
	const char *at = strchr(unit->name, '@');
	struct drop_ins found = { 0 };

	add_drop_ins(machine, unit->name, &found);
	if (dot && at && at < dot) {
		cleanup(free) char *template =
			mem_printf("%.*s@%s", (int)(at - unit->name), unit->name, dot);

		add_drop_ins(machine, template, &found);
	}
	for (const char *p = dot; dot && p > unit->name; p--) {
		cleanup(free) char *prefix = NULL;

		if (p[-1] != '-' || p == dot)
			continue;
		prefix = mem_printf("%.*s%s", (int)(p - unit->name), unit->name, dot);
		add_drop_ins(machine, prefix, &found);
	}
	if (dot)
		add_drop_ins(machine, dot + 1, &found);
	if (found.count)
		qsort(found.items, found.count, sizeof(*found.items), compare_drop_ins);
	vec_foreach (drop_in, &found) {
		if (!is_masked(machine_tree(machine), drop_in->path))
			add_file(machine, unit, drop_in->path);
		free(drop_in->path);
	}
	vec_done(&found);
}

/* "getty@tty1.service" is loaded from getty@.service when it has no file of its own. */
static const char *file_of_unit(const struct machine *machine, const char *name)
{
	const char *path = machine_unit_path(machine, name);
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');
	cleanup(free) char *template = NULL;

	if (path || !at || !dot || dot < at || dot == at + 1)
		return path;
	template = mem_printf("%.*s@%s", (int)(at - name), name, dot);
	return machine_unit_path(machine, template);
}

static struct unit *load(const struct machine *machine, const char *name)
{
	const char *path = file_of_unit(machine, name);
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored = ERR_INIT;
	const char *real_name = name;
	struct unit *unit;

	if (!path)
		return NULL;
	unit = mem_alloc(sizeof(*unit));
	unit->path = path;
	unit->is_masked = is_masked(machine_tree(machine), path);
	/* A link to a unit of another name is an alias of it; one to a template is an instance. */
	if (!unit->is_masked && !tree_resolve(machine_tree(machine), path, &real, &ignored) &&
	    !strchr(name, '@'))
		real_name = strrchr(real.s, '/') + 1;
	unit->name = mem_strdup(real_name);
	if (unit->is_masked)
		return unit;
	add_file(machine, unit, path);
	load_drop_ins(machine, unit);
	return unit;
}

const struct unit *unit_load(const struct machine *machine, const char *name)
{
	struct known_unit *known = known_of(machine, name);

	if (!known->is_loaded) {
		known->is_loaded = true;
		known->unit = load(machine, name);
	}
	return known->unit;
}

const struct section_item *unit_find(const struct unit *unit, const char *section, const char *key,
				     const struct unit_file **ret_file)
{
	for (size_t i = unit->files.count; i-- > 0;) {
		const struct unit_file *file = &unit->files.items[i];
		const struct section_item *item = sections_find(&file->sections, section, key);

		if (!item)
			continue;
		if (ret_file)
			*ret_file = file;
		return item;
	}
	return NULL;
}

const char *unit_get(const struct unit *unit, const char *section, const char *key)
{
	const struct section_item *item = unit_find(unit, section, key, NULL);

	return item ? item->value : NULL;
}

static void add_words(const char *value, struct tree_names *ret)
{
	for (const char *p = value + strspn(value, " \t"); *p; p += strspn(p, " \t")) {
		size_t len = strcspn(p, " \t");
		bool is_quoted = len > 1 && (*p == '"' || *p == '\'') && p[len - 1] == *p;

		vec_push(ret, is_quoted ? mem_strndup(p + 1, len - 2) : mem_strndup(p, len));
		p += len;
	}
}

void unit_words(const struct unit *unit, const char *section, const char *key,
		struct tree_names *ret)
{
	*ret = (struct tree_names){ 0 };
	vec_foreach (file, &unit->files)
		vec_foreach (item, &file->sections) {
			if (item->kind != SECTION_SET || !str_eq(item->section, section) ||
			    !str_eq(item->key, key))
				continue;
			if (!*item->value)
				tree_names_done(ret);
			else
				add_words(item->value, ret);
		}
}

bool unit_has_word(const struct unit *unit, const char *section, const char *key, const char *word)
{
	cleanup(tree_names_done) struct tree_names words;

	unit_words(unit, section, key, &words);
	vec_foreach (w, &words)
		if (str_eq(*w, word))
			return true;
	return false;
}

bool unit_has_default_dependencies(const struct unit *unit)
{
	const char *value = unit_get(unit, "Unit", "DefaultDependencies");

	return !value || sections_boolean(value) != 0;
}
