/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/find.h"
#include "ec2/when.h"
#include "rescue/spot_choose.h"
#include "rescue/spot_restore.h"

#include <stdio.h>

enum { RUNNING_S = 600, LOOK_MS = 1000, TRIES = 4, TRY_NAP_MS = 1000 };

void spot_restore_done(struct spot_restore *r)
{
	spot_place_done(&r->place);
	vec_done(&r->volumes);
	free(r->private_ip);
	free(r->public_ip);
	free(r->zone);
	free(r->type);
}

static void say(struct spot_restore *r, const char *kind, const char *text)
{
	report_say(r->spot->report, NULL, kind, "{s:s, s:s}", "name", "restore", "text", text);
}

void spot_deviates(struct spot_restore *r, const char *fmt, ...)
{
	cleanup(str_done) struct str text = STR_INIT;
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	str_add(&text, "not as it was: ");
	str_add_escaped(&text, line, strlen(line));
	r->deviations++;
	report_say(r->spot->report, NULL, "warning", "{s:s, s:s}", "name", "deviation", "text",
		   text.s);
}

/* ---- the plan */

static void say_plan(struct spot_restore *r)
{
	const struct spot_set *set = r->set;
	const char *type, *subnet;
	cleanup(free) char *text = NULL;
	char at[21];
	int64_t gib = 0;

	when_iso8601(set->at, at);
	spot_first_place(r, &type, &subnet);
	vec_foreach (v, &set->volumes)
		gib += v->gib;
	text = mem_printf(
		"%s as it was at %s (set %s): %s instance %s in %s, %zu volume%s of %lld GiB "
		"in all, which stay when it goes",
		set->name, at, set->id, r->spot->options->on_demand ? "an on-demand" : "a spot",
		type ?: "?", subnet ?: "the default subnet", set->volumes.count,
		set->volumes.count == 1 ? "" : "s", (long long)gib);
	say(r, "fact", text);
}

/* ---- until it runs */

/* 1: it runs, 0: not yet. */
static int look(struct spot_restore *r, struct err *err)
{
	const char *id = r->instance.s;
	union ec2_list list = { 0 };
	struct ec2_op op = { 0 };
	int rc = 0;

	ec2_find(r->spot->ec2, EC2_INSTANCES, &id, 1, &list, &op);
	if (spot_wait(r->spot, &op, err) < 0)
		return err->code == ERR_INTERRUPTED || err->code == ERR_DENIED ? -1 : 0;
	vec_foreach (i, &list.instances) {
		if (!id_eq(&i->id, &r->instance))
			continue;
		if (ec2_instance_is_gone(i))
			rc = err_set(err, ERR_CLOUD, "%s came to nothing: %s", id,
				     i->state_reason ?: ec2_instance_state_name(i->state));
		if (i->state != INSTANCE_RUNNING)
			continue;
		rc = 1;
		vec_foreach (d, &i->devices)
			if (!id_none(&d->volume))
				vec_push(&r->volumes, d->volume);
		r->private_ip = i->private_ip ? mem_strdup(i->private_ip) : NULL;
		r->public_ip = i->public_ip ? mem_strdup(i->public_ip) : NULL;
		r->zone = i->zone ? mem_strdup(i->zone) : NULL;
		r->type = i->type ? mem_strdup(i->type) : NULL;
	}
	ec2_list_done(EC2_INSTANCES, &list);
	if (rc < 0)
		r->instance = (struct instance_id){ "" };
	return rc;
}

static int await_running(struct spot_restore *r, struct err *err)
{
	cleanup(free) char *text = mem_printf("%s comes up", r->instance.s);
	int rc = 0;

	report_say(r->spot->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "restore", "text",
		   text, "deadline_s", RUNNING_S);
	for (int i = 0; i < RUNNING_S && !(rc = look(r, err)); i++)
		if (spot_nap(r->spot, LOOK_MS, err) < 0)
			return -1;
	if (rc > 0)
		err_clear(err);
	return rc > 0	? 0
	       : rc < 0 ? -1
			: err_set(err, ERR_TIMEOUT, "%s does not come up within %d s",
				  r->instance.s, RUNNING_S);
}

/* ---- what goes with it */

/* Sends it until it is done or refused for good. */
static int retry(struct spot_restore *r, struct ec2_op *op, int i, struct err *err)
{
	if (spot_wait(r->spot, op, err) == 0)
		return 1;
	if (err->code == ERR_USAGE || err->code == ERR_DENIED || err->code == ERR_NOTFOUND ||
	    err->code == ERR_INTERRUPTED || i + 1 >= TRIES)
		return -1;
	return spot_nap(r->spot, (int64_t)TRY_NAP_MS << i, err) < 0 ? -1 : 0;
}

/* The instance that has it, when that one is alive. */
static bool has_holder(const struct spot_restore *r, const struct ec2_elastic_ip *ip)
{
	vec_foreach (i, &r->place.others)
		if (id_eq(&i->id, &ip->instance) && !ec2_instance_is_gone(i))
			return true;
	return !id_none(&ip->instance) && !str_eq(ip->instance.s, r->set->instance ?: "");
}

static void give_address(struct spot_restore *r)
{
	const struct ec2_elastic_ip *ip = NULL;
	struct err err = ERR_INIT;
	int done = 0;

	if (!r->set->elastic_ip)
		return;
	vec_foreach (a, &r->place.addresses)
		if (a->public_ip && str_eq(a->public_ip, r->set->elastic_ip))
			ip = a;
	if (!ip) {
		spot_deviates(
			r,
			r->place.has_addresses
				? "the Elastic IP address %s is not this account's any more"
				: "the Elastic IP address %s could not be looked up; associate it "
				  "by hand",
			r->set->elastic_ip);
		return;
	}
	if (id_eq(&ip->instance, &r->instance))
		return;
	if (has_holder(r, ip)) {
		spot_deviates(
			r,
			"the Elastic IP address %s belongs to %s, which is there; it was left "
			"there",
			ip->public_ip, ip->instance.s);
		return;
	}
	for (int i = 0; !done; i++) {
		struct ec2_op op = { 0 };

		ec2_associate_address(r->spot->ec2, ip->allocation, &r->instance, &op);
		done = retry(r, &op, i, &err);
	}
	if (done < 0) {
		spot_deviates(r, "the Elastic IP address %s could not be associated (%s)",
			      ip->public_ip, err.text);
		return;
	}
	free(r->public_ip);
	r->public_ip = mem_strdup(ip->public_ip);
}

static const struct ec2_eni *eni_of(const struct spot_restore *r, const char *id)
{
	vec_foreach (eni, &r->place.enis)
		if (eni->id && str_eq(eni->id, id))
			return eni;
	return NULL;
}

static void give_interface(struct spot_restore *r, const char *id, int64_t index)
{
	const struct ec2_eni *eni = eni_of(r, id);
	struct err err = ERR_INIT;
	int done = 0;

	if (!eni && r->place.has_enis) {
		spot_deviates(r, "the network interface %s does not exist any more", id);
		return;
	}
	if (eni && eni->zone && r->zone && !str_eq(eni->zone, r->zone)) {
		spot_deviates(r, "the network interface %s is in %s and cannot follow to %s", id,
			      eni->zone, r->zone);
		return;
	}
	for (int i = 0; !done; i++) {
		struct ec2_op op = { 0 };

		ec2_attach_eni(r->spot->ec2, id, &r->instance, index, &op);
		done = retry(r, &op, i, &err);
	}
	/* It was attached by a call whose reply was lost, or before this restore was cut off. */
	if (done < 0 && !strstr(err.text, r->instance.s))
		spot_deviates(r, "the network interface %s could not be attached (%s)", id,
			      err.text);
}

static void give_interfaces(struct spot_restore *r)
{
	cleanup(free) char *copy = mem_strdup(r->set->interfaces ?: "");
	char *save = NULL;

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *index = strchr(word, ':');

		if (index)
			*index++ = '\0';
		give_interface(r, word, index ? strtol(index, NULL, 10) : 1);
	}
}

/* From now on it is an instance like any other. */
static void finish(struct spot_restore *r)
{
	const struct ec2_tag_pair tags[] = { { SPOT_RESTORING_TAG, NULL },
					     { SPOT_ROOT_TAG, NULL },
					     { SPOT_LAUNCH_TAG, NULL } };
	VEC(const char *) ids = { 0 };
	struct err err = ERR_INIT;
	int done = 0;

	vec_foreach (id, &r->volumes)
		vec_push(&ids, id->s);
	vec_push(&ids, r->instance.s);
	for (int i = 0; !done; i++) {
		const struct ec2_change_tags change = { .resources = ids.items,
							.resource_count = ids.count,
							.tags = tags,
							.tag_count = ARRAY_LEN(tags) };

		struct ec2_op op = { 0 };

		ec2_delete_tags(r->spot->ec2, &change, &op);
		done = retry(r, &op, i, &err);
	}
	if (done < 0)
		say(r, "warning",
		    "its tag " SPOT_RESTORING_TAG " could not be taken off; the same "
		    "restore again does that");
	vec_done(&ids);
}

/* ---- all of it */

static void take_unfinished(struct spot_restore *r)
{
	struct err ignored;

	vec_foreach (i, &r->place.unfinished) {
		const char *value = ec2_tag_value(&i->tags, SPOT_RESTORING_TAG);
		cleanup(free) char *text = NULL;

		if (!value || !str_eq(value, r->set->id) || ec2_instance_is_gone(i))
			continue;
		r->instance = i->id;
		r->is_continued = true;
		if (ec2_tag_value(&i->tags, SPOT_ROOT_TAG) &&
		    snapshot_id_parse(ec2_tag_value(&i->tags, SPOT_ROOT_TAG), &r->root, &ignored) <
			    0)
			r->root = (struct snapshot_id){ "" };
		text = mem_printf("a restore of this set was cut off; going on with %s", i->id.s);
		say(r, "fact", text);
	}
}

static void warn_of_other(struct spot_restore *r, const struct ec2_instance *i, const char *what)
{
	bool is_by_service = i->state_reason_code && strstr(i->state_reason_code, "SpotInstance");
	cleanup(free) char *text = mem_printf(
		"%s, %s, is %s%s; there will be two of it", i->id.s, what,
		ec2_instance_state_name(i->state),
		is_by_service ? " by the spot service, which starts it again when there is capacity"
			      : "");

	say(r, "warning", text);
}

static void warn_of_others(struct spot_restore *r)
{
	const char *instance = r->set->instance ?: "";

	vec_foreach (i, &r->place.others)
		if (str_eq(i->id.s, instance) && !ec2_instance_is_gone(i))
			warn_of_other(r, i, "whose state this is");
	vec_foreach (i, &r->place.siblings) {
		const char *name = ec2_tag_value(&i->tags, SPOT_TAG);
		const char *set = ec2_tag_value(&i->tags, SPOT_RESTORING_TAG);

		if (name && str_eq(name, r->set->name) && !ec2_instance_is_gone(i) &&
		    !str_eq(i->id.s, instance) && !(set && str_eq(set, r->set->id)))
			warn_of_other(r, i, "which was restored of this state");
	}
	vec_foreach (request, &r->place.requests) {
		cleanup(free) char *text = NULL;

		if (!request->type || !str_eq(request->type, "persistent") || !r->set->instance ||
		    !str_eq(request->instance.s, r->set->instance) ||
		    (request->state &&
		     (str_eq(request->state, "cancelled") || str_eq(request->state, "closed"))))
			continue;
		text = mem_printf(
			"the spot request %s is persistent: EC2 launches another instance for it, "
			"without this state, until it is cancelled",
			request->id ?: "?");
		say(r, "warning", text);
	}
}

static int mend(struct spot_restore *r, struct err *err)
{
	const struct spot_volume *root = spot_set_root(r->set);
	cleanup(cloud_facts_done) struct cloud_facts facts = { 0 };
	const char *type, *subnet;

	r->mended = (struct spot_mended){ .root = root->snapshot };
	if (r->spot->options->no_audit)
		return 0;
	spot_first_place(r, &type, &subnet);
	spot_facts(r, type, subnet, &facts);
	return spot_mend(r->spot, r->set, &facts, &r->mended, err);
}

static int await_child(struct spot_restore *r, struct err *err)
{
	const char *id = r->mended.root.s;
	bool is_completed = !r->mended.repairs;

	for (int i = 0; i < RUNNING_S && !is_completed; i++) {
		union ec2_list list = { 0 };
		struct ec2_op op = { 0 };

		if (spot_nap(r->spot, LOOK_MS, err) < 0)
			return -1;
		ec2_find(r->spot->ec2, EC2_SNAPSHOTS, &id, 1, &list, &op);
		if (spot_wait(r->spot, &op, err) < 0)
			continue;
		vec_foreach (s, &list.snapshots)
			is_completed |=
				id_eq(&s->id, &r->mended.root) && s->status == SNAPSHOT_COMPLETED;
		ec2_list_done(EC2_SNAPSHOTS, &list);
	}
	err_clear(err);
	return is_completed
		       ? 0
		       : err_set(err, ERR_TIMEOUT, "the repaired root %s is not completed", id);
}

static int restore(struct spot_restore *r, struct err *err)
{
	if (spot_place_find(r, err) < 0)
		return -1;
	say_plan(r);
	warn_of_others(r);
	take_unfinished(r);
	if (r->spot->options->dry_run)
		return 0;
	if (id_none(&r->instance) &&
	    (mend(r, err) < 0 || await_child(r, err) < 0 || spot_launch(r, err) < 0))
		return -1;
	if (!id_none(&r->root) && spot_root_swap(r, &r->root, err) < 0)
		return -1;
	if (await_running(r, err) < 0)
		return -1;
	give_address(r);
	give_interfaces(r);
	return 0;
}

static void say_verdict(struct spot_restore *r)
{
	cleanup(free) char *text = NULL;
	bool is_dry = r->spot->options->dry_run;

	if (is_dry)
		text = mem_printf("%s would be restored; nothing was made", r->set->name);
	else
		text = mem_printf("%s runs again as %s (%s in %s, %s%s%s)%s", r->set->name,
				  r->instance.s, r->type ?: "?", r->zone ?: "?",
				  r->private_ip ?: "no address", r->public_ip ? ", " : "",
				  r->public_ip ?: "",
				  r->deviations ? "; what is not as it was was said above" : "");
	report_say(r->spot->report, NULL, "verdict", "{s:s, s:s, s:s, s:s, s:s*, s:i, s:i, s:i}",
		   "result", is_dry ? "planned" : "restored", "text", text, "state", r->set->name,
		   "set", r->set->id, "instance", is_dry ? NULL : r->instance.s, "deviations",
		   (int)r->deviations, "repairs", (int)r->mended.repairs, "faults",
		   (int)r->mended.faults);
}

static int check_root(const struct spot_restore *r, struct err *err)
{
	return spot_set_root(r->set) ? 0
				     : err_set(err, ERR_REFUSED,
					       "the set %s of %s has no root volume; `ec2-rescue "
					       "spot swap` attaches what it "
					       "has to an instance",
					       r->set->id, r->set->name);
}

int cmd_spot_restore(const struct options *options, struct report *report)
{
	cleanup(spot_close) struct spot spot = { .signals = SIGNALS_INIT };
	cleanup(spot_set_done) struct spot_set set = { 0 };
	struct spot_restore r = { .spot = &spot, .set = &set };
	struct err err = ERR_INIT;
	int rc = -1;

	if (spot_open(&spot, options, report, &err) < 0 ||
	    spot_choose(&spot, options->targets.items[0], &set, &err) < 0 ||
	    check_root(&r, &err) < 0)
		return spot_fail(&spot, &err);
	rc = restore(&r, &err);
	if (rc < 0 && !id_none(&r.instance))
		err_in(&err,
		       "%s was launched, and costs money; the same restore again goes on with it",
		       r.instance.s);
	if (!options->dry_run)
		spot_clean_up(&r, rc < 0 ? &err : NULL);
	if (!rc && !options->dry_run)
		finish(&r);
	if (!rc)
		say_verdict(&r);
	spot_restore_done(&r);
	return rc < 0 ? spot_fail(&spot, &err) : 0;
}
