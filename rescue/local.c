/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/local.h"
#include "rescue/snapshot_source.h"
#include "base/file.h"
#include "base/secrets.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define DEADLINE_S (4u * 3600) /* a file system check of a large volume takes its time */

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

/* SIGINT and SIGTERM wait until they are asked for (count_signals, report_ask), so that none comes
 * between a look and a wait. */
struct caught {
	sigset_t mask;
	struct sigaction on_int, on_term;
};

static void catch_signals(struct caught *old)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t both;

	signals = 0;
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, &old->mask);
	sigaction(SIGINT, &act, &old->on_int);
	sigaction(SIGTERM, &act, &old->on_term);
}

static int count_signals(void)
{
	const struct timespec no_time = { 0 };
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	while (sigtimedwait(&both, NULL, &no_time) > 0)
		signals++;
	return signals;
}

static void release_signals(const struct caught *old)
{
	sigaction(SIGINT, &old->on_int, NULL);
	sigaction(SIGTERM, &old->on_term, NULL);
	sigprocmask(SIG_SETMASK, &old->mask, NULL);
}

static void forward(void *arg, json_t *event)
{
	struct local *local = arg;

	json_incref(event);
	if (local->event)
		local->event(local, event);
	else
		report_event(local->report, NULL, event);
}

static void changed(void *arg)
{
	(void)arg; /* run() looks after every step of the loop */
}

static int interrupted(bool is_committing, struct err *err)
{
	return err_set(err, ERR_INTERRUPTED,
		       is_committing
			       ? "left in the middle of writing; `ec2-rescue repair` finishes the "
				 "repair, `ec2-rescue undo` takes it back"
			       : "interrupted; nothing was written");
}

static int run(struct local *local, struct loop *loop, struct surgery *surgery,
	       enum surgery_mode mode, struct err *err)
{
	const struct surgery_result *result = surgery_result(surgery);
	bool is_committing = mode == SURGERY_UNDO || mode == SURGERY_RECOVER, was_told = false;

	while (result->state != SURGERY_ENDED) {
		int asked_to_leave = count_signals();

		if (asked_to_leave && (!is_committing || asked_to_leave > 1))
			return interrupted(is_committing, err);
		if (asked_to_leave && !was_told) {
			was_told = true;
			report_say(local->report, NULL, "warning", "{s:s}", "text",
				   "the target is being written to, and that will be finished; "
				   "interrupt again to leave at once");
		}
		if (result->state == SURGERY_READY) {
			is_committing = local->consent && local->consent(local);
			if (count_signals()) /* at the question: leaving is no answer */
				return interrupted(false, err);
			if (is_committing)
				surgery_commit(surgery);
			else
				surgery_decline(surgery);
		}
		if (loop_step(loop, 500, err) < 0)
			return -1;
		report_tick(local->report);
	}
	return 0;
}

int local_wait(struct local *local, struct loop *loop, bool (*is_done)(const struct local *),
	       struct err *err)
{
	while (!is_done(local)) {
		if (count_signals())
			return interrupted(false, err);
		if (loop_step(loop, 500, err) < 0)
			return -1;
		report_tick(local->report);
	}
	return 0;
}

char *local_work_dir(struct err *err)
{
	const char *top = getenv("TMPDIR");
	char *dir = mem_printf("%s/ec2-rescue-XXXXXX", top && top[0] == '/' ? top : "/var/tmp");

	if (mkdtemp(dir))
		return dir;
	err_errno(err, errno, "a work directory in %s could not be made (see TMPDIR)", dir);
	free(dir);
	return NULL;
}

/* Nobody is asked for anything here, so no credential is needed: there shall be none. */
static void drop_secrets(void)
{
	static const char *const keep[] = {
		"PATH",	    "HOME", "TMPDIR",	"XDG_STATE_HOME",   "LANG", "LC_ALL",
		"LC_CTYPE", "TERM", "NO_COLOR", "EC2_RESCUE_DEBUG", NULL
	};

	secrets_wipe_environment(keep);
}

int local_surgery(struct local *local, const struct surgery_job *wanted, struct err *err)
{
	const struct surgery_watch watch = { .event = forward, .changed = changed, .arg = local };
	const struct options *options = local->options;
	struct surgery_job job = *wanted;
	struct surgery *surgery = NULL;
	struct caught old;
	struct loop *loop = NULL;
	char *work_dir = local_work_dir(err);
	int rc;

	if (!work_dir)
		return -1;
	job.path = options->targets.items[0];
	job.work_dir = work_dir;
	job.fix = &options->fix;
	job.more = &options->with;
	job.key = (struct wanted_key){ options->key_line, options->user, options->add_key };
	job.nat.range = options->setup_nat;
	/* Nobody but the operator knows which disks belong to this system: those that were given.
	 * What an fstab names and none of them holds is missing. */
	job.disks_are_complete = true;
	job.is_unprivileged = options->unprivileged;
	job.deadline_s = DEADLINE_S;
	if (!local->source)
		drop_secrets();
	catch_signals(&old);
	rc = loop_open(&loop, err);
	if (!rc && local->source)
		rc = snapshot_source_open(local, loop, &job, err);
	if (!rc)
		rc = surgery_start(loop, &job, &watch, &surgery, err);
	if (!rc)
		rc = run(local, loop, surgery, job.mode, err);
	if (!rc) {
		local->result = *surgery_result(surgery);
		*err = local->result.err;
		rc = err->code ? -1 : 0;
	}
	surgery_free(surgery);
	if (local->source)
		snapshot_source_close(local->source);
	loop_close(loop);
	release_signals(&old);
	dir_remove_all(work_dir);
	free(work_dir);
	return rc;
}

struct boot_wish local_boot_wish(const struct options *options, const char *console_path)
{
	return (struct boot_wish){ .console_path = console_path,
				   .may_commit_anyway = options->commit_anyway,
				   .may_use_kvm = !options->no_kvm,
				   .limit_s = options->boot_s };
}

char *local_command(const struct options *options, const char *command)
{
	cleanup(str_done) struct str line = STR_INIT;
	struct str shown = STR_INIT;

	str_addf(&line, "ec2-rescue %s", command);
	if (options->state_dir) {
		str_add(&line, " --state-dir ");
		str_add_word(&line, options->state_dir);
	}
	str_add_char(&line, ' ');
	str_add_word(&line, options->targets.items[0]);
	str_add_escaped(&shown, line.s, line.len);
	return str_take(&shown);
}

char *local_target(const struct options *options)
{
	struct str shown = STR_INIT;

	str_add_escaped(&shown, options->targets.items[0], strlen(options->targets.items[0]));
	return str_take(&shown);
}

int local_refuse_halves(struct target *target, const char *path, struct err *err)
{
	cleanup(free) char *record = NULL;
	struct err why = ERR_INIT;

	if (target_record(target, RECORD_COMMITTING, &record, &why) < 0 && why.code != ERR_DENIED) {
		*err = why;
		return -1;
	}
	if (!record) /* also when the records are another user's: to examine, none are needed */
		return 0;
	return err_set(err, ERR_BUSY,
		       "%s is between old and new, because writing a repair to it was cut off; "
		       "`ec2-rescue repair` finishes that repair, `ec2-rescue undo` takes it back",
		       path);
}

int local_recover(struct local *local, struct target *target, enum record_direction direction,
		  struct err *err)
{
	cleanup(free) char *record = NULL;
	struct surgery_job job = { .mode = SURGERY_RECOVER, .direction = direction };

	if (target_record(target, RECORD_COMMITTING, &record, err) < 0)
		return -1;
	if (!record)
		return 0;
	job.record_dir = record;
	if (local_surgery(local, &job, err) < 0)
		return err_in(err, "the repair that was cut off");
	report_say(local->report, NULL, "warning", "{s:s}", "text",
		   direction == RECORD_FINISH
			   ? "writing an earlier repair was cut off; it is finished now"
			   : "writing an earlier repair was cut off; it is taken back now");
	return 1;
}

int local_fail(struct local *local, const struct err *err)
{
	report_err(local->report, NULL, err);
	return (int)err->code;
}
