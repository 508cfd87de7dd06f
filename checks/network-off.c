/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "checks/units.h"

static const char wants[] = "/etc/systemd/system/multi-user.target.wants";

/* initscripts read /etc/sysconfig/network first and stop there when it says so or is missing. */
static void look_at_network_file(const struct machine *machine, const struct ifcfgs *set,
				 struct findings *out)
{
	static const char text[] = "NETWORKING=yes\n";
	static const struct tree_new new = { .mode = 0644 };
	struct err ignored = ERR_INIT;
	struct tree_stat st;
	struct finding *finding;

	if (!set->has_initscripts || set->has_nm || !set->network_path)
		return;
	if (!set->has_network_file && !tree_exists(machine_tree(machine), set->network_path)) {
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", set->network_path, 0,
			"the file is missing; network.service ends at once and brings "
			"up no interface");
		if (tree_stat(machine_tree(machine), set->network_path, TREE_NOFOLLOW, &st,
			      &ignored) < 0)
			edit_create(&finding->edits, set->network_path, &new, text, strlen(text));
		else
			finding->repair = REPAIR_NONE; /* a link that leads nowhere */
		return;
	}
	if (!str_eq(ifcfgs_network_get(set, "NETWORKING"), "no"))
		return;
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", set->network_path,
		shellvars_find(&set->network, "NETWORKING")->line,
		"NETWORKING=no: network.service ends at once and brings up no interface");
	shellvars_edit_set(&set->network, set->network_path, "NETWORKING", "yes", &finding->edits);
}

/* System V: S10network in the start levels that there are, and in 3, which is the one that counts; a K90network
 * there would contradict it. */
static void enable_sysv(const struct machine *machine, struct edits *edits)
{
	struct tree *tree = machine_tree(machine);

	for (int level = 2; level <= 5; level++) {
		cleanup(free) char *dir = mem_printf("/etc/rc.d/rc%d.d", level);
		cleanup(free) char *kill = NULL, *start = NULL, *script = NULL;

		if (!tree_is_dir(tree, dir)) {
			cleanup(free) char *other = mem_printf("/etc/rc%d.d", level);

			if (tree_is_dir(tree, other) || level != 3) {
				free(dir);
				dir = TAKE(other);
			}
		}
		if (!tree_is_dir(tree, dir) && level != 3)
			continue;
		kill = mem_printf("%s/K90network", dir);
		start = mem_printf("%s/S10network", dir);
		script = mem_printf("%s/../init.d/network", dir);
		if (tree_exists(tree, kill))
			edit_remove(edits, kill);
		if (!tree_exists(tree, start))
			edit_symlink(edits, start,
				     tree_exists(tree, script) ? "../init.d/network"
							       : "/etc/init.d/network");
	}
}

static const char *vendor_unit(const struct machine *machine, const char *unit, char *ret,
			       size_t room)
{
	static const char *const dirs[] = { "/usr/lib/systemd/system", "/lib/systemd/system" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], unit);

		if (strlen(path) >= room || !tree_exists(machine_tree(machine), path))
			continue;
		memcpy(ret, path, strlen(path) + 1);
		return ret;
	}
	return NULL;
}

/* The service that would read the ifcfg files is not started, and no other network stack is. */
static void look_at_service(const struct machine *machine, const struct ifcfgs *set,
			    struct findings *out)
{
	const char *unit = set->has_initscripts ? "network.service" : "NetworkManager.service";
	enum unit_state state = machine_unit(machine, unit);
	const char *path = machine_unit_path(machine, unit);
	cleanup(free) char *link = mem_printf("%s/%s", wants, unit);
	char vendor[128];
	const char *real =
		state == UNIT_MASKED ? vendor_unit(machine, unit, vendor, sizeof(vendor)) : path;
	struct finding *finding;

	if (!set->is_disabled || !set->primary || state == UNIT_ENABLED)
		return;
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112",
			      path ? path : "/etc/init.d/network", 0,
			      "%s is %s, and no other service would bring the network up", unit,
			      state == UNIT_MASKED ? "masked" : "not enabled");
	if (state == UNIT_MASKED)
		edit_remove(&finding->edits, path);
	if (real)
		edit_symlink(&finding->edits, link, real);
	else
		enable_sysv(machine, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	if (!set.is_read)
		return 0;
	look_at_network_file(machine, &set, out);
	look_at_service(machine, &set, out);
	return 0;
}

const struct check check_network_off = {
	.name = "network-off",
	.title = "the network as a whole is switched off",
	.explain = "Where network.service is the only thing that brings interfaces up, "
		   "NETWORKING=no in "
		   "/etc/sysconfig/network, or that file missing, ends it before it has done "
		   "anything; and "
		   "where the service (or NetworkManager) is disabled or masked and nothing else "
		   "takes its "
		   "place, it is not even started. The repair sets NETWORKING=yes, writes the file "
		   "with "
		   "that one line, or enables the service.",
	.source =
		"initscripts, /etc/init.d/network; sysconfig.txt (NETWORKING); systemctl(1) enable",
	.rows = "112",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
