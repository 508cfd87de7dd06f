/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is set when a card appears: udev's rules and systemd's .link files. */
#include "checks/conf_dirs.h"
#include "checks/ifcfg.h"
#include "checks/mtu_places_parts.h"
#include "checks/nic_names.h"
#include "checks/unit_edit.h"

#include <fnmatch.h>

/* ---- .link files ----------------------------------------------------------------------------- */

static const char *match_of(const struct sections *file, const char *key)
{
	const char *value = sections_get(file, "Match", key);

	return value && *value ? value : NULL;
}

/* Kernel names, before udev gives another one. NULL: none of our cards. */
static char *interface_of_link(const struct machine *machine, const struct sections *file)
{
	const char *driver = match_of(file, "Driver"), *type = match_of(file, "Type");
	const char *mac = match_of(file, "PermanentMACAddress");
	const char *original = match_of(file, "OriginalName");
	const char *name = sections_get(file, "Link", "Name");
	cleanup(free) char *interface = NULL;

	if ((driver && *driver != '!' && !mtu_is_driver(driver)) ||
	    (type && *type != '!' && !strstr(type, "ether") && !strchr(type, '*')) ||
	    match_of(file, "Kind"))
		return NULL;
	mac = mac ? mac : match_of(file, "MACAddress");
	interface = mtu_interface_of(machine, original, mac, driver || type);
	if (!interface)
		return NULL;
	if (name && *name)
		return mem_strdup(name);
	/* "eth0" is whatever comes first, and has another name later. */
	if (original && !strpbrk(original, "*?[") && nic_naming(machine) != NIC_NAMING_KERNEL)
		return mem_strdup(str_starts(original, "eth") ? "" : interface);
	return original && nic_naming(machine) != NIC_NAMING_KERNEL ? mem_strdup("*")
								    : TAKE(interface);
}

void mtu_read_links(const struct mtu_reading *r)
{
	static const char *const dirs[] = { "/etc/systemd/network",
					    "/usr/local/lib/systemd/network",
					    "/usr/lib/systemd/network", "/lib/systemd/network" };
	cleanup(tree_names_done) struct tree_names files = { 0 };
	bool is_taken = false; /* an earlier file is for every card: the first one counts alone */

	conf_dirs_list(r->machine, dirs, ARRAY_LEN(dirs), ".link", &files);
	vec_foreach (path, &files) {
		cleanup(sections_done) struct sections file = { 0 };
		cleanup(free) char *interface = NULL;
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(r->machine, *path, &ignored);
		const struct section_item *mtu;

		if (!text)
			continue;
		sections_parse(text, SECTIONS_SYSTEMD, &file);
		mtu = sections_find(&file, "Link", "MTUBytes");
		interface = interface_of_link(r->machine, &file);
		if (mtu)
			mtu_add(r,
				&(struct mtu_place){ .path = *path,
						     .line = mtu->line,
						     .interface = interface ? interface : str_empty,
						     .written = mtu->value,
						     .by = MTU_BY_LINK,
						     .stage = MTU_EARLY,
						     .is_effective = interface && !is_taken });
		is_taken |= interface && str_eq(interface, "*");
	}
}

/* ---- rules ------------------------------------------------------------------------------------- */

struct rule {
	char *name, *mac; /* KERNEL== or NAME==; ATTR{address}==; NULL */
	char *mtu;	  /* ATTR{mtu}= */
	struct tree_names runs;
	bool is_net, is_other, has_driver, is_renamed;
	bool has_jump; /* GOTO, or a condition that is not understood */
};

static void rule_done(struct rule *rule)
{
	free(rule->name);
	free(rule->mac);
	free(rule->mtu);
	tree_names_done(&rule->runs);
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = mem_strdup(value);
}

/* One KEY{attribute}OPERATOR"value". */
static void take(struct rule *rule, const char *key, const char *op, const char *value)
{
	bool is_match = str_eq(op, "=="), is_set = str_eq(op, "=") || str_eq(op, ":=");

	if (str_eq(key, "SUBSYSTEM") && is_match)
		rule->is_net = str_eq(value, "net");
	else if (str_eq(key, "ACTION"))
		rule->is_other |= is_match ? !strstr(value, "add") && !strchr(value, '*')
					   : !fnmatch(value, "add", 0);
	else if ((str_eq(key, "KERNEL") || str_eq(key, "NAME") || str_eq(key, "ENV{INTERFACE}")) &&
		 is_match) {
		rule->is_renamed |= str_eq(key, "KERNEL");
		set(&rule->name, value);
	} else if (str_eq(key, "ATTR{address}") && is_match)
		set(&rule->mac, value);
	else if ((str_eq(key, "DRIVERS") || str_eq(key, "DRIVER") ||
		  str_eq(key, "ENV{ID_NET_DRIVER}")) &&
		 is_match) {
		rule->has_driver = true;
		rule->is_other |= !mtu_is_driver(value) && !strchr(value, '?');
	} else if (str_eq(key, "ATTR{mtu}") && is_set)
		set(&rule->mtu, value);
	else if (str_starts(key, "RUN") && (is_set || str_eq(op, "+=")))
		vec_push(&rule->runs, mem_strdup(value));
	else if (str_eq(key, "GOTO") || is_match || str_eq(op, "!="))
		rule->has_jump |= !str_starts(key, "ATTR{type}") && !str_eq(key, "ATTR{dev_id}");
}

static void parse(const char *line, struct rule *ret)
{
	for (const char *at = line + strspn(line, " \t,"); *at; at += strspn(at, " \t,")) {
		size_t len = strcspn(at, "=!+-: \t"), op_len, value_len;
		cleanup(free) char *key = mem_strndup(at, len);
		cleanup(free) char *op = NULL, *value = NULL;

		at += len;
		at += strspn(at, " \t");
		op_len = strspn(at, "=!+-:");
		op = mem_strndup(at, op_len);
		at += op_len;
		at += strspn(at, " \t");
		if (!op_len || *at != '"')
			return; /* udev leaves such a line out */
		value_len = strcspn(at + 1, "\"");
		value = mem_strndup(at + 1, value_len);
		at += 1 + value_len;
		at += *at == '"';
		take(ret, key, op, value);
	}
}

static char *interface_of_rule(const struct machine *machine, const struct rule *rule)
{
	char *interface = mtu_interface_of(machine, rule->name, rule->mac,
					   rule->has_driver || (!rule->name && !rule->mac));
	bool is_pattern = rule->name && strpbrk(rule->name, "*?[");

	/* KERNEL is the name before udev gives the card another one. */
	if (!interface && rule->is_renamed && str_starts(rule->name, "eth") && !rule->mac)
		interface = mem_strdup("");
	if (interface && rule->is_renamed && nic_naming(machine) != NIC_NAMING_KERNEL) {
		free(interface);
		interface = mem_strdup(is_pattern && !fnmatch(rule->name, "eth0", 0) ? "*" : "");
	}
	return interface;
}

static void read_rule(const struct mtu_reading *r, const char *path, uint32_t line,
		      const char *text)
{
	cleanup(free) char *interface = NULL;
	struct rule rule = { 0 };
	struct mtu_place place = {
		.path = (char *)path, .line = line, .by = MTU_BY_UDEV, .stage = MTU_EARLY
	};

	parse(text, &rule);
	interface = interface_of_rule(r->machine, &rule);
	place.interface = interface ? interface : rule.name ? rule.name : str_empty;
	place.is_effective = interface && !rule.is_other;
	place.is_conditional = rule.has_jump;
	/* Only network cards have the attribute; a program may be run for anything. */
	place.written = rule.mtu;
	if (rule.mtu)
		mtu_add(r, &place);
	vec_foreach (run, &rule.runs) {
		cleanup(tree_names_done) struct tree_names words = { 0 };
		bool may_fail;

		unit_command_words(*run, &words, &may_fail);
		if (rule.is_net && words.count)
			mtu_add_words(r, &place, &words);
	}
	rule_done(&rule);
}

/* Lines, joined where they end in a backslash. */
static void read_rules(const struct mtu_reading *r, const char *path)
{
	cleanup(str_done) struct str joined = STR_INIT;
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(r->machine, path, &ignored);
	uint32_t number = 0, first = 0; /* the rule's line that speaks of an MTU */

	for (const char *at = text && strstr(text->s, "mtu") ? text->s : ""; *at;
	     at += *at == '\n') {
		size_t len = strcspn(at, "\n");
		bool goes_on = len && at[len - 1] == '\\';

		number++;
		if (!first && memmem(at, len, "mtu", 3))
			first = number;
		str_add_bytes(&joined, at, goes_on ? len - 1 : len);
		at += len;
		if (goes_on && *at)
			continue;
		if (first && joined.s[strspn(joined.s, " \t")] != '#')
			read_rule(r, path, first, joined.s);
		str_clear(&joined);
		first = 0;
	}
}

void mtu_read_udev(const struct mtu_reading *r)
{
	/* What was made on this machine; no package's rules set an MTU. */
	static const char *const dirs[] = { "/etc/udev/rules.d", "/usr/local/lib/udev/rules.d" };
	cleanup(tree_names_done) struct tree_names files = { 0 };

	conf_dirs_list(r->machine, dirs, ARRAY_LEN(dirs), ".rules", &files);
	vec_foreach (path, &files)
		read_rules(r, *path);
}
