/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "fs/probe.h"
#include "fs/root.h"
#include "fs/served.h"
#include "fs/submount.h"
#include "fs/volume_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define PARTS_MAX 64u

struct overlay *volume_row_overlay(const struct volume *volume, size_t row)
{
	return volume->parts.items[volume->disk_of_row[row]].overlay;
}

char *volume_row_name(const struct volume *volume, size_t row)
{
	const struct disk_fs *fs = &volume->disks.items[row];

	return fs->partition ? mem_printf("%s, partition %u", fs->disk, fs->partition)
			     : mem_strdup(fs->disk);
}

/* "disk1" is the whole of the first disk, "disk1p2" its partition 2. */
static void export_name(const struct volume *volume, size_t row, char ret[32])
{
	const struct disk_fs *fs = &volume->disks.items[row];

	if (fs->partition)
		snprintf(ret, 32, "disk%zup%u", volume->disk_of_row[row] + 1, fs->partition);
	else
		snprintf(ret, 32, "disk%zu", volume->disk_of_row[row] + 1);
}

char *volume_export_path(const struct volume *volume, size_t row)
{
	char name[32];

	export_name(volume, row, name);
	return mem_printf("%s/%s", export_dir(volume->export), name);
}

int volume_export(struct volume *volume, struct err *err)
{
	cleanup(free) char *dir = mem_printf("%s/export", volume->work_dir);
	struct export_files *files;

	if (volume->export)
		return 0;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "%s", dir);
	/* The child reads the list from its copy of this memory; here it may go. */
	files = &(struct export_files){ 0 };
	for (size_t row = 0; row < volume->disks.count; row++) {
		const struct disk_fs *fs = &volume->disks.items[row];
		struct export_file file = { .overlay = volume_row_overlay(volume, row),
					    .offset_bytes = fs->offset_bytes,
					    .size_bytes = fs->size_bytes };

		if (!fs->type && !fs->state.lost_type)
			continue;
		export_name(volume, row, file.name);
		vec_push(files, file);
	}
	if (export_open(dir, files, &volume->export, err) < 0) {
		vec_done(files);
		rmdir(dir);
		return -1;
	}
	vec_done(files);
	return 0;
}

/* A running system's own mounts, or any tree: the caller vouches for it, we only look whether it is
 * a root at all. */
static int open_tree(struct volume *volume, const char *path, struct err *err)
{
	volume->tree_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (volume->tree_fd < 0)
		return err_errno(err, errno, "%s", path);
	if (tree_open_dir(volume->tree_fd, &volume->tree, err) < 0)
		return -1;
	if (!root_score(volume->tree))
		return err_set(err, ERR_DAMAGED,
			       "%s is a directory but not the root of a Linux system (no /etc with "
			       "/usr or /bin beside it); name the directory on which the root is "
			       "mounted",
			       path);
	return 0;
}

static int probe_part(struct volume *volume, size_t part, struct tree_names *warnings,
		      struct err *err)
{
	const struct volume_disk *disk = &volume->parts.items[part];
	size_t rows_before = volume->disks.count;

	if (probe_disk(disk->overlay, disk->name, &volume->disks, warnings, err) < 0)
		return -1;
	volume->disk_of_row = mem_realloc(volume->disk_of_row,
					  (volume->disks.count + 1) * sizeof(*volume->disk_of_row));
	for (size_t row = rows_before; row < volume->disks.count; row++)
		volume->disk_of_row[row] = part;
	return 0;
}

int volume_probe(struct volume *volume, struct tree_names *warnings, struct err *err)
{
	bool is_complete = volume->disks.is_complete;

	if (volume->access == VOLUME_REPAIR && volume_check_baseline(volume, err) < 0)
		return -1;
	disks_done(&volume->disks);
	for (size_t part = 0; part < volume->parts.count; part++)
		if (probe_part(volume, part, warnings, err) < 0)
			return -1;
	volume->disks.is_complete = is_complete;
	vec_foreach (gave_up, &volume->gave_up)
		vec_foreach (row, &volume->disks)
			if (row->partition == gave_up->partition &&
			    str_eq(row->disk, gave_up->disk) && !row->state.check_error)
				row->state.check_error = mem_strdup(gave_up->text);
	return volume->access == VOLUME_REPAIR ? volume_take_baseline(volume, err) : 0;
}

void volume_note_mount_error(struct volume *volume, size_t row, const struct err *why)
{
	struct fs_state *state = &volume->disks.items[row].state;

	if (why->code == ERR_DAMAGED && !state->mount_error)
		state->mount_error = mem_strdup(why->text);
}

void volume_let_go(struct volume *volume)
{
	if (volume->way) {
		volume->way->close(volume);
		export_close(TAKE(volume->export));
	}
	volume->root_is_known = false;
}

static int add_disk(struct volume *volume, const struct volume_request *request, const char *path,
		    struct err *err)
{
	struct volume_disk *disk = vec_add(&volume->parts);
	bool is_first = volume->parts.count == 1;

	disk->path = mem_strdup(path);
	disk->name = mem_strdup(is_first && request->name ? request->name : path);
	if (is_first && request->served)
		disk->source = served_source(request->served, disk->name);
	else if (source_open(path, disk->name,
			     request->access == VOLUME_REPAIR ? SOURCE_CHANGE : SOURCE_EXAMINE,
			     &disk->source, err) < 0)
		return -1;
	if (overlay_open(disk->source, request->work_dir, &disk->overlay, err) < 0)
		return -1;
	return probe_part(volume, volume->parts.count - 1, &volume->warnings, err);
}

static int open_disks(struct volume *volume, const struct volume_request *request, struct err *err)
{
	if (request->more_count >= PARTS_MAX)
		return err_set(err, ERR_USAGE, "more than %u volumes at once", PARTS_MAX);
	if (add_disk(volume, request, request->path, err) < 0)
		return -1;
	for (size_t i = 0; i < request->more_count; i++)
		if (add_disk(volume, request, request->more_paths[i], err) < 0)
			return -1;
	volume->disks.is_complete = request->disks_are_complete;
	return request->access == VOLUME_REPAIR ? volume_take_baseline(volume, err) : 0;
}

static int mount_first(struct volume *volume, enum volume_way way, struct err *err)
{
	bool kernel_first = way == VOLUME_WAY_KERNEL || (way == VOLUME_WAY_AUTO && !geteuid());

	volume->way = kernel_first ? &way_kernel : &way_ext2fs;
	if (!volume->way->mount(volume, err))
		return 0;
	/* Root in a container without FUSE, loop devices or CAP_SYS_ADMIN can still read ext4. */
	if (way != VOLUME_WAY_AUTO || !kernel_first ||
	    (err->code != ERR_TOOL && err->code != ERR_DENIED))
		return -1;
	log_debug("volume", "%s; trying libext2fs", err->text);
	volume->way->close(volume);
	err_clear(err);
	volume->way = &way_ext2fs;
	return volume->way->mount(volume, err);
}

/* A superblock's own counts may be old; those of the mounted file system are not. */
static void count_root(struct volume *volume)
{
	struct fs_state *state = &volume->disks.items[volume->root_row].state;
	struct tree_space space;
	struct err ignored = ERR_INIT;

	if (!volume->way || tree_space(volume->tree, &space, &ignored) < 0)
		return;
	state->is_counted = true;
	state->bytes_free = space.bytes_free;
	if (state->inodes) { /* others make inodes as they need them */
		state->inodes = space.inodes;
		state->inodes_free = space.inodes_free;
	}
}

int volume_mount(struct volume *volume, struct err *err)
{
	if (volume->tree)
		return 0;
	if (mount_first(volume, volume->asked_way, err) < 0)
		return -1;
	count_root(volume);
	return 0;
}

int volume_open(const struct volume_request *request, struct volume **ret, struct err *err)
{
	cleanup(volume_close) struct volume *volume = NULL;

	if (volume_open_disks(request, &volume, err) < 0 || volume_mount(volume, err) < 0)
		return -1;
	*ret = TAKE(volume);
	return 0;
}

int volume_open_disks(const struct volume_request *request, struct volume **ret, struct err *err)
{
	cleanup(volume_close) struct volume *volume = mem_alloc(sizeof(*volume));
	struct stat st;

	volume->work_dir = mem_strdup(request->work_dir);
	volume->access = request->access;
	volume->asked_way = request->way;
	volume->tree_fd = -1;
	if (!request->served && !stat(request->path, &st) && S_ISDIR(st.st_mode)) {
		if (open_tree(volume, request->path, err) < 0)
			return -1;
	} else if (open_disks(volume, request, err) < 0) {
		return -1;
	}
	*ret = TAKE(volume);
	return 0;
}

void volume_close(struct volume *volume)
{
	struct volume_figures figures;

	if (!volume)
		return;
	figures = volume_figures(volume);
	log_debug("volume", "size_bytes=%" PRIu64 " source_read_bytes=%" PRIu64, figures.size_bytes,
		  figures.source_read_bytes);
	if (volume->way)
		volume->way->close(volume);
	else
		tree_close(volume->tree);
	export_close(volume->export);
	vec_foreach (disk, &volume->parts) {
		overlay_close(disk->overlay);
		source_close(disk->beneath_source);
		overlay_close(disk->beneath);
		source_close(disk->source);
		free(disk->path);
		free(disk->name);
	}
	vec_done(&volume->parts);
	vec_foreach (gave_up, &volume->gave_up) {
		free(gave_up->disk);
		free(gave_up->text);
	}
	vec_done(&volume->gave_up);
	vec_foreach (text, &volume->mended)
		free(*text);
	vec_done(&volume->mended);
	disks_done(&volume->disks);
	tree_names_done(&volume->warnings);
	fd_close(volume->tree_fd);
	free(volume->disk_of_row);
	free(volume->work_dir);
	free(volume);
}

struct tree *volume_tree(struct volume *volume)
{
	return volume->tree;
}

const struct disks *volume_disks(const struct volume *volume)
{
	return &volume->disks;
}

bool volume_is_tree(const struct volume *volume)
{
	return volume->tree_fd >= 0;
}

const struct tree_names *volume_warnings(const struct volume *volume)
{
	return &volume->warnings;
}

struct volume_figures volume_figures(const struct volume *volume)
{
	struct volume_figures figures = { .changed_blocks = volume->committed_blocks };

	vec_foreach (disk, &volume->parts) {
		if (!disk->overlay) /* could not be opened */
			continue;
		figures.size_bytes += disk->source->size_bytes;
		figures.source_read_bytes += *disk->source->read_bytes;
		figures.changed_blocks += overlay_changed_count(disk->overlay);
	}
	figures.changed_bytes = figures.changed_blocks * OVERLAY_GRANULE;
	return figures;
}

int volume_remount(struct volume *volume, struct err *err)
{
	if (volume->tree || !volume->way)
		return 0;
	return volume->way->mount(volume, err);
}

void volume_mount_inside(struct volume *volume, volume_mount_func *mount_one)
{
	cleanup(submounts_done) struct submounts submounts = { 0 };
	struct tree_names said_before = { 0 };

	submounts_find(volume->tree, &volume->disks, &submounts,
		       volume->has_warned ? &said_before : &volume->warnings);
	vec_foreach (submount, &submounts) {
		struct err err = ERR_INIT;

		if (mount_one(volume, submount, &err) < 0 && !volume->has_warned)
			vec_push(&volume->warnings,
				 mem_printf("%s: not seen: %s", submount->target, err.text));
	}
	volume->has_warned = true;
	tree_names_done(&said_before);
}
