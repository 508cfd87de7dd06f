/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/kinds.h"

#define MAX_TAGS 50

/* The resources of ResourceId.N; any kind. -1 with call_fail. */
static int check_resources(struct call *call, const struct texts *ids)
{
	vec_foreach (id, ids) {
		const struct kind *kind = kind_of_id(*id);

		if (!kind) {
			call_fail(call, "InvalidID", "The ID '%s' is not valid", *id);
			return -1;
		}
		if (!call_find(call, kind, *id))
			return -1;
	}
	return 0;
}

static int check_tag(struct call *call, const char *key, const char *value)
{
	if (!*key || strlen(key) > 127)
		call_fail(call, "InvalidParameterValue",
			  "Tag key length must be between 1 and 127 characters");
	else if (str_starts(key, "aws:"))
		call_fail(call, "InvalidParameterValue",
			  "Value ( %s ) for parameter key is invalid. Tag keys starting with "
			  "'aws:' are "
			  "reserved for internal use",
			  key);
	else if (strlen(value) > 255)
		call_fail(call, "InvalidParameterValue",
			  "Tag value exceeds the maximum length of 255 characters");
	return call_failed(call) ? -1 : 0;
}

void create_tags(struct call *call)
{
	cleanup(texts_done) struct texts ids = param_list(call, "ResourceId");
	unsigned count = param_count(call, "Tag");

	if (check_resources(call, &ids))
		return;
	for (unsigned i = 1; i <= count; i++)
		if (check_tag(call, param_at(call, "Tag.%u.Key", i),
			      param_at(call, "Tag.%u.Value", i)))
			return;
	vec_foreach (id, &ids) {
		struct res *res = world_get(call->sim, *id);
		json_t *tags = json_deep_copy(jget(res->truth, "tags"));

		tags = tags ? tags : json_object();
		for (unsigned i = 1; i <= count; i++)
			jset_s(tags, param_at(call, "Tag.%u.Key", i),
			       param_at(call, "Tag.%u.Value", i));
		if (json_object_size(tags) > MAX_TAGS) {
			json_decref(tags);
			call_fail(call, "TagLimitExceeded",
				  "The maximum number of Tags for a resource has been reached.");
			return;
		}
		jset(res->truth, "tags", tags);
		world_touch(res);
	}
	jset_b(call->out, "return", true);
}

/* A tag is removed by key, or by key and value when a value is given; no tags at all: every one. */
void delete_tags(struct call *call)
{
	cleanup(texts_done) struct texts ids = param_list(call, "ResourceId");
	unsigned count = param_count(call, "Tag");

	if (check_resources(call, &ids))
		return;
	vec_foreach (id, &ids) {
		struct res *res = world_get(call->sim, *id);
		json_t *tags = jget(res->truth, "tags");

		if (!count)
			json_object_clear(tags);
		for (unsigned i = 1; i <= count; i++) {
			cleanup(free) char *value_name = mem_printf("Tag.%u.Value", i);
			const char *key = param_at(call, "Tag.%u.Key", i);

			if (!param_has(call, value_name) ||
			    js_is(tags, key, param(call, value_name)))
				json_object_del(tags, key);
		}
		world_touch(res);
	}
	jset_b(call->out, "return", true);
}

void describe_tags(struct call *call)
{
	static const struct filter filters[] = {
		{ "key", "key" },
		{ "value", "value" },
		{ "resource-id", "resourceId" },
		{ "resource-type", "resourceType" },
		{ 0 },
	};
	json_t *list = json_array();

	jset(call->out, "tagSet", list);
	vec_foreach (r, &call->sim->all) {
		const json_t *v = (*r)->kind->prefix ? world_shown(call->sim, *r) : NULL;
		json_t *value, *shape;
		const char *key;

		json_object_foreach (jget(v, "tags"), key, value) {
			shape = json_pack("{s:s,s:s,s:s,s:O}", "resourceId", (*r)->id,
					  "resourceType", (*r)->kind->name, "key", key, "value",
					  value);
			if (filters_match(call, filters, shape) > 0)
				json_array_append(list, shape);
			json_decref(shape);
		}
	}
	call_page(call, list, false);
}
