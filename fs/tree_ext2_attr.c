/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modes and owners through libext2fs. */
#include "fs/tree_ext2.h"

#include <stdio.h>
#include <time.h>

/* posix_acl_xattr(5) as libext2fs hands it out: a 4-byte version, then entries of a tag, permission
 * bits and an id. Source: linux include/uapi/linux/posix_acl_xattr.h. */
#define ACL_XATTR "system.posix_acl_access"
#define ACL_HEAD  4u
#define ACL_ENTRY 8u
enum {
	ACL_TAG_USER_OBJ = 0x01,
	ACL_TAG_GROUP_OBJ = 0x04,
	ACL_TAG_MASK = 0x10,
	ACL_TAG_OTHER = 0x20
};

static unsigned tag_of(const unsigned char *entry)
{
	return entry[0] | (unsigned)entry[1] << 8;
}

/* As the kernel's posix_acl_chmod: with a mask, the group bits of the mode are the mask. */
static void acl_set_mode(unsigned char *acl, size_t len, uint32_t mode)
{
	bool has_mask = false;

	for (size_t at = ACL_HEAD; at + ACL_ENTRY <= len; at += ACL_ENTRY)
		has_mask |= tag_of(acl + at) == ACL_TAG_MASK;
	for (size_t at = ACL_HEAD; at + ACL_ENTRY <= len; at += ACL_ENTRY) {
		unsigned tag = tag_of(acl + at);

		if (tag == ACL_TAG_USER_OBJ)
			acl[at + 2] = (unsigned char)(mode >> 6 & 7);
		else if (tag == (has_mask ? ACL_TAG_MASK : ACL_TAG_GROUP_OBJ))
			acl[at + 2] = (unsigned char)(mode >> 3 & 7);
		else if (tag == ACL_TAG_OTHER)
			acl[at + 2] = (unsigned char)(mode & 7);
	}
}

static errcode_t chmod_acl(ext2_filsys fs, ext2_ino_t ino, uint32_t mode)
{
	struct ext2_xattr_handle *handle;
	errcode_t code = ext2fs_xattrs_open(fs, ino, &handle), closed;
	void *acl = NULL;
	size_t len = 0;

	if (code)
		return code;
	code = ext2fs_xattrs_read(handle);
	if (!code)
		code = ext2fs_xattr_get(handle, ACL_XATTR, &acl, &len);
	if (!code) {
		acl_set_mode(acl, len, mode);
		code = ext2fs_xattr_set(handle, ACL_XATTR, acl, len);
		ext2fs_free_mem(&acl);
	} else if (code == EXT2_ET_EA_KEY_NOT_FOUND) {
		code = 0;
	}
	closed = ext2fs_xattrs_close(&handle);
	return code ? code : closed;
}

static int begin_change(struct ext2_tree *tree, const char *path, struct ext2_spot *ret_spot,
			struct ext2_inode_large *ret_inode, struct err *err)
{
	if (ext2_walk(tree, path, TREE_NOFOLLOW, ret_spot, err) < 0 ||
	    ext2_make_ready(tree, *ret_spot, path, err) < 0 ||
	    ext2_read_inode(tree, *ret_spot, path, ret_inode, err) < 0)
		return -1;
	if (ret_inode->i_flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL))
		return tree_path_err(err, ERR_DENIED, path,
				     "is immutable or append-only (chattr +i, +a)");
	return 0;
}

static int end_change(struct ext2_tree *tree, const char *path, struct ext2_spot spot,
		      struct ext2_inode_large *inode, struct err *err)
{
	errcode_t code;

	inode->i_ctime = (uint32_t)time(NULL);
	inode->i_ctime_extra = 0;
	code = ext2fs_write_inode_full(ext2_fs(tree, spot), spot.ino, EXT2_INODE(inode),
				       sizeof(*inode));
	return code ? ext2_path_err(err, code, path) : 0;
}

int ext2_chmod(void *private, const char *path, uint32_t mode, struct err *err)
{
	struct ext2_tree *tree = private;
	struct ext2_inode_large inode;
	struct ext2_spot spot;
	errcode_t code;

	if (begin_change(tree, path, &spot, &inode, err) < 0)
		return -1;
	if (LINUX_S_ISLNK(inode.i_mode))
		return tree_path_err(err, ERR_MALFORMED, path, "a symbolic link has no mode");
	code = chmod_acl(ext2_fs(tree, spot), spot.ino, mode);
	if (code)
		return ext2_path_err(err, code, path);
	if (ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	inode.i_mode = (uint16_t)((inode.i_mode & LINUX_S_IFMT) | (mode & 07777));
	return end_change(tree, path, spot, &inode, err);
}

int ext2_chown(void *private, const char *path, uint32_t uid, uint32_t gid, struct err *err)
{
	struct ext2_tree *tree = private;
	struct ext2_inode_large inode;
	struct ext2_spot spot;

	if (begin_change(tree, path, &spot, &inode, err) < 0)
		return -1;
	ext2_set_owner(&inode, uid, gid);
	return end_change(tree, path, spot, &inode, err);
}

/* The two flags that begin_change refuses. */
int ext2_chflags(void *private, const char *path, uint32_t flags, struct err *err)
{
	struct ext2_tree *tree = private;
	struct ext2_inode_large inode;
	struct ext2_spot spot;

	if (ext2_walk(tree, path, TREE_NOFOLLOW, &spot, err) < 0 ||
	    ext2_make_ready(tree, spot, path, err) < 0 ||
	    ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	if (!LINUX_S_ISREG(inode.i_mode) && !LINUX_S_ISDIR(inode.i_mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is neither file nor directory");
	inode.i_flags &= ~(uint32_t)(EXT2_IMMUTABLE_FL | EXT2_APPEND_FL);
	inode.i_flags |= (flags & TREE_IMMUTABLE ? EXT2_IMMUTABLE_FL : 0) |
			 (flags & TREE_APPEND ? EXT2_APPEND_FL : 0);
	return end_change(tree, path, spot, &inode, err);
}

int ext2_sync(void *private, struct err *err)
{
	struct ext2_tree *tree = private;

	vec_foreach (part, &tree->parts) {
		errcode_t code = 0;

		if (part->fs->flags & EXT2_FLAG_RW)
			code = ext2fs_flush2(part->fs, EXT2_FLAG_FLUSH_NO_SYNC);
		if (code)
			return ext2io_err(err, code, "writing the file system's tables");
	}
	return 0;
}
