/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SANDBOX_H
#define RESCUE_SANDBOX_H

/* Confinement of the processes that touch the patient. */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SANDBOX_CHANNEL 3 /* the descriptor that a confined process talks on */
#define SANDBOX_LINK	4 /* the surgeon's, to its rehearser, when it has one */
#define SANDBOX_SERVED \
	5 /* the surgeon's, on which it asks for blocks (fs/served.h), if it has to */

/* The surgeon: no sockets, no new privileges, no core dumps; when it shall mount, a mount namespace of
 * its own, which a process that is not root may have to do without. */
int sandbox_surgeon(bool shall_mount, struct err *err) __attribute__((warn_unused_result));

/* The examiner: nobody's uid when root, no capabilities, every descriptor closed but the channel,
 * limits on memory, processor time, files and processes, and a seccomp filter that allows sending
 * and receiving on the channel and memory management. What is forbidden kills the process (SIGSYS).
 * Call it in a fresh child; its parent must be `parent`, or the process exits. */
int sandbox_examiner(int channel_fd, uint32_t cpu_s, int parent, struct err *err)
	__attribute__((warn_unused_result));

/* The rehearser: a network of its own in which only itself is, namespaces of its own with every mount
 * read-only, nobody's uid (with the group of /dev/kvm, where that opens it), no capabilities. */
int sandbox_rehearser(struct err *err) __attribute__((warn_unused_result));

#endif
