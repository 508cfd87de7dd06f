/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/elf.h"
#include "checks/vital_programs.h"
#include "fs/lines.h"

struct clash {
	const struct vital_program *vital;
	const struct elf *program;
	const struct library *library;
	const char *version, *by;
};

static bool is_trusted(const struct elf *program, const char *path)
{
	cleanup(tree_names_done) struct tree_names dirs = { 0 };
	const char *slash = strrchr(path, '/');

	library_dirs(program, &dirs);
	vec_foreach (dir, &dirs)
		if (strlen(*dir) == (size_t)(slash - path) && str_starts(path, *dir))
			return true;
	return false;
}

/* Is the system's own library of that name in a trusted directory? */
static bool has_own(const struct machine *machine, const struct elf *program, const char *name)
{
	cleanup(tree_names_done) struct tree_names dirs = { 0 };

	library_dirs(program, &dirs);
	vec_foreach (dir, &dirs) {
		cleanup(free) char *path = mem_printf("%s/%s", *dir, name);
		const struct elf *elf = elf_read(machine, path);

		if (elf->kind == ELF_WHOLE && elf->class == program->class &&
		    elf->machine == program->machine)
			return true;
	}
	return false;
}

/* The line of a file of directories that names this one; 0: none does. */
static uint32_t find_line(const struct str *text, const char *dir, size_t len)
{
	uint32_t number = 0;

	for (const char *line = text->s; *line;) {
		size_t n = strcspn(line, "\n"), from = strspn(line, " \t"),
		       to = from < n ? from + strcspn(line + from, " \t\r#=\n") : n;

		number++;
		while (to > from + 1 && line[to - 1] == '/')
			to--;
		if (to > from && to - from == len && !strncmp(line + from, dir, len))
			return number;
		line += n + (line[n] == '\n');
	}
	return 0;
}

/* Makes the line in ld.so.conf(.d) a comment and removes the cache that was made of it: the loader then
 * looks into the trusted directories, until ldconfig makes another one. */
static bool add_edits(const struct machine *machine, const char *library, bool is_first,
		      struct edits *edits)
{
	const struct tree_names *names = machine_list(machine, "/etc/ld.so.conf.d");
	size_t len = (size_t)(strrchr(library, '/') - library);

	for (size_t i = 0; i <= (names ? names->count : 0); i++) {
		cleanup(free) char *path =
			i ? mem_printf("/etc/ld.so.conf.d/%s", names->items[i - 1])
			  : mem_strdup("/etc/ld.so.conf");
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);
		uint32_t line = text ? find_line(text, library, len) : 0;

		if (!line)
			continue;
		lines_edit_comment(edits, path, text, line, 1);
		if (is_first)
			edit_remove(edits, "/etc/ld.so.cache");
		return true;
	}
	return false;
}

static void report(const struct machine *machine, const struct clash *clash, bool is_first,
		   struct findings *out)
{
	const char *path = clash->library->path;
	cleanup(edits_done) struct edits edits = { 0 };
	bool is_foreign = !is_trusted(clash->program, path);
	bool can_repair = is_foreign && has_own(machine, clash->program, clash->library->name) &&
			  tree_exists(machine_tree(machine), "/etc/ld.so.cache") &&
			  add_edits(machine, path, is_first, &edits);
	struct finding *finding = finding_add(
		out, clash->vital->severity, can_repair ? REPAIR_OFFERED : REPAIR_NONE,
		is_foreign ? "41" : "91", path, 0,
		is_foreign
			? "%s comes before the system's own library and lacks the version %s that "
			  "%s "
			  "wants; %s cannot be started"
			: "%s lacks the version %s that %s wants; %s cannot be started, and one of "
			  "their packages has to be installed again",
		machine_quote(machine, path, strlen(path)),
		machine_quote(machine, clash->version, strlen(clash->version)), clash->by,
		clash->vital->path);

	edits_add_all(&finding->edits, &edits);
}

static bool same_dir(const char *a, const char *b)
{
	size_t len = (size_t)(strrchr(a, '/') - a);

	return (size_t)(strrchr(b, '/') - b) == len && !strncmp(a, b, len);
}

/* One finding a library, however many programs want it, and one a foreign directory. */
static bool is_known(const struct findings *out, size_t from, const struct elf *program,
		     const char *path)
{
	for (size_t i = from; i < out->count; i++)
		if (str_eq(out->items[i].path, path) ||
		    (!is_trusted(program, path) && same_dir(out->items[i].path, path)))
			return true;
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	size_t from = out->count;

	(void)err;
	for (size_t i = 0; i < vital_program_count; i++) {
		struct clash clash = { .vital = &vital_programs[i],
				       .program = elf_read(machine, vital_programs[i].path) };
		cleanup(libraries_done) struct libraries libraries = { 0 };

		if (!libraries_find(machine, clash.program, &libraries))
			continue;
		vec_foreach (library, &libraries) {
			const struct elf_version *lacked =
				library_lacks(&libraries, clash.program, library, &clash.by);

			if (!lacked || is_known(out, from, clash.program, library->path))
				continue;
			clash.library = library;
			clash.version = lacked->name;
			report(machine, &clash, out->count == from, out);
		}
	}
	return 0;
}

const struct check check_library_version = {
	.name = "library-version",
	.title = "a library of another build stands in the way of the right one",
	.explain =
		"A program names, with each library, the versions of symbols that it was built "
		"with; "
		"the loader refuses it when the library that is found knows them not (\"version "
		"OPENSSL_3.0.0 not found\"). An OpenSSL built by hand into /usr/local, or a "
		"product's directory in ld.so.conf.d, comes before the system's own libraries and "
		"takes sshd, sudo or systemd with it. Where the system's own library is there the "
		"repair makes the directory's line a comment and removes ld.so.cache, so that the "
		"trusted directories count until ldconfig runs again. What was installed there may "
		"need it: this is only offered.",
	.source = "ld.so(8); ldconfig(8); Linux Standard Base, Symbol Versioning; glibc, "
		  "elf/dl-version.c",
	.rows = "41,91",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
