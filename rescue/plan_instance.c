/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

/* The rows for what is the instance's: its running state, the snapshot of its root volume, and
 * DeleteOnTermination. */

static const struct ec2_instance *instance_of(const struct rescue *r)
{
	return ec2_seen_instance(r->runner->watch, &r->record.instance);
}

/* standby: an Auto Scaling group terminates a member that is stopped */

static const struct asg_instance *member_of(const struct rescue *r)
{
	return ec2_seen_member(r->runner->watch, &r->record.instance);
}

static void standby_say(const struct rescue *r, enum way way, struct str *out)
{
	const struct asg_instance *m = member_of(r);

	str_addf(out,
		 way == WAY_OUT ? "put %s into standby in its Auto Scaling group"
				: "put %s back in service in its Auto Scaling group",
		 r->record.instance.s);
	if (m && m->group)
		str_addf(out, " %s", m->group);
}

static enum held standby_holds(const struct rescue *r, enum way way, struct err *err)
{
	static const struct {
		const char *state;
		enum held out, home;
	} states[] = {
		{ "InService", HELD_NO, HELD_YES },
		{ "Standby", HELD_YES, HELD_NO },
		{ "EnteringStandby", HELD_NOT_YET, HELD_NOT_YET },
		{ "Terminat", HELD_NEVER, HELD_NEVER }, /* Terminating, its waits, Terminated */
	};
	const struct asg_instance *m = member_of(r);

	if (!r->record.uses_standby)
		return HELD_YES;
	if (!rescue_is_fresh(r))
		return HELD_UNSEEN;
	if (!m) /* it was taken out of the group */
		return HELD_YES;
	for (size_t i = 0; m->lifecycle_state && i < ARRAY_LEN(states); i++) {
		if (!str_starts(m->lifecycle_state, states[i].state))
			continue;
		if (states[i].out == HELD_NEVER)
			err_set(err, ERR_CLOUD, "the Auto Scaling group %s is terminating %s",
				m->group ? m->group : "?", r->record.instance.s);
		return way == WAY_OUT ? states[i].out : states[i].home;
	}
	return HELD_NOT_YET; /* Pending and its waits, Detaching, ... */
}

static int enter_standby(struct rescue *r, struct err *err)
{
	const struct asg_instance *m = member_of(r);
	struct asg_standby request = { .instance = r->record.instance };

	if (!m || !m->group)
		return err_set(err, ERR_BUSY, "the Auto Scaling group of %s is not seen",
			       r->record.instance.s);
	request.group = m->group;
	if (r->phase == PHASE_HOME)
		asg_exit_standby(r->runner->ec2, &request, rescue_call(r, NULL));
	else
		asg_enter_standby(r->runner->ec2, &request, rescue_call(r, NULL));
	return STARTED_OP;
}

/* Said when an earlier request, whose reply was lost, took effect and does not show yet. */
static bool standby_refused(struct rescue *r, const struct ec2_op *op)
{
	if (!strstr(op->err.text, "not in InService") || r->tries < 2)
		return false;
	r->retry_ms = runner_after(r->runner, 2000);
	return true;
}

const struct step standby_step = {
	.name = "standby",
	.kind = STEP_BORROW,
	.flags = STEP_SILENT,
	.out_s = 900, /* load balancers let go of it slowly */
	.home_s = 600,
	.describe = standby_say,
	.holds = standby_holds,
	.act = enter_standby,
	.undo = enter_standby,
	.refused = standby_refused,
};

/* stop */

static void stop_say(const struct rescue *r, enum way way, struct str *out)
{
	str_addf(out, way == WAY_OUT ? "stop instance %s" : "start instance %s",
		 r->record.instance.s);
}

static enum held stop_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_instance *i = instance_of(r);

	if (!rescue_is_fresh(r) || !i)
		return HELD_UNSEEN;
	switch (i->state) {
	case INSTANCE_TERMINATED:
	case INSTANCE_SHUTTING_DOWN:
		err_set(err, ERR_CLOUD, "instance %s is %s%s%s", i->id.s,
			ec2_instance_state_name(i->state), i->state_reason ? ": " : "",
			i->state_reason ? i->state_reason : "");
		return HELD_NEVER;
	case INSTANCE_STOPPED:
		return way == WAY_OUT ? HELD_YES : HELD_NO;
	case INSTANCE_RUNNING:
		return way == WAY_OUT ? HELD_NO : HELD_YES;
	case INSTANCE_PENDING:
		return way == WAY_OUT ? HELD_NO : HELD_NOT_YET;
	default:
		return HELD_NOT_YET;
	}
}

static int stop(struct rescue *r, struct err *err)
{
	struct ec2_power power = { .instance = r->record.instance,
				   .kind = r->stop_is_forced ? EC2_STOP_FORCE : EC2_STOP_GRACEFUL };

	(void)err;
	ec2_stop_instance(r->runner->ec2, &power, &r->call.power, rescue_call(r, NULL));
	return STARTED_OP;
}

static int start(struct rescue *r, struct err *err)
{
	struct ec2_power power = { .instance = r->record.instance };

	(void)err;
	ec2_start_instance(r->runner->ec2, &power, &r->call.power, rescue_call(r, NULL));
	return STARTED_OP;
}

/* A forced stop skips the guest's own shutdown: its file systems stay as after a power cut. */
static bool stop_late(struct rescue *r)
{
	cleanup(free) char *question = NULL;

	if (r->stop_is_forced)
		return false;
	question = mem_printf("%s has not stopped within %u s. Force it, as a power cut would?",
			      r->record.instance.s, r->runner->options->stop_s);
	if (!r->runner->options->force_stop &&
	    !(r->runner->rescues.count == 1 && report_ask(r->runner->report, question))) {
		err_set(&r->last, ERR_TIMEOUT,
			"%s has not stopped within %u s; with --force-stop it is forced then, as a "
			"power cut would",
			r->record.instance.s, r->runner->options->stop_s);
		return false;
	}
	rescue_warn(r, "%s has not stopped within %u s; it is forced now", r->record.instance.s,
		    r->runner->options->stop_s);
	r->stop_is_forced = true;
	return true;
}

const struct step stop_step = {
	.name = "stop",
	.kind = STEP_BORROW,
	.vias = VIAS_WRITE | 1u << VIA_SNAPSHOT,
	.home_s = 900,
	.describe = stop_say,
	.holds = stop_holds,
	.act = stop,
	.undo = start,
	.late = stop_late,
};

/* snapshot */

static void snapshot_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	if (r->skip_snapshot)
		str_addf(out, "take no snapshot of %s", r->record.volume.s);
	else
		str_addf(out, "snapshot volume %s (kept%s)", r->record.volume.s,
			 via_swaps(r->record.via) ? "" : "; not waited for");
}

static enum held snapshot_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)way;
	(void)err;
	return r->skip_snapshot || !id_none(&r->record.snapshot) ? HELD_YES : HELD_NO;
}

static void snapshot_is(struct rescue *r, const struct snapshot_id *id)
{
	struct err err = ERR_INIT;

	r->record.snapshot = *id;
	ec2_watch_snapshot(r->runner->watch, id);
	/* A snapshot whose id is not on record is still found by its tag. */
	if (rescue_note(r, json_pack("{s:s, s:s}", "event", "note", "snapshot", id->s), &err) < 0)
		rescue_warn(r, "%s", err.text);
	report_say(r->runner->report, r->record.instance.s, "fact", "{s:s, s:s}", "name",
		   "snapshot", "text", id->s);
}

static void snapshot_made(struct rescue *r)
{
	snapshot_is(r, &r->call.snapshot.id);
}

enum { SNAPSHOT_SEARCHES = 3 };

/* CreateSnapshot has no client token: after a lost reply the snapshot is looked for by its tag,
 * several times, because a new one may not show at once. */
static void snapshot_searched(struct rescue *r)
{
	vec_foreach (s, &r->call.found.snapshots) {
		if (!claim_took_snapshot(s, &r->record.volume, r->record.run))
			continue;
		snapshot_is(r, &s->id);
		return;
	}
	r->is_in_doubt = ++r->snapshot_searches < SNAPSHOT_SEARCHES;
	r->retry_ms = runner_after(r->runner, 500 * (int64_t)r->snapshot_searches);
}

static int snapshot(struct rescue *r, struct err *err)
{
	cleanup(free) char *name = mem_printf("ec2-rescue: root volume of %s before %s",
					      r->record.instance.s, r->record.run);
	struct ec2_tag_pair tags[] = { { CLAIM_RUN_TAG, r->record.run }, { "Name", name } };
	struct ec2_create_snapshot request = {
		.volume = r->record.volume,
		.description = name,
		.tags = tags,
		.tag_count = r->takes_bare_snapshot ? 0 : ARRAY_LEN(tags),
	};

	(void)err;
	if (r->is_in_doubt)
		return find_of_run(r, EC2_SNAPSHOTS, snapshot_searched);
	r->snapshot_searches = 0;
	ec2_create_snapshot(r->runner->ec2, &request, &r->call.snapshot,
			    rescue_call(r, snapshot_made));
	r->call.is_unseen = true;
	return STARTED_OP;
}

static bool snapshot_refused(struct rescue *r, const struct ec2_op *op)
{
	cleanup(free) char *question = NULL;
	char text[sizeof(r->last.text)];

	if (op->err.code == ERR_USAGE && !r->takes_bare_snapshot) {
		r->takes_bare_snapshot = true; /* perhaps it takes no tags at birth */
		return true;
	}
	if (via_swaps(r->record.via))
		return false;
	question = mem_printf("No snapshot of %s could be taken (%s). Go on without one?",
			      r->record.volume.s, op->err.text);
	if (r->runner->rescues.count == 1 && report_ask(r->runner->report, question)) {
		r->skip_snapshot = true;
		return true;
	}
	memcpy(text, r->last.text, sizeof(text));
	err_set(&r->last, r->last.code, "%.700s; with --no-snapshot the rescue goes on without one",
		text);
	return false;
}

const struct step snapshot_step = {
	.name = "snapshot",
	.kind = STEP_KEEP,
	.out_s = 300,
	.describe = snapshot_say,
	.holds = snapshot_holds,
	.act = snapshot,
	.refused = snapshot_refused,
};

enum { DOT_SHOWS_WITHIN_MS = 30000 };

/* delete-on-termination: lost by every re-attachment (EC2.md section 7), so it is given back */

static void dot_say(const struct rescue *r, enum way way, struct str *out)
{
	const char *value = r->record.delete_on_termination == EC2_TRUE ? "true" : "false";

	if (way == WAY_OUT)
		str_addf(out, "remember DeleteOnTermination=%s of %s", value,
			 r->record.home_device);
	else
		str_addf(out, "set DeleteOnTermination=%s on %s of %s", value,
			 r->record.home_device, r->record.instance.s);
}

static enum held dot_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_instance *i = instance_of(r);
	const struct ec2_volume *v = ec2_seen_volume(r->runner->watch, rescue_root(r));
	struct ec2_attachment a;
	enum ec2_bool seen = EC2_BOOL_ABSENT;

	(void)err;
	if (way == WAY_OUT)
		return HELD_NO;
	if (r->record.delete_on_termination == EC2_BOOL_ABSENT)
		return HELD_YES;
	if (!rescue_is_fresh(r) || !i || !v)
		return HELD_UNSEEN;
	vec_foreach (d, &i->devices)
		if (id_eq(&d->volume, &v->id))
			seen = d->delete_on_termination;
	/* The two views may differ for a while; it is so when neither denies it. */
	if (rescue_attachment(r, v, PLACE_HOME, &a) && a.delete_on_termination != EC2_BOOL_ABSENT &&
	    (seen == EC2_BOOL_ABSENT || seen == r->record.delete_on_termination))
		seen = a.delete_on_termination;
	return seen == r->record.delete_on_termination ? HELD_YES : HELD_NO;
}

/* From the first time that it was accepted on, it has so long to show. */
static void dot_restored(struct rescue *r)
{
	if (!r->is_dot_sent)
		r->deadline_ms = runner_after(r->runner, DOT_SHOWS_WITHIN_MS);
	r->is_dot_sent = true;
}

static int dot_restore(struct rescue *r, struct err *err)
{
	struct ec2_modify_device modify = {
		.instance = r->record.instance,
		.device = r->record.home_device,
		.delete_on_termination = r->record.delete_on_termination == EC2_TRUE,
	};

	(void)err;
	ec2_modify_device(r->runner->ec2, &modify, rescue_call(r, dot_restored));
	return STARTED_OP;
}

/* The instance is worth more than the flag, and without the flag the volume outlives it. */
static bool dot_left(struct rescue *r)
{
	const char *value = r->record.delete_on_termination == EC2_TRUE ? "true" : "false";

	if (r->last.code != ERR_UNSUPPORTED && !r->is_dot_sent)
		return false;
	rescue_warn(r, "DeleteOnTermination=%s of %s was set before, and this server %s%s%s", value,
		    r->record.home_device,
		    r->is_dot_sent ? "does not show it again although it was set"
				   : "cannot set it again",
		    r->last.code != ERR_NONE ? ": " : "", r->last.text);
	return true;
}

const struct step dot_step = {
	.name = "delete-on-termination",
	.kind = STEP_OWE,
	.out_s = 300,
	.home_s = 300,
	.describe = dot_say,
	.holds = dot_holds,
	.undo = dot_restore,
	.leave = dot_left,
};
