/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

/* Runs a command and kills it at an exact moment: a system call with an effect outside the process
 * (something is written, synced, renamed, mounted, sent), made by the command or by any descendant.
 *
 *   tool-killer [--log FILE] [--at 'LABEL#K' [--after] [--process]] -- COMMAND...
 *
 * A moment's label is "ROLE CALL OBJECT", and K counts the moments of this label from 1: it names
 * the same moment in every run, however often the world was looked at in between; the label "any"
 * counts all of them but for the talk among the program's own processes. --log lists them. The command dies as a machine does (the whole tree), or with --process only the process
 * that makes the call; before the call is made, or --after it was made and before the process
 * learns of it. What survives is waited for; what does not end by itself is a failure.
 *
 * Exit status: that of the command, 128 + N when it died by signal N; 125: not to be traced; 124:
 * the command ended before the moment came; 123: something outlived it. */

enum { NOT_TRACED = 125, NOT_REACHED = 124, OUTLIVED = 123, OUTLIVES_S = 20 };

enum operand { FD, PATH, AT_PATH, TO_PATH, AT_TO_PATH, OPENED, DATA, VECTOR, MESSAGE, LOOP, NONE };
static const struct traced {
	const char *name;
	int call;
	enum operand operand;
} traced[] = {
#define CALL(name, operand)                    \
	{                                      \
#name, SCMP_SYS(name), operand \
	}
	CALL(write, DATA),
	CALL(pwrite64, FD),
	CALL(writev, VECTOR),
	CALL(pwritev, FD),
	CALL(pwritev2, FD),
	CALL(sendto, DATA),
	CALL(sendmsg, MESSAGE),
	CALL(sendfile, FD),
	CALL(copy_file_range, FD),
	CALL(fsync, FD),
	CALL(fdatasync, FD),
	CALL(sync_file_range, FD),
	CALL(syncfs, FD),
	CALL(ftruncate, FD),
	CALL(fallocate, FD),
	CALL(ioctl, LOOP),
	CALL(open, OPENED),
	CALL(openat, OPENED),
	CALL(creat, PATH),
	CALL(rename, TO_PATH),
	CALL(renameat, AT_TO_PATH),
	CALL(link, TO_PATH),
	CALL(renameat2, AT_TO_PATH),
	CALL(linkat, AT_TO_PATH),
	CALL(unlink, PATH),
	CALL(unlinkat, AT_PATH),
	CALL(rmdir, PATH),
	CALL(mkdir, PATH),
	CALL(mkdirat, AT_PATH),
	CALL(symlink, TO_PATH),
	CALL(chmod, PATH),
	CALL(fchmod, FD),
	CALL(mount, TO_PATH),
	CALL(umount2, PATH),
	CALL(move_mount, NONE),
	CALL(fsmount, NONE),
	CALL(pivot_root, NONE),
#undef CALL
};

VEC_TYPE(pids, pid_t);
struct seen { /* how often */
	char *label;
	unsigned count;
};
VEC_TYPE(seens, struct seen);

static struct {
	FILE *log;
	const char *at;			/* NULL: none */
	bool is_after, is_one, is_dead; /* is_dead: the blow was struck */
	pid_t main;
	struct pids alive; /* threads, too */
	struct seens seen;
	unsigned moments, quiet; /* all, and those that are no talk */
} k;

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "tool-killer: %s: %s\n", what, strerror(errno));
	exit(NOT_TRACED);
}

/* ---- names ---- */

static size_t peek(pid_t pid, uint64_t at, char *ret, size_t size)
{
	struct iovec here = { ret, size }, there = { (void *)(uintptr_t)at, size };
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	/* Up to the end of the page, when the next one is not there. */
	if (got < 0) {
		there.iov_len = here.iov_len = 4096 - at % 4096 < size ? 4096 - at % 4096 : size;
		got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	}
	return got > 0 ? (size_t)got : 0;
}

static void peek_text(pid_t pid, uint64_t at, char *ret, size_t size)
{
	size_t got = peek(pid, at, ret, size - 1);

	ret[got] = 0;
}

static bool read_link(const char *path, char *ret, size_t size)
{
	ssize_t got = readlink(path, ret, size - 1);

	ret[got > 0 ? got : 0] = 0;
	return got > 0;
}

/* What differs from run to run is taken out: numbers of devices, of inodes, of instances and runs. */
static void add_stable(struct str *out, const char *path)
{
	const char *last = strrchr(path, '/');
	const char *folder = last;

	/* The last two components tell enough. */
	while (folder && folder > path && folder[-1] != '/')
		folder--;
	for (const char *p = folder && folder > path ? folder : path; *p; p++) {
		bool is_number =
			isxdigit((unsigned char)*p) &&
			(p == path || !isalpha((unsigned char)p[-1]) || isdigit((unsigned char)*p));
		size_t len = strspn(p, "0123456789abcdef-."), digits = 0;

		while (len && strchr("-.", p[len - 1]))
			len--;
		for (size_t i = 0; i < len; i++)
			digits += isdigit((unsigned char)p[i]) != 0;
		if (is_number && digits && (digits == len || len >= 6)) {
			str_add_char(out, '*');
			p += len - 1;
		} else {
			str_add_char(out, *p == '#' || isspace((unsigned char)*p) ? '_' : *p);
		}
	}
}

static const char *role(pid_t pid, char comm[64])
{
	cleanup(free) char *path = mem_printf("/proc/%d/comm", pid);
	cleanup(free) char *proc = mem_printf("/proc/%d/status", pid);
	char text[4096] = "";
	const char *tgid, *uid;
	FILE *f = fopen(path, "re");

	if (!f || !fgets(comm, 64, f))
		snprintf(comm, 64, "gone");
	if (f)
		fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	f = fopen(proc, "re");
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		fclose(f);
	}
	tgid = strstr(text, "\nTgid:");
	uid = strstr(text, "\nUid:");
	if (tgid && atoi(tgid + 6) == k.main)
		return "parent";
	if (str_eq(comm, "rescue-export"))
		return "export";
	if (str_eq(comm, "exe") || str_eq(comm, "surgeon"))
		return uid && atoi(uid + 5) ? "examiner" : "surgeon";
	return comm;
}

/* What is said over a socket or a pipe: to EC2, to a child, to a person. */
static void add_said(struct str *out, const char *kind, const char *data)
{
	const char *action = strstr(data, "Action=");

	if (!strncmp(data, "POST ", 5) || action) {
		str_add(out, "api ");
		if (!action) {
			str_add(out, "request");
			return;
		}
		for (const char *p = action + 7; isalnum((unsigned char)*p); p++)
			str_add_char(out, *p);
		if (strstr(data, "DryRun=true"))
			str_add(out, " dry");
	} else {
		str_add(out, *data == '{' ? "message" : !strncmp(data, "GET ", 4) ? "get" : kind);
	}
}

static void add_fd(struct str *out, pid_t pid, int fd, const char *data)
{
	cleanup(free) char *path = mem_printf("/proc/%d/fd/%d", pid, fd);
	char target[4096];

	if (!read_link(path, target, sizeof(target)))
		str_add(out, "closed");
	else if (str_starts(target, "socket:"))
		add_said(out, "socket", data);
	else if (str_starts(target, "pipe:"))
		str_add(out, "pipe");
	else if (str_starts(target, "anon_inode:"))
		str_add(out, "anon");
	else
		add_stable(out, target);
}

/* The first bytes of an iovec array. */
static void peek_vector(pid_t pid, uint64_t at, uint64_t count, char *ret, size_t size)
{
	struct iovec vec[8];
	size_t got = peek(pid, at, (char *)vec, sizeof(vec)) / sizeof(vec[0]), len = 0;

	for (size_t i = 0; i < got && i < count && len + 1 < size; i++) {
		size_t most = size - 1 - len;

		len += peek(pid, (uintptr_t)vec[i].iov_base, ret + len,
			    vec[i].iov_len < most ? vec[i].iov_len : most);
	}
	ret[len] = 0;
}

static void add_operand(struct str *out, pid_t pid, enum operand operand, const __u64 *args)
{
	char data[16384] = "";
	struct msghdr message;

	switch (operand) {
	case DATA:
		peek_text(pid, args[1], data, args[2] < sizeof(data) ? args[2] + 1 : sizeof(data));
		break;
	case VECTOR:
		peek_vector(pid, args[1], args[2], data, sizeof(data));
		break;
	case MESSAGE:
		if (peek(pid, args[1], (char *)&message, sizeof(message)) == sizeof(message))
			peek_vector(pid, (uintptr_t)message.msg_iov, message.msg_iovlen, data,
				    sizeof(data));
		break;
	case PATH:
	case AT_PATH:
	case OPENED:
		peek_text(pid, args[operand != PATH], data, 4096);
		add_stable(out, data);
		return;
	case TO_PATH:
	case AT_TO_PATH:
		peek_text(pid, args[operand == TO_PATH ? 1 : 3], data, 4096);
		add_stable(out, data);
		return;
	case NONE:
		return;
	default:
		break;
	}
	add_fd(out, pid, (int)args[0], data);
}

/* ---- moments ---- */

/* Opening is one only when it may make or empty a file; ioctl when it is about a loop device. */
static bool is_effect(pid_t pid, const struct traced *t, __u64 *args)
{
	char path[4096];

	if (t->operand == LOOP)
		return (args[1] >> 8 & 0xff) == 0x4c;
	if (t->operand != OPENED)
		return true;
	if (t->call == SCMP_SYS(open)) { /* as openat */
		args[2] = args[1];
		args[1] = args[0];
	}
	peek_text(pid, args[1], path, sizeof(path));
	return args[2] & (O_CREAT | O_TRUNC) && !str_starts(path, "/dev/null");
}

static unsigned count(const char *label)
{
	struct seen *seen;

	vec_foreach (s, &k.seen)
		if (str_eq(s->label, label))
			return ++s->count;
	seen = vec_add(&k.seen);
	seen->label = mem_strdup(label);
	return seen->count = 1;
}

static void strike(pid_t pid)
{
	k.is_dead = true;
	if (k.is_one) {
		kill(pid, SIGKILL);
		return;
	}
	vec_foreach (p, &k.alive)
		kill(*p, SIGKILL);
}

/* Requests and answers of the examiner and of the overlay's file system, hundreds of each. */
static bool is_talk(const char *label)
{
	return str_ends(label, " dev/fuse") || str_ends(label, "r sendto socket");
}

static bool is_chosen(const char *label, const char *name)
{
	char any[32];

	if (is_talk(label))
		return k.at && str_eq(k.at, name);
	snprintf(any, sizeof(any), "any#%u", ++k.quiet);
	return k.at && (str_eq(k.at, name) || str_eq(k.at, any));
}

/* A system call is about to be made. Returns how the process goes on. */
static enum __ptrace_request moment(pid_t pid)
{
	struct ptrace_syscall_info info;
	cleanup(str_done) struct str label = STR_INIT;
	cleanup(free) char *name = NULL;
	const struct traced *t = NULL;
	char comm[64];

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 || k.is_dead)
		return PTRACE_CONT;
	for (size_t i = 0; i < ARRAY_LEN(traced); i++)
		if ((uint64_t)traced[i].call == info.seccomp.nr)
			t = &traced[i];
	if (!t || !is_effect(pid, t, info.seccomp.args))
		return PTRACE_CONT;
	str_addf(&label, "%s %s ", role(pid, comm), t->name);
	add_operand(&label, pid, t->operand, info.seccomp.args);
	name = mem_printf("%s#%u", label.s, count(label.s));
	k.moments++;
	if (k.log)
		fprintf(k.log, "%u\t%s\n", k.moments, name);
	if (!is_chosen(label.s, name))
		return PTRACE_CONT;
	if (k.is_after)
		return PTRACE_SYSCALL; /* stops again when it was made */
	strike(pid);
	return PTRACE_CONT;
}

/* ---- the tree ---- */

static void lives(pid_t pid)
{
	vec_foreach (p, &k.alive)
		if (*p == pid)
			return;
	vec_push(&k.alive, pid);
	if (k.is_dead && !k.is_one)
		kill(pid, SIGKILL);
}

static void died(pid_t pid)
{
	for (size_t i = 0; i < k.alive.count; i++)
		if (k.alive.items[i] == pid)
			k.alive.items[i--] = k.alive.items[--k.alive.count];
}

static void go_on(pid_t pid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);
	enum __ptrace_request how = PTRACE_CONT;

	lives(pid);
	if (event == PTRACE_EVENT_SECCOMP) {
		how = moment(pid);
	} else if (sig == (SIGTRAP | 0x80)) {
		strike(pid);
	} else if (!event && sig != SIGTRAP) {
		ptrace(PTRACE_CONT, pid, 0, sig);
		return;
	}
	ptrace(how, pid, 0, 0);
}

static void load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter)
		die("seccomp");
	/* Root needs no promise, and with it the mount programs would not be as they are. */
	if (!geteuid())
		(void)!seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; i < ARRAY_LEN(traced); i++)
		if (traced[i].call >= 0 &&
		    seccomp_rule_add(filter, SCMP_ACT_TRACE(0), traced[i].call, 0) < 0)
			die("seccomp rule");
	errno = -seccomp_load(filter);
	if (errno)
		die("seccomp filter");
	seccomp_release(filter);
}

static void start(char **argv)
{
	long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		       PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
		       PTRACE_O_EXITKILL;
	int gate[2];
	char go;

	if (pipe2(gate, O_CLOEXEC) < 0 || (k.main = fork()) < 0)
		die("fork");
	if (!k.main) {
		close(gate[1]);
		if (read(gate[0], &go, 1) != 1)
			_exit(NOT_TRACED);
		load_filter();
		execvp(argv[0], argv);
		_exit(127);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (ptrace(PTRACE_SEIZE, k.main, 0, options) < 0)
		die("ptrace");
	lives(k.main);
	if (write(gate[1], "", 1) != 1)
		die("pipe");
	close(gate[0]);
	close(gate[1]);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Until the last descendant is gone. */
static int watch(void)
{
	struct sigaction alarm_action = { .sa_handler = on_alarm };
	int result = NOT_TRACED, status;
	bool has_outlived = false;
	pid_t pid;

	sigaction(SIGALRM, &alarm_action, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid < 0) { /* the alarm */
			has_outlived = true;
			vec_foreach (p, &k.alive)
				kill(*p, SIGKILL);
			continue;
		}
		if (WIFSTOPPED(status)) {
			go_on(pid, status);
			continue;
		}
		died(pid);
		if (pid != k.main)
			continue;
		result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		alarm(OUTLIVES_S);
	}
	return has_outlived ? OUTLIVED : result;
}

int main(int argc, char **argv)
{
	int i, result;

	for (i = 1; i < argc && !str_eq(argv[i], "--"); i++) {
		if (str_eq(argv[i], "--after"))
			k.is_after = true;
		else if (str_eq(argv[i], "--process"))
			k.is_one = true;
		else if (str_eq(argv[i], "--at") && i + 1 < argc)
			k.at = argv[++i];
		else if (str_eq(argv[i], "--log") && i + 1 < argc)
			k.log = fopen(argv[++i], "we");
		else
			break;
	}
	if (i + 1 >= argc || !str_eq(argv[i], "--")) {
		fprintf(stderr, "usage: tool-killer [--log FILE] [--at LABEL#K [--after] "
				"[--process]] -- COMMAND...\n");
		return NOT_TRACED;
	}
	start(argv + i + 1);
	result = watch();
	if (k.log)
		fclose(k.log);
	vec_foreach (s, &k.seen)
		free(s->label);
	vec_done(&k.seen);
	vec_done(&k.alive);
	return k.at && !k.is_dead && result != OUTLIVED ? NOT_REACHED : result;
}
