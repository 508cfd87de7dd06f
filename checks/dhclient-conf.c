/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/dhclient_statements.h"
#include "base/ipaddr.h"
#include "checks/leases.h"
#include "checks/net_stack.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

#include <stdlib.h>

struct view {
	const struct machine *machine;
	const char *path;
	const struct str *text;
	struct findings *out;
	struct ip_net subnet; /* of the primary interface, when has_subnet */
	bool has_subnet;
	bool is_leased; /* the subnet of the last lease, which need not be the next one's */
	struct ip router;
};

static void report(const struct view *v, const struct dhclient_statement *s, enum severity severity,
		   enum repair_class repair, const char *why)
{
	struct finding *finding = finding_add(
		v->out, severity, s->is_alone ? repair : REPAIR_NONE, "118", v->path, s->line,
		"%s: %s", machine_quote(v->machine, s->text, strlen(s->text)), why);

	if (finding->repair != REPAIR_NONE)
		lines_edit_comment(&finding->edits, v->path, v->text, s->line, s->count);
}

/* "supersede routers 10.0.9.1", "supersede interface-mtu 90" */
static void look_at_supersede(const struct view *v, const struct dhclient_statement *s,
			      const char *rest)
{
	const char *value = strchr(rest, ' ') ? strchr(rest, ' ') + 1 : "";
	struct ip ip;

	if (str_starts(rest, "routers ")) {
		cleanup(free) char *first = mem_strndup(value, strcspn(value, ", "));

		if (ip_parse(first, &ip) < 0 || ip.is_v6)
			return;
		if (!ip.b[0] || ip.b[0] == 127 || (v->has_subnet && !ip_in(&ip, &v->subnet)))
			report(v, s, SEVERITY_BLOCKS_LOGIN,
			       v->is_leased && ip.b[0] && ip.b[0] != 127 ? REPAIR_OFFERED
									 : REPAIR_SURE,
			       "the router that DHCP names is replaced by one that cannot be "
			       "reached; "
			       "there is no default route");
		else if (v->has_subnet && !ip_eq(&ip, &v->router))
			report(v, s, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED,
			       "the router that DHCP names is replaced by another host; answers go "
			       "through it, if it forwards");
	} else if (str_starts(rest, "subnet-mask ")) {
		int prefix = ip_netmask_parse(value);

		if (v->has_subnet && prefix != ip_mask_prefix(v->subnet.mask, false))
			report(v, s, SEVERITY_BLOCKS_LOGIN,
			       v->is_leased ? REPAIR_OFFERED : REPAIR_SURE,
			       "the subnet's mask is replaced by another one; the router or parts "
			       "of "
			       "the VPC are not reached");
	} else if (str_starts(rest, "interface-mtu ")) {
		long mtu = strtol(value, NULL, 10);

		if (mtu < 68)
			report(v, s, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE,
			       "below 68 bytes the kernel takes IPv4 off the interface");
		else if (mtu < 576 || mtu > 9001)
			report(v, s, SEVERITY_DELAYS, REPAIR_OFFERED,
			       "the network carries packets of 576 to 9001 bytes");
	}
}

/* EC2's DHCP server answers from the address of the subnet's router. */
static void look_at_reject(const struct view *v, const struct dhclient_statement *s,
			   const char *rest)
{
	for (const char *at = rest; *at; at += strcspn(at, ", "), at += strspn(at, ", ")) {
		cleanup(free) char *word = mem_strndup(at, strcspn(at, ", "));
		struct ip_net net;
		int prefix;

		if (ip_net_parse(word, &net) < 0 || net.addr.is_v6)
			continue;
		prefix = ip_mask_prefix(net.mask, false);
		if (prefix == 0 || (v->has_subnet && ip_in(&v->router, &net))) {
			report(v, s, SEVERITY_BLOCKS_LOGIN,
			       v->is_leased && prefix ? REPAIR_OFFERED : REPAIR_SURE,
			       "the offers of the subnet's DHCP server are rejected; the card gets "
			       "no "
			       "address");
			return;
		}
	}
}

/* What is not asked for is not told. */
static void look_at_request(const struct view *v, const struct dhclient_statement *s,
			    const char *rest)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
	bool lacks_mask = !dhclient_has_word(rest, "subnet-mask"),
	     lacks_router = !dhclient_has_word(rest, "routers");
	struct finding *finding;
	char *at;

	if ((!lacks_mask && !lacks_router) || !*rest)
		return;
	/* With more than one card it may be meant so: the other one has the default route. */
	finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN,
			      nic_count(v->machine) == 1 ? REPAIR_SURE : REPAIR_OFFERED, "118",
			      v->path, s->line,
			      "request does not ask for %s; the card comes up without %s",
			      lacks_router ? "routers" : "subnet-mask",
			      lacks_router ? "a default route" : "the subnet's mask");
	lines_copy(v->text->s, v->text->len, s->line, 1, &old);
	at = strstr(old.s, "request");
	if (!at) {
		finding->repair = REPAIR_NONE;
		return;
	}
	at += strlen("request");
	str_addf(&new, "%.*s%s%s%s", (int)(at - old.s), old.s, lacks_mask ? " subnet-mask," : "",
		 lacks_router ? " routers," : "", at);
	edit_lines(&finding->edits, v->path, s->line, 1, old.s, new.s);
}

static void look_at_require(const struct view *v, const struct dhclient_statement *s,
			    const char *rest)
{
	static const char *const given[] = { "subnet-mask",	    "routers",
					     "domain-name-servers", "domain-name",
					     "broadcast-address",   "interface-mtu",
					     "host-name",	    "dhcp-lease-time",
					     "dhcp-message-type",   "dhcp-server-identifier" };

	for (const char *at = rest; *at; at += strcspn(at, ", "), at += strspn(at, ", ")) {
		cleanup(free) char *word = mem_strndup(at, strcspn(at, ", "));
		bool is_given = false;

		for (size_t i = 0; i < ARRAY_LEN(given); i++)
			is_given |= str_eq(given[i], word);
		if (is_given)
			continue;
		report(v, s, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED,
		       "offers without this option are thrown away, and EC2 sends it only where "
		       "the "
		       "VPC's DHCP options say so");
		return;
	}
}

static void look_at(const struct view *v, const struct dhclient_statement *s)
{
	const char *rest = s->text + strcspn(s->text, " ");
	size_t len = (size_t)(rest - s->text);
	static const struct {
		const char *word;
		void (*look)(const struct view *, const struct dhclient_statement *, const char *);
	} words[] = { { "supersede", look_at_supersede },
		      { "reject", look_at_reject },
		      { "request", look_at_request },
		      { "require", look_at_require } };

	rest += *rest == ' ';
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i].word) == len && !strncmp(s->text, words[i].word, len))
			words[i].look(v, s, rest);
	if (str_eq(s->text, "timeout 0"))
		report(v, s, SEVERITY_DELAYS, REPAIR_OFFERED,
		       "dhclient waits for an answer for less than a second, and then minutes "
		       "until "
		       "it asks again");
}

static void examine_file(struct view *v)
{
	cleanup(dhclient_statements_done) struct dhclient_statements statements = { 0 };
	struct err ignored = ERR_INIT;

	v->text = machine_file(v->machine, v->path, &ignored);
	if (!v->text)
		return;
	dhclient_statements_read(v->text, &statements);
	vec_foreach (s, &statements)
		look_at(v, s);
}

/* By the cloud's word, else by the last lease: EC2's first address is the router's. */
static void find_subnet(struct view *v)
{
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	const char *device = nic_name_of_only(v->machine);
	struct lease lease;

	if (nic && nic->subnet_cidr && !ip_net_parse(nic->subnet_cidr, &v->subnet) &&
	    !v->subnet.addr.is_v6) {
		struct ip first = ip_net_first(&v->subnet);

		v->has_subnet = true;
		v->router = ip_add(&first, 1);
	} else if (!nic && lease_find(v->machine, device ? device : "eth0", &lease) &&
		   lease.has_router) {
		v->has_subnet = v->is_leased = true;
		v->subnet = lease.subnet;
		v->router = lease.router;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const paths[] = { "/etc/dhcp/dhclient.conf", "/etc/dhclient.conf",
					     "/etc/dhcp3/dhclient.conf",
					     "/etc/dhcp/dhclient-eth0.conf",
					     "/etc/dhclient-eth0.conf" };
	struct view v = { .machine = machine, .out = out };
	cleanup(str_done) struct str seen = STR_INIT;

	(void)err;
	if (!dhclient_is_used(machine))
		return 0;
	find_subnet(&v);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		cleanup(str_done) struct str real = STR_INIT;
		struct err ignored = ERR_INIT;
		cleanup(free) char *mark = NULL;

		if (tree_resolve(machine_tree(machine), paths[i], &real, &ignored) < 0)
			continue;
		mark = mem_printf("\n%s\n", real.s);
		if (strstr(seen.s, mark))
			continue; /* a link to one that was read */
		str_add(&seen, mark);
		v.path = paths[i];
		examine_file(&v);
	}
	return 0;
}

const struct check check_dhclient_conf = {
	.name = "dhclient-conf",
	.title = "dhclient.conf overrides what the VPC's DHCP server says",
	.explain =
		"Every VPC answers DHCP with the right address, mask and router. dhclient.conf can "
		"replace the answer (supersede routers, subnet-mask, interface-mtu), throw it away "
		"(reject, require), not ask for it (request without routers) or not wait for it "
		"(timeout 0). The repair puts a # before such a statement, or adds the missing "
		"word to request. Where only the last lease tells of the subnet, it is offered.",
	.source = "dhclient.conf(5); dhcp-options(5); VPC user guide, \"DHCP option sets\"",
	.rows = "118",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
