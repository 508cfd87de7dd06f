/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From edits to a patch: each edit resolved against the tree. */
#include "fs/patch_side.h"

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

/* Contents for an item that was made for its mode alone. */
static int need_bytes(struct tree *tree, struct patch_item *item, struct err *err)
{
	if (!item->before.exists || !item->before.is_bare)
		return 0;
	item->before.is_bare = item->after.is_bare = false;
	if (tree_read(tree, item->path, TREE_FILE_MAX, &item->before.bytes, err) < 0)
		return -1;
	str_add_bytes(&item->after.bytes, item->before.bytes.s, item->before.bytes.len);
	return 0;
}

enum wanted { WANT_ALL, WANT_BARE }; /* BARE: without the contents of a file */

/* The item of a path, made on first use. An index, because the array moves. */
static int item_of(struct tree *tree, struct patch *patch, const char *path, bool follow,
		   enum wanted wanted, size_t *ret, struct err *err)
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
			return wanted == WANT_ALL ? need_bytes(tree, &patch->items[i], err) : 0;
		}
	if ((wanted == WANT_ALL ? patch_side_read(tree, real.s, &now, err)
				: patch_side_read_bare(tree, real.s, &now, err)) < 0) {
		patch_side_done(&now);
		return -1;
	}
	item = vec_add(patch);
	item->path = mem_strdup(real.s);
	item->before = now;
	patch_side_copy(&item->after, &now);
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
	if (kept > 1)
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
	if (!item_of(tree, patch, path, true, WANT_ALL, &at, err)) {
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
		if (item_of(tree, patch, parent, false, WANT_ALL, &at, err) < 0)
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
	    item_of(tree, patch, edit->path, false, WANT_ALL, &at, err) < 0)
		return -1;
	item = &patch->items[at];
	if (item->after.exists && edit->kind == EDIT_MKDIR && S_ISDIR(item->after.mode))
		return 0; /* two findings want the same directory */
	if (item->after.exists && edit->kind != EDIT_SYMLINK &&
	    !patch_side_eq(&item->before, &item->after)) {
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

static bool same_bytes(const struct str *a, const struct str *b)
{
	return a->len == b->len && !memcmp(a->s, b->s, a->len);
}

static bool is_mode(const struct patch_side *side, uint32_t mode, uint32_t uid, uint32_t gid)
{
	return (side->mode & 07777) == mode && side->uid == uid && side->gid == gid;
}

/* Mode and owner, unless an earlier edit of this patch has changed them: then to the same, or it is
 * left for the next examination. */
static int change_mode(const struct edit *edit, struct patch_item *item, struct patch *patch,
		       struct err *err)
{
	struct patch_side *after = &item->after;

	if (!item->before.exists || !after->exists) {
		patch->left_out++;
		return 0;
	}
	if (S_ISLNK(after->mode) ||
	    !is_mode(&item->before, edit->old_mode, edit->old_uid, edit->old_gid))
		return conflict(err, edit, "has another mode or owner than when it was examined");
	if (!is_mode(after, edit->old_mode, edit->old_uid, edit->old_gid)) {
		patch->left_out += !is_mode(after, edit->mode, edit->uid, edit->gid);
		return 0;
	}
	after->mode = (after->mode & S_IFMT) | edit->mode;
	after->uid = edit->uid;
	after->gid = edit->gid;
	return 0;
}

static int change_flags(const struct edit *edit, struct patch_item *item, struct patch *patch,
			struct err *err)
{
	if (!item->after.exists) {
		patch->left_out++;
		return 0;
	}
	if (item->before.flags != edit->old_flags)
		return conflict(err, edit, "has other attributes than when it was examined");
	item->after.flags = edit->flags;
	return 0;
}

/* An edit says what it has seen. What is otherwise by an earlier edit is left for the next examination; otherwise
 * in the tree itself is a conflict. */
static int change_existing(struct tree *tree, const struct edit *edit, struct patch *patch,
			   struct err *err)
{
	bool is_bare = edit->kind == EDIT_MODE || edit->kind == EDIT_FLAGS;
	const struct patch_side *seen;
	struct patch_side *after;
	size_t at;

	if (item_of(tree, patch, edit->path, edit->kind != EDIT_REMOVE,
		    is_bare ? WANT_BARE : WANT_ALL, &at, err) < 0)
		return -1;
	after = &patch->items[at].after;
	seen = patch->items[at].before.exists ? &patch->items[at].before : after;
	if (!seen->exists)
		return conflict(err, edit, "is gone");
	switch (edit->kind) {
	case EDIT_MODE:
		return change_mode(edit, &patch->items[at], patch, err);
	case EDIT_FLAGS:
		return change_flags(edit, &patch->items[at], patch, err);
	case EDIT_REPLACE:
		if (!S_ISREG(seen->mode))
			return conflict(err, edit, "is no regular file");
		if (!same_bytes(&seen->bytes, &edit->old))
			return conflict(err, edit, "is not as it was when it was examined");
		break;
	default: /* EDIT_REMOVE */
		if (S_ISDIR(seen->mode))
			return conflict(err, edit, "is a directory");
		if (!after->exists)
			return 0; /* two findings want it away, as when two checks disable one unit */
	}
	if (!after->exists || !same_bytes(&seen->bytes, &after->bytes)) {
		patch->left_out++;
		return 0;
	}
	if (edit->kind == EDIT_REPLACE) {
		str_clear(&after->bytes);
		str_add_bytes(&after->bytes, edit->new.s, edit->new.len);
	} else {
		after->exists = false;
	}
	return 0;
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
	case EDIT_BLOCKS:
		return 0; /* no files: fs/mend.h */
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
