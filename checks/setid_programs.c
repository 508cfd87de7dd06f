/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/setid_programs.h"
#include "base/mem.h"

/* With and without a merged /usr. What needs a group of its own (dbus-daemon-launch-helper,
 * crontab, Debian's unix_chkpwd) is not here: the group's number is each system's own. */
const struct setid_program setid_programs[] = {
	{ "/usr/bin/sudo", 04755, true },
	{ "/usr/bin/sudo.ws", 04755, true },
	{ "/usr/lib/cargo/bin/sudo", 04755, true },
	{ "/bin/su", 04755, false },
	{ "/usr/bin/su", 04755, false },
	{ "/usr/bin/passwd", 04755, false },
	{ "/bin/mount", 04755, false },
	{ "/usr/bin/mount", 04755, false },
	{ "/bin/umount", 04755, false },
	{ "/usr/bin/umount", 04755, false },
	{ "/usr/bin/newgrp", 04755, false },
	{ "/usr/bin/gpasswd", 04755, false },
	{ "/usr/bin/pkexec", 04755, false },
	{ "/usr/lib/polkit-1/polkit-agent-helper-1", 04755, false },
};
const size_t setid_program_count = ARRAY_LEN(setid_programs);

const struct setid_program *setid_program_find(const char *path)
{
	for (size_t i = 0; i < setid_program_count; i++)
		if (!strcmp(setid_programs[i].path, path))
			return &setid_programs[i];
	return NULL;
}
