/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/rehearsal.h"
#include "fs/tree_cow.h"
#include "rescue/console.h"

#define ROUNDS_MAX   5
#define RESTARTS_MAX 16

VEC_TYPE(keys, char *);

/* One attempt; a restart begins a new one with more denied. */
struct attempt {
	const struct rehearsal_request *request;
	struct tree *tree;    /* copy-on-write */
	struct keys denied;   /* repairs that do not help; kept over restarts */
	struct keys told;     /* findings that were reported; kept over restarts */
	struct keys before;   /* findings of the round before */
	struct keys repaired; /* of which were repaired in it */
};

static void keys_clear(struct keys *keys)
{
	vec_foreach (key, keys)
		free(*key);
	vec_done(keys);
}

static size_t keys_count(const struct keys *keys, const char *key)
{
	size_t count = 0;

	vec_foreach (k, keys)
		count += str_eq(*k, key);
	return count;
}

/* What makes two findings of different rounds the same one. Not the line: repairs move lines. */
char *finding_key(const struct finding *f)
{
	return mem_printf("%s\n%s\n%s\n%s", f->check->name, f->path ? f->path : "", f->rows,
			  f->message);
}

static void keys_of(const struct findings *findings, struct keys *ret)
{
	keys_clear(ret);
	vec_foreach (f, findings)
		vec_push(ret, finding_key(f));
}

static void say(const struct rehearsal_request *r, json_t *event)
{
	if (event)
		r->event(r->arg, event);
}

static void warn(const struct rehearsal_request *r, const struct finding *f, const char *what)
{
	cleanup(str_done) struct str shown = STR_INIT;
	cleanup(free) char *text = mem_printf("%s: %s%s%s", f->check->name, f->path ? f->path : "",
					      f->path ? ": " : "", what);

	str_add_escaped(&shown, text, strlen(text));
	say(r, json_pack("{s:s, s:s}", "event", "warning", "text", shown.s));
}

json_t *finding_event(const struct finding *f)
{
	json_t *event = finding_to_json(f);

	json_object_del(event, "edits");
	json_object_set_new(event, "event", json_string("finding"));
	return event;
}

/* Reports what was not reported before: the n-th of several equal findings is a new one. */
static void tell_findings(struct attempt *a, const struct findings *findings)
{
	struct keys seen = { 0 };

	vec_foreach (f, findings) {
		char *key = finding_key(f);

		vec_push(&seen, key);
		if (keys_count(&seen, key) <= keys_count(&a->told, key))
			continue;
		vec_push(&a->told, mem_strdup(key));
		say(a->request, finding_event(f));
	}
	keys_clear(&seen);
}

void rehearsal_tell_unknown(const struct could_not_tells *list, void (*event)(void *, json_t *),
			    void *arg)
{
	vec_foreach (u, list) {
		cleanup(str_done) struct str shown = STR_INIT;

		str_add_escaped(&shown, u->err.text, strlen(u->err.text));
		event(arg, json_pack("{s:s, s:s, s:s}", "event", "could_not_tell", "check",
				     u->check ? u->check->name : "", "message", shown.s));
	}
}

static bool is_wanted(const struct attempt *a, const struct finding *f)
{
	cleanup(free) char *key = finding_key(f);

	/* Repairs of blocks were made before the tree was mounted, or not at all. */
	if (f->repair == REPAIR_NONE || finding_is_of_blocks(f) || keys_count(&a->denied, key))
		return false;
	if (f->repair == REPAIR_SURE)
		return true;
	if (a->request->fix)
		vec_foreach (name, a->request->fix)
			if (str_eq(*name, f->check->name))
				return true;
	return false;
}

static void deny(struct attempt *a, const struct finding *f, const char *why)
{
	vec_push(&a->denied, finding_key(f));
	warn(a->request, f, why);
}

/* Adds a finding's repair to a round if it gets on with those that are in it already. */
static bool add_repair(struct attempt *a, const struct finding *f, struct edits *edits,
		       struct patch *patch)
{
	cleanup(edits_done) struct edits more = { 0 };
	cleanup(patch_done) struct patch made = { 0 };
	struct err why = ERR_INIT;
	bool is_alone = !edits->count;

	edits_add_all(&more, edits);
	edits_add_all(&more, &f->edits);
	if (patch_make(a->tree, &more, &made, &why) < 0 || made.left_out) {
		cleanup(free) char *text =
			mem_printf("the repair cannot be made, so it is left out: %s",
				   why.code ? why.text : "its own edits overlap");

		if (is_alone)
			deny(a, f, text);
		return false; /* else: the next round's business */
	}
	edits_add_all(edits, &f->edits);
	patch_done(patch);
	*patch = made;
	made = (struct patch){ 0 };
	return true;
}

/* The repairs of one round as one patch. */
static size_t choose(struct attempt *a, const struct findings *findings, struct patch *patch)
{
	cleanup(edits_done) struct edits edits = { 0 };
	size_t chosen = 0;

	keys_clear(&a->repaired);
	vec_foreach (f, findings) {
		if (!is_wanted(a, f) || !add_repair(a, f, &edits, patch))
			continue;
		vec_push(&a->repaired, finding_key(f));
		chosen++;
	}
	return chosen;
}

static bool is_unknown(const struct examination *e, const struct check *check)
{
	vec_foreach (u, &e->could_not_tell)
		if (!u->check || u->check == check)
			return true;
	return false;
}

/* Law: a repair makes its finding go away, and a check that can no longer tell is no proof of that.
 * Denies those repairs of the last round that broke it; true when there was one. */
static bool deny_broken(struct attempt *a, const struct examination *was,
			const struct examination *now)
{
	struct keys after = { 0 };
	size_t denied = a->denied.count;

	keys_of(&now->findings, &after);
	vec_foreach (f, &was->findings) {
		cleanup(free) char *key = finding_key(f);
		size_t repaired = keys_count(&a->repaired, key);

		if (!repaired || keys_count(&a->denied, key))
			continue;
		if (keys_count(&after, key) + repaired > keys_count(&a->before, key))
			deny(a, f,
			     "the repair would not make the fault go away, so it is left out");
		else if (is_unknown(now, f->check) && !is_unknown(was, f->check))
			deny(a, f, "the repaired file could not be examined, so it is left out");
	}
	keys_clear(&after);
	return a->denied.count > denied;
}

static size_t count_faults(const struct findings *findings)
{
	size_t count = 0;

	vec_foreach (f, findings)
		count += f->severity > SEVERITY_NOTE;
	return count;
}

static int examine(struct attempt *a, struct examination *ret, struct err *err)
{
	struct examiner_job job = a->request->examiner;

	job.tree = a->tree;
	return examiner_run(&job, ret, err);
}

/* Rounds until nothing wanted is left. 1: a repair was denied, begin again. */
static int attempt(struct attempt *a, struct rehearsal *ret, struct err *err)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		const struct examination *now = round ? &ret->last : &ret->first;
		cleanup(patch_done) struct patch patch = { 0 };
		struct examination next = EXAMINATION_INIT;
		size_t chosen = choose(a, &now->findings, &patch);
		bool is_broken;

		if (!chosen)
			return 0;
		keys_of(&now->findings, &a->before);
		if (patch_apply(a->tree, &patch, err) < 0)
			return err_in(err, "rehearsal");
		if (examine(a, &next, err) < 0)
			return -1;
		is_broken = deny_broken(a, now, &next);
		examination_done(&ret->last);
		ret->last = next;
		if (is_broken)
			return 1;
		patch_compose(&ret->patch, &patch);
		ret->repairs += chosen;
		tell_findings(a, &next.findings);
	}
	return 0;
}

static int attempts(struct attempt *a, struct rehearsal *ret, struct err *err)
{
	struct tree *base = a->request->examiner.tree;

	for (unsigned restart = 0; restart < RESTARTS_MAX; restart++) {
		int rc;

		a->tree = tree_open_cow(base);
		rc = attempt(a, ret, err);
		tree_close(a->tree);
		if (rc <= 0)
			return rc;
		patch_done(&ret->patch);
		ret->patch = (struct patch){ 0 };
		examination_done(&ret->last);
		ret->repairs = 0;
	}
	say(a->request,
	    json_pack("{s:s, s:s}", "event", "warning", "text",
		      "the repairs do not get on with each other, so nothing is repaired"));
	return 0;
}

int rehearse(const struct rehearsal_request *request, struct rehearsal *ret, struct err *err)
{
	struct attempt a = { .request = request };
	struct rehearsal r = { 0 };
	const struct examination *last;
	int rc;

	if (examiner_run(&request->examiner, &r.first, err) < 0)
		return -1;
	if (r.first.machine) {
		json_t *event = json_copy(r.first.machine);

		json_object_set_new(event, "event", json_string("machine"));
		say(request, event);
	}
	tell_findings(&a, &r.first.findings);
	console_tell_unexplained(request->examiner.console, &r.first, request->event, request->arg);
	rc = request->what == REHEARSE_REPAIRS ? attempts(&a, &r, err) : 0;
	last = r.repairs ? &r.last : &r.first;
	rehearsal_tell_unknown(&last->could_not_tell, request->event, request->arg);
	r.findings = a.told.count;
	r.faults = count_faults(&last->findings);
	r.could_not_tell = last->could_not_tell.count;
	keys_clear(&a.denied);
	keys_clear(&a.told);
	keys_clear(&a.before);
	keys_clear(&a.repaired);
	if (rc < 0) {
		rehearsal_done(&r);
		return -1;
	}
	*ret = r;
	return 0;
}

void rehearsal_done(struct rehearsal *r)
{
	patch_done(&r->patch);
	examination_done(&r->first);
	examination_done(&r->last);
}

int rehearsal_prove(const struct rehearsal_request *request, const struct rehearsal *r,
		    struct err *err)
{
	cleanup(examination_done) struct examination now = EXAMINATION_INIT;
	const struct examination *last = r->repairs ? &r->last : &r->first;
	struct keys want = { 0 }, have = { 0 };
	int rc = 0;

	if (examiner_run(&request->examiner, &now, err) < 0)
		return -1;
	keys_of(&last->findings, &want);
	keys_of(&now.findings, &have);
	vec_foreach (key, &have)
		if (keys_count(&have, *key) > keys_count(&want, *key) && !rc)
			rc = err_set(
				err, ERR_CONFLICT,
				"the repair did not have the effect that was rehearsed: \"%s\"",
				strrchr(*key, '\n') + 1);
	if (!rc && now.could_not_tell.count > last->could_not_tell.count)
		rc = err_set(err, ERR_COULD_NOT_TELL,
			     "the repaired system could not be examined: %s",
			     now.could_not_tell.items[0].err.text);
	keys_clear(&want);
	keys_clear(&have);
	return rc;
}
