/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/elf.h"
#include "checks/vital_programs.h"

/* One library that cannot be loaded, and who goes without. */
struct loss {
	struct library library;
	const struct elf *program; /* the first, and so the heaviest */
	const char *program_path;
	enum severity severity;
	size_t others;
};
VEC_TYPE(losses, struct loss);

static void add_loss(struct losses *losses, const struct library *library,
		     const struct vital_program *vital, const struct elf *program)
{
	struct loss *loss = NULL;

	vec_foreach (known, losses)
		if (str_eq(known->library.name, library->name))
			loss = known;
	if (!loss) {
		loss = vec_add(losses);
		loss->library = *library;
		loss->library.name = mem_strdup(library->name);
		loss->library.path = library->path ? mem_strdup(library->path) : NULL;
		loss->program = program;
		loss->program_path = vital->path;
	} else {
		loss->others++;
	}
	if (vital->severity > loss->severity)
		loss->severity = vital->severity;
}

static void look_at_program(const struct machine *machine, const struct vital_program *vital,
			    struct losses *losses)
{
	const struct elf *program = elf_read(machine, vital->path);
	cleanup(libraries_done) struct libraries libraries = { 0 };

	if (!libraries_find(machine, program, &libraries))
		return;
	vec_foreach (library, &libraries)
		if (library_problem(library))
			add_loss(losses, library, vital, program);
}

static void report(const struct machine *machine, const struct loss *loss, struct findings *out)
{
	const char *name = machine_quote(machine, loss->library.name, strlen(loss->library.name));
	const char *problem = library_problem(&loss->library);
	cleanup(free) char *link = NULL, *more = NULL;
	/* Where a file of that name is in the way, nobody knows what it is. */
	cleanup(free) char *target =
		loss->library.path
			? NULL
			: library_link_target(machine, loss->program, loss->library.name, &link);
	struct finding *finding;

	if (loss->others)
		more = mem_printf(" and %zu more", loss->others);
	finding = finding_add(
		out, loss->severity, target ? REPAIR_SURE : REPAIR_NONE,
		strstr(loss->program_path, "ssh") ? "91" : "40", loss->library.path ?: link ?: loss->program_path, 0,
		target ? "the link %s to a library that is there, %s, is missing; %s%s "
			 "cannot be started without it"
		       : "the library %s %s, and %s%s cannot be started without it; its "
			 "package has to be installed again",
		name, target ? machine_quote(machine, target, strlen(target)) : problem,
		loss->program_path, more ?: "");
	if (target)
		edit_symlink(&finding->edits, link, target);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct losses losses = { 0 };

	(void)err;
	for (size_t i = 0; i < vital_program_count; i++)
		look_at_program(machine, &vital_programs[i], &losses);
	vec_foreach (loss, &losses) {
		report(machine, loss, out);
		free(loss->library.name);
		free(loss->library.path);
	}
	vec_done(&losses);
	return 0;
}

const struct check check_missing_library = {
	.name = "missing-library",
	.title = "a program of the boot or the login lacks a library",
	.explain =
		"A program whose library is gone, empty or cut off is not started: the loader "
		"ends it with \"cannot open shared object file\". Lost by a package change that "
		"was cut off, a deleted file, or a link that somebody tidied away, it takes sshd "
		"or the whole boot with it. Every library that init, the shell, mount, udev, the "
		"network's daemons, sshd and sudo need, and what these need in turn, is sought "
		"where the loader would: DT_RUNPATH, ld.so.cache, the trusted directories. Where "
		"only the link is gone and the library itself is there under its full name, the "
		"link is made, as ldconfig would. A library that is lost has to come from its "
		"package.",
	.source = "ld.so(8); ldconfig(8); elf(5)",
	.rows = "40,91",
	.repair = REPAIR_SURE,
	.examine = examine,
};
