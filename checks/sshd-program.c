/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/elf.h"
#include "checks/packages.h"
#include "checks/sshd_service.h"

#define SSHD "/usr/sbin/sshd"

/* Files of the same package as sshd, on systems whose package database is rpm's. */
static const char *find_sibling(const struct machine *machine)
{
	static const char *const siblings[] = { "/usr/libexec/openssh/sftp-server",
						"/usr/libexec/ssh/sftp-server",
						"/usr/libexec/openssh/sshd-session",
						"/usr/lib/openssh/sshd-session" };

	for (size_t i = 0; i < ARRAY_LEN(siblings); i++)
		if (elf_read(machine, siblings[i])->kind == ELF_WHOLE)
			return siblings[i];
	return NULL;
}

/* Who says that sshd should be there; NULL: nobody. */
static const char *find_witness(const struct machine *machine)
{
	if (package_lists(machine, "openssh-server", SSHD))
		return "the package openssh-server";
	return sshd_service_unit(machine) ? find_sibling(machine) : NULL;
}

static bool is_whole_system(const struct machine *machine)
{
	return elf_read(machine, "/bin/sh")->kind == ELF_WHOLE ||
	       elf_read(machine, "/usr/bin/bash")->kind == ELF_WHOLE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct elf *sshd = elf_read(machine, SSHD);
	const char *witness;

	(void)err;
	if (sshd->kind == ELF_ABSENT && (witness = find_witness(machine)))
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "91", SSHD, 0,
			    SSHD
			    " is not there, though %s is: sshd does not start; openssh-server has "
			    "to be installed again",
			    witness);
	if ((sshd->kind == ELF_EMPTY || sshd->kind == ELF_DAMAGED) && is_whole_system(machine))
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "91", SSHD, 0,
			    SSHD " is %s: sshd does not start; openssh-server has to be installed "
				 "again",
			    sshd->kind == ELF_EMPTY ? "empty" : "cut off or damaged");
	return 0;
}

const struct check check_sshd_program = {
	.name = "sshd-program",
	.title = "the program sshd is missing or damaged",
	.explain =
		"Without the program its unit fails with \"203/EXEC\" and nothing listens. That it "
		"should be there is said by dpkg's list of the package's files, or by the rest of "
		"the same package. It cannot be made here: the package has to be installed again, "
		"by Systems Manager or user data, or from a chroot on the helper. A missing "
		"execute bit is found by critical-modes, a missing library by missing-library.",
	.source = "systemd.exec(5), exit status 203; packages openssh-server of Debian and Fedora",
	.rows = "91",
	.repair = REPAIR_NONE,
	.examine = examine,
};
