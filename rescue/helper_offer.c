/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/proc.h"
#include "rescue/helper.h"
#include "rescue/inventory.h"
#include "rescue/own_route.h"

#include <stdio.h>

/* What a helper is launched with: image, subnet, and who may ssh in. */

/* Where the patient is itself; the volume is in the same zone. */
static const struct ec2_subnet *subnet_of(const struct inventory *inv, const struct patient *p)
{
	const char *wanted = inv->options->subnet ?: p->instance->subnet;

	vec_foreach (s, &inv->subnets)
		if (wanted && s->id && str_eq(s->id, wanted))
			return s;
	return NULL;
}

/* A public address is of use where the subnet's instances have one. */
static bool is_public(const struct inventory *inv, const struct patient *p)
{
	const struct ec2_subnet *s = subnet_of(inv, p);

	return !inv->options->helper_host &&
	       ((s && s->map_public_ip == EC2_TRUE) || p->instance->public_ip);
}

static bool is_meant(const struct inventory *inv)
{
	return inv->options->via && str_eq(inv->options->via, "helper");
}

static bool may_launch(const struct inventory *inv)
{
	const char *via = inv->options->via;

	return !inv->names_helper && (is_meant(inv) || !via || str_eq(via, "auto"));
}

/* Could this one need a helper? */
static bool is_needed(const struct inventory *inv, const struct patient *p)
{
	cleanup(free) char *why_not_self = NULL;

	if (!p->root || p->err.code != ERR_NONE)
		return false;
	if (inv->wants_launch || is_meant(inv))
		return true;
	why_not_self = way_not_self(inv, p);
	return why_not_self;
}

static bool is_image(const char *text)
{
	return str_starts(text, "ami-") && strlen(text) < ID_SIZE;
}

/* The patient's own image has its labels and UUIDs. */
static bool is_a_patient_s(const struct inventory *inv, const char *image)
{
	vec_foreach (p, &inv->patients)
		if ((*p)->instance && (*p)->instance->image && str_eq((*p)->instance->image, image))
			return true;
	return false;
}

static int wait_image(struct ec2 *ec2, struct inventory *inv, struct err *err)
{
	struct helper_offer *o = &inv->offer;

	if (ec2_wait(ec2, &o->image_op, err) < 0)
		return err_in(err, "Systems Manager names no image for it (--helper-image)");
	if (is_a_patient_s(inv, o->image.value)) {
		ssm_parameter_done(&o->image);
		o->image_op = (struct ec2_op){ 0 };
		ssm_get_parameter(ec2, helper_images[1], &o->image, &o->image_op);
		if (ec2_wait(ec2, &o->image_op, err) < 0)
			return err_in(err, "Systems Manager names no other image than the "
					   "instance's own (--helper-image)");
	}
	return is_image(o->image.value)
		       ? 0
		       : err_set(err, ERR_MALFORMED, "what Systems Manager names is no image");
}

static void wait_all(struct ec2 *ec2, struct inventory *inv)
{
	struct helper_offer *o = &inv->offer;
	struct err ignored = ERR_INIT;

	if (ec2_is_begun(&o->image_op))
		(void)!wait_image(ec2, inv, &o->why_not);
	/* Without it a private address may still do. */
	if (ec2_is_begun(&o->address_op))
		(void)!ec2_wait(ec2, &o->address_op, &ignored);
}

void helper_ask(struct ec2 *ec2, struct inventory *inv)
{
	struct helper_offer *o = &inv->offer;
	bool goes_public = false;

	vec_foreach (p, &inv->patients) {
		if (!may_launch(inv) || !is_needed(inv, *p))
			continue;
		o->is_asked = true;
		goes_public |= is_public(inv, *p);
	}
	if (!o->is_asked)
		return;
	if (!proc_have("ssh") || !proc_have("ssh-keygen")) {
		err_set(&o->why_not, ERR_TOOL,
			"ssh and ssh-keygen are not both here; install openssh-client");
		return;
	}
	if (!inv->options->helper_image)
		ssm_get_parameter(ec2, helper_images[0], &o->image, &o->image_op);
	if (goes_public && !inv->options->ssh_from)
		ec2_get_own_address(ec2, &o->address, &o->address_op);
	wait_all(ec2, inv);
}

static const char *image_of(const struct inventory *inv)
{
	return inv->options->helper_image ?: inv->offer.image.value ?: "";
}

/* CIDR; "" when it is not known. */
static void from_where(const struct inventory *inv, const struct patient *p, char *ret, size_t size)
{
	char own[IP_TEXT_MAX] = "";

	ret[0] = '\0';
	if (inv->options->ssh_from) {
		snprintf(ret, size, "%s%s", inv->options->ssh_from,
			 strchr(inv->options->ssh_from, '/')   ? ""
			 : strchr(inv->options->ssh_from, ':') ? "/128"
							       : "/32");
		return;
	}
	if (is_public(inv, p))
		snprintf(own, sizeof(own), "%s", inv->offer.address.text ?: "");
	else if (p->instance->private_ip)
		own_route_towards(p->instance->private_ip, own);
	if (own[0])
		snprintf(ret, size, "%s%s", own, strchr(own, ':') ? "/128" : "/32");
}

char *helper_not_launched(const struct inventory *inv, const struct patient *p)
{
	char from[64];

	if (!inv->offer.is_asked)
		return mem_printf("it was not asked for");
	if (inv->offer.why_not.code != ERR_NONE)
		return mem_strdup(inv->offer.why_not.text);
	if (p->root && p->root->outpost)
		return mem_printf("%s is on an Outpost", p->root->id.s);
	if (!is_image(image_of(inv)))
		return mem_printf("\"%s\" is no image (--helper-image)", image_of(inv));
	if (inv->options->subnet && !subnet_of(inv, p))
		return mem_printf("there is no subnet \"%s\" (--subnet)", inv->options->subnet);
	if (is_a_patient_s(inv, image_of(inv)))
		return mem_printf(
			"its image %s is the instance's own, whose labels would confuse it",
			image_of(inv));
	from_where(inv, p, from, sizeof(from));
	if (!from[0])
		return mem_printf("from which address ssh would come is not known (--ssh-from)");
	return NULL;
}

void helper_fill(const struct inventory *inv, const struct patient *p, struct launch *ret)
{
	const struct options *options = inv->options;
	const struct ec2_subnet *s = subnet_of(inv, p);
	const char *subnet = options->subnet ?: p->instance->subnet;
	const char *vpc = s && s->vpc ? s->vpc : p->instance->vpc;

	*ret = (struct launch){ .is_ours = true,
				.is_kept = options->keep_helper,
				.is_public = is_public(inv, p) };
	snprintf(ret->image, sizeof(ret->image), "%s", image_of(inv));
	snprintf(ret->type, sizeof(ret->type), "%s", options->helper_type ?: "");
	snprintf(ret->subnet, sizeof(ret->subnet), "%s", subnet ?: "");
	snprintf(ret->vpc, sizeof(ret->vpc), "%s", vpc ?: "");
	from_where(inv, p, ret->from, sizeof(ret->from));
}
