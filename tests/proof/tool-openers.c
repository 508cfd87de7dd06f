/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-openers REPORT SECRET FILE COMMAND...: runs the command; whenever a process opens FILE, or reads it for the
 * first time, that process is held by fanotify(7) and its memory and environment are searched for SECRET. A line of
 * REPORT for each: "NAME open|read clean|HOLDS IT". Only what descends from the command counts. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static pid_t command;
static VEC(pid_t) readers;
static FILE *report;

static pid_t parent_of(pid_t pid)
{
	cleanup(free) char *path = mem_printf("/proc/%d/stat", pid);
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	const char *end;
	int parent = 0;

	if (file_read(path, 4096, &text, &err) < 0 || !(end = strrchr(text.s, ')')))
		return 0;
	return sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static bool descends(pid_t pid)
{
	while (pid > 1 && pid != command)
		pid = parent_of(pid);
	return pid == command;
}

static bool has(const char *path, const char *secret)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	return !file_read(path, 1 << 20, &text, &err) &&
	       memmem(text.s, text.len, secret, strlen(secret));
}

/* Every mapping that can be read, each as a whole. */
static bool holds(pid_t pid, const char *secret)
{
	cleanup(free) char *maps_path = mem_printf("/proc/%d/maps", pid);
	cleanup(free) char *mem_path = mem_printf("/proc/%d/mem", pid);
	cleanup(free) char *environ_path = mem_printf("/proc/%d/environ", pid);
	FILE *maps = fopen(maps_path, "re");
	int mem = open(mem_path, O_RDONLY | O_CLOEXEC);
	bool found = has(environ_path, secret);
	unsigned long start, end;
	char line[512], access;

	if (!maps || mem < 0) {
		fprintf(stderr, "tool-openers: %s: %s\n", mem_path, strerror(errno));
		exit(2);
	}
	while (!found && fgets(line, sizeof(line), maps)) {
		cleanup(free) char *bytes = NULL;
		ssize_t got;

		if (sscanf(line, "%lx-%lx %c", &start, &end, &access) != 3 || access != 'r' ||
		    end - start > 512ul << 20)
			continue;
		bytes = mem_alloc(end - start);
		got = pread(mem, bytes, end - start, (off_t)start);
		found = got > 0 && memmem(bytes, (size_t)got, secret, strlen(secret));
	}
	fclose(maps);
	close(mem);
	return found;
}

static bool read_before(pid_t pid)
{
	vec_foreach (reader, &readers)
		if (*reader == pid)
			return true;
	vec_push(&readers, pid);
	return false;
}

static void judge(const struct fanotify_event_metadata *event, const char *secret)
{
	bool is_open = event->mask & FAN_OPEN_PERM;
	cleanup(free) char *path = mem_printf("/proc/%d/comm", event->pid);
	cleanup(str_done) struct str name = STR_INIT;
	struct err err = ERR_INIT;

	if (!descends(event->pid) || (!is_open && read_before(event->pid)))
		return;
	if (!file_read(path, 64, &name, &err) && name.len)
		name.s[name.len - 1] = '\0';
	fprintf(report, "%s %s %s\n", name.s, is_open ? "open" : "read",
		holds(event->pid, secret) ? "HOLDS IT" : "clean");
}

static void take_events(int fan, const char *secret)
{
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t len = read(fan, buffer, sizeof(buffer));
	const struct fanotify_event_metadata *event = (void *)buffer;

	for (; FAN_EVENT_OK(event, len); event = FAN_EVENT_NEXT(event, len)) {
		struct fanotify_response answer = { .fd = event->fd, .response = FAN_ALLOW };

		judge(event, secret);
		if (write(fan, &answer, sizeof(answer)) != sizeof(answer))
			exit(2);
		close(event->fd);
	}
}

int main(int argc, char *argv[])
{
	int fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE);
	int status;

	if (argc > 4)
		report = fopen(argv[1], "we");
	if (!report || fan < 0 ||
	    fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_ACCESS_PERM, AT_FDCWD, argv[3]) <
		    0) {
		fprintf(stderr, "tool-openers REPORT SECRET FILE COMMAND...: %s\n",
			strerror(errno));
		return 2;
	}
	command = fork();
	if (!command) {
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	for (;;) {
		struct pollfd fds[] = { { .fd = fan, .events = POLLIN } };

		if (poll(fds, 1, 50) > 0)
			take_events(fan, argv[2]);
		else if (waitpid(command, &status, WNOHANG) == command)
			break;
	}
	fclose(report);
	vec_done(&readers);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
