/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/edit.h"

static struct edit *add(struct edits *edits, enum edit_kind kind, const char *path)
{
	struct edit *edit = vec_add(edits);

	edit->kind = kind;
	edit->path = path ? mem_strdup(path) : NULL;
	edit->old = edit->new = (struct str)STR_INIT;
	return edit;
}

void edit_line_bytes(struct edits *edits, const char *path, uint32_t line, uint32_t count,
		     const struct str *old, const struct str *new)
{
	struct edit *edit = add(edits, EDIT_LINES, path);

	edit->line = line;
	edit->count = count;
	str_add_bytes(&edit->old, old->s, old->len);
	str_add_bytes(&edit->new, new->s, new->len);
}

void edit_lines(struct edits *edits, const char *path, uint32_t line, uint32_t count,
		const char *old, const char *new)
{
	const struct str was = { .s = (char *)(uintptr_t)old, .len = strlen(old) };
	const struct str is = { .s = (char *)(uintptr_t) new, .len = strlen(new) };

	edit_line_bytes(edits, path, line, count, &was, &is);
}

void edit_create(struct edits *edits, const char *path, const struct tree_new *new,
		 const char *text, size_t len)
{
	struct edit *edit = add(edits, EDIT_CREATE, path);

	edit->mode = new->mode;
	edit->uid = new->uid;
	edit->gid = new->gid;
	str_add_bytes(&edit->new, text, len);
}

void edit_replace(struct edits *edits, const char *path, const struct str *old,
		  const struct str *new)
{
	struct edit *edit = add(edits, EDIT_REPLACE, path);

	str_add_bytes(&edit->old, old->s, old->len);
	str_add_bytes(&edit->new, new->s, new->len);
}

void edit_remove(struct edits *edits, const char *path)
{
	add(edits, EDIT_REMOVE, path);
}

void edit_mkdir(struct edits *edits, const char *path, const struct tree_new *new)
{
	struct edit *edit = add(edits, EDIT_MKDIR, path);

	edit->mode = new->mode;
	edit->uid = new->uid;
	edit->gid = new->gid;
}

void edit_symlink(struct edits *edits, const char *path, const char *target)
{
	str_add(&add(edits, EDIT_SYMLINK, path)->new, target);
}

void edit_mode(struct edits *edits, const char *path, const struct tree_stat *now, uint32_t mode,
	       uint32_t uid, uint32_t gid)
{
	struct edit *edit = add(edits, EDIT_MODE, path);

	edit->mode = mode & 07777;
	edit->uid = uid;
	edit->gid = gid;
	edit->old_mode = now->mode & 07777;
	edit->old_uid = now->uid;
	edit->old_gid = now->gid;
}

void edit_blocks(struct edits *edits, const char *disk, uint32_t partition,
		 enum block_repair repair)
{
	struct edit *edit = add(edits, EDIT_BLOCKS, NULL);

	edit->disk = mem_strdup(disk);
	edit->partition = partition;
	edit->repair = repair;
}

void edit_blocks_text(const struct edit *edit, struct str *into)
{
	str_addf(into, "%s on ", block_repair_name(edit->repair));
	str_add_escaped(into, edit->disk, strlen(edit->disk));
	if (edit->partition)
		str_addf(into, ", partition %u", edit->partition);
}

void edit_flags(struct edits *edits, const char *path, const struct tree_stat *now, uint32_t flags)
{
	struct edit *edit = add(edits, EDIT_FLAGS, path);

	edit->flags = flags;
	edit->old_flags = now->attr_flags;
}

static void edit_done(struct edit *edit)
{
	free(edit->path);
	free(edit->disk);
	free(edit->like);
	str_done(&edit->old);
	str_done(&edit->new);
}

void edits_done(struct edits *edits)
{
	vec_foreach (edit, edits)
		edit_done(edit);
	vec_done(edits);
}

void edits_add_all(struct edits *edits, const struct edits *from)
{
	vec_foreach (src, from) {
		struct edit *edit = vec_add(edits);

		*edit = *src;
		edit->path = src->path ? mem_strdup(src->path) : NULL;
		edit->disk = src->disk ? mem_strdup(src->disk) : NULL;
		edit->like = src->like ? mem_strdup(src->like) : NULL;
		edit->old = edit->new = (struct str)STR_INIT;
		str_add_bytes(&edit->old, src->old.s, src->old.len);
		str_add_bytes(&edit->new, src->new.s, src->new.len);
	}
}

/* JSON: hostile bytes travel as base64, everything else as it is. */

static const char *const kind_names[] = {
	[EDIT_LINES] = "lines",	  [EDIT_CREATE] = "create", [EDIT_REPLACE] = "replace",
	[EDIT_REMOVE] = "remove", [EDIT_MKDIR] = "mkdir",   [EDIT_SYMLINK] = "symlink",
	[EDIT_MODE] = "mode",	  [EDIT_FLAGS] = "flags",   [EDIT_BLOCKS] = "blocks",
};

static const char *const repair_names[] = {
	[MEND_E2FSCK_CAREFUL] = "e2fsck -p",
	[MEND_E2FSCK_COPY_CAREFUL] = "e2fsck -p -b COPY",
	[MEND_E2FSCK] = "e2fsck -y",
	[MEND_E2FSCK_COPY] = "e2fsck -y -b COPY",
	[MEND_XFS_REPAIR] = "xfs_repair",
	[MEND_FAT] = "fsck.vfat -a",
	[MEND_NO_PERIODIC_CHECK] = "tune2fs -c 0 -i 0",
	[MEND_GPT] = "the GPT from its sound copy",
};

const char *block_repair_name(enum block_repair repair)
{
	return repair_names[repair];
}

json_t *bytes_to_json(const struct str *bytes)
{
	cleanup(str_done) struct str text = STR_INIT;

	str_add_base64(&text, bytes->s, bytes->len);
	return json_stringn(text.s, text.len);
}

int bytes_from_json(const json_t *value, const char *what, struct str *ret, struct err *err)
{
	if (!json_is_string(value) || json_string_length(value) > TREE_FILE_MAX / 3 * 4 + 4 ||
	    str_add_from_base64(ret, json_string_value(value), json_string_length(value)) < 0)
		return err_set(err, ERR_MALFORMED, "%s is not base64 text", what);
	return 0;
}

int u32_from_json(const json_t *object, const char *key, uint32_t *ret, struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > UINT32_MAX)
		return err_set(err, ERR_MALFORMED, "\"%s\" is not a number that fits", key);
	*ret = (uint32_t)json_integer_value(value);
	return 0;
}

json_t *name_to_json(const char *name)
{
	const struct str bytes = { .s = (char *)(uintptr_t)name, .len = strlen(name) };
	json_t *text = json_string(name);

	return text ? text : json_pack("{s:o}", "base64", bytes_to_json(&bytes));
}

int name_from_json(const json_t *value, struct str *ret, struct err *err)
{
	if (json_is_object(value)) {
		if (bytes_from_json(json_object_get(value, "base64"), "a name", ret, err) < 0)
			return -1;
	} else if (json_is_string(value)) {
		str_add_bytes(ret, json_string_value(value), json_string_length(value));
	}
	if (!ret->len || strlen(ret->s) != ret->len)
		return err_set(err, ERR_MALFORMED, "a name is missing or is none");
	return 0;
}

bool path_is_plain(const char *path)
{
	if (path[0] != '/' || strlen(path) >= TREE_PATH_MAX)
		return false;
	for (const char *p = path; p && path[1]; p = strchr(p + 1, '/'))
		if (!strncmp(p, "/../", 4) || str_eq(p, "/..") || !strncmp(p, "/./", 3) ||
		    str_eq(p, "/.") || !strncmp(p, "//", 2) || str_eq(p, "/"))
			return false;
	return true;
}

int path_from_json(const json_t *value, char **ret, struct err *err)
{
	cleanup(str_done) struct str name = STR_INIT;

	if (name_from_json(value, &name, err) < 0)
		return -1;
	if (!path_is_plain(name.s))
		return err_set(err, ERR_MALFORMED,
			       "a path is not absolute, too long, or not in its plain form");
	*ret = mem_strdup(name.s);
	return 0;
}

/* Paths are bytes to the kernel and text to JSON: latin-1 escapes would change them, so a path that
 * is no UTF-8 cannot be edited. edit_to_json gives NULL then. */
json_t *edit_to_json(const struct edit *edit)
{
	json_t *path;

	if (edit->kind == EDIT_BLOCKS)
		return json_pack("{s:s, s:s, s:I, s:s}", "kind", kind_names[edit->kind], "disk",
				 edit->disk, "partition", (json_int_t)edit->partition, "repair",
				 repair_names[edit->repair]);
	path = json_string(edit->path);
	if (!path)
		return NULL;
	return json_pack(
		"{s:s, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s*}",
		"kind", kind_names[edit->kind], "path", path, "line", (json_int_t)edit->line,
		"count", (json_int_t)edit->count, "old", bytes_to_json(&edit->old), "new",
		bytes_to_json(&edit->new), "mode", (json_int_t)edit->mode, "uid",
		(json_int_t)edit->uid, "gid", (json_int_t)edit->gid, "old_mode",
		(json_int_t)edit->old_mode, "old_uid", (json_int_t)edit->old_uid, "old_gid",
		(json_int_t)edit->old_gid, "flags", (json_int_t)edit->flags, "old_flags",
		(json_int_t)edit->old_flags, "like", edit->like);
}

static int parse_blocks(const json_t *json, struct edit *edit, struct err *err)
{
	const char *disk = json_string_value(json_object_get(json, "disk"));
	const char *repair = json_string_value(json_object_get(json, "repair"));
	size_t r = 0;

	while (r < ARRAY_LEN(repair_names) && (!repair || !str_eq(repair_names[r], repair)))
		r++;
	if (!disk || strlen(disk) >= TREE_PATH_MAX || r == ARRAY_LEN(repair_names))
		return err_set(err, ERR_MALFORMED, "an edit of blocks names no repair or no disk");
	edit->disk = mem_strdup(disk);
	edit->repair = (enum block_repair)r;
	return u32_from_json(json, "partition", &edit->partition, err);
}

static int parse_edit(const json_t *json, struct edit *edit, struct err *err)
{
	const char *kind = json_string_value(json_object_get(json, "kind"));
	const json_t *like = json_object_get(json, "like");
	size_t k = 0;

	while (k < ARRAY_LEN(kind_names) && (!kind || !str_eq(kind_names[k], kind)))
		k++;
	if (k == ARRAY_LEN(kind_names))
		return err_set(err, ERR_MALFORMED, "an edit is of no known kind");
	edit->kind = (enum edit_kind)k;
	if (edit->kind == EDIT_BLOCKS)
		return parse_blocks(json, edit, err);
	if (path_from_json(json_object_get(json, "path"), &edit->path, err) < 0 ||
	    (like && path_from_json(like, &edit->like, err) < 0) ||
	    bytes_from_json(json_object_get(json, "old"), "old", &edit->old, err) < 0 ||
	    bytes_from_json(json_object_get(json, "new"), "new", &edit->new, err) < 0 ||
	    u32_from_json(json, "line", &edit->line, err) < 0 ||
	    u32_from_json(json, "count", &edit->count, err) < 0 ||
	    u32_from_json(json, "mode", &edit->mode, err) < 0 ||
	    u32_from_json(json, "uid", &edit->uid, err) < 0 ||
	    u32_from_json(json, "gid", &edit->gid, err) < 0 ||
	    u32_from_json(json, "old_mode", &edit->old_mode, err) < 0 ||
	    u32_from_json(json, "old_uid", &edit->old_uid, err) < 0 ||
	    u32_from_json(json, "old_gid", &edit->old_gid, err) < 0 ||
	    u32_from_json(json, "flags", &edit->flags, err) < 0 ||
	    u32_from_json(json, "old_flags", &edit->old_flags, err) < 0)
		return -1;
	if (!edit->path[1] && edit->kind != EDIT_MODE && edit->kind != EDIT_FLAGS)
		return err_set(err, ERR_MALFORMED, "an edit of / is none of its mode");
	if ((edit->flags | edit->old_flags) & ~(TREE_IMMUTABLE | TREE_APPEND))
		return err_set(err, ERR_MALFORMED, "an edit has flags that are not known");
	if ((edit->mode | edit->old_mode) & ~07777u)
		return err_set(err, ERR_MALFORMED, "an edit has a mode beyond the permission bits");
	return 0;
}

int edit_from_json(const json_t *json, struct edit *ret, struct err *err)
{
	struct edit edit = { .old = STR_INIT, .new = STR_INIT };

	if (parse_edit(json, &edit, err) < 0) {
		edit_done(&edit);
		return -1;
	}
	*ret = edit;
	return 0;
}
