/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/local.h"

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
		   "text", text, "next", r->faults ? next : NULL);
}

int cmd_audit(const struct options *options, struct report *report)
{
	const struct surgery_job job = { .mode = SURGERY_AUDIT };
	const char *path = options->targets.items[0];
	struct audit audit = { json_object(), json_array(), json_array() };
	struct local local = { .options = options, .report = report, .arg = &audit };
	cleanup(target_done) struct target target = TARGET_INIT;
	struct err err = ERR_INIT;
	int status;

	if (options->json)
		local.event = collect;
	if (target_find(options, path, &target, &err) < 0 ||
	    local_refuse_halves(&target, path, &err) < 0 || local_surgery(&local, &job, &err) < 0) {
		json_decref(audit.machine);
		json_decref(audit.findings);
		json_decref(audit.could_not_tell);
		return local_fail(&local, &err);
	}
	status = status_of(&local.result);
	if (options->json) {
		cleanup(str_done) struct str shown = STR_INIT;

		str_add_escaped(&shown, path, strlen(path));
		report_say(report, NULL, "audit", "{s:s, s:o, s:o, s:o}", "target", shown.s,
			   "machine", audit.machine, "findings", audit.findings, "could_not_tell",
			   audit.could_not_tell);
		return status;
	}
	json_decref(audit.machine);
	json_decref(audit.findings);
	json_decref(audit.could_not_tell);
	say_verdict(&local);
	return status;
}
