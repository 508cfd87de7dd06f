/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/call.h"

#include <fnmatch.h>
#include <stdio.h>

/* Filters, paging and the Describe* actions that list one kind. */

/* Does any text at the path match the pattern? A list on the way means any of its items. */
static bool path_matches(const json_t *v, const char *path, const char *pattern)
{
	size_t n = strcspn(path, "."), i;
	const json_t *item;
	char text[64], key[64];

	if (json_is_array(v)) {
		json_array_foreach (v, i, item)
			if (path_matches(item, path, pattern))
				return true;
		return false;
	}
	if (*path) {
		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		v = jget(v, key);
		return v && path_matches(v, path[n] ? path + n + 1 : "", pattern);
	}
	if (json_is_string(v))
		return !fnmatch(pattern, json_string_value(v), 0);
	if (json_is_integer(v))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
	else
		snprintf(text, sizeof(text), "%s", json_is_true(v) ? "true" : "false");
	return !fnmatch(pattern, text, 0);
}

static bool tag_matches(const json_t *rendered, const char *key, const char *pattern)
{
	const json_t *tag;
	size_t i;

	json_array_foreach (jget(rendered, "tagSet"), i, tag)
		if (js_is(tag, "key", key) && !fnmatch(pattern, js(tag, "value"), 0))
			return true;
	return false;
}

static bool value_matches(const struct filter *filter, const char *name, const json_t *rendered,
			  const char *value)
{
	if (str_starts(name, "tag:"))
		return tag_matches(rendered, name + 4, value);
	return path_matches(rendered, filter->path, value);
}

int filters_match(struct call *call, const struct filter *filters, const json_t *rendered)
{
	static const struct filter tag_key = { "tag-key", "tagSet.key" }, any_tag = { "tag:", "" };

	for (unsigned i = 1; i <= param_count(call, "Filter"); i++) {
		const char *name = param_at(call, "Filter.%u.Name", i);
		cleanup(free) char *list = mem_printf("Filter.%u.Value", i);
		cleanup(texts_done) struct texts values = param_list(call, list);
		const struct filter *filter = filters;
		bool any = false;

		while (filter && filter->name && !str_eq(filter->name, name))
			filter++;
		if (str_eq(name, "tag-key"))
			filter = &tag_key;
		if (str_starts(name, "tag:"))
			filter = &any_tag;
		if (!filter || !filter->name) {
			call_fail(call, "InvalidParameterValue", "The filter '%s' is invalid",
				  name);
			return -1;
		}
		if (!values.count) {
			call_fail(call, "InvalidParameterValue", "The filter '%s' has no value",
				  name);
			return -1;
		}
		vec_foreach (v, &values)
			any |= value_matches(filter, name, rendered, *v);
		if (!any)
			return 0;
	}
	return 1;
}

static int page_start(struct call *call, size_t *ret)
{
	cleanup(str_done) struct str text = STR_INIT;
	const char *token = param(call, "NextToken");
	char *end;

	*ret = 0;
	if (!*token)
		return 0;
	if (str_add_from_base64(&text, token, strlen(token)) || !str_starts(text.s, "page:")) {
		call_fail(call, "InvalidNextToken", "The token '%s' is invalid", token);
		return -1;
	}
	*ret = strtoul(text.s + 5, &end, 10);
	return 0;
}

void call_page(struct call *call, json_t *list, bool has_ids)
{
	size_t start, max = 1000;
	json_int_t asked = param_int(call, "MaxResults", 0);

	if (call_failed(call) || page_start(call, &start))
		return;
	if (param_has(call, "MaxResults")) {
		if (has_ids) {
			call_fail(
				call, "InvalidParameterCombination",
				"The parameter %sSet cannot be used with the parameter maxResults",
				call->action->ids);
			return;
		}
		if (asked < 5 || asked > 1000) {
			call_fail(call, "InvalidParameterValue",
				  "Value ( %lld ) for parameter maxResults is invalid. Expecting a "
				  "value "
				  "between 5 and 1000.",
				  (long long)asked);
			return;
		}
		max = (size_t)asked;
	} else if (!start) {
		return;
	}
	for (size_t i = 0; i < start && json_array_size(list); i++)
		json_array_remove(list, 0);
	if (json_array_size(list) > max) {
		cleanup(free) char *text = mem_printf("page:%zu", start + max);
		cleanup(str_done) struct str token = STR_INIT;

		while (json_array_size(list) > max)
			json_array_remove(list, json_array_size(list) - 1);
		str_add_base64(&token, text, strlen(text));
		jset_s(call->out, "nextToken", token.s);
	}
}

static bool is_asked_for(const struct texts *ids, const char *id)
{
	vec_foreach (v, ids)
		if (str_eq(*v, id))
			return true;
	return !ids->count;
}

static bool is_owned(struct call *call, const json_t *rendered)
{
	cleanup(texts_done) struct texts owners = param_list(call, "Owner");
	const char *owner =
		jhas(rendered, "ownerId") ? js(rendered, "ownerId") : js(rendered, "imageOwnerId");

	vec_foreach (v, &owners)
		if (str_eq(*v, owner) || str_eq(*v, js(rendered, "imageOwnerAlias")) ||
		    (str_eq(*v, "self") && str_eq(owner, sim_account(call->sim))))
			return true;
	return !owners.count;
}

/* Some lists may be asked for by a second key. */
static bool has_second_key(struct call *call, const json_t *rendered)
{
	cleanup(texts_done) struct texts names = param_list(call, "GroupName");
	cleanup(texts_done) struct texts addresses = param_list(call, "PublicIp");

	return is_asked_for(&names, js(rendered, "groupName")) &&
	       is_asked_for(&addresses, js(rendered, "publicIp"));
}

void describe_kind(struct call *call)
{
	const struct action *action = call->action;
	cleanup(texts_done) struct texts ids = param_list(call, action->ids);
	json_t *list = json_array();

	jset(call->out, action->set, list);
	vec_foreach (id, &ids)
		if (!call_find(call, action->kind, *id))
			return;
	sim_foreach (res, call->sim, action->kind) {
		const json_t *shown = world_shown(call->sim, res);
		json_t *rendered;
		int match;

		if (!shown || !is_asked_for(&ids, res->id))
			continue;
		rendered = action->kind->render(call->sim, shown);
		match = filters_match(call, action->kind->filters, rendered);
		if (match > 0 && is_owned(call, rendered) && has_second_key(call, rendered))
			json_array_append(list, rendered);
		json_decref(rendered);
		if (match < 0)
			return;
	}
	call_page(call, list, ids.count > 0);
}
