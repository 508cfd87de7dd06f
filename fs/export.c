/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/export.h"
#include "base/log.h"
#include "base/proc.h"
#include "fs/mount.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define FIRST_FILE_INO 2u /* 1 is the directory */
#define NAMES_VALID_S  3600.0

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

struct export
{
	char *dir;
	pid_t child;
};

/* What the child works with. */
struct serving {
	const struct export_files *files;
	char *buffer; /* for one request */
	size_t buffer_size;
};

static const struct export_file *file_of(fuse_req_t req, fuse_ino_t ino)
{
	const struct serving *serving = fuse_req_userdata(req);
	size_t index = ino - FIRST_FILE_INO;

	return ino >= FIRST_FILE_INO && index < serving->files->count
		       ? &serving->files->items[index]
		       : NULL;
}

static void fill_stat(const struct export_file *file, fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){ .st_ino = ino,
			     .st_mode = file ? S_IFREG | 0600 : S_IFDIR | 0700,
			     .st_nlink = file ? 1 : 2,
			     .st_uid = getuid(),
			     .st_gid = getgid(),
			     .st_blksize = OVERLAY_GRANULE };
	if (file) {
		st->st_size = (off_t)file->size_bytes;
		st->st_blocks = (blkcnt_t)(file->size_bytes / 512);
	}
}

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	struct serving *serving = userdata;

	if (serving->buffer_size < conn->max_write) {
		serving->buffer_size = conn->max_write;
		serving->buffer = mem_realloc(serving->buffer, serving->buffer_size);
	}
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct serving *serving = fuse_req_userdata(req);
	struct fuse_entry_param entry = { .attr_timeout = NAMES_VALID_S,
					  .entry_timeout = NAMES_VALID_S };

	for (size_t i = 0; parent == FUSE_ROOT_ID && i < serving->files->count; i++) {
		if (!str_eq(serving->files->items[i].name, name))
			continue;
		entry.ino = i + FIRST_FILE_INO;
		fill_stat(&serving->files->items[i], entry.ino, &entry.attr);
		fuse_reply_entry(req, &entry);
		return;
	}
	fuse_reply_err(req, ENOENT);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	const struct export_file *file = file_of(req, ino);
	struct stat st;

	(void)info;
	if (!file && ino != FUSE_ROOT_ID) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill_stat(file, ino, &st);
	fuse_reply_attr(req, &st, NAMES_VALID_S);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	if (!file_of(req, ino)) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	info->direct_io = 1;
	fuse_reply_open(req, info);
}

static int error_number(const struct err *err)
{
	log_debug("export", "%s", err->text);
	return err->code == ERR_DENIED ? EACCES : EIO;
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *info)
{
	const struct export_file *file = file_of(req, ino);
	struct serving *serving = fuse_req_userdata(req);
	struct err err = ERR_INIT;
	uint64_t start = (uint64_t)offset;

	(void)info;
	if (!file || start >= file->size_bytes) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	if (size > file->size_bytes - start)
		size = (size_t)(file->size_bytes - start);
	if (size > serving->buffer_size) {
		serving->buffer_size = size;
		serving->buffer = mem_realloc(serving->buffer, size);
	}
	if (overlay_pread(file->overlay, serving->buffer, size, file->offset_bytes + start, &err) <
	    0)
		fuse_reply_err(req, error_number(&err));
	else
		fuse_reply_buf(req, serving->buffer, size);
}

static void on_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *info)
{
	const struct export_file *file = file_of(req, ino);
	struct err err = ERR_INIT;
	uint64_t start = (uint64_t)offset;

	(void)info;
	if (!file || start > file->size_bytes || size > file->size_bytes - start)
		fuse_reply_err(req, ENOSPC);
	else if (overlay_pwrite(file->overlay, data, size, file->offset_bytes + start, &err) < 0)
		fuse_reply_err(req, error_number(&err));
	else
		fuse_reply_write(req, size);
}

/* The overlay is thrown away with the process, so there is nothing to make durable. */
static void on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	(void)ino;
	(void)datasync;
	(void)info;
	fuse_reply_err(req, 0);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	const struct serving *serving = fuse_req_userdata(req);
	cleanup(free) char *list = mem_alloc(size);
	size_t used = 0;

	(void)ino;
	(void)info;
	for (size_t i = (size_t)offset; i < serving->files->count; i++) {
		struct stat st;
		size_t need;

		fill_stat(&serving->files->items[i], i + FIRST_FILE_INO, &st);
		need = fuse_add_direntry(req, list + used, size - used,
					 serving->files->items[i].name, &st, (off_t)i + 1);
		if (need > size - used)
			break;
		used += need;
	}
	fuse_reply_buf(req, list, used);
}

static const struct fuse_lowlevel_ops ops = {
	.init = on_init,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
	.write = on_write,
	.fsync = on_fsync,
	.readdir = on_readdir,
};

/* ^C and hangups are for the parent, which then unmounts in order. */
static void child_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP };

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "rescue-export");
	/* The kernel's writeback waits for this process: its own allocations must not wait for
	 * writeback. Needs CAP_SYS_RESOURCE; without it the worst is a slow machine. */
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

/* Out of the parent's mount namespace, once the export is mounted there. When the parent is killed,
 * its namespace ends with it, and the file systems on the export write their last blocks: if this
 * process held that namespace, too, they would be unmounted by its own exit, which then waits for
 * itself to serve those blocks, for ever. */
static void leave_namespace(const char *dir)
{
	if (geteuid() || unshare(CLONE_NEWNS) < 0)
		return;
	if (!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void __attribute__((noreturn))
serve(const char *dir, const struct export_files *files, pid_t parent, int ready)
{
	char program[] = "ec2-rescue", option[] = "-o";
	char options[] = "fsname=ec2-rescue,subtype=export,auto_unmount";
	char *argv[] = { program, option, options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct serving serving = { .files = files };
	struct fuse_session *session;
	char done = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	child_signals();
	/* auto_unmount has fusermount3 watch over the mount, which only an unprivileged mount
	 * needs: ours goes away with its namespace. */
	if (mount_is_allowed())
		*strstr(options, ",auto_unmount") = '\0';
	session = fuse_session_new(&args, &ops, sizeof(ops), &serving);
	if (!session || fuse_session_mount(session, dir) < 0)
		_exit(1);
	leave_namespace(dir);
	if (write(ready, &done, 1) != 1)
		_exit(1);
	close(ready);
	fuse_session_loop(session);
	fuse_session_unmount(session);
	_exit(0);
}

static void silence_stderr(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
}

static bool wait_ready(int fd)
{
	char byte;
	ssize_t got;

	while ((got = read(fd, &byte, 1)) < 0 && errno == EINTR)
		;
	return got == 1;
}

int export_open(const char *dir, const struct export_files *files, struct export **ret,
		struct err *err)
{
	int ready[2] = { -1, -1 };
	pid_t parent = getpid(), child = -1;

	if (access("/dev/fuse", F_OK) < 0)
		return err_set(err, ERR_TOOL,
			       "/dev/fuse is missing: load the kernel module (modprobe fuse), or "
			       "give this container the device");
	if (!mount_is_allowed() && !proc_have("fusermount3"))
		return err_set(err, ERR_TOOL,
			       "fusermount3 is not installed (package fuse3); install it or run as "
			       "root");
	if (pipe2(ready, O_CLOEXEC) == 0)
		child = fork();
	if (child < 0) {
		err_errno(err, errno, "the export of the overlay could not be started");
		fd_close(ready[0]);
		fd_close(ready[1]);
		return -1;
	}
	if (!child) {
		close(ready[0]);
		if (!log_on("export"))
			silence_stderr(); /* libfuse and fusermount3 print; libraries do not */
		serve(dir, files, parent, ready[1]);
	}
	close(ready[1]);
	*ret = mem_alloc(sizeof(**ret));
	**ret = (struct export){ .dir = mem_strdup(dir), .child = child };
	if (!wait_ready(ready[0])) {
		close(ready[0]);
		export_close(TAKE(*ret));
		return err_set(err, ERR_TOOL,
			       "the overlay could not be mounted on %s through FUSE; "
			       "EC2_RESCUE_DEBUG=export shows why",
			       dir);
	}
	close(ready[0]);
	return 0;
}

const char *export_dir(const struct export *export)
{
	return export->dir;
}

static bool ended(pid_t child, unsigned wait_ms)
{
	for (unsigned waited = 0;; waited++) {
		pid_t got = waitpid(child, NULL, WNOHANG);

		if (got == child || (got < 0 && errno != EINTR))
			return true;
		if (waited >= wait_ms)
			return false;
		usleep(1000);
	}
}

static void unmount(const char *dir)
{
	if (mount_is_allowed()) {
		/* The last loop device lets go of its file a moment after it was closed. */
		for (int i = 0; i < 200 && umount2(dir, UMOUNT_NOFOLLOW) < 0 && errno == EBUSY; i++)
			usleep(5000);
		umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW);
	} else {
		const char *argv[] = { "fusermount3", "-u", "-z", dir, NULL };
		struct proc_run run = { .argv = argv, .deadline_s = 10 };
		cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
		struct err ignored;

		(void)!proc_run(&run, &result, &ignored);
	}
}

void export_close(struct export *export)
{
	if (!export)
		return;
	unmount(export->dir);
	if (!ended(export->child, 2000)) {
		kill(export->child, SIGKILL);
		ended(export->child, 5000);
	}
	rmdir(export->dir);
	free(export->dir);
	free(export);
}
