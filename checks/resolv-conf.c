/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/net_stack.h"
#include "checks/units.h"

#define PATH "/etc/resolv.conf"

/* What writes the file below /run that the link leads to. */
static const struct writer {
	const char *target, *unit;
} writers[] = {
	{ "run/systemd/resolve/", "systemd-resolved.service" },
	{ "run/NetworkManager/", "NetworkManager.service" },
};

static void look_at_writer(const struct machine *machine, const struct writer *writer,
			   struct findings *out)
{
	enum unit_state state = machine_unit(machine, writer->unit);
	const char *path = machine_unit_path(machine, writer->unit);
	cleanup(free) char *vendor = mem_printf("/usr/lib/systemd/system/%s", writer->unit);
	cleanup(free) char *link =
		mem_printf("/etc/systemd/system/multi-user.target.wants/%s", writer->unit);
	struct finding *finding;

	if (state != UNIT_MASKED && state != UNIT_DISABLED)
		return; /* it runs; or the volume does not show it at all */
	if (!tree_exists(machine_tree(machine), vendor)) {
		free(vendor);
		vendor = mem_printf("/lib/systemd/system/%s", writer->unit);
	}
	/* To start all of NetworkManager for the sake of names would be too much. */
	finding = finding_add(
		out, SEVERITY_DELAYS,
		str_starts(writer->unit, "systemd-resolved") ? REPAIR_OFFERED : REPAIR_NONE, "117",
		PATH, 0,
		"the link leads to a file of %s, which is %s; no host name is resolved, "
		"and logins wait for names",
		writer->unit, state == UNIT_MASKED ? "masked" : "not enabled");
	if (finding->repair == REPAIR_NONE)
		return;
	if (state == UNIT_MASKED && path && str_starts(path, "/etc/"))
		edit_remove(&finding->edits, path);
	if (tree_exists(machine_tree(machine), vendor))
		edit_symlink(&finding->edits, link, vendor);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

/* A link that leads nowhere, to a place that no boot fills. */
static void look_at_link(const struct machine *machine, const char *target, struct findings *out)
{
	bool is_of_run = str_starts(target, "/run/") || str_starts(target, "/var/run/") ||
			 str_starts(target, "../run/") || str_starts(target, "../var/run/");

	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		if (strstr(target, writers[i].target)) {
			look_at_writer(machine, &writers[i], out);
			return;
		}
	if (is_of_run || str_starts(target, "/dev/") || str_starts(target, "/proc/") ||
	    tree_exists(machine_tree(machine), PATH))
		return;
	finding_add(
		out, SEVERITY_DELAYS, REPAIR_NONE, "117", PATH, 0,
		"the link leads to %s, which is not there; no host name is resolved, and logins "
		"wait for names",
		machine_quote(machine, target, strlen(target)));
}

/* A file that nothing may write, with no server in it. */
static void look_at_file(const struct machine *machine, const struct tree_stat *st,
			 struct findings *out)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, PATH, &ignored);
	bool has_server = false;

	if (!text || !(st->attr_flags & TREE_IMMUTABLE))
		return;
	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n')
		has_server |= str_starts(at, "nameserver ") || str_starts(at, "nameserver\t");
	if (!has_server) /* else it is meant: DHCP is not to change it */
		finding_add(out, SEVERITY_DELAYS, REPAIR_NONE, "117", PATH, 0,
			    "the file is immutable (chattr +i) and names no server; no host name "
			    "is resolved");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(str_done) struct str target = STR_INIT;
	struct err why = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), PATH, TREE_NOFOLLOW, &st, &why) < 0) {
		if (why.code == ERR_NOTFOUND)
			return 0; /* whatever runs at boot makes it; glibc then asks 127.0.0.1 */
		*err = why;
		return -1;
	}
	if (!S_ISLNK(st.mode))
		look_at_file(machine, &st, out);
	else if (!tree_readlink(machine_tree(machine), PATH, &target, &why))
		look_at_link(machine, target.s, out);
	return 0;
}

const struct check check_resolv_conf = {
	.name = "resolv-conf",
	.title = "/etc/resolv.conf leads to nothing that names a server",
	.explain =
		"Without a name server nobody is locked out who logs in with a key, but sshd with "
		"UseDNS, sudo and everything that asks for names waits. A link into /run is in "
		"order as long as the service that writes there is started; a link to another "
		"place that is not there, or an immutable file, is reported. The repair enables "
		"systemd-resolved where the link leads to its file.",
	.source = "resolv.conf(5); systemd-resolved.service(8), \"/etc/resolv.conf\"; chattr(1)",
	.rows = "117",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
