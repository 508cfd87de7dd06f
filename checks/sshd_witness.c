/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_witness.h"
#include "checks/journals.h"

#include <ctype.h>

#define FILES_MAX   200
#define CLIENTS_MAX 1000

/* Calls back for the bytes of every file of a folder. */
typedef void file_func(void *arg, const struct str *bytes);
static void each_file(const struct machine *machine, const char *dir, file_func *func, void *arg)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;
	size_t count = 0;

	if (tree_list(machine_tree(machine), dir, &names, &err) < 0)
		return;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		const struct str *bytes = machine_file(machine, path, &err);
		if (bytes && count++ < FILES_MAX)
			func(arg, bytes);
	}
}

struct search {
	const char *text;
	bool found;	/* the text stands there, not as a part of a longer number */
	bool has_other; /* another address is named where one is expected */
};

static bool stands_alone(const char *start, const char *end, const char *at, size_t len)
{
	bool before = at > start && (isdigit((unsigned char)at[-1]) || at[-1] == '.');
	bool after = at + len < end &&
		     (isdigit((unsigned char)at[len]) || (at[len] == '.' && at + len + 1 < end &&
							  isdigit((unsigned char)at[len + 1])));

	return !before && !after;
}

static bool contains(const struct str *bytes, const char *text)
{
	const char *end = bytes->s + bytes->len, *p = bytes->s;
	size_t len = strlen(text);

	while ((p = memmem(p, (size_t)(end - p), text, len))) {
		if (stands_alone(bytes->s, end, p, len))
			return true;
		p += len;
	}
	return false;
}

static void search_text(void *arg, const struct str *bytes)
{
	struct search *search = arg;

	search->found |= contains(bytes, search->text);
}

/* Leases and logs: the address a phrase is followed by. */
static void search_addresses(void *arg, const struct str *bytes)
{
	static const char *const phrases[] = { "fixed-address ", "DHCPv4 address ",
					       "bound to ",	 "Server listening on ",
					       "\nADDRESS=",	 "address=" };
	struct search *search = arg;
	const char *end = bytes->s + bytes->len;
	size_t len = strlen(search->text);

	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		size_t phrase = strlen(phrases[i]);
		for (const char *p = bytes->s;
		     (p = memmem(p, (size_t)(end - p), phrases[i], phrase));) {
			p += phrase;
			if (!isdigit((unsigned char)*p))
				continue;
			if (!strncmp(p, search->text, len) && stands_alone(bytes->s, end, p, len))
				search->found = true;
			else if (strncmp(p, "127.", 4) && strncmp(p, "0.0.0.0", 7))
				search->has_other = true;
		}
	}
}

static bool search_journal(void *arg, const struct str *bytes)
{
	struct search *search = arg;

	search_addresses(search, bytes);
	return search->found || search->has_other;
}

enum address_verdict witness_address(const struct machine *machine, const char *address)
{
	static const char *const settings[] = {
		"/etc/netplan",
		"/etc/network",
		"/etc/network/interfaces.d",
		"/etc/systemd/network",
		"/etc/sysconfig/network-scripts",
		"/etc/sysconfig/network",
		"/etc/NetworkManager/system-connections",
	};
	static const char *const leases[] = { "/var/lib/dhcp", "/var/lib/dhclient",
					      "/var/lib/NetworkManager", "/var/lib/wicked",
					      "/run/systemd/netif/leases" };
	static const char *const logs[] = { "/var/log/auth.log", "/var/log/secure",
					    "/var/log/syslog", "/var/log/messages" };
	const struct cloud_facts *cloud = machine_cloud(machine);
	struct search search = { .text = address };

	for (size_t i = 0; cloud && i < cloud->interface_count; i++) {
		for (size_t k = 0; k < cloud->interfaces[i].private_ip_count; k++) {
			search.found |= str_eq(cloud->interfaces[i].private_ips[k], address);
			search.has_other = true;
		}
	}
	if (cloud && search.has_other)
		return search.found ? ADDRESS_OURS : ADDRESS_STALE;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		each_file(machine, settings[i], search_text, &search);
	for (size_t i = 0; i < ARRAY_LEN(leases); i++)
		each_file(machine, leases[i], search_addresses, &search);
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		struct err err = ERR_INIT;
		const struct str *bytes = machine_file(machine, logs[i], &err);
		if (bytes)
			search_addresses(&search, bytes);
	}
	if (!search.found && !search.has_other)
		journals_each(machine, search_journal, &search);
	return search.found ? ADDRESS_OURS : search.has_other ? ADDRESS_STALE : ADDRESS_UNKNOWN;
}

bool witness_ipv6(const struct machine *machine)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	struct search search = { .text = "IPV6ADDR" };

	/* An interface without any IPv4 address is in a subnet of IPv6 alone. */
	if (cloud && cloud->interface_count)
		return !cloud->interfaces[0].private_ip_count;
	each_file(machine, "/etc/sysconfig/network-scripts", search_text, &search);
	return search.found;
}

bool witness_port(const struct machine *machine, uint32_t port)
{
	static const char *const dirs[] = {
		"/etc/iptables",
		"/etc/ufw",
		"/etc/ufw/applications.d",
		"/etc/firewalld/zones",
		"/etc/firewalld/services",
		"/etc/nftables",
		"/etc/sysconfig/nftables",
		"/etc/fail2ban",
		"/etc/fail2ban/jail.d",
		"/var/lib/selinux/targeted/active",
		"/lib/ufw",
		"/etc/firewalld",
	};
	static const char *const files[] = { "/etc/sysconfig/iptables",
					     "/etc/sysconfig/ip6tables",
					     "/etc/nftables.conf",
					     "/etc/sysconfig/nftables.conf",
					     "/etc/csf/csf.conf",
					     "/etc/selinux/targeted/active/ports.local",
					     "/etc/motd" };
	cleanup(free) char *text = mem_printf("%u", port);
	struct search search = { .text = text };

	for (size_t i = 0; i < ARRAY_LEN(dirs) && !search.found; i++)
		each_file(machine, dirs[i], search_text, &search);
	for (size_t i = 0; i < ARRAY_LEN(files) && !search.found; i++) {
		struct err err = ERR_INIT;
		const struct str *bytes = machine_file(machine, files[i], &err);
		if (bytes)
			search_text(&search, bytes);
	}
	return search.found;
}

/* "Accepted publickey for NAME from ADDRESS port 50022 ssh2: ...": a message of sshd (auth.c). */
static void add_client(const char *message, const char *end, struct witness_clients *clients)
{
	static const char accepted[] = "Accepted ", from[] = " from ";
	const char *line_end, *at;
	char text[IP_TEXT_MAX];
	struct ip ip;
	size_t len;

	if ((size_t)(end - message) < strlen(accepted) ||
	    memcmp(message, accepted, strlen(accepted)))
		return;
	line_end = message;
	while (line_end < end && (unsigned char)*line_end >= ' ')
		line_end++;
	at = memmem(message, (size_t)(line_end - message), from, strlen(from));
	if (!at)
		return;
	at += strlen(from);
	for (len = 0; at + len < line_end && at[len] != ' ';)
		len++;
	if (len >= sizeof(text) || clients->count == CLIENTS_MAX)
		return;
	memcpy(text, at, len);
	text[len] = '\0';
	if (ip_parse(text, &ip) < 0)
		return;
	vec_foreach (client, clients)
		if (ip_eq(client, &ip))
			return;
	vec_push(clients, ip);
}

/* Lines of syslog: what a client made sshd say of it stands behind the tag, and not before it. */
static void add_clients_of_log(const struct str *log, struct witness_clients *clients)
{
	const char *end = log->s + log->len;

	for (const char *line = log->s, *next; line < end; line = next) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line)), *tag, *message;

		next = line_end ? line_end + 1 : end;
		tag = memmem(line, (size_t)(next - line), " sshd", strlen(" sshd"));
		message = memmem(line, (size_t)(next - line), "]: ", strlen("]: "));
		if (tag && message && tag < message &&
		    !memchr(tag + 1, ' ', (size_t)(message - tag - 1)))
			add_client(message + 3, next, clients);
	}
}

/* A field of the journal stands behind the high byte of a small number; a message has no NUL. */
static bool add_clients_of_journal(void *arg, const struct str *journal)
{
	static const char field[] = "\0MESSAGE=Accepted ";
	const char *end = journal->s + journal->len;

	for (const char *p = journal->s;
	     (p = memmem(p, (size_t)(end - p), field, sizeof(field) - 1));) {
		p += strlen("?MESSAGE=");
		add_client(p, end, arg);
	}
	return false;
}

void witness_clients(const struct machine *machine, struct witness_clients *ret)
{
	static const char *const logs[] = { "/var/log/auth.log", "/var/log/auth.log.1",
					    "/var/log/secure", "/var/log/secure.1",
					    "/var/log/messages" };

	*ret = (struct witness_clients){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		struct err err = ERR_INIT;
		const struct str *log = machine_file(machine, logs[i], &err);

		if (log)
			add_clients_of_log(log, ret);
	}
	journals_each(machine, add_clients_of_journal, ret);
}
