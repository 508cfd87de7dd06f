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
#include "tests/proof/traced.h"

#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define THREADS_MAX 512

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
static size_t records, records_max;
static bool is_over; /* everybody is to be killed */
static FILE *out;

/* The log */

static void end_record(void)
{
	putc('\n', out);
	is_over = ++records == records_max;
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

/* Calls: where each has its descriptor or its paths, and what it does. */

/* clang-format off */
enum what { CREATE, DIRECTORY, WRITE, PWRITE, WRITEV, PWRITEV, CUT, CUT_PATH, FLUSH, FLUSH_ALL, RENAME, REMOVE, LINK,
	    MAP, CONTROL, OTHER };
static const struct call {
	long nr;
	enum what what;
	int fd;	  /* argument with the descriptor, -1: none */
	int path; /* with the path */
	int to;	  /* with the second path */
	bool dir; /* the argument before a path is the directory that it begins at */
} calls[] = {
#define AT(name, ...) { SYS_##name, __VA_ARGS__, true }
#define PLAIN(name, ...) { SYS_##name, __VA_ARGS__, false }
	AT(openat, CREATE, -1, 1, -1), AT(openat2, CREATE, -1, 1, -1), AT(mkdirat, DIRECTORY, -1, 1, -1),
	AT(renameat2, RENAME, -1, 1, 3), AT(unlinkat, REMOVE, -1, 1, -1), AT(linkat, LINK, -1, 1, 3),
	AT(symlinkat, LINK, -1, -1, 2), PLAIN(truncate, CUT_PATH, -1, 0, -1),
#ifdef SYS_renameat
	AT(renameat, RENAME, -1, 1, 3),
#endif
#ifdef SYS_open /* the older half of the calls, which newer architectures have not */
	PLAIN(open, CREATE, -1, 0, -1), PLAIN(creat, CREATE, -1, 0, -1), PLAIN(mkdir, DIRECTORY, -1, 0, -1),
	PLAIN(rename, RENAME, -1, 0, 1), PLAIN(unlink, REMOVE, -1, 0, -1), PLAIN(rmdir, REMOVE, -1, 0, -1),
	PLAIN(link, LINK, -1, 0, 1), PLAIN(symlink, LINK, -1, -1, 1),
#endif
	PLAIN(write, WRITE, 0, -1, -1), PLAIN(pwrite64, PWRITE, 0, -1, -1), PLAIN(writev, WRITEV, 0, -1, -1),
	PLAIN(pwritev, PWRITEV, 0, -1, -1), PLAIN(pwritev2, PWRITEV, 0, -1, -1), PLAIN(ftruncate, CUT, 0, -1, -1),
	PLAIN(fsync, FLUSH, 0, -1, -1), PLAIN(fdatasync, FLUSH, 0, -1, -1), PLAIN(sync, FLUSH_ALL, -1, -1, -1),
	PLAIN(mmap, MAP, 4, -1, -1), PLAIN(ioctl, CONTROL, 0, -1, -1), PLAIN(fallocate, OTHER, 0, -1, -1),
	PLAIN(copy_file_range, OTHER, 2, -1, -1), PLAIN(sendfile, OTHER, 0, -1, -1), PLAIN(splice, OTHER, 2, -1, -1),
};
/* clang-format on */

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

/* Until the last of them is gone, and with it the locks that it held. */
static int kill_all(pid_t tid)
{
	do {
		kill(tid, SIGKILL);
		for (size_t i = 0; i < THREADS_MAX; i++)
			if (threads[i].tid)
				kill(threads[i].tid, SIGKILL);
	} while ((tid = waitpid(-1, NULL, __WALL)) > 0);
	return 137;
}

static int follow(pid_t first)
{
	int status = 0, result = 125;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		bool is_call = WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80);

		if (!WIFSTOPPED(status)) {
			if (tid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status)
							   : 128 + WTERMSIG(status);
			thread_of(tid)->tid = 0;
			continue;
		}
		if (is_call)
			at_syscall(tid);
		if (is_over)
			return kill_all(tid);
		/* A stop of the tracing's own (a new thread, an exec) is no signal. */
		ptrace(PTRACE_SYSCALL, tid, 0, is_call || status >> 16 ? 0 : WSTOPSIG(status));
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
		kill(getpid(), SIGSTOP);
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
