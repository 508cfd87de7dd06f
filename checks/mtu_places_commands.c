/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that set an MTU, and the scripts and units that hold them. */
#include "checks/ifupdown.h"
#include "checks/dhclient_statements.h"
#include "checks/mtu_places_parts.h"
#include "checks/net_stack.h"
#include "checks/nic_names.h"
#include "checks/shell_scan.h"
#include "checks/unit_edit.h"

#include <ctype.h>

#define DEPTH_MAX 3u /* sh -c inside of sh -c */

/* The word behind `key`; NULL: none. */
static const char *word_after(const struct tree_names *words, size_t first, const char *key)
{
	for (size_t i = first; i + 1 < words->count; i++)
		if (str_eq(words->items[i], key))
			return words->items[i + 1];
	return NULL;
}

/* "ip [-4] link set [dev] eth0 … mtu 1400": words may be cut short. ret_device: NULL: it is no such
 * command. */
static const char *device_of_ip(const struct tree_names *words, size_t first)
{
	size_t i = first + 1;
	const char *device;

	while (i < words->count && words->items[i][0] == '-')
		i++;
	if (i + 2 >= words->count || !str_starts("link", words->items[i]) ||
	    !str_starts("set", words->items[i + 1]))
		return NULL;
	device = word_after(words, i + 2, "dev");
	return device ? device : words->items[i + 2];
}

static const char *device_of(const struct tree_names *words, size_t first, const char *program)
{
	if (str_eq(program, "ip"))
		return device_of_ip(words, first);
	return str_eq(program, "ifconfig") && first + 1 < words->count ? words->items[first + 1]
								       : NULL;
}

static void add_words(const struct mtu_reading *r, const struct mtu_place *like,
		      const struct tree_names *words, unsigned depth);

static void add_text(const struct mtu_reading *r, const struct mtu_place *like, const char *text,
		     size_t len, unsigned depth)
{
	cleanup(shell_script_done) struct shell_script script = { 0 };

	if (!memmem(text, len, "mtu", 3))
		return;
	shell_scan(text, len, &script);
	vec_foreach (command, &script.commands) {
		struct mtu_place place = *like;

		place.line += command->line ? command->line - 1 : 0;
		place.is_conditional |= command->is_conditional || command->is_after_exit;
		add_words(r, &place, &command->words, depth);
	}
}

/* "sh -c 'ip link …'" */
static bool add_inner(const struct mtu_reading *r, const struct mtu_place *like,
		      const struct tree_names *words, size_t first, const char *program,
		      unsigned depth)
{
	const char *inner = word_after(words, first, "-c");

	if ((!str_eq(program, "sh") && !str_eq(program, "bash") && !str_eq(program, "dash")) ||
	    !inner)
		return false;
	if (depth < DEPTH_MAX)
		add_text(r, like, inner, strlen(inner), depth + 1);
	return true;
}

static void add_words(const struct mtu_reading *r, const struct mtu_place *like,
		      const struct tree_names *words, unsigned depth)
{
	struct mtu_place place = *like;
	size_t first = 0;
	const char *program = shell_program(words, &first), *device, *mtu;

	if (!program || add_inner(r, like, words, first, program, depth))
		return;
	device = device_of(words, first, program);
	mtu = device ? word_after(words, first, "mtu") : NULL;
	if (!mtu)
		return;
	/* Of a variable its owner knows what it stands for. */
	if (!strpbrk(device, "$%`")) {
		if (!nic_name_is_card(device))
			return;
		place.interface = (char *)device;
	}
	place.written = (char *)mtu;
	place.says = MTU_SETS;
	mtu_add(r, &place);
}

void mtu_add_commands(const struct mtu_reading *r, const struct mtu_place *like, const char *text,
		      size_t len)
{
	add_text(r, like, text, len, 0);
}

void mtu_add_words(const struct mtu_reading *r, const struct mtu_place *like,
		   const struct tree_names *words)
{
	add_words(r, like, words, 0);
}

/* ---- scripts ------------------------------------------------------------------------------- */

bool mtu_is_program(const struct machine *machine, const char *path)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	return !tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
	       S_ISREG(st.mode) && st.mode & 0111;
}

/* Scripts of dhclient can throw the offer away, or make it another one. */
static void add_lease_words(const struct mtu_reading *r, const struct mtu_place *like,
			    const struct str *text)
{
	static const char name[] = "new_interface_mtu";
	cleanup(shell_script_done) struct shell_script script = { 0 };

	if (!strstr(text->s, name))
		return;
	shell_scan(text->s, text->len, &script);
	vec_foreach (command, &script.commands) {
		const char *word = command->words.count ? command->words.items[0] : "";
		struct mtu_place place = *like;

		place.line = command->line;
		place.is_conditional = command->is_conditional || command->is_after_exit;
		place.by = MTU_BY_DHCLIENT;
		place.stage = MTU_STACK;
		place.says = MTU_REFUSES_DHCP;
		if (str_starts(word, name) && word[sizeof(name) - 1] == '=') {
			place.written = (char *)word + sizeof(name);
			if (*place.written)
				place.says = MTU_SETS;
		} else if (!str_eq(word, "unset") || command->words.count < 2 ||
			   !str_eq(command->words.items[1], name))
			continue;
		mtu_add(r, &place);
	}
}

static void read_script(const struct mtu_reading *r, const struct mtu_place *like)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(r->machine, like->path, &ignored);

	if (!text || str_starts(text->s, "\x7f"
					 "ELF"))
		return;
	mtu_add_commands(r, like, text->s, text->len);
	if (strstr(like->path, "dhclient-e"))
		add_lease_words(r, like, text);
}

static void read_folder(const struct mtu_reading *r, const char *dir, bool is_used, bool needs_mode,
			enum mtu_stage stage)
{
	const struct tree_names *names = is_used ? machine_list(r->machine, dir) : NULL;

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		const struct mtu_place like = { .path = path,
						.line = 1,
						.interface = (char[]){ "*" },
						.by = MTU_BY_HOOK,
						.stage = stage,
						.is_effective = true };

		if (!needs_mode || mtu_is_program(r->machine, path))
			read_script(r, &like);
	}
}

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

void mtu_read_scripts(const struct mtu_reading *r)
{
	static const char rc_d[] = "/etc/rc.d/rc.local", rc[] = "/etc/rc.local";
	const struct machine *m = r->machine;
	bool has_ifupdown = ifupdown_model(m), has_nm = net_has_nm(m);
	bool has_dhclient = dhclient_is_used(m);
	bool has_dispatcher = is_enabled(m, "networkd-dispatcher.service");
	const char *path = tree_exists(machine_tree(m), rc_d) ? rc_d : rc;
	const struct mtu_place like = { .path = (char *)path,
					.line = 1,
					.interface = str_empty,
					.by = MTU_BY_SCRIPT,
					.stage = MTU_LATE,
					.is_effective = mtu_is_program(m, path) };

	read_script(r, &like);
	read_folder(r, "/etc/network/if-pre-up.d", has_ifupdown, true, MTU_EARLY);
	read_folder(r, "/etc/network/if-up.d", has_ifupdown, true, MTU_HOOK);
	read_folder(r, "/etc/NetworkManager/dispatcher.d", has_nm, true, MTU_HOOK);
	read_folder(r, "/etc/NetworkManager/dispatcher.d/pre-up.d", has_nm, true, MTU_HOOK);
	read_folder(r, "/etc/networkd-dispatcher/configured.d", has_dispatcher, true, MTU_HOOK);
	read_folder(r, "/etc/networkd-dispatcher/routable.d", has_dispatcher, true, MTU_HOOK);
	/* dhclient-script sources these: their modes do not count. */
	read_folder(r, "/etc/dhcp/dhclient-enter-hooks.d", has_dhclient, false, MTU_HOOK);
	read_folder(r, "/etc/dhcp/dhclient-exit-hooks.d", has_dhclient, false, MTU_HOOK);
	read_folder(r, "/etc/dhcp/dhclient.d", has_dhclient, true, MTU_HOOK);
	for (size_t i = 0; has_dhclient && i < 4; i++) {
		static const char *const hooks[] = { "/etc/dhcp/dhclient-enter-hooks",
						     "/etc/dhcp/dhclient-exit-hooks",
						     "/etc/dhclient-enter-hooks",
						     "/etc/dhclient-exit-hooks" };
		struct mtu_place hook = { .path = (char *)hooks[i],
					  .line = 1,
					  .interface = (char[]){ "*" },
					  .by = MTU_BY_HOOK,
					  .stage = MTU_HOOK,
					  .is_effective = true };

		read_script(r, &hook);
	}
}

/* ---- units --------------------------------------------------------------------------------- */

/* A script of one's own that a unit runs. */
static void read_program(const struct mtu_reading *r, const struct mtu_place *like,
			 const char *path)
{
	static const char *const homes[] = { "/usr/local/", "/opt/", "/root/", "/etc/",
					     "/home/",	    "/srv/", "/var/" };
	struct mtu_place place = *like;

	for (size_t i = 0; i < ARRAY_LEN(homes); i++)
		if (str_starts(path, homes[i])) {
			place.path = (char *)path;
			place.line = 1;
			read_script(r, &place);
			return;
		}
}

static void read_unit(const struct mtu_reading *r, const struct unit *unit)
{
	bool is_early = unit_has_word(unit, "Unit", "Before", "network-pre.target");

	for (size_t f = 0; f < unit->files.count; f++) {
		const struct unit_file *file = &unit->files.items[f];

		vec_foreach (item, &file->sections) {
			cleanup(tree_names_done) struct tree_names words = { 0 };
			struct mtu_place place = { .path = file->path,
						   .line = item->line,
						   .interface = str_empty,
						   .by = MTU_BY_UNIT,
						   .stage = is_early ? MTU_EARLY : MTU_LATE,
						   .is_effective = true };
			bool may_fail;

			if (item->kind != SECTION_SET || !str_eq(item->section, "Service") ||
			    !str_starts(item->key, "ExecStart") || !unit_path_is_local(file->path))
				continue;
			unit_command_words(item->value, &words, &may_fail);
			if (!words.count)
				continue;
			mtu_add_words(r, &place, &words);
			/* rc.local has its own reader. */
			if (!strstr(words.items[0], "rc.local"))
				read_program(r, &place, words.items[0]);
		}
	}
}

void mtu_read_units(const struct mtu_reading *r)
{
	const struct boot_units *boot = units_at_boot(r->machine);

	vec_foreach (unit, boot)
		if (unit->unit)
			read_unit(r, unit->unit);
}
