/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that has a machine started and watches it come up: rescue/boot.h. */
#include "rescue/console.h"
#include "rescue/rehearser.h"
#include "rescue/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	TICK_MS = 1000,
	STOPPED_S = 15, /* after a line behind which nothing comes */
	LOGIN_S = 60,	/* from the login prompt to an answer of sshd, and the other way round */
	KVM_S = 60,	/* to the first line of a kernel; beyond it KVM does not work here */
	SPEAK_S = 15,	/* between two words about how far it is */
	BOOTS_MAX = 3,	/* a relabelling, a resizing may restart the system once or twice */
	TAIL_LINES = 15,
};
#define WORDS_MAX 2048u

static void say(const char *event, const char *name, const char *text)
{
	struct err ignored;

	(void)!boot_send(BOOT_LINK,
			 json_pack("{s:s, s:s*, s:s}", "event", event, "name", name, "text", text),
			 NULL, 0, &ignored);
}

int64_t rehearser_seconds(const struct rehearsal_of_boot *r, int64_t since_ms)
{
	return (loop_now_ms(r->loop) - since_ms) / 1000;
}

void rehearser_end(struct rehearsal_of_boot *r, enum boot_outcome outcome, const char *fmt, ...)
{
	char text[sizeof(r->result.text)];
	va_list ap;

	if (r->is_over)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	escape_into(r->result.text, sizeof(r->result.text), text, strlen(text));
	r->result.outcome = outcome;
	r->is_over = true;
}

/* --- what it says --- */

static void on_console(void *arg, int fd, uint32_t events)
{
	struct rehearsal_of_boot *r = arg;
	char buf[16384];
	ssize_t got = read(fd, buf, sizeof(buf));

	(void)events;
	if (got > 0) {
		boot_console_keep(r, buf, (size_t)got);
	} else if (!got || (errno != EAGAIN && errno != EINTR)) {
		loop_watch(r->loop, fd, 0, NULL, NULL);
		close(TAKE_FD(r->out));
	}
}

static void on_words(void *arg, int fd, uint32_t events)
{
	struct rehearsal_of_boot *r = arg;
	char buf[1024];
	ssize_t got = read(fd, buf, sizeof(buf));

	(void)events;
	if (got > 0) {
		if (r->last_words.len + (size_t)got > WORDS_MAX)
			str_clear(&r->last_words);
		str_add_bytes(&r->last_words, buf, (size_t)got);
	} else if (!got || (errno != EAGAIN && errno != EINTR)) {
		loop_watch(r->loop, fd, 0, NULL, NULL);
		close(TAKE_FD(r->words));
	}
}

/* --- the verdict --- */

static void answers(struct rehearsal_of_boot *r)
{
	rehearser_end(r, BOOT_ANSWERS,
		      "sshd answers on port %u with %s (%s), %lld s after power-on%s",
		      r->spec.ssh_port,
		      r->spec.host_keys.count ? "the volume's host key"
					      : "a host key that it made, for the volume has none",
		      r->key.len ? r->key.s : "not asked for: ssh-keyscan is missing",
		      (long long)((r->answer_ms - r->began_ms) / 1000),
		      r->login_ms ? ", and the console is at its login prompt" : "");
}

static const char *of_sshd(const struct rehearsal_of_boot *r)
{
	return r->was_heard ? "sshd speaks, and the exchange of keys does not end"
			    : "sshd does not answer";
}

static void judge(struct rehearsal_of_boot *r)
{
	boot_console_judge(r);
	if (r->boots > BOOTS_MAX)
		rehearser_end(r, BOOT_FAILS, "the system restarts again and again (%u times)",
			      r->boots);
	else if (r->stop_ms && rehearser_seconds(r, r->stop_ms) >= STOPPED_S)
		rehearser_end(r, BOOT_FAILS, "the boot stops: %s", r->stop_line);
	else if (r->answer_ms && !r->stop_ms &&
		 (r->login_ms || !r->kernel_ms || rehearser_seconds(r, r->answer_ms) >= LOGIN_S))
		answers(r); /* a console without a kernel's line is one that shows nothing */
	else if (!r->answer_ms && r->login_ms && rehearser_seconds(r, r->login_ms) >= LOGIN_S)
		rehearser_end(r, BOOT_FAILS,
			      "the console is at its login prompt, but %s on port %u", of_sshd(r),
			      r->spec.ssh_port);
	else if (r->uses_kvm && !r->kernel_ms && !r->was_heard &&
		 rehearser_seconds(r, r->began_ms) >= KVM_S)
		rehearser_end(r, BOOT_STUCK, "no kernel speaks within %d s under KVM", KVM_S);
	else if (rehearser_seconds(r, r->began_ms) >= r->spec.limit_s)
		rehearser_end(r, BOOT_FAILS, "%s within %u s", of_sshd(r), r->spec.limit_s);
}

static void speak(struct rehearsal_of_boot *r)
{
	cleanup(str_done) struct str text = STR_INIT, tail = STR_INIT;
	size_t at;

	if (rehearser_seconds(r, r->spoke_ms) < SPEAK_S)
		return;
	r->spoke_ms = loop_now_ms(r->loop);
	console_tail(r->console.s, 2, &tail);
	while (tail.len && tail.s[tail.len - 1] == '\n')
		tail.s[--tail.len] = '\0';
	for (at = tail.len; at && tail.s[at - 1] != '\n'; at--)
		;
	str_addf(&text, "%lld s: %.100s", (long long)rehearser_seconds(r, r->began_ms),
		 tail.s + at);
	say("fact", "boot", text.s);
}

static void tick(void *arg)
{
	struct rehearsal_of_boot *r = arg;

	boot_port_knock(r);
	judge(r);
	speak(r);
	loop_timer(r->loop, loop_now_ms(r->loop) + TICK_MS, tick, r);
}

static void on_exit_of_machine(void *arg, int fd, uint32_t events)
{
	struct rehearsal_of_boot *r = arg;
	int status = 0, left = 1024;

	(void)fd, (void)events;
	if (waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	r->pid = -1;
	while (r->out >= 0 && left--) { /* what it said before it ended */
		size_t before = r->console.len;

		on_console(r, r->out, 0);
		if (r->console.len == before)
			break;
	}
	while (r->words >= 0 && r->last_words.len < WORDS_MAX) {
		size_t before = r->last_words.len;

		on_words(r, r->words, 0);
		if (r->last_words.len == before)
			break;
	}
	boot_console_judge(r);
	loop_watch(r->loop, r->pidfd, 0, NULL, NULL);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		rehearser_end(r, BOOT_FAILS, "the system switches itself off after %lld s%s%s",
			      (long long)rehearser_seconds(r, r->began_ms),
			      r->stop_ms ? "; the boot stops: " : "",
			      r->stop_ms ? r->stop_line : "");
	else
		/* KVM that is there need not work, on a machine that is itself virtual above all. */
		rehearser_end(r, r->uses_kvm && !r->kernel_ms ? BOOT_STUCK : BOOT_BROKE,
			      "QEMU %s: %.*s",
			      WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended early",
			      (int)strcspn(r->last_words.s, "\n"), r->last_words.s);
}

/* --- the machine --- */

/* In the child, between fork and exec: only async-signal-safe calls. */
static void __attribute__((noreturn))
become_machine(char *const argv[], const int *keep_fds, size_t keep_count, const int out[2],
	       const int words[2], pid_t parent)
{
	char *env[] = { NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 ||
	    dup2(words[1], 2) < 0)
		_exit(126);
	for (size_t i = 0; i < keep_count; i++)
		fcntl(keep_fds[i], F_SETFD, 0); /* all others are closed by the exec */
	execvpe(argv[0], argv, env);
	_exit(127);
}

static int start(struct rehearsal_of_boot *r, const int *disks, struct err *err)
{
	cleanup(boot_command_done) struct boot_command command = BOOT_COMMAND_INIT;
	int keep_fds[BOOT_DISKS_MAX + 1], out[2], words[2];
	size_t count = r->spec.disks;
	pid_t parent = getpid();

	if (boot_command_make(&r->spec, disks, &command, err) < 0)
		return -1;
	memcpy(keep_fds, disks, count * sizeof(*disks));
	if (command.firmware_vars >= 0)
		keep_fds[count++] = command.firmware_vars;
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(err, errno, "the console");
	if (pipe2(words, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return err_errno(err, errno, "the console");
	}
	r->uses_kvm = command.uses_kvm;
	r->pid = fork();
	if (!r->pid)
		become_machine(command.argv.items, keep_fds, count, out, words, parent);
	close(out[1]);
	close(words[1]);
	r->out = out[0];
	r->words = words[0];
	fcntl(r->out, F_SETFL, O_NONBLOCK);
	fcntl(r->words, F_SETFL, O_NONBLOCK);
	r->pidfd = r->pid > 0 ? (int)syscall(SYS_pidfd_open, r->pid, 0) : -1;
	if (r->pidfd < 0)
		return err_errno(err, errno, "%s could not be started", command.argv.items[0]);
	loop_watch(r->loop, r->out, EPOLLIN, on_console, r);
	loop_watch(r->loop, r->words, EPOLLIN, on_words, r);
	loop_watch(r->loop, r->pidfd, EPOLLIN, on_exit_of_machine, r);
	return 0;
}

static void stop(struct rehearsal_of_boot *r)
{
	boot_port_hang_up(r);
	proc_cancel(r->scan);
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	loop_timer(r->loop, -1, tick, r);
	fd_close(r->out);
	fd_close(r->words);
	fd_close(r->pidfd);
	str_done(&r->console);
	str_done(&r->last_words);
	str_done(&r->banner);
	str_done(&r->key);
	loop_close(r->loop);
}

static void collect(void *arg, const struct console_rule *rule, const char *quoted)
{
	cleanup(free) char *text =
		mem_printf("%s (console: \"%s\")%s%s", rule->cause, quoted,
			   rule->checks ? "; checks: " : "", rule->checks ? rule->checks : "");

	(void)arg;
	say("fact", "suspicion", text);
}

/* Why it does not come up, from what it said. */
static void tell_console(const struct rehearsal_of_boot *r)
{
	cleanup(str_done) struct str tail = STR_INIT;

	if (r->result.outcome == BOOT_ANSWERS || r->result.outcome == BOOT_STUCK)
		return;
	console_each(r->console.s, collect, NULL);
	console_tail(r->console.s, TAIL_LINES, &tail);
	if (tail.len)
		say("console", NULL, tail.s);
}

/* Nothing is said to the rehearser while something boots: the surgeon is gone. */
static void on_link(void *arg, int fd, uint32_t events)
{
	struct rehearsal_of_boot *r = arg;

	(void)events;
	loop_watch(r->loop, fd, 0, NULL, NULL);
	rehearser_end(r, BOOT_BROKE, "nobody is there to boot for");
}

static int one_boot(const json_t *wish, int fds[], size_t fd_count, struct err *err)
{
	struct rehearsal_of_boot r = { .pid = -1,
				       .pidfd = -1,
				       .out = -1,
				       .words = -1,
				       .knock = -1,
				       .file = fds[0],
				       .console = STR_INIT,
				       .last_words = STR_INIT,
				       .banner = STR_INIT,
				       .key = STR_INIT };
	int rc = boot_spec_from_json(wish, &r.spec, err);

	if (!rc && fd_count != r.spec.disks + 1)
		rc = err_set(err, ERR_MALFORMED, "the wish for a boot lacks its disks");
	if (!rc)
		rc = loop_open(&r.loop, err);
	if (rc < 0)
		return -1;
	r.began_ms = r.spoke_ms = loop_now_ms(r.loop);
	if (start(&r, fds + 1, err) < 0)
		rehearser_end(&r, BOOT_BROKE, "%s", err->text);
	for (size_t i = 1; i < fd_count; i++)
		close(fds[i]);
	loop_watch(r.loop, BOOT_LINK, EPOLLIN, on_link, &r);
	tick(&r);
	while (!r.is_over && !(rc = loop_step(r.loop, TICK_MS, err)))
		;
	tell_console(&r);
	if (!rc)
		rc = boot_send(BOOT_LINK, boot_result_to_json(&r.result), NULL, 0, err);
	stop(&r);
	boot_spec_done(&r.spec);
	return rc;
}

int rehearser_main(void)
{
	struct err err = ERR_INIT, failed = ERR_INIT;
	int rc = sandbox_rehearser(&failed);

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the change of uid took it away */
	prctl(PR_SET_NAME, "rehearser", 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	fcntl(BOOT_LINK, F_SETFD, FD_CLOEXEC);
	for (;;) {
		int fds[BOOT_DISKS_MAX + 1];
		size_t count = 0;
		json_t *wish;

		if (boot_receive(BOOT_LINK, &wish, fds, &count, &err) < 0)
			return 0; /* nobody wants one more */
		if (!rc && count)
			rc = one_boot(wish, fds, count, &failed);
		json_decref(wish);
		for (size_t i = 0; i < count && i < 1; i++)
			close(fds[i]);
		if (rc < 0) {
			struct boot_result broke = { .outcome = BOOT_BROKE };

			escape_into(broke.text, sizeof(broke.text), failed.text,
				    strlen(failed.text));
			if (boot_send(BOOT_LINK, boot_result_to_json(&broke), NULL, 0, &err) < 0)
				return 1;
		}
	}
}
