/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which program loads a NAT instance's rules: the one that loads rules already, else one that is there. */
#include "checks/nat.h"
#include "checks/nat_setup.h"
#include "checks/nft.h"
#include "checks/ufw.h"
#include "checks/units.h"
#include "fs/lines.h"

#include <stdio.h>
#include <stdlib.h>

struct known_loader {
	const char *unit, *path, *program;
	uint32_t new_mode;
	bool is_nft;
};
/* In this order where more than one is there: iptables' are packages that somebody has chosen, nft's is
 * there on most systems. */
static const struct known_loader known[] = {
	{ "iptables.service", "/etc/sysconfig/iptables", "iptables-restore", 0600, false },
	{ "netfilter-persistent.service", "/etc/iptables/rules.v4", "iptables-restore", 0640,
	  false },
	{ "nftables.service", NULL, "nft", 0600, true },
};

void nat_loader_done(struct nat_loader *loader)
{
	free(loader->path);
}

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

static bool has_program(const struct machine *machine, const char *name)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], name);
		struct err ignored = ERR_INIT;
		struct tree_stat st;

		if (!tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode) && (st.mode & 0111))
			return true;
	}
	return false;
}

/* netfilter-persistent without the plugin for iptables loads nothing. */
static bool has_plugin(const struct machine *machine, const char *unit)
{
	return !str_eq(unit, "netfilter-persistent.service") ||
	       tree_exists(machine_tree(machine),
			   "/usr/share/netfilter-persistent/plugins.d/15-ip4tables");
}

static bool can_load(const struct machine *machine, const struct known_loader *loader)
{
	enum unit_state state = machine_unit(machine, loader->unit);

	return (state == UNIT_ENABLED || state == UNIT_DISABLED) &&
	       has_program(machine, loader->program) && has_plugin(machine, loader->unit);
}

static struct finding *add_none(const struct nat_plan *plan, struct findings *out, const char *what)
{
	cleanup(str_done) struct str ranges = STR_INIT;

	nat_ranges_text(plan, &ranges);
	return finding_add(out, SEVERITY_DELAYS, REPAIR_NONE, "128,135", NULL, 0,
			   "addresses shall be translated for %s, as you ask, but %s", ranges.s,
			   what);
}

static void take(const struct machine *machine, const struct known_loader *from,
		 struct nat_loader *ret)
{
	cleanup(nft_loads_done) struct nft_loads loads = { 0 };

	*ret = (struct nat_loader){ .unit = from->unit,
				    .is_enabled = is_enabled(machine, from->unit),
				    .is_nft = from->is_nft,
				    .new_mode = from->new_mode };
	if (from->is_nft)
		nft_loads_would(machine, &loads);
	if (loads.count)
		ret->path = mem_strdup(loads.items[0].path);
	else
		ret->path = mem_strdup(from->path ? from->path : "/etc/nftables.conf");
}

/* What rules does a boot load already, and by which program? 0: *ret; 1: none. */
static int find_loaded(const struct nat_plan *plan, struct nat_loader *ret, bool *ret_both,
		       struct err *err)
{
	cleanup(nat_done) struct nat nat = { 0 };
	cleanup(nft_loads_done) struct nft_loads loads = { 0 };
	const struct nat_file *file;

	if (nat_read(plan->machine, &nat, err) < 0)
		return -1;
	nft_loads_find(plan->machine, &loads);
	file = nat_translating(&nat);
	vec_foreach (other, &nat.files)
		if (other->is_loaded && !file)
			file = other;
	*ret_both = file && loads.count;
	if (file)
		*ret = (struct nat_loader){ .path = mem_strdup(file->file.path),
					    .is_enabled = true };
	else if (loads.count)
		*ret = (struct nat_loader){ .path = mem_strdup(loads.items[0].path),
					    .unit = "nftables.service",
					    .is_enabled = true,
					    .is_nft = true,
					    .new_mode = 0600 };
	return !file && !loads.count;
}

/* Rules that are saved and translate, and wait for a service, come first. */
static const struct known_loader *choose(const struct nat_plan *plan)
{
	const struct known_loader *best = NULL;
	cleanup(nat_done) struct nat nat = { 0 };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (can_load(plan->machine, &known[i]) &&
		    (!best || (is_enabled(plan->machine, known[i].unit) &&
			       !is_enabled(plan->machine, best->unit))))
			best = &known[i];
	if (nat_read(plan->machine, &nat, &ignored) < 0 ||
	    (best && is_enabled(plan->machine, best->unit)))
		return best;
	vec_foreach (file, &nat.files)
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (!file->is_loaded && file->unit && str_eq(file->unit, known[i].unit) &&
			    nat_rule(&file->rules, NULL) && can_load(plan->machine, &known[i]))
				return &known[i];
	return best;
}

/* A program that makes all rules by its own configuration. ufw's unit is started on every Ubuntu, and does
 * nothing where ufw.conf does not say so. */
static int find_manager(const struct nat_plan *plan, const char **ret, struct err *err)
{
	cleanup(ufw_done) struct ufw ufw = { 0 };

	*ret = NULL;
	if (is_enabled(plan->machine, "firewalld.service"))
		*ret = "firewalld";
	else if (ufw_read(plan->machine, false, &ufw, err) < 0)
		return -1;
	else if (ufw.is_started)
		*ret = "ufw";
	return 0;
}

int nat_loader_find(const struct nat_plan *plan, struct nat_loader *ret, struct findings *out,
		    struct err *err)
{
	const struct known_loader *best;
	const char *manager;
	bool has_both = false;
	int rc;

	*ret = (struct nat_loader){ 0 };
	if (find_manager(plan, &manager, err) < 0)
		return -1;
	if (manager) {
		cleanup(free) char *what = mem_printf(
			"%s makes the rules of this system and forgets those of others: let it "
			"translate by its own configuration, or disable it",
			manager);

		add_none(plan, out, what);
		return 1;
	}
	rc = find_loaded(plan, ret, &has_both, err);
	if (rc < 0)
		return -1;
	if (has_both) {
		add_none(plan, out,
			 "a boot loads rules of iptables and of nftables.service, and each may "
			 "flush the other's: disable one of them");
		return 1;
	}
	if (!rc && !has_program(plan->machine, ret->is_nft ? "nft" : "iptables-restore")) {
		add_none(plan, out,
			 ret->is_nft ? "the program nft, which would load the rules, is not here"
				     : "the program iptables-restore, which would load the rules, "
				       "is not here");
		return 1;
	}
	if (!rc)
		return 0;
	best = choose(plan);
	if (!best) {
		add_none(plan, out,
			 "nothing here can load rules at boot: neither iptables.service, "
			 "netfilter-persistent.service nor nftables.service is installed and free "
			 "to start, with its program; install iptables-services, "
			 "iptables-persistent or nftables");
		return 1;
	}
	take(plan->machine, best, ret);
	return 0;
}

/* --- started at boot ---------------------------------------------------------------------------------- */

/* "# chkconfig: 2345 08 92": levels, and the places among the others. */
static void read_chkconfig(const struct machine *machine, const char *script, char levels[12],
			   unsigned *ret_start)
{
	struct err ignored = ERR_INIT;
	const char *text = machine_text(machine, script, &ignored);
	const char *at = text ? strstr(text, "# chkconfig:") : NULL;
	char start[3];

	if (!at || sscanf(at, "# chkconfig: %11[0-9] %2[0-9]", levels, start) != 2) {
		snprintf(levels, 12, "2345");
		snprintf(start, sizeof(start), "08");
	}
	*ret_start = (unsigned)strtoul(start, NULL, 10);
}

static void enable_script(const struct machine *machine, const char *name, struct edits *edits)
{
	cleanup(free) char *script = mem_printf("/etc/init.d/%s", name);
	bool is_red = tree_is_dir(machine_tree(machine), "/etc/rc.d/rc3.d");
	char levels[12];
	unsigned start;

	read_chkconfig(machine, script, levels, &start);
	for (const char *level = levels; *level; level++) {
		cleanup(free) char *dir =
			mem_printf("/etc/%src%c.d", is_red ? "rc.d/" : "", *level);
		cleanup(free) char *link = mem_printf("%s/S%02u%s", dir, start, name);
		cleanup(free) char *target = mem_printf("../init.d/%s", name);
		const struct tree_names *names = machine_list(machine, dir);

		for (size_t i = 0; names && i < names->count; i++) {
			cleanup(free) char *stop = mem_printf("%s/%s", dir, names->items[i]);

			if (names->items[i][0] == 'K' && strlen(names->items[i]) > 3 &&
			    str_eq(names->items[i] + 3, name))
				edit_remove(edits, stop);
		}
		edit_symlink(edits, link, target);
	}
}

void nat_loader_enable(const struct nat_plan *plan, const struct nat_loader *loader,
		       struct edits *edits)
{
	const char *path = machine_unit_path(plan->machine, loader->unit);
	const struct unit *unit = path ? unit_load(plan->machine, loader->unit) : NULL;
	cleanup(tree_names_done) struct tree_names targets = { 0 };

	if (!path) {
		cleanup(free) char *name = mem_strndup(loader->unit, strcspn(loader->unit, "."));

		enable_script(plan->machine, name, edits);
		return;
	}
	if (unit)
		unit_words(unit, "Install", "WantedBy", &targets);
	if (!targets.count)
		vec_push(&targets, mem_strdup("multi-user.target"));
	vec_foreach (target, &targets) {
		cleanup(free) char *link =
			mem_printf("/etc/systemd/system/%s.wants/%s", *target, loader->unit);

		if (!strchr(*target, '/'))
			edit_symlink(edits, link, path);
	}
}
