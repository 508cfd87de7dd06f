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

const struct check *check_find(const char *name)
{
	for (size_t i = 0; i < check_count; i++)
		if (str_eq(checks[i]->name, name))
			return checks[i];
	return NULL;
}

void check_run(const struct check *check, const struct machine *machine, struct findings *findings,
	       struct could_not_tells *unknown)
{
	size_t before = findings->count;
	struct err err = ERR_INIT;

	if (check->examine(machine, findings, &err) < 0)
		vec_push(unknown, ((struct could_not_tell){ check, err }));
	for (size_t i = before; i < findings->count; i++)
		findings->items[i].check = check;
}
