/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_BIRTH_H
#define RESCUE_BIRTH_H

/* How a child without credentials comes into being: this program again (a hidden command), started with
 * an empty environment and only its own descriptors; where there is no credential to begin with
 * (base/secrets.h), a fork is enough. */

#include <sys/types.h>

struct birth {
	char *command;	    /* the hidden one */
	int (*main)(void);  /* its whole life; the exit status */
	int channel, words; /* become SANDBOX_CHANNEL and 2 */
	int link, served;   /* become SANDBOX_LINK and SANDBOX_SERVED; -1: none */
	char **env;	    /* birth_start's own, as is parent */
	pid_t parent;
};
/* -1 with errno. The child dies with this process. */
pid_t birth_start(struct birth *);

#endif
