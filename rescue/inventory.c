/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

#include <stdio.h>
#include <time.h>

/* The ops of calls for all instances at once; inventory_take waits for all of them. */
struct inquiry {
	struct ec2 *ec2;
	const struct options *options;
	struct report *report;
	struct inventory *inv;
	struct ec2_op instances, honest, self, volumes, attached, types, statuses, subnets, vpcs,
		asg, spots;
	struct ec2_instances honest_reply;
	union ec2_list found, found_attached; /* volumes by the mappings, by their attachments */
	struct imds_self self_reply;
};

/* A list of distinct strings for a filter or an id list. */
VEC_TYPE(names, const char *);

static void names_done(struct names *names)
{
	vec_done(names);
}
DEFINE_CLEANUP_DONE(struct names, names_done)

static void add_name(struct names *names, const char *name)
{
	if (!name)
		return;
	vec_foreach (known, names)
		if (str_eq(*known, name))
			return;
	vec_push(names, name);
}

static void warn(const struct inquiry *q, const char *what, const struct err *err)
{
	cleanup(free) char *text = mem_printf("%s: %s", what, err->text);

	report_say(q->report, NULL, "warning", "{s:s}", "text", text);
}

/* Waits for an optional call; false with a warning when it failed. */
static bool optional(const struct inquiry *q, struct ec2_op *op, const char *consequence)
{
	struct err err = ERR_INIT;

	if (ec2_wait(q->ec2, op, &err) == 0)
		return true;
	warn(q, consequence, &err);
	return false;
}

static const struct ec2_instance *find_instance(const struct inventory *inv,
						const struct instance_id *id)
{
	vec_foreach (i, &inv->instances)
		if (id_eq(&i->id, id))
			return i;
	return NULL;
}

/* Is DryRun understood at all? A server that ignores it must never be asked to "dry-run" a stop. */
static bool is_dry_run_known(struct inquiry *q, const struct names *ids)
{
	struct ec2_describe dry = { .ids = ids->items,
				    .id_count = ids->count,
				    .dry_run = EC2_DRY_RUN };
	struct err why = ERR_INIT;

	if (ec2_wait(q->ec2, &q->honest, &why) < 0 &&
	    (why.code == ERR_USAGE || why.code == ERR_UNSUPPORTED)) {
		/* Perhaps it is the filter that is not known. */
		ec2_describe_instances(q->ec2, &dry, &q->honest_reply, &q->honest);
		(void)!ec2_wait(q->ec2, &q->honest, &why);
	}
	return q->honest.err.code == ERR_NONE && !q->honest.was_for_real;
}

/* First round: the instances, this machine, and DryRun. */
static int ask_instances(struct inquiry *q, const struct instance_id *ids, size_t count,
			 struct err *err)
{
	cleanup(names_done) struct names names = { 0 };
	struct ec2_filter filter = { "instance-id", NULL, 0 };
	struct ec2_describe dry = { .filters = &filter, .filter_count = 1, .dry_run = EC2_DRY_RUN };
	union ec2_list found;

	if (count > 199)
		return err_set(err, ERR_USAGE, "at most 199 instances in one run");
	for (size_t i = 0; i < count; i++)
		add_name(&names, ids[i].s);
	if (!id_none(&q->inv->helper))
		add_name(&names, q->inv->helper.s);
	filter.values = names.items;
	filter.value_count = names.count;
	ec2_describe_instances(q->ec2, &dry, &q->honest_reply, &q->honest);
	imds_get_self(q->ec2, &q->self_reply, &q->self);
	ec2_find(q->ec2, EC2_INSTANCES, names.items, names.count, &found, &q->instances);
	if (ec2_wait(q->ec2, &q->instances, err) < 0)
		return -1;
	q->inv->instances = found.instances;
	q->inv->knows_dry_run = is_dry_run_known(q, &names);
	return 0;
}

/* The helper found by IMDS was not part of the first question. */
static void ask_helper(struct inquiry *q)
{
	struct err err = ERR_INIT;
	const char *id;
	union ec2_list more;
	struct ec2_op op = { 0 };

	if (ec2_wait(q->ec2, &q->self, &err) == 0 && q->self_reply.instance &&
	    instance_id_parse(q->self_reply.instance, &q->inv->self, &err) == 0 &&
	    id_none(&q->inv->helper))
		q->inv->helper = q->inv->self;
	if (id_none(&q->inv->helper))
		return;
	/* Whoever says where devices appear says that it is this machine. */
	q->inv->is_helper_elsewhere =
		q->inv->names_helper && !id_eq(&q->inv->self, &q->inv->helper) &&
		(!id_none(&q->inv->self) || str_eq(q->options->device_dir, DEVICE_DIR)) &&
		!(q->options->via && str_eq(q->options->via, "self"));
	if (find_instance(q->inv, &q->inv->helper))
		return;
	id = q->inv->helper.s;
	ec2_find(q->ec2, EC2_INSTANCES, &id, 1, &more, &op);
	if (ec2_wait(q->ec2, &op, &err) < 0) {
		warn(q, "the helper could not be looked up", &err);
		return;
	}
	/* Moved over: the list owns what its items own. */
	vec_foreach (i, &more.instances)
		vec_push(&q->inv->instances, *i);
	vec_done(&more.instances);
}

/* By the ids of the mappings; where an instance shows none, by what is attached to it. */
static void ask_volumes(struct inquiry *q)
{
	cleanup(names_done) struct names volumes = { 0 }, bare = { 0 };
	struct ec2_filter filter = { "attachment.instance-id", NULL, 0 };

	vec_foreach (p, &q->inv->patients) {
		size_t before = volumes.count;

		if (!(*p)->instance)
			continue;
		vec_foreach (d, &(*p)->instance->devices)
			if (!id_none(&d->volume))
				vec_push(&volumes, d->volume.s);
		if (volumes.count == before)
			add_name(&bare, (*p)->id.s);
	}
	filter.values = bare.items;
	filter.value_count = bare.count;
	if (volumes.count)
		ec2_find(q->ec2, EC2_VOLUMES, volumes.items, volumes.count, &q->found, &q->volumes);
	if (bare.count)
		ec2_find_where(q->ec2, EC2_VOLUMES, &filter, &q->found_attached, &q->attached);
}

static void take_volumes(struct inquiry *q, struct ec2_volumes *from)
{
	vec_foreach (v, from)
		vec_push(&q->inv->volumes, *v);
	vec_done(from);
}

static int collect_volumes(struct inquiry *q, struct err *err)
{
	if (ec2_is_begun(&q->volumes)) {
		if (ec2_wait(q->ec2, &q->volumes, err) < 0)
			return -1;
		take_volumes(q, &q->found.volumes);
	}
	if (ec2_is_begun(&q->attached)) {
		if (ec2_wait(q->ec2, &q->attached, err) < 0)
			return -1;
		take_volumes(q, &q->found_attached.volumes);
	}
	return 0;
}

static void ask_patient(struct inquiry *q, struct patient *p, size_t index)
{
	ec2_describe_instance_attribute(q->ec2, &p->id, "disableApiStop", &p->stop_protection,
					&p->stop_op);
	ec2_describe_instance_attribute(q->ec2, &p->id, "instanceInitiatedShutdownBehavior",
					&p->shutdown_behavior, &p->shutdown_op);
	ec2_get_console_output(q->ec2, &p->id, &p->console, &p->console_op);
	if (index < PREFLIGHT_PATIENTS)
		preflight_start(q->ec2, q->inv, p);
}

static void ask_about(struct inquiry *q)
{
	struct names ids = { 0 }, types = { 0 }, subnets = { 0 }, vpcs = { 0 }, spots = { 0 };
	struct ec2_filter typed = { "instance-type", NULL, 0 };
	struct ec2_filter in_vpc = { "vpc-id", NULL, 0 }, in_subnet = { "subnet-id", NULL, 0 };
	struct ec2_describe kinds = { .filters = &typed, .filter_count = 1 };
	struct ec2_describe nets = { .filters = &in_subnet, .filter_count = 1 };
	struct ec2_describe clouds = { .filters = &in_vpc, .filter_count = 1 };
	struct ec2_describe requests = { 0 };
	size_t count = 0;

	vec_foreach (p, &q->inv->patients) {
		const struct ec2_instance *i = (*p)->instance;

		if (!i)
			continue;
		add_name(&ids, i->id.s);
		add_name(&types, i->type);
		add_name(&spots, i->spot_request);
		add_name(&subnets, q->options->subnet);
		vec_foreach (interface, &i->interfaces) {
			add_name(&subnets, interface->subnet);
			add_name(&vpcs, interface->vpc);
		}
	}
	typed.values = types.items;
	typed.value_count = types.count;
	in_subnet.values = subnets.items;
	in_subnet.value_count = subnets.count;
	in_vpc.values = vpcs.items;
	in_vpc.value_count = vpcs.count;
	ask_volumes(q);
	ec2_describe_instance_types(q->ec2, &kinds, &q->inv->types, &q->types);
	ec2_describe_instance_status(
		q->ec2, &(struct ec2_describe){ .ids = ids.items, .id_count = ids.count },
		&q->inv->statuses, &q->statuses);
	if (subnets.count)
		ec2_describe_subnets(q->ec2, &nets, &q->inv->subnets, &q->subnets);
	if (vpcs.count)
		ec2_describe_vpcs(q->ec2, &clouds, &q->inv->vpcs, &q->vpcs);
	requests.ids = spots.items;
	requests.id_count = spots.count;
	if (spots.count)
		ec2_describe_spot_requests(q->ec2, &requests, &q->inv->spots, &q->spots);
	ec2_find(q->ec2, EC2_MEMBERS, ids.items, ids.count, &q->inv->asg, &q->asg);
	vec_foreach (p, &q->inv->patients)
		if ((*p)->instance)
			ask_patient(q, *p, count++);
	vec_done(&ids);
	vec_done(&types);
	vec_done(&subnets);
	vec_done(&vpcs);
	vec_done(&spots);
}

/* Data may hang on it, so it is asked once more where a filter is not known. */
static void collect_types(struct inquiry *q)
{
	cleanup(names_done) struct names types = { 0 };
	struct err why = ERR_INIT;

	if (ec2_wait(q->ec2, &q->types, &why) == 0 || why.code != ERR_USAGE)
		return;
	vec_foreach (p, &q->inv->patients)
		if ((*p)->instance)
			add_name(&types, (*p)->instance->type);
	ec2_describe_instance_types(
		q->ec2, &(struct ec2_describe){ .ids = types.items, .id_count = types.count },
		&q->inv->types, &q->types);
}

/* Where a reply leaves a question open, the hazards say "could not tell". */
static int collect(struct inquiry *q, struct err *err)
{
	struct inventory *inv = q->inv;
	struct err ignored = ERR_INIT;
	int rc = collect_volumes(q, err);

	collect_types(q);
	inv->has_types = optional(
		q, &q->types, "whether the instance type has instance-store disks is not known");
	inv->has_asg = optional(q, &q->asg, "Auto Scaling membership is not known");
	inv->has_status =
		optional(q, &q->statuses, "without status checks only the sshd port is verified");
	if (ec2_is_begun(&q->spots))
		optional(q, &q->spots, "the Spot requests are not known");
	if (ec2_is_begun(&q->subnets))
		optional(q, &q->subnets, "the checks run without the subnets' address ranges");
	if (ec2_is_begun(&q->vpcs))
		optional(q, &q->vpcs, "the checks run without the VPC's address ranges");
	vec_foreach (p, &inv->patients) {
		if (!(*p)->instance)
			continue;
		optional(q, &(*p)->stop_op, "whether stop protection is on is not known");
		optional(q, &(*p)->shutdown_op, "the shutdown behaviour is not known");
		if (ec2_wait(q->ec2, &(*p)->console_op, &ignored) < 0)
			warn(q, "the console cannot be read", &ignored);
	}
	return rc;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && str_eq(a, b);
}

static void connect_patient(struct inventory *inv, struct patient *p)
{
	if (!p->instance)
		return;
	patient_find_root(inv, p);
	vec_foreach (t, &inv->types)
		if (same_text(t->type, p->instance->type))
			p->type = t;
	vec_foreach (a, &inv->asg.members)
		if (id_eq(&a->id, &p->id))
			p->asg = a;
	vec_foreach (s, &inv->spots)
		if (same_text(s->id, p->instance->spot_request))
			p->spot = s;
}

static int take(struct inquiry *q, const struct instance_id *ids, size_t count, struct err *err)
{
	struct inventory *inv = q->inv;

	if (inv->names_helper && instance_id_parse(q->options->helper, &inv->helper, err) < 0)
		return err_in(err, "--helper");
	if (ask_instances(q, ids, count, err) < 0)
		return -1;
	ask_helper(q);
	inv->helper_instance = id_none(&inv->helper) ? NULL : find_instance(inv, &inv->helper);
	for (size_t i = 0; i < count; i++) {
		struct patient *p = mem_alloc(sizeof(*p));

		p->id = ids[i];
		p->instance = find_instance(inv, &ids[i]);
		if (!p->instance)
			err_set(&p->err, ERR_NOTFOUND, "there is no instance %s in %s", ids[i].s,
				inv->region);
		vec_push(&inv->patients, p);
	}
	vec_foreach (p, &inv->patients) {
		if (!(*p)->instance)
			continue;
		ask_about(q);
		if (inv->asks_net)
			net_first_start(q->ec2, inv);
		if (collect(q, err) < 0)
			return err_in(err, "the volumes cannot be looked up");
		break;
	}
	return 0;
}

/* After a failure the other questions are still out, and their ops and replies are about to go. */
static void abandon(struct inquiry *q)
{
	struct ec2_op *ops[] = { &q->instances, &q->honest,  &q->volumes, &q->attached, &q->types,
				 &q->statuses,	&q->subnets, &q->vpcs,	  &q->asg,	&q->spots };

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		ec2_cancel(q->ec2, ops[i]);
	vec_foreach (p, &q->inv->patients) {
		ec2_cancel(q->ec2, &(*p)->stop_op);
		ec2_cancel(q->ec2, &(*p)->shutdown_op);
		ec2_cancel(q->ec2, &(*p)->console_op);
		for (size_t i = 0; i < DRY_CALLS; i++)
			ec2_cancel(q->ec2, &(*p)->dry[i].op);
	}
	ec2_volumes_done(&q->found.volumes);
	ec2_volumes_done(&q->found_attached.volumes);
}

int inventory_take(struct ec2 *ec2, const struct options *options, struct report *report,
		   const struct instance_id *ids, size_t count, struct inventory *ret,
		   struct err *err)
{
	struct inquiry q = { .ec2 = ec2, .options = options, .report = report, .inv = ret };
	int rc;

	*ret = (struct inventory){ .asks_net = ret->asks_net,
				   .now = (int64_t)time(NULL),
				   .takes_no_snapshot = options->no_snapshot,
				   .may_probe = !options->dry_run,
				   .options = options,
				   .wants_launch =
					   options->helper && str_eq(options->helper, "launch"),
				   .names_helper =
					   options->helper && !str_eq(options->helper, "launch"),
				   .region = mem_strdup(ec2_region(ec2)) };
	rc = take(&q, ids, count, err);
	if (rc < 0)
		abandon(&q);
	ec2_cancel(ec2, &q.self);
	ec2_instances_done(&q.honest_reply);
	imds_self_done(&q.self_reply);
	if (rc < 0)
		return -1;
	vec_foreach (p, &ret->patients)
		connect_patient(ret, *p);
	helper_ask(ec2, ret);
	vec_foreach (p, &ret->patients)
		if ((*p)->err.code == ERR_NONE)
			way_choose(ret, options->via, *p);
	keys_ask(ec2, ret);
	encryption_ask(ec2, ret);
	preflight_finish(ec2, ret, report);
	keys_wait(ec2, ret);
	net_first_judge(ec2, ret);
	vec_foreach (p, &ret->patients)
		if ((*p)->err.code == ERR_NONE)
			hazards_find(ret, *p);
	return 0;
}

static void patient_free(struct patient *p)
{
	ec2_attribute_done(&p->stop_protection);
	ec2_attribute_done(&p->shutdown_behavior);
	ec2_console_done(&p->console);
	for (size_t i = 0; i < ARRAY_LEN(p->dry_power); i++)
		ec2_state_changes_done(&p->dry_power[i]);
	for (size_t i = 0; i < ARRAY_LEN(p->dry_attachment); i++)
		ec2_attachment_done(&p->dry_attachment[i]);
	ec2_snapshot_done(&p->dry_snapshot);
	ec2_volume_done(&p->dry_volume);
	ebs_blocks_done(&p->dry_blocks);
	ec2_image_done(&p->dry_image);
	ec2_replace_task_done(&p->dry_task);
	ec2_instances_done(&p->dry_instance);
	ec2_security_group_done(&p->dry_group);
	free(p->net_text);
	free(p->net_stop);
	free(p->via_why);
	hazards_done(&p->hazards);
	free(p);
}

void inventory_done(struct inventory *inv)
{
	net_first_done(NULL, &inv->net);
	vec_foreach (p, &inv->patients)
		patient_free(*p);
	vec_done(&inv->patients);
	keys_done(&inv->keys);
	ec2_instances_done(&inv->instances);
	ec2_volumes_done(&inv->volumes);
	ec2_instance_types_done(&inv->types);
	ec2_instance_statuses_done(&inv->statuses);
	ec2_subnets_done(&inv->subnets);
	ec2_vpcs_done(&inv->vpcs);
	ec2_list_done(EC2_MEMBERS, &inv->asg);
	ec2_spot_requests_done(&inv->spots);
	free(inv->region);
	ssm_parameter_done(&inv->offer.image);
	ec2_own_address_done(&inv->offer.address);
}

bool patient_is_in_service(const struct patient *p)
{
	return p->asg && p->asg->lifecycle_state && str_eq(p->asg->lifecycle_state, "InService");
}

void record_of_patient(const struct inventory *inv, const struct patient *p, struct record *ret)
{
	enum ec2_instance_state state = p->instance->state;

	*ret = (struct record){
		.kind = RESCUE_REPAIR,
		.via = p->via,
		.instance = p->id,
		.helper = p->via == VIA_SELF || (p->via == VIA_HELPER && inv->names_helper)
				  ? inv->helper
				  : (struct instance_id){ "" },
		.volume = p->root->id,
		.was_running = state == INSTANCE_RUNNING || state == INSTANCE_PENDING
	};
	ret->uses_standby = ret->was_running && patient_is_in_service(p);
	if (p->via == VIA_HELPER && !inv->names_helper)
		helper_fill(inv, p, &ret->launch);
	snprintf(ret->home_device, sizeof(ret->home_device), "%s", p->root_device->device_name);
	ret->delete_on_termination = p->root_device->delete_on_termination;
	if (ret->delete_on_termination != EC2_BOOL_ABSENT)
		return;
	vec_foreach (a, &p->root->attachments)
		if (id_eq(&a->instance, &p->id))
			ret->delete_on_termination = a->delete_on_termination;
}
