/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/examiner.h"
#include "base/hash.h"
#include "checks/setid_programs.h"
#include "checks/sshd_conf.h"
#include "fs/tree_pipe.h"
#include "rescue/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define RESULT_MAX   (32u << 20) /* a result with a few whole files in its edits fits */
#define FINDINGS_MAX 5000u
#define REQUESTS_MAX 200000u
#define REPLIES_MAX  (1024ull << 20)
#define STOPS_MAX    8u /* checks that may be stopped before the rest is given up */
#define NO_CHECK     (-1)

/* What is asked of the machine after the checks. */
enum question { QUESTION_SSH_PORT, QUESTION_MTU, QUESTIONS };
static const char *const questions[QUESTIONS] = { "finding out where sshd listens",
						  "finding out what sets an MTU" };

void examination_done(struct examination *e)
{
	json_decref(e->machine);
	findings_done(&e->findings);
	vec_done(&e->could_not_tell);
	*e = EXAMINATION_INIT;
}

/* One run of the checks, as both processes know it. */
struct session {
	const struct examiner_job *job;
	const struct check *const *checks;
	size_t count;
	/* count + QUESTIONS flags: checks, and behind them questions, that are left out because they were
	 * stopped. */
	bool *is_stopped;
	struct progress *progress;
};

/* Shared with the child, whose word it is. */
struct progress {
	int running; /* index of the check that runs */
	bool needs_hash;
};

/* ---- the confined side ---- */

/* Text of the volume as JSON, which must be UTF-8. */
static json_t *text_to_json(const char *text)
{
	cleanup(str_done) struct str shown = STR_INIT;

	str_add_escaped(&shown, text, strlen(text));
	return json_stringn(shown.s, shown.len);
}

static json_t *machine_to_json(const struct machine *machine)
{
	const struct machine_os *os = machine_os(machine);

	return json_pack("{s:o, s:o, s:o}", "id", text_to_json(os->id), "version_id",
			 text_to_json(os->version_id), "pretty_name",
			 text_to_json(os->pretty_name));
}

/* The first port; 0 when it cannot be told or sshd does not listen. */
static uint32_t port_of_sshd(const struct machine *machine)
{
	cleanup(sshd_listens_done) struct sshd_listens listens = { 0 };
	struct err ignored = ERR_INIT;

	if (sshd_listen(machine, &listens, &ignored) < 0 || !listens.count)
		return 0;
	return listens.items[0].port;
}

static json_t *unknown_to_json(const struct could_not_tell *unknown)
{
	return json_pack("{s:s, s:s, s:o}", "check", unknown->check->name, "code",
			 err_name(unknown->err.code), "text", text_to_json(unknown->err.text));
}

/* A finding whose path is no UTF-8 has no JSON form: it becomes advice, with its bytes escaped. */
static json_t *portable(const struct finding *finding)
{
	cleanup(str_done) struct str path = STR_INIT;
	cleanup(str_done) struct str message = STR_INIT;
	struct finding plain = *finding;
	json_t *json = finding_to_json(finding);

	if (json)
		return json;
	str_add_escaped(&path, finding->path ? finding->path : "/", strlen(finding->path ?: "/"));
	str_add_escaped(&message, finding->message, strlen(finding->message));
	plain.path = path.s;
	plain.message = message.s;
	plain.repair = REPAIR_NONE;
	plain.edits = (struct edits){ 0 };
	return finding_to_json(&plain);
}

/* False: it was stopped before. */
static bool begin_question(const struct session *s, enum question question)
{
	s->progress->running = (int)s->count + (int)question;
	return !s->is_stopped[s->count + question];
}

static json_t *examine(const struct session *s, struct tree *tree)
{
	struct machine_given given = { .tree = tree,
				       .disks = s->job->disks,
				       .cloud = s->job->cloud,
				       .console = s->job->console,
				       .key = s->job->key,
				       .nat = s->job->nat,
				       .client = s->job->client };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };
	json_t *found = json_array(), *untold = json_array(), *mtu = NULL;
	uint32_t port = 0;

	for (size_t i = 0; i < s->count; i++) {
		s->progress->running = (int)i;
		if (!s->is_stopped[i])
			check_run(s->checks[i], machine, &findings, &unknown);
	}
	if (begin_question(s, QUESTION_SSH_PORT))
		port = port_of_sshd(machine);
	if (begin_question(s, QUESTION_MTU))
		mtu = mtu_facts_of(machine);
	s->progress->running = NO_CHECK;
	vec_foreach (f, &findings)
		json_array_append_new(found, portable(f));
	vec_foreach (u, &unknown)
		json_array_append_new(untold, unknown_to_json(u));
	vec_done(&unknown);
	return json_pack("{s:o?, s:o, s:o, s:I, s:o*}", "machine", machine_to_json(machine),
			 "findings", found, "could_not_tell", untold, "ssh_port", (json_int_t)port,
			 "mtu", mtu);
}

static struct progress *progress_here;

static void stop_for_hash(void)
{
	progress_here->needs_hash = true;
	_exit(0);
}

/* Never returns. Nothing is freed at the end: leak checkers would need system calls. */
static void __attribute__((noreturn)) child(const struct session *s, int fd, int parent)
{
	struct err err = ERR_INIT;
	json_t *result;
	char *text;

	progress_here = s->progress;
	hash_stop_unless_prepared(stop_for_hash);
	if (sandbox_examiner(fd, s->job->deadline_s, parent, &err) < 0) {
		result = json_pack("{s:s}", "confinement", err.text);
	} else {
		struct tree *tree = tree_open_pipe(SANDBOX_CHANNEL);

		result = examine(s, tree);
		fd = SANDBOX_CHANNEL;
	}
	text = result ? json_dumps(result, JSON_COMPACT) : NULL;
	if (!text || tree_pipe_finish(fd, text, strlen(text), &err) < 0)
		_exit(1);
	_exit(0);
}

/* ---- the surgeon's side ---- */

/* May these bits be set on it? Only what is known as a set-id program gets them, as root's, and the
 * same examination must not want to change what it does. */
static bool is_armed_rightly(const struct edit *edit)
{
	const struct setid_program *program = setid_program_find(edit->path);

	return edit->kind == EDIT_MODE && program && !edit->uid && !edit->gid &&
	       !(edit->mode & 06000 & ~program->mode) && !(edit->mode & 0022);
}

/* Only what the check itself declares, and no way to plant a set-id program. */
static int judge(const struct finding *finding, struct err *err)
{
	if (finding->repair != REPAIR_NONE && finding->check->repair == REPAIR_NONE)
		return err_set(err, ERR_MALFORMED, "%s repairs nothing, but sent a repair",
			       finding->check->name);
	if (finding_is_of_blocks(finding) && !finding->check->is_of_blocks)
		return err_set(err, ERR_MALFORMED, "%s repairs no blocks, but sent such a repair",
			       finding->check->name);
	vec_foreach (edit, &finding->edits) {
		if (edit->mode & 06000 & ~edit->old_mode && !is_armed_rightly(edit))
			return err_set(err, ERR_MALFORMED, "%s: a repair never sets set-id bits",
				       finding->check->name);
		if (edit->path && edit->kind != EDIT_MODE && setid_program_find(edit->path))
			return err_set(err, ERR_MALFORMED, "%s: a repair never makes %s anew",
				       finding->check->name, edit->path);
	}
	return 0;
}

static int take_findings(const json_t *list, struct examination *ret, struct err *err)
{
	if (!json_is_array(list) || json_array_size(list) > FINDINGS_MAX)
		return err_set(err, ERR_MALFORMED, "the findings are no list of at most %u",
			       FINDINGS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct finding finding;

		if (finding_from_json(json_array_get(list, i), &finding, err) < 0)
			return -1;
		if (judge(&finding, err) < 0) {
			finding_done(&finding);
			return -1;
		}
		vec_push(&ret->findings, finding);
	}
	return 0;
}

static const struct check *find_check(const struct session *s, const char *name)
{
	for (size_t i = 0; name && i < s->count; i++)
		if (str_eq(s->checks[i]->name, name))
			return s->checks[i];
	return NULL;
}

static int take_untold(const struct session *s, const json_t *list, struct examination *ret,
		       struct err *err)
{
	if (!json_is_array(list) || json_array_size(list) > s->count)
		return err_set(err, ERR_MALFORMED, "what could not be told is no list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *code = json_string_value(json_object_get(row, "code"));
		const char *text = json_string_value(json_object_get(row, "text"));
		struct could_not_tell unknown = {
			.check = find_check(s, json_string_value(json_object_get(row, "check")))
		};

		if (!unknown.check || !code || !text)
			return err_set(err, ERR_MALFORMED,
				       "a row of what could not be told lacks a member");
		err_set(&unknown.err, err_from_name(code), "%s", text);
		vec_push(&ret->could_not_tell, unknown);
	}
	return 0;
}

static int take_result(const struct session *s, const struct str *text, struct examination *ret,
		       struct err *err)
{
	json_t *json = json_loadb(text->s, text->len, JSON_REJECT_DUPLICATES, NULL);
	const char *confinement = json_string_value(json_object_get(json, "confinement"));
	json_t *machine = json_object_get(json, "machine");
	const json_t *mtu = json_object_get(json, "mtu");
	json_int_t port = json_integer_value(json_object_get(json, "ssh_port"));
	int result = -1;

	if (confinement)
		err_set(err, ERR_TOOL, "the examiner could not be confined: %s", confinement);
	else if (!json_is_object(json) ||
		 take_findings(json_object_get(json, "findings"), ret, err) < 0 ||
		 take_untold(s, json_object_get(json, "could_not_tell"), ret, err) < 0 ||
		 (mtu && mtu_facts_from_json(mtu, &ret->mtu, err) < 0))
		err_in(err, "the examiner's result");
	else
		result = 0;
	if (!result && json_is_object(machine))
		ret->machine = json_incref(machine);
	if (!result && port > 0 && port <= 65535)
		ret->ssh_port = (uint32_t)port;
	json_decref(json);
	return result;
}

/* The child after its session: it is dead, dying, or to be killed. */
static int reap(pid_t pid)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status = 0;

	if (p.fd >= 0) {
		poll(&p, 1, 1000);
		close(p.fd);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void explain_death(int status, struct err *err)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (sig == SIGSYS)
		err_set(err, ERR_COULD_NOT_TELL,
			"was stopped, because it tried a system call that it may not make");
	else if (sig == SIGXCPU || sig == SIGKILL)
		err_set(err, ERR_COULD_NOT_TELL, "was stopped, because it took too long");
	else if (sig == SIGABRT)
		err_set(err, ERR_COULD_NOT_TELL, "ran out of memory or gave up");
	else if (sig)
		err_set(err, ERR_COULD_NOT_TELL, "crashed (%s)", strsignal(sig));
	else
		err_set(err, ERR_COULD_NOT_TELL, "ended early with status %d", WEXITSTATUS(status));
}

/* Surgeon and examiner take turns, never at the same time. Wherever the scheduler finds a second idle
 * processor it would put them on two, and waking one up takes longer than to answer a question. */
static bool stay_on_one_processor(cpu_set_t *ret_before)
{
	int here = sched_getcpu();
	cpu_set_t one;

	if (here < 0 || here >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(*ret_before), ret_before) < 0)
		return false;
	CPU_ZERO(&one);
	CPU_SET(here, &one);
	return !sched_setaffinity(0, sizeof(one), &one);
}

/* One process, one session. 0: ret is filled; 1: it was stopped, err says why; -1: failed. */
static int run_once(const struct session *s, uint32_t left_s, struct examination *ret,
		    struct err *err)
{
	const struct tree_pipe_limits limits = { .requests = REQUESTS_MAX,
						 .reply_bytes = REPLIES_MAX,
						 .result_bytes = RESULT_MAX,
						 .deadline_s = left_s };
	cleanup(str_done) struct str text = STR_INIT;
	struct err why = ERR_INIT;
	int ends[2], status, parent = getpid(), served;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, errno, "the examiner's channel could not be made");
	s->progress->running = NO_CHECK;
	pid = fork();
	if (!pid)
		child(s, ends[1], parent);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_errno(err, errno, "the examiner could not be started");
	}
	served = tree_pipe_serve(s->job->tree, ends[0], &limits, &text, &why);
	if (served < 0 && why.code != ERR_IO)
		kill(pid, SIGKILL);
	close(ends[0]);
	status = reap(pid);
	if (!served)
		return take_result(s, &text, ret, err);
	*err = why;
	if (why.code == ERR_IO)
		explain_death(status, err);
	err->code = ERR_COULD_NOT_TELL;
	return 1;
}

/* Records what was stopped, to be left out next time. False when that is not known. */
static bool note_stop(const struct session *s, const struct err *why, struct examination *ret)
{
	int index =
		s->progress->running; /* the child's word: it decides only about what is left out */
	bool is_known = index >= 0 && (size_t)index < s->count + QUESTIONS && !s->is_stopped[index];
	struct could_not_tell unknown = { .err = *why };

	if (is_known) {
		s->is_stopped[index] = true;
		unknown.check = (size_t)index < s->count ? s->checks[index] : NULL;
	}
	err_in(&unknown.err, "%s",
	       unknown.check ? unknown.check->name
	       : is_known    ? questions[(size_t)index - s->count]
			     : "the examination");
	vec_push(&ret->could_not_tell, unknown);
	return is_known;
}

/* What the child cannot load where it is; the next child has it from us. */
static bool give_hash(const struct session *s)
{
	bool is_wanted = s->progress->needs_hash && !hash_is_prepared();

	s->progress->needs_hash = false;
	if (is_wanted)
		hash_prepare();
	return is_wanted;
}

static int64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Runs until a session ends by itself, each time without the check that was stopped before. */
static int run_all(const struct session *s, struct examination *ret, struct err *err)
{
	int64_t end = now_s() + s->job->deadline_s;

	for (unsigned stops = 0; stops < STOPS_MAX; stops++) {
		int64_t left = end - now_s();
		struct err why = ERR_INIT;
		int got;

		if (left <= 0)
			break;
		/* Half of what is left, so that a check that hangs leaves time for the others. */
		got = run_once(s, (uint32_t)(left / 2 + 1), ret, &why);
		if (got == 1 && give_hash(s))
			got = run_once(s, (uint32_t)(left / 2 + 1), ret, &why);
		if (got <= 0) {
			if (got < 0)
				*err = why;
			return got;
		}
		if (!note_stop(s, &why, ret))
			return 0;
	}
	vec_push(&ret->could_not_tell, ((struct could_not_tell){ 0 }));
	err_set(&ret->could_not_tell.items[ret->could_not_tell.count - 1].err, ERR_COULD_NOT_TELL,
		"the examination was given up, because too much of it was stopped");
	return 0;
}

int examiner_run(const struct examiner_job *job, struct examination *ret, struct err *err)
{
	struct examination result = EXAMINATION_INIT;
	struct session s = { .job = job,
			     .checks = job->checks ? job->checks : checks,
			     .count = job->checks ? job->check_count : check_count };
	cpu_set_t processors;
	bool is_bound;
	int rc;

	s.progress = mmap(NULL, sizeof(*s.progress), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.progress == MAP_FAILED)
		return err_errno(err, errno, "shared memory");
	json_object_seed(0); /* jansson would read /dev/urandom for it when it first needs it */
	s.is_stopped = mem_array(s.count + QUESTIONS, sizeof(bool));
	is_bound = stay_on_one_processor(&processors);
	rc = run_all(&s, &result, err);
	if (is_bound)
		sched_setaffinity(0, sizeof(processors), &processors);
	free(s.is_stopped);
	munmap(s.progress, sizeof(*s.progress));
	if (rc < 0) {
		examination_done(&result);
		return -1;
	}
	*ret = result;
	return 0;
}
