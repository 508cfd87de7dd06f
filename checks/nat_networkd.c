/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-networkd's own switch: from version 256 on it sets forwarding of one card, or of all, after the
 * kernel parameters are set, so that a "no" there makes nothing of them.
 *
 * Source: systemd.network(5) and networkd.conf(5), IPv4Forwarding=. */
#include "checks/nat_setup.h"
#include "checks/net_stack.h"
#include "checks/networkd.h"
#include "checks/systemd_conf.h"

#define KEY "IPv4Forwarding"

/* What a package brought is not ours to change. */
static bool switch_on(const struct nat_plan *plan, const struct section_item *item,
		      const struct sections *sections, const char *path, const char *cards,
		      struct findings *out)
{
	bool is_ours = str_starts(path, "/etc/");
	cleanup(str_done) struct str ranges = STR_INIT;
	struct finding *finding;

	nat_ranges_text(plan, &ranges);
	finding = finding_add(
		out, SEVERITY_DELAYS, is_ours ? REPAIR_SURE : REPAIR_NONE, "127", path, item->line,
		"to forward for %s, as you ask, systemd-networkd must not switch that off "
		"for %s: " KEY "=%s%s",
		ranges.s, cards, machine_quote(plan->machine, item->value, strlen(item->value)),
		is_ours ? ""
			: "; this file came with a package: a file of the same "
			  "name below /etc takes its place");
	if (is_ours)
		sections_edit_set(sections, path, "Network", KEY, "yes", &finding->edits);
	return is_ours;
}

static bool is_off(const struct section_item *item)
{
	return item && sections_boolean(item->value) == 0;
}

bool nat_set_networkd(const struct nat_plan *plan, struct findings *out)
{
	cleanup(systemd_conf_done) struct systemd_conf conf = { 0 };
	const struct systemd_conf_part *all = NULL;
	const struct section_item *item;
	bool is_right = true;

	if (!net_has_networkd(plan->machine))
		return true;
	vec_foreach (file, networkd_model(plan->machine)) {
		const struct networkd_part *part = NULL;

		item = networkd_find(file, "Network", KEY, &part);
		if (file->fit == NETWORKD_MAY && !file->is_unmanaged && is_off(item))
			is_right &= switch_on(plan, item, &part->sections, part->path,
					      file->device ? file->device : "its cards", out);
	}
	systemd_conf_read(plan->machine, "networkd", &conf);
	item = systemd_conf_find(&conf, "Network", KEY, &all);
	if (is_off(item))
		is_right &= switch_on(plan, item, &all->sections, all->path, "all cards", out);
	return is_right;
}
