/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <strings.h>

/* Drop-ins come first where Include stands on top, as distributions have it, and the first value
 * wins: what the operator sets in sshd_config itself is then ignored. */

static const struct sshd_directive *overridden(const struct sshd_conf *conf,
					       const struct sshd_directive *winner)
{
	const char *key = sshd_keyword_key(winner->keyword);

	vec_foreach (d, &conf->directives)
		if (d > winner && !d->fatal && !d->scope && !d->is_option &&
		    str_eq(d->path, conf->path) && sshd_directive_is(d, key) &&
		    strcasecmp(sshd_directive_arg(d), sshd_directive_arg(winner)))
			return d;
	return NULL;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	if (!conf || people->somebody_may || !people->primary || !people->primary->has_password)
		return 0;
	const struct sshd_directive *d = sshd_conf_global(conf, "passwordauthentication");
	if (!d || d->is_option || str_eq(d->path, conf->path) ||
	    strcasecmp(sshd_directive_arg(d), "no"))
		return 0;
	const struct sshd_directive *other = overridden(conf, d);
	if (!other)
		return 0;
	struct finding *f =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "80", d->path, d->line,
			    "PasswordAuthentication no in this drop-in wins over %s at %s:%u, and "
			    "nobody has a key "
			    "that would let them in",
			    sshd_directive_arg(other), other->path, other->line);
	sshd_edit_comment(&f->edits, d);
	sshd_finding_end(f);
	return 0;
}

const struct check check_sshd_drop_in = {
	.name = "sshd-drop-in",
	.title = "a drop-in overrides the password login that sshd_config allows",
	.explain = "sshd takes the first value it meets, and the Include of /etc/ssh/sshd_config.d "
		   "stands at the "
		   "top: cloud-init's 50-cloud-init.conf with PasswordAuthentication no beats a "
		   "yes further down "
		   "in sshd_config. It is reported when a password is the only way in that anybody "
		   "has. Opening "
		   "password login is a matter of policy, so the repair (a comment in the file "
		   "that wins) is "
		   "only offered. Every other check of this family also names the drop-in that "
		   "decides.",
	.source =
		"sshd_config(5): for each keyword, the first obtained value will be used; Include",
	.rows = "80",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
