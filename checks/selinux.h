/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SELINUX_H
#define CHECKS_SELINUX_H

/* What SELinux will do at the next boot: the configuration, the kernel's command line, the policy.
 *
 * Source: selinux(8); selinux_config(5); libselinux, selinux_init_load_policy() and
 * selinux_getenforcemode(). */

#include "checks/machine.h"
#include "fs/shellvars.h"

enum selinux_mode { SELINUX_OFF, SELINUX_PERMISSIVE, SELINUX_ENFORCING, SELINUX_UNKNOWN };
struct selinux {
	enum selinux_mode mode; /* at the next boot; OFF also where the kernel has it not on */
	bool is_forced;		/* the kernel's command line says so, whatever the file says */
	bool will_relabel;	/* /.autorelabel, or autorelabel=1 */
	bool has_config;
	struct shellvars config; /* /etc/selinux/config */
	char *type;		 /* SELINUXTYPE: "targeted" */
	char *policy;		 /* path of the newest policy that begins as one; NULL: none */
	bool has_bad_policy;	 /* a file is there that begins as no policy does */
	bool has_contexts;	 /* file_contexts is there, so that files can be labelled again */
};
/* Worked out once and kept. Never NULL. Borrowed. */
const struct selinux *selinux_read(const struct machine *);
#define SELINUX_CONFIG "/etc/selinux/config"
/* The newest policy of another type; NULL: none. The caller frees. */
char *selinux_policy_of(const struct machine *, const char *type, bool *ret_has_bad);

#endif
