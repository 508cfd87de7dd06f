/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"
#include "checks/nat_setup.h"

#include <stdio.h>
#include <stdlib.h>

#define PREFIX_MIN 8u /* of 10.0.0.0/8: no private range is larger */

void nat_range_text(const struct ip_net *net, char ret[IP_TEXT_MAX])
{
	char addr[IP_TEXT_MAX];

	ip_text(&net->addr, addr);
	snprintf(ret, IP_TEXT_MAX, "%.15s/%u", addr,
		 (unsigned)ip_mask_prefix(net->mask, false) % 33);
}

/* "10.0/16": what is meant may be told, with zeros for the numbers that are missing, which programs
 * fill in differently or refuse. */
static int refuse_short(const char *text, struct err *err)
{
	size_t len = strcspn(text, "/"), dots = 0;
	cleanup(str_done) struct str whole = STR_INIT;
	struct ip_net net;

	for (size_t i = 0; i < len; i++)
		dots += text[i] == '.';
	str_add_bytes(&whole, text, len - (len && text[len - 1] == '.'));
	for (; dots < 3; dots++)
		str_add(&whole, ".0");
	str_add(&whole, text[len] ? text + len : "/16");
	if (len && !ip_net_parse(whole.s, &net) && !net.addr.is_v6)
		return err_set(err, ERR_USAGE,
			       "a range is four numbers and a length; write it as %s, if that is "
			       "meant",
			       whole.s);
	return err_set(
		err, ERR_USAGE,
		"this is no range of IPv4 addresses; write it as 10.0.0.0/16, or \"vpc\" for "
		"those of the VPC");
}

int nat_range_read(const char *text, struct ip_net *ret, struct err *err)
{
	char right[IP_TEXT_MAX];
	struct ip_net net;
	struct ip first;

	if (ip_net_parse(text, &net) < 0 || net.addr.is_v6)
		return refuse_short(text, err);
	if (!strchr(text, '/'))
		return err_set(err, ERR_USAGE,
			       "a range has a length behind its address, as in %s/24", text);
	if (ip_mask_prefix(net.mask, false) < (int)PREFIX_MIN)
		return err_set(err, ERR_USAGE,
			       "a range of private addresses is not larger than a /%u", PREFIX_MIN);
	first = ip_net_first(&net);
	if (!ip_eq(&first, &net.addr)) {
		net.addr = first;
		nat_range_text(&net, right);
		return err_set(
			err, ERR_USAGE,
			"the address is not the first one of a range of that length; write it "
			"as %s",
			right);
	}
	*ret = net;
	return 0;
}
