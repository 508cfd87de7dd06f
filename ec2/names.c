/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/names.h"
#include "ec2/types.h"
#include "base/str.h"

static const char *const instance_states[] = {
	[INSTANCE_PENDING] = "pending",
	[INSTANCE_RUNNING] = "running",
	[INSTANCE_SHUTTING_DOWN] = "shutting-down",
	[INSTANCE_TERMINATED] = "terminated",
	[INSTANCE_STOPPING] = "stopping",
	[INSTANCE_STOPPED] = "stopped",
};
static const char *const volume_statuses[] = {
	[VOLUME_CREATING] = "creating", [VOLUME_AVAILABLE] = "available",
	[VOLUME_IN_USE] = "in-use",	[VOLUME_DELETING] = "deleting",
	[VOLUME_DELETED] = "deleted",	[VOLUME_ERROR] = "error",
};
static const char *const attachment_statuses[] = {
	[ATTACHMENT_ATTACHING] = "attaching", [ATTACHMENT_ATTACHED] = "attached",
	[ATTACHMENT_DETACHING] = "detaching", [ATTACHMENT_DETACHED] = "detached",
	[ATTACHMENT_BUSY] = "busy",
};
static const char *const snapshot_statuses[] = {
	[SNAPSHOT_PENDING] = "pending",	      [SNAPSHOT_COMPLETED] = "completed",
	[SNAPSHOT_ERROR] = "error",	      [SNAPSHOT_RECOVERABLE] = "recoverable",
	[SNAPSHOT_RECOVERING] = "recovering",
};
static const char *const summary_statuses[] = {
	[SUMMARY_OK] = "ok",
	[SUMMARY_IMPAIRED] = "impaired",
	[SUMMARY_INSUFFICIENT_DATA] = "insufficient-data",
	[SUMMARY_NOT_APPLICABLE] = "not-applicable",
	[SUMMARY_INITIALIZING] = "initializing",
};

#define NAMES(words, other)          \
	{ words, ARRAY_LEN(words) }; \
	_Static_assert(ARRAY_LEN(words) == (other), "every value but _OTHER has its word")
const struct enum_names instance_state_names = NAMES(instance_states, INSTANCE_STATE_OTHER);
const struct enum_names volume_status_names = NAMES(volume_statuses, VOLUME_STATUS_OTHER);
const struct enum_names attachment_status_names = NAMES(attachment_statuses, ATTACHMENT_OTHER);
const struct enum_names snapshot_status_names = NAMES(snapshot_statuses, SNAPSHOT_STATUS_OTHER);
const struct enum_names summary_status_names = NAMES(summary_statuses, SUMMARY_OTHER);

unsigned enum_value(const struct enum_names *names, const char *word)
{
	for (unsigned i = 1; i < names->count; i++)
		if (str_eq(names->words[i], word))
			return i;
	return names->count;
}

const char *enum_word(const struct enum_names *names, unsigned value)
{
	return value && value < names->count ? names->words[value] : "?";
}

const char *ec2_instance_state_name(enum ec2_instance_state state)
{
	return enum_word(&instance_state_names, state);
}

const char *ec2_volume_status_name(enum ec2_volume_status status)
{
	return enum_word(&volume_status_names, status);
}

const char *ec2_summary_status_name(enum ec2_summary_status status)
{
	return enum_word(&summary_status_names, status);
}

const char *ec2_tag_value(const struct ec2_tags *tags, const char *key)
{
	vec_foreach (tag, tags)
		if (tag->key && str_eq(tag->key, key))
			return tag->value;
	return NULL;
}

bool ec2_instance_is_gone(const struct ec2_instance *i)
{
	return i && (i->state == INSTANCE_TERMINATED || i->state == INSTANCE_SHUTTING_DOWN);
}
