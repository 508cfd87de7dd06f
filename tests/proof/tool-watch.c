/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-watch [-d] NEEDLES REPORT COMMAND...: runs the command and follows every process that comes
 * of it. NEEDLES has a line for each: a name, a space, the bytes in hexadecimal. REPORT gets a line
 * for each event:
 *
 *   start PID                     the command itself ("main")
 *   exec PID ARGV                 a program was started; escaped
 *   found PID WHERE NAME          a needle: in argv, environ, or memory. Looked for at each exec, and
 *                                 in the memory also when a process ends
 *   main NAME                     a needle in the memory of main, when another process was started:
 *                                 what shows that the search finds what is there
 *   looked PID PARENT             the memory of this process was searched
 *   end PID STATUS [core]         ended; 128 + n: by signal n; core: and the kernel wrote a core file
 *
 * -d lets go of a process as soon as it was searched at its exec (a leak checker cannot work in a
 * process that is traced). Exits as the command did. */
#include "base/encode.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define MAX_MAPPING (1ul << 30)
#define PAGE	    4096u
#define HASH_BITS   20

struct needle {
	char *name;
	uint8_t *bytes;
	size_t len;
	uint32_t next; /* the one with the same hash, counted from 1 */
	bool is_found; /* in the search that runs */
};

static VEC(struct needle) needles;
static uint32_t by_hash[1 << HASH_BITS]; /* of the first eight bytes; counted from 1 */
static int report = -1;
static pid_t main_pid;
static bool lets_go;

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(report, fmt, ap);
	va_end(ap);
}

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(125);
}

static uint32_t *hashed(const uint8_t *data)
{
	uint64_t first;

	memcpy(&first, data, sizeof(first));
	return &by_hash[(first * 0x9e3779b97f4a7c15u) >> (64 - HASH_BITS)];
}

static void read_needles(const char *path)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	char *save = NULL;

	if (file_read(path, 64u << 20, &text, &err) < 0)
		die(path);
	for (char *line = strtok_r(text.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *hex = strchr(line, ' ');
		struct needle *needle = vec_add(&needles);

		if (!hex)
			die("a needle without bytes");
		*hex++ = '\0';
		needle->len = strlen(hex) / 2;
		needle->bytes = mem_alloc(needle->len);
		needle->name = mem_strdup(line);
		if (needle->len < 8 || hex_decode(hex, needle->bytes, needle->len) < 0)
			die("a needle that is none");
		needle->next = *hashed(needle->bytes);
		*hashed(needle->bytes) = (uint32_t)needles.count;
	}
}

static void search(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i++)
		for (uint32_t n = *hashed(data + i); n; n = needles.items[n - 1].next) {
			struct needle *needle = &needles.items[n - 1];

			if (needle->len <= len - i && !memcmp(data + i, needle->bytes, needle->len))
				needle->is_found = true;
		}
}

static void tell_found(pid_t pid, const char *where)
{
	vec_foreach (needle, &needles) {
		if (needle->is_found && pid == main_pid)
			tell("main %s\n", needle->name);
		else if (needle->is_found)
			tell("found %d %s %s\n", pid, where, needle->name);
		needle->is_found = false;
	}
}

/* Page by page where a whole mapping cannot be read. */
static void search_mapping(int mem, unsigned long start, unsigned long end)
{
	size_t len = end - start;
	uint8_t *data = malloc(len);

	if (!data)
		return;
	for (size_t at = 0; at < len;) {
		ssize_t got = pread(mem, data + at, len - at, (off_t)(start + at));

		if (got <= 0)
			memset(data + at, 0, PAGE);
		at += got > 0 ? (size_t)got : PAGE;
	}
	search(data, len);
	free(data);
}

static void read_proc(pid_t pid, const char *name, struct str *ret)
{
	cleanup(free) char *path = mem_printf("/proc/%d/%s", pid, name);
	struct err err = ERR_INIT;

	if (file_read(path, 64u << 20, ret, &err) < 0)
		die(path);
}

static pid_t status_number(pid_t tid, const char *name)
{
	cleanup(str_done) struct str status = STR_INIT;
	const char *line;

	read_proc(tid, "status", &status);
	line = strstr(status.s, name);
	return line ? atoi(line + strlen(name)) : -1;
}

static void search_memory(pid_t pid)
{
	cleanup(free) char *maps_path = mem_printf("/proc/%d/maps", pid);
	cleanup(free) char *mem_path = mem_printf("/proc/%d/mem", pid);
	cleanup(fd_close) int mem = open(mem_path, O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen(maps_path, "r");
	unsigned long start, end;
	char line[4096], access[5];

	if (!maps || mem < 0)
		die(mem_path);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, access) == 3 && access[0] == 'r' &&
		    !strstr(line, "[v") && end - start < MAX_MAPPING)
			search_mapping(mem, start, end);
	fclose(maps);
	tell_found(pid, "memory");
	if (pid != main_pid)
		tell("looked %d %d\n", pid, status_number(pid, "\nPPid:"));
}

static void on_exec(pid_t pid)
{
	cleanup(str_done) struct str argv = STR_INIT, environment = STR_INIT, shown = STR_INIT;

	read_proc(pid, "cmdline", &argv);
	read_proc(pid, "environ", &environment);
	str_add_escaped(&shown, argv.s, argv.len);
	tell("exec %d %s\n", pid, shown.s);
	if (pid == main_pid)
		return;
	search((const uint8_t *)argv.s, argv.len);
	tell_found(pid, "argv");
	search((const uint8_t *)environment.s, environment.len);
	tell_found(pid, "environ");
	search_memory(pid);
	search_memory(main_pid);
}

/* What to do with a stopped process: go on with this signal; -1: it is not to go on. */
static int on_stop(pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_STOP) { /* new, or stopped by a signal that stops */
		if (sig == SIGTRAP)
			return 0;
		ptrace(PTRACE_LISTEN, pid, 0, 0);
		return -1;
	}
	if (event == PTRACE_EVENT_EXEC)
		on_exec(pid);
	/* A thread's end is not that of its process. */
	if (event == PTRACE_EVENT_EXIT && pid != main_pid && status_number(pid, "\nTgid:") == pid)
		search_memory(pid);
	if (event == PTRACE_EVENT_EXEC && lets_go && pid != main_pid) {
		ptrace(PTRACE_DETACH, pid, 0, 0);
		return -1;
	}
	return event ? 0 : sig;
}

static int follow(void)
{
	int status, result = 125, sig;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			sig = on_stop(pid, status);
			if (sig >= 0)
				ptrace(PTRACE_CONT, pid, 0, (void *)(long)sig);
			continue;
		}
		status = WIFSIGNALED(status)
				 ? 128 + WTERMSIG(status) + (WCOREDUMP(status) ? 256 : 0)
				 : WEXITSTATUS(status);
		tell("end %d %d%s\n", pid, status & 255, status & 256 ? " core" : "");
		if (pid == main_pid)
			result = status & 255;
	}
	return result;
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
	int go[2];
	char byte;

	lets_go = argc > 1 && str_eq(argv[1], "-d");
	argv += lets_go;
	argc -= lets_go;
	if (argc < 4 || pipe2(go, O_CLOEXEC) < 0)
		return 125;
	read_needles(argv[1]);
	report = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	main_pid = fork();
	if (report < 0 || main_pid < 0)
		die(argv[2]);
	if (!main_pid) {
		close(go[1]);
		if (read(go[0], &byte, 1) == 1)
			execvp(argv[3], argv + 3);
		_exit(125);
	}
	if (ptrace(PTRACE_SEIZE, main_pid, 0, (void *)options) < 0)
		die("ptrace");
	tell("start %d\n", main_pid);
	if (write(go[1], "", 1) != 1)
		die("pipe");
	close(go[0]);
	close(go[1]);
	/* ^C is for the command. */
	for (int i = 0; i < 2; i++)
		signal(i ? SIGINT : SIGQUIT, SIG_IGN);
	return follow();
}
