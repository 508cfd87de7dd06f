/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel between examiner and surgeon, with a hostile examiner (first byte even) that asks, or a
 * hostile surgeon that answers. */
#include "fs/tree_pipe.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tree_mem.h"

#include <sys/socket.h>

static void serve(int fd)
{
	const struct tree_pipe_limits limits = {
		.requests = 100, .reply_bytes = 1 << 16, .result_bytes = 1 << 12, .deadline_s = 3
	};
	cleanup(tree_close) struct tree *tree = tree_open_mem();
	cleanup(str_done) struct str result = STR_INIT;
	struct err err = ERR_INIT;

	tree_mem_add(tree, "/etc/fstab", S_IFREG | 0644, "a\n", 2);
	tree_mem_add(tree, "/link", S_IFLNK | 0777, "/etc", 4);
	if (tree_pipe_serve(tree, fd, &limits, &result, &err) < 0)
		fuzz_printable("an error", err.text, false);
	else if (result.len > limits.result_bytes)
		fuzz_broken("a result that is too long");
}

static void ask(int fd)
{
	cleanup(tree_close) struct tree *tree = tree_open_pipe(fd);
	cleanup(str_done) struct str bytes = STR_INIT;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct tree_stat st;
	struct tree_space space;
	struct err err;

	(void)!tree_stat(tree, "/etc/fstab", TREE_FOLLOW, &st, &err);
	if (!tree_read(tree, "/etc/fstab", 4096, &bytes, &err) && bytes.len > 4096)
		fuzz_broken("more bytes than were asked for");
	(void)!tree_list(tree, "/etc", &names, &err);
	(void)!tree_readlink(tree, "/link", &bytes, &err);
	(void)!tree_resolve(tree, "/link/fstab", &bytes, &err);
	(void)!tree_getxattr(tree, "/etc", "security.selinux", &bytes, &err);
	(void)!tree_space(tree, &space, &err);
	(void)!tree_stat(tree, "/etc/other", TREE_NOFOLLOW, &st, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];

	/* What does not fit into the socket at once would wait for a reader. */
	if (!size || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	if (fd_write_all(ends[0], data + 1, size - 1) < 0 || shutdown(ends[0], SHUT_WR) < 0)
		fuzz_broken("the channel does not take it");
	if (data[0] & 1)
		ask(ends[1]);
	else
		serve(ends[1]);
	close(ends[0]);
	close(ends[1]);
	return 0;
}
