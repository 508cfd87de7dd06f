/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/leases.h"
#include "checks/journals.h"

#include <stdio.h>

/* The value behind `key` in one lease block, up to the semicolon, without quotes. */
static bool field(const char *block, const char *key, char *ret, size_t room)
{
	const char *at = strstr(block, key);
	size_t len;

	if (!at)
		return false;
	at += strlen(key);
	at += strspn(at, " \t\"");
	len = strcspn(at, "\";,\n");
	if (!len || len >= room)
		return false;
	snprintf(ret, room, "%.*s", (int)len, at);
	return true;
}

static bool read_block(const char *block, struct lease *ret)
{
	struct lease lease = { 0 };
	char text[IP_TEXT_MAX];
	struct ip mask;

	if (!field(block, "interface ", lease.device, sizeof(lease.device)) ||
	    !field(block, "fixed-address ", text, sizeof(text)) ||
	    ip_parse(text, &lease.address) < 0 ||
	    !field(block, "option subnet-mask ", text, sizeof(text)) || ip_parse(text, &mask) < 0 ||
	    lease.address.is_v6 || mask.is_v6)
		return false;
	lease.subnet.addr = lease.address;
	memcpy(lease.subnet.mask, mask.b, 4);
	lease.has_router = field(block, "option routers ", text, sizeof(text)) &&
			   !ip_parse(text, &lease.router);
	*ret = lease;
	return true;
}

/* Blocks are appended: the last one of the device is the newest of the file. */
static bool read_file(const struct str *text, const char *device, struct lease *ret)
{
	bool found = false;

	for (const char *at = text->s; (at = strstr(at, "lease {")); at++) {
		const char *end = strchr(at, '}');
		cleanup(free) char *block = NULL;
		struct lease lease;

		if (!end)
			break;
		block = mem_strndup(at, (size_t)(end - at));
		if (!read_block(block, &lease) || !str_eq(lease.device, device))
			continue;
		*ret = lease;
		found = true;
	}
	return found;
}

struct wanted {
	const char *device;
	struct lease *ret;
	bool is_found;
};

/* "MESSAGE=eth0: DHCPv4 address 10.0.1.5/24, gateway 10.0.1.1 acquired from 10.0.1.1"; before
 * systemd 250 "via" stands for "gateway". The last one is the newest of the journal. */
static bool read_journal(void *arg, const struct str *journal)
{
	struct wanted *wanted = arg;
	const char *device = wanted->device;
	static const char phrase[] = ": DHCPv4 address ", field_name[] = "MESSAGE=";
	const char *end = journal->s + journal->len;
	size_t name = strlen(device), before = name + strlen(field_name);

	for (const char *p = journal->s;
	     (p = memmem(p, (size_t)(end - p), phrase, strlen(phrase)));) {
		const char *name_end = p, *at, *router;
		char text[160], word[IP_TEXT_MAX];
		struct lease lease = { 0 };
		size_t len = 0;

		p += strlen(phrase);
		while ((size_t)(name_end - journal->s) > before && name_end[-1] == ' ')
			name_end--;
		if ((size_t)(name_end - journal->s) < before ||
		    memcmp(name_end - name, device, name) ||
		    memcmp(name_end - before, field_name, strlen(field_name)))
			continue;
		while (p + len < end && len < sizeof(text) - 1 && (unsigned char)p[len] >= ' ')
			len++;
		snprintf(text, sizeof(text), "%.*s", (int)len, p);
		len = strspn(text, "0123456789./");
		if (len >= sizeof(word))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (!strchr(word, '/') || ip_net_parse(word, &lease.subnet) < 0)
			continue;
		lease.address = lease.subnet.addr;
		snprintf(lease.device, sizeof(lease.device), "%s", device);
		router = (at = strstr(text, " gateway ")) ? at + strlen(" gateway ")
			 : (at = strstr(text, " via "))	  ? at + strlen(" via ")
							  : "";
		snprintf(word, sizeof(word), "%.*s", (int)strspn(router, "0123456789."), router);
		lease.has_router = !ip_parse(word, &lease.router);
		*wanted->ret = lease;
		wanted->is_found = true;
	}
	return wanted->is_found;
}

/* networkd keeps its leases in /run, and tells the journal. */
static bool find_in_journals(const struct machine *machine, const char *device, struct lease *ret)
{
	struct wanted wanted = { .device = device, .ret = ret };

	journals_each(machine, read_journal, &wanted);
	return wanted.is_found;
}

bool lease_find(const struct machine *machine, const char *device, struct lease *ret)
{
	static const char *const dirs[] = { "/var/lib/dhclient", "/var/lib/dhcp",
					    "/var/lib/NetworkManager" };
	int64_t newest = -1;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };
		struct err ignored = ERR_INIT;

		if (tree_list(machine_tree(machine), dirs[i], &names, &ignored) < 0)
			continue;
		vec_foreach (name, &names) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i], *name);
			const struct str *text;
			struct tree_stat st;
			struct lease lease;

			if ((!str_ends(*name, ".lease") && !str_ends(*name, ".leases")) ||
			    tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) <
				    0 ||
			    st.mtime <= newest)
				continue;
			text = machine_file(machine, path, &ignored);
			if (!text || !read_file(text, device, &lease))
				continue;
			*ret = lease;
			newest = st.mtime;
		}
	}
	return newest >= 0 || find_in_journals(machine, device, ret);
}
