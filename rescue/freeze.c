/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/freeze.h"

#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

enum { AGAIN_MS = 20, UP_MS = 5000, OVER_MS = 2000 };

/* What goes over the ropes. */
enum word {
	WORD_UP = 'u',	   /* guard: I watch */
	WORD_SYNCED = 's', /* freezer */
	WORD_GO = 'g',	   /* to the freezer */
	WORD_FROZEN = 'f', /* freezer: all of them */
	WORD_FAILED = 'e', /* freezer: at, error; nothing is frozen */
	WORD_THAW = 't',   /* to the freezer; to the guard: the freezer was told */
	WORD_THAWED = 'T', /* freezer: held_us, was_late */
};
struct message {
	char word;
	bool was_late;
	int at, error;
	int64_t held_us;
};

struct freeze {
	const struct freeze_list *list;
	const struct freeze_limits *limits;
	pid_t freezer, guard;
	int to_freezer, to_guard; /* ropes: each thaws when its own is let go */
	int64_t limit_us;
};

void freeze_list_done(struct freeze_list *list)
{
	vec_foreach (f, list) {
		fd_close(f->fd);
		free(f->path);
		free(f->type);
	}
	vec_done(list);
}

/* ---- which */

/* The device of a btrfs is not what stat(2) says of its files; its superblock is the same at every mount point. */
static dev_t device_of(struct libmnt_fs *fs)
{
	const char *source = mnt_fs_get_srcpath(fs);
	dev_t dev = mnt_fs_get_devno(fs);
	struct stat st;

	if (major(dev) || !source || strncmp(source, "/dev/", 5) || stat(source, &st) ||
	    !S_ISBLK(st.st_mode))
		return dev;
	return st.st_rdev;
}

static bool has_it(const struct freeze_list *list, dev_t dev)
{
	vec_foreach (f, list)
		if (f->dev == dev)
			return true;
	return false;
}

/* 0 also when the path is mounted over, or gone: then another entry stands for it, or nothing. */
static int add(struct freeze_list *list, struct libmnt_fs *fs, const char *path)
{
	dev_t dev = device_of(fs);
	int fd;

	if (has_it(list, dev))
		return 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	vec_push(list, ((struct frozen){ .path = mem_strdup(path),
					 .type = mem_strdup(mnt_fs_get_fstype(fs) ?: "?"),
					 .dev = dev,
					 .fd = fd }));
	return 0;
}

static struct libmnt_table *mounted(struct err *err)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");

	if (!table)
		err_set(err, ERR_IO,
			"/proc/self/mountinfo, where the mounted file systems are listed, cannot "
			"be read");
	return table;
}

/* The file system, not this mount of it: a service may see everything read-only. */
static bool is_writable(struct libmnt_fs *fs)
{
	const char *options = mnt_fs_get_fs_options(fs);

	return options && mnt_match_options(options, "rw");
}

int freeze_find(bool (*on_volume)(void *arg, unsigned major, unsigned minor), void *arg,
		struct freeze_list *ret, struct err *err)
{
	struct libmnt_table *table = mounted(err);
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (table && iter && !mnt_table_next_fs(table, iter, &fs)) {
		const char *path = mnt_fs_get_target(fs);
		dev_t dev = device_of(fs);

		if (path && major(dev) && is_writable(fs) &&
		    (!on_volume || on_volume(arg, major(dev), minor(dev))))
			(void)!add(ret, fs, path);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return table ? 0 : -1;
}

int freeze_add(struct freeze_list *list, const char *path, struct err *err)
{
	struct libmnt_table *table = mounted(err);
	cleanup(free) char *real = realpath(path, NULL);
	struct libmnt_fs *fs =
		table && real ? mnt_table_find_mountpoint(table, real, MNT_ITER_BACKWARD) : NULL;
	int rc = table ? 0 : -1;

	if (table && (!fs || !major(device_of(fs))))
		rc = err_set(err, ERR_NOTFOUND,
			     "%s is on no mounted file system that could be frozen", path);
	if (!rc && add(list, fs, mnt_fs_get_target(fs)) < 0)
		rc = err_errno(err, errno, "%s", mnt_fs_get_target(fs));
	mnt_unref_table(table);
	return rc;
}

/* ---- the two processes; nothing in them may ask for memory or for a lock */

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* What would end them before their time: the terminal's signals, systemd's, and a lack of memory. */
static void stand_fast(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (fd >= 0) {
		(void)!write(fd, "-1000", 5);
		close(fd);
	}
	mlockall(MCL_CURRENT | MCL_FUTURE);
}

static void tell(int rope, const struct message *message)
{
	(void)!write(rope, message, sizeof(*message));
}

/* 0: nothing came in time, -1: the rope was let go. */
static int hear(int rope, int64_t wait_us, struct message *ret)
{
	struct pollfd fd = { .fd = rope, .events = POLLIN };

	if (poll(&fd, 1, wait_us > 0 ? (int)(wait_us / 1000 + 1) : 0) != 1)
		return 0;
	return read(rope, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret) ? 1 : -1;
}

static void thaw(const struct freeze_list *list, size_t from)
{
	for (size_t i = from; i < list->count; i++)
		ioctl(list->items[i].fd, FITHAW, 0);
}

/* The last mounted first: it may lie in a file of another one. Returns the index of the last one that is frozen;
 * -1: failed, and `ret` says at what. */
static int freeze_all(const struct freeze_list *list, struct message *ret)
{
	for (size_t i = list->count; i-- > 0;) {
		if (!ioctl(list->items[i].fd, FIFREEZE, 0) || errno == EOPNOTSUPP ||
		    errno == ENOTTY)
			continue;
		*ret = (struct message){ .word = WORD_FAILED, .at = (int)i, .error = errno };
		thaw(list, i + 1);
		return -1;
	}
	return 0;
}

static void __attribute__((noreturn)) be_freezer(const struct freeze *freeze, int rope)
{
	struct message message = { .word = WORD_SYNCED };
	int64_t began_us;
	int heard;

	stand_fast();
	for (size_t i = 0; i < freeze->list->count; i++)
		syncfs(freeze->list->items[i].fd);
	tell(rope, &message);
	if (hear(rope, (int64_t)UP_MS * 1000, &message) <= 0)
		_exit(0);
	began_us = now_us();
	if (freeze_all(freeze->list, &message) < 0) {
		/* Not before the guard knows that there is nothing to thaw: what is frozen is somebody else's. */
		tell(rope, &message);
		hear(rope, (int64_t)UP_MS * 1000, &message);
		_exit(0);
	}
	message.word = WORD_FROZEN;
	tell(rope, &message);
	heard = hear(rope, began_us + freeze->limit_us - now_us(), &message);
	thaw(freeze->list, 0);
	message = (struct message){ .word = WORD_THAWED,
				    .was_late = heard == 0,
				    .held_us = now_us() - began_us };
	tell(rope, &message);
	_exit(0);
}

/* After the limit it stays and thaws again and again until the freezer is gone: a FIFREEZE that hung may succeed
 * behind it. Its exit status: 1 when the freezer did not do its part. */
static void __attribute__((noreturn))
be_guard(const struct freeze *freeze, int rope, int freezer_lives)
{
	struct pollfd fds[2] = { { rope, POLLIN, 0 }, { freezer_lives, POLLIN, 0 } };
	struct message message = { .word = WORD_UP };
	int64_t end_us = 0; /* it was not told to begin yet */
	bool was_told = false, is_over = false;

	stand_fast();
	tell(rope, &message);
	for (;;) {
		int64_t left_us = end_us ? end_us - now_us() : INT64_MAX;

		is_over |= left_us <= 0;
		if (is_over)
			thaw(freeze->list, 0);
		if (poll(fds, 2, is_over ? AGAIN_MS : end_us ? (int)(left_us / 1000 + 1) : -1) <= 0)
			continue;
		if (fds[0].revents) { /* before the other one: what was told counts */
			if (read(rope, &message, sizeof(message)) != (ssize_t)sizeof(message)) {
				is_over |= !was_told;
				fds[0].fd = -1;
			} else if (message.word == WORD_GO) {
				end_us = now_us() + freeze->limit_us;
			} else {
				was_told = true;
			}
		} else if (fds[1].revents) { /* the freezer is gone */
			if (!was_told)
				thaw(freeze->list, 0);
			_exit(!was_told);
		}
	}
}

/* ---- here */

static int start(struct freeze *freeze, struct err *err)
{
	int freezer[2] = { -1, -1 }, guard[2] = { -1, -1 }, lives[2] = { -1, -1 };
	struct message message;
	int rc = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, freezer) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guard) < 0 ||
	    pipe2(lives, O_CLOEXEC) < 0)
		rc = err_errno(err, errno, "the processes that freeze");
	freeze->freezer = rc ? -1 : fork();
	if (!freeze->freezer) {
		close(freezer[0]);
		close(guard[0]);
		close(guard[1]);
		close(lives[0]);
		be_freezer(freeze, freezer[1]);
	}
	freeze->guard = freeze->freezer < 0 ? -1 : fork();
	if (!freeze->guard) {
		close(freezer[0]);
		close(freezer[1]);
		close(guard[0]);
		close(lives[1]);
		be_guard(freeze, guard[1], lives[0]);
	}
	fd_close(freezer[1]);
	fd_close(guard[1]);
	fd_close(lives[0]);
	fd_close(lives[1]);
	freeze->to_freezer = freezer[0];
	freeze->to_guard = guard[0];
	if (!rc && freeze->guard < 0)
		rc = err_errno(err, errno, "the processes that freeze");
	if (!rc && hear(freeze->to_guard, (int64_t)UP_MS * 1000, &message) <= 0)
		rc = err_set(err, ERR_INTERNAL, "the guard of the freeze did not come up");
	return rc;
}

static int late(const char *what, uint32_t ms, struct err *err)
{
	return err_set(err, ERR_TIMEOUT,
		       "the file systems were not %s within %.1f s; their disks are slow, or hang",
		       what, (double)ms / 1000);
}

static int failed(const struct freeze *freeze, const struct message *message, struct err *err)
{
	const char *path = message->at < (int)freeze->list->count
				   ? freeze->list->items[message->at].path
				   : "?";

	if (message->error == EBUSY)
		return err_set(
			err, ERR_BUSY,
			"%s is frozen by another program; `fsfreeze --unfreeze %s` ends that", path,
			path);
	return err_errno(err, message->error, "%s cannot be frozen", path);
}

static int freeze_now(struct freeze *freeze, struct err *err)
{
	const struct freeze_limits *limits = freeze->limits;
	struct message message;
	int heard = hear(freeze->to_freezer, (int64_t)limits->sync_ms * 1000, &message);

	if (heard == 0)
		return late("synced", limits->sync_ms, err);
	message.word = WORD_GO;
	tell(freeze->to_guard, &message);
	tell(freeze->to_freezer, &message);
	if (heard > 0)
		heard = hear(freeze->to_freezer, freeze->limit_us, &message);
	if (heard == 0)
		return late("frozen", limits->hold_ms, err);
	if (heard < 0)
		return err_set(err, ERR_INTERNAL, "the process that freezes died");
	if (message.word == WORD_FROZEN)
		return 0;
	tell(freeze->to_guard, &(struct message){ .word = WORD_THAW });
	return failed(freeze, &message, err);
}

/* Both end by themselves; one that hangs in the kernel is not waited for. */
static void let_go(struct freeze *freeze)
{
	int status;

	fd_close(freeze->to_freezer);
	fd_close(freeze->to_guard);
	for (int i = 0; i < 50; i++) {
		if (freeze->freezer > 0 && waitpid(freeze->freezer, &status, WNOHANG) != 0)
			freeze->freezer = 0;
		if (freeze->guard > 0 && waitpid(freeze->guard, &status, WNOHANG) != 0)
			freeze->guard = 0;
		if (freeze->freezer <= 0 && freeze->guard <= 0)
			break;
		usleep(i < 10 ? 500 : 20000);
	}
	free(freeze);
}

int freeze_begin(const struct freeze_list *list, const struct freeze_limits *limits,
		 struct freeze **ret, struct err *err)
{
	struct freeze *freeze = mem_alloc(sizeof(*freeze));

	freeze->list = list;
	freeze->limits = limits;
	freeze->limit_us = (int64_t)limits->hold_ms * 1000;
	if (start(freeze, err) < 0 || freeze_now(freeze, err) < 0) {
		let_go(freeze);
		return -1;
	}
	*ret = freeze;
	return 0;
}

int freeze_end(struct freeze *freeze, double *ret_ms, struct err *err)
{
	struct message message = { .word = WORD_THAW };
	bool was_in_time = false;

	tell(freeze->to_guard, &message);
	tell(freeze->to_freezer, &message);
	*ret_ms = (double)freeze->limit_us / 1000;
	while (hear(freeze->to_freezer, (int64_t)OVER_MS * 1000, &message) > 0) {
		if (message.word != WORD_THAWED)
			continue;
		was_in_time = !message.was_late;
		*ret_ms = (double)message.held_us / 1000;
		break;
	}
	let_go(freeze);
	return was_in_time
		       ? 0
		       : err_set(err, ERR_TIMEOUT,
				 "the file systems were thawed when the limit of %.1f s was over",
				 *ret_ms / 1000);
}
