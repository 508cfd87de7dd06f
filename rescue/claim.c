/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/claim.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>

static const char *const surgery_names[] = { "untouched", "committing", "committed" };

/* user@host, with every character that a tag value may not hold replaced. */
static void who(char *ret, size_t size)
{
	const struct passwd *pw = getpwuid(geteuid());
	char host[64] = "?";

	gethostname(host, sizeof(host) - 1);
	snprintf(ret, size, "%.20s@%.40s", pw ? pw->pw_name : "?", host);
	for (char *p = ret; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("+-=._:/@", *p))
			*p = '_';
}

void claim_of(const struct record *r, enum claim_surgery surgery, struct claim *ret)
{
	*ret = (struct claim){ .instance = r->instance,
			       .volume = r->volume,
			       .delete_on_termination = r->delete_on_termination,
			       .was_running = r->was_running,
			       .uses_standby = r->uses_standby,
			       .kind = r->kind,
			       .via = r->via,
			       .to = r->kind == RESCUE_UNDO ? r->restored
							    : (struct volume_id){ "" },
			       .surgery = surgery,
			       .until = (int64_t)time(NULL) + CLAIM_LASTS_S };
	memcpy(ret->run, r->run, sizeof(ret->run));
	memcpy(ret->device, r->home_device, sizeof(ret->device));
	who(ret->by, sizeof(ret->by));
}

void claim_write(const struct claim *c, char ret[CLAIM_VALUE_MAX + 1])
{
	char until[32];
	time_t t = (time_t)c->until;
	struct tm tm;
	cleanup(free) char *text = NULL;

	gmtime_r(&t, &tm);
	strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm);
	/* "by" comes last: should a device name be very long, only that is cut. */
	text = mem_printf(
		"%s %s %s %s dot=%c ran=%d standby=%d kind=%s via=%s to=%s surgery=%s until=%s "
		"by=%.40s",
		c->run, c->instance.s, c->volume.s, c->device,
		c->delete_on_termination == EC2_TRUE	? '1'
		: c->delete_on_termination == EC2_FALSE ? '0'
							: '?',
		c->was_running, c->uses_standby, rescue_kind_name(c->kind), rescue_via_name(c->via),
		id_none(&c->to) ? "-" : c->to.s, surgery_names[c->surgery], until, c->by);
	snprintf(ret, CLAIM_VALUE_MAX + 1, "%s", text);
}

static int parse_time(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return -1;
	*ret = (int64_t)timegm(&tm);
	return 0;
}

static int parse_kind(const char *text, enum rescue_kind *ret)
{
	for (int k = RESCUE_REPAIR; k <= RESCUE_HOME; k++)
		if (str_eq(text, rescue_kind_name((enum rescue_kind)k))) {
			*ret = (enum rescue_kind)k;
			return 0;
		}
	return -1;
}

static int parse_surgery(const char *text, enum claim_surgery *ret)
{
	for (size_t s = 0; s < ARRAY_LEN(surgery_names); s++)
		if (str_eq(text, surgery_names[s])) {
			*ret = (enum claim_surgery)s;
			return 0;
		}
	return -1;
}

int claim_parse(const char *value, struct claim *ret, struct err *err)
{
	struct claim c = { .until = 0 };
	char run[RUN_ID_SIZE], instance[32], volume[32], device[DEVICE_NAME_SIZE], dot, ran,
		standby, kind[16], via[16], to[32], surgery[16], until[32];
	int used = 0;

	if (strlen(value) > CLAIM_VALUE_MAX ||
	    sscanf(value,
		   "%31s %31s %31s %63s dot=%c ran=%c standby=%c kind=%15s via=%15s to=%31s "
		   "surgery=%15s until=%31s by=%63s%n",
		   run, instance, volume, device, &dot, &ran, &standby, kind, via, to, surgery,
		   until, c.by, &used) != 13 ||
	    value[used] || !run_id_is_valid(run) ||
	    instance_id_parse(instance, &c.instance, err) < 0 ||
	    volume_id_parse(volume, &c.volume, err) < 0 || device[0] != '/' ||
	    !strchr("01?", dot) || !strchr("01", ran) || !strchr("01", standby) ||
	    parse_kind(kind, &c.kind) < 0 || rescue_via_parse(via, &c.via) < 0 ||
	    (!str_eq(to, "-") && volume_id_parse(to, &c.to, err) < 0) ||
	    parse_surgery(surgery, &c.surgery) < 0 || parse_time(until, &c.until) < 0) {
		cleanup(str_done) struct str shown = STR_INIT;

		str_add_escaped(&shown, value, strnlen(value, CLAIM_VALUE_MAX));
		return err_set(err, ERR_MALFORMED,
			       "the tag " CLAIM_TAG " is not in the form of a claim: \"%s\"",
			       shown.s);
	}
	c.was_running = ran == '1';
	c.uses_standby = standby == '1';
	c.delete_on_termination = dot == '1' ? EC2_TRUE : dot == '0' ? EC2_FALSE : EC2_BOOL_ABSENT;
	memcpy(c.run, run, sizeof(c.run));
	memcpy(c.device, device, sizeof(c.device));
	*ret = c;
	return 0;
}

int claim_find(const struct ec2_tags *tags, struct claim *ret, struct err *err)
{
	const char *value = ec2_tag_value(tags, CLAIM_TAG);

	/* Emptied by a rescue whose server cannot delete tags. */
	if (!value || !*value)
		return 0;
	return claim_parse(value, ret, err) < 0 ? -1 : 1;
}

bool claim_is_taken_home(const struct ec2_tags *tags, const char *run)
{
	const char *value = ec2_tag_value(tags, CLAIM_HOME_TAG);

	return value && str_eq(value, run);
}

bool claim_took_snapshot(const struct ec2_snapshot *snapshot, const struct volume_id *volume,
			 const char *run)
{
	const char *value = ec2_tag_value(&snapshot->tags, CLAIM_RUN_TAG);

	return id_eq(&snapshot->volume, volume) && value && str_eq(value, run);
}

void record_of_claim(const struct claim *c, struct record *ret)
{
	*ret = (struct record){ .kind = RESCUE_HOME,
				.via = c->via,
				.instance = c->instance,
				.volume = c->volume,
				.delete_on_termination = c->delete_on_termination,
				.was_running = c->was_running,
				.uses_standby = c->uses_standby,
				.launch.is_ours = c->via == VIA_HELPER, /* perhaps */
				.was_committed = c->surgery == CLAIM_COMMITTED };
	memcpy(ret->run, c->run, sizeof(ret->run));
	memcpy(ret->home_device, c->device, sizeof(ret->home_device));
}
