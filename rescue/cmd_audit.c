/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/local.h"
#include "rescue/snapshot_source.h"

/* The object of `audit --json`. */
struct audit {
	json_t *machine, *findings, *could_not_tell;
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

/* What mends the target; NULL: it cannot be mended as it was named. */
static char *next_command(const struct local *local)
{
	if (!local->source)
		return local_command(local->options, "repair");
	return id_none(&local->source->temporary.record.instance)
		       ? NULL
		       : mem_printf("ec2-rescue %s", local->source->temporary.record.instance.s);
}

static void say_verdict(struct local *local)
{
	const struct surgery_result *r = &local->result;
	cleanup(free) char *target = local_target(local->options);
	cleanup(free) char *next = next_command(local);
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
		   "text", text, "next", r->faults ? next : NULL);
}

static void say_figures(const struct local *local)
{
	const struct blocks_figures *f = local->source ? &local->source->figures : NULL;
	cleanup(free) char *text = NULL;

	if (!f)
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
	const struct blocks_figures *f = local->source ? &local->source->figures : NULL;

	return f ? json_pack("{s:I, s:I, s:I}", "volume", (json_int_t)f->volume_blocks, "data",
			     (json_int_t)f->data_blocks, "fetched", (json_int_t)f->fetched)
		 : NULL;
}

/* NULL: nothing on the volume says anything of MTUs. */
static json_t *mtu_to_json(const struct mtu_facts *facts)
{
	return facts->place_count ? mtu_facts_to_json(facts) : NULL;
}

/* Is it of the cloud, by the form of its name? A path that looks like an id is written ./snap-... */
static bool is_remote(const char *target)
{
	return str_starts(target, "snap-") || str_starts(target, "vol-") ||
	       str_starts(target, "i-");
}

static int find_target(struct local *local, struct target *target, struct err *err)
{
	const char *path = local->options->targets.items[0];
	struct snapshot_source *source = local->source;
	struct volume_id volume;
	struct instance_id instance;

	if (!source)
		return target_find(local->options, path, target, err) < 0
			       ? -1
			       : local_refuse_halves(target, path, err);
	if (str_starts(path, "snap-"))
		return snapshot_id_parse(path, &source->snapshot, err);
	source->target = path;
	return str_starts(path, "vol-") ? volume_id_parse(path, &volume, err)
					: instance_id_parse(path, &instance, err);
}

static int examine(struct local *local, struct err *err)
{
	const struct surgery_job job = { .mode = SURGERY_AUDIT };
	const struct snapshot_source *source = local->source;
	int rc = local_surgery(local, &job, err);

	if (!source || !source->why.code || err->code == ERR_INTERRUPTED)
		return rc;
	*err = source->why;
	return err_in(err, "%s", local->options->targets.items[0]);
}

int cmd_audit(const struct options *options, struct report *report)
{
	const char *path = options->targets.items[0];
	struct audit audit = { .machine = json_object(),
			       .findings = json_array(),
			       .could_not_tell = json_array() };
	struct snapshot_source source = { 0 };
	struct local local = { .options = options,
			       .report = report,
			       .source = is_remote(path) ? &source : NULL,
			       .arg = &audit };
	cleanup(target_done) struct target target = TARGET_INIT;
	struct err err = ERR_INIT;
	int status;

	if (options->json)
		local.event = collect;
	if (find_target(&local, &target, &err) < 0 || examine(&local, &err) < 0) {
		if (source.left.code) {
			report_err(report, NULL, &err);
			err = source.left;
		}
		json_decref(audit.machine);
		json_decref(audit.findings);
		json_decref(audit.could_not_tell);
		return local_fail(&local, &err);
	}
	status = status_of(&local.result);
	if (source.left.code)
		status = ERR_AWAY;
	if (options->json) {
		cleanup(str_done) struct str shown = STR_INIT;

		str_add_escaped(&shown, path, strlen(path));
		report_say(report, NULL, "audit", "{s:s, s:o, s:o, s:o, s:o*, s:o*, s:s*}",
			   "target", shown.s, "machine", audit.machine, "findings", audit.findings,
			   "could_not_tell", audit.could_not_tell, "mtu",
			   mtu_to_json(&local.result.mtu), "blocks", figures_to_json(&local),
			   "left", source.left.code ? source.left.text : NULL);
		return status;
	}
	json_decref(audit.machine);
	json_decref(audit.findings);
	json_decref(audit.could_not_tell);
	say_figures(&local);
	say_verdict(&local);
	if (source.left.code)
		report_err(report, NULL, &source.left);
	return status;
}
