/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes down what a program does to a disk and to a directory, as the kernel sees it: every system call of every
 * process and thread of it that changes a watched file, disk or directory, and every one that makes a change durable.
 *
 * tool-recorder -o LOG [-k N] -w PATH [-w PATH...] COMMAND...
 *   -w  a file or a block device; or a directory, with everything that is below it and comes to be below it
 *   -k  everything is killed after the N-th record (kill -9: what was written stays in the page cache)
 *
 * The log has one JSON object a line; a "write" is followed by its len bytes and a newline:
 *   {"op":"write","node":ID,"at":N,"len":N}   {"op":"truncate","node":ID,"size":N}
 *   {"op":"set","dir":ID,"name":"...","node":ID,"kind":"file"|"dir"}   {"op":"unset","dir":ID,"name":"..."}
 *   {"op":"rename","dir":ID,"name":"...","to_dir":ID,"to_name":"..."}
 *   {"op":"flush","node":ID,"began":N}    what came before record N is durable from here on; node "*": everything
 *   {"op":"trouble","text":"..."}         a change that these words cannot tell, so the log is not to be believed
 * An ID is "device:inode"; that of a block device is "disk:number". The command's exit status is the recorder's; 137
 * after -k. */
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define THREADS_MAX 512
#define NAME_LEN    256
#define WATCHED_MAX 4096
#define ROOTS_MAX   16

struct node {
	char id[48]; /* "": nothing is there */
};
/* A name in a watched directory. */
struct place {
	struct node dir, node; /* node: what had the name before the call */
	char name[NAME_LEN];
};
/* A call between its entry and its exit. */
struct thread {
	pid_t tid;
	bool is_inside;
	uint64_t nr, args[6];
	size_t began; /* records there were at the entry */
	uint64_t at;  /* where a write() will go */
	struct node node;
	struct place from, to;
};

static struct thread threads[THREADS_MAX];
static char *roots[ROOTS_MAX]; /* what was given with -w */
static size_t roots_count;
static struct node watched[WATCHED_MAX];
static size_t watched_count, records, records_max;
static FILE *out;

static void die(const char *what)
{
	fprintf(stderr, "tool-recorder: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* What is watched */

static struct node node_of(const struct stat *st)
{
	struct node node;

	if (S_ISBLK(st->st_mode))
		snprintf(node.id, sizeof(node.id), "disk:%" PRIu64, (uint64_t)st->st_rdev);
	else
		snprintf(node.id, sizeof(node.id), "%" PRIu64 ":%" PRIu64, (uint64_t)st->st_dev,
			 (uint64_t)st->st_ino);
	return node;
}

static bool is_watched(const struct node *node)
{
	for (size_t i = 0; i < watched_count; i++)
		if (!strcmp(watched[i].id, node->id))
			return true;
	return false;
}

static void watch(const struct node *node)
{
	if (is_watched(node))
		return;
	if (watched_count == WATCHED_MAX) {
		errno = ENOSPC;
		die("too many files to watch");
	}
	watched[watched_count++] = *node;
}

static int watch_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct node node = node_of(st);

	(void)path, (void)type, (void)ftw;
	watch(&node);
	return 0;
}

static void watch_all(const char *path)
{
	if (roots_count == ROOTS_MAX || !(roots[roots_count++] = realpath(path, NULL)) ||
	    nftw(path, watch_one, 16, FTW_PHYS) < 0)
		die(path);
}

/* The log */

static void end_record(void)
{
	putc('\n', out);
	if (++records == records_max) {
		fflush(out);
		_exit(137); /* PTRACE_O_EXITKILL takes everybody along */
	}
}

static void trouble(const char *text)
{
	fprintf(out, "{\"op\":\"trouble\",\"text\":\"%s\"}", text);
	end_record();
}

static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (*name < 0x20 || *name == '"' || *name == '\\')
			return false;
	return true;
}

static void say_place(const struct place *place, const char *dir, const char *name)
{
	fprintf(out, ",\"%s\":\"%s\",\"%s\":\"%s\"", dir, place->dir.id, name, place->name);
}

/* The memory of the traced */

static size_t peek(pid_t tid, uint64_t address, void *into, size_t len)
{
	struct iovec here = { into, len }, there = { (void *)(uintptr_t)address, len };
	ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);

	return got < 0 ? 0 : (size_t)got;
}

/* A path may end at the end of a mapping. */
static bool peek_path(pid_t tid, uint64_t address, char into[PATH_MAX])
{
	size_t len = 0;

	while (len < PATH_MAX) {
		size_t part = 256 - (address + len) % 256, got;

		part = part < PATH_MAX - len ? part : PATH_MAX - len;
		got = peek(tid, address + len, into + len, part);
		if (!got)
			return false;
		if (memchr(into + len, 0, got))
			return true;
		len += got;
	}
	return false;
}

static void log_write(const struct thread *t, uint64_t at, uint64_t address, size_t len)
{
	cleanup(free) char *data = mem_alloc(len + 1);

	if (!len)
		return;
	if (peek(t->tid, address, data, len) != len) {
		trouble("the bytes of a write cannot be read");
		return;
	}
	fprintf(out, "{\"op\":\"write\",\"node\":\"%s\",\"at\":%" PRIu64 ",\"len\":%zu}\n",
		t->node.id, at, len);
	fwrite(data, 1, len, out);
	end_record();
}

static void log_vector(const struct thread *t, uint64_t at, size_t left)
{
	struct iovec parts[64];
	size_t count = t->args[2] < ARRAY_LEN(parts) ? (size_t)t->args[2] : ARRAY_LEN(parts);

	count = peek(t->tid, t->args[1], parts, count * sizeof(*parts)) / sizeof(*parts);
	for (size_t i = 0; i < count && left; i++) {
		size_t len = parts[i].iov_len < left ? parts[i].iov_len : left;

		log_write(t, at, (uintptr_t)parts[i].iov_base, len);
		at += len;
		left -= len;
	}
	if (left)
		trouble("a write of more parts than are looked at");
}

/* Descriptors and paths of the traced */

/* Never by a plain stat(): the file may be in a file system that one of the traced serves, and it stands still now. */
static struct node node_of_fd(pid_t tid, int fd)
{
	struct node node = { "" };
	struct statx st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	if (fd < 0 || statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0)
		return node;
	return node_of(&(struct stat){ .st_mode = st.stx_mode,
				       .st_ino = st.stx_ino,
				       .st_dev = makedev(st.stx_dev_major, st.stx_dev_minor),
				       .st_rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor) });
}

static uint64_t position_of(pid_t tid, int fd)
{
	char path[64];
	uint64_t pos = 0;
	unsigned flags = 0;
	struct stat st;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	info = fopen(path, "r");
	if (!info || fscanf(info, "pos: %" SCNu64 " flags: %o", &pos, &flags) != 2)
		die(path);
	fclose(info);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	return flags & O_APPEND && !stat(path, &st) ? (uint64_t)st.st_size : pos;
}

static bool is_below_a_root(const char *path)
{
	for (size_t i = 0; i < roots_count; i++)
		if (str_starts(path, roots[i]) && strchr("/", path[strlen(roots[i])]))
			return true;
	return false;
}

/* Where a path leads; "": not to what is watched. Only what reads like a path to it is looked up, again because of
 * file systems that stand still; what is missed is missed in the sum of all records too, which a reader compares. */
static void locate(pid_t tid, int dirfd, uint64_t address, struct place *ret)
{
	char link[64], path[PATH_MAX], full[2 * PATH_MAX], *slash;
	struct stat st;
	ssize_t len = 0;

	*ret = (struct place){ 0 };
	if (!peek_path(tid, address, path) || !*path)
		return;
	snprintf(link, sizeof(link), dirfd == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d", tid,
		 dirfd);
	if (*path != '/' && (len = readlink(link, full, PATH_MAX)) < 0)
		return;
	snprintf(full + len, sizeof(full) - (size_t)len, "%s%s", *path == '/' ? "" : "/", path);
	while ((slash = strrchr(full, '/')) && slash > full && !slash[1])
		*slash = '\0'; /* mkdir("name/") */
	if (!is_below_a_root(full))
		return;
	if (!lstat(full, &st))
		ret->node = node_of(&st);
	*slash++ = '\0';
	if (strlen(slash) < NAME_LEN)
		memcpy(ret->name, slash, strlen(slash) + 1);
	if (!stat(*full ? full : "/", &st))
		ret->dir = node_of(&st);
}

/* The node that a name has now. */
static struct node node_at(pid_t tid, int dirfd, uint64_t address)
{
	struct place place;

	locate(tid, dirfd, address, &place);
	return place.node;
}

/* Calls. One row says where a call has its descriptor or its paths, and what it does. */

enum what {
	CREATE,
	DIRECTORY,
	WRITE,
	PWRITE,
	WRITEV,
	PWRITEV,
	CUT,
	CUT_PATH,
	FLUSH,
	FLUSH_ALL,
	RENAME,
	REMOVE,
	LINK,
	MAP,
	CONTROL,
	OTHER
};
static const struct call {
	long nr;
	enum what what;
	int fd;	  /* argument with the descriptor, -1: none */
	int path; /* with the path, its directory before it when dir is true */
	int to;	  /* with the second path */
	bool dir;
} calls[] = {
	{ SYS_openat, CREATE, -1, 1, -1, true },
	{ SYS_openat2, CREATE, -1, 1, -1, true },
	{ SYS_mkdirat, DIRECTORY, -1, 1, -1, true },
	{ SYS_renameat2, RENAME, -1, 1, 3, true },
	{ SYS_unlinkat, REMOVE, -1, 1, -1, true },
	{ SYS_linkat, LINK, -1, 1, 3, true },
	{ SYS_symlinkat, LINK, -1, -1, 2, true },
	{ SYS_truncate, CUT_PATH, -1, 0, -1, false },
#ifdef SYS_renameat
	{ SYS_renameat, RENAME, -1, 1, 3, true },
#endif
#ifdef SYS_open /* the older half of the calls, which newer architectures have not */
	{ SYS_open, CREATE, -1, 0, -1, false },
	{ SYS_creat, CREATE, -1, 0, -1, false },
	{ SYS_mkdir, DIRECTORY, -1, 0, -1, false },
	{ SYS_rename, RENAME, -1, 0, 1, false },
	{ SYS_unlink, REMOVE, -1, 0, -1, false },
	{ SYS_rmdir, REMOVE, -1, 0, -1, false },
	{ SYS_link, LINK, -1, 0, 1, false },
	{ SYS_symlink, LINK, -1, -1, 1, false },
#endif
	{ SYS_write, WRITE, 0, -1, -1, false },
	{ SYS_pwrite64, PWRITE, 0, -1, -1, false },
	{ SYS_writev, WRITEV, 0, -1, -1, false },
	{ SYS_pwritev, PWRITEV, 0, -1, -1, false },
	{ SYS_pwritev2, PWRITEV, 0, -1, -1, false },
	{ SYS_ftruncate, CUT, 0, -1, -1, false },
	{ SYS_fsync, FLUSH, 0, -1, -1, false },
	{ SYS_fdatasync, FLUSH, 0, -1, -1, false },
	{ SYS_sync, FLUSH_ALL, -1, -1, -1, false },
	{ SYS_mmap, MAP, 4, -1, -1, false },
	{ SYS_ioctl, CONTROL, 0, -1, -1, false },
	{ SYS_fallocate, OTHER, 0, -1, -1, false },
	{ SYS_copy_file_range, OTHER, 2, -1, -1, false },
	{ SYS_sendfile, OTHER, 0, -1, -1, false },
	{ SYS_splice, OTHER, 2, -1, -1, false },
	{ SYS_io_uring_register, OTHER, 0, -1, -1, false },
};

static const struct call *call_of(uint64_t nr)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if ((uint64_t)calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

static void look_at(struct thread *t, int path, bool has_dir, struct place *ret)
{
	if (path >= 0)
		locate(t->tid, has_dir ? (int)t->args[path - 1] : AT_FDCWD, t->args[path], ret);
}

static void at_entry(struct thread *t)
{
	const struct call *call = call_of(t->nr);

	t->began = records;
	if (!call)
		return;
	t->node = (struct node){ "" };
	t->from = t->to = (struct place){ 0 };
	if (call->fd >= 0)
		t->node = node_of_fd(t->tid, (int)t->args[call->fd]);
	if ((call->what == WRITE || call->what == WRITEV) && is_watched(&t->node))
		t->at = position_of(t->tid, (int)t->args[0]);
	look_at(t, call->path, call->dir, &t->from);
	look_at(t, call->to, call->dir, &t->to);
}

/* A name came to be. */
static void created(struct thread *t, int dirfd, uint64_t address, const struct place *place,
		    const char *kind)
{
	struct node node = node_at(t->tid, dirfd, address);

	if (!is_watched(&place->dir) || place->node.id[0] || !node.id[0])
		return;
	if (!is_plain(place->name)) {
		trouble("a name that is not plain");
		return;
	}
	watch(&node);
	fprintf(out, "{\"op\":\"set\",\"node\":\"%s\",\"kind\":\"%s\"", node.id, kind);
	say_place(place, "dir", "name");
	putc('}', out);
	end_record();
}

static void cut(const struct node *node, uint64_t size)
{
	if (!is_watched(node))
		return;
	fprintf(out, "{\"op\":\"truncate\",\"node\":\"%s\",\"size\":%" PRIu64 "}", node->id, size);
	end_record();
}

static void opened(struct thread *t, const struct call *call)
{
	uint64_t flags = t->args[call->path + 1];

	if (t->nr == SYS_openat2 && peek(t->tid, flags, &flags, sizeof(flags)) != sizeof(flags))
		flags = 0;
#ifdef SYS_creat
	if (t->nr == SYS_creat)
		flags = O_CREAT | O_TRUNC;
#endif
	if (flags & O_CREAT)
		created(t, call->dir ? (int)t->args[0] : AT_FDCWD, t->args[call->path], &t->from,
			"file");
	if (flags & O_TRUNC && t->from.node.id[0])
		cut(&t->from.node, 0);
}

static void renamed(const struct thread *t)
{
	if (!is_watched(&t->from.dir) && !is_watched(&t->to.dir))
		return;
	if (!is_watched(&t->from.dir) || !is_watched(&t->to.dir) || !is_plain(t->to.name)) {
		trouble("a rename into or out of what is watched");
		return;
	}
	fputs("{\"op\":\"rename\"", out);
	say_place(&t->from, "dir", "name");
	say_place(&t->to, "to_dir", "to_name");
	putc('}', out);
	end_record();
}

static void removed(const struct thread *t)
{
	if (!is_watched(&t->from.dir))
		return;
	fputs("{\"op\":\"unset\"", out);
	say_place(&t->from, "dir", "name");
	putc('}', out);
	end_record();
}

static void flushed(const struct thread *t, const char *id)
{
	fprintf(out, "{\"op\":\"flush\",\"node\":\"%s\",\"began\":%zu}", id, t->began);
	end_record();
}

static bool changes_a_disk(uint64_t request)
{
	return request == BLKDISCARD || request == BLKSECDISCARD || request == BLKZEROOUT ||
	       request == FICLONE || request == FICLONERANGE;
}

static void at_exit(struct thread *t, int64_t result)
{
	const struct call *call = call_of(t->nr);
	bool is_ours = call && call->fd >= 0 && is_watched(&t->node);

	if (!call || result < 0)
		return;
	if (call->what == CREATE)
		opened(t, call);
	else if (call->what == DIRECTORY)
		created(t, call->dir ? (int)t->args[0] : AT_FDCWD, t->args[call->path], &t->from,
			"dir");
	else if (call->what == RENAME)
		renamed(t);
	else if (call->what == REMOVE)
		removed(t);
	else if (call->what == LINK && is_watched(&t->to.dir))
		trouble("a link in what is watched");
	else if (call->what == CUT_PATH)
		cut(&t->from.node, t->args[1]);
	else if (call->what == FLUSH_ALL)
		flushed(t, "*");
	else if (!is_ours)
		return;
	else if (call->what == WRITE || call->what == PWRITE)
		log_write(t, call->what == WRITE ? t->at : t->args[3], t->args[1], (size_t)result);
	else if (call->what == WRITEV || call->what == PWRITEV)
		log_vector(t, call->what == WRITEV ? t->at : t->args[3], (size_t)result);
	else if (call->what == CUT)
		cut(&t->node, t->args[1]);
	else if (call->what == FLUSH)
		flushed(t, t->node.id);
	else if (call->what == OTHER ||
		 (call->what == MAP && t->args[3] & MAP_SHARED && t->args[2] & PROT_WRITE) ||
		 (call->what == CONTROL && changes_a_disk(t->args[1])))
		trouble("a call that changes what is watched in a way of its own");
}

/* Tracing */

static struct thread *thread_of(pid_t tid)
{
	struct thread *unused = NULL;

	for (size_t i = 0; i < THREADS_MAX; i++) {
		if (threads[i].tid == tid)
			return &threads[i];
		if (!threads[i].tid && !unused)
			unused = &threads[i];
	}
	if (!unused)
		die("too many threads");
	*unused = (struct thread){ .tid = tid };
	return unused;
}

static void at_syscall(pid_t tid)
{
	struct __ptrace_syscall_info info;
	struct thread *t = thread_of(tid);

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->nr = info.entry.nr;
		memcpy(t->args, info.entry.args, sizeof(t->args));
		t->is_inside = true;
		at_entry(t);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->is_inside) {
		t->is_inside = false;
		at_exit(t, info.exit.rval);
	}
}

static int follow(pid_t first)
{
	int status = 0, result = 125;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		int sig = 0;

		if (!WIFSTOPPED(status)) {
			if (tid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status)
							   : 128 + WTERMSIG(status);
			thread_of(tid)->tid = 0;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			at_syscall(tid);
		else if (status >> 16 == PTRACE_EVENT_STOP || status >> 16)
			sig = 0; /* a new thread, or one of our own stops */
		else
			sig = WSTOPSIG(status);
		ptrace(PTRACE_SYSCALL, tid, 0, sig);
	}
	return result;
}

static pid_t start(char **command)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		raise(SIGSTOP);
		execvp(*command, command);
		die(*command);
	}
	if (waitpid(pid, &status, WUNTRACED) < 0 || ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
		die("ptrace");
	kill(pid, SIGCONT);
	return pid;
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+o:k:w:")) >= 0) {
		if (option == 'o')
			out = fopen(optarg, "we");
		else if (option == 'k')
			records_max = strtoul(optarg, NULL, 10);
		else if (option != 'w')
			die("options");
		else
			watch_all(optarg);
	}
	if (!out || optind == argc)
		die("usage: tool-recorder -o LOG [-k N] -w PATH COMMAND...");
	option = follow(start(argv + optind));
	return fclose(out) ? 125 : option;
}
