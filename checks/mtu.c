/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifcfg.h"
#include "checks/ifupdown.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/networkd.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"

#include <ctype.h>
#include <stdlib.h>

#define MTU_GONE  68   /* below it Linux takes IPv4 off an interface */
#define MTU_SMALL 576  /* what every IPv4 host must take */
#define MTU_VPC	  9001 /* the largest packet of a VPC */
#define MTU_ENA	  9216 /* the largest that the driver takes */

/* One place where an MTU is set. */
struct place {
	const struct machine *machine;
	const char *path, *value;
	const struct str *text;
	uint32_t line;
	bool fails_loudly; /* a value that the driver refuses keeps the interface down */
};

static void judge(const struct place *p, struct findings *out)
{
	char *end;
	long mtu = strtol(p->value, &end, 10);
	bool is_refused = mtu > MTU_ENA && p->fails_loudly && nic_count(p->machine);
	bool is_sure = mtu < MTU_GONE || is_refused;
	const struct nic_respell item = { p->line, p->value, "1500" };
	struct finding *finding;

	if (end == p->value || *end || mtu <= 0 || (mtu >= MTU_SMALL && mtu <= MTU_VPC))
		return;
	finding = finding_add(
		out, is_sure ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
		is_sure ? REPAIR_SURE : REPAIR_OFFERED, "122", p->path, p->line, "an MTU of %ld %s",
		mtu,
		mtu < MTU_GONE ? "takes IPv4 off the interface: Linux wants at least 68"
		: is_refused   ? "is refused by the driver, and ifup then leaves the interface down"
		: mtu > MTU_VPC
			? "is more than the 9001 bytes that a VPC carries; larger packets are "
			  "lost"
			: "is below the 576 bytes that IPv4 expects of a link; what is larger and "
			  "must not be cut is lost");
	nic_respell(p->path, p->text, &item, 1, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static void look_at_interfaces(const struct machine *machine, struct findings *out)
{
	const struct ifupdown *model = ifupdown_model(machine);

	for (size_t i = 0; model && i < model->stanzas.count; i++) {
		const struct ifupdown_stanza *stanza = &model->stanzas.items[i];
		const struct ifupdown_option *mtu = ifupdown_option(stanza, "mtu");

		/* The method dhcp passes it over. */
		if (mtu && nic_name_is_card(stanza->name) &&
		    (str_eq(stanza->method, "static") || str_eq(stanza->method, "manual")))
			judge(&(struct place){ machine, stanza->path, mtu->value,
					       ifupdown_text(model, stanza->path), mtu->line,
					       true },
			      out);
	}
}

static void look_at_netplan(const struct machine *machine, struct findings *out)
{
	const struct netplan *model = netplan_model(machine);

	for (size_t i = 0; model && i < model->cards.count; i++) {
		const struct netplan_value *mtu = &model->cards.items[i].mtu;

		if (mtu->file && yaml_text(mtu->node))
			judge(&(struct place){ machine, mtu->file->path, yaml_text(mtu->node),
					       mtu->file->text, mtu->node->line, false },
			      out);
	}
}

static void look_at_networkd(const struct machine *machine, struct findings *out)
{
	const struct networkd *model = networkd_model(machine);

	if (!net_has_networkd(machine))
		return;
	vec_foreach (file, model) {
		const struct networkd_part *part = NULL;
		const struct section_item *mtu = networkd_find(file, "Link", "MTUBytes", &part);

		if (mtu && file->fit == NETWORKD_MAY && str_starts(part->path, "/etc/"))
			judge(&(struct place){ machine, part->path, mtu->value,
					       &part->sections.text, mtu->line, false },
			      out);
	}
}

static void look_at_keyfiles(const struct machine *machine, struct findings *out)
{
	static const char dir[] = "/etc/NetworkManager/system-connections";
	const struct tree_names *names = net_has_nm(machine) ? machine_list(machine, dir) : NULL;

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		cleanup(sections_done) struct sections file = { 0 };
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);
		const struct section_item *mtu;

		if (!text)
			continue;
		sections_parse(text, SECTIONS_KEYFILE, &file);
		mtu = sections_find(&file, "ethernet", "mtu");
		if (mtu)
			judge(&(struct place){ machine, path, mtu->value, text, mtu->line, false },
			      out);
	}
}

static int look_at_ifcfg(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	vec_foreach (file, &set)
		if (set.is_read && file->is_nic && ifcfg_get(file, "MTU")[0])
			judge(&(struct place){ machine, file->path, ifcfg_get(file, "MTU"),
					       &file->vars.text, ifcfg_line(file, "MTU"), false },
			      out);
	return 0;
}

/* "ip link set dev eth0 mtu 50" and "ifconfig eth0 mtu 50", on a line of its own. */
static void look_at_rc_local(const struct machine *machine, const char *path, struct findings *out)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct tree_stat st;
	uint32_t number = 0;

	if (!text || tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) < 0 ||
	    !(st.mode & 0111))
		return;
	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		const char *start = line + strspn(line, " \t");
		char *mtu = strstr(line, " mtu ");

		number++;
		if (!mtu || !isdigit((unsigned char)mtu[5]) ||
		    !(str_starts(start, "ip ") || str_starts(start, "ifconfig ") ||
		      str_starts(start, "/sbin/ip ") || str_starts(start, "/usr/sbin/ip ") ||
		      str_starts(start, "/sbin/ifconfig ")))
			continue;
		mtu += 5;
		mtu[strspn(mtu, "0123456789")] = '\0';
		judge(&(struct place){ machine, path, mtu, text, number, false }, out);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char rc_d[] = "/etc/rc.d/rc.local";
	bool is_red_hat = tree_exists(machine_tree(machine), rc_d);

	look_at_interfaces(machine, out);
	look_at_netplan(machine, out);
	look_at_networkd(machine, out);
	look_at_keyfiles(machine, out);
	look_at_rc_local(machine, is_red_hat ? rc_d : "/etc/rc.local", out);
	return look_at_ifcfg(machine, out, err);
}

const struct check check_mtu = {
	.name = "mtu",
	.title = "a network card is given a packet size that cannot work",
	.explain = "A VPC carries packets of up to 9001 bytes, and each interface works with 1500. "
		   "Below 68 bytes Linux takes IPv4 off the interface; what is more than 9216 the "
		   "driver refuses, and ifupdown then gives up. Sizes between 576 and 9001 are "
		   "somebody's choice and left alone. The repair writes 1500.",
	.source = "EC2 user guide, \"Network MTU\"; ip(7); inetdev_valid_mtu() of Linux; "
		  "ena driver, ENA_MAX_MTU",
	.rows = "122",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
