/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SSHD_SERVICE_H
#define CHECKS_SSHD_SERVICE_H

/* How sshd is started on the volume: which unit, with which options, by a socket or not. */

#include "checks/machine.h"

/* "ssh.service" or "sshd.service": the one that there is (the real unit, not its alias); NULL: no
 * such unit, as on systems before systemd. */
const char *sshd_service_unit(const struct machine *);
/* "ssh.socket" or "sshd.socket" when it is what starts sshd at boot, else NULL. */
const char *sshd_service_socket(const struct machine *);

/* One assignment of a unit file, its drop-ins included, in systemd's order. An empty assignment
 * has already cleared what was before it. */
struct unit_value {
	char *value, *path;
	uint32_t line;
};
VEC_TYPE(unit_values, struct unit_value);
/* Values of `key` in [section] of the unit. Source: systemd.unit(5), systemd.syntax(7). */
void unit_values_read(const struct machine *, const char *unit, const char *section,
		      const char *key, struct unit_values *ret);
/* Appends the lines "key=value" of one such file; a reset empties the list. */
void unit_values_add(struct unit_values *, const struct machine *, const char *path,
		     const char *section, const char *key);
void unit_values_done(struct unit_values *);
DEFINE_CLEANUP_DONE(struct unit_values, unit_values_done)

/* sshd's command line at boot, variables of the unit's EnvironmentFile expanded, as words with the
 * place each came from. */
void sshd_service_options(const struct machine *, struct unit_values *ret);

#endif
