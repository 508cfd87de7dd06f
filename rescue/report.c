/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/report.h"
#include "base/secrets.h"
#include "rescue/board.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>

struct report {
	bool is_json, is_terminal, has_colour;
	struct board *board; /* on a terminal only */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool wants_colour(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return !(no && *no) && term && !str_eq(term, "dumb");
}

struct report *report_open(enum report_style style)
{
	struct report *report = mem_alloc(sizeof(*report));
	const char *term = getenv("TERM");

	report->is_json = style == REPORT_JSON;
	report->is_terminal = !report->is_json && isatty(STDERR_FILENO);
	report->has_colour = report->is_terminal && wants_colour();
	if (report->is_terminal && term && !str_eq(term, "dumb"))
		report->board = board_open(stderr, report->has_colour);
	return report;
}

void report_close(struct report *report)
{
	if (!report)
		return;
	if (report->board)
		board_close(report->board, now_ms());
	fflush(stdout);
	free(report);
}

static const char *text_of(const json_t *event, const char *key)
{
	const char *s = json_string_value(json_object_get(event, key));

	return s ? s : "";
}

static int64_t number_of(const json_t *event, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(event, key));
}

/* Colours, by meaning */
enum tint { TINT_PLAIN, TINT_GOOD, TINT_BAD, TINT_WARN, TINT_FAINT, TINT_BOLD };
static const char *const tints[] = { "", "\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[1m" };

struct line {
	const struct report *report;
	FILE *to;
	bool is_tinted; /* this stream is a terminal and colours are wanted */
	const char *rescue;
};

static void begin(const struct line *line, enum tint tint)
{
	if (line->is_tinted)
		fputs(tints[tint], line->to);
}

static void end(const struct line *line)
{
	if (line->is_tinted)
		fputs("\033[0m", line->to);
}

/* "i-0abc… " in front where several rescues could speak. */
static void put_who(const struct line *line)
{
	if (line->rescue && (!line->report->is_terminal || line->to == stderr))
		fprintf(line->to, "%s: ", line->rescue);
}

static void put_tinted(const struct line *line, enum tint tint, const char *text)
{
	begin(line, tint);
	fputs(text, line->to);
	end(line);
}

static void say_finding(const struct line *line, const json_t *event)
{
	const char *severity = text_of(event, "severity"), *path = text_of(event, "path");
	int64_t number = number_of(event, "line");
	bool blocks = str_starts(severity, "blocks");

	put_who(line);
	put_tinted(line,
		   blocks			? TINT_BAD
		   : str_eq(severity, "delays") ? TINT_WARN
						: TINT_FAINT,
		   severity);
	if (*path && number)
		fprintf(line->to, " %s:%lld", path, (long long)number);
	else if (*path)
		fprintf(line->to, " %s", path);
	fprintf(line->to, "\n    %s\n    ", text_of(event, "message"));
	begin(line, TINT_FAINT);
	fprintf(line->to, "%s; %s", text_of(event, "check"),
		str_eq(text_of(event, "class"), "sure")	     ? "repaired by default"
		: str_eq(text_of(event, "class"), "offered") ? "repaired only with --fix"
							     : "no repair, advice only");
	if (str_eq(text_of(event, "class"), "offered"))
		fprintf(line->to, " %s", text_of(event, "check"));
	end(line);
	fputc('\n', line->to);
}

static void say_diff(const struct line *line, const json_t *event)
{
	const char *p = text_of(event, "text");

	while (*p) {
		size_t len = strcspn(p, "\n");
		bool is_head = str_starts(p, "+++") || str_starts(p, "---") || str_starts(p, "@@");
		enum tint tint = is_head     ? TINT_BOLD
				 : *p == '+' ? TINT_GOOD
				 : *p == '-' ? TINT_BAD
					     : TINT_PLAIN;

		fputs("    ", line->to);
		begin(line, tint);
		fprintf(line->to, "%.*s", (int)len, p);
		end(line);
		fputc('\n', line->to);
		p += len + (p[len] == '\n');
	}
}

static void say_hazard(const struct line *line, const json_t *event)
{
	put_who(line);
	put_tinted(line, TINT_WARN,
		   json_is_true(json_object_get(event, "needs_consent")) ? "hazard: " : "note: ");
	fprintf(line->to, "%s\n", text_of(event, "text"));
}

/* A name that stands in the plan a second time is the return of that step. */
static bool is_return(const json_t *steps, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(text_of(json_array_get(steps, i), "name"),
			   text_of(json_array_get(steps, at), "name")))
			return true;
	return false;
}

static void say_plan(const struct line *line, const json_t *event)
{
	const json_t *steps = json_object_get(event, "steps");

	put_who(line);
	fputs("the plan\n", line->to);
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		bool home = is_return(steps, i);

		fprintf(line->to, "    %2zu. %s%-*s %s\n", i + 1, home ? "return " : "",
			home ? 22 : 29, text_of(step, "name"), text_of(step, "text"));
	}
}

static void say_step(const struct line *line, const json_t *event)
{
	put_who(line);
	fprintf(line->to, "%s %s", text_of(event, "name"), text_of(event, "state"));
	if (*text_of(event, "text"))
		fprintf(line->to, ": %s", text_of(event, "text"));
	fputc('\n', line->to);
}

static void say_waiting(const struct line *line, const json_t *event)
{
	put_who(line);
	fprintf(line->to, "waiting: %s (at most %lld s)\n", text_of(event, "text"),
		(long long)number_of(event, "deadline_s"));
}

static void say_fact(const struct line *line, const json_t *event)
{
	put_who(line);
	fprintf(line->to, "%s: %s\n", text_of(event, "name"), text_of(event, "text"));
}

static void say_machine(const struct line *line, const json_t *event)
{
	put_who(line);
	fprintf(line->to, "the volume holds %s\n", text_of(event, "pretty_name"));
}

static void say_could_not_tell(const struct line *line, const json_t *event)
{
	put_who(line);
	put_tinted(line, TINT_WARN, "could not tell");
	fprintf(line->to, " (%s): %s\n", text_of(event, "check"), text_of(event, "message"));
}

static void say_examined(const struct line *line, const json_t *event)
{
	long long findings = (long long)number_of(event, "findings"),
		  repairs = (long long)number_of(event, "repairs");

	put_who(line);
	fprintf(line->to, "%lld finding%s, %lld to be repaired", findings, findings == 1 ? "" : "s",
		repairs);
	if (number_of(event, "blocks"))
		fprintf(line->to, "; %lld bytes of the volume would change",
			(long long)number_of(event, "bytes"));
	fputc('\n', line->to);
}

static void say_booted(const struct line *line, const json_t *event)
{
	bool answers = json_is_true(json_object_get(event, "answers"));

	put_who(line);
	put_tinted(line, answers ? TINT_GOOD : TINT_BAD, answers ? "boots" : "does not boot");
	fprintf(line->to, ": %s (console: %s)\n", text_of(event, "text"),
		text_of(event, "console"));
}

static void say_repaired(const struct line *line, const json_t *event)
{
	put_who(line);
	put_tinted(line, TINT_GOOD, "repaired");
	fprintf(line->to, ": %lld edit%s written", (long long)number_of(event, "edits"),
		number_of(event, "edits") == 1 ? "" : "s");
	if (*text_of(event, "undo"))
		fprintf(line->to, "; to put it back: %s", text_of(event, "undo"));
	fputc('\n', line->to);
}

static void say_console(const struct line *line, const json_t *event)
{
	const char *p = text_of(event, "text");

	put_who(line);
	fputs("the console said last:\n", line->to);
	while (*p) {
		cleanup(str_done) struct str shown = STR_INIT;
		size_t len = strcspn(p, "\n");

		str_add_escaped(&shown, p, len);
		fprintf(line->to, "    | %s\n", shown.s);
		p += len + (p[len] == '\n');
	}
}

static void say_net(const struct line *line, const json_t *event)
{
	const char *p = text_of(event, "drawing");

	while (*p) {
		cleanup(str_done) struct str shown = STR_INIT;
		size_t len = strcspn(p, "\n");

		str_add_escaped(&shown, p, len);
		if (len > 8 && !strncmp(p + 4, "STOP", 4))
			put_tinted(line, TINT_BAD, shown.s);
		else
			fputs(shown.s, line->to);
		fputc('\n', line->to);
		p += len + (p[len] == '\n');
	}
}

static void say_warning(const struct line *line, const json_t *event)
{
	put_who(line);
	put_tinted(line, TINT_WARN, "warning: ");
	fprintf(line->to, "%s\n", text_of(event, "text"));
}

static void say_error(const struct line *line, const json_t *event)
{
	put_tinted(line, TINT_BAD, "ec2-rescue: ");
	put_who(line);
	fprintf(line->to, "%s\n", text_of(event, "text"));
}

static void say_verdict(const struct line *line, const json_t *event)
{
	const char *result = text_of(event, "result");
	bool good = str_eq(result, "rescued") || str_eq(result, "healthy") ||
		    str_eq(result, "repaired") || str_eq(result, "undone") ||
		    str_eq(result, "boots") || str_eq(result, "saved") ||
		    str_eq(result, "restored") || str_eq(result, "pruned") ||
		    str_eq(result, "planned");

	put_who(line);
	put_tinted(line, good ? TINT_GOOD : TINT_BAD, result);
	fprintf(line->to, ": %s\n", text_of(event, "text"));
	if (json_object_get(event, "down_s"))
		fprintf(line->to, "    the instance was down for %lld s\n",
			(long long)number_of(event, "down_s"));
	if (*text_of(event, "snapshot"))
		fprintf(line->to, "    snapshot of the volume before the repair: %s\n",
			text_of(event, "snapshot"));
	if (*text_of(event, "next"))
		fprintf(line->to, "    next: %s\n", text_of(event, "next"));
}

/* How each kind looks, and whether it is a result (stdout) or progress (stderr). Kinds that the
 * board shows are not printed as lines where there is a board. */
static const struct {
	const char *kind;
	void (*say)(const struct line *, const json_t *);
	bool is_result, is_on_board;
} looks[] = {
	{ "run", NULL, false, true },
	{ "fact", say_fact, false, false },
	{ "hazard", say_hazard, false, false },
	{ "plan", say_plan, false, true },
	{ "step", say_step, false, true },
	{ "waiting", say_waiting, false, true },
	{ "machine", say_machine, false, false },
	{ "finding", say_finding, true, false },
	{ "diff", say_diff, true, false },
	{ "could_not_tell", say_could_not_tell, true, false },
	{ "examined", say_examined, false, false },
	{ "booted", say_booted, true, false },
	{ "repaired", say_repaired, true, false },
	{ "console", say_console, false, false },
	{ "warning", say_warning, false, false },
	{ "error", say_error, false, false },
	{ "verdict", say_verdict, true, false },
	{ "net", say_net, true, false },
	{ "audit", NULL, true, false },
};

static void print_json(const char *rescue, json_t *event)
{
	cleanup(str_done) struct str shown = STR_INIT;
	cleanup(free) char *text = NULL;

	json_object_del(event, "drawing"); /* for a person */
	if (!str_eq(text_of(event, "event"), "audit")) {
		if (rescue)
			json_object_set_new(event, "rescue", json_string(rescue));
		json_object_set_new(event, "time", json_integer((json_int_t)time(NULL)));
	} else {
		json_object_del(event, "event");
	}
	text = json_dumps(event, JSON_COMPACT);
	str_add_json_shown(&shown, text);
	puts(shown.s);
	fflush(stdout);
}

static bool has_lines(const json_t *event)
{
	return str_eq(text_of(event, "event"), "diff") ||
	       str_eq(text_of(event, "event"), "console") || str_eq(text_of(event, "event"), "net");
}

static void print_lines(struct report *report, const char *rescue, const json_t *event)
{
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		struct line line = { .report = report, .rescue = rescue };

		if (!str_eq(looks[i].kind, text_of(event, "event")))
			continue;
		line.to = looks[i].is_result ? stdout : stderr;
		line.is_tinted = line.to == stdout ? isatty(STDOUT_FILENO) && wants_colour()
						   : report->has_colour;
		if (report->board && looks[i].is_on_board) {
			board_event(report->board, rescue, event, now_ms());
			return;
		}
		if (!looks[i].say)
			return;
		if (report->board)
			board_hide(report->board);
		looks[i].say(&line, event);
		fflush(line.to);
		if (report->board) {
			board_event(report->board, rescue, event, now_ms());
			board_draw(report->board, now_ms());
		}
		return;
	}
}

static void redact(json_t *string)
{
	cleanup(free) char *text = mem_strdup(json_string_value(string));

	secrets_redact(text);
	if (!str_eq(text, json_string_value(string)))
		json_string_set(string, text);
}

/* For the eye: nothing in it moves a terminal. */
static void escape(json_t *string, bool has_lines)
{
	cleanup(str_done) struct str shown = STR_INIT;
	size_t len = json_string_length(string);

	if (has_lines)
		str_add_escaped_lines(&shown, json_string_value(string), len);
	else
		str_add_escaped(&shown, json_string_value(string), len);
	if (!str_eq(shown.s, json_string_value(string)))
		json_string_set(string, shown.s);
}

/* Every text of an event, whoever made it: what EC2 or a volume says may hold anything. */
static void make_harmless(json_t *value, bool is_json, bool has_lines)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(value)) {
		redact(value);
		if (!is_json)
			escape(value, has_lines);
	}
	json_object_foreach (value, key, member)
		make_harmless(member, is_json, has_lines);
	json_array_foreach (value, i, member)
		make_harmless(member, is_json, has_lines);
}

void report_event(struct report *report, const char *rescue, json_t *event)
{
	make_harmless(event, report->is_json, has_lines(event));
	if (report->is_json)
		print_json(rescue, event);
	else
		print_lines(report, rescue, event);
	json_decref(event);
}

void report_say(struct report *report, const char *rescue, const char *kind,
		const char *pack_format, ...)
{
	json_error_t error;
	json_t *event;
	va_list ap;

	va_start(ap, pack_format);
	event = json_vpack_ex(&error, 0, pack_format, ap);
	va_end(ap);
	if (!event) /* a text that is not UTF-8 */
		event = json_pack("{s:s, s:s}", "text", "something that cannot be shown as text",
				  "code", error.text);
	json_object_set_new(event, "event", json_string(kind));
	report_event(report, rescue, event);
}

void report_err(struct report *report, const char *rescue, const struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;

	str_add_escaped(&text, err->text, strlen(err->text));
	if (report->is_json) /* a person who pipes stdout away still learns why */
		fprintf(stderr, "ec2-rescue: %s%s%s\n", rescue ? rescue : "", rescue ? ": " : "",
			text.s);
	report_say(report, rescue, "error", "{s:s, s:i, s:s}", "code", err_name(err->code),
		   "exit_status", (int)err->code, "text", text.s);
}

void report_tick(struct report *report)
{
	if (report->board)
		board_draw(report->board, now_ms());
}

bool report_can_ask(const struct report *report)
{
	return !report->is_json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Waits for a line, or for a signal even where they are blocked: ^C is an answer, too. */
static bool answer_is_there(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	return ppoll(&in, 1, NULL, &mask) == 1;
}

bool report_ask(struct report *report, const char *question)
{
	char answer[16];

	if (!report_can_ask(report))
		return false;
	if (report->board)
		board_hide(report->board);
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (!answer_is_there() || !fgets(answer, sizeof(answer), stdin))
		return false;
	return str_eq(answer, "y\n") || str_eq(answer, "yes\n") || str_eq(answer, "Y\n");
}
