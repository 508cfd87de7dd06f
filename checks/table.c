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
	static const char *const names[] = { "tree", "disks", "cloud", "console", "key" };

	return number < ARRAY_LEN(names) ? names[number] : NULL;
}

/* A repair that cannot be made on this volume would keep all others from being made. */
static void keep_what_can_be_made(struct tree *tree, struct finding *finding)
{
	cleanup(patch_done) struct patch patch = { 0 };
	struct str message = STR_INIT;
	struct err err = ERR_INIT;

	if (!finding->edits.count || !patch_make(tree, &finding->edits, &patch, &err))
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
		keep_what_can_be_made(machine_tree(machine), &findings->items[i]);
	}
}
