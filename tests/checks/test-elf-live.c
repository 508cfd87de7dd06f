/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Oracle: the loader of this machine itself. For every program here, the libraries that we find have
 * to be the files that `ld.so --list` (which runs nothing) names. */
#include "base/mem.h"
#include "checks/elf.h"

#include <limits.h>
#include <stdio.h>

static unsigned programs, libraries, versions, wrong, refused;

/* The file behind "NAME => PATH (ADDRESS)" in the loader's words; "" when it does not say. */
static void loaders_word(const char *said, const char *name, char ret[PATH_MAX])
{
	cleanup(free) char *key = mem_printf("\t%s => ", name);
	const char *at = strstr(said, key);
	char path[PATH_MAX] = "";

	ret[0] = '\0';
	if (at && sscanf(at + strlen(key), "%4095[^ \n]", path) == 1 && path[0] == '/' &&
	    !realpath(path, ret))
		ret[0] = '\0';
}

static void compare(const char *path, const char *said, const struct elf *elf,
		    const struct libraries *found)
{
	const char *by;
	char ours[PATH_MAX], theirs[PATH_MAX];

	vec_foreach (library, found) {
		const struct elf_version *lacked = library_lacks(found, elf, library, &by);

		if (lacked) {
			wrong++;
			printf("# %s: %s lacks %s for %s\n", path, library->path, lacked->name, by);
		}
		loaders_word(said, library->name, theirs);
		if (!library->path || !realpath(library->path, ours))
			ours[0] = '\0';
		libraries++;
		if (str_eq(ours, theirs))
			continue;
		wrong++;
		printf("# %s: %s is %s, by ld.so %s\n", path, library->name, ours, theirs);
	}
}

static void look_at(const struct machine *machine, const char *path)
{
	cleanup(libraries_done) struct libraries found = { 0 };
	cleanup(str_done) struct str said = STR_INIT;
	const struct elf *elf = elf_read(machine, path);
	char buf[4096];
	size_t got;
	FILE *list;

	if (!libraries_find(machine, elf, &found))
		return;
	cleanup(free) char *command = mem_printf("'%s' --list '%s' 2>/dev/null", elf->interp, path);
	list = popen(command, "r");
	while (list && (got = fread(buf, 1, sizeof(buf), list)))
		str_add_bytes(&said, buf, got);
	if (!list || pclose(list)) {
		refused++;
		return;
	}
	programs++;
	compare(path, said.s, elf, &found);
	vec_foreach (version, &elf->wants_versions)
		versions += version->name[0] != 0;
}

int main(void)
{
	static const char *const dirs[] = { "/usr/bin", "/usr/sbin", "/usr/lib/systemd",
					    "/usr/lib/openssh" };
	cleanup(fd_close) int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(tree_close) struct tree *tree = NULL;
	struct err err = ERR_INIT;

	if (tree_open_dir(fd, &tree, &err) < 0) {
		printf("1..0 # SKIP %s\n", err.text);
		return 0;
	}
	const struct machine_given given = { .tree = tree };
	cleanup(machine_free) struct machine *machine = machine_new(&given);

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };

		if (tree_list(tree, dirs[i], &names, &err) < 0)
			continue;
		vec_foreach (name, &names) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i], *name);

			look_at(machine, path);
		}
	}
	printf("# %u programs, %u libraries, %u versions, %u programs that ld.so refuses\n",
	       programs, libraries, versions, refused);
	printf("1..2\n%sok 1 - programs were compared\n%sok 2 - the loader finds the same files\n",
	       programs > 20 && versions > 20 ? "" : "not ", wrong ? "not " : "");
	return wrong || programs <= 20;
}
