/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/units.h"
#include "fs/lines.h"

static const char *const daemons[] = { "chronyd.service",
				       "chrony.service",
				       "ntpd.service",
				       "ntp.service",
				       "ntpsec.service",
				       "openntpd.service",
				       "systemd-timesyncd.service" };

/* The daemon that is enabled; else, in ret_installed, the first one that could be. */
static const char *find_daemon(const struct machine *machine, const char **ret_installed)
{
	*ret_installed = NULL;
	for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
		enum unit_state state = machine_unit(machine, daemons[i]);

		if (state == UNIT_ENABLED)
			return daemons[i];
		if (!*ret_installed && machine_unit_path(machine, daemons[i]) &&
		    (state == UNIT_DISABLED || state == UNIT_MASKED))
			*ret_installed = daemons[i];
	}
	return NULL;
}

static void look_at_none(const struct machine *machine, const char *unit, struct findings *out)
{
	const char *path = machine_unit_path(machine, unit);
	bool is_masked = machine_unit(machine, unit) == UNIT_MASKED;
	cleanup(free) char *link = NULL;
	struct finding *finding;

	finding = finding_add(
		out, SEVERITY_NOTE, REPAIR_OFFERED, "138", path, 0,
		"nothing sets the clock: %s is installed and %s; a clock that is minutes "
		"off breaks TLS and every signed request to AWS",
		unit, is_masked ? "masked" : "not enabled");
	link = mem_printf("/etc/systemd/system/%s/%s",
			  str_starts(unit, "systemd-") ? "sysinit.target.wants"
						       : "multi-user.target.wants",
			  unit);
	if (!is_masked)
		edit_symlink(&finding->edits, link, path);
	else if (str_starts(path, "/etc/"))
		edit_remove(&finding->edits, path);
	else
		finding->repair = REPAIR_NONE;
}

/* Does a chrony.conf say where the time comes from, or where else to look? */
static bool has_sources(const struct str *text)
{
	static const char *const words[] = { "server",	 "pool",    "peer",
					     "refclock", "include", "sourcedir",
					     "confdir",	 "manual",  "local" };

	/* Behind a NUL, too: chrony reads line by line. */
	for (size_t at = 0; at < text->len;) {
		const char *line = text->s + at, *s = line + strspn(line, " \t");
		const char *end = memchr(line, '\n', text->len - at);
		size_t len = strcspn(s, " \t\r\n");

		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (str_is_nocase(s, len, words[i]))
				return true;
		at = end ? (size_t)(end - text->s) + 1 : text->len;
	}
	return false;
}

static void look_at_chrony(const struct machine *machine, struct findings *out)
{
	static const char *const paths[] = { "/etc/chrony/chrony.conf", "/etc/chrony.conf" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, paths[i], &ignored);
		struct finding *finding;

		if (!text || has_sources(text))
			continue;
		finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "138", paths[i], 0,
				      "chrony has no server, pool or clock to take the time from");
		lines_edit_insert(&finding->edits, paths[i], text,
				  lines_count(text->s, text->len) + 1,
				  "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4\n");
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const char *installed, *daemon = find_daemon(machine, &installed);

	(void)err;
	if (!daemon && installed)
		look_at_none(machine, installed, out);
	else if (daemon && str_starts(daemon, "chron"))
		look_at_chrony(machine, out);
	return 0;
}

const struct check check_clock = {
	.name = "clock",
	.title = "nothing sets the clock",
	.explain =
		"Requests to AWS are signed with the time and refused when it is five minutes off, "
		"TLS certificates are not valid yet, one-time passwords fail. A daemon that is "
		"installed and not started, or chrony without a source, lets the clock drift. "
		"Offered is to enable it, or the time service that every VPC has at "
		"169.254.169.123. A system without any such daemon is no fault.",
	.source = "Amazon EC2 user guide, \"Set the time reference to the local Amazon Time Sync "
		  "Service\"; chrony.conf(5); systemd-timesyncd.service(8)",
	.rows = "138",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
