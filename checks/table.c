/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"

#define CHECK(name) extern const struct check check_##name;
#include "checks/list.h"
#undef CHECK

const struct check *const checks[] = {
#define CHECK(name) &check_##name,
#include "checks/list.h"
#undef CHECK
	NULL,
};
const size_t check_count = ARRAY_LEN(checks) - 1;

const struct uncovered uncovered[] = {
#define UNCOVERED(row, why) { row, why },
#include "checks/uncovered.h"
#undef UNCOVERED
};
const size_t uncovered_count = ARRAY_LEN(uncovered);

const struct check *check_find(const char *name)
{
	for (size_t i = 0; i < check_count; i++)
		if (str_eq(checks[i]->name, name))
			return checks[i];
	return NULL;
}

const char *check_need_name(size_t number)
{
	static const char *const names[] = { "tree", "disks", "cloud", "console", "key", "nat" };

	return number < ARRAY_LEN(names) ? names[number] : NULL;
}

/* The path as it comes through JSON; NULL: it leads nowhere. */
static char *plain_path(struct tree *tree, const char *path)
{
	cleanup(str_done) struct str plain = STR_INIT;
	struct err ignored = ERR_INIT;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p += strspn(p, "/"), "/");

		if (len == 2 && !memcmp(p, "..", 2)) {
			str_clear(&plain);
			if (tree_resolve(tree, path, &plain, &ignored) < 0)
				return NULL;
			break;
		}
		if (len && !(len == 1 && *p == '.'))
			str_addf(&plain, "/%.*s", (int)len, p);
		p += len;
	}
	if (!plain.len)
		str_add_char(&plain, '/');
	return path_is_plain(plain.s) ? str_take(&plain) : NULL;
}

static void make_plain(struct tree *tree, char **path)
{
	char *plain = *path && !path_is_plain(*path) ? plain_path(tree, *path) : NULL;

	if (!plain)
		return;
	free(*path);
	*path = plain;
}

/* Names that a configuration file gives ("/boot//vmlinuz") get into paths, and one that is not plain would have the
 * whole examination refused where it is read. An edit is left as it is when there is no plain one: it makes no patch. */
static void make_paths_plain(struct tree *tree, struct finding *finding)
{
	make_plain(tree, &finding->path);
	if (finding->path && !path_is_plain(finding->path)) {
		free(finding->path);
		finding->path = NULL;
	}
	vec_foreach (edit, &finding->edits) {
		make_plain(tree, &edit->path);
		make_plain(tree, &edit->like);
	}
}

static bool has_plain_paths(const struct edits *edits, struct err *err)
{
	vec_foreach (edit, edits)
		if (edit->path && !path_is_plain(edit->path)) {
			err_set(err, ERR_MALFORMED, "%s leads nowhere", edit->path);
			return false;
		}
	return true;
}

/* A repair that cannot be made on this volume would keep all others from being made. */
static void keep_what_can_be_made(struct tree *tree, struct finding *finding)
{
	cleanup(patch_done) struct patch patch = { 0 };
	struct str message = STR_INIT;
	struct err err = ERR_INIT;

	if (!finding->edits.count || (has_plain_paths(&finding->edits, &err) &&
				      !patch_make(tree, &finding->edits, &patch, &err)))
		return;
	str_add(&message, finding->message);
	str_add(&message, "; no repair can be made here: ");
	str_add_escaped(&message, err.text, strlen(err.text));
	free(finding->message);
	finding->message = str_take(&message);
	finding->repair = REPAIR_NONE;
	edits_done(&finding->edits);
}

void check_run(const struct check *check, const struct machine *machine, struct findings *findings,
	       struct could_not_tells *unknown)
{
	size_t before = findings->count;
	struct err err = ERR_INIT;

	if (check->examine(machine, findings, &err) < 0)
		vec_push(unknown, ((struct could_not_tell){ check, err }));
	for (size_t i = before; i < findings->count; i++) {
		findings->items[i].check = check;
		make_paths_plain(machine_tree(machine), &findings->items[i]);
		keep_what_can_be_made(machine_tree(machine), &findings->items[i]);
	}
}
