/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/critical_paths.h"
#include "checks/elf.h"
#include "checks/packages.h"
#include "checks/setid_programs.h"
#include "checks/sudoers.h"

#define SUDO "/usr/bin/sudo"

struct program {
	const struct setid_program *row;
	struct tree_stat st;
};
VEC_TYPE(programs, struct program);

static void find_programs(const struct machine *machine, struct programs *broken, size_t *ret_fine)
{
	for (size_t i = 0; i < setid_program_count; i++) {
		const struct setid_program *row = &setid_programs[i];
		cleanup(str_done) struct str real = STR_INIT;
		struct err ignored = ERR_INIT;
		const struct elf *elf;

		/* Each file once, under its own name: /bin/su is /usr/bin/su where /bin is a link. */
		if (tree_resolve(machine_tree(machine), row->path, &real, &ignored) < 0 ||
		    !str_eq(real.s, row->path))
			continue;
		elf = elf_read(machine, row->path);
		if (elf->kind != ELF_WHOLE)
			continue;
		if (elf->st.mode & S_ISUID && !elf->st.uid)
			++*ret_fine;
		else if (!critical_is_overridden(machine, row->path))
			vec_push(broken, ((struct program){ row, elf->st }));
	}
}

/* Red Hat's sudo can be executed and not read: 4111. */
static uint32_t right_mode(const struct machine *machine, const struct program *program)
{
	uint32_t now = program->st.mode & 0777;

	if (program->row->is_sudo &&
	    (now == 0111 || (machine_os_is_like(machine, "fedora") && now != 0755)))
		return 04111;
	return program->row->mode;
}

static void add_edit(const struct machine *machine, const struct program *program,
		     struct finding *finding)
{
	edit_mode(&finding->edits, program->row->path, &program->st, right_mode(machine, program),
		  0, 0);
}

static void report_sudo(const struct machine *machine, const struct program *program,
			struct findings *out)
{
	const struct tree_stat *st = &program->st;
	struct finding *finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "105", program->row->path, 0,
		st->uid ? "%s belongs to user %u (mode %04o): sudo must be root's and set "
			  "its user to root, else nobody gets root's rights by it"
			: "%s (owner %u, mode %04o) has lost its set-user-ID bit; nobody "
			  "gets root's rights by it",
		machine_quote(machine, program->row->path, strlen(program->row->path)), st->uid,
		st->mode & 07777);

	add_edit(machine, program, finding);
}

/* The others one by one are often disarmed on purpose; together with sudo it is an accident. */
static void report_others(const struct machine *machine, const struct programs *broken,
			  bool is_accident, struct findings *out)
{
	struct finding *finding = NULL;
	cleanup(str_done) struct str names = STR_INIT;
	const char *first = NULL;

	vec_foreach (program, broken) {
		if (program->row->is_sudo)
			continue;
		str_addf(&names, "%s%s", names.len ? ", " : "", program->row->path);
		first = first ?: program->row->path;
	}
	if (!first)
		return;
	finding = finding_add(out, is_accident ? SEVERITY_DELAYS : SEVERITY_NOTE,
			      is_accident ? REPAIR_SURE : REPAIR_OFFERED, "105", first, 0,
			      "%s without root as owner and a set-user-ID bit work for root alone",
			      names.s);
	vec_foreach (program, broken)
		if (!program->row->is_sudo)
			add_edit(machine, program, finding);
}

/* sudo loads its policy only from a file that is root's and that nobody else may write. */
static void look_at_plugin(const struct machine *machine, const char *path, struct findings *out)
{
	const struct elf *elf = elf_read(machine, path);
	struct finding *finding;

	if (elf->kind != ELF_WHOLE || (!elf->st.uid && !(elf->st.mode & 0022)))
		return;
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "105", path, 0,
		"%s (%04o, owner %u:%u) is not root's alone, so sudo refuses to load its "
		"policy and nobody gets root's rights by it",
		machine_quote(machine, path, strlen(path)), elf->st.mode & 07777, elf->st.uid,
		elf->st.gid);
	edit_mode(&finding->edits, path, &elf->st, elf->st.mode & 07755, 0,
		  elf->st.uid ? 0 : elf->st.gid);
}

static const char *const plugins[] = { "/usr/libexec/sudo/sudoers.so", "/usr/lib/sudo/sudoers.so" };

/* The package is there, by its list or by the other half of it, and its program is not. */
static void look_for_sudo(const struct machine *machine, struct findings *out)
{
	bool is_installed = package_lists(machine, "sudo", SUDO);

	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		is_installed |= elf_read(machine, plugins[i])->kind == ELF_WHOLE;
	if (is_installed && !sudo_program(machine) && elf_read(machine, SUDO)->kind == ELF_ABSENT)
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "105", SUDO, 0,
			    SUDO " is not there, though the package sudo is: nobody gets root's "
				 "rights by it; sudo has to be installed again");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct programs broken = { 0 };
	bool is_sudo_broken = false;
	size_t fine = 0;

	(void)err;
	look_for_sudo(machine, out);
	find_programs(machine, &broken, &fine);
	vec_foreach (program, &broken)
		if (program->row->is_sudo) {
			is_sudo_broken = true;
			report_sudo(machine, program, out);
		}
	report_others(machine, &broken, is_sudo_broken, out);
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		look_at_plugin(machine, plugins[i], out);
	vec_done(&broken);
	return 0;
}

const struct check check_sudo_program = {
	.name = "sudo-program",
	.title = "sudo cannot give anybody root's rights",
	.explain = "sudo works with the rights of its file's owner: it must be root's and have its "
		   "set-user-ID bit. chown takes the bit away from every program that it touches, "
		   "so one chown -R or chmod -R on /usr is enough, and on a cloud instance sudo is "
		   "the only way to root. The module that holds its policy, sudoers.so, must be "
		   "root's and writable by nobody else. The repair sets owner and mode as the "
		   "packages have them. su, mount and the like are restored with sudo; alone they "
		   "are only offered, for hardening guides disarm them on purpose.",
	.source = "chown(2); sudo(8) DIAGNOSTICS \"sudo must be owned by uid 0 and have the setuid "
		  "bit "
		  "set\"; sudo.conf(5); packages of Debian (4755) and Fedora (4111)",
	.rows = "105",
	.repair = REPAIR_SURE,
	.examine = examine,
};
