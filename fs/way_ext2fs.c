/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libext2fs reads the file systems: overlay -> journal replay -> tree, without any privilege. */
#include "base/log.h"
#include "fs/jbd2.h"
#include "fs/probe.h"
#include "fs/root.h"
#include "fs/submount.h"
#include "fs/tree_ext2.h"
#include "fs/volume_impl.h"

#include <stdio.h>

static struct ext2_tree *tree_of(struct volume *volume)
{
	if (!volume->state)
		volume->state = mem_alloc(sizeof(struct ext2_tree));
	return volume->state;
}

static bool is_ext(const struct disk_fs *row)
{
	return row->type && str_starts(row->type, "ext");
}

static int open_row(struct volume *volume, size_t row, ext2_filsys *ret, struct err *err)
{
	const struct disk_fs *fs = &volume->disks.items[row];
	struct overlay *overlay = volume_row_overlay(volume, row);
	cleanup(free) char *name = volume_row_name(volume, row);
	bool was_dirty;

	if (jbd2_replay(overlay, fs->offset_bytes, fs->size_bytes, &was_dirty, err) < 0 ||
	    ext2io_open(overlay, fs->offset_bytes, fs->size_bytes,
			volume->access == VOLUME_REPAIR ? EXT2IO_WRITE : EXT2IO_READ, ret, err) < 0)
		return err_in(err, "%s", name);
	log_debug("volume", "%s: opened%s", name, was_dirty ? ", its journal was replayed" : "");
	return 0;
}

/* ret_fs: open, when ret_score is more than `least`. */
static int examine_row(struct volume *volume, size_t row, unsigned least, unsigned *ret_score,
		       ext2_filsys *ret_fs, struct err *err)
{
	struct ext2_tree one = { 0 };
	cleanup(tree_close) struct tree *tree = NULL;
	ext2_filsys fs;

	if (probe_check_size(volume_row_overlay(volume, row), &volume->disks.items[row], err) < 0 ||
	    open_row(volume, row, &fs, err) < 0)
		return -1;
	vec_push(&one.parts, ((struct ext2_part){ .fs = fs }));
	tree = tree_open_ext2(&one);
	*ret_score = root_score(tree);
	vec_done(&one.parts);
	if (*ret_score > least)
		*ret_fs = fs;
	else
		ext2fs_close_free(&fs);
	return 0;
}

/* Nothing that libext2fs can read is the root. */
static int explain(const struct volume *volume, const struct err *failed, struct err *err)
{
	for (size_t row = 0; row < volume->disks.count; row++) {
		const struct disk_fs *fs = &volume->disks.items[row];

		if (probe_is_linux_fs(fs) && !is_ext(fs)) {
			cleanup(free) char *name = volume_row_name(volume, row);

			return err_set(err, ERR_UNSUPPORTED,
				       "%s is %s, which only the kernel can read; run this as root "
				       "(sudo)",
				       name, fs->type);
		}
	}
	return probe_explain(&volume->disks, volume->parts.items[0].name, failed, err);
}

/* ret_fs: the root's file system, open. */
static int find_root(struct volume *volume, ext2_filsys *ret_fs, struct err *err)
{
	struct err failed = ERR_INIT;
	unsigned best = 0;

	for (size_t row = 0; row < volume->disks.count; row++) {
		struct err one = ERR_INIT;
		ext2_filsys fs = NULL;
		unsigned score = 0;

		if (best && volume->disk_of_row[row] != volume->disk_of_row[volume->root_row])
			break;
		if (!is_ext(&volume->disks.items[row]))
			continue;
		if (examine_row(volume, row, best, &score, &fs, &one) < 0) {
			if (!volume->disks.items[row].is_damaged) /* else it was said */
				vec_push(&volume->warnings, mem_strdup(one.text));
			failed = one;
		}
		if (score <= best)
			continue;
		if (best)
			ext2fs_close_free(ret_fs);
		*ret_fs = fs;
		best = score;
		volume->root_row = row;
	}
	if (!best)
		return explain(volume, &failed, err);
	volume->root_is_known = true;
	volume->disks.items[volume->root_row].is_root = true;
	return 0;
}

static int mount_inside(struct volume *volume, const struct submount *submount, struct err *err)
{
	const struct disk_fs *row = &volume->disks.items[submount->row];
	ext2_filsys fs;

	if (submount->row == volume->root_row)
		return 0; /* the root again */
	if (!is_ext(row))
		return err_set(err, ERR_UNSUPPORTED, "%s can be read as root only",
			       row->type ? row->type : "an unknown file system");
	if (open_row(volume, submount->row, &fs, err) < 0)
		return -1;
	if (ext2_tree_mount(tree_of(volume), submount->target, fs, err) < 0) {
		ext2fs_close_free(&fs);
		return -1;
	}
	return 0;
}

static int ext2fs_way_mount(struct volume *volume, struct err *err)
{
	struct ext2_tree *tree = tree_of(volume);
	ext2_filsys fs = NULL;

	if (volume->root_is_known ? open_row(volume, volume->root_row, &fs, err) < 0
				  : find_root(volume, &fs, err) < 0)
		return -1;
	vec_push(&tree->parts, ((struct ext2_part){ .fs = fs }));
	volume->tree = tree_open_ext2(tree);
	volume_mount_inside(volume, mount_inside);
	return 0;
}

static int ext2fs_way_unmount(struct volume *volume, struct err *err)
{
	struct ext2_tree *tree = tree_of(volume);
	int result = 0;

	tree_close(TAKE(volume->tree));
	while (tree->parts.count) {
		errcode_t code = ext2fs_close_free(&tree->parts.items[--tree->parts.count].fs);

		if (code)
			result = ext2io_err(err, code, "closing the file system");
	}
	return result;
}

static void ext2fs_way_close(struct volume *volume)
{
	struct ext2_tree *tree = tree_of(volume);
	struct err ignored;

	(void)!ext2fs_way_unmount(volume, &ignored);
	vec_done(&tree->parts);
	free(tree);
	volume->state = NULL;
}

const struct way way_ext2fs = {
	.mount = ext2fs_way_mount,
	.unmount = ext2fs_way_unmount,
	.close = ext2fs_way_close,
};
