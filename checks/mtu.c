/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifcfg.h"
#include "checks/mtu_places.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"

#define MTU_GONE  68   /* below it Linux takes IPv4 off an interface */
#define MTU_SMALL 576  /* what every IPv4 host must take */
#define MTU_VPC	  9001 /* the largest packet of a VPC */
#define MTU_ENA	  9216 /* the largest that the driver takes */

static void judge(const struct machine *machine, const struct mtu_place *p, struct findings *out)
{
	bool is_refused = p->value > MTU_ENA && p->fails_loudly && nic_count(machine);
	bool is_sure = p->value < MTU_GONE || is_refused;
	const struct nic_respell item = { p->line, p->written, "1500" };
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, p->path, &ignored);
	struct finding *finding;

	if (p->value >= MTU_SMALL && p->value <= MTU_VPC)
		return;
	finding = finding_add(
		out, is_sure ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
		is_sure ? REPAIR_SURE : REPAIR_OFFERED, "122", p->path, p->line, "an MTU of %u %s",
		p->value,
		p->value < MTU_GONE ? "takes IPv4 off the interface: Linux wants at least 68"
		: is_refused ? "is refused by the driver, and ifup then leaves the interface down"
		: p->value > MTU_VPC
			? "is more than the 9001 bytes that a VPC carries; larger packets are "
			  "lost"
			: "is below the 576 bytes that IPv4 expects of a link; what is larger and "
			  "must not be cut is lost");
	if (text)
		nic_respell(p->path, text, &item, 1, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	const struct mtu_places *places = mtu_places(machine);

	vec_foreach (p, places)
		/* dhclient.conf has a check of its own; files of packages are left alone. */
		if (p->says == MTU_SETS && p->is_effective && p->by != MTU_BY_DHCLIENT &&
		    !str_starts(p->path, "/usr/lib/") && !str_starts(p->path, "/lib/"))
			judge(machine, p, out);
	/* Whether these files can be read at all. */
	return ifcfgs_read(machine, &set, err);
}

const struct check check_mtu = {
	.name = "mtu",
	.title = "a network card is given a packet size that cannot work",
	.explain = "A VPC carries packets of up to 9001 bytes, and each interface works with 1500. "
		   "Below 68 bytes Linux takes IPv4 off the interface; what is more than 9216 the "
		   "driver refuses, and ifupdown then gives up. Sizes between 576 and 9001 are "
		   "somebody's choice and left alone. Looked at are the files of the network "
		   "stack, .link files, udev's rules, hooks, rc.local and units. The repair writes "
		   "1500.",
	.source = "EC2 user guide, \"Network MTU\"; ip(7); inetdev_valid_mtu() of Linux; "
		  "ena driver, ENA_MAX_MTU",
	.rows = "122",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
