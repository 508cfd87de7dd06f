/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot.h"

#include "base/file.h"
#include "base/proc.h"
#include "ec2/find.h"
#include "rescue/freeze.h"
#include "rescue/spot_disks.h"

#include <time.h>

enum {
	ATTEMPTS = 5,
	SEARCHES = 3, /* for a set whose reply was lost */
	FIRST_NAP_MS = 1000,
	LAST_NAP_MS = 15000, /* EC2 takes one snapshot of a volume in 15 seconds */
	SYNC_MS = 60000,
	URGENT_SYNC_MS = 10000,
	CMDLINE_MAX = 4096,
};

/* One save, however many attempts it takes. */
struct saving {
	struct spot *spot;
	const struct spot_save *what;
	struct spot_set set;
	struct freeze_list freeze;
	bool is_self, is_without_root;
	VEC(const char *) excluded;
	struct spot_saved *ret;
};

void spot_saved_done(struct spot_saved *saved)
{
	ec2_snapshots_done(&saved->snapshots);
}

int spot_target(struct spot *spot, const char *target, struct spot_save *ret, struct err *err)
{
	struct imds_self self;
	struct ec2_op op = { 0 };
	int rc;

	if (!str_eq(target, "self"))
		return instance_id_parse(target, &ret->instance, err);
	imds_get_self(spot->ec2, &self, &op);
	if (spot_wait(spot, &op, err) < 0)
		return err_in(err, "which instance \"self\" is; name it by its id");
	rc = instance_id_parse(self.instance, &ret->instance, err);
	imds_self_done(&self);
	ret->is_self = true;
	return rc;
}

static void warn(const struct spot *spot, const char *text, const struct err *why)
{
	cleanup(free) char *line =
		mem_printf("%s%s%s%s", text, why ? " (" : "", why ? why->text : "", why ? ")" : "");

	report_say(spot->report, NULL, "warning", "{s:s}", "text", line);
}

/* ---- what is saved */

static bool is_named(const struct options *options, const struct ec2_device *d)
{
	vec_foreach (word, &options->volumes)
		if (str_eq(*word, d->volume.s) || (d->device_name && str_eq(*word, d->device_name)))
			return true;
	return false;
}

static bool is_wanted(void *arg, const struct ec2_device *d)
{
	const struct options *options = arg;

	return !options->volumes.count || is_named(options, d);
}

static int check_names(const struct options *options, const struct ec2_instance *i, struct err *err)
{
	vec_foreach (word, &options->volumes) {
		cleanup(str_done) struct str all = STR_INIT;
		bool is_there = false;

		vec_foreach (d, &i->devices) {
			is_there |= str_eq(*word, d->volume.s) ||
				    (d->device_name && str_eq(*word, d->device_name));
			str_addf(&all, "%s%s as %s", all.len ? ", " : "", d->volume.s,
				 d->device_name ?: "?");
		}
		if (!is_there)
			return err_set(err, ERR_NOTFOUND, "%s has no volume %s; it has %s", i->id.s,
				       *word, all.len ? all.s : "none");
	}
	return 0;
}

/* The kernel's command line, which a person may need to see when nothing comes up. */
static char *own_cmdline(void)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored = ERR_INIT;

	if (file_read("/proc/cmdline", CMDLINE_MAX, &text, &ignored) < 0)
		return NULL;
	while (text.len && text.s[text.len - 1] == '\n')
		text.s[--text.len] = '\0';
	return str_take(&text);
}

static int take_name(struct saving *s, const struct ec2_instance *i, struct err *err)
{
	const char *name = s->what->name ?: ec2_tag_value(&i->tags, SPOT_TAG) ?: i->id.s;

	if (!spot_name_is_valid(name))
		return err_set(
			err, ERR_USAGE,
			"\"%s\" is no name for a state: letters, digits and . _ - are (--name)",
			name);
	memcpy(s->set.name, name, strlen(name) + 1);
	return 0;
}

/* EC2 user guide, "Hibernate your Amazon EC2 instance"; the spot service has a reason of its own for it. */
static bool is_hibernated(const struct ec2_instance *i)
{
	return (i->state_reason_code && strstr(i->state_reason_code, "ibernat")) ||
	       (i->reason && strstr(i->reason, "ibernat"));
}

static int take_instance(struct saving *s, const struct ec2_instance *i,
			 const struct ec2_volumes *volumes, struct err *err)
{
	const struct options *options = s->spot->options;

	if (ec2_instance_is_gone(i))
		return err_set(err, ERR_REFUSED,
			       "%s is %s; what its volumes held can no longer be saved", i->id.s,
			       ec2_instance_state_name(i->state));
	if (i->state == INSTANCE_STOPPED && is_hibernated(i))
		return err_set(
			err, ERR_REFUSED,
			"%s is hibernated: its root holds the memory of a system that no other "
			"instance can wake; start it, and save it then",
			i->id.s);
	if (check_names(options, i, err) < 0 || take_name(s, i, err) < 0)
		return -1;
	spot_set_describe(i, volumes, is_wanted, (void *)(uintptr_t)options, &s->set);
	if (!s->set.volumes.count)
		return err_set(err, ERR_REFUSED,
			       "%s has no EBS volume; an instance store cannot be saved", i->id.s);
	vec_foreach (d, &i->devices) {
		bool is_root = i->root_device_name && d->device_name &&
			       str_eq(d->device_name, i->root_device_name);

		if (id_none(&d->volume) || is_wanted((void *)(uintptr_t)options, d))
			continue;
		s->is_without_root |= is_root;
		if (!is_root)
			vec_push(&s->excluded, mem_strdup(d->volume.s));
	}
	if (i->state != INSTANCE_RUNNING)
		s->is_self = false; /* nobody writes */
	return 0;
}

/* Is this machine the instance? Nobody says so: no. */
static bool is_this(const struct spot_save *what, const struct imds_self *self)
{
	return self->instance && str_eq(self->instance, what->instance.s);
}

static int find_instance(struct saving *s, struct err *err)
{
	const char *id = s->what->instance.s;
	struct ec2_filter filter = { "attachment.instance-id", &id, 1 };
	struct ec2_op instance_op = { 0 }, volumes_op = { 0 }, self_op = { 0 };
	union ec2_list instances = { 0 }, volumes = { 0 };
	struct imds_self self = { 0 };
	struct err ignored = ERR_INIT;
	struct spot *spot = s->spot;
	int rc;

	ec2_find(spot->ec2, EC2_INSTANCES, &id, 1, &instances, &instance_op);
	ec2_find_where(spot->ec2, EC2_VOLUMES, &filter, &volumes, &volumes_op);
	if (!s->what->is_self && !spot->options->no_freeze)
		imds_get_self(spot->ec2, &self, &self_op);
	rc = spot_wait(spot, &instance_op, err);
	if (rc < 0)
		ec2_cancel(spot->ec2, &volumes_op);
	else
		rc = spot_wait(spot, &volumes_op, err);
	if (!s->what->is_self && !spot->options->no_freeze)
		(void)!spot_wait(spot, &self_op, &ignored);
	s->is_self = s->what->is_self || is_this(s->what, &self);
	if (!rc) {
		rc = err_set(err, ERR_NOTFOUND, "%s does not exist", id);
		vec_foreach (i, &instances.instances)
			if (id_eq(&i->id, &s->what->instance)) {
				err_clear(err);
				rc = take_instance(s, i, &volumes.volumes, err);
			}
	}
	ec2_list_done(EC2_INSTANCES, &instances);
	ec2_list_done(EC2_VOLUMES, &volumes);
	imds_self_done(&self);
	return rc;
}

/* ---- what is frozen */

static bool is_on_volume(void *arg, unsigned major, unsigned minor)
{
	return disk_is_on(arg, major, minor);
}

static int find_mounts(struct saving *s, struct err *err)
{
	const struct options *options = s->spot->options;

	if (options->no_freeze)
		return 0;
	if (options->freeze.count && !s->is_self)
		return err_set(err, ERR_USAGE,
			       "--freeze is for the instance itself, and this machine is not %s",
			       s->what->instance.s);
	vec_foreach (path, &options->freeze)
		if (freeze_add(&s->freeze, *path, err) < 0)
			return -1;
	if (options->freeze.count || !s->is_self)
		return 0;
	if (freeze_find(options->volumes.count ? is_on_volume : NULL, &s->set.volumes, &s->freeze,
			err) < 0)
		return -1;
	if (!s->freeze.count)
		warn(s->spot,
		     "no mounted file system was found on these volumes, so none is frozen; "
		     "--freeze names "
		     "one",
		     NULL);
	return 0;
}

/* ---- hooks */

struct hook {
	bool is_over;
	int status;
	struct err err;
};

static void hook_ended(void *arg, struct proc_result *result, const struct err *err)
{
	struct hook *hook = arg;

	hook->is_over = true;
	hook->err = err ? *err : ERR_INIT;
	hook->status = result ? result->status : 0;
}

/* It is let come to its end, which is never far. */
static int run_hook(struct saving *s, const char *option, const char *command, struct err *err)
{
	cleanup(free) char *path =
		mem_printf("PATH=%s", getenv("PATH") ?: "/usr/sbin:/usr/bin:/sbin:/bin");
	cleanup(free) char *name = mem_printf("EC2_RESCUE_STATE=%s", s->set.name);
	cleanup(free) char *set = mem_printf("EC2_RESCUE_SET=%s", s->set.id);
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	const char *const env[] = { path, "LANG=C.UTF-8", name, set, NULL };
	const struct proc_run run = { .argv = argv,
				      .env = env,
				      .deadline_s = s->spot->options->hook_s,
				      .is_stderr_ours = true };
	struct hook hook = { .err = ERR_INIT };
	struct proc_job *job;
	int rc;

	if (!command)
		return 0;
	if (proc_start(s->spot->loop, &run, hook_ended, &hook, &job, err) < 0)
		return err_in(err, "--%s", option);
	rc = spot_until(s->spot, &hook.is_over, err);
	if (rc < 0) {
		proc_cancel(job);
		return -1;
	}
	if (hook.err.code != ERR_NONE) {
		*err = hook.err;
		return err_in(err, "--%s", option);
	}
	return hook.status ? err_set(err, ERR_TOOL, "--%s: \"%s\" ended with status %d", option,
				     command, hook.status)
			   : 0;
}

/* ---- the moment */

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int freeze_now(struct saving *s, struct freeze **ret, struct err *err)
{
	const struct freeze_limits limits = { .sync_ms =
						      s->what->is_urgent ? URGENT_SYNC_MS : SYNC_MS,
					      .hold_ms = s->spot->options->freeze_s * 1000 };
	struct err why = ERR_INIT;

	*ret = NULL;
	if (!s->freeze.count || freeze_begin(&s->freeze, &limits, ret, &why) == 0)
		return 0;
	if (!s->what->is_urgent) {
		*err = why;
		return err_in(err,
			      "the file systems could not be frozen (--no-freeze saves them as "
			      "they are)");
	}
	warn(s->spot, "saved without freezing", &why);
	return 0;
}

/* Nothing between the freeze and the thaw but the call. */
static int call(struct saving *s, const struct spot_tags *tags, struct freeze *freeze,
		struct err *err)
{
	struct spot *spot = s->spot;
	cleanup(free) char *text =
		mem_printf("ec2-rescue: state %s of %s", s->set.name, s->set.instance);
	const struct ec2_create_snapshots request = { .instance = s->what->instance,
						      .is_without_root = s->is_without_root,
						      .excluded = s->excluded.items,
						      .excluded_count = s->excluded.count,
						      .description = text,
						      .tags = tags->pairs,
						      .tag_count = tags->count };
	struct ec2_op op = { 0 };
	struct err late = ERR_INIT;
	int64_t began_us;
	int rc;

	began_us = now_us();
	ec2_create_snapshots(spot->ec2, &request, &s->ret->snapshots, &op);
	rc = spot_wait(spot, &op, err);
	s->ret->call_ms = (double)(now_us() - began_us) / 1000;
	s->ret->consistency = freeze ? SPOT_FROZEN : SPOT_CRASH;
	if (freeze && freeze_end(freeze, &s->ret->frozen_ms, &late) < 0) {
		s->ret->consistency = SPOT_CRASH;
		if (!rc)
			warn(spot,
			     "the set is good, but as after a loss of power; --freeze-limit is "
			     "the time for it",
			     &late);
	}
	return rc;
}

/* 1: the call took effect after all. */
static int search(struct saving *s, struct err *err)
{
	for (int i = 1; i <= SEARCHES; i++) {
		struct spot_sets sets = { 0 };
		size_t found = 0;

		if (spot_nap(s->spot, (int64_t)FIRST_NAP_MS * i, err) < 0 ||
		    spot_find(s->spot, NULL, s->set.id, &sets, err) < 0)
			return -1;
		vec_foreach (set, &sets)
			vec_foreach (v, &set->volumes)
				if (!id_none(&v->snapshot)) {
					struct ec2_snapshot *made = vec_add(&s->ret->snapshots);

					*made = (struct ec2_snapshot){ .id = v->snapshot,
								       .volume = v->id,
								       .status = v->status };
					found++;
				}
		spot_sets_done(&sets);
		if (found)
			return 1;
	}
	return 0;
}

/* 1: made, 0: not, and another attempt may do better. */
static int attempt(struct saving *s, struct err *err)
{
	cleanup(spot_tags_done) struct spot_tags tags = { .count = 0 };
	struct err why = ERR_INIT;
	struct freeze *freeze;
	int found;

	s->set.at = (int64_t)time(NULL);
	spot_set_id(s->set.at, s->set.id);
	if (spot_set_tags(&s->set, &tags, err) < 0 || freeze_now(s, &freeze, err) < 0)
		return -1;
	if (call(s, &tags, freeze, err) == 0)
		return 1;
	if (!spot_may_pass(err))
		return -1;
	found = err->code == ERR_BUSY || err->code == ERR_THROTTLED ? 0 : search(s, &why);
	return found < 0 && why.code != ERR_INTERRUPTED ? 0 : found;
}

/* The application is quiet between the hooks, and is let go on whatever happens. */
static int take(struct saving *s, struct err *err)
{
	int64_t nap = FIRST_NAP_MS;
	int made = 0;

	for (int i = 0; i < ATTEMPTS && !made;
	     i++, nap = nap * 2 < LAST_NAP_MS ? nap * 2 : LAST_NAP_MS) {
		struct err ignored = ERR_INIT;

		if (i && s->spot->signals.count)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (i && spot_nap(s->spot, nap, &ignored) < 0)
			return -1;
		err_clear(err);
		made = attempt(s, err);
	}
	if (made > 0)
		err_clear(err);
	return made > 0 ? 0 : -1;
}

static int take_between_hooks(struct saving *s, struct err *err)
{
	const struct options *options = s->spot->options;
	struct err after = ERR_INIT;
	int rc;

	s->spot->is_deferred = true;
	rc = run_hook(s, "before", options->before, err);
	if (rc < 0 && s->what->is_urgent) {
		warn(s->spot, "saved all the same", err);
		rc = 0;
	}
	if (!rc)
		rc = take(s, err);
	if (run_hook(s, "after", options->after, &after) < 0)
		warn(s->spot, "the set is not touched by that", &after);
	s->spot->is_deferred = false;
	return rc;
}

int spot_save(struct spot *spot, const struct spot_save *what, struct spot_saved *ret,
	      struct err *err)
{
	struct saving s = { .spot = spot, .what = what, .ret = ret };
	int rc = -1;

	*ret = (struct spot_saved){ 0 };
	if (!find_instance(&s, err) && !find_mounts(&s, err)) {
		if (s.is_self)
			s.set.cmdline = own_cmdline();
		rc = take_between_hooks(&s, err);
	}
	memcpy(ret->name, s.set.name, sizeof(ret->name));
	memcpy(ret->id, s.set.id, sizeof(ret->id));
	vec_foreach (id, &s.excluded)
		free((char *)(uintptr_t)*id);
	vec_done(&s.excluded);
	freeze_list_done(&s.freeze);
	spot_set_done(&s.set);
	return rc;
}
