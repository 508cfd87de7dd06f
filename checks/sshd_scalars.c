/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

/* Times, numbers, ports, address lists and Match criteria. */

int64_t sshd_time(const char *text)
{
	int64_t total = 0;

	if (!*text)
		return -1;
	while (*text) {
		if (!isdigit((unsigned char)*text))
			return -1;
		char *end;
		errno = 0;
		long value = strtol(text, &end, 10);
		if (errno || value > INT_MAX)
			return -1;
		int64_t unit = 1;
		switch (*end) {
		case '\0':
			break;
		case 's':
		case 'S':
			end++;
			break;
		case 'm':
		case 'M':
			unit = 60, end++;
			break;
		case 'h':
		case 'H':
			unit = 3600, end++;
			break;
		case 'd':
		case 'D':
			unit = 86400, end++;
			break;
		case 'w':
		case 'W':
			unit = 604800, end++;
			break;
		default:
			return -1;
		}
		total += value * unit;
		if (total > INT_MAX)
			return -1;
		text = end;
	}
	return total;
}

/* strtonum(text, 0, max): -1 when it is not such a number. */
int64_t sshd_number(const char *text, int64_t max)
{
	char *end;

	errno = 0;
	long long value = strtoll(text, &end, 10);
	return errno || end == text || *end || value < 0 || value > max ? -1 : value;
}

/* A service's TCP port in the volume's /etc/services; -1: not there. */
static int32_t service_port(const char *name, const struct machine *machine)
{
	struct err err = ERR_INIT;
	const char *services = machine_text(machine, "/etc/services", &err);
	size_t len = strlen(name);

	for (const char *p = len ? services : NULL; p && *p;
	     p = (p = strchr(p, '\n')) ? p + 1 : NULL) {
		unsigned port;
		char proto[4] = "";
		if (!strncmp(p, name, len) && isblank((unsigned char)p[len]) &&
		    /* NOLINTNEXTLINE(cert-err34-c): five digits are no overflow */
		    sscanf(p + len, "%5u/%3s", &port, proto) == 2 && str_eq(proto, "tcp"))
			return port <= 65535 ? (int32_t)port : -1;
	}
	return -1;
}

int32_t sshd_port(const char *text, const struct machine *machine)
{
	int64_t value = sshd_number(text, 65535);

	if (value >= 0)
		return (int32_t)value;
	int32_t port = service_port(text, machine);
	/* Without that file nobody can say what the C library would know. */
	struct err err = ERR_INIT;
	if (port < 0 && str_eq(text, "ssh") && !machine_file(machine, "/etc/services", &err))
		return 22;
	return port;
}

/* "10.0.0.1/8": sshd refuses a network whose host bits are set. */
static bool cidr_is_wrong(const char *text)
{
	char address[64];
	const char *slash = strchr(text, '/');
	uint8_t bytes[16] = { 0 };
	long bits = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	char *end;
	if (!isdigit((unsigned char)slash[1]))
		return false;
	bits = strtol(slash + 1, &end, 10);
	if (*end || bits > 128)
		return false;
	struct in_addr in;
	long width = 128;
	if (inet_aton(address, &in))
		memcpy(bytes, &in, 4), width = 32;
	else if (inet_pton(AF_INET6, address, bytes) != 1)
		return false;
	if (bits > width)
		return true;
	for (long i = bits; i < width; i++)
		if (bytes[i / 8] & (0x80 >> (i % 8)))
			return true;
	return false;
}

bool sshd_address_list_is_wrong(const char *list)
{
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	for (char *p; (p = strsep(&rest, ","));) {
		p += *p == '!';
		if (!*p || cidr_is_wrong(p))
			return true;
	}
	return false;
}

char *sshd_match_problem(const char *text, uint32_t version, const struct machine *machine)
{
	static const char *const criteria[] = { "user",		"group",     "host",   "address",
						"localaddress", "localport", "rdomain" };
	cleanup(free) char *copy = mem_strdup(text);
	char *rest = copy;
	size_t count = 0;

	for (char *name; (name = sshd_strdelim(&rest)) && *name && *name != '#'; count++) {
		if (!strcasecmp(name, "all") && version >= 605) {
			char *more = sshd_strdelim(&rest);
			if (count || (more && *more && *more != '#'))
				return mem_printf("\"all\" cannot be combined with other criteria");
			return NULL;
		}
		if (!strcasecmp(name, "invalid-user") && version >= 909)
			continue;
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(criteria); i++)
			known |= !strcasecmp(criteria[i], name);
		if (!known)
			return mem_printf("%s is not a Match criterion",
					  machine_quote(machine, name, strlen(name)));
		char *arg = sshd_strdelim(&rest);
		if (!arg || !*arg || *arg == '#')
			return mem_printf("the criterion %s has no value",
					  machine_quote(machine, name, strlen(name)));
		if ((!strcasecmp(name, "address") || !strcasecmp(name, "localaddress")) &&
		    version >= 702 && sshd_address_list_is_wrong(arg))
			return mem_printf("%s is not a list of addresses whose masks agree",
					  machine_quote(machine, arg, strlen(arg)));
		if (!strcasecmp(name, "localport") && sshd_port(arg, machine) < 0)
			return mem_printf("%s is not a port",
					  machine_quote(machine, arg, strlen(arg)));
	}
	return count ? NULL : mem_printf("Match needs at least one criterion");
}

bool sshd_pattern(const char *pattern, const char *s)
{
	const char *star = NULL, *again = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			again = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

int sshd_pattern_list(const char *list, const char *s)
{
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;
	int found = 0;

	for (char *p; (p = strsep(&rest, ","));) {
		bool negated = *p == '!';
		if (!sshd_pattern(p + negated, s))
			continue;
		if (negated)
			return -1;
		found = 1;
	}
	return found;
}
