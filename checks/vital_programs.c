/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/vital_programs.h"

const struct vital_program vital_programs[] = {
	{ "/sbin/init", SEVERITY_BLOCKS_BOOT },
	{ "/lib/systemd/systemd", SEVERITY_BLOCKS_BOOT },
	{ "/lib/systemd/systemd-executor", SEVERITY_BLOCKS_BOOT },
	{ "/bin/sh", SEVERITY_BLOCKS_BOOT },
	{ "/bin/mount", SEVERITY_BLOCKS_BOOT },
	{ "/lib/systemd/systemd-udevd", SEVERITY_BLOCKS_BOOT },
	{ "/bin/bash", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/sbin/sshd", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/lib/openssh/sshd-session", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/lib/openssh/sshd-auth", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/libexec/openssh/sshd-session", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/libexec/openssh/sshd-auth", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/libexec/ssh/sshd-session", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/libexec/ssh/sshd-auth", SEVERITY_BLOCKS_LOGIN },
	{ "/lib/systemd/systemd-networkd", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/sbin/NetworkManager", SEVERITY_BLOCKS_LOGIN },
	{ "/sbin/dhclient", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/sbin/wickedd", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/bin/dbus-daemon", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/bin/dbus-broker", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/bin/sudo", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/lib/sudo/sudoers.so", SEVERITY_BLOCKS_LOGIN },
	{ "/usr/libexec/sudo/sudoers.so", SEVERITY_BLOCKS_LOGIN },
	{ "/lib/systemd/systemd-logind", SEVERITY_DELAYS },
	{ "/lib/systemd/systemd-resolved", SEVERITY_DELAYS },
	{ "/sbin/agetty", SEVERITY_DELAYS },
	{ "/bin/login", SEVERITY_DELAYS },
	{ "/bin/su", SEVERITY_DELAYS },
};
const size_t vital_program_count = ARRAY_LEN(vital_programs);
