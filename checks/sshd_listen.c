/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

#include "checks/sshd_service.h"

#include <strings.h>

/* Where sshd listens: its own configuration, or the systemd socket that starts it. */

static void add_listen(struct sshd_listens *ret, const char *address, size_t len, uint32_t port,
		       const struct sshd_directive *from)
{
	struct sshd_listen *l = vec_add(ret);

	if (address && len == strlen("0.0.0.0") && !memcmp(address, "0.0.0.0", len))
		address = NULL;
	l->address = address ? mem_strndup(address, len) : NULL;
	l->port = port;
	l->path = from && from->path ? mem_strdup(from->path) : NULL;
	l->line = from ? from->line : 0;
}

/* "addr", "addr:port", "[v6]:port", "v6". */
static uint32_t split_address(const struct machine *machine, const char *text, const char **address,
			      size_t *len)
{
	const char *colon = strchr(text, ':'), *port = NULL;

	*address = text;
	*len = strlen(text);
	if (*text == '[' && strchr(text, ']')) {
		const char *close = strchr(text, ']');
		*address = text + 1;
		*len = (size_t)(close - text) - 1;
		port = close[1] == ':' ? close + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		*len = (size_t)(colon - text);
		port = colon + 1;
	}
	int32_t value = port ? sshd_port(port, machine) : 0;
	return value > 0 ? (uint32_t)value : 0;
}

/* -p silences the files' Port lines. */
static bool is_port(const struct sshd_conf *conf, const struct sshd_directive *d)
{
	return sshd_directive_is(d, "port") && (!conf->has_port_option || d->is_option);
}

static bool is_global(const struct sshd_conf *conf, const struct sshd_directive *d)
{
	return !d->fatal && (!d->scope || conf->scopes.items[d->scope].is_all);
}

static void listens_of_conf(const struct machine *machine, const struct sshd_conf *conf,
			    struct sshd_listens *ret)
{
	VEC(const struct sshd_directive *) ports = { 0 };
	bool has_address = false;
	const struct sshd_directive *family = sshd_conf_global(conf, "addressfamily");
	/* sshd binds its IPv6 sockets for IPv6 alone. */
	const char *any = !strcasecmp(sshd_directive_arg(family), "inet6") ? "::" : NULL;

	vec_foreach (d, &conf->directives)
		if (is_global(conf, d) && is_port(conf, d))
			vec_push(&ports, d);
	vec_foreach (d, &conf->directives) {
		if (!is_global(conf, d) || !sshd_directive_is(d, "listenaddress"))
			continue;
		const char *address;
		size_t len;
		uint32_t port = split_address(machine, sshd_directive_arg(d), &address, &len);
		has_address = true;
		if (port)
			add_listen(ret, address, len, port, d);
		else if (!ports.count)
			add_listen(ret, address, len, 22, d);
		for (size_t i = 0; !port && i < ports.count; i++)
			add_listen(ret, address, len,
				   (uint32_t)sshd_port(sshd_directive_arg(ports.items[i]), machine),
				   d);
	}
	for (size_t i = 0; !has_address && i < ports.count; i++)
		add_listen(ret, any, any ? 2 : 0,
			   (uint32_t)sshd_port(sshd_directive_arg(ports.items[i]), machine),
			   ports.items[i]);
	if (!has_address && !ports.count)
		add_listen(ret, any, any ? 2 : 0, 22, any ? family : NULL);
	vec_done(&ports);
}

/* Ubuntu's generator writes ListenStream= from sshd_config at each boot, under this name. */
static bool has_generator(const struct machine *machine)
{
	return tree_exists(machine_tree(machine),
			   "/usr/lib/systemd/system-generators/sshd-socket-generator");
}

/* ListenStream= of the socket: "22", "0.0.0.0:22", "[::]:22"; a path or vsock is no network. */
static void add_stream(const struct machine *machine, const struct unit_value *stream,
		       struct sshd_listens *ret)
{
	const struct sshd_directive from = { .path = stream->path, .line = stream->line };
	int32_t port = sshd_port(stream->value, machine);
	const char *address;
	size_t len;

	if (*stream->value == '/' || *stream->value == '@' || str_starts(stream->value, "vsock:"))
		return;
	if (port > 0) {
		add_listen(ret, NULL, 0, (uint32_t)port, &from);
		return;
	}
	uint32_t number = split_address(machine, stream->value, &address, &len);
	if (number && (!strncmp(address, "0.0.0.0", len) || !strncmp(address, "::", len)))
		add_listen(ret, NULL, 0, number, &from);
	else if (number)
		add_listen(ret, address, len, number, &from);
}

/* What the socket unit says by itself; false: nothing, or a generator overrides it anyway. */
static bool listens_of_socket(const struct machine *machine, const char *socket,
			      struct sshd_listens *ret)
{
	cleanup(unit_values_done) struct unit_values streams = { 0 };

	unit_values_read(machine, socket, "Socket", "ListenStream", &streams);
	if (has_generator(machine)) {
		/* Only drop-ins that come after the generated "addresses.conf" still count. */
		bool overridden = false;
		vec_foreach (s, &streams)
			overridden |= strstr(s->path, ".d/") &&
				      strcmp(strrchr(s->path, '/') + 1, "addresses.conf") >= 0;
		if (!overridden)
			return false;
	}
	vec_foreach (s, &streams)
		add_stream(machine, s, ret);
	return ret->count > 0;
}

int sshd_listen(const struct machine *machine, struct sshd_listens *ret, struct err *err)
{
	cleanup(sshd_conf_free) struct sshd_conf *conf = NULL;
	cleanup(sshd_listens_done) struct sshd_listens listens = { 0 };
	const char *socket = sshd_service_socket(machine);

	if (socket && listens_of_socket(machine, socket, &listens)) {
		*ret = listens;
		listens = (struct sshd_listens){ 0 };
		return 0;
	}

	if (sshd_conf_read(machine, &conf, err) < 0)
		return -1;
	if (conf)
		listens_of_conf(machine, conf, &listens);
	else
		add_listen(&listens, NULL, 0, 22, NULL);
	*ret = listens;
	listens = (struct sshd_listens){ 0 };
	return 0;
}

void sshd_listens_done(struct sshd_listens *listens)
{
	vec_foreach (l, listens) {
		free(l->address);
		free(l->path);
	}
	vec_done(listens);
}
