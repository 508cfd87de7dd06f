/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_LINK_H
#define RESCUE_LINK_H

/* The way to a helper that is another machine: the system's own ssh, so that its configuration (ProxyJump,
 * agents, hardware keys, session managers) counts. On the helper runs nothing of ours but a few lines of
 * shell, which wait for the volume's device and then become the SFTP server (rescue/remote.h speaks with it).
 *
 *   we                                 the helper
 *                                      "ec2-rescue ready"
 *   "PATH PATH...\n"
 *                                      "ec2-rescue device BYTES PATH", as soon as one of them is there
 *   SFTP                               SFTP
 *
 * A helper of a run is kept alive by it: rescue/helper.h. */

#include "base/loop.h"
#include "ec2/ids.h"

enum link_state {
	LINK_CONNECTING,
	LINK_READY,
	LINK_LOOKING, /* for the device */
	LINK_DEVICE,  /* SFTP is spoken now: link_take() */
	LINK_TAKEN,
	LINK_BROKEN, /* link_failure() */
};

struct link;
struct link_request {
	struct loop *loop;
	const char *host, *user; /* user NULL: as ssh's configuration has it */
	uint32_t port;		 /* 0: so, too */
	const char *
		keys_dir; /* of a helper that was launched (helper_keys_make); NULL: the person's own keys */
	const char *log;	    /* what ssh says goes to this file */
	void (*changed)(void *arg); /* the state did; must not close the link */
	void *arg;
};
/* ERR_TOOL: ssh cannot be started. */
int link_open(const struct link_request *, struct link **ret, struct err *err)
	__attribute__((warn_unused_result));
/* NULL is fine. Kills ssh. */
void link_close(struct link *);
enum link_state link_state(const struct link *);
const struct err *link_failure(const struct link *);
/* In LINK_READY: waits for the device of the volume, which was attached under this name. */
void link_look(struct link *, const struct volume_id *, const char *device);
/* In LINK_DEVICE: the stream on which SFTP is spoken, which is the caller's now; and the device's size and path, good as
 * long as the link. */
int link_take(struct link *, const char **ret_path, uint64_t *ret_bytes);

#endif
