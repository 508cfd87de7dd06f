/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net.h"
#include "rescue/own_route.h"

static int parse_address(const char *option, const char *text, struct ip *ret, struct err *err)
{
	if (!ip_parse(text, ret))
		return 0;
	return err_set(err, ERR_USAGE,
		       "--%s %s: that is no address; write 203.0.113.7 or 2001:db8::7", option,
		       text);
}

int net_check_options(const struct options *options, struct err *err)
{
	struct ip ignored;

	if (options->from && parse_address("from", options->from, &ignored, err) < 0)
		return -1;
	return options->to ? parse_address("to", options->to, &ignored, err) : 0;
}

static int find_inside(const struct net *net, struct ip *ret, struct err *err)
{
	char text[IP_TEXT_MAX];

	own_route_towards(net->instance->private_ip ?: "", text);
	if (!ip_parse(text, ret))
		return 0;
	return err_set(
		err, ERR_NOTFOUND,
		"from which address this machine would connect is not known; name it (--from)");
}

/* Behind its router this machine has another address: who is asked from outside tells. */
void net_sender_start(struct net *net)
{
	struct ip *from = &net->flow.from;

	if (net->options->from)
		net->has_from =
			parse_address("from", net->options->from, from, &net->why_no_from) == 0;
	else if (net->role == NET_ROLE_MTU)
		return; /* without one, all routes are looked at */
	else if (net->instance->public_ip)
		ec2_get_own_address(net->ec2, &net->own, &net->own_op);
	else
		net->has_from = find_inside(net, from, &net->why_no_from) == 0;
}

static int find_outside(struct net *net, struct ip *ret, struct err *err)
{
	if (ec2_wait(net->ec2, &net->own_op, err) < 0)
		return err_in(err, "this machine's address on the internet is not known; name the "
				   "address that you connect from (--from)");
	if (ip_parse(net->own.text, ret) < 0 || net_is_private(ret))
		return err_set(err, ERR_NOTFOUND,
			       "this machine has no address of the internet (it is seen as %s); "
			       "name the address that you connect from (--from)",
			       net->own.text);
	return 0;
}

void net_sender_wait(struct net *net)
{
	if (ec2_is_begun(&net->own_op))
		net->has_from = find_outside(net, &net->flow.from, &net->why_no_from) == 0;
}
