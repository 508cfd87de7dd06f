/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ext4 that anybody may have made: its journal is replayed and its tree walked, without the kernel. */
#include "fs/jbd2.h"
#include "fs/root.h"
#include "fs/tree_ext2.h"
#include "tests/fuzz/disk.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES_MAX 100

static void walk(struct tree *tree, const char *dir, unsigned *left)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored;

	if (strlen(dir) > 100 || tree_list(tree, dir, &names, &ignored) < 0)
		return;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s%s%s", dir, dir[1] ? "/" : "", *name);
		cleanup(str_done) struct str bytes = STR_INIT, label = STR_INIT;
		struct tree_stat st;

		if (!*left || !--*left)
			return;
		if (!**name || strchr(*name, '/') || str_eq(*name, ".") || str_eq(*name, ".."))
			fuzz_broken("a name that is none: \"%s\"", *name);
		(void)!tree_resolve(tree, path, &label, &ignored);
		if (tree_stat(tree, path, TREE_NOFOLLOW, &st, &ignored) < 0)
			continue;
		(void)!tree_getxattr(tree, path, "security.selinux", &label, &ignored);
		(void)!tree_readlink(tree, path, &bytes, &ignored);
		(void)!tree_read(tree, path, 65536, &bytes, &ignored);
		if (S_ISDIR(st.mode))
			walk(tree, path, left);
	}
}

static void change(struct tree *tree)
{
	const struct tree_new new = { .mode = 0644 };
	struct err ignored;

	(void)!tree_write(tree, "/etc/fstab", "changed\n", 8, &ignored);
	(void)!tree_create(tree, "/etc/new", &new, "new\n", 4, &ignored);
	(void)!tree_mkdir(tree, "/etc/dir", &new, &ignored);
	(void)!tree_symlink(tree, "/etc/dir/link", "/a/target", &new, &ignored);
	(void)!tree_chmod(tree, "/etc", 0700, &ignored);
	(void)!tree_chown(tree, "/etc/fstab", 70000, 5, &ignored);
	(void)!tree_remove(tree, "/etc/new", &ignored);
	(void)!tree_sync(tree, &ignored);
}

static void visit(struct overlay *disk, enum ext2io_mode mode)
{
	struct ext2_tree parts = { 0 };
	struct tree *tree;
	ext2_filsys fs;
	unsigned left = ENTRIES_MAX;
	struct err err;

	if (ext2io_open(disk, 0, overlay_size(disk), mode, &fs, &err) < 0) {
		fuzz_printable("an error", err.text, false);
		return;
	}
	vec_push(&parts.parts, ((struct ext2_part){ .fs = fs }));
	tree = tree_open_ext2(&parts);
	(void)root_score(tree);
	walk(tree, "/", &left);
	if (mode == EXT2IO_WRITE)
		change(tree);
	tree_close(tree);
	ext2fs_close_free(&parts.parts.items[0].fs);
	vec_done(&parts.parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(fuzz_disk_close) struct overlay *disk = fuzz_disk(data, size);
	struct err err = ERR_INIT;
	bool was_dirty = false;

	if (!disk)
		return 0;
	if (jbd2_replay(disk, 0, overlay_size(disk), &was_dirty, &err) < 0) {
		fuzz_printable("an error", err.text, false);
		return 0;
	}
	visit(disk, EXT2IO_READ);
	visit(disk, EXT2IO_WRITE);
	return 0;
}
