/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/link.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "rescue/helper.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	LINE_MAX_BYTES = 256,
	NOISE_MAX_BYTES = 16384, /* what a login shell's start-up files may say before */
	LOG_MAX_BYTES = 1 << 20,
	DEVICE_S = 120,
	READY_MS = 45000, /* for login, sudo and shell, beyond ssh's own ConnectTimeout */
};

#define MOST_BYTES (1ull << 46) /* of an EBS volume */

struct link {
	struct link_request request;
	enum link_state state;
	struct err failure;
	int fd; /* -1: taken */
	pid_t pid;
	char *log;
	char line[LINE_MAX_BYTES];
	size_t len, noise;
	char path[LINE_MAX_BYTES];
	uint64_t bytes;
};

/* Run by sh, as root. A helper of ours is renewed while this session lasts: the process that renews it ends with
 * it, and holds none of its descriptors. */
static const char renewal[] =
	"p=$$; (while kill -0 $p 2>/dev/null; do shutdown -P +" HELPER_LASTS_MIN "; "
	"i=0; while [ $i -lt 60 ] && kill -0 $p 2>/dev/null; do sleep 5; i=$((i+1)); done; done) "
	"</dev/null >/dev/null 2>&1 & ";
static const char script[] =
	"s=; for f in /usr/libexec/openssh/sftp-server /usr/lib/openssh/sftp-server "
	"/usr/lib/ssh/sftp-server /usr/libexec/sftp-server /usr/libexec/ssh/sftp-server; "
	"do [ -x $f ] && s=$f && break; done; "
	"[ \"$s\" ] || { echo ec2-rescue no sftp-server; exit 1; }; "
	"%s"
	"echo ec2-rescue ready; read -r d || exit 0; "
	"n=0; while [ $n -lt %d ]; do "
	"for f in $d; do b=$(blockdev --getsize64 $f 2>/dev/null || stat -Lc %%s $f 2>/dev/null); "
	"[ \"$b\" ] && [ $b != 0 ] && { echo ec2-rescue device $b $f; exec $s; }; done; "
	"n=$((n+1)); sleep 0.2 2>/dev/null || sleep 1; done; "
	"echo ec2-rescue no device; exit 1";

static char *remote_command(bool is_ours)
{
	cleanup(free) char *body = mem_printf(script, is_ours ? renewal : "", DEVICE_S * 5);

	/* Single quotes around it, and none within. Root needs no sudo, and may have none. */
	return mem_printf("S='%s'; [ \"$(id -u)\" = 0 ] && exec /bin/sh -c \"$S\"; "
			  "exec sudo -n /bin/sh -c \"$S\"",
			  body);
}

VEC_TYPE(arguments, char *);

static void add(struct arguments *argv, char *text)
{
	vec_push(argv, text);
}

static void add_setting(struct arguments *argv, char *setting)
{
	add(argv, mem_strdup("-o"));
	add(argv, setting);
}

static void build(const struct link_request *request, struct arguments *argv)
{
	static const char *const settings[] = {
		"BatchMode=yes",	 "ConnectTimeout=10", "ServerAliveInterval=15",
		"ServerAliveCountMax=4", "ControlMaster=no",  "ControlPath=none",
		"ForwardAgent=no",	 "ForwardX11=no",     "ClearAllForwardings=yes",
		"PermitLocalCommand=no", "RequestTTY=no",     "EscapeChar=none",
		"Compression=no",	 "UpdateHostKeys=no", "LogLevel=ERROR",
	};

	add(argv, mem_strdup("ssh"));
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		add_setting(argv, mem_strdup(settings[i]));
	if (request->keys_dir) {
		add_setting(argv, mem_strdup("IdentitiesOnly=yes"));
		add_setting(argv, mem_strdup("StrictHostKeyChecking=yes"));
		add_setting(argv, mem_strdup("HostKeyAlias=" HELPER_USER));
		add_setting(argv, mem_strdup("GlobalKnownHostsFile=/dev/null"));
		add_setting(argv,
			    mem_printf("UserKnownHostsFile=\"%s/known_hosts\"", request->keys_dir));
		add_setting(argv, mem_printf("IdentityFile=\"%s/login\"", request->keys_dir));
	}
	if (request->user) {
		add(argv, mem_strdup("-l"));
		add(argv, mem_strdup(request->user));
	}
	if (request->port) {
		add(argv, mem_strdup("-p"));
		add(argv, mem_printf("%u", request->port));
	}
	add(argv, mem_strdup("-T"));
	add(argv, mem_strdup("--"));
	add(argv, mem_strdup(request->host));
	add(argv, remote_command(request->keys_dir));
	add(argv, NULL);
}

static void __attribute__((noreturn)) become_ssh(char *const *argv, int stream, int log)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (dup2(stream, 0) >= 0 && dup2(stream, 1) >= 0 && dup2(log, 2) >= 0)
		execvp(argv[0], argv);
	_exit(127);
}

/* The environment stays as it is: a proxy command may need what is in it. */
static int start(struct link *l, char *const *argv, struct err *err)
{
	cleanup(fd_close) int log =
		open(l->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ends[2];

	if (log < 0)
		return err_errno(err, errno, "%s", l->log);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, errno, "the link to the helper");
	l->pid = fork();
	if (!l->pid)
		become_ssh(argv, ends[1], log);
	close(ends[1]);
	l->fd = ends[0];
	if (l->pid < 0)
		return err_errno(err, errno, "ssh could not be started");
	fcntl(l->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static void on_time(void *arg);

static void move_to(struct link *l, enum link_state state)
{
	l->state = state;
	loop_timer(l->request.loop, -1, on_time, l);
	if (state == LINK_DEVICE || state == LINK_BROKEN)
		loop_watch(l->request.loop, l->fd, 0, NULL, NULL);
	l->request.changed(l->request.arg);
}

/* The last line that ssh, or sudo at the other end, said. */
static void read_log(const struct link *l, struct str *into)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;
	char *line;

	if (file_read(l->log, LOG_MAX_BYTES, &text, &ignored) < 0 || !text.len)
		return;
	while (text.len && isspace((unsigned char)text.s[text.len - 1]))
		text.s[--text.len] = '\0';
	line = strrchr(text.s, '\n');
	line = line ? line + 1 : text.s;
	str_add_escaped(into, line, strnlen(line, 256));
}

static void fail(struct link *l, const char *what)
{
	cleanup(str_done) struct str said = STR_INIT;

	read_log(l, &said);
	err_set(&l->failure, ERR_NETWORK, "ssh to %s: %s%s%s%s", l->request.host, what,
		said.len ? " (" : "", said.len ? said.s : "", said.len ? ")" : "");
	log_debug("link", "%s", l->failure.text);
	move_to(l, LINK_BROKEN);
}

static void on_time(void *arg)
{
	fail(arg, "no answer");
}

/* False: the state changed, and the link may be gone. */
static bool take_line(struct link *l)
{
	static const char ready[] = "ec2-rescue ready", device[] = "ec2-rescue device ";

	if (l->state == LINK_CONNECTING && str_eq(l->line, ready)) {
		move_to(l, LINK_READY);
		return false;
	}
	if (l->state == LINK_LOOKING && str_starts(l->line, device)) {
		char *path;

		l->bytes = strtoull(l->line + strlen(device), &path, 10);
		if (*path != ' ' || path[1] != '/' || !l->bytes || l->bytes > MOST_BYTES) {
			fail(l, "what answers there is not a helper");
			return false;
		}
		snprintf(l->path, sizeof(l->path), "%s", path + 1);
		move_to(l, LINK_DEVICE);
		return false;
	}
	if (str_eq(l->line, "ec2-rescue no sftp-server")) {
		fail(l, "the helper has no sftp-server");
		return false;
	}
	if (str_eq(l->line, "ec2-rescue no device")) {
		fail(l, "the volume's device did not appear on the helper");
		return false;
	}
	return true;
}

/* Byte by byte: what follows the last line is SFTP, and not ours to read. */
static void readable(void *arg, int fd, uint32_t events)
{
	struct link *l = arg;
	ssize_t got;
	char c;

	(void)events;
	while ((got = read(fd, &c, 1)) == 1) {
		if (++l->noise > NOISE_MAX_BYTES) {
			fail(l, "what answers there is not a helper");
			return;
		}
		if (c != '\n') {
			if (l->len < sizeof(l->line) - 1)
				l->line[l->len++] = c;
			continue;
		}
		l->line[l->len] = '\0';
		l->len = 0;
		if (!take_line(l))
			return;
	}
	if (!got || (errno != EAGAIN && errno != EINTR))
		fail(l, l->state == LINK_CONNECTING ? "no connection" : "the connection broke");
}

int link_open(const struct link_request *request, struct link **ret, struct err *err)
{
	struct link *l = mem_alloc(sizeof(*l));
	struct arguments argv = { 0 };
	int rc;

	l->request = *request;
	l->request.host = mem_strdup(request->host);
	l->log = mem_strdup(request->log);
	l->fd = -1;
	build(request, &argv);
	rc = start(l, argv.items, err);
	vec_foreach (text, &argv)
		free(*text);
	vec_done(&argv);
	if (rc < 0) {
		link_close(l);
		return -1;
	}
	loop_watch(l->request.loop, l->fd, EPOLLIN, readable, l);
	loop_timer(l->request.loop, loop_now_ms(l->request.loop) + READY_MS, on_time, l);
	*ret = l;
	return 0;
}

void link_close(struct link *l)
{
	if (!l)
		return;
	loop_timer(l->request.loop, -1, on_time, l);
	if (l->fd >= 0) {
		loop_watch(l->request.loop, l->fd, 0, NULL, NULL);
		close(l->fd);
	}
	if (l->pid > 0) {
		kill(-l->pid, SIGKILL);
		kill(l->pid, SIGKILL); /* before it has a group of its own */
		while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free((char *)(uintptr_t)l->request.host);
	free(l->log);
	free(l);
}

enum link_state link_state(const struct link *l)
{
	return l->state;
}

const struct err *link_failure(const struct link *l)
{
	return &l->failure;
}

/* On NVMe the name holds the volume's id; on Xen there is only the one that it was attached as, with the kernel's
 * prefix (EC2 user guide, "Device names on Linux instances"). */
void link_look(struct link *l, const struct volume_id *volume, const char *device)
{
	const char *letter = str_starts(device, "/dev/sd") ? device + strlen("/dev/sd") : NULL;
	cleanup(str_done) struct str line = STR_INIT;

	str_addf(&line, "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol%s",
		 volume->s + strlen("vol-"));
	if (letter)
		str_addf(&line, " /dev/xvd%s", letter);
	else if (str_starts(device, "/dev/xvd"))
		str_addf(&line, " %s", device);
	str_add_char(&line, '\n');
	if (send(l->fd, line.s, line.len, MSG_NOSIGNAL) != (ssize_t)line.len) {
		fail(l, "the connection broke");
		return;
	}
	l->state = LINK_LOOKING;
}

int link_take(struct link *l, const char **ret_path, uint64_t *ret_bytes)
{
	int fd = l->fd;

	l->fd = -1;
	l->state = LINK_TAKEN;
	*ret_path = l->path;
	*ret_bytes = l->bytes;
	return fd;
}
