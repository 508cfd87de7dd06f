/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/kernel_cmdline.h"

static const struct place {
	const char *path;
	uint32_t mode;
	bool is_of_systemd;
} places[] = {
	{ "/dev", 0755, false },
	{ "/proc", 0555, false },
	{ "/sys", 0555, false },
	{ "/run", 0755, true },
};

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	bool is_systemd = machine_has_systemd(machine);

	(void)err;
	/* On a root that can be written systemd makes them. */
	if (!machine_is_whole(machine) ||
	    (is_systemd && cmdline_root_mode(machine) == CMDLINE_ROOT_RW))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const struct place *place = &places[i];
		const struct tree_new as = { .mode = place->mode };
		struct finding *finding;

		if (machine_may_be_in(machine, "/", place->path + 1) ||
		    (place->is_of_systemd && !is_systemd))
			continue;
		finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "10", place->path, 0,
				      "there is no directory %s, where the boot mounts what every "
				      "program needs, and none can be made on a root that is "
				      "read-only then",
				      place->path);
		edit_mkdir(&finding->edits, place->path, &as);
	}
	return 0;
}

const struct check check_root_directories = {
	.name = "root-directories",
	.title = "/dev, /proc, /sys or /run is not there to be mounted on",
	.explain =
		"The kernel, the initramfs and systemd mount /dev, /proc, /sys and /run before "
		"anything else, on directories that have to be on the volume. A copy of a volume "
		"that left them out (rsync --exclude /proc) stops there: the root is still "
		"read-only, and nothing can be made on it. The repair makes the empty directories.",
	.source = "systemd, src/shared/mount-setup.c, mount_table; initramfs-tools, init; hier(7)",
	.rows = "10",
	.repair = REPAIR_SURE,
	.examine = examine,
};
