/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nic_address.h"
#include "checks/leases.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct view {
	const struct machine *machine;
	const struct nic_claim *claim;
	const struct nic_word *address;
	struct ip ip, gateway;
	int prefix; /* -1: none is told */
	const struct cloud_interface *nic;
	struct ip_net subnet; /* when has_subnet */
	bool has_subnet;
	char own[IP_TEXT_MAX], router[IP_TEXT_MAX];
	enum severity severity;
};

void nic_claim_done(struct nic_claim *claim)
{
	vec_done(&claim->addresses);
}

/* "24" or "255.255.255.0"; -1: neither. */
static int prefix_of(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits && digits <= 3 && !text[digits])
		return (int)strtol(text, NULL, 10);
	return ip_netmask_parse(text);
}

/* "10.0.0.5/24" taken apart; -1: no IPv4 address. */
static int split(const char *text, struct ip *ret, int *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char addr[IP_TEXT_MAX];

	if (len >= sizeof(addr))
		return -1;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (slash)
		*ret_prefix = prefix_of(slash + 1);
	return ip_parse(addr, ret) < 0 || ret->is_v6 ? -1 : 0;
}

static bool is_of(const struct cloud_interface *nic, const struct ip *ip)
{
	struct ip own;

	for (size_t i = 0; i < nic->private_ip_count; i++)
		if (!ip_parse(nic->private_ips[i], &own) && ip_eq(&own, ip))
			return true;
	return false;
}

/* Any address that the instance has; with two interfaces a file may not say which one it is for. */
static bool is_known(const struct machine *machine, const struct cloud_interface *nic,
		     const struct ip *ip)
{
	const struct cloud_facts *cloud = machine_cloud(machine);

	if (nic)
		return is_of(nic, ip);
	for (size_t i = 0; i < cloud->interface_count; i++)
		if (is_of(&cloud->interfaces[i], ip))
			return true;
	return false;
}

static void find_truth(struct view *v)
{
	const struct cloud_interface *nic = v->nic;
	struct ip first, router;

	if (!nic || !nic->private_ip_count)
		return;
	snprintf(v->own, sizeof(v->own), "%s", nic->private_ips[0]);
	if (!nic->subnet_cidr || ip_net_parse(nic->subnet_cidr, &v->subnet) < 0 ||
	    v->subnet.addr.is_v6)
		return;
	v->has_subnet = true;
	first = ip_net_first(&v->subnet);
	router = ip_add(&first, 1);
	ip_text(&router, v->router);
}

static const char *quoted(const struct view *v, const char *text)
{
	return machine_quote(v->machine, text, strlen(text));
}

/* The words of address, mask and gateway as they should be. */
static void write_truth(const struct view *v, bool with_address, struct edits *edits)
{
	char address[IP_TEXT_MAX + 8], prefix[IP_TEXT_MAX];
	struct nic_respell items[3];
	size_t n = 0;
	int right = ip_mask_prefix(v->subnet.mask, false);
	struct ip mask = { 0 };

	snprintf(address, sizeof(address), "%s", with_address ? v->own : v->address->text);
	if (strchr(v->address->text, '/')) {
		address[strcspn(address, "/")] = '\0';
		snprintf(address + strlen(address), sizeof(address) - strlen(address), "/%d",
			 right);
	}
	if (!str_eq(address, v->address->text))
		items[n++] = (struct nic_respell){ v->address->line, v->address->text, address };
	if (v->claim->prefix.text) {
		memcpy(mask.b, v->subnet.mask, 4);
		if (strchr(v->claim->prefix.text, '.'))
			ip_text(&mask, prefix);
		else
			snprintf(prefix, sizeof(prefix), "%d", right);
		if (!str_eq(prefix, v->claim->prefix.text))
			items[n++] = (struct nic_respell){ v->claim->prefix.line,
							   v->claim->prefix.text, prefix };
	}
	if (v->claim->gateway.text && !str_eq(v->claim->gateway.text, v->router))
		items[n++] = (struct nic_respell){ v->claim->gateway.line, v->claim->gateway.text,
						   v->router };
	nic_respell(v->claim->path, v->claim->text, items, n, edits);
}

static bool judge_address(struct view *v, struct findings *out, enum nic_need *need)
{
	const struct nic_word *word = v->address;
	const struct cloud_facts *cloud = machine_cloud(v->machine);
	struct finding *finding;
	struct lease lease;
	char own[IP_TEXT_MAX];

	if (cloud && cloud->interface_count) {
		vec_foreach (address, &v->claim->addresses) {
			struct ip ip;
			int ignored;

			if (split(address->text, &ip, &ignored) == 0 &&
			    is_known(v->machine, v->nic, &ip))
				return false;
		}
		if (v->nic && !v->nic->private_ip_count)
			return false;
		finding =
			finding_add(out, v->severity, v->has_subnet ? REPAIR_SURE : REPAIR_OFFERED,
				    "111", v->claim->path, word->line,
				    "the static address %s is not one of this instance's, which "
				    "has %s; EC2 delivers nothing to it",
				    quoted(v, word->text), v->own[0] ? v->own : "others");
		if (v->has_subnet)
			write_truth(v, true, &finding->edits);
		else
			*need = NIC_NEEDS_DHCP;
		return true;
	}
	if (!v->claim->device || !lease_find(v->machine, v->claim->device, &lease) ||
	    ip_in(&v->ip, &lease.subnet))
		return false;
	ip_text(&lease.address, own);
	/* Of a volume alone there is no better witness, and DHCP gives the right address anywhere. */
	finding_add(out, v->severity, machine_cloud(v->machine) ? REPAIR_OFFERED : REPAIR_SURE,
		    "111", v->claim->path, word->line,
		    "the static address %s is of another subnet than the one in which this volume "
		    "last got an address (%s)",
		    quoted(v, word->text), own);
	*need = NIC_NEEDS_DHCP;
	return true;
}

static bool judge_mask(struct view *v, struct findings *out)
{
	struct ip_net net = { .addr = v->ip };
	struct ip router;
	struct finding *finding;
	uint32_t line = v->claim->prefix.text ? v->claim->prefix.line : v->address->line;

	if (v->has_subnet && v->claim->prefix.text && (v->prefix < 0 || v->prefix > 32)) {
		finding = finding_add(out, v->severity, REPAIR_SURE, "111", v->claim->path, line,
				      "%s is no mask; that of the subnet %s is /%d",
				      quoted(v, v->claim->prefix.text), v->nic->subnet_cidr,
				      ip_mask_prefix(v->subnet.mask, false));
		write_truth(v, false, &finding->edits);
		return true;
	}
	if (!v->has_subnet || v->prefix < 0 || v->prefix > 32 ||
	    v->prefix == ip_mask_prefix(v->subnet.mask, false) ||
	    ip_parse(v->router, &router) < 0 || v->prefix == 32)
		return false; /* a /32 comes with routes of its own, as some set it up on purpose */
	ip_mask_make((unsigned)v->prefix, false, net.mask);
	finding = finding_add(
		out, ip_in(&router, &net) ? SEVERITY_DELAYS : v->severity, REPAIR_SURE, "111",
		v->claim->path, line,
		ip_in(&router, &net) ? "/%d is not the mask of the subnet %s; parts of the VPC "
				       "cannot be reached"
				     : "/%d is not the mask of the subnet %s and leaves the router "
				       "outside; there is no way out of the subnet",
		v->prefix, v->nic->subnet_cidr);
	write_truth(v, false, &finding->edits);
	return true;
}

static bool judge_gateway(struct view *v, struct findings *out)
{
	const struct nic_word *word = &v->claim->gateway;
	struct finding *finding;
	bool is_inside;

	if (!v->has_subnet || !word->text || str_eq(word->text, v->router) ||
	    ip_parse(word->text, &v->gateway) < 0 || v->gateway.is_v6)
		return false;
	is_inside = ip_in(&v->gateway, &v->subnet);
	finding = finding_add(
		out, v->severity, is_inside ? REPAIR_OFFERED : REPAIR_SURE, "111", v->claim->path,
		word->line,
		is_inside ? "%s %s is not the router of the subnet, which is %s; answers go "
			    "through that other host, if it forwards"
			  : "%s %s lies outside the subnet, whose router is %s; there is no "
			    "default route",
		v->claim->gateway_name, quoted(v, word->text), v->router);
	nic_respell(v->claim->path, v->claim->text,
		    &(struct nic_respell){ word->line, word->text, v->router }, 1, &finding->edits);
	return true;
}

static bool judge_no_route(struct view *v, struct findings *out, enum nic_need *need)
{
	if (!v->has_subnet || !v->claim->lacks_route || v->claim->gateway.text)
		return false;
	finding_add(out, v->severity, REPAIR_SURE, "111", v->claim->path, v->address->line,
		    "the address %s is set by hand and nothing sets a default route; nobody "
		    "outside the subnet gets an answer",
		    quoted(v, v->address->text));
	*need = NIC_NEEDS_GATEWAY;
	return true;
}

bool nic_claim_judge(const struct machine *machine, const struct nic_claim *claim,
		     enum severity severity, struct findings *out, struct nic_verdict *ret)
{
	struct view v = { .machine = machine, .claim = claim, .severity = severity, .prefix = -1 };

	*ret = (struct nic_verdict){ 0 };
	if (!claim->addresses.count)
		return false;
	v.address = &claim->addresses.items[0];
	if (split(v.address->text, &v.ip, &v.prefix) < 0)
		return false;
	if (claim->prefix.text)
		v.prefix = prefix_of(claim->prefix.text);
	v.nic = nic_for(machine, claim->device, claim->mac);
	find_truth(&v);
	if (v.ip.b[0] == 127 || (v.ip.b[0] == 169 && v.ip.b[1] == 254))
		return false;
	if (!judge_address(&v, out, &ret->need) && !judge_mask(&v, out) &&
	    !judge_gateway(&v, out) && !judge_no_route(&v, out, &ret->need))
		return false;
	ret->finding = &out->items[out->count - 1];
	memcpy(ret->router, v.router, sizeof(ret->router));
	if (!ret->finding->edits.count && ret->need == NIC_NEEDS_NOTHING)
		ret->finding->repair = REPAIR_NONE;
	return true;
}

/* Where the word stands in the line, with no part of a longer word beside it. */
static char *find_word(char *line, const char *word)
{
	size_t len = strlen(word);

	for (char *at = line; len && (at = strstr(at, word)); at++)
		if ((at == line || !(isalnum((unsigned char)at[-1]) || strchr(".-_", at[-1]))) &&
		    !isalnum((unsigned char)at[len]) && !(at[len] && strchr(".-_/", at[len])))
			return at;
	return NULL;
}

void nic_respell(const char *path, const struct str *text, const struct nic_respell *items,
		 size_t count, struct edits *edits)
{
	for (size_t i = 0; i < count; i++) {
		cleanup(str_done) struct str old = STR_INIT;
		cleanup(free) char *line = NULL;
		bool is_done = false;

		for (size_t j = 0; j < i; j++)
			is_done |= items[j].line == items[i].line;
		if (is_done)
			continue;
		lines_copy(text->s, text->len, items[i].line, 1, &old);
		line = mem_strdup(old.s);
		for (size_t j = i; j < count; j++) {
			char *at = items[j].line == items[i].line ? find_word(line, items[j].old)
								  : NULL;
			char *next;

			if (!at)
				continue;
			next = mem_printf("%.*s%s%s", (int)(at - line), line, items[j].new,
					  at + strlen(items[j].old));
			free(line);
			line = next;
		}
		if (!str_eq(line, old.s))
			edit_lines(edits, path, items[i].line, 1, old.s, line);
	}
}
