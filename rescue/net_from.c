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

/* Behind its router this machine has another address: who is asked from outside tells. */
static int ask_outside(struct ec2 *ec2, struct ip *ret, struct err *err)
{
	struct ec2_own_address own = { 0 };
	struct ec2_op op = { 0 };
	int rc;

	ec2_get_own_address(ec2, &own, &op);
	rc = ec2_wait(ec2, &op, err);
	if (!rc && ip_parse(own.text, ret) < 0)
		rc = err_set(err, ERR_MALFORMED, "\"%s\" is no address", own.text);
	ec2_own_address_done(&own);
	return rc;
}

int net_find_sender(struct ec2 *ec2, const struct options *options,
		    const struct ec2_instance *instance, struct ip *ret, struct err *err)
{
	char text[IP_TEXT_MAX];

	if (options->from)
		return parse_address("from", options->from, ret, err);
	if (instance->public_ip) {
		if (ask_outside(ec2, ret, err) < 0)
			return err_in(err,
				      "this machine's address on the internet is not known; name "
				      "the address that you connect from (--from)");
		if (!net_is_private(ret))
			return 0;
		ip_text(ret, text);
		return err_set(
			err, ERR_NOTFOUND,
			"this machine has no address of the internet (it is seen as %s); name "
			"the address that you connect from (--from)",
			text);
	}
	own_route_towards(instance->private_ip ?: "", text);
	if (!ip_parse(text, ret))
		return 0;
	return err_set(
		err, ERR_NOTFOUND,
		"from which address this machine would connect is not known; name it (--from)");
}
