/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ext2_walk.h"

#include <stdio.h>

#define LINKS_MAX 40 /* as the kernel's own limit, path_resolution(7) */

int(ext2_path_err)(struct err *err, errcode_t code, const char *path)
{
	cleanup(str_done) struct str shown = STR_INIT;

	str_add_escaped(&shown, path, strnlen(path, 256));
	return ext2io_err(err, code, "%s", shown.s);
}

int ext2_read_inode(const struct ext2_tree *tree, struct ext2_spot spot, const char *path,
		    struct ext2_inode_large *ret, struct err *err)
{
	errcode_t code;

	memset(ret, 0, sizeof(*ret));
	code = ext2fs_read_inode_full(ext2_fs(tree, spot), spot.ino, EXT2_INODE(ret), sizeof(*ret));
	return code ? ext2_path_err(err, code, path) : 0;
}

static int read_contents(ext2_filsys fs, ext2_ino_t ino, char *into, unsigned size,
			 const char *path, struct err *err)
{
	ext2_file_t file;
	unsigned got = 0;
	errcode_t code = ext2fs_file_open(fs, ino, 0, &file);

	if (code)
		return ext2_path_err(err, code, path);
	code = ext2fs_file_read(file, into, size, &got);
	ext2fs_file_close(file);
	if (!code && got != size)
		code = EXT2_ET_SHORT_READ;
	return code ? ext2_path_err(err, code, path) : 0;
}

int ext2_read_link(const struct ext2_tree *tree, struct ext2_spot spot, const char *path,
		   struct str *into, struct err *err)
{
	struct ext2_inode_large inode;
	char target[TREE_PATH_MAX];
	uint64_t size;

	if (ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	size = EXT2_I_SIZE(EXT2_INODE(&inode));
	if (!LINUX_S_ISLNK(inode.i_mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is not a symbolic link");
	if (!size || size >= sizeof(target))
		return tree_path_err(err, ERR_MALFORMED, path, "is a damaged symbolic link");
	if (inode.i_flags & EXT4_ENCRYPT_FL)
		return tree_path_err(err, ERR_UNSUPPORTED, path, "is encrypted");
	if (ext2fs_is_fast_symlink(EXT2_INODE(&inode)) && size < sizeof(inode.i_block))
		memcpy(target, inode.i_block, (size_t)size);
	else if (read_contents(ext2_fs(tree, spot), spot.ino, target, (unsigned)size, path, err) <
		 0)
		return -1;
	str_add_bytes(into, target, strnlen(target, (size_t)size));
	return 0;
}

/* If another file system is mounted on this directory, its root. */
static struct ext2_spot cross(const struct ext2_tree *tree, struct ext2_spot spot)
{
	for (size_t i = 1; i < tree->parts.count; i++) {
		const struct ext2_part *part = &tree->parts.items[i];

		if (part->host == spot.part && part->host_ino == spot.ino)
			return cross(tree, (struct ext2_spot){ .part = i, .ino = EXT2_ROOT_INO });
	}
	return spot;
}

int ext2_lookup(const struct ext2_tree *tree, struct ext2_spot dir, const char *name,
		const char *path, struct ext2_spot *ret, struct err *err)
{
	struct ext2_inode_large inode;
	ext2_ino_t ino;
	errcode_t code;

	if (ext2_read_inode(tree, dir, path, &inode, err) < 0)
		return -1;
	if (!LINUX_S_ISDIR(inode.i_mode))
		return ext2_path_err(err, EXT2_ET_NO_DIRECTORY, path);
	if (strlen(name) > EXT2_NAME_LEN)
		return tree_path_err(err, ERR_MALFORMED, path, "the name is too long");
	code = ext2io_lookup(ext2_fs(tree, dir), dir.ino, name, &ino);
	if (code)
		return ext2_path_err(err, code, path);
	*ret = cross(tree, (struct ext2_spot){ .part = dir.part, .ino = ino });
	return 0;
}

/* The way walked so far: every directory from the root down, for "..". */
struct walk {
	const struct ext2_tree *tree;
	const char *path;
	enum tree_follow follow;
	VEC(struct ext2_spot) spots;
	struct str rest;
	unsigned links;
};

static void walk_done(struct walk *walk)
{
	vec_done(&walk->spots);
	str_done(&walk->rest);
}
DEFINE_CLEANUP_DONE(struct walk, walk_done)

static int follow_link(struct walk *walk, struct ext2_spot link, struct err *err)
{
	cleanup(str_done) struct str rest = STR_INIT;

	if (++walk->links > LINKS_MAX)
		return tree_path_err(err, ERR_MALFORMED, walk->path,
				     "the symbolic links go round in a circle");
	if (ext2_read_link(walk->tree, link, walk->path, &rest, err) < 0)
		return -1;
	if (rest.s[0] == '/')
		walk->spots.count = 1;
	if (walk->rest.len)
		str_addf(&rest, "/%s", walk->rest.s);
	if (rest.len >= (size_t)2 * TREE_PATH_MAX)
		return tree_path_err(err, ERR_MALFORMED, walk->path,
				     "the link leads to too long a path");
	str_clear(&walk->rest);
	str_add(&walk->rest, rest.s);
	return 0;
}

static int step(struct walk *walk, const char *name, struct err *err)
{
	struct ext2_spot here = walk->spots.items[walk->spots.count - 1], next;
	bool is_last = walk->rest.len == strspn(walk->rest.s, "/");
	struct ext2_inode_large inode;

	if (str_eq(name, ".."))
		walk->spots.count -= walk->spots.count > 1;
	if (str_eq(name, "..") || str_eq(name, "."))
		return 0;
	if (ext2_lookup(walk->tree, here, name, walk->path, &next, err) < 0 ||
	    ext2_read_inode(walk->tree, next, walk->path, &inode, err) < 0)
		return -1;
	if (LINUX_S_ISLNK(inode.i_mode) && (!is_last || walk->follow == TREE_FOLLOW))
		return follow_link(walk, next, err);
	vec_push(&walk->spots, next);
	return 0;
}

int ext2_walk(const struct ext2_tree *tree, const char *path, enum tree_follow follow,
	      struct ext2_spot *ret, struct err *err)
{
	cleanup(walk_done) struct walk walk = {
		.tree = tree, .path = path, .follow = follow, .rest = STR_INIT
	};

	vec_push(&walk.spots, ((struct ext2_spot){ .part = 0, .ino = EXT2_ROOT_INO }));
	str_add(&walk.rest, path);
	for (;;) {
		size_t skip = strspn(walk.rest.s, "/"), len = strcspn(walk.rest.s + skip, "/");
		cleanup(free) char *name = mem_strndup(walk.rest.s + skip, len);
		cleanup(free) char *after = mem_strdup(walk.rest.s + skip + len);

		if (!len)
			break;
		str_clear(&walk.rest);
		str_add(&walk.rest, after);
		if (step(&walk, name, err) < 0)
			return -1;
	}
	*ret = walk.spots.items[walk.spots.count - 1];
	return 0;
}

int ext2_walk_parent(const struct ext2_tree *tree, const char *path, struct ext2_spot *ret,
		     const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup(free) char *parent = mem_strndup(path, (size_t)(slash - path));

	*ret_name = slash + 1;
	if (!slash[1] || str_eq(slash + 1, ".") || str_eq(slash + 1, ".."))
		return tree_path_err(err, ERR_INTERNAL, path, "does not name an entry");
	return ext2_walk(tree, parent[0] ? parent : "/", TREE_FOLLOW, ret, err);
}
