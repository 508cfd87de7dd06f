/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"
#include "checks/sshd_service.h"
#include "checks/sshd_witness.h"

#include <arpa/inet.h>
#include <strings.h>

static bool is_loopback(const char *address)
{
	return str_starts(address, "127.") || str_eq(address, "::1") ||
	       !strcasecmp(address, "localhost") || !strcasecmp(address, "ip6-localhost");
}

enum reach { REACHED, REACH_UNKNOWN, REACH_STALE, REACH_NEVER };

static enum reach reach_of(const struct machine *machine, const struct sshd_listen *l)
{
	struct in_addr in;

	if (!l->address)
		return REACHED;
	if (is_loopback(l->address))
		return REACH_NEVER;
	if (str_eq(l->address, "::"))
		return witness_ipv6(machine) ? REACHED : REACH_NEVER;
	if (!inet_aton(l->address, &in))
		return REACHED; /* a name, or IPv6: nobody can tell offline */
	switch (witness_address(machine, l->address)) {
	case ADDRESS_OURS:
		return REACHED;
	case ADDRESS_STALE:
		return REACH_STALE;
	case ADDRESS_UNKNOWN:
		break;
	}
	return REACH_UNKNOWN;
}

/* Comments every ListenStream= of a socket's drop-in, its reset included. */
static void comment_streams(const struct machine *machine, const char *path, struct edits *edits)
{
	struct err err = ERR_INIT;
	const struct str *bytes = machine_file(machine, path, &err);
	uint32_t number = 0;

	if (!str_starts(path, "/etc/") || !strstr(path, ".d/"))
		return;
	for (const char *p = bytes ? bytes->s : NULL; p && *p;) {
		size_t len = strcspn(p, "\n");
		cleanup(free) char *line = mem_strndup(p, len + (p[len] == '\n'));
		const char *s = line + strspn(line, " \t");
		number++;
		p += len + (p[len] == '\n');
		if (!str_starts(s, "ListenStream"))
			continue;
		cleanup(free) char *commented = mem_printf("#ec2-rescue# %s", line);
		edit_lines(edits, path, number, 1, line, commented);
	}
}

static const struct sshd_directive *directive_at(const struct sshd_conf *conf, const char *path,
						 uint32_t line)
{
	if (!conf || !path)
		return NULL;
	vec_foreach (d, &conf->directives)
		if (d->line == line && str_eq(d->path, path))
			return d;
	return NULL;
}

static const char *reason(enum reach reach)
{
	switch (reach) {
	case REACH_STALE:
		return "which is no address of this instance";
	case REACH_NEVER:
		return "which cannot be reached from outside";
	default:
		return "which may be another instance's address";
	}
}

/* Nothing that sshd listens on can be reached: every line that says so. */
static void report_unreachable(const struct machine *machine, const struct sshd_conf *conf,
			       const struct sshd_listens *listens, struct findings *out)
{
	vec_foreach (l, listens) {
		enum reach reach = reach_of(machine, l);
		bool is_unsure = reach == REACH_UNKNOWN, seen = false;
		for (struct sshd_listen *o = listens->items; o < l; o++)
			seen |= l->path && o->path && str_eq(o->path, l->path) &&
				o->line == l->line;
		if (seen)
			continue;
		const struct sshd_directive *d = directive_at(conf, l->path, l->line);
		const char *what = machine_quote(machine, l->address, strlen(l->address));
		struct finding *f =
			finding_add(out, is_unsure ? SEVERITY_NOTE : SEVERITY_BLOCKS_LOGIN,
				    is_unsure ? REPAIR_OFFERED : REPAIR_SURE,
				    conf ? sshd_rows(conf, d, "83", "80,83") : "83", l->path,
				    l->line, "sshd listens only on %s, %s",
				    str_eq(l->address, "::") ? "IPv6" : what, reason(reach));
		if (d)
			sshd_edit_comment(&f->edits, d);
		else if (l->path)
			comment_streams(machine, l->path, &f->edits);
		sshd_finding_end(f);
	}
}

/* No port 22, and nothing else on the volume knows the port that there is. */
static void report_port(const struct machine *machine, const struct sshd_conf *conf,
			const struct sshd_listens *listens, struct findings *out)
{
	vec_foreach (l, listens)
		if (l->port == 22 || witness_port(machine, l->port))
			return;
	if (!listens->count)
		return;
	const struct sshd_listen *l = &listens->items[0];
	const struct sshd_directive *d = directive_at(conf, l->path, l->line);
	struct finding *f = finding_add(
		out, SEVERITY_NOTE, REPAIR_OFFERED, conf ? sshd_rows(conf, d, "83", "80,83") : "83",
		l->path, l->line,
		"sshd listens on port %u, not 22: the security group has to let that port in",
		l->port);
	vec_foreach (other, listens) {
		const struct sshd_directive *port = directive_at(conf, other->path, other->line);
		if (port && sshd_directive_is(port, "port"))
			sshd_edit_comment(&f->edits, port);
	}
	sshd_finding_end(f);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;
	cleanup(sshd_listens_done) struct sshd_listens listens = { 0 };
	bool reached = false;

	if (sshd_model(machine, &conf, NULL, err) < 0 || sshd_listen(machine, &listens, err) < 0)
		return -1;
	vec_foreach (l, &listens)
		reached |= reach_of(machine, l) == REACHED;
	if (!reached)
		report_unreachable(machine, conf, &listens, out);
	report_port(machine, conf, &listens, out);
	return 0;
}

const struct check check_sshd_reach = {
	.name = "sshd-reach",
	.title = "sshd listens where nobody can reach it",
	.explain = "ListenAddress with the private address of another instance (after a restore, a "
		   "copy, an AMI) "
		   "cannot be bound, and sshd does not start; 127.0.0.1 answers to nobody outside; "
		   "AddressFamily "
		   "inet6 is deaf where the subnet has no IPv6. On socket-activated systems "
		   "ListenStream= of "
		   "ssh.socket is what counts. Addresses are compared with the instance's "
		   "interfaces when they "
		   "are known, else with the address settings, leases and logs on the volume. The "
		   "repair makes "
		   "the lines comments: sshd listens everywhere, as by default. Another port than "
		   "22 is only "
		   "pointed out.",
	.source = "sshd_config(5) ListenAddress, AddressFamily, Port; systemd.socket(5) "
		  "ListenStream=; Ubuntu's "
		  "sshd-socket-generator",
	.rows = "80,83",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
