/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "checks/check.h"
#include "rescue/local.h"

/* What this run of the command knows. */
struct repair {
	size_t faults_found; /* above "note", before the repair */
	bool was_refused;    /* consent was needed and could not be asked for */
	bool was_declined;
};

static void watch(struct local *local, json_t *event)
{
	struct repair *repair = local->arg;
	const char *kind = json_string_value(json_object_get(event, "event"));
	const char *severity = json_string_value(json_object_get(event, "severity"));

	if (str_eq(kind, "finding") && !str_eq(severity, severity_name(SEVERITY_NOTE)))
		repair->faults_found++;
	if (str_eq(kind, "repaired")) {
		cleanup(free) char *undo = local_command(local->options, "undo");

		json_object_set_new(event, "undo", json_string(undo));
	}
	report_event(local->report, NULL, event);
}

static bool consent(struct local *local)
{
	struct repair *repair = local->arg;
	const struct surgery_result *r = &local->result;
	cleanup(free) char *target = local_target(local->options);
	cleanup(free) char *question = NULL;

	(void)r;
	if (local->options->dry_run)
		return false;
	if (local->options->yes)
		return true;
	if (!report_can_ask(local->report)) {
		repair->was_refused = true;
		return false;
	}
	question = mem_printf("Write this to %s?", target);
	repair->was_declined = !report_ask(local->report, question);
	return !repair->was_declined;
}

static int check_names(const struct words *names, struct err *err)
{
	vec_foreach (name, names)
		if (!check_find(*name))
			return err_set(
				err, ERR_USAGE,
				"--fix %s: there is no such check; `ec2-rescue checks` lists "
				"them",
				*name);
	return 0;
}

static void say_verdict(struct local *local, const char *result, const char *next, const char *text)
{
	cleanup(free) char *target = local_target(local->options);
	cleanup(free) char *line = mem_printf("%s: %s", target, text);

	report_say(local->report, NULL, "verdict", "{s:s, s:s, s:s*}", "result", result, "text",
		   line, "next", next);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* Nothing was written. */
static int conclude_untouched(struct local *local)
{
	const struct surgery_result *r = &local->result;
	const struct repair *repair = local->arg;
	cleanup(free) char *next = local_command(local->options, "repair --yes");
	cleanup(free) char *text = NULL;

	if (r->repairs) {
		text = mem_printf("%zu of %zu findings would be repaired; nothing was written",
				  r->repairs, r->findings);
		say_verdict(local, "faults", local->options->dry_run ? next : NULL, text);
		return 1;
	}
	if (repair->faults_found) {
		text = mem_printf("%zu fault%s, none of which is repaired without being asked for "
				  "(--fix); nothing was written",
				  repair->faults_found, plural(repair->faults_found));
		say_verdict(local, "faults", NULL, text);
		return 1;
	}
	if (r->could_not_tell) {
		say_verdict(local, "could-not-tell", NULL,
			    "no fault was found, but not everything could be examined; nothing was "
			    "written");
		return ERR_COULD_NOT_TELL;
	}
	say_verdict(local, "healthy", NULL, "no fault was found; nothing was written");
	return 0;
}

static int conclude(struct local *local)
{
	const struct surgery_result *r = &local->result;
	cleanup(free) char *text = NULL;

	if (!r->was_committed)
		return conclude_untouched(local);
	if (r->faults) {
		text = mem_printf("%zu finding%s repaired, but %zu fault%s remain%s", r->repairs,
				  plural(r->repairs), r->faults, plural(r->faults),
				  r->faults == 1 ? "s" : "");
		say_verdict(local, "faults", NULL, text);
		return 1;
	}
	if (r->could_not_tell) {
		text = mem_printf("%zu finding%s repaired, but not everything could be examined",
				  r->repairs, plural(r->repairs));
		say_verdict(local, "could-not-tell", NULL, text);
		return ERR_COULD_NOT_TELL;
	}
	text = mem_printf("%zu finding%s repaired", r->repairs, plural(r->repairs));
	say_verdict(local, "repaired", NULL, text);
	return 0;
}

int cmd_repair(const struct options *options, struct report *report)
{
	const char *path = options->targets.items[0];
	struct repair repair = { 0 };
	struct local local = { .options = options,
			       .report = report,
			       .event = watch,
			       .consent = consent,
			       .arg = &repair };
	cleanup(target_done) struct target target = TARGET_INIT;
	cleanup(free) char *record = NULL, *console = NULL;
	struct surgery_job job = { .mode = SURGERY_REPAIR };
	struct err err = ERR_INIT;

	if (check_names(&options->fix, &err) < 0 || target_find(options, path, &target, &err) < 0)
		return local_fail(&local, &err);
	if (options->dry_run ? local_refuse_halves(&target, path, &err) < 0
			     : target_lock(&target, &err) < 0 ||
				       local_recover(&local, &target, RECORD_FINISH, &err) < 0)
		return local_fail(&local, &err);
	record = target_new_record(&target);
	job.record_dir = record;
	if (options->rehearse_boot)
		console = surgery_console_path(target_dir(&target));
	job.boot = local_boot_wish(options, console);
	if (console && dir_make(target_dir(&target), &err) < 0)
		return local_fail(&local, &err);
	if (local_surgery(&local, &job, &err) < 0)
		return local_fail(&local, &err);
	if (repair.was_refused) {
		err_set(&err, ERR_REFUSED,
			"%s: nothing was written, because nobody is there to ask; --yes consents "
			"to "
			"what was shown",
			path);
		return local_fail(&local, &err);
	}
	return conclude(&local);
}
