/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_REMOTE_H
#define RESCUE_REMOTE_H

/* A block device on another machine for a surgeon: this process fetches over SFTP what is asked for
 * (fs/served.h), and reads none of it. What the surgeon writes is written there, and a flush ends when every write
 * was acknowledged and the device is flushed. */

#include "base/loop.h"
#include "fs/served.h"

struct remote;
struct remote_request {
	struct loop *loop;
	int fd;		      /* a stream on which an SFTP server answers; taken over */
	const char *path;     /* of the device there */
	uint64_t size_bytes;  /* of the device, which has none in SFTP */
	const char *work_dir; /* for the blocks that came */
	bool may_write;
	uint32_t silence_s; /* a server that says nothing for so long is given up */
	/* The device is open, or could not be (err; borrowed). Runs once, from the loop. */
	void (*ready)(void *arg, const struct err *err);
	void *arg;
};
struct remote *remote_start(const struct remote_request *) __attribute__((returns_nonnull));
void remote_free(struct remote *); /* NULL is fine */

/* As blocks_link and blocks_release_link of rescue/blocks.h, from ready() on. */
int remote_link(const struct remote *);
void remote_release_link(struct remote *);
/* Why a block could not be had, the first of them; ERR_NONE: none was missed. */
const struct err *remote_failure(const struct remote *);

struct remote_figures {
	uint64_t size_bytes, volume_blocks;
	uint64_t fetched, fetched_bytes; /* blocks, and their bytes */
	uint64_t written_bytes;
};
struct remote_figures remote_figures(const struct remote *);

#endif
