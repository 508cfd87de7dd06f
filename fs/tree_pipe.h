/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_PIPE_H
#define FS_TREE_PIPE_H

/* A tree over a stream socket: one process holds the tree and serves it, another one, which has no
 * access of its own, reads it. Read-only: every function that changes is refused.
 *
 * One request, one reply, in turn; host byte order, for both ends are one program on one machine.
 * The serving side trusts nothing: paths and lengths are capped before anything is read or
 * allocated, requests are counted, and the whole session has a deadline. */

#include "fs/tree.h"

struct tree_pipe_limits {
	uint32_t requests;    /* most requests in a session */
	uint64_t reply_bytes; /* most bytes of all replies together */
	size_t result_bytes;  /* longest result */
	uint32_t deadline_s;  /* for the session */
};

/* Serves `tree` on `fd` until the other side hands in its result (tree_pipe_finish), which is
 * appended to ret_result. ERR_MALFORMED: a frame that no honest client sends, or a limit was
 * passed; ERR_TIMEOUT: the deadline passed; ERR_IO: the other side ended without a result. After an
 * error the session is over: close fd. */
int tree_pipe_serve(struct tree *tree, int fd, const struct tree_pipe_limits *limits,
		    struct str *ret_result, struct err *err) __attribute__((warn_unused_result));

/* Backend: the reading side. Answers are remembered, and so are the names in the directories on the
 * way to what is asked for, so that what is missing costs no question: the tree must not change during
 * the session.
 * fd stays the caller's and must outlive the tree. Uses only sendto(2) and recvfrom(2) on fd, so
 * that a seccomp filter can allow just these. When the channel breaks, every call is ERR_IO from
 * then on. */
struct tree *tree_open_pipe(int fd) __attribute__((returns_nonnull, warn_unused_result));
/* Hands in the result and so ends the session; the tree on this fd is useless afterwards. */
int tree_pipe_finish(int fd, const void *result, size_t len, struct err *err)
	__attribute__((warn_unused_result));

#endif
