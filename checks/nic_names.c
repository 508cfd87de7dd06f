/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nic_names.h"
#include "checks/kernel_cmdline.h"
#include "checks/leases.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <strings.h>

#define SEEN_MAX 32u

size_t nic_count(const struct machine *machine)
{
	const struct cloud_facts *cloud = machine_cloud(machine);

	return cloud ? cloud->interface_count : 0;
}

const struct cloud_interface *nic_by_index(const struct machine *machine, uint32_t index)
{
	const struct cloud_facts *cloud = machine_cloud(machine);

	for (size_t i = 0; cloud && i < cloud->interface_count; i++)
		if (cloud->interfaces[i].device_index == index)
			return &cloud->interfaces[i];
	return NULL;
}

const struct cloud_interface *nic_by_mac(const struct machine *machine, const char *mac)
{
	const struct cloud_facts *cloud = machine_cloud(machine);

	for (size_t i = 0; cloud && i < cloud->interface_count; i++)
		if (cloud->interfaces[i].mac && !strcasecmp(cloud->interfaces[i].mac, mac))
			return &cloud->interfaces[i];
	return NULL;
}

bool nic_mac_is_ours(const struct machine *machine, const char *mac)
{
	const struct cloud_facts *cloud = machine_cloud(machine);

	for (size_t i = 0; cloud && i < cloud->interface_count; i++)
		if (!cloud->interfaces[i].mac)
			return true;
	return !nic_count(machine) || nic_by_mac(machine, mac);
}

const struct cloud_interface *nic_for(const struct machine *machine, const char *name,
				      const char *mac)
{
	if (mac && *mac)
		return nic_by_mac(machine, mac);
	if (nic_count(machine) == 1)
		return nic_by_index(machine, 0);
	if (name && str_starts(name, "eth") && isdigit((unsigned char)name[3]) && !name[4] &&
	    nic_naming(machine) != NIC_NAMING_SLOT)
		return nic_by_index(machine, (uint32_t)(name[3] - '0'));
	return NULL;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 9;
}

bool nic_name_is_card(const char *name)
{
	if (str_starts(name, "eth") || str_starts(name, "enX") || str_starts(name, "eno") ||
	    str_starts(name, "ens"))
		return isdigit((unsigned char)name[3]) && !strpbrk(name, ".:");
	if (str_starts(name, "em"))
		return is_number(name + 2);
	if (str_starts(name, "enp") || str_starts(name, "enx") || str_starts(name, "enP"))
		return isxdigit((unsigned char)name[3]) && !strpbrk(name, ".:");
	return name[0] == 'p' && isdigit((unsigned char)name[1]) && strchr(name + 1, 'p') &&
	       !strpbrk(name, ".:");
}

/* Is the value of "key VALUE" anywhere in the text this name? Quotes and blanks around it do not
 * count. With name NULL: is any plain name given? */
static bool gives_name(const struct str *text, const char *key, const char *name)
{
	for (const char *at = text->s; (at = strstr(at, key)); at++) {
		const char *value = at + strlen(key);
		size_t len;

		value += strspn(value, " \t\"'=");
		len = strcspn(value, "\"' \t\r\n,}");
		if (name ? str_is(value, len, name)
			 : len && !memchr(value, '%', len) && !memchr(value, '$', len))
			return true;
	}
	return false;
}

static bool is_named_by_hand(const struct machine *machine, const char *name)
{
	static const struct {
		const char *dir, *end, *key;
	} places[] = {
		{ "/etc/systemd/network", ".link", "\nName=" },
		{ "/etc/udev/rules.d", ".rules", " NAME=" },
		{ "/etc/udev/rules.d", ".rules", ",NAME=" },
		{ "/etc/netplan", ".yaml", "set-name:" },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const struct tree_names *names = machine_list(machine, places[i].dir);

		for (size_t n = 0; names && n < names->count; n++) {
			cleanup(free) char *path =
				mem_printf("%s/%s", places[i].dir, names->items[n]);
			struct err ignored = ERR_INIT;
			const struct str *text = str_ends(path, places[i].end)
							 ? machine_file(machine, path, &ignored)
							 : NULL;

			if (text && gives_name(text, places[i].key, name))
				return true;
		}
	}
	return false;
}

/* A link to /dev/null, or an empty file. */
static bool is_off(const struct machine *machine, const char *path)
{
	cleanup(str_done) struct str target = STR_INIT;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (tree_readlink(machine_tree(machine), path, &target, &ignored) == 0)
		return str_eq(target.s, "/dev/null");
	return tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored) == 0 &&
	       S_ISREG(st.mode) && !st.size_bytes;
}

/* 1: net.ifnames=0 everywhere; 0: nowhere; -1: unknown, or some entries say this and some that. */
static int has_ifnames_off(const struct machine *machine)
{
	static const char *const files[] = { "/etc/default/grub", "/etc/kernel/cmdline" };
	cleanup(cmdlines_done) struct cmdlines cmdlines;
	struct err ignored = ERR_INIT;
	size_t with = 0, without = 0;

	cmdlines_find(machine, &cmdlines);
	vec_foreach (cmdline, &cmdlines) {
		const char *word = cmdline_word(cmdline->args, "net.ifnames=");

		if (!cmdline_word(cmdline->args, "root="))
			continue;
		if (word && !strncmp(word, "net.ifnames=0", 13))
			with++;
		else if (strchr(cmdline->args, '$'))
			return -1; /* a variable that is not known may hold it */
		else
			without++;
	}
	if (with || without)
		return with && without ? -1 : with > 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const struct str *text = machine_file(machine, files[i], &ignored);

		if (text)
			return strstr(text->s, "net.ifnames=0") != NULL;
	}
	return -1;
}

struct since {
	const char *id;
	long major;
};

static bool is_since(const struct machine *machine, const struct since *since, size_t count)
{
	const struct machine_os *os = machine_os(machine);

	for (size_t i = 0; i < count; i++)
		if (str_eq(os->id, since[i].id))
			return strtol(os->version_id, NULL, 10) >= since[i].major;
	return false;
}

static bool is_since_slots(const struct machine *machine)
{
	static const struct since since[] = { { "amzn", 2023 }, { "debian", 10 },
					      { "ubuntu", 16 }, { "rhel", 7 },
					      { "centos", 7 },	{ "fedora", 20 },
					      { "rocky", 8 },	{ "almalinux", 8 },
					      { "ol", 7 } };

	return is_since(machine, since, ARRAY_LEN(since));
}

bool nic_name_may_be_alternative(const struct machine *machine, const char *name)
{
	static const struct since since[] = { { "amzn", 2023 }, { "debian", 11 },
					      { "ubuntu", 20 }, { "rhel", 9 },
					      { "centos", 9 },	{ "fedora", 32 },
					      { "rocky", 9 },	{ "almalinux", 9 },
					      { "ol", 9 } };
	const struct cloud_facts *cloud = machine_cloud(machine);
	const char *slot;

	if (!str_starts(name, "en") || str_starts(name, "enX") ||
	    !is_since(machine, since, ARRAY_LEN(since)))
		return false;
	if (!cloud || !cloud->hypervisor || !cloud->instance_type ||
	    strstr(cloud->instance_type, "metal") || cloud->interface_count != 1)
		return true;
	slot = str_eq(cloud->hypervisor, "nitro") ? "5" : "3";
	return (str_starts(name, "ens") && str_eq(name + 3, slot)) ||
	       (str_starts(name, "enp") && (!str_starts(name, "enp0s") || str_eq(name + 5, slot)));
}

enum nic_naming nic_naming(const struct machine *machine)
{
	const struct machine_os *os = machine_os(machine);
	int off;

	if (is_named_by_hand(machine, NULL))
		return NIC_NAMING_UNKNOWN;
	if (is_off(machine, "/etc/systemd/network/99-default.link") ||
	    is_off(machine, "/etc/udev/rules.d/80-net-setup-link.rules") ||
	    is_off(machine, "/etc/udev/rules.d/80-net-name-slot.rules"))
		return NIC_NAMING_KERNEL;
	if (str_eq(os->id, "amzn") && strtol(os->version_id, NULL, 10) != 2023)
		return NIC_NAMING_KERNEL;
	off = has_ifnames_off(machine);
	if (off < 0)
		return NIC_NAMING_UNKNOWN;
	if (off)
		return NIC_NAMING_KERNEL;
	return is_since_slots(machine) ? NIC_NAMING_SLOT : NIC_NAMING_UNKNOWN;
}

static void add_seen(struct tree_names *seen, const char *name, size_t len)
{
	char text[16];

	if (!len || len >= sizeof(text) || seen->count == SEEN_MAX)
		return;
	memcpy(text, name, len);
	text[len] = '\0';
	if (!nic_name_is_card(text))
		return;
	vec_foreach (known, seen)
		if (str_eq(*known, text))
			return;
	vec_push(seen, mem_strdup(text));
}

/* Names on the console of the last boot: "ena 0000:00:05.0 ens5: renamed from eth0", and
 * cloud-init's table "ci-info: |  ens5  | True | 10.0.1.25 |". */
static void read_console(const struct machine *machine, struct tree_names *seen)
{
	const char *console = machine_console(machine);
	size_t lines = 0;

	for (const char *at = console ? console : ""; *at && lines < 200000; lines++) {
		size_t len = strcspn(at, "\n");
		cleanup(free) char *line = mem_strndup(at, len < 400 ? len : 400);
		char *renamed = strstr(line, ": renamed from eth");
		char *table = strstr(line, "ci-info: |");

		if (renamed) {
			char *start = renamed;

			while (start > line && !strchr(" \t", start[-1]))
				start--;
			add_seen(seen, start, (size_t)(renamed - start));
		} else if (table && (strstr(table, "| True |") || strstr(table, "| False |"))) {
			table += strlen("ci-info: |");
			table += strspn(table, " ");
			add_seen(seen, table, strcspn(table, " |"));
		}
		at += len + (at[len] == '\n');
	}
}

static void free_names(void *names)
{
	tree_names_done(names);
	free(names);
}

static const struct tree_names *names_seen(const struct machine *machine)
{
	static const char key;
	struct tree_names *seen = machine_kept(machine, &key);

	if (seen)
		return seen;
	seen = mem_alloc(sizeof(*seen));
	*seen = (struct tree_names){ 0 };
	read_console(machine, seen);
	machine_keep(machine, &key, seen, free_names);
	return seen;
}

/* By slot: which names a virtual instance's cards never have. */
static bool is_no_slot(const struct machine *machine, const char *name)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	bool is_nitro = cloud->hypervisor && str_eq(cloud->hypervisor, "nitro");
	long slot =
		str_starts(name, "ens") && is_number(name + 3) ? strtol(name + 3, NULL, 10) : -1;
	long first = is_nitro ? 5 : 3;

	if (!cloud->instance_type || !cloud->hypervisor || strstr(cloud->instance_type, "metal"))
		return false;
	if (str_starts(name, "eth"))
		return is_nitro;
	if (slot >= 32)
		return true; /* the slots of another maker's virtual machines */
	if (slot >= 0)
		return slot < first || (cloud->interface_count == 1 && slot != first);
	return str_starts(name, "em") || str_starts(name, "eno");
}

bool nic_name_is_impossible(const struct machine *machine, const char *name)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const struct tree_names *seen = names_seen(machine);
	enum nic_naming naming = nic_naming(machine);
	struct lease lease;

	if (!nic_name_is_card(name) || is_named_by_hand(machine, name))
		return false;
	for (size_t i = 0; i < seen->count; i++)
		if (str_eq(seen->items[i], name))
			return false;
	if (cloud && cloud->interface_count == 1 && seen->count)
		return true;
	if (naming == NIC_NAMING_KERNEL && !str_starts(name, "eth"))
		return true;
	if (!cloud || !cloud->interface_count)
		return naming == NIC_NAMING_KERNEL && !str_eq(name, "eth0") &&
		       lease_find(machine, "eth0", &lease) && !lease_find(machine, name, &lease);
	if (str_starts(name, "enX") && cloud->hypervisor && str_eq(cloud->hypervisor, "nitro"))
		return true;
	if ((str_starts(name, "eth") || str_starts(name, "enX")) && is_number(name + 3) &&
	    strtoul(name + 3, NULL, 10) >= cloud->interface_count &&
	    !is_named_by_hand(machine, NULL))
		return true;
	return naming == NIC_NAMING_SLOT && is_no_slot(machine, name);
}

bool nic_pattern_is_impossible(const struct machine *machine, const char *pattern)
{
	if (!strpbrk(pattern, "*?[\\"))
		return nic_name_is_impossible(machine, pattern);
	/* Only what no card of a kind that may be here is called. */
	return nic_naming(machine) == NIC_NAMING_KERNEL && str_starts(pattern, "en") &&
	       !is_named_by_hand(machine, pattern) && !names_seen(machine)->count;
}

const char *nic_name_of_only(const struct machine *machine)
{
	const struct tree_names *seen = names_seen(machine);
	struct lease lease;

	if (nic_count(machine) > 1)
		return NULL;
	if (seen->count == 1 && nic_count(machine) == 1)
		return seen->items[0];
	if (nic_naming(machine) != NIC_NAMING_KERNEL)
		return NULL;
	return nic_count(machine) == 1 || lease_find(machine, "eth0", &lease) ? "eth0" : NULL;
}

const char *nic_pattern_of_only(const struct machine *machine)
{
	const char *name = nic_name_of_only(machine);

	if (name)
		return name;
	return nic_naming(machine) == NIC_NAMING_KERNEL ? "eth*" : "e*";
}
