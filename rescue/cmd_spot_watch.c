/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `spot watch`: runs on the instance, looks for the notice of an interruption, and has the state saved. It holds no
 * credentials and speaks to nobody but the instance metadata service; each save is a program of its own. */
#include "base/proc.h"
#include "ec2/client.h"
#include "ec2/imds.h"
#include "rescue/cloud.h"
#include "rescue/command.h"
#include "rescue/notify.h"
#include "rescue/parse.h"
#include "rescue/signals.h"

#include <stdlib.h>
#include <time.h>

enum {
	LOOK_MS =
		5000, /* EC2 user guide, "Spot Instance interruption notices": poll every 5 seconds */
	AGAIN_MS = 1000,
	NOTICE_S = 120,
	LEAVE_S = 20, /* for a save that was under way when the notice came */
	SAVE_S = 3600,
	TEXT_MAX = 512,
};

enum reason { ON_SCHEDULE, ON_REBALANCE, ON_NOTICE };
static const char *const reason_names[] = { "the schedule", "the rebalance recommendation",
					    "the interruption notice" };

/* An item that is there or not, and whose text changes with what it announces. */
struct item {
	struct watch *watch;
	const char *path;
	struct imds_get *get;
	char text[TEXT_MAX];   /* as it was last; "" none */
	char served[TEXT_MAX]; /* what the last save for it was made for */
};

struct watch {
	const struct options *options;
	struct report *report;
	struct loop *loop;
	struct ec2 *ec2; /* for the metadata alone */
	struct signals signals;
	double pace;
	struct item notice, rebalance;
	bool is_away;	      /* the metadata service */
	char taken[TEXT_MAX]; /* the notice that was acted on */
	int64_t next_s,
		until_s; /* of CLOCK_BOOTTIME: the next save of the schedule, the end of the notice */
	struct proc_job *save;
	enum reason reason;
	int64_t save_began_s;
	size_t saves, failures; /* since the last good one */
};

/* Goes on while the machine sleeps, and does not jump. */
static int64_t boot_s(const struct watch *w)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)((double)ts.tv_sec * w->pace + (double)ts.tv_nsec / 1e9 * w->pace);
}

static void say(const struct watch *w, const char *kind, const char *text)
{
	report_say(w->report, NULL, kind, "{s:s, s:s}", "name", "watch", "text", text);
}

static void tell_status(const struct watch *w)
{
	cleanup(free) char *text = mem_printf("STATUS=%s; %zu saves",
					      w->save		  ? "saving"
					      : w->notice.text[0] ? "the instance is about to go"
					      : w->is_away	  ? "the metadata service is away"
								  : "watching",
					      w->saves);

	notify_systemd(text);
}

/* ---- saving */

static void start_save(struct watch *w, enum reason reason);
static void save_again(void *arg);

static bool is_handled(const struct item *item)
{
	return !item->text[0] || str_eq(item->text, item->served);
}

/* The last words of the program: {result or code, text}. */
static char *words_of(const struct proc_result *result)
{
	cleanup(free) char *copy = mem_strdup(result->out.s);
	char *save = NULL, *words = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		json_t *event = json_loads(line, 0, NULL);
		const char *kind = json_string_value(json_object_get(event, "event"));
		const char *text = json_string_value(json_object_get(event, "text"));

		if (kind && text &&
		    (str_eq(kind, "verdict") || str_eq(kind, "error") || str_eq(kind, "warning"))) {
			char *more = words ? mem_printf("%s; %s", words, text) : mem_strdup(text);

			free(words);
			words = more;
		}
		json_decref(event);
	}
	return words ?: mem_strdup("it said nothing");
}

/* Until the notice is over. */
static void try_again(struct watch *w, int64_t ms)
{
	if (!is_handled(&w->notice) && boot_s(w) < w->until_s)
		loop_timer(w->loop, loop_now_ms(w->loop) + (int64_t)((double)ms / w->pace) + 1,
			   save_again, w);
}

static void serve(struct item *item)
{
	memcpy(item->served, item->text, sizeof(item->served));
}

static void save_ended(void *arg, struct proc_result *result, const struct err *err)
{
	struct watch *w = arg;
	bool is_good = result && !result->status;
	cleanup(free) char *words = result ? words_of(result) : mem_strdup(err->text);
	cleanup(free) char *text = NULL;

	w->save = NULL;
	text = mem_printf("%s, for %s after %lld s: %s", is_good ? "saved" : "not saved",
			  reason_names[w->reason], (long long)(boot_s(w) - w->save_began_s), words);
	say(w, is_good ? "fact" : "warning", text);
	if (is_good) {
		w->saves++;
		w->failures = 0;
		if (w->reason == ON_NOTICE)
			serve(&w->notice);
		if (w->reason >= ON_REBALANCE)
			serve(&w->rebalance);
	} else {
		w->failures++;
	}
	tell_status(w);
	/* What was announced meanwhile, or could not be done; at the notice until it is over. */
	try_again(w, is_good ? 1 : AGAIN_MS);
}

static void save_again(void *arg)
{
	struct watch *w = arg;

	if (!w->save && !w->signals.count)
		start_save(w, ON_NOTICE);
}

static void start_save(struct watch *w, enum reason reason)
{
	int words;
	const struct command *command = command_find("spot", "save", &words);
	struct words argv = { 0 };
	struct err err = ERR_INIT;
	struct proc_run run = { .env = (const char *const *)environ,
				.deadline_s = SAVE_S,
				.is_stderr_ours = true };

	vec_push(&argv, mem_strdup("/proc/self/exe"));
	vec_push(&argv, mem_strdup("spot"));
	vec_push(&argv, mem_strdup("save"));
	command_argv(command, w->options, &argv);
	if (!w->options->json)
		vec_push(&argv, mem_strdup("--json"));
	vec_push(&argv, mem_strdup("--urgent"));
	vec_push(&argv, mem_strdup("self"));
	vec_push(&argv, NULL);
	run.argv = argv.items;
	w->reason = reason;
	w->save_began_s = boot_s(w);
	if (w->options->every_s)
		w->next_s = w->save_began_s + w->options->every_s;
	if (proc_start(w->loop, &run, save_ended, w, &w->save, &err) < 0) {
		w->save = NULL;
		say(w, "warning", err.text);
		try_again(w, AGAIN_MS);
	}
	vec_foreach (word, &argv)
		free((char *)(uintptr_t)*word);
	vec_done(&argv);
	tell_status(w);
}

/* ---- what the metadata says */

/* Seconds that are left; a clock that is wrong must not make it nothing. */
static int64_t left_of(const struct watch *w)
{
	json_t *json = json_loads(w->notice.text, 0, NULL);
	const char *text = json_string_value(json_object_get(json, "time"));
	struct tm tm = { 0 };
	int64_t left = NOTICE_S;

	if (text && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		left = (int64_t)((double)(timegm(&tm) - time(NULL)) * w->pace);
	json_decref(json);
	return left >= 10 && left <= 2 * (int64_t)NOTICE_S ? left : NOTICE_S;
}

/* A save that was under way may be of any age; it gets some seconds, then the one that counts begins. */
static void leave_save(void *arg)
{
	struct watch *w = arg;

	if (!w->save || w->reason == ON_NOTICE)
		return;
	proc_cancel(w->save);
	w->save = NULL;
	say(w, "warning", "the save under way takes too long and was ended");
	start_save(w, ON_NOTICE);
}

static void take_notice(struct watch *w)
{
	cleanup(str_done) struct str shown = STR_INIT;
	cleanup(free) char *text = NULL;
	int64_t left = left_of(w);

	str_add_escaped(&shown, w->notice.text, strlen(w->notice.text));
	w->until_s = boot_s(w) + left;
	text = mem_printf("the spot service will take this instance: %s; %lld s are left", shown.s,
			  (long long)left);
	say(w, "warning", text);
	if (!w->save)
		start_save(w, ON_NOTICE);
	else
		loop_timer(w->loop, loop_now_ms(w->loop) + (int64_t)(LEAVE_S * 1000.0 / w->pace),
			   leave_save, w);
}

static void judge(struct watch *w)
{
	if (w->notice.text[0] && !str_eq(w->notice.text, w->taken)) {
		memcpy(w->taken, w->notice.text, sizeof(w->taken));
		take_notice(w);
	}
	if (w->save || w->signals.count || w->notice.text[0])
		return;
	if (!is_handled(&w->rebalance)) {
		say(w, "warning",
		    "the spot service recommends to leave: this instance is at an elevated risk of "
		    "interruption");
		start_save(w, ON_REBALANCE);
		serve(&w->rebalance); /* once; the schedule and the notice come in any case */
	} else if (w->next_s && boot_s(w) >= w->next_s) {
		start_save(w, ON_SCHEDULE);
	}
}

static void say_away(struct watch *w, bool is_away, const char *why)
{
	if (is_away != w->is_away)
		say(w, is_away ? "warning" : "fact",
		    is_away ? why : "the instance metadata service is back");
	w->is_away = is_away;
}

/* What is not known at the moment is as it was. */
static void on_item(void *arg, const char *text, int http_status, const struct err *err)
{
	struct item *item = arg;
	struct watch *w = item->watch;

	item->get = NULL;
	say_away(w, !text && http_status != 404, err ? err->text : "");
	if (text || http_status == 404)
		snprintf(item->text, sizeof(item->text), "%s", text ?: "");
	if (!item->text[0])
		item->served[0] = '\0';
	judge(w);
}

static void look(void *arg)
{
	struct watch *w = arg;

	loop_timer(w->loop, loop_now_ms(w->loop) + (int64_t)(LOOK_MS / w->pace), look, w);
	if (notify_has_watchdog())
		notify_systemd("WATCHDOG=1");
	if (w->signals.count)
		return;
	if (!w->notice.get)
		w->notice.get = imds_get(w->ec2, w->notice.path, on_item, &w->notice);
	if (!w->rebalance.get)
		w->rebalance.get = imds_get(w->ec2, w->rebalance.path, on_item, &w->rebalance);
}

/* ---- the command */

static void on_signal(void *arg)
{
	struct watch *w = arg;

	notify_systemd("STOPPING=1");
	if (w->save)
		say(w, "fact", "the save under way comes to its end first");
}

static int open_watch(struct watch *w, struct err *err)
{
	const struct ec2_settings settings = { .profile = w->options->profile,
					       .is_metadata_only = true };

	return loop_open(&w->loop, err) < 0 || ec2_open(w->loop, &settings, &w->ec2, err) < 0 ||
			       signals_open(&w->signals, w->loop, on_signal, w, err) < 0
		       ? -1
		       : 0;
}

static void close_watch(struct watch *w)
{
	imds_cancel(w->notice.get);
	imds_cancel(w->rebalance.get);
	proc_cancel(w->save);
	ec2_close(w->ec2);
	signals_close(&w->signals);
	loop_close(w->loop);
}

int cmd_spot_watch(const struct options *options, struct report *report)
{
	struct watch w = {
		.options = options, .report = report, .signals = SIGNALS_INIT, .pace = cloud_pace()
	};
	struct err err = ERR_INIT;
	int rc;

	w.notice = (struct item){ .watch = &w, .path = "/latest/meta-data/spot/instance-action" };
	w.rebalance = (struct item){ .watch = &w,
				     .path = "/latest/meta-data/events/recommendations/rebalance" };
	rc = open_watch(&w, &err);
	if (!rc) {
		if (options->every_s)
			w.next_s = boot_s(&w) + options->every_s;
		say(&w, "fact", "watching for the notice of an interruption");
		notify_systemd("READY=1");
		tell_status(&w);
		look(&w);
	}
	while (!rc && !(w.signals.count && !w.save) && w.signals.count < 2)
		rc = loop_step(w.loop, -1, &err);
	close_watch(&w);
	if (rc < 0)
		report_err(report, NULL, &err);
	return rc < 0 ? (int)err.code : 0;
}
