/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/critical_paths.h"
#include "checks/elf.h"

/* Paths of all distributions; those that are not there are passed over. Programs stand under the names
 * that units, scripts and the kernel use. */
#define DIR(path, area)                               \
	{                                             \
		path, CRITICAL_DIR, area, STOPS_LOGIN \
	}
/* What is below is root's to read, or nobody's way in. */
#define MINOR_DIR(path, area)                           \
	{                                               \
		path, CRITICAL_DIR, area, WEIGHS_LITTLE \
	}
#define FILE_(path, area)                        \
	{                                        \
		path, CRITICAL_FILE, area, false \
	}
#define PROGRAM(path, weight)                            \
	{                                                \
		path, CRITICAL_PROGRAM, AREA_USR, weight \
	}
#define COMMAND(path, weight)                            \
	{                                                \
		path, CRITICAL_COMMAND, AREA_USR, weight \
	}
#define LIBRARY(path)                                  \
	{                                              \
		path, CRITICAL_LIBRARY, AREA_USR, true \
	}

const struct critical_path critical_paths[] = {
	DIR("/", AREA_ROOT),
	DIR("/home", AREA_ROOT),
	DIR("/etc", AREA_ETC),
	DIR("/etc/dbus-1", AREA_ETC),
	DIR("/etc/dbus-1/system.d", AREA_ETC),
	MINOR_DIR("/etc/pam.d", AREA_ETC),
	MINOR_DIR("/etc/profile.d", AREA_ETC),
	MINOR_DIR("/etc/security", AREA_ETC),
	MINOR_DIR("/etc/ssh", AREA_ETC),
	MINOR_DIR("/etc/ssl", AREA_ETC),
	MINOR_DIR("/etc/ssl/certs", AREA_ETC),
	MINOR_DIR("/etc/pki", AREA_ETC),
	DIR("/etc/systemd", AREA_ETC),
	DIR("/etc/systemd/network", AREA_ETC),
	MINOR_DIR("/etc/systemd/system", AREA_ETC),
	MINOR_DIR("/etc/systemd/user", AREA_ETC),
	MINOR_DIR("/etc/udev", AREA_ETC),
	MINOR_DIR("/etc/alternatives", AREA_ETC),
	FILE_("/etc/passwd", AREA_ETC),
	FILE_("/etc/group", AREA_ETC),
	FILE_("/etc/nsswitch.conf", AREA_ETC),
	FILE_("/etc/hosts", AREA_ETC),
	FILE_("/etc/resolv.conf", AREA_ETC),
	FILE_("/etc/host.conf", AREA_ETC),
	FILE_("/etc/services", AREA_ETC),
	FILE_("/etc/protocols", AREA_ETC),
	FILE_("/etc/profile", AREA_ETC),
	FILE_("/etc/ld.so.cache", AREA_ETC),
	FILE_("/etc/machine-id", AREA_ETC),
	FILE_("/etc/shells", AREA_ETC),
	DIR("/usr", AREA_USR),
	DIR("/usr/bin", AREA_USR),
	DIR("/usr/sbin", AREA_USR),
	DIR("/usr/lib", AREA_USR),
	DIR("/usr/lib64", AREA_USR),
	DIR("/usr/libexec", AREA_USR),
	DIR("/usr/share", AREA_USR),
	DIR("/usr/lib/x86_64-linux-gnu", AREA_USR),
	DIR("/usr/lib/aarch64-linux-gnu", AREA_USR),
	DIR("/usr/lib/systemd", AREA_USR),
	DIR("/usr/lib/systemd/system", AREA_USR),
	DIR("/usr/share/dbus-1", AREA_USR),
	DIR("/bin", AREA_USR),
	DIR("/sbin", AREA_USR),
	DIR("/lib", AREA_USR),
	DIR("/lib64", AREA_USR),
	DIR("/lib/x86_64-linux-gnu", AREA_USR),
	DIR("/lib/aarch64-linux-gnu", AREA_USR),
	DIR("/lib/systemd", AREA_USR),
	DIR("/lib/systemd/system", AREA_USR),
	COMMAND("/lib64/ld-linux-x86-64.so.2", STOPS_BOOT),
	COMMAND("/lib/ld-linux-aarch64.so.1", STOPS_BOOT),
	LIBRARY("/lib64/libc.so.6"),
	LIBRARY("/lib/x86_64-linux-gnu/libc.so.6"),
	LIBRARY("/lib/aarch64-linux-gnu/libc.so.6"),
	PROGRAM("/sbin/init", STOPS_BOOT),
	PROGRAM("/lib/systemd/systemd", STOPS_BOOT),
	PROGRAM("/lib/systemd/systemd-executor", STOPS_BOOT),
	PROGRAM("/lib/systemd/systemd-udevd", STOPS_BOOT),
	PROGRAM("/bin/udevadm", STOPS_BOOT),
	PROGRAM("/sbin/udevd", STOPS_BOOT),
	PROGRAM("/bin/systemctl", WEIGHS_LITTLE),
	PROGRAM("/lib/systemd/systemd-journald", WEIGHS_LITTLE),
	PROGRAM("/lib/systemd/systemd-logind", WEIGHS_LITTLE),
	PROGRAM("/lib/systemd/systemd-networkd", STOPS_LOGIN),
	PROGRAM("/lib/systemd/systemd-resolved", WEIGHS_LITTLE),
	PROGRAM("/bin/mount", STOPS_BOOT),
	COMMAND("/bin/sh", STOPS_BOOT),
	COMMAND("/bin/bash", STOPS_BOOT),
	PROGRAM("/sbin/agetty", WEIGHS_LITTLE),
	PROGRAM("/bin/login", WEIGHS_LITTLE),
	PROGRAM("/usr/sbin/sshd", STOPS_LOGIN),
	PROGRAM("/usr/lib/openssh/sshd-session", STOPS_LOGIN),
	PROGRAM("/usr/lib/openssh/sshd-auth", STOPS_LOGIN),
	PROGRAM("/usr/libexec/openssh/sshd-session", STOPS_LOGIN),
	PROGRAM("/usr/libexec/openssh/sshd-auth", STOPS_LOGIN),
	PROGRAM("/usr/libexec/ssh/sshd-session", STOPS_LOGIN),
	PROGRAM("/usr/libexec/ssh/sshd-auth", STOPS_LOGIN),
	PROGRAM("/usr/sbin/NetworkManager", STOPS_LOGIN),
	PROGRAM("/usr/bin/dbus-daemon", STOPS_LOGIN),
	PROGRAM("/usr/bin/dbus-broker", STOPS_LOGIN),
	PROGRAM("/usr/bin/dbus-broker-launch", STOPS_LOGIN),
	PROGRAM("/sbin/dhclient", STOPS_LOGIN),
	PROGRAM("/sbin/dhcpcd", STOPS_LOGIN),
	PROGRAM("/bin/ip", WEIGHS_LITTLE),
	PROGRAM("/usr/sbin/wickedd", STOPS_LOGIN),
	PROGRAM("/usr/lib/netplan/generate", WEIGHS_LITTLE),
	PROGRAM("/usr/libexec/netplan/generate", WEIGHS_LITTLE),
	DIR("/var", AREA_VAR),
	DIR("/var/lib", AREA_VAR),
	DIR("/var/log", AREA_VAR),
	DIR("/var/cache", AREA_VAR),
	DIR("/var/lib/dbus", AREA_VAR),
	{ "/tmp", CRITICAL_TMP, AREA_ROOT, WEIGHS_LITTLE },
	{ "/var/tmp", CRITICAL_TMP, AREA_VAR, WEIGHS_LITTLE },
};
const size_t critical_path_count = ARRAY_LEN(critical_paths);

/* "USER GROUP MODE PATH" a line. */
bool critical_is_overridden(const struct machine *machine, const char *path)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/var/lib/dpkg/statoverride", &ignored);
	size_t len = strlen(path);

	for (const char *line = text ? text->s : ""; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		size_t n = strcspn(line, "\n");

		if (n > len && !strncmp(line + n - len, path, len) && line[n - len - 1] == ' ')
			return true;
	}
	return false;
}

static unsigned dir_faults(const struct machine *machine, const char *real, uint32_t mode)
{
	const struct tree_names *names;

	if (mode & 0001)
		return mode & 0002 && !(mode & S_ISVTX) ? FAULT_WRITE : 0;
	/* An empty one waits for something to be mounted on it. */
	names = machine_list(machine, real);
	return names && names->count ? FAULT_SEARCH : 0;
}

/* systemd-tmpfiles sets the mode again at every boot; an empty one waits for a mount. */
static unsigned tmp_faults(const struct machine *machine, const char *real, uint32_t mode)
{
	const struct tree_names *names;

	if ((mode & 01777) == 01777 ||
	    tree_exists(machine_tree(machine), "/usr/lib/tmpfiles.d/tmp.conf"))
		return 0;
	names = machine_list(machine, real);
	return names && names->count ? FAULT_STICKY : 0;
}

static unsigned faults_of(const struct machine *machine, const struct critical_path *row,
			  const char *real, const struct tree_stat *st)
{
	unsigned faults = st->uid ? FAULT_OWNER : 0;
	bool is_elf = S_ISREG(st->mode) && row->kind >= CRITICAL_PROGRAM &&
		      row->kind <= CRITICAL_LIBRARY && elf_read(machine, real)->kind == ELF_WHOLE;

	switch (row->kind) {
	case CRITICAL_DIR:
		return S_ISDIR(st->mode) ? faults | dir_faults(machine, real, st->mode) : 0;
	case CRITICAL_TMP:
		if (!S_ISDIR(st->mode))
			return 0;
		return faults | tmp_faults(machine, real, st->mode);
	case CRITICAL_FILE:
		if (!S_ISREG(st->mode))
			return 0;
		faults |= st->mode & 0004 ? 0 : FAULT_READ;
		break;
	case CRITICAL_PROGRAM:
		faults |= st->mode & 0111 ? 0 : FAULT_EXEC;
		break;
	case CRITICAL_COMMAND:
		faults |= st->mode & 0001 ? 0 : FAULT_EXEC;
		break;
	case CRITICAL_LIBRARY:
		faults |= st->mode & 0004 ? 0 : FAULT_READ;
		break;
	}
	faults |= st->mode & 0002 ? FAULT_WRITE : 0;
	return row->kind == CRITICAL_FILE || is_elf ? faults : 0;
}

static bool is_seen(const struct critical_states *states, const char *real)
{
	vec_foreach (state, states)
		if (str_eq(state->real, real))
			return true;
	return false;
}

void critical_paths_look(const struct machine *machine, struct critical_states *ret)
{
	for (size_t i = 0; i < critical_path_count; i++) {
		const struct critical_path *row = &critical_paths[i];
		cleanup(str_done) struct str real = STR_INIT;
		struct critical_state state = { .row = row };
		struct err ignored = ERR_INIT;

		if (tree_stat(machine_tree(machine), row->path, TREE_FOLLOW, &state.st, &ignored) <
			    0 ||
		    tree_resolve(machine_tree(machine), row->path, &real, &ignored) < 0)
			continue;
		/* A file kept in /run or elsewhere for the moment is made anew at boot. */
		if (str_starts(real.s, "/run/") || str_starts(real.s, "/proc/"))
			continue;
		state.faults = faults_of(machine, row, real.s, &state.st);
		if (!state.faults || is_seen(ret, real.s) ||
		    critical_is_overridden(machine, real.s) ||
		    critical_is_overridden(machine, row->path))
			continue;
		state.real = str_take(&real);
		vec_push(ret, state);
	}
}

void critical_states_done(struct critical_states *states)
{
	vec_foreach (state, states)
		free(state->real);
	vec_done(states);
}

uint32_t critical_mode(const struct critical_state *state, unsigned faults)
{
	uint32_t mode = state->st.mode & 07777;

	if (faults & FAULT_STICKY)
		mode |= 01777;
	if (faults & FAULT_SEARCH)
		mode |= 0755;
	if (faults & FAULT_EXEC)
		mode |= 0755;
	if (faults & FAULT_READ)
		mode |= 0644;
	if (faults & FAULT_WRITE)
		mode &= ~0022u;
	return mode;
}
