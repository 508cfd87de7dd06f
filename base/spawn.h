/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

/* Starting a program for base/proc.h, which waits for it in two ways; nobody else includes this. */

#include "base/proc.h"

#include <sys/types.h>

struct child {
	pid_t pid;	     /* also its process group */
	int in, out, errout; /* our ends, non-blocking; -1: none. The caller closes them */
};
/* ERR_TOOL, with the name, when it cannot be started. */
int child_spawn(const struct proc_run *run, struct child *ret, struct err *err)
	__attribute__((warn_unused_result));
/* wait status -> exit status; 128 + signal. */
int child_status(int wait_status);

#endif
