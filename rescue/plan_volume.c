/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/device.h"
#include "rescue/runner.h"

#include <stdio.h>

/* The rows for the volume's place: away from home, at the helper, and as a device here. */

static const struct ec2_volume *volume_of(const struct rescue *r)
{
	return ec2_seen_volume(r->runner->watch, &r->record.volume);
}

static bool is_attached(const struct ec2_attachment *a)
{
	/* A server that leaves the status out lists what is attached. */
	return a->status == ATTACHMENT_ATTACHED || a->status == ATTACHMENT_ABSENT;
}

/* detach: what is borrowed is the place under home's device name */

static void detach_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_OUT)
		str_addf(out, "detach root volume %s from %s", r->record.volume.s,
			 r->record.instance.s);
	else if (via_swaps(r->record.via) && id_none(&r->record.restored))
		str_addf(out, "attach the new volume to %s as %s", r->record.instance.s,
			 r->record.home_device);
	else
		str_addf(out, "attach volume %s to %s as %s", rescue_root(r)->s,
			 r->record.instance.s, r->record.home_device);
}

static enum held volume_is_lost(const struct ec2_volume *v, struct err *err)
{
	err_set(err, ERR_CLOUD, "volume %s is %s", v->id.s, ec2_volume_status_name(v->status));
	return HELD_NEVER;
}

static bool home_is_gone(const struct rescue *r, struct err *err)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);

	if (!i || (i->state != INSTANCE_TERMINATED && i->state != INSTANCE_SHUTTING_DOWN))
		return false;
	err_set(err, ERR_CLOUD, "instance %s is %s; its volume %s is detached and safe", i->id.s,
		ec2_instance_state_name(i->state), r->record.volume.s);
	return true;
}

static enum held detach_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_volume *v = ec2_seen_volume(r->runner->watch, rescue_root(r));
	struct ec2_attachment home;
	bool is_home;

	if (!rescue_is_fresh(r) || !v)
		return HELD_UNSEEN;
	if (v->status == VOLUME_DELETED || v->status == VOLUME_DELETING)
		return volume_is_lost(v, err);
	is_home = rescue_attachment(r, v, PLACE_HOME, &home);
	if (way == WAY_OUT)
		return !is_home ? HELD_YES : is_attached(&home) ? HELD_NO : HELD_NOT_YET;
	if (!is_home && home_is_gone(r, err))
		return HELD_NEVER;
	if (!is_home)
		return v->status == VOLUME_AVAILABLE || !v->attachments.count ? HELD_NO
									      : HELD_NOT_YET;
	if (!is_attached(&home))
		return HELD_NOT_YET;
	if (home.device && !str_eq(home.device, r->record.home_device)) {
		err_set(err, ERR_CONFLICT, "volume %s is attached to %s as %s instead of %s",
			v->id.s, r->record.instance.s, home.device, r->record.home_device);
		return HELD_NEVER;
	}
	return HELD_YES;
}

static int detach(struct rescue *r, struct err *err)
{
	struct ec2_attach request = { .volume = r->record.volume, .instance = r->record.instance };

	(void)err;
	ec2_detach_volume(r->runner->ec2, &request, &r->call.attachment, rescue_call(r, NULL));
	return STARTED_OP;
}

static int attach_home(struct rescue *r, struct err *err)
{
	struct ec2_attach request = { .instance = r->record.instance,
				      .device = r->record.home_device };
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);
	struct ec2_power power = { .instance = r->record.instance };

	/* It was not stopped, and EC2 has taken its root. */
	if (r->record.via == VIA_REPLACE && i && i->state == INSTANCE_RUNNING) {
		ec2_stop_instance(r->runner->ec2, &power, &r->call.power, rescue_call(r, NULL));
		return STARTED_OP;
	}
	if (r->record.via == VIA_REPLACE && (!i || i->state != INSTANCE_STOPPED))
		return err_set(err, ERR_BUSY, "instance %s is not stopped yet",
			       r->record.instance.s);
	restore_give_up(r);
	request.volume = *rescue_root(r);
	ec2_attach_volume(r->runner->ec2, &request, &r->call.attachment, rescue_call(r, NULL));
	return STARTED_OP;
}

const struct step detach_step = {
	.name = "detach",
	.kind = STEP_BORROW,
	.vias = VIAS_WRITE,
	.out_s = 600,
	.home_s = 600,
	.describe = detach_say,
	.holds = detach_holds,
	.act = detach,
	.undo = attach_home,
};

/* attach: to the helper, under one of its free names */

static void attach_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_OUT)
		str_addf(out, "attach volume %s to the helper%s%s", r->record.volume.s,
			 r->record.helper.s[0] ? " " : "", r->record.helper.s);
	else
		str_addf(out, "detach volume %s from the helper%s%s", r->record.volume.s,
			 r->record.helper.s[0] ? " " : "", r->record.helper.s);
}

static enum held attach_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_volume *v = volume_of(r);
	struct ec2_attachment away;
	bool is_away;

	if (!rescue_is_fresh(r) || !v)
		return HELD_UNSEEN;
	is_away = rescue_attachment(r, v, PLACE_AWAY, &away);
	if (way == WAY_HOME)
		return !is_away						      ? HELD_YES
		       : is_attached(&away) || away.status == ATTACHMENT_BUSY ? HELD_NO
									      : HELD_NOT_YET;
	if (v->status == VOLUME_DELETED || v->status == VOLUME_DELETING ||
	    v->status == VOLUME_ERROR)
		return volume_is_lost(v, err);
	if (is_away && !id_eq(&away.instance, &r->record.helper)) {
		err_set(err, ERR_CONFLICT, "volume %s is attached to %s, which is not the helper",
			v->id.s, away.instance.s);
		return HELD_NEVER;
	}
	return !is_away ? HELD_NO : is_attached(&away) ? HELD_YES : HELD_NOT_YET;
}

/* /dev/sdf and /dev/xvdf are one place to the guest. */
static const char *place(const char *device)
{
	return str_starts(device, "/dev/sd")	? device + strlen("/dev/sd")
	       : str_starts(device, "/dev/xvd") ? device + strlen("/dev/xvd")
						: device;
}

static bool name_is_taken(const struct rescue *r, const struct ec2_instance *helper,
			  const char *name)
{
	vec_foreach (d, &helper->devices)
		if (d->device_name && str_eq(place(d->device_name), place(name)))
			return true;
	vec_foreach (other, &r->runner->rescues) {
		const struct step_record *step = &(*other)->record.steps[STEP_ATTACH];

		if (*other != r && step->state >= STEP_BEGUN && !step->is_returned &&
		    str_eq(place((*other)->record.away_device), place(name)))
			return true;
	}
	return false;
}

/* The n-th free name: /dev/sd[f-p] is what EC2 recommends, /dev/xvd[bc][a-z] goes on from there. */
static int choose_name(struct rescue *r, const struct ec2_instance *helper, uint32_t n,
		       struct err *err)
{
	char name[16];

	for (unsigned i = 0; i < 11 + 52; i++) {
		if (i < 11)
			snprintf(name, sizeof(name), "/dev/sd%c", 'f' + i);
		else
			snprintf(name, sizeof(name), "/dev/xvd%c%c", 'b' + (i - 11) / 26,
				 'a' + (i - 11) % 26);
		if (name_is_taken(r, helper, name) || n--)
			continue;
		memcpy(r->record.away_device, name, sizeof(name));
		return 0;
	}
	return err_set(err, ERR_BUSY, "the helper %s has no free device name left",
		       r->record.helper.s);
}

static int attach(struct rescue *r, struct err *err)
{
	const struct ec2_instance *helper = ec2_seen_instance(r->runner->watch, &r->record.helper);
	struct ec2_attach request = { .volume = r->record.volume,
				      .instance = r->record.helper,
				      .device = r->record.away_device };

	if (!helper)
		return err_set(err, ERR_NOTFOUND, "the helper %s is not there any more",
			       r->record.helper.s);
	if (choose_name(r, helper, r->device_tries, err) < 0 ||
	    rescue_note(
		    r,
		    json_pack("{s:s, s:s}", "event", "note", "away_device", r->record.away_device),
		    err) < 0)
		return -1;
	ec2_attach_volume(r->runner->ec2, &request, &r->call.attachment, rescue_call(r, NULL));
	return STARTED_OP;
}

static int detach_here(struct rescue *r, struct err *err)
{
	const struct ec2_volume *v = volume_of(r);
	struct ec2_attach request = { .volume = r->record.volume };
	struct ec2_attachment away;

	if (!v || !rescue_attachment(r, v, PLACE_AWAY, &away))
		return err_set(err, ERR_BUSY, "volume %s is not seen attached", r->record.volume.s);
	if (r->record.via == VIA_HELPER) { /* which has it open as long as we are connected */
		rescue_close_surgery(r);
		link_close(TAKE(r->link));
	}
	request.instance = away.instance;
	ec2_detach_volume(r->runner->ec2, &request, &r->call.attachment, rescue_call(r, NULL));
	return STARTED_OP;
}

/* Does another rescue of this process hold one of the helper's attachments? Then waiting helps. */
static bool others_will_leave(const struct rescue *r)
{
	vec_foreach (other, &r->runner->rescues) {
		const struct step_record *step = &(*other)->record.steps[STEP_ATTACH];

		if (*other != r && step->state >= STEP_BEGUN && !step->is_returned &&
		    (*other)->phase != PHASE_ENDED)
			return true;
	}
	return false;
}

static bool attach_refused(struct rescue *r, const struct ec2_op *op)
{
	/* The name is taken by something that EC2 does not list (an AMI's instance store). */
	if (str_eq(op->aws_code, "InvalidParameterValue") && strstr(op->err.text, "in use") &&
	    r->device_tries < 8) {
		r->device_tries++;
		return true;
	}
	if (str_eq(op->aws_code, "AttachmentLimitExceeded") && others_will_leave(r)) {
		r->retry_ms = runner_after(r->runner, 2000);
		r->deadline_ms = -1;
		return true;
	}
	return false;
}

const struct step attach_step = {
	.name = "attach",
	.kind = STEP_BORROW,
	.vias = VIAS_WRITE,
	.out_s = 300,
	.home_s = 300,
	.describe = attach_say,
	.holds = attach_holds,
	.act = attach,
	.undo = detach_here,
	.refused = attach_refused,
};

/* device: the kernel shows it, here or at the helper */

static void device_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	if (r->record.via == VIA_HELPER)
		str_addf(out, "wait for the device of %s on the helper%s%s", r->record.volume.s,
			 r->record.helper.s[0] ? " " : "", r->record.helper.s);
	else
		str_addf(out, "wait for the device of %s in %s", r->record.volume.s,
			 r->runner->options->device_dir);
}

static enum held device_holds(const struct rescue *r, enum way way, struct err *err)
{
	cleanup(free) char *path = NULL;

	(void)way;
	if (r->record.via == VIA_HELPER)
		return helper_held(r, LINK_DEVICE, err);
	path = device_find(r->runner->options->device_dir, &r->record.volume);
	return path ? HELD_YES : HELD_NOT_YET;
}

static bool device_late(struct rescue *r)
{
	if (r->record.via == VIA_HELPER)
		err_set(&r->last, ERR_TIMEOUT,
			"EC2 says that %s is attached to %s as %s, but no device of it appeared "
			"there",
			r->record.volume.s, r->record.helper.s, r->record.away_device);
	else
		err_set(&r->last, ERR_TIMEOUT,
			"EC2 says that %s is attached to %s as %s, but no device with its id "
			"appeared in %s: is this machine really %s? (--helper, --device-dir)",
			r->record.volume.s, r->record.helper.s, r->record.away_device,
			r->runner->options->device_dir, r->record.helper.s);
	return false;
}

/* It is looked for again by each process: what it is seen through does not outlive one. */
const struct step device_step = {
	.name = "device",
	.kind = STEP_WAIT,
	.flags = STEP_VOLATILE,
	.vias = VIAS_WRITE,
	.out_s = 180,
	.describe = device_say,
	.holds = device_holds,
	.act = helper_look,
	.late = device_late,
};
