/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft.h"
#include "checks/units.h"

#define SERVICE "nftables.service"

static void add(struct nft_loads *ret, const char *path, size_t len)
{
	cleanup(free) char *copy = mem_strndup(path, len);

	vec_foreach (known, ret)
		if (str_eq(known->path, copy))
			return;
	vec_push(ret, ((struct nft_loaded){ .path = TAKE(copy), .unit = mem_strdup(SERVICE) }));
}

/* Is it one of the short options, which may stand together: -cf? */
static bool has_letter(const char *word, size_t len, char letter)
{
	return len > 1 && word[0] == '-' && word[1] != '-' && memchr(word, letter, len);
}

/* "nft -f PATH" in a command line, which may be a shell's. */
static void add_from_command(struct nft_loads *ret, const char *command)
{
	const char *p = strstr(command, "nft "), *path = NULL;
	size_t len = strlen("nft"), path_len = 0;
	bool is_path_next = false, is_check = false;

	while (p && len) {
		p += len;
		p += strspn(p, " \t\"'");
		len = strcspn(p, " \t\"';&|"); /* nothing: the end, or another command */
		if (is_path_next) {
			path = p;
			path_len = len;
		}
		is_path_next = str_is(p, len, "--file") || has_letter(p, len, 'f');
		is_check |= str_is(p, len, "--check") || has_letter(p, len, 'c');
	}
	if (path && *path == '/' && !is_check)
		add(ret, path, path_len);
}

/* A service may have several ExecStart lines, each of which loads something. */
void nft_loads_would(const struct machine *machine, struct nft_loads *ret)
{
	static const char *const usual[] = { "/etc/nftables.conf", "/etc/sysconfig/nftables.conf" };
	const struct unit *unit = unit_load(machine, SERVICE);

	if (unit && !unit->is_masked)
		vec_foreach (file, &unit->files)
			vec_foreach (item, &file->sections) {
				if (item->kind != SECTION_SET ||
				    !str_eq(item->section, "Service") ||
				    !str_eq(item->key, "ExecStart"))
					continue;
				if (!*item->value)
					nft_loads_done(ret); /* resets */
				add_from_command(ret, item->value);
			}
	/* A unit of which only the link is here. */
	for (size_t i = 0; i < ARRAY_LEN(usual) && !unit; i++)
		if (tree_exists(machine_tree(machine), usual[i]))
			add(ret, usual[i], strlen(usual[i]));
}

void nft_loads_find(const struct machine *machine, struct nft_loads *ret)
{
	static const char *const iptables[] = { "iptables.service", "ip6tables.service",
						"ufw.service", "netfilter-persistent.service" };
	bool has_iptables = false;

	if (machine_unit(machine, SERVICE) != UNIT_ENABLED)
		return;
	nft_loads_would(machine, ret);
	for (size_t i = 0; i < ARRAY_LEN(iptables) && ret->count; i++)
		has_iptables |= machine_unit(machine, iptables[i]) == UNIT_ENABLED;
	vec_foreach (load, ret) {
		load->is_contested = machine_unit(machine, "firewalld.service") == UNIT_ENABLED;
		load->has_iptables = has_iptables;
	}
}

void nft_loads_done(struct nft_loads *loads)
{
	vec_foreach (load, loads) {
		free(load->path);
		free(load->unit);
	}
	vec_done(loads);
}
