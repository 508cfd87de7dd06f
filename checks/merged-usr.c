/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/elf.h"

/* A link of the merged /usr that nothing works without, and a program that says that it was one. */
static const struct alias {
	const char *link, *target; /* /bin -> usr/bin */
	const char *witnesses[6];
} aliases[] = {
	{ "/bin", "usr/bin", { "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/dash" } },
	{ "/sbin",
	  "usr/sbin",
	  { "/usr/sbin/init", "/usr/sbin/agetty", "/usr/sbin/ldconfig", "/usr/sbin/fsck" } },
	{ "/lib",
	  "usr/lib",
	  { "/usr/lib/systemd/systemd", "/usr/lib/x86_64-linux-gnu/libc.so.6",
	    "/usr/lib/aarch64-linux-gnu/libc.so.6", "/usr/lib/ld-linux-aarch64.so.1" } },
	{ "/lib64", "usr/lib64", { "/usr/lib64/ld-linux-x86-64.so.2", "/usr/lib64/libc.so.6" } },
};

/* sbin is a link to bin on the newest systems: then its programs are the witnesses. */
static const char *find_witness(const struct machine *machine, const struct alias *alias)
{
	for (size_t i = 0; i < ARRAY_LEN(alias->witnesses) && alias->witnesses[i]; i++) {
		const struct elf *elf = elf_read(machine, alias->witnesses[i]);

		if (elf->kind == ELF_WHOLE)
			return alias->witnesses[i];
	}
	return NULL;
}

/* Debian's loader lies in the multiarch directory, and /lib64 holds a link to it; without /usr/lib64
 * there was a real /lib64 with that link alone. */
static void look_at_loader(const struct machine *machine, struct findings *out)
{
	static const char *const shells[] = { "/usr/bin/bash", "/bin/bash", "/usr/bin/sh",
					      "/bin/sh" };
	cleanup(tree_names_done) struct tree_names dirs = { 0 };
	const struct elf *shell = NULL;
	struct finding *finding;
	const char *name;

	for (size_t i = 0; i < ARRAY_LEN(shells) && (!shell || shell->kind != ELF_WHOLE); i++)
		shell = elf_read(machine, shells[i]);
	if (!shell || shell->kind != ELF_WHOLE || !shell->interp || shell->interp[0] != '/' ||
	    elf_read(machine, shell->interp)->kind != ELF_ABSENT)
		return;
	name = strrchr(shell->interp, '/') + 1;
	library_dirs(shell, &dirs);
	vec_foreach (dir, &dirs) {
		cleanup(free) char *file = mem_printf("%s/%s", *dir, name), *link = NULL,
				   *target = NULL;
		cleanup(free) char *beside = library_link_target(machine, shell, name, &link);

		if (elf_read(machine, file)->kind == ELF_WHOLE)
			target = mem_strdup(file);
		else if (beside)
			target = mem_printf("%.*s/%s", (int)(strrchr(link, '/') - link), link,
					    beside);
		if (!target)
			continue;
		finding = finding_add(
			out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "40", shell->interp, 0,
			"%s, by which every program is loaded, is not there, but %s is: "
			"nothing at all can be started",
			machine_quote(machine, shell->interp, strlen(shell->interp)),
			machine_quote(machine, target, strlen(target)));
		edit_symlink(&finding->edits, shell->interp, target);
		return;
	}
	finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_NONE, "40", shell->interp, 0,
		    "%s, by which every program is loaded, is not there: nothing at all can be "
		    "started; the C library's package has to be installed again",
		    machine_quote(machine, shell->interp, strlen(shell->interp)));
}

static void report(const struct alias *alias, const char *witness, const char *what,
		   enum repair_class repair, struct findings *out)
{
	struct finding *finding =
		finding_add(out, SEVERITY_BLOCKS_BOOT, repair, "40", alias->link, 0,
			    "%s is %s, and has to be a link to /%s, where %s is; nothing that asks "
			    "for it by its old name is found",
			    alias->link, what, alias->target, witness);

	if (repair == REPAIR_SURE)
		edit_symlink(&finding->edits, alias->link, alias->target);
}

/* "is not there": no name; a link that leads nowhere or elsewhere; an empty directory. */
static bool look_at_alias(const struct machine *machine, const struct alias *alias,
			  struct findings *out)
{
	const char *witness = find_witness(machine, alias);
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (!witness)
		return false;
	if (tree_stat(machine_tree(machine), alias->link, TREE_NOFOLLOW, &st, &err) < 0) {
		if (err.code != ERR_NOTFOUND)
			return false;
		report(alias, witness, "missing", REPAIR_SURE, out);
		return true;
	}
	if (S_ISLNK(st.mode) && !tree_is_dir(machine_tree(machine), alias->link)) {
		report(alias, witness, "a link that leads nowhere", REPAIR_SURE, out);
		return true;
	}
	if (S_ISDIR(st.mode)) {
		const struct tree_names *names = machine_list(machine, alias->link);

		if (names && !names->count) {
			report(alias, witness, "a directory without anything in it", REPAIR_NONE,
			       out);
			return true;
		}
	}
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	bool any = false;

	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		any |= look_at_alias(machine, &aliases[i], out);
	if (!any)
		look_at_loader(machine, out);
	return 0;
}

const struct check check_merged_usr = {
	.name = "merged-usr",
	.title = "/bin, /lib or the program loader is gone",
	.explain =
		"On a system whose programs are all below /usr, /bin, /sbin, /lib and /lib64 are "
		"links into it. Every program names its loader by such a path (/lib64/ld-linux…), "
		"every script its shell: without the link the kernel finds no init and panics. It "
		"is lost by a wrong mv or rm, or by unpacking an archive that holds /lib as a "
		"directory over it. The repair makes the link again where the directory that it "
		"leads to is whole, and the loader's own link where the loader is there.",
	.source = "file-hierarchy(7); Debian, UsrMerge; execve(2), interpreter; ld.so(8)",
	.rows = "40",
	.repair = REPAIR_SURE,
	.examine = examine,
};
