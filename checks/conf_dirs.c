/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/conf_dirs.h"

#define CONF_FILES_MAX 1000u

struct conf_file {
	const char *name; /* borrowed from the listing */
	char *path;	  /* NULL: hides others, and is nothing itself */
};
VEC_TYPE(conf_files, struct conf_file);

/* The file's own path; NULL: masked, or no file at all. */
static char *real_file(const struct machine *machine, const char *path)
{
	struct tree *tree = machine_tree(machine);
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (tree_resolve(tree, path, &real, &ignored) < 0 || str_eq(real.s, "/dev/null") ||
	    tree_stat(tree, real.s, TREE_NOFOLLOW, &st, &ignored) < 0 || !S_ISREG(st.mode))
		return NULL;
	return str_take(&real);
}

static bool is_known(const struct conf_files *files, const char *name)
{
	vec_foreach (file, files)
		if (str_eq(file->name, name))
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct conf_file *)a)->name, ((const struct conf_file *)b)->name);
}

void conf_dirs_list(const struct machine *machine, const char *const dirs[], size_t dir_count,
		    const char *suffix, struct tree_names *ret)
{
	struct conf_files files = { 0 };

	for (size_t i = 0; i < dir_count; i++) {
		const struct tree_names *names = machine_list(machine, dirs[i]);

		if (!names)
			continue;
		vec_foreach (name, names) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i], *name);

			if (!str_ends(*name, suffix) || is_known(&files, *name) ||
			    files.count == CONF_FILES_MAX)
				continue;
			vec_push(&files, ((struct conf_file){ *name, real_file(machine, path) }));
		}
	}
	if (files.count)
		qsort(files.items, files.count, sizeof(*files.items), compare);
	vec_foreach (file, &files)
		if (file->path)
			vec_push(ret, file->path);
	vec_done(&files);
}
