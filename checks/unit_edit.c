/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/unit_edit.h"
#include "fs/lines.h"

static const char *const unit_dirs[] = { "/etc/systemd/system", "/usr/local/lib/systemd/system",
					 "/usr/lib/systemd/system", "/lib/systemd/system" };

bool unit_path_is_local(const char *path)
{
	return str_starts(path, "/etc/") || str_starts(path, "/usr/local/");
}

void unit_command_words(const char *value, struct tree_names *ret, bool *ret_may_fail)
{
	size_t prefix = strspn(value, "@-:+!|");

	*ret = (struct tree_names){ 0 };
	if (ret_may_fail)
		*ret_may_fail = memchr(value, '-', prefix);
	for (const char *p = value + prefix; *(p += strspn(p, " \t"));) {
		cleanup(str_done) struct str word = STR_INIT;
		char quote = '\0';

		for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
			if (*p == '\\' && p[1] && quote != '\'')
				str_add_char(&word, *++p);
			else if (quote ? *p == quote : *p == '"' || *p == '\'')
				quote = quote ? '\0' : *p;
			else
				str_add_char(&word, *p);
		}
		vec_push(ret, str_take(&word));
	}
	if (ret->count > 1 && memchr(value, '@', prefix)) { /* the second word is argv[0] */
		free(ret->items[1]);
		memmove(&ret->items[1], &ret->items[2], (ret->count - 2) * sizeof(*ret->items));
		ret->count--;
	}
}

void unit_edit_drop_word(const struct unit_file *file, const struct section_item *item,
			 const char *word, struct edits *edits)
{
	cleanup(str_done) struct str new = STR_INIT;
	bool is_any = false;

	str_addf(&new, "%s=", item->key);
	for (const char *p = item->value; *(p += strspn(p, " \t"));) {
		size_t len = strcspn(p, " \t");

		if (len != strlen(word) || memcmp(p, word, len)) {
			str_addf(&new, "%s%.*s", is_any ? " " : "", (int)len, p);
			is_any = true;
		}
		p += len;
	}
	str_add(&new, "\n");
	if (is_any)
		lines_edit_replace(edits, file->path, &file->sections.text, item->line,
				   item->line_count, new.s);
	else
		sections_edit_comment(&file->sections, file->path, item, edits);
}

/* ---- taking a unit out of the boot ------------------------------------------------------------ */

/* Is the name one of the unit's own or an alias of it? */
static bool is_named(const struct machine *machine, const char *link, const char *name)
{
	const struct unit *unit = NULL;

	if (str_eq(link, name))
		return true;
	if (strcmp(strrchr(link, '.') ? strrchr(link, '.') : "", strrchr(name, '.')) ||
	    !machine_unit_path(machine, link))
		return false;
	unit = unit_load(machine, link);
	return unit && str_eq(unit->name, name);
}

/* Links in the .wants and .requires directories. False when one is not ours to remove. */
static bool remove_links(const struct machine *machine, const char *name, struct edits *edits)
{
	for (size_t i = 0; i < ARRAY_LEN(unit_dirs); i++) {
		const struct tree_names *dirs = machine_list(machine, unit_dirs[i]);

		if (!dirs)
			continue;
		vec_foreach (dir, dirs) {
			cleanup(free) char *path = mem_printf("%s/%s", unit_dirs[i], *dir);
			const struct tree_names *links;

			if (!str_ends(*dir, ".wants") && !str_ends(*dir, ".requires"))
				continue;
			links = machine_list(machine, path);
			if (!links)
				continue;
			vec_foreach (link, links) {
				cleanup(free) char *full = mem_printf("%s/%s", path, *link);

				if (!is_named(machine, *link, name))
					continue;
				if (!unit_path_is_local(path))
					return false;
				edit_remove(edits, full);
			}
		}
	}
	return true;
}

/* Wants= and the like in the files of the units of this boot. */
static bool drop_words(const struct machine *machine, const char *name, struct edits *edits)
{
	static const char *const keys[] = { "Wants", "Requires", "BindsTo", "Upholds",
					    "Requisite" };

	vec_foreach (other, units_at_boot(machine)) {
		if (!other->unit)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
			if (!unit_has_word(other->unit, "Unit", keys[k], name))
				continue;
			vec_foreach (file, &other->unit->files)
				vec_foreach (item, &file->sections) {
					cleanup(tree_names_done) struct tree_names words = { 0 };

					if (item->kind != SECTION_SET ||
					    !str_eq(item->section, "Unit") ||
					    !str_eq(item->key, keys[k]))
						continue;
					unit_command_words(item->value, &words, NULL);
					vec_foreach (word, &words) {
						if (!str_eq(*word, name))
							continue;
						if (!unit_path_is_local(file->path))
							return false;
						unit_edit_drop_word(file, item, name, edits);
						break;
					}
				}
		}
	}
	return true;
}

bool unit_edit_disable(const struct machine *machine, const char *name, struct edits *edits)
{
	struct edits made = { 0 };
	bool is_done = remove_links(machine, name, &made) && drop_words(machine, name, &made) &&
		       made.count;

	if (is_done)
		edits_add_all(edits, &made);
	edits_done(&made);
	return is_done;
}

/* ---- what a login needs ----------------------------------------------------------------------- */

/* The nearer to the login, the earlier here: the message names the first one. */
static const char *const vital[] = { "ssh.service",
				     "sshd.service",
				     "ssh.socket",
				     "sshd.socket",
				     "systemd-user-sessions.service",
				     "systemd-networkd.service",
				     "NetworkManager.service",
				     "networking.service",
				     "network.service",
				     "wicked.service",
				     "dhcpcd.service",
				     "basic.target",
				     "sysinit.target",
				     "local-fs.target",
				     "systemd-udevd.service",
				     "multi-user.target" };

bool unit_is_vital(const struct machine *machine, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(vital); i++)
		if (str_eq(vital[i], name))
			return boot_unit_find(units_at_boot(machine), name);
	return false;
}

const char *unit_holds_up(const struct machine *machine, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(vital); i++)
		if (!str_eq(vital[i], "multi-user.target") &&
		    unit_is_ordered(machine, name, vital[i]))
			return vital[i];
	return NULL;
}

/* For each unit of the boot the vital one that requires it; NULL: none does. */
struct required {
	const char **by;
	size_t *todo; /* vital units first, then what they require, and so on */
	size_t count;
};

static void free_required(void *value)
{
	struct required *required = value;

	free(required->by);
	free(required->todo);
	free(required);
}

static void require(const struct machine *machine, struct required *required, const char *name,
		    const char *by)
{
	const struct boot_units *units = units_at_boot(machine);
	const struct unit *unit = unit_load(machine, name);
	const struct boot_unit *found = boot_unit_find(units, unit ? unit->name : name);

	if (!found || required->by[found - units->items])
		return;
	required->by[found - units->items] = by;
	if (!unit_is_vital(machine, found->name))
		required->todo[required->count++] = (size_t)(found - units->items);
}

/* What the unit says it cannot be without, and what links say for it. */
static void add_required(const struct machine *machine, struct required *required, size_t i,
			 const char *by)
{
	static const char *const keys[] = { "Requires", "BindsTo", "Requisite" };
	const struct boot_unit *unit = &units_at_boot(machine)->items[i];

	for (size_t k = 0; unit->unit && k < ARRAY_LEN(keys); k++) {
		cleanup(tree_names_done) struct tree_names words = { 0 };

		unit_words(unit->unit, "Unit", keys[k], &words);
		vec_foreach (word, &words)
			require(machine, required, *word, by);
	}
	for (size_t d = 0; d < ARRAY_LEN(unit_dirs); d++) {
		cleanup(free) char *base = mem_printf("%s.requires", unit->name);
		cleanup(free) char *dir = mem_printf("%s/%s", unit_dirs[d], base);
		const struct tree_names *links;

		if (!machine_may_be_in(machine, unit_dirs[d], base) ||
		    !(links = machine_list(machine, dir)))
			continue;
		vec_foreach (link, links)
			require(machine, required, *link, by);
	}
}

static const struct required *required_of(const struct machine *machine)
{
	static const char key;
	const struct boot_units *units = units_at_boot(machine);
	struct required *required = machine_kept(machine, &key);

	if (required)
		return required;
	required = mem_alloc(sizeof(*required));
	required->by = mem_array(units->count + 1, sizeof(*required->by));
	required->todo = mem_array(2 * units->count + 1, sizeof(*required->todo));
	machine_keep(machine, &key, required, free_required);
	for (size_t v = 0; v < ARRAY_LEN(vital); v++) {
		const struct boot_unit *unit = boot_unit_find(units, vital[v]);

		if (unit)
			required->todo[required->count++] = (size_t)(unit - units->items);
	}
	for (size_t n = 0; n < required->count; n++) {
		size_t i = required->todo[n];
		bool is_vital = unit_is_vital(machine, units->items[i].name);

		add_required(machine, required, i,
			     is_vital ? units->items[i].name : required->by[i]);
	}
	return required;
}

const char *unit_is_required_by(const struct machine *machine, const char *name)
{
	const struct boot_units *units = units_at_boot(machine);
	const struct boot_unit *unit = boot_unit_find(units, name);

	return unit ? required_of(machine)->by[unit - units->items] : NULL;
}
