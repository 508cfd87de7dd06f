/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_set.h"

#include "base/hash.h"
#include "ec2/when.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define AT_TAG	     SPOT_TAG "-at"
#define VOLUMES_TAG  SPOT_TAG "-volumes"
#define CMDLINE_TAG  SPOT_TAG "-cmdline"
#define VALUE_MAX    256
#define WORD_MAX     32 /* of a device's name, and of a type's; EC2's have less */
#define CMDLINE_TAGS 4
#define VOLUMES_MAX  512 /* of one set, from tags that anybody may have written */

static const struct {
	const char *key;
	size_t offset;
} rows[] = {
#define FACT(key_, member)                                           \
	{                                                            \
		SPOT_TAG "-" key_, offsetof(struct spot_set, member) \
	}
	FACT("instance", instance),
	FACT("zone", zone),
	FACT("type", type),
	FACT("image", image),
	FACT("architecture", architecture),
	FACT("boot-mode", boot_mode),
	FACT("ena", ena),
	FACT("root-device", root_device),
	FACT("key-name", key_name),
	FACT("profile", profile),
	FACT("vpc", vpc),
	FACT("subnet", subnet),
	FACT("groups", groups),
	FACT("private-ip", private_ip),
	FACT("elastic-ip", elastic_ip),
	FACT("interfaces", interfaces),
	FACT("lifecycle", lifecycle),
};

static char **fact(const struct spot_set *set, size_t row)
{
	return (char **)(void *)((char *)(uintptr_t)set + rows[row].offset);
}

void spot_set_done(struct spot_set *set)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		free(*fact(set, i));
	free(set->cmdline);
	vec_foreach (v, &set->volumes) {
		free(v->device);
		free(v->type);
	}
	vec_done(&set->volumes);
	vec_done(&set->more);
	memset(set, 0, sizeof(*set));
}

void spot_sets_done(struct spot_sets *sets)
{
	vec_foreach (set, sets)
		spot_set_done(set);
	vec_done(sets);
}

void spot_set_id(int64_t now, char ret[SPOT_ID_SIZE])
{
	unsigned char random[3];
	time_t at = (time_t)now;
	struct tm tm;

	gmtime_r(&at, &tm);
	random_bytes(random, sizeof(random));
	strftime(ret, SPOT_ID_SIZE, "s%Y%m%d-%H%M%S", &tm);
	snprintf(ret + strlen(ret), SPOT_ID_SIZE - strlen(ret), "-%02x%02x%02x", random[0],
		 random[1], random[2]);
}

bool spot_name_is_valid(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len && len < SPOT_NAME_SIZE && !name[len];
}

/* ---- from what EC2 describes */

static char *copy_of(const char *text)
{
	return text && *text ? mem_strdup(text) : NULL;
}

/* NULL when it is empty. */
static char *list_of(struct str *words)
{
	char *text = words->len ? str_take(words) : NULL;

	str_done(words);
	return text;
}

static char *groups_of(const struct ec2_instance *i)
{
	struct str words = STR_INIT;

	vec_foreach (group, &i->groups)
		if (group->id)
			str_addf(&words, "%s%s", words.len ? " " : "", group->id);
	return list_of(&words);
}

/* Those beside the first, which can be had again: "eni-...:1". */
static char *interfaces_of(const struct ec2_instance *i)
{
	struct str words = STR_INIT;

	vec_foreach (eni, &i->interfaces)
		if (eni->id && eni->device_index > 0)
			str_addf(&words, "%s%s:%lld", words.len ? " " : "", eni->id,
				 (long long)eni->device_index);
	return list_of(&words);
}

/* An address that EC2 lends goes with the instance; one that an account owns stays. */
static char *elastic_ip_of(const struct ec2_instance *i)
{
	vec_foreach (eni, &i->interfaces)
		if (eni->device_index == 0 && eni->public_ip && eni->public_ip_owner &&
		    !str_eq(eni->public_ip_owner, "amazon"))
			return mem_strdup(eni->public_ip);
	return NULL;
}

static void add_volume(struct spot_set *set, const struct ec2_instance *i,
		       const struct ec2_device *d, const struct ec2_volumes *volumes)
{
	struct spot_volume *v = vec_add(&set->volumes);

	v->id = d->volume;
	v->device = mem_strdup(d->device_name ?: "");
	v->is_root = i->root_device_name && str_eq(v->device, i->root_device_name);
	v->goes = d->delete_on_termination == EC2_TRUE;
	vec_foreach (volume, volumes) {
		if (!id_eq(&volume->id, &d->volume))
			continue;
		v->type = copy_of(volume->type);
		v->gib = volume->size_gib;
		v->iops = volume->iops;
		v->throughput = volume->throughput;
	}
}

void spot_set_describe(const struct ec2_instance *i, const struct ec2_volumes *volumes,
		       bool (*wanted)(void *arg, const struct ec2_device *), void *arg,
		       struct spot_set *ret)
{
	ret->instance = mem_strdup(i->id.s);
	ret->zone = copy_of(i->zone);
	ret->type = copy_of(i->type);
	ret->image = copy_of(i->image);
	ret->architecture = copy_of(i->architecture);
	ret->boot_mode = copy_of(i->boot_mode);
	ret->ena = i->ena_support == EC2_BOOL_ABSENT
			   ? NULL
			   : mem_strdup(i->ena_support == EC2_TRUE ? "true" : "false");
	ret->root_device = copy_of(i->root_device_name);
	ret->key_name = copy_of(i->key_name);
	ret->profile = copy_of(i->profile);
	ret->vpc = copy_of(i->vpc);
	ret->subnet = copy_of(i->subnet);
	ret->groups = groups_of(i);
	ret->private_ip = copy_of(i->private_ip);
	ret->elastic_ip = elastic_ip_of(i);
	ret->interfaces = interfaces_of(i);
	ret->lifecycle = copy_of(i->lifecycle);
	vec_foreach (d, &i->devices)
		if (!id_none(&d->volume) && wanted(arg, d))
			add_volume(ret, i, d, volumes);
}

/* ---- to tags */

void spot_tags_done(struct spot_tags *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		free((char *)(uintptr_t)tags->pairs[i].key);
		free((char *)(uintptr_t)tags->pairs[i].value);
	}
	tags->count = 0;
}

static void add_char(struct str *into, char c)
{
	if (isalnum((unsigned char)c) || strchr(" +-=._:/", c))
		str_add_char(into, c);
	else
		str_addf(into, "@%02x", (unsigned char)c);
}

static bool add_tag(struct spot_tags *tags, const char *key, unsigned number,
		    const struct str *value)
{
	if (tags->count == ARRAY_LEN(tags->pairs))
		return false;
	tags->pairs[tags->count++] = (struct ec2_tag_pair){
		number > 1 ? mem_printf("%s%u", key, number) : mem_strdup(key), mem_strdup(value->s)
	};
	return true;
}

static bool add_text(struct spot_tags *tags, const char *key, const char *text)
{
	cleanup(str_done) struct str value = STR_INIT;

	for (; text && *text; text++)
		add_char(&value, *text);
	if (value.len > VALUE_MAX) { /* of EC2's own making, so it does not happen */
		value.s[VALUE_MAX] = '\0';
		value.len = VALUE_MAX;
	}
	return !value.len || add_tag(tags, key, 1, &value);
}

static void volume_text(const struct spot_volume *v, struct str *into)
{
	str_addf(into, "%s=", v->id.s);
	for (const char *p = v->device; *p; p++) {
		if (*p == ':' || *p == ' ') /* between the parts, and the volumes */
			str_addf(into, "@%02x", (unsigned char)*p);
		else
			add_char(into, *p);
	}
	str_addf(into, ":%s:%lld:%lld:%lld%s%s", v->type ?: "", (long long)v->gib,
		 (long long)v->iops, (long long)v->throughput, v->is_root ? ":root" : "",
		 v->goes ? ":goes" : "");
}

static bool add_volumes(struct spot_tags *tags, const struct spot_volumes *volumes)
{
	cleanup(str_done) struct str value = STR_INIT;
	unsigned number = 0;

	vec_foreach (v, volumes) {
		cleanup(str_done) struct str text = STR_INIT;

		volume_text(v, &text);
		if (text.len > VALUE_MAX)
			return false;
		if (value.len && value.len + 1 + text.len > VALUE_MAX) {
			if (!add_tag(tags, VOLUMES_TAG, ++number, &value))
				return false;
			str_clear(&value);
		}
		str_addf(&value, "%s%s", value.len ? " " : "", text.s);
	}
	return !value.len || add_tag(tags, VOLUMES_TAG, ++number, &value);
}

/* A comfort: as much of it as there is room for. */
static void add_cmdline(struct spot_tags *tags, const char *text)
{
	for (unsigned number = 1; *text && number <= CMDLINE_TAGS; number++) {
		cleanup(str_done) struct str value = STR_INIT;

		for (; *text && value.len + 3 <= VALUE_MAX; text++)
			add_char(&value, *text);
		if (!add_tag(tags, CMDLINE_TAG, number, &value))
			return;
	}
}

int spot_set_tags(const struct spot_set *set, struct spot_tags *ret, struct err *err)
{
	cleanup(free) char *name =
		mem_printf("ec2-rescue: state %s of %s", set->name, set->instance ?: "?");
	char at[21];
	bool fits;

	ret->count = 0;
	when_iso8601(set->at, at);
	fits = add_text(ret, SPOT_TAG, set->name) && add_text(ret, SPOT_SET_TAG, set->id) &&
	       add_text(ret, AT_TAG, at) && add_text(ret, "Name", name);
	for (size_t i = 0; fits && i < ARRAY_LEN(rows); i++)
		fits = add_text(ret, rows[i].key, *fact(set, i));
	fits = fits && add_volumes(ret, &set->volumes);
	if (!fits) {
		spot_tags_done(ret);
		return err_set(err, ERR_UNSUPPORTED,
			       "%zu volumes are more than the tags of a snapshot can tell of; name "
			       "those that matter with --volume",
			       set->volumes.count);
	}
	if (set->cmdline)
		add_cmdline(ret, set->cmdline);
	return 0;
}

/* ---- from tags */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_decoded(struct str *into, const char *text)
{
	for (; *text; text++) {
		bool is_escape = text[0] == '@' && hex(text[1]) >= 0 && hex(text[2]) >= 0 &&
				 hex(text[1]) + hex(text[2]) > 0;

		str_add_char(into, is_escape ? (char)(hex(text[1]) << 4 | hex(text[2])) : *text);
		text += is_escape ? 2 : 0;
	}
}

static char *decoded(const char *text)
{
	struct str value = STR_INIT;

	if (!text)
		return NULL;
	add_decoded(&value, text);
	return list_of(&value);
}

/* "4096", or 0 when it is no number. */
static int64_t number_of(const char *text)
{
	return text && isdigit((unsigned char)*text) ? strtoll(text, NULL, 10) : 0;
}

/* One word of a "-volumes" tag; what is none is left out. */
static void read_volume(struct spot_set *set, char *word)
{
	char *rest = strchr(word, '='), *parts[5], *more;
	struct spot_volume v = { 0 };
	struct err ignored = ERR_INIT;

	if (!rest || set->volumes.count >= VOLUMES_MAX)
		return;
	*rest++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i] = strsep(&rest, ":");
	if (volume_id_parse(word, &v.id, &ignored) < 0 || !parts[0] || !*parts[0] ||
	    (parts[1] && strlen(parts[1]) > WORD_MAX))
		return;
	while ((more = strsep(&rest, ":"))) {
		v.is_root |= str_eq(more, "root");
		v.goes |= str_eq(more, "goes");
	}
	vec_foreach (old, &set->volumes)
		if (id_eq(&old->id, &v.id))
			return;
	v.device = decoded(parts[0]) ?: mem_strdup("");
	if (strlen(v.device) > WORD_MAX) {
		free(v.device);
		return;
	}
	v.type = parts[1] ? copy_of(parts[1]) : NULL;
	v.gib = number_of(parts[2]);
	v.iops = number_of(parts[3]);
	v.throughput = number_of(parts[4]);
	vec_push(&set->volumes, v);
}

static const char *numbered(const struct ec2_tags *tags, const char *key, unsigned number)
{
	cleanup(free) char *name = number > 1 ? mem_printf("%s%u", key, number) : mem_strdup(key);

	return ec2_tag_value(tags, name);
}

static void read_volumes(struct spot_set *set, const struct ec2_tags *tags)
{
	const char *value;

	for (unsigned n = 1; n <= SPOT_TAGS_MAX && (value = numbered(tags, VOLUMES_TAG, n)); n++) {
		cleanup(free) char *copy = mem_strdup(value);
		char *save = NULL;

		for (char *word = strtok_r(copy, " ", &save); word;
		     word = strtok_r(NULL, " ", &save))
			read_volume(set, word);
	}
}

static void read_cmdline(struct spot_set *set, const struct ec2_tags *tags)
{
	struct str text = STR_INIT;
	const char *value;

	for (unsigned n = 1; n <= CMDLINE_TAGS && (value = numbered(tags, CMDLINE_TAG, n)); n++)
		add_decoded(&text, value);
	set->cmdline = list_of(&text);
}

/* NULL: these tags are of no saved state. */
static struct spot_set *set_of(const struct ec2_tags *tags, struct spot_sets *sets)
{
	const char *name = ec2_tag_value(tags, SPOT_TAG), *id = ec2_tag_value(tags, SPOT_SET_TAG);
	const char *at = ec2_tag_value(tags, AT_TAG);
	struct spot_set *set, made = { 0 };

	if (!name || !id || !at || !spot_name_is_valid(name) || !spot_name_is_valid(id) ||
	    strlen(id) >= sizeof(made.id) || when_parse_iso8601(at, &made.at) < 0)
		return NULL;
	vec_foreach (old, sets)
		if (str_eq(old->id, id) && str_eq(old->name, name))
			return old;
	memcpy(made.name, name, strlen(name) + 1);
	memcpy(made.id, id, strlen(id) + 1);
	read_volumes(&made, tags);
	if (!made.volumes.count)
		return NULL;
	set = vec_add(sets);
	*set = made;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		*fact(set, i) = decoded(ec2_tag_value(tags, rows[i].key));
	read_cmdline(set, tags);
	return set;
}

static int by_time(const void *a, const void *b)
{
	const struct spot_set *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : strcmp(x->id, y->id);
}

void spot_sets_of(const struct ec2_snapshots *snapshots, struct spot_sets *ret)
{
	vec_foreach (s, snapshots) {
		struct spot_set *set = set_of(&s->tags, ret);

		if (!set)
			continue;
		vec_foreach (v, &set->volumes) {
			if (!id_eq(&v->id, &s->volume))
				continue;
			if (!id_none(&v->snapshot)) {
				vec_push(&set->more,
					 v->status == SNAPSHOT_ERROR ? v->snapshot : s->id);
				if (v->status != SNAPSHOT_ERROR)
					continue;
			}
			v->snapshot = s->id;
			v->status = s->status;
			v->is_encrypted = s->encrypted == EC2_TRUE;
			if (!v->gib)
				v->gib = s->size_gib;
		}
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_time);
}

/* CreateVolume in the API reference: Iops for gp3, io1 and io2, Throughput for gp3. */
void spot_volume_rates(const struct spot_volume *v, int64_t *ret_iops, int64_t *ret_throughput)
{
	bool is_gp3 = v->type && str_eq(v->type, "gp3");

	*ret_iops = is_gp3 || (v->type && str_starts(v->type, "io")) ? v->iops : 0;
	*ret_throughput = is_gp3 ? v->throughput : 0;
}

enum spot_standing spot_set_standing(const struct spot_set *set)
{
	enum spot_standing standing = SPOT_COMPLETE;

	vec_foreach (v, &set->volumes) {
		if (id_none(&v->snapshot) ||
		    (v->status != SNAPSHOT_COMPLETED && v->status != SNAPSHOT_PENDING))
			return SPOT_INCOMPLETE;
		if (v->status == SNAPSHOT_PENDING)
			standing = SPOT_PENDING;
	}
	return standing;
}

const char *spot_standing_name(enum spot_standing standing)
{
	return standing == SPOT_COMPLETE  ? "complete"
	       : standing == SPOT_PENDING ? "pending"
					  : "incomplete";
}

const struct spot_volume *spot_set_root(const struct spot_set *set)
{
	vec_foreach (v, &set->volumes)
		if (v->is_root)
			return v;
	return NULL;
}
