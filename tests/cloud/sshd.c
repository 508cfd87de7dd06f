/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* The port on which a healthy instance answers: a greeting, nothing more. */

static void on_client(void *arg, int fd, uint32_t events)
{
	struct sim *sim = arg;
	char drop[512];

	(void)events;
	if (read(fd, drop, sizeof(drop)) > 0)
		return;
	loop_watch(sim->loop, fd, 0, NULL, NULL);
	close(fd);
}

static void on_connection(void *arg, int listener, uint32_t events)
{
	static const char greeting[] = "SSH-2.0-OpenSSH_8.7\r\n";
	struct sim *sim = arg;
	/* cppcheck-suppress nullPointer ; accept4 need not be given room for the address */
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (write(fd, greeting, strlen(greeting)) != (ssize_t)strlen(greeting)) {
		close(fd);
		return;
	}
	/* Stays until the client goes: a close with unread bytes would tear the greeting away. */
	loop_watch(sim->loop, fd, EPOLLIN, on_client, sim);
}

static int listen_at(const char *address, unsigned port, unsigned *ret_port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof(addr);
	int fd, on = 1;

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 ||
	    (ntohl(addr.sin_addr.s_addr) >> 24) != 127) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len)) {
		close(fd);
		return -1;
	}
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

/* "sshd_listen": true, a port, or {"address": "127.…", "port": N}. An instance whose private
 * address is a loopback one listens there on 22, any other on 127.0.0.1 and a free port;
 * "ssh_address" and "ssh_port" of the instance say where. */
int sshd_open(struct sim *sim, struct res *inst)
{
	const json_t *want = jget(jget(inst->truth, "boot"), "sshd_listen");
	const char *private_ip = js(inst->truth, "private_ip"), *address = "127.0.0.1";
	unsigned port = 0;
	int fd;

	if (str_starts(private_ip, "127.")) {
		address = private_ip;
		port = 22;
	}
	if (json_is_integer(want))
		port = (unsigned)json_integer_value(want);
	if (*js(want, "address"))
		address = js(want, "address");
	if (jhas(want, "port"))
		port = (unsigned)ji(want, "port");
	if (!port)
		port = (unsigned)ji(inst->truth, "ssh_port");
	fd = listen_at(address, port, &port);
	if (fd < 0 && port == 22) /* without the privilege for it */
		fd = listen_at(address, 0, &port);
	if (fd < 0) {
		fprintf(stderr, "ec2-sim: sshd of %s: %s:%u: %s\n", inst->id, address, port,
			strerror(errno));
		return -1;
	}
	sshd_close(sim, inst->id);
	vec_push(&sim->listeners, ((struct listener){ mem_strdup(inst->id), fd }));
	loop_watch(sim->loop, fd, EPOLLIN, on_connection, sim);
	jset_s(inst->truth, "ssh_address", address);
	jset_i(inst->truth, "ssh_port", port);
	world_touch(inst);
	return 0;
}

void sshd_close(struct sim *sim, const char *instance_id)
{
	for (size_t i = 0; i < sim->listeners.count; i++) {
		struct listener *l = &sim->listeners.items[i];

		if (instance_id && !str_eq(l->instance, instance_id))
			continue;
		loop_watch(sim->loop, l->fd, 0, NULL, NULL);
		close(l->fd);
		free(l->instance);
		*l = sim->listeners.items[--sim->listeners.count];
		i--;
	}
}

void sshd_close_all(struct sim *sim)
{
	sshd_close(sim, NULL);
	vec_done(&sim->listeners);
}
