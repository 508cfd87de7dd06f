/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_MACHINE_H
#define CLOUD_MACHINE_H

/* Instances that are real machines as far as ssh goes ("sshd_listen": "real"): each connection gets an sshd of its
 * own, in namespaces of its own (mounts, processes, no network), that sees the accounts and the host key of the
 * instance's user data and its volumes under /dev/disk/by-id. DIR/instances/ID holds what that is made of. */

#include "tests/cloud/sim.h"

bool machine_is_real(const json_t *inst);
/* Makes DIR/instances/ID, and arms the shutdown that the user data asks for. */
int machine_prepare(struct sim *sim, struct res *inst, struct err *err)
	__attribute__((warn_unused_result));
/* Takes the connection over. */
void machine_serve(struct sim *sim, const struct res *inst, int fd);
void machine_kill(struct sim *sim, const char *instance_id); /* NULL: all of them */
/* The time for a shutdown from inside has come, unless it was put off. */
void machine_shutdown_due(struct sim *sim, struct res *inst);
char *machine_dir(struct sim *sim, const char *instance_id);

#endif
