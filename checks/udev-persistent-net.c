/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "fs/lines.h"

#include <ctype.h>
#include <strings.h>

#define RULES	  "/etc/udev/rules.d/70-persistent-net.rules"
#define RULES_MAX 256

/* SUBSYSTEM=="net", ... ATTR{address}=="0a:…", ... NAME="eth0" */
struct naming_rule {
	uint32_t line;
	char mac[18], name[16];
	bool is_ours, is_foreign; /* both false: unknown */
};
struct naming_rules {
	struct naming_rule *items;
	size_t count, room;
};

static bool copy_quoted(const char *from, char *ret, size_t room)
{
	const char *start = from ? strchr(from, '"') : NULL;
	const char *end = start ? strchr(start + 1, '"') : NULL;

	if (!end || (size_t)(end - start) > room || end == start + 1)
		return false;
	memcpy(ret, start + 1, (size_t)(end - start) - 1);
	ret[end - start - 1] = '\0';
	return true;
}

static void read_rules(const struct machine *machine, const struct str *text,
		       struct naming_rules *ret)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	uint32_t number = 0;

	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		const char *start = line + strspn(line, " \t");
		const char *name = strstr(line, "NAME=\"");
		struct naming_rule rule = { .line = ++number };

		if (*start == '#' || !name || ret->count == RULES_MAX ||
		    !copy_quoted(strstr(line, "{address}=="), rule.mac, sizeof(rule.mac)) ||
		    !copy_quoted(name, rule.name, sizeof(rule.name)))
			continue;
		for (size_t i = 0; cloud && i < cloud->interface_count; i++)
			if (cloud->interfaces[i].mac &&
			    !strcasecmp(cloud->interfaces[i].mac, rule.mac))
				rule.is_ours = true;
		rule.is_foreign = cloud && cloud->interface_count && !rule.is_ours;
		vec_push(ret, rule);
	}
}

/* Is `name` a word of the text outside comments, or does a glob there take it in? */
static bool names_it(const struct str *text, const char *name)
{
	static const char *const globs[] = { "eth*", "e*", "=*" };
	size_t len = strlen(name);

	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));

		line[strcspn(line, "#")] = '\0';
		for (const char *p = line; (p = strstr(p, name)); p++)
			if ((p == line || !isalnum((unsigned char)p[-1])) &&
			    !isalnum((unsigned char)p[len]))
				return true;
		for (size_t i = 0; i < ARRAY_LEN(globs); i++)
			if (str_starts(name, "e") && str_ends(line, globs[i]) && strchr(line, '='))
				return true;
	}
	return false;
}

static bool is_configured(const struct machine *machine, const struct ifcfgs *set, const char *name)
{
	static const char *const dirs[] = { "/etc/network/interfaces.d", "/etc/systemd/network",
					    "/etc/netplan" };
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/network/interfaces", &ignored);

	if (text && names_it(text, name))
		return true;
	vec_foreach (file, set)
		if (set->is_read && (str_eq(file->device, name) || str_eq(file->name, name)))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };

		if (tree_list(machine_tree(machine), dirs[i], &names, &ignored) < 0)
			continue;
		vec_foreach (entry, &names) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i], *entry);

			text = machine_file(machine, path, &ignored);
			if (text && names_it(text, name))
				return true;
		}
	}
	return false;
}

/* Debian until 8, Red Hat until 6: each unknown card gets a new line with the next free name. */
static bool has_generator(const struct machine *machine)
{
	return tree_exists(machine_tree(machine),
			   "/lib/udev/rules.d/75-persistent-net-generator.rules") ||
	       tree_exists(machine_tree(machine),
			   "/usr/lib/udev/rules.d/75-persistent-net-generator.rules");
}

static void comment_out(const struct str *text, uint32_t line, struct edits *edits)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;

	lines_copy(text->s, text->len, line, 1, &old);
	str_add(&new, "# ");
	str_add_bytes(&new, old.s, old.len);
	edit_line_bytes(edits, RULES, line, 1, &old, &new);
}

/* A rule keeps `wanted` for a card that is not there, so that the card that is there is called
 * otherwise. Without the cloud's word: the configuration knows the name that an old rule keeps,
 * and does not know the name that a newer rule gives. */
static bool is_stolen(const struct machine *machine, const struct ifcfgs *set,
		      const struct naming_rules *rules, const struct naming_rule *wanted)
{
	bool is_newer_unknown = false;

	if (wanted->is_ours || !is_configured(machine, set, wanted->name))
		return false;
	if (wanted->is_foreign) {
		bool has_own_rule = false;

		vec_foreach (rule, rules)
			has_own_rule |= rule->is_ours && !is_configured(machine, set, rule->name);
		return has_own_rule || has_generator(machine);
	}
	vec_foreach (rule, rules)
		is_newer_unknown |= rule > wanted && strcasecmp(rule->mac, wanted->mac) &&
				    !str_eq(rule->name, wanted->name) &&
				    !is_configured(machine, set, rule->name);
	return is_newer_unknown;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	struct naming_rules rules = { 0 };
	struct err why = ERR_INIT;
	const struct str *text = machine_file(machine, RULES, &why);

	if (!text && why.code == ERR_NOTFOUND)
		return 0;
	if (!text) {
		*err = why;
		return -1;
	}
	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	read_rules(machine, text, &rules);
	vec_foreach (rule, &rules) {
		struct finding *finding;

		if (!is_stolen(machine, &set, &rules, rule))
			continue;
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "110", RULES, rule->line,
			rule->is_foreign
				? "the name %s is kept for the network card %s, which this "
				  "instance "
				  "does not have; its own card gets another name, for which no "
				  "network is configured"
				: "the name %s is kept for the network card %s; a card that came "
				  "later gets another name, for which no network is configured",
			machine_quote(machine, rule->name, strlen(rule->name)),
			machine_quote(machine, rule->mac, strlen(rule->mac)));
		comment_out(text, rule->line, &finding->edits);
		vec_foreach (other, &rules)
			if (other != rule && !is_configured(machine, &set, other->name))
				comment_out(text, other->line, &finding->edits);
		break; /* one finding holds the whole repair */
	}
	vec_done(&rules);
	return 0;
}

const struct check check_udev_persistent_net = {
	.name = "udev-persistent-net",
	.title = "udev keeps an interface name for a network card that is gone",
	.explain = "70-persistent-net.rules ties interface names to MAC addresses. On a volume "
		   "that came "
		   "from another instance the old card's line still owns eth0, the real card is "
		   "called "
		   "eth1, and nothing configures eth1: no network. The repair puts a # before the "
		   "stale "
		   "lines, so that the kernel's own order (eth0 first) holds again.",
	.source =
		"udev(7); write_net_rules and 75-persistent-net-generator.rules of udev before 209",
	.rows = "110",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
