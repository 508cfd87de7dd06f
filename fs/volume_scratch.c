/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second overlay over each disk's own, for what shall leave no trace. */
#include "fs/volume_impl.h"

static int lay_over(struct volume *volume, struct volume_disk *disk, struct err *err)
{
	struct source *source = overlay_as_source(disk->overlay);
	struct overlay *upper;

	if (overlay_open(source, volume->work_dir, &upper, err) < 0) {
		source_close(source);
		return -1;
	}
	disk->beneath = disk->overlay;
	disk->beneath_source = source;
	disk->overlay = upper;
	return 0;
}

/* The export's child and the mounts hold the overlays that were there before. */
static int let_go(struct volume *volume, struct err *err)
{
	if (volume->tree && volume->way->unmount(volume, err) < 0)
		return -1;
	volume->way->close(volume);
	export_close(TAKE(volume->export));
	return 0;
}

int volume_scratch_begin(struct volume *volume, struct err *err)
{
	if (!volume->way)
		return err_set(err, ERR_UNSUPPORTED, "a mounted tree has no disk to be copied");
	if (let_go(volume, err) < 0)
		return -1;
	vec_foreach (disk, &volume->parts)
		if (lay_over(volume, disk, err) < 0) {
			volume_scratch_end(volume);
			return -1;
		}
	return 0;
}

void volume_scratch_end(struct volume *volume)
{
	struct err ignored = ERR_INIT;

	if (volume->way && let_go(volume, &ignored) < 0) {
		volume->way->close(volume);
		export_close(TAKE(volume->export));
	}
	vec_foreach (disk, &volume->parts) {
		if (!disk->beneath)
			continue;
		overlay_close(disk->overlay);
		source_close(TAKE(disk->beneath_source));
		disk->overlay = TAKE(disk->beneath);
	}
}

int volume_unmount(struct volume *volume, struct err *err)
{
	return volume->tree && volume->way ? volume->way->unmount(volume, err) : 0;
}

size_t volume_disk_count(const struct volume *volume)
{
	return volume->parts.count;
}

struct overlay *volume_disk_overlay(const struct volume *volume, size_t disk)
{
	return volume->parts.items[disk].overlay;
}
