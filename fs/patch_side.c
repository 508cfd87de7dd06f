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

static bool other_bytes(const struct patch_side *a, const struct patch_side *b)
{
	return !a->is_bare && !b->is_bare &&
	       (a->bytes.len != b->bytes.len || memcmp(a->bytes.s, b->bytes.s, a->bytes.len));
}

bool patch_side_eq(const struct patch_side *a, const struct patch_side *b)
{
	if (a->exists != b->exists)
		return false;
	return !a->exists || (a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
			      a->flags == b->flags && !other_bytes(a, b));
}

/* The state of a path now. A directory has no bytes. */
static int read_side(struct tree *tree, const char *path, bool is_bare, struct patch_side *ret,
		     struct err *err)
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
	ret->flags = st.attr_flags;
	if (S_ISLNK(st.mode))
		return tree_readlink(tree, path, &ret->bytes, err);
	(void)tree_getxattr(tree, path, "security.selinux", &ret->label, &ignored);
	ret->is_bare = is_bare && S_ISREG(st.mode);
	if (S_ISREG(st.mode) && !is_bare)
		return tree_read(tree, path, TREE_FILE_MAX, &ret->bytes, err);
	if (!S_ISDIR(st.mode) && !S_ISREG(st.mode))
		return tree_path_err(err, ERR_MALFORMED, path,
				     "is neither file, directory nor link");
	return 0;
}

int patch_side_read(struct tree *tree, const char *path, struct patch_side *ret, struct err *err)
{
	return read_side(tree, path, false, ret, err);
}

int patch_side_read_bare(struct tree *tree, const char *path, struct patch_side *ret,
			 struct err *err)
{
	return read_side(tree, path, true, ret, err);
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

/* Something else stands, or nothing, or something for the first time, under the name. */
static bool is_other_thing(const struct patch_side *from, const struct patch_side *to)
{
	if (from->exists != to->exists)
		return true;
	return to->exists && ((from->mode & S_IFMT) != (to->mode & S_IFMT) ||
			      (S_ISLNK(to->mode) && other_bytes(from, to)));
}

static int go_to_other_thing(struct tree *tree, const char *path, const struct patch_side *from,
			     const struct patch_side *to, struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup(free) char *parent = mem_strndup(path, slash > path ? (size_t)(slash - path) : 1);
	struct tree_stat st;

	if (tree_stat(tree, parent, TREE_NOFOLLOW, &st, err) < 0 ||
	    (st.attr_flags && tree_chflags(tree, parent, 0, err) < 0))
		return -1;
	if ((from->exists && tree_remove(tree, path, err) < 0) ||
	    (to->exists && make_side(tree, path, to, err) < 0))
		return -1;
	return st.attr_flags ? tree_chflags(tree, parent, st.attr_flags, err) : 0;
}

static int go_in_place(struct tree *tree, const char *path, const struct patch_side *from,
		       const struct patch_side *to, struct err *err)
{
	if (other_bytes(from, to) && tree_write(tree, path, to->bytes.s, to->bytes.len, err) < 0)
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

int patch_side_go(struct tree *tree, const char *path, const struct patch_side *from,
		  const struct patch_side *to, struct err *err)
{
	uint32_t flags = from->exists ? from->flags : 0;

	if (patch_side_eq(from, to))
		return 0;
	if (flags && tree_chflags(tree, path, 0, err) < 0)
		return -1;
	if (is_other_thing(from, to)) {
		if (go_to_other_thing(tree, path, from, to, err) < 0)
			return -1;
	} else if (to->exists && go_in_place(tree, path, from, to, err) < 0) {
		return -1;
	}
	return to->exists && to->flags ? tree_chflags(tree, path, to->flags, err) : 0;
}

int patch_side_is_at(struct tree *tree, const char *path, const struct patch_side *side, bool *ret,
		     struct err *err)
{
	struct patch_side now;

	if (read_side(tree, path, side->is_bare, &now, err) < 0) {
		patch_side_done(&now);
		return -1;
	}
	*ret = patch_side_eq(&now, side);
	patch_side_done(&now);
	return 0;
}
