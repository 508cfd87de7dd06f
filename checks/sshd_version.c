/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/packages.h"
#include "checks/sshd_conf.h"

#include <ctype.h>
#include <stdio.h>

/* Which sshd is on the volume: the binary itself knows, the package databases are second best. */

#define MARK "OpenSSH_"

/* "9.2p1 ..." -> 902, "6.6.1p1" -> 606; 0 unless a portable version stands there. (The binary also
 * holds patterns such as "OpenSSH_7.0*" about other people's versions: no 'p'.) */
static uint32_t version_parse(const char *s)
{
	unsigned major, minor;
	int used = 0;

	/* NOLINTNEXTLINE(cert-err34-c): three digits are no overflow */
	if (sscanf(s, "%3u.%3u%n", &major, &minor, &used) != 2 || major > 99 || minor > 99)
		return 0;
	s += used;
	if (*s == '.')
		for (s++; isdigit((unsigned char)*s); s++)
			;
	return *s == 'p' && isdigit((unsigned char)s[1]) ? major * 100 + minor : 0;
}

static uint32_t version_in_bytes(const struct str *bytes)
{
	const char *p = bytes->s, *end = bytes->s + bytes->len;

	while ((p = memmem(p, (size_t)(end - p), MARK, strlen(MARK)))) {
		p += strlen(MARK);
		uint32_t version = version_parse(p); /* str is NUL-terminated */
		if (version)
			return version;
	}
	return 0;
}

/* "Version: 1:9.2p1-2+deb12u3" of the package in dpkg's status file. */
static uint32_t version_from_dpkg(const struct machine *machine)
{
	const struct package *package = package_find(machine, "openssh-server");
	const char *p = package ? package->version : NULL;
	size_t digits = p ? strspn(p, "0123456789") : 0;

	return p ? version_parse(digits && p[digits] == ':' ? p + digits + 1 : p) : 0;
}

/* RPM packages of old leave /usr/share/doc/openssh-7.4p1. */
static uint32_t version_from_doc(const struct machine *machine)
{
	struct err err = ERR_INIT;
	cleanup(tree_names_done) struct tree_names names = { 0 };

	if (tree_list(machine_tree(machine), "/usr/share/doc", &names, &err) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		const char *p = names.items[i];
		if (!str_starts(p, "openssh"))
			continue;
		const char *dash = strpbrk(p, "0123456789");
		uint32_t version = dash ? version_parse(dash) : 0;
		if (version)
			return version;
	}
	return 0;
}

struct sshd_program sshd_program(const struct machine *machine)
{
	static const char *const paths[] = { "/usr/sbin/sshd", "/usr/local/sbin/sshd",
					     "/usr/bin/sshd" };
	struct sshd_program ret = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(paths) && !ret.version; i++) {
		struct err err = ERR_INIT;
		const struct str *bytes = machine_file(machine, paths[i], &err);
		if (!bytes)
			continue;
		ret.version = version_in_bytes(bytes);
		if (bytes->len > 4 && !memcmp(bytes->s, "\177ELF", 4))
			ret.binary = bytes;
	}
	if (!ret.version)
		ret.version = version_from_dpkg(machine);
	if (!ret.version)
		ret.version = version_from_doc(machine);
	return ret;
}

bool sshd_program_has(const struct sshd_program *program, const char *string)
{
	/* The NUL behind it counts; linkers share tails of strings, so there need be none before.
	 */
	return program->binary && *string &&
	       memmem(program->binary->s, program->binary->len, string, strlen(string) + 1);
}
