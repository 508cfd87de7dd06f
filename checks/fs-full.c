/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"
#include "checks/removable.h"

#include <inttypes.h>

/* ext keeps a twentieth back for root, and daemons run as root: full is when that is gone too. */
static bool is_full(uint64_t free, uint64_t all, uint64_t least)
{
	return all && free <= all / 200 && free < least;
}

static void look_at_blocks(const struct machine *machine, const struct disk_fs *root,
			   struct findings *out)
{
	cleanup(removables_done) struct removables list = { 0 };
	cleanup(str_done) struct str large = STR_INIT;
	uint64_t freed = 0;
	struct finding *finding;

	removables_find(machine, &list);
	vec_foreach (file, &list) {
		freed += file->is_small ? file->size_bytes : 0;
		if (!file->is_small)
			str_addf(&large, "%s %s (%s)", large.len ? "," : "; larger, by hand:",
				 machine_quote(machine, file->path, strlen(file->path)),
				 blocks_size(machine, file->size_bytes));
	}
	finding = finding_add(
		out, SEVERITY_DELAYS, freed ? REPAIR_OFFERED : REPAIR_NONE, "25", "/", 0,
		"%s: the root file system is full (%" PRIu64
		" bytes free of %s), so services that write fail and nothing can be installed; %s "
		"of "
		"package caches, rotated logs and dumps can go%s",
		blocks_where_fs(machine, root), root->state.bytes_free,
		blocks_size(machine, root->state.size_bytes), blocks_size(machine, freed), large.s);
	vec_foreach (file, &list)
		if (file->is_small)
			edit_remove(&finding->edits, file->path);
}

/* Where programs are known to leave files by the hundred thousand. */
static void look_at_inodes(const struct machine *machine, const struct disk_fs *root,
			   struct findings *out)
{
	static const char *const dirs[] = { "/var/lib/php/sessions",
					    "/var/lib/php/session",
					    "/var/lib/php5/sessions",
					    "/var/spool/postfix/maildrop",
					    "/var/spool/clientmqueue",
					    "/var/spool/mqueue",
					    "/var/spool/exim4/input",
					    "/var/spool/exim4/msglog",
					    "/var/lib/docker/overlay2",
					    "/var/spool/cups",
					    "/var/mail",
					    "/tmp",
					    "/var/tmp",
					    "/var/cache/man",
					    "/usr/src",
					    "/var/lib/amazon/ssm" };
	const char *most = NULL;
	size_t count = 100;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const struct tree_names *names = machine_list(machine, dirs[i]);

		if (names && names->count > count) {
			most = dirs[i];
			count = names->count;
		} else if (!names) { /* more than can be listed */
			most = dirs[i];
			count = SIZE_MAX;
		}
	}
	finding_add(out, SEVERITY_DELAYS, REPAIR_NONE, "26", most ? most : "/", 0,
		    "%s: the root file system has no inode left (%" PRIu64 " of %" PRIu64
		    "), so no file can be made although there is space%s",
		    blocks_where_fs(machine, root), root->state.inodes_free, root->state.inodes,
		    most ? "; this directory has more names than the others where programs leave "
			   "files"
			 : "");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);
	const struct disk_fs *root = disks ? blocks_root(disks) : NULL;

	(void)err;
	if (!root || !root->disk || !root->state.is_counted)
		return 0;
	if (is_full(root->state.bytes_free, root->state.size_bytes, 64 << 20))
		look_at_blocks(machine, root, out);
	if (is_full(root->state.inodes_free, root->state.inodes, 1000))
		look_at_inodes(machine, root, out);
	return 0;
}

const struct check check_fs_full = {
	.name = "fs-full",
	.title = "the root file system has no space or no inodes left",
	.explain = "An instance boots with a full disk and can mostly be reached, but what writes "
		   "at start "
		   "fails: cloud-init, databases, key changes, updates. Files that "
		   "can be had again or are a second copy are offered for removal: packages in "
		   "caches, "
		   "rotated logs, archived journals, crash dumps. Never data; what is larger than "
		   "the undo "
		   "record takes is named and left. Growing the volume is the other way out.",
	.source = "apt-get(8), clean; dnf(8), clean; logrotate(8); systemd-journald.service(8); "
		  "coredump.conf(5); ext4(5), reserved blocks",
	.rows = "25,26",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
