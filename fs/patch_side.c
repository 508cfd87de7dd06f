/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/patch_side.h"

void patch_side_done(struct patch_side *side)
{
	str_done(&side->bytes);
	str_done(&side->label);
}

void patch_side_copy(struct patch_side *to, const struct patch_side *from)
{
	*to = *from;
	to->bytes = to->label = (struct str)STR_INIT;
	str_add_bytes(&to->bytes, from->bytes.s, from->bytes.len);
	str_add_bytes(&to->label, from->label.s, from->label.len);
}

bool patch_side_eq(const struct patch_side *a, const struct patch_side *b)
{
	if (a->exists != b->exists)
		return false;
	return !a->exists ||
	       (a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
		a->bytes.len == b->bytes.len && !memcmp(a->bytes.s, b->bytes.s, a->bytes.len));
}

/* The state of a path now. A directory has no bytes. */
int patch_side_read(struct tree *tree, const char *path, struct patch_side *ret, struct err *err)
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

int patch_side_go(struct tree *tree, const char *path, const struct patch_side *from,
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

int patch_side_is_at(struct tree *tree, const char *path, const struct patch_side *side, bool *ret,
		     struct err *err)
{
	struct patch_side now;

	if (patch_side_read(tree, path, &now, err) < 0) {
		patch_side_done(&now);
		return -1;
	}
	*ret = patch_side_eq(&now, side);
	patch_side_done(&now);
	return 0;
}
