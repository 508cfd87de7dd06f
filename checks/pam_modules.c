/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/near_word.h"
#include "checks/pam.h"

/* The modules' directories: by word size, and by architecture on Debian. */

#define DIRS_MAX 12u

struct module_dirs {
	char *items[DIRS_MAX];
	size_t count;
	bool is_known; /* enough is in them to say that something is not */
};

static void free_dirs(void *value)
{
	struct module_dirs *dirs = value;

	for (size_t i = 0; i < dirs->count; i++)
		free(dirs->items[i]);
	free(dirs);
}

static void add_dir(const struct machine *machine, struct module_dirs *dirs, const char *path,
		    unsigned *modules)
{
	const struct tree_names *names = machine_list(machine, path);

	for (size_t i = 0; names && i < names->count; i++)
		*modules += str_starts(names->items[i], "pam_") && str_ends(names->items[i], ".so");
	if (names && names->count && dirs->count < DIRS_MAX)
		dirs->items[dirs->count++] = mem_strdup(path);
}

static const struct module_dirs *module_dirs(const struct machine *machine)
{
	static const char key;
	static const char *const roots[] = { "/lib", "/usr/lib", "/lib64", "/usr/lib64" };
	struct module_dirs *dirs = machine_kept(machine, &key);
	unsigned modules = 0;

	if (dirs)
		return dirs;
	dirs = mem_alloc(sizeof(*dirs));
	machine_keep(machine, &key, dirs, free_dirs);
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		const struct tree_names *names = machine_list(machine, roots[i]);
		cleanup(free) char *own = mem_printf("%s/security", roots[i]);
		add_dir(machine, dirs, own, &modules);
		for (size_t k = 0; names && k < names->count; k++) {
			cleanup(free) char *path =
				mem_printf("%s/%s/security", roots[i], names->items[k]);
			if (strstr(names->items[k], "-linux-"))
				add_dir(machine, dirs, path, &modules);
		}
	}
	dirs->is_known = modules >= 3;
	return dirs;
}

bool pam_has_modules(const struct machine *machine)
{
	return module_dirs(machine)->count;
}

static bool is_file(const struct machine *machine, const char *path)
{
	struct err err = ERR_INIT;
	struct tree_stat st;

	/* What cannot be told is taken for there. */
	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &err) < 0)
		return err.code != ERR_NOTFOUND;
	return S_ISREG(st.mode) && st.size_bytes;
}

enum pam_module pam_module_state(const struct machine *machine, const char *module)
{
	const struct module_dirs *dirs = module_dirs(machine);

	if (!dirs->is_known || strchr(module, '$'))
		return PAM_MODULE_UNKNOWN;
	if (*module == '/')
		return is_file(machine, module) ? PAM_MODULE_THERE : PAM_MODULE_MISSING;
	for (size_t i = 0; i < dirs->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs->items[i], module);
		if (is_file(machine, path))
			return PAM_MODULE_THERE;
	}
	return PAM_MODULE_MISSING;
}

/* One slip of the finger, or the end left out. */
static bool is_like(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	if (m == n + 3 && !strncmp(a, b, n) && str_eq(b + n, ".so"))
		return true;
	return word_distance(a, n, b) <= 1;
}

char *pam_module_like(const struct machine *machine, const char *module)
{
	const struct module_dirs *dirs = module_dirs(machine);
	const char *found = NULL;

	for (size_t i = 0; i < dirs->count && *module != '/'; i++) {
		const struct tree_names *names = machine_list(machine, dirs->items[i]);
		for (size_t k = 0; names && k < names->count; k++) {
			if (!is_like(module, names->items[k]) || str_eq(module, names->items[k]) ||
			    pam_module_state(machine, names->items[k]) != PAM_MODULE_THERE)
				continue;
			if (found && !str_eq(found, names->items[k]))
				return NULL; /* more than one: nobody can tell */
			found = names->items[k];
		}
	}
	return found ? mem_strdup(found) : NULL;
}
