/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NetworkManager's keyfiles and the defaults in its configuration. */
#include "checks/conf_dirs.h"
#include "checks/mtu_places_parts.h"
#include "checks/net_stack.h"

static const struct section_item *find_ethernet(const struct sections *file, const char *key)
{
	const struct section_item *item = sections_find(file, "ethernet", key);

	return item ? item : sections_find(file, "802-3-ethernet", key);
}

static void read_profile(const struct mtu_reading *r, const char *path)
{
	cleanup(sections_done) struct sections file = { 0 };
	cleanup(free) char *interface = NULL;
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(r->machine, path, &ignored);
	const struct section_item *mtu, *mac;
	const char *type, *name;

	if (!text)
		return;
	sections_parse(text, SECTIONS_KEYFILE, &file);
	mtu = find_ethernet(&file, "mtu");
	mac = find_ethernet(&file, "mac-address");
	type = sections_get(&file, "connection", "type");
	name = sections_get(&file, "connection", "interface-name");
	if (!mtu || (type && !str_eq(type, "ethernet") && !str_eq(type, "802-3-ethernet")))
		return;
	/* A profile that names no card is for any. */
	interface = name || mac ? mtu_interface_of(r->machine, name, mac ? mac->value : NULL, false)
				: mem_strdup("*");
	mtu_add(r, &(struct mtu_place){ .path = (char *)path,
					.line = mtu->line,
					.interface = interface ? interface
						     : name    ? (char *)name
							       : str_empty,
					.written = mtu->value,
					.by = MTU_BY_NM,
					.stage = MTU_STACK,
					.is_effective = net_has_nm(r->machine) });
}

/* [connection], [connection-lan]: defaults for what a profile leaves open. */
static void read_defaults(const struct mtu_reading *r, const char *path)
{
	cleanup(sections_done) struct sections file = { 0 };
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(r->machine, path, &ignored);

	if (!text || !strstr(text->s, "ethernet.mtu"))
		return;
	sections_parse(text, SECTIONS_KEYFILE, &file);
	vec_foreach (item, &file) {
		const char *device;

		if (item->kind != SECTION_SET || !str_starts(item->section, "connection") ||
		    !str_eq(item->key, "ethernet.mtu"))
			continue;
		device = sections_get(&file, item->section, "match-device");
		mtu_add(r, &(struct mtu_place){
				   .path = (char *)path,
				   .line = item->line,
				   .interface = !device ? (char[]){ "*" }
						: str_starts(device, "interface-name:")
							? (char *)device + strlen("interface-name:")
							: str_empty,
				   .written = item->value,
				   .says = str_eq(item->value, "0") ? MTU_REFUSES_DHCP : MTU_SETS,
				   .by = MTU_BY_NM,
				   .stage = MTU_STACK,
				   .is_effective = net_has_nm(r->machine) });
	}
}

void mtu_read_nm(const struct mtu_reading *r)
{
	static const char *const profiles[] = { "/etc/NetworkManager/system-connections",
						"/usr/lib/NetworkManager/system-connections" };
	static const char *const conf[] = { "/etc/NetworkManager/conf.d",
					    "/usr/lib/NetworkManager/conf.d" };
	cleanup(tree_names_done) struct tree_names files = { 0 };

	for (size_t d = 0; d < ARRAY_LEN(profiles); d++) {
		const struct tree_names *names = machine_list(r->machine, profiles[d]);

		for (size_t i = 0; names && i < names->count; i++) {
			cleanup(free) char *path =
				mem_printf("%s/%s", profiles[d], names->items[i]);

			read_profile(r, path);
		}
	}
	/* The files of both folders by name, the main one's settings before those in /etc. */
	conf_dirs_list(r->machine, conf, ARRAY_LEN(conf), ".conf", &files);
	read_defaults(r, "/etc/NetworkManager/NetworkManager.conf");
	vec_foreach (path, &files)
		read_defaults(r, *path);
}
