/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/unit_faults.h"
#include "checks/fstab_util.h"
#include "fs/lines.h"

static void add(struct unit_faults *ret, enum unit_fault_kind kind, const struct unit_file *file,
		const struct section_item *item, const char *what)
{
	vec_push(ret, ((struct unit_fault){ kind, file, item, mem_strdup(what) }));
}

void unit_faults_done(struct unit_faults *faults)
{
	vec_foreach (fault, faults)
		free(fault->what);
	vec_done(faults);
}

/* Would another volume be mounted over it? Then the tree does not show what is there. */
static bool is_covered(const struct machine *machine, const char *path)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	if (fstab_view_open(machine, &view, &ignored) < 0)
		return false;
	vec_foreach (entry, &view.fstab) {
		cleanup(free) char *target = fstab_target(entry);

		if (!str_eq(target, "/") && path_is_below(path, target))
			return true;
	}
	return false;
}

bool unit_path_is_gone(const struct machine *machine, const char *path)
{
	static const char *const made[] = { "/run/", "/var/run/", "/proc/", "/sys/",
					    "/dev/", "/tmp/",	  "/snap/" };
	static const char *const own[] = { "/opt/",  "/usr/local/", "/srv/",
					   "/root/", "/home/",	    "/etc/" };
	cleanup(free) char *dir = NULL;
	bool is_witnessed = false;

	if (path[0] != '/' || strpbrk(path, "%$*?") || tree_exists(machine_tree(machine), path))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		if (str_starts(path, made[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		is_witnessed |= str_starts(path, own[i]);
	dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	if (!is_witnessed) {
		const struct tree_names *names = machine_list(machine, dir);

		is_witnessed = names && names->count;
	}
	return is_witnessed && !is_covered(machine, path);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void look_at_program(const struct machine *machine, const struct unit_file *file,
			    const struct section_item *item, struct unit_faults *ret)
{
	cleanup(tree_names_done) struct tree_names words;
	struct err ignored = ERR_INIT;
	struct tree_stat st;
	bool may_fail;

	unit_command_words(item->value, &words, &may_fail);
	if (!words.count || (may_fail && !str_eq(item->key, "ExecStart")) ||
	    !unit_path_is_local(file->path))
		return;
	if (unit_path_is_gone(machine, words.items[0]))
		add(ret, UNIT_NO_PROGRAM, file, item, words.items[0]);
	else if (!tree_stat(machine_tree(machine), words.items[0], TREE_FOLLOW, &st, &ignored) &&
		 S_ISREG(st.mode) && !(st.mode & 0111))
		add(ret, UNIT_NOT_EXECUTABLE, file, item, words.items[0]);
}

struct place {
	const struct unit_file *file;
	const struct section_item *item;
};
VEC_TYPE(places, struct place);

/* All assignments of a list that count, in order. ret_reset: the last one that is empty. */
static void list_items(const struct unit *unit, const char *section, const char *key,
		       struct places *ret, struct place *ret_reset)
{
	*ret = (struct places){ 0 };
	*ret_reset = (struct place){ 0 };
	vec_foreach (file, &unit->files)
		vec_foreach (item, &file->sections) {
			if (item->kind != SECTION_SET || !str_eq(item->section, section) ||
			    !str_eq(item->key, key))
				continue;
			if (*item->value) {
				vec_push(ret, ((struct place){ file, item }));
				continue;
			}
			ret->count = 0;
			*ret_reset = (struct place){ file, item };
		}
}

static void look_at_commands(const struct machine *machine, const struct unit *unit,
			     struct unit_faults *ret)
{
	const char *type = unit_get(unit, "Service", "Type");
	bool is_oneshot = type && str_eq(type, "oneshot");
	struct places starts, pres;
	struct place reset, ignored_reset;

	list_items(unit, "Service", "ExecStart", &starts, &reset);
	list_items(unit, "Service", "ExecStartPre", &pres, &ignored_reset);
	if (!starts.count && reset.item && unit_path_is_local(reset.file->path) && !is_oneshot)
		add(ret, UNIT_NO_COMMAND, reset.file, reset.item, "");
	if (starts.count > 1 && !is_oneshot) {
		const struct place *last = &starts.items[starts.count - 1];

		if (unit_path_is_local(last->file->path))
			add(ret, UNIT_TWO_COMMANDS, last->file, last->item, "");
	}
	vec_foreach (place, &starts)
		look_at_program(machine, place->file, place->item, ret);
	vec_foreach (place, &pres)
		look_at_program(machine, place->file, place->item, ret);
	if (type && str_eq(type, "forking") && starts.count == 1) {
		const struct unit_file *file;
		const struct section_item *item = unit_find(unit, "Service", "Type", &file);
		cleanup(tree_names_done) struct tree_names words;

		unit_command_words(starts.items[0].item->value, &words, NULL);
		for (size_t i = 1; i < words.count && words.count; i++)
			if (str_eq(words.items[i], "-D") && str_ends(words.items[0], "/sshd") &&
			    unit_path_is_local(file->path))
				add(ret, UNIT_NEVER_FORKS, file, item, words.items[0]);
	}
	vec_done(&starts);
	vec_done(&pres);
}

/* ---- other settings -------------------------------------------------------------------------- */

static bool has_name(const struct machine *machine, const char *path, const char *name)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	size_t len = strlen(name);

	if (!text || !text->len)
		return true; /* cannot be told */
	for (const char *p = text->s; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, name, len) && p[len] == ':')
			return true;
	return false;
}

static bool is_lost_user(const struct machine *machine, const struct unit *unit, const char *key,
			 const char *value)
{
	const char *dynamic = unit_get(unit, "Service", "DynamicUser");

	if (!*value || strspn(value, "0123456789") == strlen(value) || strchr(value, '%') ||
	    (dynamic && sections_boolean(dynamic) == 1))
		return false;
	return !has_name(machine, str_eq(key, "User") ? "/etc/passwd" : "/etc/group", value);
}

/* "!path", "|path": only plain ones are judged. */
static bool condition_fails(const struct machine *machine, const struct section_item *item)
{
	static const char *const made[] = { "/run/", "/proc/",	  "/sys/",
					    "/dev/", "/var/run/", "/tmp/" };
	static const char *const kinds[] = { "PathExists", "PathIsDirectory", "FileNotEmpty",
					     "DirectoryNotEmpty", "FileIsExecutable" };
	const char *kind = str_starts(item->key, "Condition") ? item->key + strlen("Condition")
							      : item->key + strlen("Assert");
	const char *path = item->value;
	bool is_negated = *path == '!', is_known = false;

	path += is_negated;
	path += strspn(path, " \t");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		is_known |= str_eq(kind, kinds[i]);
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		is_known &= !str_starts(path, made[i]);
	if (!is_known || path[0] != '/' || strpbrk(path, "%$*?") ||
	    str_eq(path, "/etc/ssh/sshd_not_to_be_run")) /* sshd-unit's to report */
		return false;
	if (is_negated)
		return str_eq(kind, "PathExists") && tree_exists(machine_tree(machine), path);
	return !tree_exists(machine_tree(machine), path) && !is_covered(machine, path);
}

/* A unit that somebody requires and that is nowhere. What generators make is not judged. */
static bool is_lost_unit(const struct machine *machine, const char *name)
{
	static const char *const types[] = { ".service", ".socket", ".target", ".timer", ".path" };
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');
	cleanup(free) char *template = NULL;
	bool is_judged = false;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		is_judged |= str_ends(name, types[i]);
	/* Without systemd's own units the tree is not a whole one. */
	if (!is_judged || strchr(name, '%') || str_starts(name, "systemd-") ||
	    !machine_unit_path(machine, "multi-user.target"))
		return false;
	if (machine_unit(machine, name) == UNIT_MASKED)
		return true;
	if (machine_unit(machine, name) != UNIT_MISSING || machine_unit_path(machine, name))
		return false;
	if (!at || at > dot)
		return true;
	template = mem_printf("%.*s@%s", (int)(at - name), name, dot);
	return !machine_unit_path(machine, template);
}

static void look_at_requires(const struct machine *machine, const struct unit_file *file,
			     const struct section_item *item, struct unit_faults *ret)
{
	cleanup(tree_names_done) struct tree_names words;

	unit_command_words(item->value, &words, NULL);
	vec_foreach (word, &words)
		if (is_lost_unit(machine, *word))
			add(ret, UNIT_NO_UNIT, file, item, *word);
}

static void look_at_item(const struct machine *machine, const struct unit *unit,
			 const struct unit_file *file, const struct section_item *item,
			 struct unit_faults *ret)
{
	const char *key = item->key, *value = item->value;
	bool is_unit = str_eq(item->section, "Unit"), is_service = str_eq(item->section, "Service");

	if (is_unit &&
	    (str_eq(key, "Requires") || str_eq(key, "BindsTo") || str_eq(key, "Requisite")))
		look_at_requires(machine, file, item, ret);
	else if (is_unit && (str_starts(key, "Condition") || str_starts(key, "Assert"))) {
		if (condition_fails(machine, item))
			add(ret, UNIT_CONDITION, file, item, value);
	} else if (is_service && str_eq(key, "EnvironmentFile")) {
		if (*value && unit_path_is_gone(machine, value))
			add(ret, UNIT_NO_FILE, file, item, value);
	} else if (is_service &&
		   (str_eq(key, "WorkingDirectory") || str_eq(key, "RootDirectory"))) {
		if (unit_find(unit, "Service", key, NULL) == item &&
		    unit_path_is_gone(machine, value))
			add(ret, UNIT_NO_DIRECTORY, file, item, value);
	} else if (is_service && (str_eq(key, "User") || str_eq(key, "Group")))
		if (unit_find(unit, "Service", key, NULL) == item &&
		    is_lost_user(machine, unit, key, value))
			add(ret, UNIT_NO_USER, file, item, value);
}

void unit_faults_find(const struct machine *machine, const struct unit *unit,
		      struct unit_faults *ret)
{
	*ret = (struct unit_faults){ 0 };
	if (str_ends(unit->name, ".service"))
		look_at_commands(machine, unit, ret);
	vec_foreach (file, &unit->files) {
		if (!unit_path_is_local(file->path))
			continue;
		vec_foreach (item, &file->sections)
			if (item->kind == SECTION_SET)
				look_at_item(machine, unit, file, item, ret);
	}
}
