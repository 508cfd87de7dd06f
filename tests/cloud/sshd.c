/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/machine.h"

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

static struct res *instance_at(struct sim *sim, int listener)
{
	vec_foreach (l, &sim->listeners)
		if (l->fd == listener)
			return world_get(sim, l->instance);
	return NULL;
}

static void on_connection(void *arg, int listener, uint32_t events)
{
	static const char greeting[] = "SSH-2.0-OpenSSH_8.7\r\n";
	struct sim *sim = arg;
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct res *inst = fd < 0 ? NULL : instance_at(sim, listener);

	(void)events;
	if (fd < 0)
		return;
	if (inst && machine_is_real(inst->truth)) {
		/* What a group keeps out is never answered. */
		if (groups_admit(sim, inst, peer.sin_addr, 22))
			machine_serve(sim, inst, fd);
		else
			loop_watch(sim->loop, fd, EPOLLIN, on_client, sim);
		return;
	}
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

static void keep(struct sim *sim, const struct res *inst, int fd)
{
	vec_push(&sim->listeners, ((struct listener){ mem_strdup(inst->id), fd }));
	loop_watch(sim->loop, fd, EPOLLIN, on_connection, sim);
}

/* "sshd_listen": true, "real" (machine.h), a port, or {"address": "127.…", "port": N}. An instance whose private
 * address is a loopback one listens there on 22, any other on 127.0.0.1 and a free port;
 * "ssh_address" and "ssh_port" of the instance say where. */
int sshd_open(struct sim *sim, struct res *inst)
{
	const json_t *want = jget(jget(inst->truth, "boot"), "sshd_listen");
	const char *private_ip = js(inst->truth, "private_ip"), *address = "127.0.0.1";
	unsigned port = 0;
	struct err err = ERR_INIT;
	int fd;

	if (machine_is_real(inst->truth) && machine_prepare(sim, inst, &err) < 0) {
		fprintf(stderr, "ec2-sim: sshd of %s: %s\n", inst->id, err.text);
		return -1;
	}
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
	keep(sim, inst, fd);
	if (machine_is_real(inst->truth) && *js(inst->truth, "public_ip")) {
		unsigned same = port;

		fd = listen_at(js(inst->truth, "public_ip"), same, &same);
		if (fd >= 0)
			keep(sim, inst, fd);
	}
	jset_s(inst->truth, "ssh_address", address);
	jset_i(inst->truth, "ssh_port", port);
	world_touch(inst);
	return 0;
}

void sshd_close(struct sim *sim, const char *instance_id)
{
	machine_kill(sim, instance_id);
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
	vec_done(&sim->sessions);
}
