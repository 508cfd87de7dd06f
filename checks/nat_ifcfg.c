/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interfaces of a NAT instance in /etc/sysconfig: a file for the second one, and which of them has the
 * way out. */
#include "checks/ifcfg.h"
#include "checks/nat_setup.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

static const struct ifcfg *find_device(const struct ifcfgs *set, const char *device)
{
	vec_foreach (file, set)
		if (str_eq(file->device, device))
			return file;
	return NULL;
}

/* A copy of the first one's file, that still has its name in it. */
static const struct ifcfg *find_copy(const struct ifcfgs *set, const char *name)
{
	vec_foreach (file, set)
		if (str_eq(file->name, name) && !file->is_unsure && !file->vars.has_crlf)
			return file;
	return NULL;
}

static bool has_helper(const struct machine *machine, const struct ifcfgs *set)
{
	return machine_may_be_in(machine, set->dir, "ec2net-functions");
}

/* Each of two cards has a file with its own name. */
static void give_file(const struct nat_plan *plan, const struct ifcfgs *set, const char *name,
		      struct findings *out)
{
	static const struct tree_new made = { .mode = 0644 };
	cleanup(free) char *path = mem_printf("%s/ifcfg-%s", set->dir, name);
	cleanup(free) char *text = NULL;
	const struct ifcfg *copy = find_copy(set, name);
	struct finding *finding;

	if (nic_count(plan->machine) != 2 || plan->names.count != 2 || !str_starts(name, "eth") ||
	    find_device(set, name) || has_helper(plan->machine, set) ||
	    (!set->has_initscripts && !set->has_nm))
		return;
	finding = finding_add(out, SEVERITY_DELAYS, REPAIR_SURE, "112", copy ? copy->path : path,
			      copy ? ifcfg_line(copy, "DEVICE") : 0,
			      copy ? "the instance has two network cards, and this file of %s "
				     "names another: %s stays down, and no host is reached "
				     "through it"
				   : "the instance has two network cards, and %s has no file: it "
				     "stays down, and no host is reached through %s",
			      name, name);
	if (copy) {
		shellvars_edit_set(&copy->vars, copy->path, "DEVICE", name, &finding->edits);
		return;
	}
	text = mem_printf("DEVICE=%s\nBOOTPROTO=dhcp\nONBOOT=yes\nTYPE=Ethernet\n", name);
	edit_create(&finding->edits, path, &made, text, strlen(text));
}

/* The whole file is one edit, so that another check, which may want the same, waits for the next
 * examination instead of adding the line once more. */
static void set_gateway(const struct nat_plan *plan, const struct ifcfgs *set,
			struct finding *finding)
{
	static const struct tree_new made = { .mode = 0644 };
	cleanup(edits_done) struct edits lines = { 0 };
	cleanup(str_done) struct str new = STR_INIT;
	const struct str *old = &set->network.text;
	const struct edit *edit;
	size_t start, end;

	if (!set->has_network_file) {
		str_addf(&new, "NETWORKING=yes\nGATEWAYDEV=%s\n", plan->out);
		edit_create(&finding->edits, set->network_path, &made, new.s, new.len);
		return;
	}
	shellvars_edit_set(&set->network, set->network_path, "GATEWAYDEV", plan->out, &lines);
	edit = &lines.items[0];
	start = edit->count ? lines_offset(old, edit->line) : old->len;
	end = edit->count ? lines_offset(old, edit->line + edit->count) : old->len;
	str_add_bytes(&new, old->s, start);
	if (!edit->count && start && old->s[start - 1] != '\n' && edit->new.s[0] != '\n')
		str_add_char(&new, '\n');
	str_add_bytes(&new, edit->new.s, edit->new.len);
	str_add_bytes(&new, old->s + end, old->len - end);
	edit_replace(&finding->edits, set->network_path, old, &new);
}

static void name_gateway(const struct nat_plan *plan, const struct ifcfgs *set,
			 struct findings *out)
{
	const char *now = ifcfgs_network_get(set, "GATEWAYDEV");
	const struct shellvar *var = shellvars_find(&set->network, "GATEWAYDEV");
	struct finding *finding;

	if (plan->names.count < 2 || str_eq(now, plan->out) || set->network.has_code ||
	    set->network.has_crlf || !find_device(set, plan->out))
		return;
	finding = finding_add(
		out, SEVERITY_DELAYS, REPAIR_SURE, "113", set->network_path, var ? var->line : 0,
		"of two network cards, %s is the one to the outside, and GATEWAYDEV does not name "
		"it: what is forwarded may leave by the other one",
		plan->out);
	set_gateway(plan, set, finding);
}

int nat_set_interfaces(const struct nat_plan *plan, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(plan->machine, &set, err) < 0)
		return -1;
	if (!set.is_read || !set.network_path)
		return 0;
	vec_foreach (name, &plan->names)
		give_file(plan, &set, *name, out);
	name_gateway(plan, &set, out);
	return 0;
}
