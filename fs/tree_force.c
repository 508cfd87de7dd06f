/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/commit.h"

/* What is there now; exists false also when nothing is. */
static int look(struct tree *tree, const char *path, struct patch_side *ret, struct err *err)
{
	struct err missing = ERR_INIT;
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
	if (S_ISREG(st.mode))
		return tree_read(tree, path, TREE_FILE_MAX, &ret->bytes, err);
	if (S_ISLNK(st.mode))
		return tree_readlink(tree, path, &ret->bytes, err);
	return 0;
}

static void side_done(struct patch_side *side)
{
	str_done(&side->bytes);
	str_done(&side->label);
}
DEFINE_CLEANUP_DONE(struct patch_side, side_done)

static bool same_bytes(const struct patch_side *a, const struct patch_side *b)
{
	return a->bytes.len == b->bytes.len && !memcmp(a->bytes.s, b->bytes.s, a->bytes.len);
}

/* Contents are written in place, so a write that was cut off leaves each byte as it was, as it
 * should become, or never written (zero). */
static bool is_torn_write(const struct patch_side *now, const struct patch_item *item)
{
	const struct str *old = &item->before.bytes, *new = &item->after.bytes;

	if (now->bytes.len > old->len && now->bytes.len > new->len)
		return false;
	for (size_t i = 0; i < now->bytes.len; i++) {
		char c = now->bytes.s[i];

		if (c && !(i < old->len && old->s[i] == c) && !(i < new->len &&new->s[i] == c))
			return false;
	}
	return true;
}

static bool is_ours(const struct patch_side *now, const struct patch_item *item)
{
	bool like_old = item->before.exists && !((now->mode ^ item->before.mode) & S_IFMT);
	bool like_new = item->after.exists && !((now->mode ^ item->after.mode) & S_IFMT);

	if (!now->exists)
		return true;
	if (!like_old && !like_new)
		return false;
	return !S_ISREG(now->mode) || is_torn_write(now, item);
}

static int make(struct tree *tree, const char *path, const struct patch_side *side, struct err *err)
{
	struct tree_new new = { .mode = side->mode & 07777,
				.uid = side->uid,
				.gid = side->gid,
				.label = side->label.len ? side->label.s : NULL,
				.label_len = side->label.len };

	if (S_ISDIR(side->mode))
		return tree_mkdir(tree, path, &new, err);
	if (S_ISLNK(side->mode))
		return tree_symlink(tree, path, side->bytes.s, &new, err);
	return tree_create(tree, path, &new, side->bytes.s, side->bytes.len, err);
}

static int bring(struct tree *tree, const char *path, const struct patch_side *now,
		 const struct patch_side *to, struct err *err)
{
	bool other_bytes = !same_bytes(now, to);
	bool other_kind =
		(now->mode & S_IFMT) != (to->mode & S_IFMT) || (S_ISLNK(to->mode) && other_bytes);

	if (!to->exists)
		return now->exists ? tree_remove(tree, path, err) : 0;
	if (!now->exists)
		return make(tree, path, to, err);
	if (other_kind)
		return tree_remove(tree, path, err) < 0 ? -1 : make(tree, path, to, err);
	if (S_ISREG(to->mode) && other_bytes &&
	    tree_write(tree, path, to->bytes.s, to->bytes.len, err) < 0)
		return -1;
	if ((now->uid != to->uid || now->gid != to->gid) &&
	    tree_chown(tree, path, to->uid, to->gid, err) < 0)
		return -1;
	/* Last and always: writing and chown drop set-id bits (chown(2)). */
	return S_ISLNK(to->mode) ? 0 : tree_chmod(tree, path, to->mode & 07777, err);
}

static int force_item(struct tree *tree, const struct patch_item *item, const struct patch_side *to,
		      struct err *err)
{
	cleanup(side_done) struct patch_side now;

	if (look(tree, item->path, &now, err) < 0)
		return -1;
	if (!is_ours(&now, item))
		return tree_path_err(err, ERR_CONFLICT, item->path,
				     "was changed by somebody else; put it right by hand, the "
				     "record has both contents");
	return bring(tree, item->path, &now, to, err);
}

int tree_force(struct tree *tree, const struct patch *patch, enum record_direction direction,
	       struct err *err)
{
	for (size_t i = 0; i < patch->count; i++) {
		bool forward = direction == RECORD_FINISH;
		const struct patch_item *item = &patch->items[forward ? i : patch->count - 1 - i];

		if (force_item(tree, item, forward ? &item->after : &item->before, err) < 0)
			return -1;
	}
	return 0;
}

bool tree_is_at(struct tree *tree, const char *path, const struct patch_side *side)
{
	cleanup(side_done) struct patch_side now;
	struct err ignored = ERR_INIT;

	if (look(tree, path, &now, &ignored) < 0 || now.exists != side->exists)
		return false;
	return !side->exists || (now.mode == side->mode && now.uid == side->uid &&
				 now.gid == side->gid && same_bytes(&now, side));
}
