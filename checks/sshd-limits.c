/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <stdio.h>
#include <strings.h>

/* sshd drops a connection when as many as the limit wait for a login already: a limit of 0, or a
 * start of 0 with a rate of 100, drops all. */
static bool startups_drop_all(const char *value)
{
	int begin, rate, full;
	/* NOLINTNEXTLINE(cert-err34-c): read as sshd itself reads it */
	int n = sscanf(value, "%d:%d:%d", &begin, &rate, &full);

	return n == 1 ? begin <= 0 : n == 3 && (full <= 0 || (begin <= 0 && rate >= 100));
}

static bool is_zero(const char *value)
{
	return sshd_number(value, 1000000) == 0;
}

static bool is_yes(const char *value)
{
	return !strcasecmp(value, "yes");
}

static const struct limit {
	const char *key;
	bool (*drops_all)(const char *value);
	const char *why;
} limits[] = {
	{ "maxauthtries", is_zero, "the connection ends before the first key is tried" },
	{ "maxstartups", startups_drop_all, "every new connection is dropped" },
	{ "persourcemaxstartups", is_zero, "every new connection is dropped" },
	{ "refuseconnection", is_yes, "every connection is ended" },
};

/* The directive that decides for certain, for the primary or (without any) in the global section.
 */
static const struct sshd_directive *decides(const struct sshd_conf *conf,
					    const struct machine *machine,
					    const struct people *people, const struct limit *limit)
{
	struct directive_list values = { 0 };
	const struct sshd_directive *d = NULL;

	if (!people->primary)
		return sshd_conf_global(conf, limit->key);
	person_values(conf, machine, people->primary, limit->key, &values);
	if (values.count == 1)
		d = values.items[0];
	vec_done(&values);
	return d;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	for (size_t i = 0; conf && i < ARRAY_LEN(limits); i++) {
		const struct sshd_directive *d = decides(conf, machine, people, &limits[i]);
		const char *value = sshd_directive_arg(d);
		if (!d || !limits[i].drops_all(value))
			continue;
		struct finding *f = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, sshd_rows(conf, d, "83", "80,83"),
			d->path, d->line, "%s %s: %s", d->name,
			machine_quote(machine, value, strlen(value)), limits[i].why);
		if (people->primary)
			sshd_edit_comment_all(&f->edits, conf, machine, people->primary, d);
		else
			sshd_edit_comment(&f->edits, d);
		sshd_finding_end(f);
	}
	return 0;
}

const struct check check_sshd_limits = {
	.name = "sshd-limits",
	.title = "a limit in sshd_config ends every connection",
	.explain = "MaxAuthTries 0 ends the connection at the first try, MaxStartups 0 and "
		   "PerSourceMaxStartups "
		   "0 drop it before any, RefuseConnection yes after the handshake. Somebody meant "
		   "\"no limit\" "
		   "or left a test behind. The repair makes the line a comment, so that sshd's "
		   "default limit "
		   "counts.",
	.source =
		"sshd_config(5) MaxAuthTries, MaxStartups, PerSourceMaxStartups, RefuseConnection",
	.rows = "80,83",
	.repair = REPAIR_SURE,
	.examine = examine,
};
