/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes through libext2fs. Each operation leaves the file system consistent in libext2fs' memory
 * and the overlay; ext2_sync writes the bitmaps, group descriptors and superblock. */
#include "fs/tree_ext2.h"

#include <stdio.h>
#include <time.h>

/* File systems that keep sums which libext2fs does not maintain are left to the kernel. */
int ext2_make_ready(struct ext2_tree *tree, struct ext2_spot spot, const char *path,
		    struct err *err)
{
	struct ext2_part *part = &tree->parts.items[spot.part];
	errcode_t code;

	if (!(part->fs->flags & EXT2_FLAG_RW))
		return tree_path_err(err, ERR_UNSUPPORTED, path,
				     "the volume was opened to be examined only");
	if (ext2fs_has_feature_quota(part->fs->super) ||
	    ext2fs_has_feature_shared_blocks(part->fs->super))
		return tree_path_err(
			err, ERR_UNSUPPORTED, path,
			"this ext4 keeps quota or shares blocks; run as root, then the "
			"kernel changes it");
	if (part->has_bitmaps)
		return 0;
	code = ext2fs_read_bitmaps(part->fs);
	if (code)
		return ext2_path_err(err, code, path);
	part->has_bitmaps = true;
	return 0;
}

/* What the kernel would not let root change in place either. */
static int refuse_protected(const struct ext2_inode_large *inode, const char *path, struct err *err)
{
	if (inode->i_flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL))
		return tree_path_err(err, ERR_DENIED, path,
				     "is immutable or append-only (chattr +i, +a)");
	if (inode->i_flags & (EXT4_VERITY_FL | EXT4_ENCRYPT_FL | EXT2_COMPR_FL))
		return tree_path_err(err, ERR_UNSUPPORTED, path,
				     "is encrypted, compressed or sealed (fs-verity)");
	return 0;
}

static uint32_t now(void)
{
	return (uint32_t)time(NULL);
}

static void touch_change(struct ext2_inode_large *inode)
{
	inode->i_ctime = now();
	inode->i_ctime_extra = 0;
}

static void touch(struct ext2_inode_large *inode)
{
	inode->i_mtime = now();
	inode->i_mtime_extra = 0;
	touch_change(inode);
}

/* Only as much as this file system's inodes have of the large form. */
static int put_inode(const struct ext2_tree *tree, struct ext2_spot spot, const char *path,
		     struct ext2_inode_large *inode, struct err *err)
{
	errcode_t code = ext2fs_write_inode_full(ext2_fs(tree, spot), spot.ino, EXT2_INODE(inode),
						 sizeof(*inode));

	return code ? ext2_path_err(err, code, path) : 0;
}

static int touch_inode(const struct ext2_tree *tree, struct ext2_spot spot, const char *path,
		       struct err *err)
{
	struct ext2_inode_large inode;

	if (ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	touch(&inode);
	return put_inode(tree, spot, path, &inode, err);
}

/* Contents that live inside the inode: again inside if they fit; else ext2fs_file_write moves them
 * out. */
static errcode_t put_inline(ext2_filsys fs, ext2_ino_t ino, const void *data, size_t len,
			    bool *ret_done)
{
	struct ext2_inode inode;
	errcode_t code = ext2fs_inline_data_set(fs, ino, NULL, (void *)(uintptr_t)data, len);

	*ret_done = !code;
	if (code == EXT2_ET_INLINE_DATA_NO_SPACE)
		return 0;
	if (code || (code = ext2fs_read_inode(fs, ino, &inode)))
		return code;
	code = ext2fs_inode_size_set(fs, &inode, (ext2_off64_t)len);
	return code ? code : ext2fs_write_inode(fs, ino, &inode);
}

static errcode_t put_contents(ext2_filsys fs, ext2_ino_t ino, const void *data, size_t len)
{
	unsigned put = 0;
	ext2_file_t file;
	errcode_t code = ext2fs_file_open(fs, ino, EXT2_FILE_WRITE, &file), closed;

	if (code)
		return code;
	if (len)
		code = ext2fs_file_write(file, data, (unsigned)len, &put);
	if (!code && put != len)
		code = EXT2_ET_SHORT_WRITE;
	if (!code)
		code = ext2fs_file_set_size2(file, (ext2_off64_t)len);
	closed = ext2fs_file_close(file);
	return code ? code : closed;
}

int ext2_write(void *private, const char *path, const void *data, size_t len, struct err *err)
{
	struct ext2_tree *tree = private;
	struct ext2_inode_large inode;
	struct ext2_spot spot;
	bool done = false;
	errcode_t code = 0;

	if (ext2_walk(tree, path, TREE_FOLLOW, &spot, err) < 0 ||
	    ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	if (!LINUX_S_ISREG(inode.i_mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is not a regular file");
	if (refuse_protected(&inode, path, err) < 0 || ext2_make_ready(tree, spot, path, err) < 0)
		return -1;
	if (inode.i_flags & EXT4_INLINE_DATA_FL)
		code = put_inline(ext2_fs(tree, spot), spot.ino, data, len, &done);
	if (!code && !done)
		code = put_contents(ext2_fs(tree, spot), spot.ino, data, len);
	if (code)
		return ext2_path_err(err, code, path);
	return touch_inode(tree, spot, path, err);
}

/* New entries */

static errcode_t set_label(ext2_filsys fs, ext2_ino_t ino, const struct tree_new *new)
{
	struct ext2_xattr_handle *handle;
	errcode_t code, closed;

	if (!new->label)
		return 0;
	code = ext2fs_xattrs_open(fs, ino, &handle);
	if (code)
		return code;
	code = ext2fs_xattrs_read(handle);
	if (!code)
		code = ext2fs_xattr_set(handle, "security.selinux", new->label, new->label_len);
	closed = ext2fs_xattrs_close(&handle);
	return code ? code : closed;
}

void ext2_set_owner(struct ext2_inode_large *inode, uint32_t uid, uint32_t gid)
{
	inode->i_uid = (uint16_t)uid;
	inode->osd2.linux2.l_i_uid_high = (uint16_t)(uid >> 16);
	inode->i_gid = (uint16_t)gid;
	inode->osd2.linux2.l_i_gid_high = (uint16_t)(gid >> 16);
}

/* A name for an inode, in a directory that may have to grow. */
static errcode_t link_name(ext2_filsys fs, ext2_ino_t dir, const char *name, ext2_ino_t ino,
			   int type)
{
	errcode_t code = ext2fs_link(fs, dir, name, ino, type);

	if (code == EXT2_ET_DIR_NO_SPACE && !(code = ext2fs_expand_dir(fs, dir)))
		code = ext2fs_link(fs, dir, name, ino, type);
	return code;
}

struct fresh { /* where a new entry goes */
	struct ext2_spot dir;
	ext2_filsys fs;
	const char *name;
};

static int find_place(struct ext2_tree *tree, const char *path, struct fresh *ret, struct err *err)
{
	struct ext2_inode_large inode;
	struct err missing = ERR_INIT;
	struct ext2_spot existing;

	if (ext2_walk_parent(tree, path, &ret->dir, &ret->name, err) < 0)
		return -1;
	ret->fs = ext2_fs(tree, ret->dir);
	if (!ext2_lookup(tree, ret->dir, ret->name, path, &existing, &missing))
		return tree_path_err(err, ERR_CONFLICT, path, "exists already");
	if (missing.code != ERR_NOTFOUND) {
		*err = missing;
		return -1;
	}
	if (ext2_read_inode(tree, ret->dir, path, &inode, err) < 0)
		return -1;
	if (!LINUX_S_ISDIR(inode.i_mode))
		return ext2_path_err(err, EXT2_ET_NO_DIRECTORY, path);
	if (refuse_protected(&inode, path, err) < 0)
		return -1;
	return ext2_make_ready(tree, ret->dir, path, err);
}

/* Owner, times and label of an entry that was just made. */
static int dress(struct ext2_tree *tree, const struct fresh *place, const char *path,
		 const struct tree_new *new, struct err *err)
{
	struct ext2_inode_large inode;
	struct ext2_spot spot;
	errcode_t code;

	if (ext2_lookup(tree, place->dir, place->name, path, &spot, err) < 0 ||
	    ext2_read_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	ext2_set_owner(&inode, new->uid, new->gid);
	if (!LINUX_S_ISLNK(inode.i_mode))
		inode.i_mode = (uint16_t)((inode.i_mode & LINUX_S_IFMT) | (new->mode & 07777));
	touch(&inode);
	inode.i_atime = inode.i_crtime = now();
	if (put_inode(tree, spot, path, &inode, err) < 0)
		return -1;
	code = set_label(place->fs, spot.ino, new);
	if (code)
		return ext2_path_err(err, code, path);
	return touch_inode(tree, place->dir, path, err);
}

static errcode_t new_file(const struct fresh *place, ext2_ino_t *ret)
{
	struct ext2_inode_large inode = { .i_mode = LINUX_S_IFREG | 0600, .i_links_count = 1 };
	errcode_t code = ext2fs_new_inode(place->fs, place->dir.ino, inode.i_mode, NULL, ret);

	if (code)
		return code;
	if (EXT2_INODE_SIZE(place->fs->super) > EXT2_GOOD_OLD_INODE_SIZE)
		inode.i_extra_isize = sizeof(inode) - EXT2_GOOD_OLD_INODE_SIZE;
	if (ext2fs_has_feature_extents(place->fs->super)) {
		ext2_extent_handle_t handle;

		code = ext2fs_extent_open2(place->fs, *ret, EXT2_INODE(&inode), &handle);
		if (code)
			return code;
		ext2fs_extent_free(handle);
	}
	code = link_name(place->fs, place->dir.ino, place->name, *ret, EXT2_FT_REG_FILE);
	if (code)
		return code;
	ext2fs_inode_alloc_stats2(place->fs, *ret, +1, 0);
	return ext2fs_write_new_inode(place->fs, *ret, EXT2_INODE(&inode));
}

int ext2_create(void *private, const char *path, const struct tree_new *new, const void *data,
		size_t len, struct err *err)
{
	struct fresh place;
	ext2_ino_t ino = 0;
	errcode_t code;

	if (find_place(private, path, &place, err) < 0)
		return -1;
	code = new_file(&place, &ino);
	if (!code)
		code = put_contents(place.fs, ino, data, len);
	return code ? ext2_path_err(err, code, path) : dress(private, &place, path, new, err);
}

int ext2_mkdir(void *private, const char *path, const struct tree_new *new, struct err *err)
{
	struct fresh place;
	errcode_t code;

	if (find_place(private, path, &place, err) < 0)
		return -1;
	code = ext2fs_mkdir(place.fs, place.dir.ino, 0, place.name);
	if (code == EXT2_ET_DIR_NO_SPACE && !(code = ext2fs_expand_dir(place.fs, place.dir.ino)))
		code = ext2fs_mkdir(place.fs, place.dir.ino, 0, place.name);
	return code ? ext2_path_err(err, code, path) : dress(private, &place, path, new, err);
}

int ext2_symlink(void *private, const char *path, const char *target, const struct tree_new *new,
		 struct err *err)
{
	struct fresh place;
	errcode_t code;

	if (find_place(private, path, &place, err) < 0)
		return -1;
	code = ext2fs_symlink(place.fs, place.dir.ino, 0, place.name, target);
	if (code == EXT2_ET_DIR_NO_SPACE && !(code = ext2fs_expand_dir(place.fs, place.dir.ino)))
		code = ext2fs_symlink(place.fs, place.dir.ino, 0, place.name, target);
	return code ? ext2_path_err(err, code, path) : dress(private, &place, path, new, err);
}

/* Removal */

static int is_entry(ext2_ino_t dir, int kind, struct ext2_dir_entry *entry, int offset,
		    int block_size, char *buffer, void *private)
{
	(void)dir;
	(void)kind;
	(void)offset;
	(void)block_size;
	(void)buffer;
	if (!entry->inode || ext2_is_dot(entry))
		return 0;
	*(bool *)private = true;
	return DIRENT_ABORT;
}

/* Blocks, attributes and the inode itself. */
static errcode_t release(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode_large *inode)
{
	bool is_dir = LINUX_S_ISDIR(inode->i_mode);
	errcode_t code = ext2fs_free_ext_attr(fs, ino, inode);

	if (!code && ext2fs_inode_has_valid_blocks2(fs, EXT2_INODE(inode)))
		code = ext2fs_punch(fs, ino, EXT2_INODE(inode), NULL, 0, ~0ULL);
	if (code)
		return code;
	inode->i_links_count = 0;
	inode->i_dtime = now();
	ext2fs_inode_alloc_stats2(fs, ino, -1, is_dir);
	return ext2fs_write_inode_full(fs, ino, EXT2_INODE(inode), sizeof(*inode));
}

static int remove_dir_links(struct ext2_tree *tree, struct ext2_spot dir, const char *path,
			    struct err *err)
{
	struct ext2_inode_large parent;

	if (ext2_read_inode(tree, dir, path, &parent, err) < 0)
		return -1;
	if (parent.i_links_count > 2) /* 1: too many to count (dir_nlink) */
		parent.i_links_count--;
	return put_inode(tree, dir, path, &parent, err);
}

int ext2_remove(void *private, const char *path, struct err *err)
{
	struct ext2_tree *tree = private;
	struct ext2_inode_large inode;
	struct ext2_spot dir, spot;
	bool has_entries = false, is_dir;
	ext2_filsys fs;
	const char *name;
	errcode_t code = 0;

	if (ext2_walk_parent(tree, path, &dir, &name, err) < 0 ||
	    ext2_lookup(tree, dir, name, path, &spot, err) < 0 ||
	    ext2_read_inode(tree, spot, path, &inode, err) < 0 ||
	    refuse_protected(&inode, path, err) < 0 || ext2_make_ready(tree, spot, path, err) < 0)
		return -1;
	if (spot.part != dir.part)
		return tree_path_err(err, ERR_BUSY, path, "another file system is mounted there");
	fs = ext2_fs(tree, spot);
	is_dir = LINUX_S_ISDIR(inode.i_mode);
	if (is_dir)
		code = ext2fs_dir_iterate2(fs, spot.ino, 0, NULL, is_entry, &has_entries);
	if (!code && has_entries)
		return tree_path_err(err, ERR_CONFLICT, path, "is a directory that is not empty");
	if (!code)
		code = ext2fs_unlink(fs, dir.ino, name, spot.ino, 0);
	if (!code && (is_dir || inode.i_links_count <= 1)) {
		code = release(fs, spot.ino, &inode);
	} else if (!code) {
		inode.i_links_count--;
		touch_change(&inode);
		code = ext2fs_write_inode_full(fs, spot.ino, EXT2_INODE(&inode), sizeof(inode));
	}
	if (code)
		return ext2_path_err(err, code, path);
	if (is_dir && remove_dir_links(tree, dir, path, err) < 0)
		return -1;
	return touch_inode(tree, dir, path, err);
}
