/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/helper.h"
#include "rescue/link.h"
#include "rescue/runner.h"

#include <stdio.h>

/* The rows of a rescue whose volume is attached to another machine: the helper, which as a rule is launched for it,
 * with a security group of its own, and the link to it. It is launched before the patient stops, and comes up
 * beside that. */

enum { POLL_MS = 1000, RECONNECT_MS = 1000, SHOWS_TRIES = 20 };

static char *group_name(const struct rescue *r)
{
	return mem_printf("ec2-rescue %s", r->record.run);
}

/* ---- group */

static void group_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_OUT)
		str_addf(out, "make a security group for the helper that lets in ssh from %s alone",
			 r->record.launch.from);
	else
		str_addf(out, "delete the helper's security group \"ec2-rescue %s\"",
			 r->record.run);
}

static enum held group_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)err;
	if (way == WAY_HOME)
		return r->record.launch.is_kept ? HELD_YES : search_held(r, STEP_GROUP, way);
	return r->record.launch.group[0] && r->is_group_open ? HELD_YES : HELD_NO;
}

static void group_is(struct rescue *r, const char *id)
{
	struct err err = ERR_INIT;

	go_on_soon(r);
	if (strlen(id) >= sizeof(r->record.launch.group))
		return;
	memcpy(r->record.launch.group, id, strlen(id) + 1);
	/* Its tag finds it as well. */
	if (rescue_note(r, json_pack("{s:s, s:s}", "event", "note", "group", id), &err) < 0)
		rescue_warn(r, "%s", err.text);
}

static void group_made(struct rescue *r)
{
	group_is(r, r->call.group.id);
}

/* Of a row that may have been there before: what the search finds is it. */
static void group_sought(struct rescue *r)
{
	r->is_in_doubt = false;
	go_on_soon(r);
	vec_foreach (g, &r->call.found.groups)
		if (is_of_run(r, &g->tags))
			group_is(r, g->id);
}

static void group_opened(struct rescue *r)
{
	r->is_group_open = true;
	go_on_soon(r);
}

static int make_group(struct rescue *r, struct err *err)
{
	const struct launch *l = &r->record.launch;
	cleanup(free) char *name = group_name(r);
	struct ec2_tag_pair tags[] = { { CLAIM_RUN_TAG, r->record.run }, { "Name", name } };
	struct ec2_create_security_group create = { .name = name,
						    .description = "ssh to the helper of a rescue",
						    .vpc = l->vpc[0] ? l->vpc : NULL,
						    .tags = tags,
						    .tag_count = ARRAY_LEN(tags) };
	struct ec2_rule authorize = {
		.group = l->group, .protocol = "tcp", .from = 22, .to = 22, .cidr = l->from
	};

	(void)err;
	if (l->group[0])
		ec2_authorize_rule(r->runner->ec2, &authorize, rescue_call(r, group_opened));
	else if (r->is_in_doubt)
		return find_of_run(r, EC2_SECURITY_GROUPS, group_sought);
	else
		ec2_create_security_group(r->runner->ec2, &create, &r->call.group,
					  rescue_call(r, group_made));
	r->call.is_unseen = true;
	return STARTED_OP;
}

/* A new one does not show everywhere at once (EC2 developer guide, "Eventual consistency"). */
static bool is_not_yet(struct rescue *r, const struct ec2_op *op)
{
	if (!str_eq(op->aws_code, "InvalidGroup.NotFound") || r->tries > SHOWS_TRIES)
		return false;
	r->retry_ms = runner_after(r->runner, POLL_MS);
	return true;
}

/* It was made, or opened, by a call whose reply was lost. */
static bool group_refused(struct rescue *r, const struct ec2_op *op)
{
	if (is_not_yet(r, op))
		return true;
	if (str_eq(op->aws_code, "InvalidPermission.Duplicate")) {
		r->is_group_open = true;
		return true;
	}
	r->is_in_doubt = str_eq(op->aws_code, "InvalidGroup.Duplicate") && r->tries < 8;
	if (r->is_in_doubt)
		r->retry_ms = runner_after(r->runner, 500);
	return r->is_in_doubt;
}

static void group_sought_at_home(struct rescue *r)
{
	r->record.launch.group[0] = '\0';
	vec_foreach (g, &r->call.found.groups)
		if (is_of_run(r, &g->tags) && strlen(g->id) < sizeof(r->record.launch.group))
			memcpy(r->record.launch.group, g->id, strlen(g->id) + 1);
	search_ended(r, STEP_GROUP, r->record.launch.group[0]);
}

static void group_deleted(struct rescue *r)
{
	r->record.launch.group[0] = '\0';
	search_again(r);
}

/* By its id first, then by its tag until there is none. EC2 refuses while a helper is not quite gone. */
static int give_up_group(struct rescue *r, struct err *err)
{
	(void)err;
	if (r->last.code == ERR_NOTFOUND)
		r->record.launch.group[0] = '\0';
	if (!r->record.launch.group[0]) {
		search_begins(r);
		return find_of_run(r, EC2_SECURITY_GROUPS, group_sought_at_home);
	}
	ec2_delete_security_group(r->runner->ec2, r->record.launch.group,
				  rescue_call(r, group_deleted));
	r->call.is_unseen = true;
	return STARTED_OP;
}

static bool group_left(struct rescue *r)
{
	rescue_warn(r,
		    "the security group \"ec2-rescue %s\" could not be deleted%s%s; it costs "
		    "nothing, do it by hand",
		    r->record.run, r->last.code != ERR_NONE ? ": " : "", r->last.text);
	return true;
}

const struct step group_step = {
	.name = "group",
	.kind = STEP_BORROW,
	.vias = 1u << VIA_HELPER,
	.out_s = 60,
	.home_s = 300,
	.describe = group_say,
	.holds = group_holds,
	.act = make_group,
	.undo = give_up_group,
	.refused = group_refused,
	.leave = group_left,
};

/* ---- helper */

static const struct ec2_instance *helper_of(const struct rescue *r)
{
	return ec2_seen_instance(r->runner->watch, &r->record.helper);
}

bool helper_is_gone(const struct rescue *r)
{
	return ec2_instance_is_gone(helper_of(r));
}

/* The type of the next launch; NULL: all were tried. */
static const char *type_of(const struct rescue *r)
{
	const struct launch *l = &r->record.launch;

	return l->type[0] ? l->type : helper_types[r->type_index];
}

static void helper_say(const struct rescue *r, enum way way, struct str *out)
{
	const char *type = type_of(r);

	if (way == WAY_OUT)
		str_addf(out, "launch a helper (%s, %s%s%s)", type ? type : "?",
			 r->record.launch.image, r->record.launch.subnet[0] ? " in " : "",
			 r->record.launch.subnet);
	else if (r->record.launch.is_kept)
		str_addf(out, "keep the helper %s", r->record.helper.s);
	else
		str_addf(out, "terminate the helper%s%s", id_none(&r->record.helper) ? "" : " ",
			 r->record.helper.s);
}

static enum held helper_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)err;
	if (way == WAY_HOME)
		return r->record.launch.is_kept ? HELD_YES : search_held(r, STEP_HELPER, way);
	return id_none(&r->record.helper) || ec2_instance_is_gone(helper_of(r)) ? HELD_NO
										: HELD_YES;
}

static void helper_is(struct rescue *r, const struct instance_id *id)
{
	if (!id_none(&r->record.helper) && r->is_watching)
		ec2_unwatch_instance(r->runner->watch, &r->record.helper);
	r->record.helper = *id;
	if (r->is_watching)
		ec2_watch_instance(r->runner->watch, id);
	rescue_note_home(r, json_pack("{s:s, s:s}", "event", "note", "helper", id->s));
	report_say(r->runner->report, r->record.instance.s, "fact", "{s:s, s:s}", "name", "helper",
		   "text", id->s);
}

static void helper_launched(struct rescue *r)
{
	if (r->call.launched.count)
		helper_is(r, &r->call.launched.items[0].id);
	go_on_soon(r);
}

/* The same token again is the same launch; after a capacity error, or when the helper of the launch before is
 * gone, it is another one. */
static int note_launch(struct rescue *r, struct err *err)
{
	bool is_again = r->is_in_doubt && id_none(&r->record.helper) && r->record.launch.tries;

	if (is_again)
		return 0;
	r->record.launch.tries++;
	return rescue_note(
		r,
		json_pack("{s:s, s:i}", "event", "note", "launches", (int)r->record.launch.tries),
		err);
}

/* EC2 user guide, "Troubleshoot instance launch issues". */
static bool is_of_type(const struct ec2_op *op)
{
	static const char *const codes[] = { "InsufficientInstanceCapacity", "Unsupported",
					     "InstanceLimitExceeded", "VcpuLimitExceeded",
					     "UnfulfillableCapacity" };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (str_eq(op->aws_code, codes[i]))
			return true;
	return false;
}

static bool has_other_type(const struct rescue *r)
{
	return !r->record.launch.type[0] && helper_types[r->type_index] &&
	       helper_types[r->type_index + 1];
}

static int launch(struct rescue *r, struct err *err)
{
	const struct launch *l = &r->record.launch;
	cleanup(free) char *dir = state_run_dir(r->runner->options, l->keys);
	cleanup(free) char *keys = mem_printf("%s/helper", dir), *token = NULL;
	cleanup(free) char *name = group_name(r);
	cleanup(str_done) struct str data = STR_INIT;
	struct ec2_tag_pair tags[] = { { CLAIM_RUN_TAG, r->record.run }, { "Name", name } };
	struct ec2_run_instance request = {
		.image = l->image,
		.type = type_of(r),
		.subnet = l->subnet[0] ? l->subnet : NULL,
		.group = l->group,
		.is_public = l->is_public,
		.tags = tags,
		.tag_count = ARRAY_LEN(tags),
		/* A volume with the run's tag is a root that was made anew. */
		.volume_tags = tags + 1,
		.volume_tag_count = 1
	};

	if (r->last.code != ERR_NONE && is_of_type(&r->call.op)) {
		if (!has_other_type(r) && !l->type[0]) {
			*err = r->last;
			err->code = ERR_CLOUD;
			return -1;
		}
		r->type_index += has_other_type(r);
		r->is_in_doubt = false;
		request.type = type_of(r);
	}
	if (helper_keys_make(keys, err) < 0 || helper_user_data(keys, l->is_kept, &data, err) < 0 ||
	    note_launch(r, err) < 0)
		return -1;
	token = mem_printf("%s-helper-%u", r->record.run, l->tries);
	request.user_data = data.s;
	request.client_token = token;
	ec2_run_instance(r->runner->ec2, &request, &r->call.launched,
			 rescue_call(r, helper_launched));
	r->call.is_unseen = true;
	return STARTED_OP;
}

/* Another type may be had, unless a person named one. */
static bool launch_refused(struct rescue *r, const struct ec2_op *op)
{
	/* A launch before a death may have been of another type; home finds both by their tag. */
	if (str_eq(op->aws_code, "IdempotentParameterMismatch")) {
		r->is_in_doubt = false;
		return true;
	}
	return is_not_yet(r, op) || (is_of_type(op) && has_other_type(r));
}

/* Another rescue of this process that still has a way to go, and the helper on it. */
static struct rescue *successor(const struct rescue *r)
{
	vec_foreach (other, &r->runner->rescues) {
		const struct record *record = &(*other)->record;

		if (*other != r && (*other)->phase <= PHASE_HOME && !record->launch.is_ours &&
		    record->via == VIA_HELPER && str_eq(record->launch.keys, r->record.launch.keys))
			return *other;
	}
	return NULL;
}

int rescue_note_launch(struct rescue *r, struct err *err)
{
	json_t *record = record_to_json(&r->record);
	json_t *note = json_pack("{s:s, s:O}", "event", "note", "launch",
				 json_object_get(record, "launch"));

	json_decref(record);
	return rescue_note(r, note, err);
}

/* From now on the other one removes it, by what is on its record and by its tag. */
static void handed_over(struct rescue *r)
{
	struct rescue *heir = successor(r);
	struct err err = ERR_INIT;

	go_on_soon(r);
	if (!heir)
		return;
	heir->record.launch = r->record.launch;
	if (id_none(&heir->record.helper))
		helper_is(heir, &r->record.helper);
	if (rescue_note_launch(heir, &err) < 0)
		rescue_warn(heir, "%s; going on", err.text);
	for (size_t at = STEP_GROUP; at <= STEP_HELPER; at++) {
		heir->record.steps[at].state = STEP_DONE;
		rescue_note_home(heir, json_pack("{s:s, s:s, s:s}", "event", "step", "name",
						 rescue_plan[at]->name, "state", "done"));
		r->is_left[at] = true;
		rescue_note_home(r, json_pack("{s:s, s:s, s:s}", "event", "step", "name",
					      rescue_plan[at]->name, "state", "returned"));
	}
}

static int hand_over(struct rescue *r, const struct rescue *heir)
{
	const char *resources[] = { r->record.helper.s, r->record.launch.group };
	struct ec2_tag_pair tag = { CLAIM_RUN_TAG, heir->record.run };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = &tag,
					  .tag_count = 1 };

	ec2_create_tags(r->runner->ec2, &change, rescue_call(r, handed_over));
	r->call.is_unseen = true;
	return STARTED_OP;
}

static void helper_sought(struct rescue *r)
{
	bool is_there = false;

	r->doomed = (struct instance_id){ "" };
	vec_foreach (i, &r->call.found.instances) {
		if (!is_of_run(r, &i->tags) || i->state == INSTANCE_TERMINATED)
			continue;
		is_there = true;
		if (i->state != INSTANCE_SHUTTING_DOWN)
			r->doomed = i->id;
	}
	search_ended(r, STEP_HELPER, is_there);
	if (is_there && id_none(&r->doomed))
		r->retry_ms = runner_after(r->runner, POLL_MS);
}

static void helper_told(struct rescue *r)
{
	r->is_helper_told = true;
	search_again(r);
}

/* What is known by its id first: it may not show yet. Then its tag finds what there is, until it finds none. */
static int give_up_helper(struct rescue *r, struct err *err)
{
	const struct rescue *heir = successor(r);
	struct instance_id id = r->doomed;

	(void)err;
	link_close(TAKE(r->link));
	r->is_helper_told |= r->last.code == ERR_NOTFOUND;
	if (heir && !id_none(&r->record.helper) && !ec2_instance_is_gone(helper_of(r)) &&
	    r->record.launch.group[0])
		return hand_over(r, heir);
	if (id_none(&id) && !id_none(&r->record.helper) && !r->is_helper_told)
		id = r->record.helper;
	if (!id_none(&id)) {
		r->doomed = (struct instance_id){ "" };
		ec2_terminate_instance(r->runner->ec2, &id, EC2_FOR_REAL, &r->call.power,
				       rescue_call(r, helper_told));
		r->call.is_unseen = true;
		return STARTED_OP;
	}
	search_begins(r);
	return find_of_run(r, EC2_INSTANCES, helper_sought);
}

static bool helper_left(struct rescue *r)
{
	rescue_warn(r,
		    "the helper %s could not be terminated%s%s; it costs money, and shuts itself "
		    "down, which terminates it, within %s minutes",
		    r->record.helper.s, r->last.code != ERR_NONE ? ": " : "", r->last.text,
		    HELPER_LASTS_MIN);
	return true;
}

const struct step helper_step = {
	.name = "helper",
	.kind = STEP_BORROW,
	.vias = 1u << VIA_HELPER,
	.out_s = 120,
	.home_s = 600,
	.describe = helper_say,
	.holds = helper_holds,
	.act = launch,
	.undo = give_up_helper,
	.refused = launch_refused,
	.leave = helper_left,
};

/* ---- link */

static const char *host_of(const struct rescue *r, const struct ec2_instance *i)
{
	const struct options *options = r->runner->options;

	if (options->helper_host)
		return options->helper_host;
	return i->public_ip && *i->public_ip &&
			       (r->record.launch.is_public || !r->record.launch.keys[0])
		       ? i->public_ip
		       : i->private_ip;
}

/* Of a shared helper: the rescue that launches it. */
static const struct rescue *launcher(const struct rescue *r)
{
	vec_foreach (other, &r->runner->rescues)
		if (*other != r && str_eq((*other)->record.run, r->record.launch.keys))
			return *other;
	return NULL;
}

static enum held helper_is_known(const struct rescue *r, struct err *err)
{
	const struct rescue *other = launcher(r);

	if (!id_none(&r->record.helper))
		return HELD_YES;
	if (other && !id_none(&other->record.helper))
		return HELD_NO;
	if (other && other->phase == PHASE_OUT)
		return HELD_NOT_YET;
	err_set(err, ERR_CLOUD, "the helper that run %s was to launch is not there",
		r->record.launch.keys);
	return HELD_NEVER;
}

enum held helper_held(const struct rescue *r, enum link_state wanted, struct err *err)
{
	enum held known = helper_is_known(r, err);
	const struct ec2_instance *i = helper_of(r);
	enum link_state state = r->link ? link_state(r->link) : LINK_BROKEN;

	if (known != HELD_YES)
		return known;
	if (!i || i->state == INSTANCE_PENDING)
		return HELD_NOT_YET;
	if (i->state != INSTANCE_RUNNING) {
		err_set(err, ERR_CLOUD, "the helper %s is %s%s%s", i->id.s,
			ec2_instance_state_name(i->state), i->state_reason ? ": " : "",
			i->state_reason ? i->state_reason : "");
		return HELD_NEVER;
	}
	if (state == LINK_TAKEN)
		return r->remote ? HELD_YES : HELD_NO;
	if (state == LINK_BROKEN || (state == LINK_READY && wanted == LINK_DEVICE))
		return host_of(r, i) ? HELD_NO : HELD_NOT_YET;
	return state >= wanted ? HELD_YES : HELD_NOT_YET;
}

static void link_moved(void *arg)
{
	struct rescue *r = arg;

	if (link_state(r->link) == LINK_BROKEN) {
		r->last = *link_failure(r->link);
		r->retry_ms = runner_after(r->runner, RECONNECT_MS);
	} else {
		go_on_soon(r);
	}
	rescue_poke(r);
}

static int connect_helper(struct rescue *r, struct err *err)
{
	const struct options *options = r->runner->options;
	const struct rescue *other = launcher(r);
	const struct ec2_instance *i;
	cleanup(free) char *log = mem_printf("%s/ssh.log", r->dir), *dir = NULL, *keys = NULL;
	struct link_request request = { .loop = r->runner->loop,
					.user = options->helper_user,
					.log = log,
					.changed = link_moved,
					.arg = r };

	if (id_none(&r->record.helper) && other)
		helper_is(r, &other->record.helper);
	i = helper_of(r);
	if (!i || !(request.host = host_of(r, i)))
		return STARTED_NOTHING;
	if (r->record.launch.keys[0]) {
		dir = state_run_dir(options, r->record.launch.keys);
		request.keys_dir = keys = mem_printf("%s/helper", dir);
		request.user = HELPER_USER;
	}
	link_close(TAKE(r->link));
	return link_open(&request, &r->link, err) < 0 ? -1 : STARTED_NOTHING;
}

int helper_look(struct rescue *r, struct err *err)
{
	if (!r->link || link_state(r->link) != LINK_READY)
		return connect_helper(r, err);
	link_look(r->link, &r->record.volume, r->record.away_device);
	return STARTED_NOTHING;
}

static void link_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out, "connect to the helper%s%s over ssh", id_none(&r->record.helper) ? "" : " ",
		 r->record.helper.s);
}

static enum held link_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)way;
	return helper_held(r, LINK_READY, err);
}

static bool link_late(struct rescue *r)
{
	char text[sizeof(r->last.text)];
	bool is_known = r->last.code != ERR_NONE;

	memcpy(text, is_known ? r->last.text : "no answer", is_known ? sizeof(text) : 10);
	err_set(&r->last, ERR_TIMEOUT,
		"no connection within %u s: %.600s; is there a way from here to it? (--subnet, "
		"--helper-host, --ssh-from, or --via snapshot, which needs no helper)",
		link_step.out_s, text);
	return false;
}

const struct step link_step = {
	.name = "link",
	.kind = STEP_WAIT,
	.flags = STEP_CUT,
	.vias = 1u << VIA_HELPER,
	.out_s = 300,
	.describe = link_say,
	.holds = link_holds,
	.act = connect_helper,
	.late = link_late,
};
