/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/journals.h"

#include <stdlib.h>

#define TOP	  "/var/log/journal" /* with a folder for each machine's id that the volume has had */
#define DIRS_MAX  4
#define FILES_MAX 8

struct journal {
	char *path;
	bool is_of_this_id;
	const char *time; /* in the path, in hexadecimal of one length; NULL: it is being written */
};
typedef VEC(struct journal) journals;

static int newest_first(const void *a, const void *b)
{
	const struct journal *one = a, *other = b;
	int order = (one->time != NULL) - (other->time != NULL);

	if (!order)
		order = one->time ? strcmp(other->time, one->time)
				  : other->is_of_this_id - one->is_of_this_id;
	return order ? order : strcmp(one->path, other->path);
}

static void add_all_of(const struct machine *machine, const char *id, bool is_this, journals *into)
{
	cleanup(free) char *dir = mem_printf(TOP "/%s", id);
	const struct tree_names *names = machine_list(machine, dir);

	for (size_t i = 0; names && i < names->count; i++) {
		const char *name = names->items[i];
		bool is_archived = str_starts(name, "system@") && strchr(name, '-');
		if (!str_ends(name, ".journal") || !(is_archived || str_eq(name, "system.journal")))
			continue;
		char *path = mem_printf("%s/%s", dir, name);
		vec_push(into,
			 ((struct journal){ .path = path,
					    .is_of_this_id = is_this,
					    .time = is_archived ? strrchr(path, '-') : NULL }));
	}
}

void journals_each(const struct machine *machine, journal_func *func, void *arg)
{
	const struct tree_names *ids = machine_list(machine, TOP);
	struct err ignored = ERR_INIT;
	const struct str *id = machine_file(machine, "/etc/machine-id", &ignored);
	journals all = { 0 };
	bool is_enough = false;

	for (size_t i = 0; ids && i < ids->count && i < DIRS_MAX; i++)
		add_all_of(machine, ids->items[i], id && str_starts(id->s, ids->items[i]), &all);
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), newest_first);
	for (size_t i = 0; i < all.count && i < FILES_MAX && !is_enough; i++) {
		const struct str *bytes = machine_file(machine, all.items[i].path, &ignored);

		is_enough = bytes && func(arg, bytes);
	}
	vec_foreach (journal, &all)
		free(journal->path);
	vec_done(&all);
}
