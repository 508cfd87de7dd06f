/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches for people (diffs) and for the undo record (JSON). */
#include "fs/diff.h"
#include "fs/patch_side.h"

static void put_path(struct str *into, const char *path)
{
	str_add_escaped(into, path, strlen(path));
}

void patch_item_diff(const struct patch_item *item, struct str *into)
{
	const struct patch_side *a = &item->before, *b = &item->after;
	static const struct str nothing = STR_INIT;

	if (a->exists && b->exists && S_ISREG(a->mode) && S_ISREG(b->mode)) {
		if (a->bytes.len != b->bytes.len || memcmp(a->bytes.s, b->bytes.s, a->bytes.len))
			diff_unified(item->path, &a->bytes, &b->bytes, into);
	} else if (!a->exists && b->exists && S_ISREG(b->mode)) {
		str_addf(into, "new file, mode %04o, owner %u:%u\n", b->mode & 07777, b->uid,
			 b->gid);
		diff_unified(item->path, &nothing, &b->bytes, into);
	} else if (a->exists && !b->exists && S_ISREG(a->mode)) {
		str_add(into, "removed file\n");
		diff_unified(item->path, &a->bytes, &nothing, into);
	} else if (!a->exists && b->exists && S_ISDIR(b->mode)) {
		str_addf(into, "new directory, mode %04o: ", b->mode & 07777);
		put_path(into, item->path);
		str_add_char(into, '\n');
	} else {
		if (a->exists && S_ISLNK(a->mode)) {
			str_add(into, "removed link ");
			put_path(into, item->path);
			str_add(into, " -> ");
			str_add_escaped(into, a->bytes.s, a->bytes.len);
			str_add_char(into, '\n');
		}
		if (b->exists && S_ISLNK(b->mode)) {
			str_add(into, "new link ");
			put_path(into, item->path);
			str_add(into, " -> ");
			str_add_escaped(into, b->bytes.s, b->bytes.len);
			str_add_char(into, '\n');
		}
	}
	if (a->exists && b->exists && (a->mode & S_IFMT) == (b->mode & S_IFMT) &&
	    a->mode != b->mode) {
		str_addf(into, "mode %04o -> %04o ", a->mode & 07777, b->mode & 07777);
		put_path(into, item->path);
		str_add_char(into, '\n');
	}
	if (a->exists && b->exists && a->flags != b->flags) {
		str_addf(into, "attributes %s%s-> %s%s", a->flags & TREE_IMMUTABLE ? "i" : "",
			 a->flags & TREE_APPEND ? "a " : " ", b->flags & TREE_IMMUTABLE ? "i" : "",
			 b->flags & TREE_APPEND ? "a "
			 : b->flags		? " "
						: "none ");
		put_path(into, item->path);
		str_add_char(into, '\n');
	}
	if (a->exists && b->exists && (a->uid != b->uid || a->gid != b->gid)) {
		str_addf(into, "owner %u:%u -> %u:%u ", a->uid, a->gid, b->uid, b->gid);
		put_path(into, item->path);
		str_add_char(into, '\n');
	}
}

void patch_diff(const struct patch *patch, struct str *into)
{
	vec_foreach (item, patch)
		patch_item_diff(item, into);
}

/* JSON, for the undo record */

static json_t *side_to_json(const struct patch_side *side)
{
	if (!side->exists)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "mode", (json_int_t)side->mode, "uid",
			 (json_int_t)side->uid, "gid", (json_int_t)side->gid, "flags",
			 (json_int_t)side->flags, "bytes",
			 side->is_bare ? json_null() : bytes_to_json(&side->bytes), "label",
			 bytes_to_json(&side->label));
}

static int side_from_json(const json_t *json, struct patch_side *ret, struct err *err)
{
	*ret = (struct patch_side){ .bytes = STR_INIT, .label = STR_INIT };
	if (json_is_null(json))
		return 0;
	ret->exists = true;
	ret->is_bare = json_is_null(json_object_get(json, "bytes"));
	/* Records of older versions have no flags. */
	if (json_object_get(json, "flags") && u32_from_json(json, "flags", &ret->flags, err) < 0)
		return -1;
	if (u32_from_json(json, "mode", &ret->mode, err) < 0 ||
	    u32_from_json(json, "uid", &ret->uid, err) < 0 ||
	    u32_from_json(json, "gid", &ret->gid, err) < 0 ||
	    (!ret->is_bare &&
	     bytes_from_json(json_object_get(json, "bytes"), "bytes", &ret->bytes, err) < 0) ||
	    bytes_from_json(json_object_get(json, "label"), "label", &ret->label, err) < 0)
		return -1;
	return 0;
}

json_t *patch_to_json(const struct patch *patch)
{
	json_t *list = json_array();

	vec_foreach (item, patch)
		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:o}", "path", name_to_json(item->path),
						"before", side_to_json(&item->before), "after",
						side_to_json(&item->after)));
	return list;
}

int patch_from_json(const json_t *json, struct patch *ret, struct err *err)
{
	struct patch patch = { 0 };
	const json_t *value;
	size_t i;

	if (!json_is_array(json))
		return err_set(err, ERR_MALFORMED, "a patch is not a list");
	json_array_foreach (json, i, value) {
		struct patch_item *item = vec_add(&patch);

		item->before = item->after =
			(struct patch_side){ .bytes = STR_INIT, .label = STR_INIT };
		if (path_from_json(json_object_get(value, "path"), &item->path, err) < 0 ||
		    side_from_json(json_object_get(value, "before"), &item->before, err) < 0 ||
		    side_from_json(json_object_get(value, "after"), &item->after, err) < 0) {
			patch_done(&patch);
			return -1;
		}
	}
	*ret = patch;
	return 0;
}
