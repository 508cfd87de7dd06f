/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_SERVED_H
#define FS_SERVED_H

/* A source whose bytes another process brings, block by block, when they are asked for: that process
 * has the network and the credentials, this one has the volume's contents.
 *
 * Between them are a board in shared memory, a sparse file that holds the blocks that came, at their
 * offset on the volume, and a SEQPACKET socket on which blocks are asked for. The bringer believes
 * nothing of what it shares: it only writes there. Any number of processes may ask and wait (children forked of the asker share the socket).
 *
 * What is written goes the same way: over the socket into the bringer's file, and a flush ends when the
 * bringer says that it is where it should be; a read sees it from then on. One process writes. */

#include "base/mem.h"
#include "fs/source.h"

#include <stdatomic.h>
#include <stdbool.h>

#define SERVED_WHY_MAX	 512
#define SERVED_WRITE_MAX (64u << 10)

enum served_kind {
	SERVED_ASK,   /* for block `at` */
	SERVED_WRITE, /* `len` bytes at byte `at` */
	SERVED_FLUSH, /* everything that was written */
};
struct served_message {
	uint32_t kind, len;
	uint64_t at;
	unsigned char data[];
};

enum served_state {
	SERVED_AWAY,   /* to be asked for */
	SERVED_HERE,   /* in the file, or zeros */
	SERVED_FAILED, /* will not come: board->code and why */
};
struct served_board {
	uint64_t size_bytes; /* of the volume */
	uint32_t block_bytes;
	_Atomic uint32_t turn; /* grows whenever a state changed; a futex */
	uint32_t code;	       /* enum err_code */
	char why[SERVED_WHY_MAX];
	bool is_writable;
	_Atomic uint32_t flushes; /* that ended, and how the last of them did */
	uint32_t flush_code;
	char flush_why[SERVED_WHY_MAX];
	_Atomic uint8_t states[]; /* one a block */
};

/* ---- the bringer's side */

/* The board and the file, and both ends of the socket. */
struct bringer {
	uint64_t size_bytes, blocks; /* its own: what is on the board is only written */
	uint32_t block_bytes;
	bool is_writable;
	struct served_board *board;
	int link;  /* messages come here; EOF: nobody is left to ask */
	int cache; /* where the blocks go */
	int other; /* for the asker: it is inherited by a child, and then closed here */
	struct served_message *message; /* the newest */
};
#define BRINGER_INIT                                 \
	{                                            \
		.link = -1, .cache = -1, .other = -1 \
	}
struct bringer_spec {
	const char *work_dir; /* for the sparse file, which is unlinked at once */
	uint64_t size_bytes;
	uint32_t block_bytes;
	bool is_writable;
};
/* Every block begins as SERVED_AWAY. */
int bringer_open(const struct bringer_spec *, struct bringer *ret, struct err *err)
	__attribute__((warn_unused_result));
void bringer_done(struct bringer *);
/* What is asked next, good until the next call: of a block of the volume, or a write within it. NULL:
 * nothing for now, or (*ret_is_over) ever. Anything else that was sent is passed over. */
const struct served_message *bringer_next(struct bringer *, bool *ret_is_over);
/* Into the file, over what is there. */
int bringer_write(struct bringer *, const struct served_message *, struct err *err)
	__attribute__((warn_unused_result));
/* The flush that was asked for ended. err NULL: well. */
void bringer_flushed(struct bringer *, const struct err *err);
/* A block that came: it is written to the file before anybody is told. */
int bringer_bring(struct bringer *, uint64_t block, const void *data, size_t len, struct err *err)
	__attribute__((warn_unused_result));
void bringer_has_zeros(struct bringer *, uint64_t block);
void bringer_fail(struct bringer *, uint64_t block, const struct err *why);

/* ---- the asker's side */

struct served;
/* Takes the descriptor over. ERR_MALFORMED: what came over it is no board. */
int served_open(int link_fd, struct served **ret, struct err *err)
	__attribute__((warn_unused_result));
void served_close(struct served *);
DEFINE_CLEANUP(struct served *, served_close)
/* Borrows it; any number one after the other. */
struct source *served_source(struct served *, const char *name);

#endif
