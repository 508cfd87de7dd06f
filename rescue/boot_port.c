/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/rehearser.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	KNOCK_MS = 6000, /* patience with one connection; an emulated sshd is slow */
	KEYSCAN_S = 60,
};

void boot_port_hang_up(struct rehearsal_of_boot *r)
{
	if (r->knock < 0)
		return;
	loop_watch(r->loop, r->knock, 0, NULL, NULL);
	close(TAKE_FD(r->knock));
}

/* Lines of ssh-keyscan: "[address]:port TYPE BASE64". */
static bool is_of_volume(struct rehearsal_of_boot *r, char *lines, unsigned *ret_count)
{
	*ret_count = 0;
	for (char *save = NULL, *line = strtok_r(lines, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *inner = NULL, *type, *key;

		if (*line == '#' || !strtok_r(line, " ", &inner) ||
		    !(type = strtok_r(NULL, " ", &inner)) || !(key = strtok_r(NULL, " ", &inner)))
			continue;
		++*ret_count;
		str_clear(&r->key);
		str_add_escaped(&r->key, type, strlen(type));
		vec_foreach (own, &r->spec.host_keys)
			if (str_eq(*own, key))
				return true;
	}
	return false;
}

static void on_keys(void *arg, struct proc_result *result, const struct err *why)
{
	struct rehearsal_of_boot *r = arg;
	unsigned count = 0;

	r->scan = NULL;
	if (why && why->code)
		return; /* the next knock tries again */
	if (is_of_volume(r, result->out.s, &count) || (count && !r->spec.host_keys.count))
		r->answer_ms = loop_now_ms(r->loop);
	else if (count)
		rehearser_end(
			r, BOOT_FAILS,
			"answers on port %u with a host key (%s) that is none of the volume's",
			r->spec.ssh_port, r->key.s);
}

static void scan_keys(struct rehearsal_of_boot *r)
{
	char port[8], host[] = "192.0.2.1";
	const char *argv[] = { "ssh-keyscan", "-T", "30", "-p", port, host, NULL };
	struct proc_run run = { .argv = argv, .deadline_s = KEYSCAN_S };
	struct err ignored;

	snprintf(port, sizeof(port), "%u", BOOT_OUTSIDE_PORT);
	if (proc_start(r->loop, &run, on_keys, r, &r->scan, &ignored) < 0)
		r->answer_ms =
			loop_now_ms(r->loop); /* boot_is_possible() told that it is missing */
}

static void on_banner(void *arg, int fd, uint32_t events)
{
	struct rehearsal_of_boot *r = arg;
	char buf[256];
	ssize_t got = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0)
		str_add_bytes(&r->banner, buf, (size_t)got);
	if (got > 0 && r->banner.len < 4)
		return;
	boot_port_hang_up(r);
	if (!str_starts(r->banner.s, "SSH-"))
		return;
	r->was_heard = true;
	if (!r->scan)
		scan_keys(r);
}

/* QEMU takes every connection at once and passes it on; what counts is that sshd speaks. */
void boot_port_knock(struct rehearsal_of_boot *r)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(BOOT_OUTSIDE_PORT),
				  .sin_addr.s_addr = htonl(BOOT_OUTSIDE) };

	if (r->knock >= 0 && loop_now_ms(r->loop) - r->knock_ms > KNOCK_MS)
		boot_port_hang_up(r);
	if (r->knock >= 0 || r->scan || r->answer_ms)
		return;
	r->knock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	str_clear(&r->banner);
	r->knock_ms = loop_now_ms(r->loop);
	if (r->knock < 0 || connect(r->knock, (struct sockaddr *)&to, sizeof(to)) < 0) {
		fd_close(TAKE_FD(r->knock));
		return;
	}
	loop_watch(r->loop, r->knock, EPOLLIN, on_banner, r);
}
