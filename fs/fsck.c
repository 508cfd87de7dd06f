/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The changed file systems, checked by their own programs on the overlay. */
#include "base/proc.h"
#include "fs/volume_impl.h"

#include <stdio.h>

#define DEADLINE_S 3600u
#define REPORT_MAX 16384u

static const struct checker {
	const char *type;
	const char *argv[6]; /* the path comes behind */
	const char *package;
} checkers[] = {
	{ "ext2", { "e2fsck", "-fn" }, "e2fsprogs" },
	{ "ext3", { "e2fsck", "-fn" }, "e2fsprogs" },
	{ "ext4", { "e2fsck", "-fn" }, "e2fsprogs" },
	{ "xfs", { "xfs_repair", "-f", "-n" }, "xfsprogs" },
	{ "btrfs", { "btrfs", "check", "--readonly" }, "btrfs-progs" },
	{ "vfat", { "fsck.vfat", "-n" }, "dosfstools" },
};

static const struct checker *checker_of(const char *type)
{
	for (size_t i = 0; type && i < ARRAY_LEN(checkers); i++)
		if (str_eq(checkers[i].type, type))
			return &checkers[i];
	return NULL;
}

/* Files that were deleted while open, or being cut, when the system stopped: the kernel clears them
 * at the next mount, and so does e2fsck; until then a check counts them as faults. Source: linux
 * fs/ext4/ext4.h: s_last_orphan at 0xe8; s_feature_ro_compat at 100, ORPHAN_PRESENT 0x10000. */
static bool has_orphans(struct volume *volume, size_t row)
{
	const struct disk_fs *fs = &volume->disks.items[row];
	unsigned char sb[1024];
	struct err ignored;

	if (!str_starts(fs->type, "ext") ||
	    overlay_pread(volume_row_overlay(volume, row), sb, sizeof(sb), fs->offset_bytes + 1024,
			  &ignored) < 0)
		return false;
	return sb[0xe8] || sb[0xe9] || sb[0xea] || sb[0xeb] || sb[102] & 1;
}

static int clear_orphans(struct volume *volume, size_t row, struct err *err)
{
	cleanup(free) char *path = volume_export_path(volume, row);
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *argv[] = { "e2fsck", "-p", path, NULL };
	struct proc_run run = { .argv = argv, .deadline_s = DEADLINE_S };

	/* Whatever else it finds is said by the check that follows. */
	return proc_run(&run, &result, err);
}

static int check_row(struct volume *volume, size_t row, const struct checker *checker,
		     bool *ret_clean, struct str *report, struct err *err)
{
	cleanup(free) char *path = volume_export_path(volume, row);
	cleanup(free) char *name = volume_row_name(volume, row);
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *argv[8] = { NULL };
	struct proc_run run = { .argv = argv,
				.deadline_s = DEADLINE_S,
				.max_output_bytes = REPORT_MAX };
	size_t count = 0;

	for (; checker->argv[count]; count++)
		argv[count] = checker->argv[count];
	argv[count] = path;
	if (proc_run(&run, &result, err) < 0)
		return err->code == ERR_TOOL
			       ? err_set(err, ERR_TOOL,
					 "%s is needed to check the %s of %s; install it (package "
					 "%s)",
					 checker->argv[0], checker->type, name, checker->package)
			       : err_in(err, "%s", name);
	if (!result.status)
		return 0;
	*ret_clean = false;
	str_addf(report, "%s: %s ended with status %d\n", name, checker->argv[0], result.status);
	str_add_bytes(report, result.out.s, result.out.len);
	str_add_bytes(report, result.errout.s, result.errout.len);
	return 0;
}

int volume_fsck(struct volume *volume, bool *ret_clean, struct str *report, struct err *err)
{
	struct err missing = ERR_INIT;

	*ret_clean = true;
	if (!volume->way)
		return 0; /* mounted by somebody else: it cannot be checked under them */
	if (volume->tree && volume->way->unmount(volume, err) < 0)
		return -1;
	for (size_t row = 0; row < volume->disks.count; row++) {
		const struct disk_fs *fs = &volume->disks.items[row];
		const struct checker *checker = checker_of(fs->type);

		if (!checker || !overlay_is_changed(volume_row_overlay(volume, row),
						    fs->offset_bytes, fs->size_bytes))
			continue;
		if (!volume_export(volume, err) &&
		    (!has_orphans(volume, row) || !clear_orphans(volume, row, err)) &&
		    !check_row(volume, row, checker, ret_clean, report, err))
			continue;
		if (err->code != ERR_TOOL)
			return -1;
		missing = *err; /* one checker that is not installed keeps no other from its work */
	}
	if (missing.code) {
		*err = missing;
		return -1;
	}
	return 0;
}
