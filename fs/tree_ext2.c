/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree_ext2.h"

#include <stdio.h>

static int ext2_stat(void *private, const char *path, enum tree_follow follow,
		     struct tree_stat *ret, struct err *err)
{
	const struct ext2_tree *tree = private;
	struct ext2_inode_large inode;
	struct ext2_spot spot;

	if (ext2_walk(tree, path, follow, &spot, err) < 0 ||
	    ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	*ret = (struct tree_stat){
		.mode = inode.i_mode,
		.uid = inode.i_uid | (uint32_t)inode.osd2.linux2.l_i_uid_high << 16,
		.gid = inode.i_gid | (uint32_t)inode.osd2.linux2.l_i_gid_high << 16,
		.size_bytes = EXT2_I_SIZE(EXT2_INODE(&inode)),
		.ino = spot.ino,
		.nlink = inode.i_links_count,
		.mtime = (int32_t)inode.i_mtime,
		.attr_flags = (inode.i_flags & EXT2_IMMUTABLE_FL ? TREE_IMMUTABLE : 0) |
			      (inode.i_flags & EXT2_APPEND_FL ? TREE_APPEND : 0),
	};
	/* Two bits of epoch for dates after 2038, where the inode has room for them. */
	if (EXT2_INODE_SIZE(ext2_fs(tree, spot)->super) > EXT2_GOOD_OLD_INODE_SIZE &&
	    inode.i_extra_isize >= 12)
		ret->mtime += (int64_t)(inode.i_mtime_extra & 3) << 32;
	return 0;
}

/* A regular file whose contents are on the disk as they are. */
static int find_readable(const struct ext2_tree *tree, const char *path, struct ext2_spot *ret_spot,
			 uint64_t *ret_size, struct err *err)
{
	struct ext2_inode_large inode;

	if (ext2_walk(tree, path, TREE_FOLLOW, ret_spot, err) < 0 ||
	    ext2_read_inode(tree, *ret_spot, path, &inode, err) < 0)
		return -1;
	if (!LINUX_S_ISREG(inode.i_mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is not a regular file");
	if (inode.i_flags & (EXT4_ENCRYPT_FL | EXT2_COMPR_FL))
		return tree_path_err(err, ERR_UNSUPPORTED, path, "is encrypted or compressed");
	*ret_size = EXT2_I_SIZE(EXT2_INODE(&inode));
	return 0;
}

/* Exactly these bytes, which the file has. */
static int read_span(const struct ext2_tree *tree, struct ext2_spot spot, const char *path,
		     uint64_t offset, size_t len, struct str *into, struct err *err)
{
	cleanup(free) char *bytes = mem_alloc(len + 1);
	ext2_file_t file;
	unsigned got = 0;
	errcode_t code = ext2fs_file_open(ext2_fs(tree, spot), spot.ino, 0, &file);

	if (code)
		return ext2_path_err(err, code, path);
	code = ext2fs_file_llseek(file, offset, EXT2_SEEK_SET, NULL);
	if (!code)
		code = ext2fs_file_read(file, bytes, (unsigned)len, &got);
	ext2fs_file_close(file);
	if (!code && got != len)
		code = EXT2_ET_SHORT_READ;
	if (code)
		return ext2_path_err(err, code, path);
	str_add_bytes(into, bytes, got);
	return 0;
}

static int ext2_read(void *private, const char *path, size_t max_bytes, struct str *into,
		     struct err *err)
{
	struct ext2_spot spot;
	uint64_t size;

	if (find_readable(private, path, &spot, &size, err) < 0)
		return -1;
	if (size > max_bytes)
		return tree_path_err(err, ERR_MALFORMED, path,
				     "is too large to be what it should be");
	return read_span(private, spot, path, 0, (size_t)size, into, err);
}

static int ext2_read_at(void *private, const char *path, uint64_t offset, size_t len,
			struct str *into, struct err *err)
{
	struct ext2_spot spot;
	uint64_t size;

	if (find_readable(private, path, &spot, &size, err) < 0)
		return -1;
	if (offset >= size)
		return 0;
	if (len > size - offset)
		len = (size_t)(size - offset);
	return read_span(private, spot, path, offset, len, into, err);
}

static int ext2_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	struct ext2_spot spot;

	if (ext2_walk(private, path, TREE_NOFOLLOW, &spot, err) < 0)
		return -1;
	return ext2_read_link(private, spot, path, into, err);
}

/* By name: the kind that libext2fs tells is wrong in directories that live inside their inode. */
bool ext2_is_dot(const struct ext2_dir_entry *entry)
{
	int len = ext2fs_dirent_name_len(entry);

	return (len == 1 || len == 2) && !memcmp(entry->name, "..", (size_t)len);
}

struct listing {
	struct tree_names *names;
	bool is_too_long;
};

static int take_entry(ext2_ino_t dir, int kind, struct ext2_dir_entry *entry, int offset,
		      int block_size, char *buffer, void *private)
{
	struct listing *listing = private;
	size_t len = (size_t)ext2fs_dirent_name_len(entry);

	(void)dir;
	(void)kind;
	(void)offset;
	(void)block_size;
	(void)buffer;
	if (!entry->inode || !len || ext2_is_dot(entry))
		return 0;
	if (memchr(entry->name, '/', len) || memchr(entry->name, '\0', len))
		return 0; /* no such name can be opened: damage, or a trap */
	if (listing->names->count == TREE_LIST_MAX) {
		listing->is_too_long = true;
		return DIRENT_ABORT;
	}
	vec_push(listing->names, mem_strndup(entry->name, len));
	return 0;
}

static int ext2_list(void *private, const char *path, struct tree_names *ret, struct err *err)
{
	const struct ext2_tree *tree = private;
	struct listing listing = { .names = ret };
	struct ext2_spot spot;
	errcode_t code;

	if (ext2_walk(tree, path, TREE_FOLLOW, &spot, err) < 0)
		return -1;
	code = ext2fs_check_directory(ext2_fs(tree, spot), spot.ino);
	if (!code)
		code = ext2fs_dir_iterate2(ext2_fs(tree, spot), spot.ino, 0, NULL, take_entry,
					   &listing);
	if (code)
		return ext2_path_err(err, code, path);
	if (listing.is_too_long)
		return tree_path_err(err, ERR_MALFORMED, path, "has too many entries");
	return 0;
}

static int ext2_getxattr(void *private, const char *path, const char *name, struct str *into,
			 struct err *err)
{
	const struct ext2_tree *tree = private;
	struct ext2_xattr_handle *handle;
	struct ext2_spot spot;
	void *value = NULL;
	size_t len = 0;
	errcode_t code;

	if (ext2_walk(tree, path, TREE_FOLLOW, &spot, err) < 0)
		return -1;
	code = ext2fs_xattrs_open(ext2_fs(tree, spot), spot.ino, &handle);
	if (code)
		return ext2_path_err(err, code, path);
	code = ext2fs_xattrs_read(handle);
	if (!code)
		code = ext2fs_xattr_get(handle, name, &value, &len);
	ext2fs_xattrs_close(&handle);
	if (code == EXT2_ET_EA_KEY_NOT_FOUND)
		return tree_path_err(err, ERR_NOTFOUND, path, "has no such attribute");
	if (code)
		return ext2_path_err(err, code, path);
	str_add_bytes(into, value, len);
	ext2fs_free_mem(&value);
	return 0;
}

static int ext2_space(void *private, struct tree_space *ret, struct err *err)
{
	const struct ext2_tree *tree = private;
	ext2_filsys fs = tree->parts.items[0].fs;

	(void)err;
	*ret = (struct tree_space){
		.bytes = ext2fs_blocks_count(fs->super) * fs->blocksize,
		.bytes_free = ext2fs_free_blocks_count(fs->super) * fs->blocksize,
		.inodes = fs->super->s_inodes_count,
		.inodes_free = fs->super->s_free_inodes_count,
	};
	return 0;
}

static const struct tree_ops ext2_ops = {
	.stat = ext2_stat,
	.read = ext2_read,
	.read_at = ext2_read_at,
	.readlink = ext2_readlink,
	.list = ext2_list,
	.getxattr = ext2_getxattr,
	.space = ext2_space,
	.write = ext2_write,
	.create = ext2_create,
	.mkdir = ext2_mkdir,
	.symlink = ext2_symlink,
	.remove = ext2_remove,
	.chmod = ext2_chmod,
	.chown = ext2_chown,
	.chflags = ext2_chflags,
	.sync = ext2_sync,
};

struct tree *tree_open_ext2(struct ext2_tree *tree)
{
	return tree_new_backend(&ext2_ops, tree);
}

int ext2_tree_mount(struct ext2_tree *tree, const char *dir, ext2_filsys fs, struct err *err)
{
	struct ext2_spot spot;
	errcode_t code;

	if (ext2_walk(tree, dir, TREE_FOLLOW, &spot, err) < 0)
		return -1;
	code = ext2fs_check_directory(ext2_fs(tree, spot), spot.ino);
	if (code)
		return ext2_path_err(err, code, dir);
	vec_push(&tree->parts,
		 ((struct ext2_part){ .fs = fs, .host = spot.part, .host_ino = spot.ino }));
	return 0;
}
