/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches: edits resolved against a tree, as the state of each path before and after. */
#include "fs/diff.h"
#include "fs/edit.h"

static void side_done(struct patch_side *side)
{
	str_done(&side->bytes);
	str_done(&side->label);
}

static void side_copy(struct patch_side *to, const struct patch_side *from)
{
	*to = *from;
	to->bytes = to->label = (struct str)STR_INIT;
	str_add_bytes(&to->bytes, from->bytes.s, from->bytes.len);
	str_add_bytes(&to->label, from->label.s, from->label.len);
}

static bool side_eq(const struct patch_side *a, const struct patch_side *b)
{
	if (a->exists != b->exists)
		return false;
	return !a->exists ||
	       (a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
		a->bytes.len == b->bytes.len && !memcmp(a->bytes.s, b->bytes.s, a->bytes.len));
}

/* The state of a path now. A directory has no bytes. */
static int side_read(struct tree *tree, const char *path, struct patch_side *ret, struct err *err)
{
	struct err ignored = ERR_INIT, missing = ERR_INIT;
	struct tree_stat st;

	*ret = (struct patch_side){ .bytes = STR_INIT, .label = STR_INIT };
	if (tree_stat(tree, path, TREE_NOFOLLOW, &st, &missing) < 0) {
		if (missing.code == ERR_NOTFOUND)
			return 0;
		*err = missing;
		return -1;
	}
	ret->exists = true;
	ret->mode = st.mode;
	ret->uid = st.uid;
	ret->gid = st.gid;
	if (S_ISLNK(st.mode))
		return tree_readlink(tree, path, &ret->bytes, err);
	(void)tree_getxattr(tree, path, "security.selinux", &ret->label, &ignored);
	if (S_ISREG(st.mode))
		return tree_read(tree, path, TREE_FILE_MAX, &ret->bytes, err);
	if (!S_ISDIR(st.mode))
		return tree_path_err(err, ERR_MALFORMED, path,
				     "is neither file, directory nor link");
	return 0;
}

static void item_done(struct patch_item *item)
{
	free(item->path);
	side_done(&item->before);
	side_done(&item->after);
}

void patch_done(struct patch *patch)
{
	vec_foreach (item, patch)
		item_done(item);
	vec_done(patch);
}

static struct patch_item *find_item(struct patch *patch, const char *path)
{
	vec_foreach (item, patch)
		if (str_eq(item->path, path))
			return item;
	return NULL;
}

void patch_compose(struct patch *to, const struct patch *next)
{
	size_t kept = 0;

	vec_foreach (item, next) {
		struct patch_item *old = find_item(to, item->path);

		if (old) {
			side_done(&old->after);
		} else {
			old = vec_add(to);
			old->path = mem_strdup(item->path);
			side_copy(&old->before, &item->before);
		}
		side_copy(&old->after, &item->after);
	}
	vec_foreach (item, to) {
		if (side_eq(&item->before, &item->after))
			item_done(item);
		else
			to->items[kept++] = *item;
	}
	to->count = kept;
}

/* The directory part resolved, the last component as it is. */
static int resolve_parent(struct tree *tree, const char *path, struct str *into, struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup(free) char *parent = mem_strndup(path, (size_t)(slash - path));
	struct err missing = ERR_INIT;

	if (tree_resolve(tree, parent[0] ? parent : "/", into, &missing) < 0) {
		if (missing.code != ERR_NOTFOUND) {
			*err = missing;
			return -1;
		}
		str_clear(into); /* parents will be made: nothing there to resolve */
		str_add(into, parent);
	}
	if (!into->len || into->s[into->len - 1] != '/')
		str_add_char(into, '/');
	str_add(into, slash + 1);
	return 0;
}

/* The item of a path, made on first use. An index, because the array moves. */
static int item_of(struct tree *tree, struct patch *patch, const char *path, bool follow,
		   size_t *ret, struct err *err)
{
	cleanup(str_done) struct str real = STR_INIT;
	struct patch_item *item;
	struct patch_side now;

	if (follow ? tree_resolve(tree, path, &real, err) < 0
		   : resolve_parent(tree, path, &real, err) < 0)
		return -1;
	for (size_t i = 0; i < patch->count; i++)
		if (str_eq(patch->items[i].path, real.s)) {
			*ret = i;
			return 0;
		}
	if (side_read(tree, real.s, &now, err) < 0) {
		side_done(&now);
		return -1;
	}
	item = vec_add(patch);
	item->path = mem_strdup(real.s);
	item->before = now;
	side_copy(&item->after, &now);
	*ret = patch->count - 1;
	return 0;
}

static int conflict(struct err *err, const struct edit *edit, const char *what)
{
	return tree_path_err(err, ERR_CONFLICT, edit->path, what);
}

/* Line edits of one path are applied together, from the last line to the first. */

static size_t line_start(const struct str *text, uint32_t line)
{
	size_t at = 0;

	for (uint32_t n = 1; n < line && at < text->len; n++) {
		const char *end = memchr(text->s + at, '\n', text->len - at);

		at = end ? (size_t)(end - text->s) + 1 : text->len;
	}
	return at;
}

/* Highest line first; of insertions before one line the later first, so that the earlier one ends
 * up above; an insertion after the replacement of the line it stands before. */
static int compare_lines(const void *a, const void *b)
{
	const struct edit *x = *(const struct edit *const *)a, *y = *(const struct edit *const *)b;

	if (x->line != y->line)
		return x->line < y->line ? 1 : -1;
	if (!x->count != !y->count)
		return x->count ? -1 : 1;
	return x < y ? 1 : -1;
}

/* Do two edits want the same lines? An insertion conflicts only inside a replaced range. */
static bool overlap(const struct edit *a, const struct edit *b)
{
	uint32_t a_end = a->line + a->count, b_end = b->line + b->count;

	if (!a->count && !b->count)
		return false;
	if (!a->count)
		return a->line > b->line && a->line < b_end;
	if (!b->count)
		return b->line > a->line && b->line < a_end;
	return a->line < b_end && b->line < a_end;
}

static int check_lines(const struct str *text, const struct edit *edit, struct err *err)
{
	size_t from = line_start(text, edit->line), to = line_start(text, edit->line + edit->count);

	if (!edit->line || edit->line + edit->count < edit->line)
		return conflict(err, edit, "an edit names a line that cannot be");
	if (to - from != edit->old.len || memcmp(text->s + from, edit->old.s, edit->old.len))
		return conflict(err, edit, "is not as it was when it was examined");
	return 0;
}

static void replace_lines(struct patch_item *item, const struct edit *edit)
{
	size_t from = line_start(&item->before.bytes, edit->line);
	size_t to = line_start(&item->before.bytes, edit->line + edit->count);
	struct str text = STR_INIT, *now = &item->after.bytes;

	str_add_bytes(&text, now->s, from);
	/* Appending to a last line without a line end must not join two lines. */
	if (from && from == item->before.bytes.len && text.s[from - 1] != '\n')
		str_add_char(&text, '\n');
	str_add_bytes(&text, edit->new.s, edit->new.len);
	str_add_bytes(&text, now->s + to, now->len - to);
	str_done(now);
	*now = text;
}

static int apply_lines(struct patch *patch, struct patch_item *item, const struct edit **list,
		       size_t count, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		bool is_free = true;

		if (check_lines(&item->before.bytes, list[i], err) < 0)
			return -1;
		for (size_t k = 0; k < kept; k++)
			is_free &= !overlap(list[i], list[k]);
		if (is_free)
			list[kept++] = list[i];
		else
			patch->left_out++;
	}
	qsort(list, kept, sizeof(*list), compare_lines);
	for (size_t i = 0; i < kept; i++)
		replace_lines(item, list[i]);
	return 0;
}

/* All line edits of the path of edits->items[first], which is the first of them. */
static int lines_of_path(struct tree *tree, const struct edits *edits, size_t first,
			 struct patch *patch, struct err *err)
{
	const char *path = edits->items[first].path;
	VEC(const struct edit *) list = { 0 };
	size_t at;
	int rc = -1;

	for (size_t i = first; i < edits->count; i++)
		if (edits->items[i].kind == EDIT_LINES && str_eq(edits->items[i].path, path))
			vec_push(&list, &edits->items[i]);
	if (!item_of(tree, patch, path, true, &at, err)) {
		struct patch_item *item = &patch->items[at];

		if (!item->before.exists || !S_ISREG(item->before.mode))
			rc = conflict(err, &edits->items[first], "is no longer a regular file");
		else if (item->before.bytes.len != item->after.bytes.len ||
			 memcmp(item->before.bytes.s, item->after.bytes.s, item->after.bytes.len))
			rc = 0,
			patch->left_out += list.count; /* replaced as a whole by another edit */
		else
			rc = apply_lines(patch, item, list.items, list.count, err);
	}
	vec_done(&list);
	return rc;
}

static void set_side(struct patch_side *side, uint32_t mode, const struct edit *edit)
{
	side->exists = true;
	side->mode = mode;
	side->uid = edit->uid;
	side->gid = edit->gid;
	str_clear(&side->bytes);
	str_add_bytes(&side->bytes, edit->new.s, edit->new.len);
}

/* Parents that are missing become items of their own, outermost first. */
static int make_parents(struct tree *tree, const struct edit *edit, struct patch *patch,
			struct err *err)
{
	for (const char *slash = strchr(edit->path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		cleanup(free) char *parent = mem_strndup(edit->path, (size_t)(slash - edit->path));
		size_t at;

		if (tree_is_dir(tree, parent))
			continue;
		if (item_of(tree, patch, parent, false, &at, err) < 0)
			return -1;
		if (patch->items[at].after.exists && !S_ISDIR(patch->items[at].after.mode))
			return conflict(err, edit, "a name on the way to it is no directory");
		if (!patch->items[at].after.exists) {
			patch->items[at].after.exists = true;
			patch->items[at].after.mode = S_IFDIR | 0755;
		}
	}
	return 0;
}

/* The label a new thing gets: that of `like`, or of the nearest directory that exists. */
static void find_label(struct tree *tree, const struct edit *edit, struct str *ret)
{
	cleanup(free) char *path = mem_strdup(edit->like ? edit->like : edit->path);
	struct err ignored = ERR_INIT;

	for (;;) {
		char *slash;

		if (!tree_getxattr(tree, path[0] ? path : "/", "security.selinux", ret, &ignored) ||
		    !path[0])
			return;
		slash = strrchr(path, '/');
		*slash = '\0';
	}
}

static int make_new(struct tree *tree, const struct edit *edit, struct patch *patch, uint32_t mode,
		    struct err *err)
{
	struct patch_item *item;
	size_t at;

	if (make_parents(tree, edit, patch, err) < 0 ||
	    item_of(tree, patch, edit->path, false, &at, err) < 0)
		return -1;
	item = &patch->items[at];
	if (item->after.exists && edit->kind == EDIT_MKDIR && S_ISDIR(item->after.mode))
		return 0; /* two findings want the same directory */
	if (item->after.exists && edit->kind != EDIT_SYMLINK &&
	    !side_eq(&item->before, &item->after)) {
		patch->left_out++;
		return 0;
	}
	if (item->after.exists && (edit->kind != EDIT_SYMLINK || S_ISDIR(item->after.mode)))
		return conflict(err, edit, "exists already");
	set_side(&item->after, mode, edit);
	str_clear(&item->after.label);
	find_label(tree, edit, &item->after.label);
	return 0;
}

static int change_existing(struct tree *tree, const struct edit *edit, struct patch *patch,
			   struct err *err)
{
	struct patch_side *after;
	size_t at;

	if (item_of(tree, patch, edit->path, edit->kind != EDIT_REMOVE, &at, err) < 0)
		return -1;
	after = &patch->items[at].after;
	if (!after->exists)
		return conflict(err, edit, "is gone");
	switch (edit->kind) {
	case EDIT_REPLACE:
		if (after->bytes.len != edit->old.len ||
		    memcmp(after->bytes.s, edit->old.s, edit->old.len))
			return conflict(err, edit, "is not as it was when it was examined");
		str_clear(&after->bytes);
		str_add_bytes(&after->bytes, edit->new.s, edit->new.len);
		return 0;
	case EDIT_MODE:
		if (S_ISLNK(after->mode) || (after->mode & 07777) != edit->old_mode ||
		    after->uid != edit->old_uid || after->gid != edit->old_gid)
			return conflict(err, edit,
					"has another mode or owner than when it was examined");
		after->mode = (after->mode & S_IFMT) | edit->mode;
		after->uid = edit->uid;
		after->gid = edit->gid;
		return 0;
	default: /* EDIT_REMOVE */
		if (S_ISDIR(after->mode))
			return conflict(err, edit, "is a directory");
		after->exists = false;
		return 0;
	}
}

static bool is_first_of_path(const struct edits *edits, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (edits->items[i].kind == EDIT_LINES &&
		    str_eq(edits->items[i].path, edits->items[at].path))
			return false;
	return true;
}

static int make_item(struct tree *tree, const struct edits *edits, size_t i, struct patch *patch,
		     struct err *err)
{
	const struct edit *edit = &edits->items[i];

	switch (edit->kind) {
	case EDIT_LINES:
		return is_first_of_path(edits, i) ? lines_of_path(tree, edits, i, patch, err) : 0;
	case EDIT_CREATE:
		return make_new(tree, edit, patch, S_IFREG | edit->mode, err);
	case EDIT_MKDIR:
		return make_new(tree, edit, patch, S_IFDIR | edit->mode, err);
	case EDIT_SYMLINK:
		return make_new(tree, edit, patch, S_IFLNK | 0777, err);
	default:
		return change_existing(tree, edit, patch, err);
	}
}

int patch_make(struct tree *tree, const struct edits *edits, struct patch *ret, struct err *err)
{
	struct patch patch = { 0 };

	for (size_t i = 0; i < edits->count; i++)
		if (make_item(tree, edits, i, &patch, err) < 0) {
			patch_done(&patch);
			return -1;
		}
	*ret = patch;
	return 0;
}

/* From one side to the other. */

static int make_side(struct tree *tree, const char *path, const struct patch_side *to,
		     struct err *err)
{
	struct tree_new new = { .mode = to->mode & 07777,
				.uid = to->uid,
				.gid = to->gid,
				.label = to->label.len ? to->label.s : NULL,
				.label_len = to->label.len };

	if (S_ISDIR(to->mode))
		return tree_mkdir(tree, path, &new, err);
	if (S_ISLNK(to->mode))
		return tree_symlink(tree, path, to->bytes.s, &new, err);
	return tree_create(tree, path, &new, to->bytes.s, to->bytes.len, err);
}

static int go_to(struct tree *tree, const char *path, const struct patch_side *from,
		 const struct patch_side *to, struct err *err)
{
	bool other_bytes = from->bytes.len != to->bytes.len ||
			   memcmp(from->bytes.s, to->bytes.s, to->bytes.len);

	if (!to->exists)
		return from->exists ? tree_remove(tree, path, err) : 0;
	if (!from->exists)
		return make_side(tree, path, to, err);
	if ((from->mode & S_IFMT) != (to->mode & S_IFMT) || (S_ISLNK(to->mode) && other_bytes))
		return tree_remove(tree, path, err) < 0 ? -1 : make_side(tree, path, to, err);
	if (other_bytes && tree_write(tree, path, to->bytes.s, to->bytes.len, err) < 0)
		return -1;
	if ((from->uid != to->uid || from->gid != to->gid) &&
	    tree_chown(tree, path, to->uid, to->gid, err) < 0)
		return -1;
	/* Writing and chown drop set-id bits (chown(2)), so the mode comes last and is always set.
	 */
	if (!S_ISLNK(to->mode) && (from->mode != to->mode || to->mode & 06000))
		return tree_chmod(tree, path, to->mode & 07777, err);
	return 0;
}

static int is_at(struct tree *tree, const char *path, const struct patch_side *side, bool *ret,
		 struct err *err)
{
	struct patch_side now;

	if (side_read(tree, path, &now, err) < 0) {
		side_done(&now);
		return -1;
	}
	*ret = side_eq(&now, side);
	side_done(&now);
	return 0;
}

int patch_apply(struct tree *tree, const struct patch *patch, struct err *err)
{
	vec_foreach (item, patch) {
		bool as_before = false;

		if (is_at(tree, item->path, &item->before, &as_before, err) < 0)
			return -1;
		if (!as_before)
			return tree_path_err(err, ERR_CONFLICT, item->path,
					     "changed between examination and repair");
		if (go_to(tree, item->path, &item->before, &item->after, err) < 0)
			return -1;
	}
	return 0;
}

int patch_revert(struct tree *tree, const struct patch *patch, struct tree_names *changed,
		 struct err *err)
{
	for (size_t i = patch->count; i-- > 0;) {
		const struct patch_item *item = &patch->items[i];
		struct err why = ERR_INIT;
		bool as_after = false;

		if (side_eq(&item->before, &item->after))
			continue;
		if (is_at(tree, item->path, &item->after, &as_after, err) < 0)
			return -1;
		/* A directory made by the repair that something lives in now stays. */
		if (as_after && go_to(tree, item->path, &item->after, &item->before, &why) < 0) {
			if (!S_ISDIR(item->after.mode) || item->before.exists) {
				*err = why;
				return -1;
			}
			as_after = false;
		}
		if (!as_after)
			vec_push(changed, mem_strdup(item->path));
	}
	return 0;
}

/* Showing */

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
	return json_pack("{s:I, s:I, s:I, s:o, s:o}", "mode", (json_int_t)side->mode, "uid",
			 (json_int_t)side->uid, "gid", (json_int_t)side->gid, "bytes",
			 bytes_to_json(&side->bytes), "label", bytes_to_json(&side->label));
}

static int side_from_json(const json_t *json, struct patch_side *ret, struct err *err)
{
	*ret = (struct patch_side){ .bytes = STR_INIT, .label = STR_INIT };
	if (json_is_null(json))
		return 0;
	ret->exists = true;
	if (u32_from_json(json, "mode", &ret->mode, err) < 0 ||
	    u32_from_json(json, "uid", &ret->uid, err) < 0 ||
	    u32_from_json(json, "gid", &ret->gid, err) < 0 ||
	    bytes_from_json(json_object_get(json, "bytes"), "bytes", &ret->bytes, err) < 0 ||
	    bytes_from_json(json_object_get(json, "label"), "label", &ret->label, err) < 0)
		return -1;
	return 0;
}

json_t *patch_to_json(const struct patch *patch)
{
	json_t *list = json_array();

	vec_foreach (item, patch)
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "path", item->path,
						      "before", side_to_json(&item->before),
						      "after", side_to_json(&item->after)));
	return list;
}

int patch_from_json(const json_t *json, struct patch *ret, struct err *err)
{
	struct patch patch = { 0 };
	const json_t *value;
	size_t i;

	if (!json_is_array(json))
		return err_set(err, ERR_MALFORMED, "a patch is not a list");
	json_array_foreach(json, i, value)
	{
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
