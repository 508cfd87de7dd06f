/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

static struct finding *add(const struct machine *machine, struct findings *out,
			   const struct disk_fs *fs, enum severity severity,
			   enum repair_class repair, const char *rows, const char *what)
{
	return finding_add(out, severity, repair, rows, NULL, 0, "%s: %s",
			   blocks_where_fs(machine, fs), what);
}

/* The careful check (which loses nothing) gave up: what follows may. */
static void gave_up(const struct machine *machine, const struct disk_fs *fs, struct findings *out)
{
	cleanup(free) char *what = mem_printf(
		"a careful check of its %s gives up (%s), and so will the boot, which waits for "
		"somebody to run e2fsck by hand; e2fsck -y may remove what it cannot keep",
		fs->type,
		machine_quote(machine, fs->state.check_error, strlen(fs->state.check_error)));

	edit_blocks(&add(machine, out, fs, SEVERITY_BLOCKS_BOOT, REPAIR_OFFERED, "19", what)->edits,
		    fs->disk, fs->partition, MEND_E2FSCK);
}

static void has_errors(const struct machine *machine, const struct disks *disks,
		       const struct disk_fs *fs, struct findings *out)
{
	const char *on_error = fs->state.on_error ? fs->state.on_error : "continue";
	const char *console = machine_console(machine);
	bool was_remounted = fs->is_root && console &&
			     (strstr(console, "Remounting filesystem read-only") ||
			      strstr(console, "Remounting filesystem read only"));
	enum severity severity = was_remounted ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS;
	cleanup(free) char *what = NULL;

	if (str_eq(on_error, "panic"))
		severity = SEVERITY_BLOCKS_BOOT;
	what = mem_printf("the kernel met damage in its %s and noted it%s; with errors=%s the next "
			  "such place %s",
			  fs->type,
			  was_remounted ? ", and the console says that it became read-only" : "",
			  on_error,
			  str_eq(on_error, "panic")	   ? "stops the machine"
			  : str_eq(on_error, "remount-ro") ? "makes it read-only"
							   : "is passed over and spreads");
	edit_blocks(&add(machine, out, fs, severity,
			 blocks_is_on_root_disk(disks, fs) ? REPAIR_SURE : REPAIR_OFFERED, "19,37",
			 what)
			     ->edits,
		    fs->disk, fs->partition, MEND_E2FSCK_CAREFUL);
}

static void cannot_be_mounted(const struct machine *machine, const struct disks *disks,
			      const struct disk_fs *fs, struct findings *out)
{
	bool is_xfs = str_eq(fs->type, "xfs"), is_ext = blocks_is_ext(fs);
	bool is_here = blocks_is_on_root_disk(disks, fs);
	enum severity severity = is_here ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS;
	cleanup(free) char *what = mem_printf(
		"its %s cannot be mounted (%s)%s", fs->type,
		machine_quote(machine, fs->state.mount_error, strlen(fs->state.mount_error)),
		is_xfs	 ? "; xfs_repair may remove what it cannot keep, and never throws the log "
			   "away"
		: is_ext ? ""
			 : "; no repair of it is safe to do unasked: take a snapshot, then try "
			   "`btrfs check --readonly` and `mount -o ro,rescue=all` on a helper");
	struct finding *finding = add(machine, out, fs, severity,
				      is_xfs   ? REPAIR_OFFERED
				      : is_ext ? (is_here ? REPAIR_SURE : REPAIR_OFFERED)
					       : REPAIR_NONE,
				      is_xfs   ? "21"
				      : is_ext ? "19"
					       : "22",
				      what);

	if (is_xfs || is_ext)
		edit_blocks(&finding->edits, fs->disk, fs->partition,
			    is_xfs ? MEND_XFS_REPAIR : MEND_E2FSCK_CAREFUL);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!disks)
		return 0;
	vec_foreach (fs, disks) {
		const struct fs_state *state = &fs->state;

		if (!fs->type || !fs->disk || state->lost_type)
			continue; /* fs-superblock's */
		if (blocks_is_ext(fs) && state->check_error)
			gave_up(machine, fs, out);
		else if (blocks_is_ext(fs) && state->has_errors)
			has_errors(machine, disks, fs, out);
		else if (state->mount_error && (blocks_is_ext(fs) || str_eq(fs->type, "xfs") ||
						str_eq(fs->type, "btrfs")))
			cannot_be_mounted(machine, disks, fs, out);
	}
	return 0;
}

const struct check check_fs_damaged = {
	.name = "fs-damaged",
	.title = "a file system is damaged",
	.explain =
		"The kernel notes in the superblock of an ext file system that it met damage, and "
		"then goes on, makes it read-only, or panics, as the superblock says. The repair "
		"is "
		"what the boot would do: e2fsck -p, which stops where anything could be lost; a "
		"log "
		"that was not written back is no fault and is replayed. Where it stops, and on "
		"XFS, "
		"the repair that may lose files is offered: it is done on a copy, and what it did "
		"is "
		"shown before it is committed.",
	.source = "e2fsck(8); linux fs/ext4/super.c, ext4_handle_error; xfs_repair(8); "
		  "btrfs-check(8)",
	.rows = "19,21,22,37",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CONSOLE,
	.is_of_blocks = true,
	.examine = examine,
};
