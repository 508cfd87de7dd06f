/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/xmlmap.h"
#include "ec2/types.h"
#include "ec2/when.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>

static struct any_vec get_vec(const void *at)
{
	struct any_vec vec;

	memcpy(&vec, at, sizeof(vec));
	return vec;
}

static void *add_item(void *at, size_t size)
{
	struct any_vec vec = get_vec(at);
	void *item;

	if (vec.count == vec.room) {
		vec.room = vec.room ? vec.room * 2 : 4;
		vec.items = mem_realloc(vec.items, vec.room * size);
	}
	item = memset((char *)vec.items + vec.count++ * size, 0, size);
	memcpy(at, &vec, sizeof(vec));
	return item;
}

/* One reading: where in the document it is, for messages. */
struct reading {
	struct err *err;
	struct str path;
	size_t *room; /* bytes that the result may still grow by */
};

static int malformed(struct reading *in, const struct xmlmap *row, const char *why,
		     const char *text)
{
	cleanup(str_done) struct str quoted = STR_INIT;

	if (text)
		str_add_escaped(&quoted, text, strnlen(text, 80));
	return err_set(in->err, ERR_MALFORMED, "%s/%s %s%s%s%s", in->path.s, row->path, why,
		       text ? " \"" : "", quoted.s, text ? "\"" : "");
}

static int use_room(struct reading *in, const struct xmlmap *row, size_t bytes)
{
	if (bytes > *in->room)
		return malformed(in, row, "makes the answer too much to hold", NULL);
	*in->room -= bytes;
	return 0;
}

static int read_int(struct reading *in, const struct xmlmap *row, const char *text, int64_t *ret)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	end += strspn(end, " \t\r\n");
	if (errno || *end || end == text)
		return malformed(in, row, "should be a number and is", text);
	*ret = value;
	return 0;
}

static int read_bool(struct reading *in, const struct xmlmap *row, const char *text, void *at)
{
	enum ec2_bool value;

	if (!strcasecmp(text, "true") || str_eq(text, "1"))
		value = EC2_TRUE;
	else if (!strcasecmp(text, "false") || str_eq(text, "0"))
		value = EC2_FALSE;
	else
		return malformed(in, row, "should be true or false and is", text);
	memcpy(at, &value, sizeof(value));
	return 0;
}

/* A field that has one value; `text` is never empty. */
static int read_value(struct reading *in, const struct xmlmap *row, char *text, void *at)
{
	struct err why = ERR_INIT;
	unsigned value;
	int64_t number = 0;

	switch (row->kind) {
	case XML_KIND_TEXT: {
		char *copy = mem_strdup(text);

		memcpy(at, &copy, sizeof(copy));
		return 0;
	}
	case XML_KIND_ID:
		if (id_parse(row->form, text, at, &why) < 0)
			return malformed(in, row, "is not the id it should be:", text);
		return 0;
	case XML_KIND_INT:
		if (read_int(in, row, text, &number) < 0)
			return -1;
		memcpy(at, &number, sizeof(number));
		return 0;
	case XML_KIND_TIME:
		if (when_parse_iso8601(text, &number) < 0)
			return malformed(in, row, "should be a time and is", text);
		memcpy(at, &number, sizeof(number));
		return 0;
	case XML_KIND_BOOL:
		return read_bool(in, row, text, at);
	case XML_KIND_ENUM:
		value = enum_value(row->names, text);
		memcpy(at, &value, sizeof(value));
		return 0;
	case XML_KIND_END:
	case XML_KIND_ITEMS:
	case XML_KIND_TEXTS:
		break;
	}
	return err_set(in->err, ERR_INTERNAL, "xmlmap row %s has no single value", row->path);
}

/* What a row wants of the elements that its path leads to. */
struct wanted {
	struct reading *in;
	const struct xmlmap *row;
	void *at;
	bool is_found;
};

static int read_rows(struct reading *in, const struct xmlmap *map, const struct xml_node *node,
		     void *ret);

static int take_item(struct wanted *want, const struct xml_node *node)
{
	struct str *path = &want->in->path;
	size_t before = path->len;
	int rc;

	if (use_room(want->in, want->row, want->row->item_size) < 0)
		return -1;
	str_addf(path, "/%s", want->row->path);
	rc = read_rows(want->in, want->row->items, node, add_item(want->at, want->row->item_size));
	if (rc == 0) {
		path->len = before;
		path->s[before] = '\0';
	}
	return rc;
}

/* What a rescue can do without may have any form on another server; then it is as if it were not
 * there. */
static int take_value(struct wanted *want, char *text)
{
	struct err *err = want->in->err, ignored = ERR_INIT;
	int rc;

	if (want->row->rule != XML_NEED)
		want->in->err = &ignored;
	rc = read_value(want->in, want->row, text, want->at);
	want->in->err = err;
	if (ignored.code == ERR_INTERNAL)
		*err = ignored;
	if (ignored.code != ERR_MALFORMED)
		return rc;
	log_debug("ec2", "%s; left out", ignored.text);
	want->is_found = false;
	return 0;
}

/* Takes the text over. */
static int take_text(struct wanted *want, char *taken)
{
	cleanup(free) char *text = taken;

	if (use_room(want->in, want->row, strlen(text) + sizeof(char *)) < 0)
		return -1;
	if (want->row->kind == XML_KIND_TEXTS) {
		*(char **)add_item(want->at, sizeof(char *)) = TAKE(text);
		return 0;
	}
	want->is_found = true;
	return take_value(want, text);
}

static int take_node(void *arg, const struct xml_node *node)
{
	struct wanted *want = arg;
	char *text;

	if (want->row->kind == XML_KIND_ITEMS)
		return take_item(want, node);
	if (want->is_found)
		return 0;
	text = xml_node_text(node);
	return text ? take_text(want, text) : 0;
}

/* What an absent value is. */
static int finish_row(struct wanted *want)
{
	if (want->is_found)
		return 0;
	if (want->row->rule == XML_NEED)
		return malformed(want->in, want->row, "is missing", NULL);
	if (want->row->rule == XML_EMPTY_COUNTS) {
		char *empty = mem_strdup("");

		memcpy(want->at, &empty, sizeof(empty));
	}
	return 0;
}

static int read_rows(struct reading *in, const struct xmlmap *map, const struct xml_node *node,
		     void *ret)
{
	for (const struct xmlmap *row = map; row->kind != XML_KIND_END; row++) {
		struct wanted want = { in, row, (char *)ret + row->offset, false };

		if (row->kind == XML_KIND_INT)
			memcpy(want.at, &row->absent, sizeof(row->absent));
		if (xml_each(node, row->path, take_node, &want) < 0 || finish_row(&want) < 0)
			return -1;
	}
	return 0;
}

int xmlmap_read(const struct xmlmap *map, const struct xml *xml, void *ret, size_t *room,
		struct err *err)
{
	struct reading in = { err, STR_INIT, room };
	int rc;

	str_add_escaped(&in.path, xml_root_name(xml), strnlen(xml_root_name(xml), 80));
	rc = read_rows(&in, map, xml_root(xml), ret);
	str_done(&in.path);
	return rc;
}

/* ---- from JSON ---- */

/* The member at the end of a path; NULL: there is none. */
static const json_t *json_at(const json_t *json, const char *path)
{
	while (json && *path) {
		cleanup(free) char *name = mem_strndup(path, strcspn(path, "/"));

		json = json_object_get(json, name);
		path += strlen(name);
		path += *path == '/';
	}
	return json;
}

/* As XML would have it; NULL: no single value. */
static char *json_as_text(const json_t *json, enum xml_kind kind)
{
	if (json_is_boolean(json))
		return mem_strdup(json_is_true(json) ? "true" : "false");
	if (json_is_number(json) && kind == XML_KIND_TIME) {
		double seconds = json_number_value(json);
		char when[21] = "?";

		if (seconds >= 0 && seconds < 1e11)
			when_iso8601((int64_t)seconds, when);
		return mem_strdup(when);
	}
	if (json_is_integer(json))
		return mem_printf("%lld", (long long)json_integer_value(json));
	return json_is_string(json) && json_string_length(json)
		       ? mem_strdup(json_string_value(json))
		       : NULL;
}

static int read_json_rows(struct reading *in, const struct xmlmap *map, const json_t *json,
			  void *ret);

static int take_json_items(struct wanted *want, const json_t *array)
{
	const json_t *member;
	size_t i;

	json_array_foreach (array, i, member) {
		if (use_room(want->in, want->row, want->row->item_size) < 0 ||
		    read_json_rows(want->in, want->row->items, member,
				   add_item(want->at, want->row->item_size)) < 0)
			return -1;
	}
	return 0;
}

static int read_json_rows(struct reading *in, const struct xmlmap *map, const json_t *json,
			  void *ret)
{
	for (const struct xmlmap *row = map; row->kind != XML_KIND_END; row++) {
		struct wanted want = { in, row, (char *)ret + row->offset, false };
		const json_t *member = json_at(json, row->path);
		cleanup(free) char *text = json_as_text(member, row->kind);
		int rc = 0;

		if (row->kind == XML_KIND_INT)
			memcpy(want.at, &row->absent, sizeof(row->absent));
		if (row->kind == XML_KIND_ITEMS)
			rc = take_json_items(&want, member);
		else if (text && row->kind != XML_KIND_TEXTS)
			rc = take_text(&want, TAKE(text));
		if (rc < 0 || finish_row(&want) < 0)
			return -1;
	}
	return 0;
}

int xmlmap_read_json(const struct xmlmap *map, const json_t *json, void *ret, size_t *room,
		     struct err *err)
{
	struct reading in = { err, STR_INIT, room };
	int rc = read_json_rows(&in, map, json, ret);

	str_done(&in.path);
	return rc;
}

static void free_vec(const struct xmlmap *row, void *at)
{
	struct any_vec vec = get_vec(at);

	for (size_t i = 0; i < vec.count; i++) {
		if (row->kind == XML_KIND_TEXTS)
			free(((char **)vec.items)[i]);
		else
			xmlmap_free(row->items, (char *)vec.items + i * row->item_size,
				    row->item_size);
	}
	free(vec.items);
	memset(at, 0, sizeof(vec));
}

void xmlmap_free(const struct xmlmap *map, void *value, size_t size)
{
	for (const struct xmlmap *row = map; row->kind != XML_KIND_END; row++) {
		void *at = (char *)value + row->offset;

		if (row->kind == XML_KIND_TEXT) {
			char *text;

			/* Credentials pass through here too, so every text is wiped. */
			memcpy(&text, at, sizeof(text));
			secret_free(text);
		} else if (row->kind == XML_KIND_ITEMS || row->kind == XML_KIND_TEXTS) {
			free_vec(row, at);
		}
	}
	memset(value, 0, size);
}

static json_t *json_text(const char *text)
{
	json_t *json = text ? json_string(text) : NULL;

	return json || !text ? json : json_string("?"); /* not UTF-8: libxml2 does not let it by */
}

static json_t *vec_json(const struct xmlmap *row, const void *at)
{
	struct any_vec vec = get_vec(at);
	json_t *list = json_array();

	for (size_t i = 0; i < vec.count; i++)
		json_array_append_new(
			list,
			row->kind == XML_KIND_TEXTS
				? json_text(((char **)vec.items)[i])
				: xmlmap_json(row->items, (char *)vec.items + i * row->item_size));
	return list;
}

static json_t *value_json(const struct xmlmap *row, const void *at)
{
	unsigned value;
	int64_t number;
	char *text;

	switch (row->kind) {
	case XML_KIND_TEXT:
		memcpy(&text, at, sizeof(text));
		return json_text(text);
	case XML_KIND_ID:
		return *(const char *)at ? json_text(at) : NULL;
	case XML_KIND_INT:
	case XML_KIND_TIME:
		memcpy(&number, at, sizeof(number));
		return number == row->absent ? NULL : json_integer(number);
	case XML_KIND_BOOL:
		memcpy(&value, at, sizeof(value));
		return value == EC2_BOOL_ABSENT ? NULL : json_boolean(value == EC2_TRUE);
	case XML_KIND_ENUM:
		memcpy(&value, at, sizeof(value));
		return value ? json_text(enum_word(row->names, value)) : NULL;
	case XML_KIND_ITEMS:
	case XML_KIND_TEXTS:
		return get_vec(at).count ? vec_json(row, at) : NULL;
	case XML_KIND_END:
		break;
	}
	return NULL;
}

json_t *xmlmap_json(const struct xmlmap *map, const void *value)
{
	json_t *object;

	if (map->kind == XML_KIND_ITEMS && !map->field)
		return vec_json(map, value);
	object = json_object();
	for (const struct xmlmap *row = map; row->kind != XML_KIND_END; row++) {
		json_t *member = value_json(row, (const char *)value + row->offset);

		if (member)
			json_object_set_new(object, row->field, member);
	}
	return object;
}
