/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_restore.h"

#include "ec2/find.h"
#include "rescue/claim.h"

#include <stdio.h>
#include <time.h>

enum {
	IMAGE_S = 300,
	IMAGE_LOOK_MS = 1000,
	TRIES = 4,
	TRY_NAP_MS = 1000,
	GONE_S = 120,
};

/* A type and a subnet to try. */
struct place {
	const char *type, *subnet;
};
VEC_TYPE(places, struct place);

/* What this launch does without, because EC2 refused it. */
struct wishes {
	bool without_ip, without_key, without_profile;
	char *group_text;
	VEC(const char *) groups; /* that are still there; words of the text */
};

static char *image_name(const struct spot_restore *r)
{
	return mem_printf("ec2-rescue %s", r->set->id);
}

/* ---- where */

/* The subnets that a word means: an id, or a zone of the VPC. */
static void add_subnets(const struct spot_restore *r, const char *word, const char *type,
			struct places *into)
{
	vec_foreach (s, &r->place.subnets)
		if (s->id && (str_eq(s->id, word) || (s->zone && str_eq(s->zone, word))))
			vec_push(into, ((struct place){ type, s->id }));
	if (str_starts(word, "subnet-") && !spot_subnet(r, word))
		vec_push(into, ((struct place){ type, word }));
}

static void add_places(const struct spot_restore *r, const char *type, struct places *into)
{
	const struct options *o = r->spot->options;

	vec_foreach (word, &o->zones)
		add_subnets(r, *word, type, into);
	if (!o->zones.count)
		vec_push(into, ((struct place){ type, r->set->subnet }));
}

/* Types first, as they were named; each in all zones, as they were named. */
static void list_places(const struct spot_restore *r, struct places *into)
{
	const struct options *o = r->spot->options;

	vec_foreach (type, &o->types)
		add_places(r, *type, into);
	if (!o->types.count)
		add_places(r, r->set->type, into);
}

void spot_first_place(const struct spot_restore *r, const char **ret_type, const char **ret_subnet)
{
	struct places places = { 0 };

	*ret_type = r->spot->options->types.count ? r->spot->options->types.items[0] : r->set->type;
	*ret_subnet = r->set->subnet;
	list_places(r, &places);
	if (places.count)
		*ret_subnet = places.items[0].subnet;
	vec_done(&places);
}

/* ---- the image */

/* 1: there is one. */
static int find_image(struct spot_restore *r, bool *ret_available, struct err *err)
{
	cleanup(free) char *name = image_name(r);
	const char *value = name;
	struct ec2_filter filter = { "name", &value, 1 };
	struct ec2_describe request = { .filters = &filter, .filter_count = 1 };
	struct ec2_images images = { 0 };
	struct ec2_op op = { 0 };
	int found = 0;

	ec2_describe_images(r->spot->ec2, &request, &images, &op);
	if (spot_wait(r->spot, &op, err) < 0)
		return -1;
	vec_foreach (image, &images) {
		if (!image->name || !str_eq(image->name, name) ||
		    strlen(image->id) >= sizeof(r->image))
			continue;
		memcpy(r->image, image->id, strlen(image->id) + 1);
		*ret_available = !image->state || str_eq(image->state, "available");
		found = 1;
	}
	ec2_images_done(&images);
	return found;
}

static int register_once(struct spot_restore *r, struct err *err)
{
	cleanup(free) char *name = image_name(r);
	const struct spot_set *set = r->set;
	const struct ec2_register_image request = { .name = name,
						    .architecture = set->architecture ?: "x86_64",
						    .root_device = set->root_device,
						    .boot_mode = set->boot_mode,
						    .has_ena =
							    !set->ena || str_eq(set->ena, "true"),
						    .snapshot = r->mended.root };
	struct ec2_image image = { 0 };
	struct ec2_op op = { 0 };

	ec2_register_image(r->spot->ec2, &request, &image, &op);
	if (spot_wait(r->spot, &op, err) < 0)
		return str_eq(op.aws_code, "InvalidAMIName.Duplicate") ? 0 : -1;
	if (image.id && strlen(image.id) < sizeof(r->image))
		memcpy(r->image, image.id, strlen(image.id) + 1);
	ec2_image_done(&image);
	return 0;
}

/* No client token, but a name: whether a lost reply's call took effect a look tells. */
static int make_image(struct spot_restore *r, struct err *err)
{
	bool is_available = false;
	int found = 0;

	for (int i = 0; i < TRIES && !found; i++) {
		if (i && spot_nap(r->spot, (int64_t)TRY_NAP_MS << i, err) < 0)
			return -1;
		err_clear(err);
		if (register_once(r, err) < 0 && !spot_may_pass(err))
			return err_in(err, "an image of %s", r->mended.root.s);
		found = find_image(r, &is_available, err);
		if (found < 0 && !spot_may_pass(err))
			return -1;
		found = found > 0;
	}
	for (int i = 0; found && !is_available && i < IMAGE_S; i++)
		if (spot_nap(r->spot, IMAGE_LOOK_MS, err) < 0 ||
		    find_image(r, &is_available, err) < 0)
			return -1;
	if (is_available) {
		err_clear(err);
		return 0;
	}
	return err->code != ERR_NONE ? -1
				     : err_set(err, ERR_TIMEOUT,
					       "the image %s of the saved root does not become "
					       "available",
					       r->image);
}

/* ---- the launch */

/* EC2 user guide, "Spot Instance request status", "Troubleshoot instance launch issues": another place may do. */
static bool is_of_place(const struct ec2_op *op)
{
	static const char *const codes[] = { "InsufficientInstanceCapacity",
					     "SpotMaxPriceTooLow",
					     "MaxSpotInstanceCountExceeded",
					     "InstanceLimitExceeded",
					     "VcpuLimitExceeded",
					     "UnfulfillableCapacity",
					     "Unsupported",
					     "InsufficientFreeAddressesInSubnet",
					     "InvalidSubnetID.NotFound" };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (str_eq(op->aws_code, codes[i]))
			return true;
	return false;
}

/* What was recorded and is refused is done without. */
static bool gives_up(struct spot_restore *r, struct wishes *w, const struct ec2_op *op)
{
	bool is_ip =
		str_starts(op->aws_code, "InvalidIPAddress") ||
		(str_eq(op->aws_code, "InvalidParameterValue") && strstr(op->err.text, "ddress"));

	if (is_ip && !w->without_ip && r->set->private_ip) {
		w->without_ip = true;
		spot_deviates(r, "the private address %s is not to be had; it gets another one",
			      r->set->private_ip);
		return true;
	}
	if (str_starts(op->aws_code, "InvalidKeyPair") && !w->without_key && r->set->key_name) {
		w->without_key = true;
		spot_deviates(r, "the key pair %s does not exist any more", r->set->key_name);
		return true;
	}
	if (strstr(op->err.text, "nstance profile") || strstr(op->err.text, "nstance Profile") ||
	    strstr(op->err.text, "iamInstanceProfile")) {
		if (w->without_profile || !r->set->profile)
			return false;
		w->without_profile = true;
		spot_deviates(r, "the instance profile %s cannot be used (%s)", r->set->profile,
			      op->aws_code);
		return true;
	}
	return false;
}

static void list_devices(const struct spot_restore *r, struct ec2_launch_device *devices)
{
	for (size_t i = 0; i < r->set->volumes.count; i++) {
		const struct spot_volume *v = &r->set->volumes.items[i];

		devices[i] = (struct ec2_launch_device){ .device = v->device, .type = v->type };
		spot_volume_rates(v, &devices[i].iops, &devices[i].throughput);
		if (!v->is_root)
			devices[i].snapshot = v->snapshot;
	}
}

/* 1: launched, 0: not here. */
static int launch_at(struct spot_restore *r, const struct place *place, struct wishes *w,
		     struct err *err)
{
	const struct options *o = r->spot->options;
	const struct spot_set *set = r->set;
	cleanup(free) struct ec2_launch_device *devices =
		mem_array(set->volumes.count + 1, sizeof(*devices));
	cleanup(free) char *name = mem_printf("%s (restored)", set->name);
	struct ec2_tag_pair tags[] = { { SPOT_TAG, set->name },
				       { SPOT_FROM_TAG, set->id },
				       { SPOT_RESTORING_TAG, set->id },
				       { SPOT_LAUNCH_TAG, r->launch },
				       { "Name", name },
				       { SPOT_ROOT_TAG, r->root.s } };
	bool is_home = place->subnet && set->subnet && str_eq(place->subnet, set->subnet);
	struct ec2_op op = { 0 };

	list_devices(r, devices);
	spot_set_id((int64_t)time(NULL), r->launch);
	for (int i = 0; i < TRIES; i++) {
		const struct ec2_launch request = {
			.image = r->own_image ?: r->image,
			.type = place->type,
			.subnet = place->subnet,
			.private_ip = is_home && !w->without_ip ? set->private_ip : NULL,
			.key_name = w->without_key ? NULL : set->key_name,
			.profile = w->without_profile ? NULL : set->profile,
			.groups = w->groups.items,
			.group_count = w->groups.count,
			.devices = devices,
			.device_count = set->volumes.count,
			.is_spot = !o->on_demand,
			.may_stop = !id_none(&r->root),
			.max_price = o->on_demand ? NULL : o->max_price,
			.client_token = r->launch,
			.tags = tags,
			.tag_count = ARRAY_LEN(tags) - (id_none(&r->root) ? 1 : 0)
		};
		struct ec2_instances launched = { 0 };

		op = (struct ec2_op){ 0 };
		ec2_launch(r->spot->ec2, &request, &launched, &op);
		if (spot_wait(r->spot, &op, err) == 0) {
			if (launched.count)
				r->instance = launched.items[0].id;
			ec2_instances_done(&launched);
			return launched.count || !id_none(&r->instance)
				       ? 1
				       : err_set(err, ERR_MALFORMED,
						 "RunInstances names no instance");
		}
		if (gives_up(r, w, &op)) {
			spot_set_id((int64_t)time(NULL), r->launch); /* another request */
			continue;
		}
		/* The same token again is the same launch, whatever became of the first. */
		if (is_of_place(&op) || !spot_may_pass(err) ||
		    spot_nap(r->spot, (int64_t)TRY_NAP_MS << i, &(struct err){ 0 }) < 0)
			break;
	}
	return is_of_place(&op) ? 0 : -1;
}

/* 1: there is one that carries the tag of this restore. */
static int find_launched(struct spot_restore *r)
{
	const char *set = r->set->id;
	struct ec2_filter filter = { "tag:" SPOT_RESTORING_TAG, &set, 1 };
	union ec2_list list = { 0 };
	struct ec2_op op = { 0 };
	struct err ignored = ERR_INIT;

	ec2_find_where(r->spot->ec2, EC2_INSTANCES, &filter, &list, &op);
	if (spot_wait(r->spot, &op, &ignored) < 0)
		return -1;
	vec_foreach (i, &list.instances) {
		const char *value = ec2_tag_value(&i->tags, SPOT_RESTORING_TAG);

		if (value && str_eq(value, set) &&
		    (i->state == INSTANCE_PENDING || i->state == INSTANCE_RUNNING))
			r->instance = i->id;
	}
	ec2_list_done(EC2_INSTANCES, &list);
	return !id_none(&r->instance);
}

/* The image that the saved instance was made of; its root gives way to the saved one (spot_root.c). */
static int use_own_image(struct spot_restore *r, struct err *err)
{
	const char *image = r->set->image;
	cleanup(free) char *text = NULL;

	if (spot_may_pass(err) || err->code == ERR_INTERRUPTED || err->code == ERR_CREDENTIALS ||
	    !image || !str_starts(image, "ami-"))
		return -1;
	text = mem_printf("%s; it is launched of %s and gets the saved root while it is stopped",
			  err->text, image);
	report_say(r->spot->report, NULL, "warning", "{s:s}", "text", text);
	r->own_image = image;
	r->root = r->mended.root;
	if (!r->spot->options->on_demand)
		spot_deviates(
			r, "its spot request is persistent, because only such an instance can be "
			   "stopped; cancel the request before the instance is terminated");
	err_clear(err);
	return 0;
}

static bool has_group(const struct spot_restore *r, const char *id)
{
	vec_foreach (g, &r->place.groups)
		if (str_eq(g->id, id))
			return true;
	return false;
}

/* Where nobody told which of them there are, all are asked for: fewer might let in more. */
static void take_groups(struct spot_restore *r, struct wishes *w)
{
	char *save = NULL;

	w->group_text = mem_strdup(r->set->groups ?: "");
	for (char *word = strtok_r(w->group_text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (!r->place.has_groups || has_group(r, word))
			vec_push(&w->groups, word);
		else
			spot_deviates(r, "the security group %s does not exist any more", word);
	}
	if (!w->groups.count && r->set->groups)
		spot_deviates(r, "it gets the default security group of its VPC");
}

static void say_attempt(struct spot_restore *r, const struct place *place, const struct err *why)
{
	const struct ec2_subnet *s = spot_subnet(r, place->subnet);
	cleanup(free) char *text = NULL;

	if (why) {
		text = mem_printf("%s in %s cannot be had: %s", place->type ?: "?",
				  s && s->zone ? s->zone : place->subnet ?: "the default subnet",
				  why->text);
		report_say(r->spot->report, NULL, "warning", "{s:s}", "text", text);
		return;
	}
	if (r->set->type && place->type && !str_eq(place->type, r->set->type))
		spot_deviates(r, "its type is %s, not %s", place->type, r->set->type);
	if (r->set->subnet && place->subnet && !str_eq(place->subnet, r->set->subnet)) {
		spot_deviates(r, "it is in %s (%s), not in %s", place->subnet,
			      s && s->zone ? s->zone : "?", r->set->subnet);
		if (r->set->private_ip)
			spot_deviates(r, "its private address is another one than %s",
				      r->set->private_ip);
	}
}

int spot_launch(struct spot_restore *r, struct err *err)
{
	struct wishes wishes = { 0 };
	struct places places = { 0 };
	int rc;

	if (make_image(r, err) < 0 && use_own_image(r, err) < 0)
		return -1;
	take_groups(r, &wishes);
	list_places(r, &places);
	rc = places.count ? 0
			  : err_set(err, ERR_NOTFOUND,
				    "no subnet of %s is in the zones that were named (--zone)",
				    r->set->vpc ?: "the default VPC");
	vec_foreach (place, &places) {
		if (rc != 0)
			break;
		err_clear(err);
		rc = launch_at(r, place, &wishes, err);
		say_attempt(r, place, rc > 0 ? NULL : err);
	}
	/* Whether the last one took effect after all its tag tells. */
	if (rc < 0 && spot_may_pass(err) && find_launched(r) > 0)
		rc = 1;
	vec_done(&wishes.groups);
	free(wishes.group_text);
	vec_done(&places);
	if (rc > 0)
		err_clear(err);
	else
		err_in(err, "no instance can be had for %s (--type, --zone, --on-demand)",
		       r->set->name);
	return rc > 0 ? 0 : -1;
}

/* ---- afterwards */

static int again(struct spot_restore *r, struct ec2_op *op, int i, struct err *err)
{
	if (spot_wait(r->spot, op, err) == 0 || err->code == ERR_NOTFOUND) {
		err_clear(err);
		return 1;
	}
	return i + 1 < TRIES && spot_nap(r->spot, (int64_t)TRY_NAP_MS << i, &(struct err){ 0 }) == 0
		       ? 0
		       : -1;
}

static void drop_image(struct spot_restore *r, struct err *err)
{
	int done = 0;

	for (int i = 0; r->image[0] && !done; i++) {
		struct ec2_op op = { 0 };

		ec2_deregister_image(r->spot->ec2, r->image, &op);
		done = again(r, &op, i, err);
	}
	if (done > 0)
		r->image[0] = '\0';
}

/* Found by their tag, so those of a restore that was cut off are among them. */
static void drop_children(struct spot_restore *r, struct err *err)
{
	const char *run = r->set->id;
	struct ec2_filter filter = { "tag:" CLAIM_RUN_TAG, &run, 1 };
	union ec2_list list = { 0 };
	struct ec2_op op = { 0 };

	ec2_find_where(r->spot->ec2, EC2_SNAPSHOTS, &filter, &list, &op);
	if (spot_wait(r->spot, &op, err) < 0)
		return;
	vec_foreach (s, &list.snapshots) {
		const char *value = ec2_tag_value(&s->tags, CLAIM_RUN_TAG);

		for (int i = 0, done = 0; value && str_eq(value, run) && !done; i++) {
			struct ec2_op delete = { 0 };

			ec2_delete_snapshot(r->spot->ec2, &s->id, &delete);
			done = again(r, &delete, i, err);
		}
	}
	ec2_list_done(EC2_SNAPSHOTS, &list);
}

/* 1: some are left that somebody still has. */
static int drop_volumes_once(struct spot_restore *r, struct err *err)
{
	const char *launch = r->launch;
	struct ec2_filter filter = { "tag:" SPOT_LAUNCH_TAG, &launch, 1 };
	union ec2_list list = { 0 };
	struct ec2_op op = { 0 };
	int left = 0;

	ec2_find_where(r->spot->ec2, EC2_VOLUMES, &filter, &list, &op);
	if (spot_wait(r->spot, &op, err) < 0)
		return -1;
	vec_foreach (v, &list.volumes) {
		const char *value = ec2_tag_value(&v->tags, SPOT_LAUNCH_TAG);

		if (!value || !str_eq(value, r->launch) || v->status == VOLUME_DELETING ||
		    v->status == VOLUME_DELETED)
			continue;
		left |= v->status != VOLUME_AVAILABLE;
		for (int i = 0, done = 0; v->status == VOLUME_AVAILABLE && !done; i++) {
			struct ec2_op delete = { 0 };

			ec2_delete_volume(r->spot->ec2, &v->id, &delete);
			done = again(r, &delete, i, err);
		}
	}
	ec2_list_done(EC2_VOLUMES, &list);
	return left;
}

/* State volumes stay when their instance goes; of a launch that came to nothing they are copies nobody wants. */
static void drop_volumes(struct spot_restore *r, struct err *err)
{
	int left = drop_volumes_once(r, err);

	for (int i = 0; i < GONE_S && left > 0; i++) {
		if (spot_nap(r->spot, TRY_NAP_MS, err) < 0)
			return;
		left = drop_volumes_once(r, err);
	}
	if (left > 0)
		err_set(err, ERR_BUSY, "its volumes are not free yet");
}

void spot_clean_up(struct spot_restore *r, const struct err *why)
{
	struct err err = ERR_INIT;
	cleanup(free) char *text = NULL;

	bool is_available;

	r->spot->is_deferred = true; /* ^C does not end what cleans up */
	if (!r->image[0] && (why || r->is_continued))
		(void)!find_image(r, &is_available, &err);
	drop_image(r, &err);
	if (r->mended.repairs || why || r->is_continued)
		drop_children(r, &err);
	if (why && id_none(&r->instance) && r->launch[0])
		drop_volumes(r, &err);
	r->spot->is_deferred = false;
	if (err.code == ERR_NONE)
		return;
	text = mem_printf("not everything that was made for it could be removed (%s); the same "
			  "restore again does that",
			  err.text);
	report_say(r->spot->report, NULL, "warning", "{s:s}", "text", text);
}
