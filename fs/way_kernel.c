/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel reads the file systems: overlay -> export -> loop device -> mount(2) -> tree. */
#include "base/log.h"
#include "fs/btrfs.h"
#include "fs/loopdev.h"
#include "fs/mount.h"
#include "fs/probe.h"
#include "fs/root.h"
#include "fs/submount.h"
#include "fs/volume_impl.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct kernel {
	struct loopdev *loops; /* one for each row of disks; fd -1: none */
	size_t loop_count;
	char *root_dir;
	int root_fd;
	VEC(char *) mounted; /* targets, in the order of mounting */
};

static struct kernel *kernel_of(struct volume *volume)
{
	struct kernel *kernel = volume->state;

	if (kernel)
		return kernel;
	kernel = volume->state = mem_alloc(sizeof(*kernel));
	kernel->root_fd = -1;
	kernel->root_dir = mem_printf("%s/root", volume->work_dir);
	kernel->loop_count = volume->disks.count;
	kernel->loops = mem_array(kernel->loop_count + 1, sizeof(*kernel->loops));
	for (size_t i = 0; i < kernel->loop_count; i++)
		kernel->loops[i] = LOOPDEV_INIT;
	return kernel;
}

static enum mount_mode mode_of(const struct volume *volume)
{
	return volume->access == VOLUME_REPAIR ? MOUNT_WRITE : MOUNT_READ;
}

/* Mounts a row somewhere and remembers it for the way back. */
static int mount_row(struct volume *volume, size_t row, const struct mount_spec *how,
		     struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	cleanup(free) char *name = volume_row_name(volume, row);
	cleanup(free) char *file = volume_export_path(volume, row);
	struct loopdev *loop = &kernel->loops[row];
	struct mount_spec spec = *how;

	if (loop->fd < 0 && loopdev_open(file, loop, err) < 0)
		return -1;
	spec.device = loop->path;
	spec.type = volume->disks.items[row].type;
	spec.name = name;
	if (mount_attach(&spec, err) < 0) {
		volume_note_mount_error(volume, row, err);
		return -1;
	}
	vec_push(&kernel->mounted, mem_strdup(how->target));
	return 0;
}

static int unmount_last(struct volume *volume, struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	char *target = kernel->mounted.items[kernel->mounted.count - 1];

	if (mount_detach(target, err) < 0)
		return -1;
	kernel->mounted.count--;
	free(target);
	return 0;
}

static void close_loop(struct volume *volume, size_t row)
{
	struct kernel *kernel = kernel_of(volume);
	bool is_btrfs =
		volume->disks.items[row].type && str_eq(volume->disks.items[row].type, "btrfs");

	if (kernel->loops[row].fd >= 0 && is_btrfs)
		btrfs_forget(kernel->loops[row].path);
	loopdev_close(&kernel->loops[row]);
}

static int make_dir(const char *path, struct err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "%s", path);
	return 0;
}

/* A directory of a mounted file system, "" for its top. The name comes from the file system: neither ".." nor
 * a link may lead out of it. */
static int open_below(const char *mounted, const char *name)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	cleanup(fd_close) int top = open(mounted, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (top < 0 || !*name)
		return TAKE_FD(top);
	return (int)syscall(SYS_openat2, top, name, &how, sizeof(how));
}

/* ret_score 0: no root there. */
static int score_dir(int fd, const char *name, unsigned *ret_score, struct err *err)
{
	cleanup(tree_close) struct tree *tree = NULL;

	*ret_score = 0;
	if (fd < 0)
		return err_errno(err, errno, "%s", name);
	if (tree_open_dir(fd, &tree, err) < 0)
		return -1;
	*ret_score = root_score(tree);
	return 0;
}

/* A candidate's own fstab may say that it is the root subvolume. */
static bool names_itself(int fd, const struct btrfs_subvol *subvol)
{
	cleanup(tree_close) struct tree *tree = NULL;
	cleanup(free) char *path = NULL;
	struct err ignored;
	uint64_t id = 0;

	if (tree_open_dir(fd, &tree, &ignored) < 0)
		return false;
	submounts_root_subvol(tree, &path, &id);
	return path ? str_eq(path, subvol->path) : id == subvol->id;
}

struct candidate {
	unsigned score;
	size_t row;
	uint64_t subvol_id;
	char *subvol;
};

/* Among subvolumes the default one wins, then one that its own fstab names, then the names that
 * installers give; a snapshot looks the same as its origin and comes last. */
static unsigned subvol_rank(const struct btrfs_subvol *subvol, uint64_t default_id, int fd)
{
	static const char *const usual[] = { "@", "root", "@rootfs", "@root", "rootfs" };

	if (subvol->id == default_id && subvol->id != BTRFS_TOP)
		return 4000;
	if (names_itself(fd, subvol))
		return 3000;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (str_eq(subvol->path, usual[i]))
			return 2000;
	return subvol->id == BTRFS_TOP ? 1000 : 0;
}

static void record_subvols(struct disk_fs *row, const struct btrfs_subvols *subvols)
{
	if (row->subvols)
		return;
	row->subvols = mem_array(subvols->count + 1, sizeof(*row->subvols));
	vec_foreach (subvol, subvols)
		if (*subvol->path)
			row->subvols[row->subvol_count++] = mem_strdup(subvol->path);
}

/* The top level is mounted on kernel->root_dir: every subvolume can be seen below it. */
static int examine_btrfs(struct volume *volume, size_t row, struct candidate *best, struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	cleanup(btrfs_subvols_done) struct btrfs_subvols subvols = { 0 };
	cleanup(fd_close) int top = open_below(kernel->root_dir, "");
	uint64_t default_id;

	if (top < 0)
		return err_errno(err, errno, "%s", kernel->root_dir);
	if (btrfs_list(top, &subvols, &default_id, err) < 0)
		return -1;
	record_subvols(&volume->disks.items[row], &subvols);
	vec_foreach (subvol, &subvols) {
		cleanup(fd_close) int fd = open_below(kernel->root_dir, subvol->path);
		unsigned score;

		if (score_dir(fd, subvol->path, &score, err) < 0)
			err_clear(err);
		if (score)
			score += subvol_rank(subvol, default_id, fd);
		if (score <= best->score)
			continue;
		free(best->subvol);
		*best = (struct candidate){ .score = score,
					    .row = row,
					    .subvol_id = subvol->id,
					    .subvol = mem_strdup(subvol->path) };
	}
	return 0;
}

static int examine_row(struct volume *volume, size_t row, struct candidate *best, struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	bool is_btrfs = str_eq(volume->disks.items[row].type, "btrfs");
	struct mount_spec how = { .target = kernel->root_dir,
				  .mode = MOUNT_READ,
				  .subvolume = is_btrfs ? BTRFS_TOP : 0 };
	struct candidate own = { 0 };
	int result, top;

	if (probe_check_size(volume_row_overlay(volume, row), &volume->disks.items[row], err) < 0 ||
	    mount_row(volume, row, &how, err) < 0)
		return -1;
	top = open_below(kernel->root_dir, "");
	result = is_btrfs ? examine_btrfs(volume, row, &own, err)
			  : score_dir(top, kernel->root_dir, &own.score, err);
	fd_close(top);
	own.row = row;
	if (!result && own.score > best->score) {
		free(best->subvol);
		*best = own;
		own.subvol = NULL;
	}
	free(own.subvol);
	if (unmount_last(volume, err) < 0)
		return -1;
	return result;
}

/* Tries every Linux file system, those of the first disk first; a file system that cannot be
 * mounted is a warning unless no other holds a root. */
static int find_root(struct volume *volume, struct err *err)
{
	struct err failed = ERR_INIT;
	struct candidate best = { 0 };

	for (size_t row = 0; row < volume->disks.count; row++) {
		struct err one = ERR_INIT;

		if (best.score && volume->disk_of_row[row] != volume->disk_of_row[best.row])
			break;
		if (!probe_is_linux_fs(&volume->disks.items[row]) ||
		    !examine_row(volume, row, &best, &one))
			continue;
		if (one.code == ERR_TOOL || one.code == ERR_DENIED) {
			*err = one;
			return -1;
		}
		if (!volume->disks.items[row].is_damaged) /* else it was said */
			vec_push(&volume->warnings, mem_strdup(one.text));
		failed = one;
	}
	if (!best.score)
		return probe_explain(&volume->disks, volume->parts.items[0].name, &failed, err);
	volume->root_is_known = true;
	volume->root_row = best.row;
	volume->root_subvol_id = best.subvol_id;
	volume->disks.items[best.row].is_root = true;
	volume->disks.items[best.row].root_subvol = best.subvol;
	return 0;
}

/* A directory of the patient as a path of this machine. Resolved inside its root, so that a link of
 * the patient cannot make us mount over a directory of ours. */
static char *target_inside(const struct kernel *kernel, const char *target, struct err *err)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	cleanup(fd_close) int fd =
		(int)syscall(SYS_openat2, kernel->root_fd, target, &how, sizeof(how));
	cleanup(free) char *link = mem_printf("/proc/self/fd/%d", fd);
	char path[TREE_PATH_MAX];
	ssize_t len;

	if (fd < 0) {
		err_errno(err, errno, "%s: no such directory to mount on", target);
		return NULL;
	}
	len = readlink(link, path, sizeof(path));
	if (len < 0 || len == sizeof(path)) {
		err_errno(err, errno, "%s", target);
		return NULL;
	}
	return mem_strndup(path, (size_t)len);
}

static uint64_t subvol_id_of(struct volume *volume, const struct submount *submount,
			     struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	cleanup(btrfs_subvols_done) struct btrfs_subvols subvols = { 0 };
	uint64_t default_id;

	if (!submount->subvol)
		return submount->subvol_id;
	/* Asked of the root's file system: subvolumes of another btrfs go by its default. */
	if (submount->row != volume->root_row ||
	    btrfs_list(kernel->root_fd, &subvols, &default_id, err) < 0)
		return 0;
	vec_foreach (subvol, &subvols)
		if (str_eq(subvol->path, submount->subvol))
			return subvol->id;
	return 0;
}

static int mount_inside(struct volume *volume, const struct submount *submount, struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	cleanup(free) char *target = NULL;
	const struct disk_fs *row = &volume->disks.items[submount->row];
	struct mount_spec how = { .mode = mode_of(volume) };

	if (submount->row == volume->root_row && !submount->subvol && !submount->subvol_id)
		return 0; /* the root again */
	target = target_inside(kernel, submount->target, err);
	if (!target)
		return -1;
	how.target = target;
	if (!probe_is_linux_fs(row) && !str_eq(row->type, "vfat"))
		return err_set(err, ERR_UNSUPPORTED, "%s cannot be followed",
			       row->type ? row->type : "an unknown file system");
	if (submount->subvol) {
		how.subvolume = subvol_id_of(volume, submount, err);
		if (!how.subvolume)
			return err_set(err, ERR_NOTFOUND, "there is no btrfs subvolume %s",
				       submount->subvol);
	}
	return mount_row(volume, submount->row, &how, err);
}

static int kernel_mount(struct volume *volume, struct err *err)
{
	struct kernel *kernel = kernel_of(volume);
	struct mount_spec how = { .target = kernel->root_dir, .mode = mode_of(volume) };

	if (make_dir(kernel->root_dir, err) < 0 || volume_export(volume, err) < 0)
		return -1;
	if (!volume->root_is_known && find_root(volume, err) < 0)
		return -1;
	how.subvolume = volume->root_subvol_id;
	if (mount_row(volume, volume->root_row, &how, err) < 0)
		return -1;
	kernel->root_fd = open(kernel->root_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (kernel->root_fd < 0)
		return err_errno(err, errno, "%s", kernel->root_dir);
	if (tree_open_dir(kernel->root_fd, &volume->tree, err) < 0)
		return -1;
	volume_mount_inside(volume, mount_inside);
	return 0;
}

static void drop_tree(struct volume *volume)
{
	struct kernel *kernel = kernel_of(volume);

	tree_close(TAKE(volume->tree));
	fd_close(TAKE_FD(kernel->root_fd));
}

static int kernel_unmount(struct volume *volume, struct err *err)
{
	struct kernel *kernel = kernel_of(volume);

	drop_tree(volume);
	while (kernel->mounted.count)
		if (unmount_last(volume, err) < 0)
			return -1;
	for (size_t row = 0; row < kernel->loop_count; row++)
		close_loop(volume, row);
	return 0;
}

static void kernel_close(struct volume *volume)
{
	struct kernel *kernel = volume->state;

	if (!kernel)
		return;
	drop_tree(volume);
	while (kernel->mounted.count) {
		char *target = kernel->mounted.items[--kernel->mounted.count];
		struct err ignored;

		if (mount_detach(target, &ignored) < 0)
			mount_detach_lazily(target);
		free(target);
	}
	vec_done(&kernel->mounted);
	for (size_t row = 0; row < kernel->loop_count; row++)
		close_loop(volume, row);
	export_close(TAKE(volume->export));
	rmdir(kernel->root_dir);
	free(kernel->loops);
	free(kernel->root_dir);
	free(kernel);
	volume->state = NULL;
}

const struct way way_kernel = {
	.mount = kernel_mount,
	.unmount = kernel_unmount,
	.close = kernel_close,
};
