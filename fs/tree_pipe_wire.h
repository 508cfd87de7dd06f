/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_PIPE_WIRE_H
#define FS_TREE_PIPE_WIRE_H

/* The frames of fs/tree_pipe.h. */

#include <stdint.h>

enum tree_pipe_op {
	OP_STAT = 1,
	OP_LSTAT,
	OP_READ,
	OP_READ_AT,
	OP_READLINK,
	OP_LIST,
	OP_GETXATTR,
	OP_SPACE,
	OP_RESULT,
};

/* Then path_len bytes of path and data_len bytes more (attribute name, result). */
struct tree_pipe_request {
	uint32_t op, path_len;
	uint64_t data_len, number; /* number: most bytes to read */
	uint64_t offset;	   /* OP_READ_AT: the first of them */
};
/* Then len bytes: the answer, or the text of the error when code is not ERR_NONE. */
struct tree_pipe_reply {
	uint32_t code, reserved;
	uint64_t len;
};

#define XATTR_NAME_LONGEST 255u
#define REPLY_MAX	   (32u << 20) /* TREE_LIST_MAX names of 255 bytes fit */

#endif
