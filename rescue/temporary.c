/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/temporary.h"
#include "ec2/find.h"
#include "rescue/claim.h"
#include "rescue/cloud.h"

#include <stdio.h>

enum {
	SEARCHES = 3, /* for a snapshot whose id was lost with the reply */
	TRIES = 5,    /* to delete it */
	/* EC2 makes one snapshot of a volume in 15 s (SnapshotCreationPerVolumeRateExceeded). */
	BUSY_TRIES = 7,
	BUSY_MS = 3000,
	FIRST_LOOK_MS = 1000,
	LAST_LOOK_MS = 15000,
	UNSEEN_MS = 120000,	    /* a new id may be unknown to Describe for so long */
	COMPLETED_MS = 6 * 3600000, /* the first snapshot of a large volume */
};

/* ---- waiting: for a call, for some time */

static bool is_idle(const struct local *local)
{
	return local->temporary_op->is_done;
}

/* ^C ends the wait, and the call's fate is not known then. */
static int wait_for(struct temporary *t, struct ec2_op *op, struct err *err)
{
	int rc;

	if (!t->local)
		return ec2_wait(t->ec2, op, err);
	t->local->temporary_op = op;
	rc = local_wait(t->local, t->loop, is_idle, err);
	if (rc < 0) {
		ec2_cancel(t->ec2, op);
		return rc;
	}
	*err = op->err;
	return err->code ? -1 : 0;
}

struct nap {
	struct ec2_op op; /* only its is_done */
};

static void wake(void *arg)
{
	((struct nap *)arg)->op.is_done = true;
}

static int nap(struct temporary *t, int64_t ms, struct err *err)
{
	struct nap nap = { 0 };
	int rc = 0;

	loop_timer(t->loop, loop_now_ms(t->loop) + (int64_t)((double)ms / t->pace) + 1, wake, &nap);
	if (t->local) {
		t->local->temporary_op = &nap.op;
		rc = local_wait(t->local, t->loop, is_idle, err);
	}
	while (!t->local && !nap.op.is_done && rc == 0)
		rc = loop_step(t->loop, 500, err);
	loop_timer(t->loop, -1, wake, &nap);
	return rc;
}

/* ---- which volume */

static int find_root(struct temporary *t, struct err *err)
{
	const char *id = t->record.instance.s;
	union ec2_list list;
	struct ec2_op op = { 0 };
	size_t volumes = 0;
	int rc;

	ec2_find(t->ec2, EC2_INSTANCES, &id, 1, &list, &op);
	if (wait_for(t, &op, err) < 0)
		return -1;
	rc = err_set(err, ERR_NOTFOUND, "%s does not exist, or has no volume as its root", id);
	vec_foreach (i, &list.instances) {
		if (!id_eq(&i->id, &t->record.instance))
			continue;
		vec_foreach (d, &i->devices) {
			volumes += !id_none(&d->volume);
			if (!d->device_name || !i->root_device_name ||
			    !str_eq(d->device_name, i->root_device_name) || id_none(&d->volume))
				continue;
			t->record.volume = d->volume;
			rc = 0;
		}
	}
	ec2_list_done(EC2_INSTANCES, &list);
	t->is_only_volume = volumes == 1;
	if (!rc)
		err_clear(err);
	return rc;
}

/* Its size is what a snapshot costs. */
static int find_volume(struct temporary *t, int64_t *ret_gib, struct err *err)
{
	const char *id = t->record.volume.s;
	union ec2_list list;
	struct ec2_op op = { 0 };
	bool is_there = false;

	ec2_find(t->ec2, EC2_VOLUMES, &id, 1, &list, &op);
	if (wait_for(t, &op, err) < 0)
		return -1;
	vec_foreach (v, &list.volumes) {
		if (!id_eq(&v->id, &t->record.volume))
			continue;
		*ret_gib = v->size_gib;
		is_there = true;
	}
	ec2_list_done(EC2_VOLUMES, &list);
	return is_there ? 0 : err_set(err, ERR_NOTFOUND, "%s does not exist", id);
}

/* ---- the record */

static int note(struct temporary *t, json_t *record, struct err *err)
{
	return journal_add(t->journal, record, err);
}

static int note_step(struct temporary *t, const char *state, struct err *err)
{
	return note(
		t,
		json_pack("{s:s, s:s, s:s}", "event", "step", "name", "snapshot", "state", state),
		err);
}

static int open_run(struct temporary *t, struct err *err)
{
	const struct options *options = t->local->options;
	cleanup(free) char *dir = NULL;

	t->record.kind = RESCUE_AUDIT;
	snprintf(t->record.region, sizeof(t->record.region), "%s",
		 options->region ? options->region : "");
	snprintf(t->record.endpoint, sizeof(t->record.endpoint), "%s",
		 options->endpoint_url ? options->endpoint_url : "");
	run_id_make(t->record.run);
	if (state_make_run(options, t->record.run, &dir, err) < 0 ||
	    journal_create(dir, &t->journal, err) < 0 ||
	    note(t, record_to_json(&t->record), err) < 0)
		return -1;
	return note_step(t, "begun", err);
}

static int close_run(struct temporary *t, struct err *err)
{
	if (note_step(t, "returned", err) < 0)
		return -1;
	return note(t, json_pack("{s:s, s:s}", "event", "end", "result", "returned"), err);
}

/* ---- the snapshot */

/* By its tag, whatever its id. 1: found, 0: there is none. */
static int search(struct temporary *t, struct err *err)
{
	const char *run = t->record.run;
	struct ec2_filter filter = { "tag:" TEMPORARY_TAG, &run, 1 };
	union ec2_list list;
	struct ec2_op op = { 0 };
	int found = 0;

	ec2_find_where(t->ec2, EC2_SNAPSHOTS, &filter, &list, &op);
	if (wait_for(t, &op, err) < 0)
		return -1;
	vec_foreach (s, &list.snapshots) {
		const char *value = ec2_tag_value(&s->tags, TEMPORARY_TAG);

		if (!value || !str_eq(value, run))
			continue;
		t->record.snapshot = s->id;
		t->record.volume = s->volume;
		found = 1;
	}
	ec2_list_done(EC2_SNAPSHOTS, &list);
	return found;
}

/* CreateSnapshot has no client token: after a lost reply only a search tells. */
static int search_again(struct temporary *t, struct err *err)
{
	int found = 0;

	for (int i = 1; i <= SEARCHES && !found; i++) {
		if (nap(t, (int64_t)1000 * i, err) < 0)
			return -1;
		found = search(t, err);
	}
	return found;
}

static void say_busy(struct temporary *t)
{
	cleanup(free) char *text =
		mem_printf("EC2 makes another snapshot of %s in some seconds", t->record.volume.s);

	if (!t->local->options->json)
		report_say(t->local->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "snapshot",
			   "text", text, "deadline_s", BUSY_TRIES * BUSY_MS / 1000);
}

/* What was made of the volume just before, by another audit or for a backup, is waited for. */
static int create_when_free(struct temporary *t, const struct ec2_create_snapshot *request,
			    struct ec2_snapshot *ret, struct err *err)
{
	int rc = -1;

	for (int i = 1; i <= BUSY_TRIES; i++) {
		struct ec2_op op = { 0 };

		err_clear(err);
		ec2_create_snapshot(t->ec2, request, ret, &op);
		rc = wait_for(t, &op, err);
		if (rc == 0 || err->code != ERR_BUSY || i == BUSY_TRIES)
			break;
		if (i == 1)
			say_busy(t);
		if (nap(t, BUSY_MS, err) < 0)
			break;
	}
	return rc;
}

static int create(struct temporary *t, struct err *err)
{
	cleanup(free) char *name = mem_printf(
		"ec2-rescue: of %s, for an audit, to be deleted after it", t->record.volume.s);
	const struct ec2_tag_pair tags[] = { { CLAIM_RUN_TAG, t->record.run },
					     { TEMPORARY_TAG, t->record.run },
					     { "Name", name } };
	const struct ec2_create_snapshot request = { .volume = t->record.volume,
						     .description = name,
						     .tags = tags,
						     .tag_count = ARRAY_LEN(tags) };
	struct ec2_snapshot snapshot;
	int rc = create_when_free(t, &request, &snapshot, err);

	t->is_in_doubt = rc < 0 && (err->code == ERR_INDOUBT || err->code == ERR_NETWORK ||
				    err->code == ERR_TIMEOUT || err->code == ERR_INTERRUPTED);
	if (!rc) {
		t->record.snapshot = snapshot.id;
		ec2_snapshot_done(&snapshot);
	} else if (t->is_in_doubt && err->code != ERR_INTERRUPTED) {
		struct err why = ERR_INIT;
		int found = search_again(t, &why);

		if (found < 0)
			*err = why;
		rc = found > 0 ? 0 : -1;
	}
	if (rc < 0)
		return -1;
	err_clear(err);
	return note(t, json_pack("{s:s, s:s}", "event", "note", "snapshot", t->record.snapshot.s),
		    err);
}

static void say_progress(struct temporary *t, const struct ec2_snapshot *s, char last[16])
{
	cleanup(free) char *text = NULL;
	char now[16] = "";

	escape_into(now, sizeof(now), s->progress ? s->progress : "",
		    s->progress ? strlen(s->progress) : 0);
	if (t->local->options->json || str_eq(now, last))
		return;
	memcpy(last, now, sizeof(now));
	text = mem_printf("the temporary snapshot %s of %s is made%s%s", s->id.s,
			  t->record.volume.s, now[0] ? ": " : "", now);
	report_say(t->local->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "snapshot", "text",
		   text, "deadline_s", COMPLETED_MS / 1000);
}

/* 1: completed, 0: not yet, or not seen. */
static int look(struct temporary *t, bool *ret_seen, char last[16], struct err *err)
{
	const char *id = t->record.snapshot.s;
	union ec2_list list;
	struct ec2_op op = { 0 };
	int rc = 0;

	ec2_find(t->ec2, EC2_SNAPSHOTS, &id, 1, &list, &op);
	if (wait_for(t, &op, err) < 0)
		return -1;
	vec_foreach (s, &list.snapshots) {
		if (!id_eq(&s->id, &t->record.snapshot))
			continue;
		*ret_seen = true;
		say_progress(t, s, last);
		if (s->status == SNAPSHOT_COMPLETED)
			rc = 1;
		if (s->status == SNAPSHOT_ERROR)
			rc = err_set(err, ERR_CLOUD, "snapshot %s failed%s%s", s->id.s,
				     s->status_message ? ": " : "",
				     s->status_message ? s->status_message : "");
	}
	ec2_list_done(EC2_SNAPSHOTS, &list);
	return rc;
}

static int await_completed(struct temporary *t, struct err *err)
{
	int64_t wait = FIRST_LOOK_MS, waited = 0;
	bool is_seen = false;
	char last[16] = "-";
	int done;

	while (!(done = look(t, &is_seen, last, err))) {
		if (waited > (is_seen ? COMPLETED_MS : UNSEEN_MS))
			return err_set(
				err, ERR_TIMEOUT, "snapshot %s of %s is not completed after %lld s",
				t->record.snapshot.s, t->record.volume.s, (long long)waited / 1000);
		if (nap(t, wait, err) < 0)
			return -1;
		waited += wait;
		wait = wait * 3 / 2 < LAST_LOOK_MS ? wait * 3 / 2 : LAST_LOOK_MS;
	}
	return done < 0 ? -1 : 0;
}

int temporary_make(struct temporary *t, const char *target, struct err *err)
{
	cleanup(free) char *text = NULL;
	int64_t gib = 0;

	if (str_starts(target, "vol-") ? volume_id_parse(target, &t->record.volume, err) < 0
				       : instance_id_parse(target, &t->record.instance, err) < 0 ||
						 find_root(t, err) < 0)
		return -1;
	if (find_volume(t, &gib, err) < 0 || open_run(t, err) < 0)
		return -1;
	text = mem_printf(
		"a temporary snapshot of %s (%lld GiB) is made and deleted after the audit",
		t->record.volume.s, (long long)gib);
	if (!t->local->options->json)
		report_say(t->local->report, NULL, "fact", "{s:s, s:s}", "name", "snapshot", "text",
			   text);
	if (create(t, err) < 0)
		return -1;
	return await_completed(t, err);
}

/* ---- home */

static int delete_once(struct temporary *t, struct err *err)
{
	struct ec2_op op = { 0 };

	ec2_delete_snapshot(t->ec2, &t->record.snapshot, &op);
	if (ec2_wait(t->ec2, &op, err) == 0)
		return 0;
	if (err->code != ERR_NOTFOUND)
		return -1;
	err_clear(err);
	return 0;
}

/* Where the call's fate is not known it may still take effect for some seconds. */
static int delete_it(struct temporary *t, struct err *err)
{
	int found = 1, rc = -1;

	t->local = NULL; /* ^C does not end what cleans up */
	for (int i = 1; i <= TRIES && rc < 0; i++) {
		struct err ignored = ERR_INIT;

		err_clear(err);
		if (id_none(&t->record.snapshot))
			found = t->is_in_doubt ? search_again(t, err) : 0;
		if (!found)
			return 0;
		if (found > 0)
			rc = delete_once(t, err);
		if (rc < 0 && nap(t, (int64_t)1000 * i, &ignored) < 0)
			break;
	}
	return rc;
}

int temporary_delete(struct temporary *t, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = 0;

	if (!t->journal)
		return 0;
	if (delete_it(t, &why) < 0 || close_run(t, &why) < 0)
		rc = err_set(err, ERR_AWAY,
			     "the temporary snapshot %s%sof %s is left (%s); delete it with: "
			     "ec2-rescue resume %s",
			     t->record.snapshot.s, id_none(&t->record.snapshot) ? "" : " ",
			     t->record.volume.s, why.text, t->record.run);
	journal_close(t->journal);
	t->journal = NULL;
	return rc;
}

static int resume(struct temporary *t, const struct run *run, struct err *err)
{
	json_t *records = NULL;
	int found;

	if (run) {
		if (journal_open(run->dir, &t->journal, &records, err) < 0)
			return -1;
		json_decref(records);
		t->record = run->record;
		t->is_in_doubt = true;
		return 0;
	}
	found = search(t, err);
	if (found == 0)
		err_set(err, ERR_NOTFOUND, "no snapshot has the tag " TEMPORARY_TAG "=%s",
			t->record.run);
	return found > 0 ? 0 : -1;
}

int temporary_resume(const struct options *options, const struct run *run, const char *id,
		     struct report *report, struct err *err)
{
	struct temporary t = { .pace = cloud_pace() };
	cleanup(free) char *text = NULL;
	int rc;

	snprintf(t.record.run, sizeof(t.record.run), "%s", run ? run->record.run : id);
	rc = loop_open(&t.loop, err);
	if (!rc)
		rc = cloud_open(t.loop, options, run ? run->record.region : NULL,
				run ? run->record.endpoint : NULL, &t.ec2, err);
	if (!rc)
		rc = resume(&t, run, err);
	if (!rc && !options->dry_run)
		rc = t.journal ? temporary_delete(&t, err) : delete_it(&t, err);
	if (!rc) {
		text = mem_printf("the temporary snapshot %s%sof %s is %s", t.record.snapshot.s,
				  id_none(&t.record.snapshot) ? "" : " ", t.record.volume.s,
				  options->dry_run ? "to be deleted" : "deleted");
		report_say(report, NULL, "verdict", "{s:s, s:s, s:s}", "result", "returned", "text",
			   text, "run", t.record.run);
	}
	journal_close(t.journal);
	ec2_close(t.ec2);
	loop_close(t.loop);
	return rc;
}
