/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/blocks.h"
#include "rescue/cloud.h"
#include "rescue/local.h"

enum { LIST_S = 300 }; /* what the client takes for all pages of the list */

struct audit {
	json_t *machine, *findings, *could_not_tell; /* the object of `audit --json` */
	/* Of a snapshot. */
	struct snapshot_id snapshot;
	struct ec2 *ec2;
	struct blocks *blocks;
	struct blocks_figures figures;
	bool is_listed;
	struct err why;
};

static void collect_finding(struct audit *audit, const json_t *event)
{
	static const char *const members[] = { "check",	  "severity",	"path", "line",
					       "message", "repairable", "rows" };
	json_t *finding = json_object();

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		json_t *value = json_object_get(event, members[i]);

		if (value)
			json_object_set(finding, members[i], value);
		else
			json_object_set_new(finding, members[i], json_null());
	}
	json_array_append_new(audit->findings, finding);
}

static void collect(struct local *local, json_t *event)
{
	struct audit *audit = local->arg;
	const char *kind = json_string_value(json_object_get(event, "event"));
	bool is_machine = str_eq(kind, "machine"), is_unknown = str_eq(kind, "could_not_tell");

	if (str_eq(kind, "finding"))
		collect_finding(audit, event);
	json_object_del(event, "event");
	if (is_machine)
		json_object_update(audit->machine, event);
	if (is_unknown)
		json_array_append(audit->could_not_tell, event);
	json_decref(event);
}

static int status_of(const struct surgery_result *result)
{
	if (result->faults)
		return 1;
	return result->could_not_tell ? ERR_COULD_NOT_TELL : 0;
}

static void say_verdict(struct local *local)
{
	const struct surgery_result *r = &local->result;
	cleanup(free) char *target = local_target(local->options);
	cleanup(free) char *next = local_command(local->options, "repair");
	cleanup(free) char *text = NULL;

	if (r->faults)
		text = mem_printf("%s has %zu fault%s; nothing was changed", target, r->faults,
				  r->faults == 1 ? "" : "s");
	else if (r->could_not_tell)
		text = mem_printf("no fault was found on %s, but not everything could be examined, "
				  "so it is not proven healthy",
				  target);
	else
		text = mem_printf("no fault was found on %s", target);
	report_say(local->report, NULL, "verdict", "{s:s, s:s, s:s*}", "result",
		   r->faults	       ? "faults"
		   : r->could_not_tell ? "could-not-tell"
				       : "healthy",
		   "text", text, "next", r->faults && !local->prepare ? next : NULL);
}

/* ---- a snapshot: its blocks are fetched as they are read ---- */

static void on_list(void *arg, const struct err *err)
{
	struct audit *audit = arg;

	audit->is_listed = true;
	if (err)
		audit->why = *err;
}

static bool is_listed(const struct local *local)
{
	return ((const struct audit *)local->arg)->is_listed;
}

static int open_snapshot(struct local *local, struct loop *loop, struct surgery_job *job,
			 struct err *err)
{
	struct audit *audit = local->arg;
	struct blocks_request request = { .loop = loop,
					  .snapshot = audit->snapshot,
					  .work_dir = job->work_dir,
					  .ready = on_list,
					  .arg = audit };

	if (local->options->with.count)
		return err_set(err, ERR_USAGE,
			       "--with is for targets that are here; audit %s alone",
			       audit->snapshot.s);
	if (cloud_open(loop, local->options, NULL, NULL, &audit->ec2, err) < 0)
		return -1;
	request.ec2 = audit->ec2;
	if (!local->options->json)
		report_say(local->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "blocks",
			   "text", "the snapshot's blocks are listed", "deadline_s", LIST_S);
	audit->blocks = blocks_start(&request);
	if (local_wait(local, loop, is_listed, err) < 0)
		return -1;
	if (audit->why.code) {
		*err = audit->why;
		return -1;
	}
	job->is_served = true;
	job->served_fd = blocks_link(audit->blocks);
	job->name = audit->snapshot.s;
	/* The other volumes of the instance are not in it. */
	job->disks_are_complete = false;
	return 0;
}

static void close_snapshot(struct local *local)
{
	struct audit *audit = local->arg;

	if (audit->blocks) {
		audit->figures = blocks_figures(audit->blocks);
		audit->why = *blocks_failure(audit->blocks);
	}
	blocks_free(audit->blocks);
	ec2_close(audit->ec2);
}

/* ---- */

static void say_figures(const struct local *local)
{
	const struct blocks_figures *f = &((const struct audit *)local->arg)->figures;
	cleanup(free) char *text = NULL;

	if (!local->prepare)
		return;
	text = mem_printf("%llu of %llu blocks that hold data were read (%llu MiB of %llu)",
			  (unsigned long long)f->fetched, (unsigned long long)f->data_blocks,
			  (unsigned long long)f->fetched_bytes >> 20,
			  (unsigned long long)f->size_bytes >> 20);
	report_say(local->report, NULL, "fact", "{s:s, s:s}", "name", "blocks", "text", text);
}

/* NULL: everything was here. */
static json_t *figures_to_json(const struct local *local)
{
	const struct blocks_figures *f = &((const struct audit *)local->arg)->figures;

	return local->prepare ? json_pack("{s:I, s:I, s:I}", "volume", (json_int_t)f->volume_blocks,
					  "data", (json_int_t)f->data_blocks, "fetched",
					  (json_int_t)f->fetched)
			      : NULL;
}

/* What is neither here nor a snapshot has one that can be made. */
static int point_to_snapshot(const char *path, struct err *err)
{
	bool is_volume = str_starts(path, "vol-");

	if ((!is_volume && !str_starts(path, "i-")) || !access(path, F_OK))
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "%s is not examined where it is; make a snapshot of %s and give its id "
		       "(snap-...), the instance may go on running",
		       is_volume ? "a volume" : "an instance",
		       is_volume ? "it" : "its root volume");
}

/* A path that looks like an id is written ./snap-... */
static int find_target(struct local *local, struct target *target, struct err *err)
{
	const char *path = local->options->targets.items[0];
	struct audit *audit = local->arg;

	if (!str_starts(path, "snap-"))
		return point_to_snapshot(path, err) < 0 ||
				       target_find(local->options, path, target, err) < 0 ||
				       local_refuse_halves(target, path, err) < 0
			       ? -1
			       : 0;
	local->prepare = open_snapshot;
	local->finish = close_snapshot;
	return snapshot_id_parse(path, &audit->snapshot, err);
}

/* Whatever was made of a volume with a block missing: that it is missing is what there is to say. */
static int examine(struct local *local, struct err *err)
{
	const struct surgery_job job = { .mode = SURGERY_AUDIT };
	const struct audit *audit = local->arg;
	int rc = local_surgery(local, &job, err);

	if (!audit->why.code || err->code == ERR_INTERRUPTED)
		return rc;
	*err = audit->why;
	return err_in(err, "%s", audit->snapshot.s);
}

int cmd_audit(const struct options *options, struct report *report)
{
	const char *path = options->targets.items[0];
	struct audit audit = { .machine = json_object(),
			       .findings = json_array(),
			       .could_not_tell = json_array() };
	struct local local = { .options = options, .report = report, .arg = &audit };
	cleanup(target_done) struct target target = TARGET_INIT;
	struct err err = ERR_INIT;
	int status;

	if (options->json)
		local.event = collect;
	if (find_target(&local, &target, &err) < 0 || examine(&local, &err) < 0) {
		json_decref(audit.machine);
		json_decref(audit.findings);
		json_decref(audit.could_not_tell);
		return local_fail(&local, &err);
	}
	status = status_of(&local.result);
	if (options->json) {
		cleanup(str_done) struct str shown = STR_INIT;

		str_add_escaped(&shown, path, strlen(path));
		report_say(report, NULL, "audit", "{s:s, s:o, s:o, s:o, s:o*}", "target", shown.s,
			   "machine", audit.machine, "findings", audit.findings, "could_not_tell",
			   audit.could_not_tell, "blocks", figures_to_json(&local));
		return status;
	}
	json_decref(audit.machine);
	json_decref(audit.findings);
	json_decref(audit.could_not_tell);
	say_figures(&local);
	say_verdict(&local);
	return status;
}
