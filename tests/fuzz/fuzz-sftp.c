/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile SFTP server: its bytes come all at once, while a surgeon asks for blocks, writes and flushes. */
#include "rescue/remote.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>

#define SIZE (600u << 10)

static bool is_ready;

static void on_ready(void *arg, const struct err *err)
{
	(void)arg;
	if (is_ready)
		fuzz_broken("ready twice");
	is_ready = true;
	if (err)
		fuzz_printable("an error", err->text, false);
}

static void say(int link, uint32_t kind, uint64_t at, uint32_t len)
{
	const struct served_message head = { .kind = kind, .at = at, .len = len };
	unsigned char m[sizeof(head) + 512] = { 0 };

	memcpy(m, &head, sizeof(head));
	(void)!send(link, m, sizeof(head) + len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void work(struct loop *loop, struct remote *remote)
{
	int link = remote_link(remote);
	struct err err;

	for (uint64_t block = 0; block < 3; block++)
		say(link, SERVED_ASK, block, 0);
	for (unsigned i = 0; i < 8; i++)
		(void)!loop_step(loop, 0, &err);
	say(link, SERVED_WRITE, 1000, 512);
	say(link, SERVED_FLUSH, 0, 0);
	for (unsigned i = 0; i < 8; i++)
		(void)!loop_step(loop, 0, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct remote_request request = { .path = "/dev/x",
					  .size_bytes = SIZE,
					  .work_dir = fuzz_dir(),
					  .may_write = true,
					  .silence_s = 60,
					  .ready = on_ready };
	struct remote *remote;
	struct err err;
	int ends[2];

	/* What does not fit into the socket at once would wait for a reader. */
	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	if (loop_open(&request.loop, &err) < 0 || fd_write_all(ends[0], data, size) < 0)
		fuzz_broken("the channel does not take it");
	request.fd = ends[1];
	is_ready = false;
	remote = remote_start(&request);
	for (unsigned i = 0; i < 8 && !is_ready; i++)
		(void)!loop_step(request.loop, 0, &err);
	if (remote_link(remote) >= 0)
		work(request.loop, remote);
	shutdown(ends[0], SHUT_WR);
	for (unsigned i = 0; i < 8; i++)
		(void)!loop_step(request.loop, 0, &err);
	if (!is_ready)
		fuzz_broken("never ready");
	remote_free(remote);
	loop_close(request.loop);
	close(ends[0]);
	return 0;
}
