/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/board.h"

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>

enum step_look { LOOK_AHEAD, LOOK_NOW, LOOK_DONE, LOOK_HOME, LOOK_SKIPPED, LOOK_FAILED };

struct board_step {
	char *name, *text;
	bool is_return;
	enum step_look look;
	int64_t begun_ms, took_ms;
};

struct board_rescue {
	char *id, *waiting, *verdict;
	int64_t deadline_s, waiting_since_ms;
	VEC(struct board_step) steps;
};

struct board {
	FILE *to;
	bool has_colour, is_utf8;
	int lines; /* now on the screen */
	VEC(struct board_rescue) rescues;
};

struct board *board_open(FILE *to, bool has_colour)
{
	struct board *board = mem_alloc(sizeof(*board));

	setlocale(LC_CTYPE, "");
	board->to = to;
	board->has_colour = has_colour;
	board->is_utf8 = str_eq(nl_langinfo(CODESET), "UTF-8");
	return board;
}

static void steps_done(struct board_rescue *rescue)
{
	vec_foreach (step, &rescue->steps) {
		free(step->name);
		free(step->text);
	}
	vec_done(&rescue->steps);
}

void board_close(struct board *board, int64_t now_ms)
{
	board_draw(board, now_ms);
	vec_foreach (rescue, &board->rescues) {
		steps_done(rescue);
		free(rescue->id);
		free(rescue->waiting);
		free(rescue->verdict);
	}
	vec_done(&board->rescues);
	free(board);
}

static const char *text_of(const json_t *event, const char *key)
{
	const char *s = json_string_value(json_object_get(event, key));

	return s ? s : "";
}

static void replace(char **field, const char *text)
{
	free(*field);
	*field = *text ? mem_strdup(text) : NULL;
}

static struct board_rescue *rescue_of(struct board *board, const char *id)
{
	struct board_rescue *rescue;

	vec_foreach (known, &board->rescues)
		if (str_eq(known->id, id))
			return known;
	rescue = vec_add(&board->rescues);
	rescue->id = mem_strdup(id);
	return rescue;
}

/* The plan names a step once for the way out and, where something is borrowed, once more for the
 * way home: the second row of a name is its return. NULL: no such row. */
static struct board_step *find_step(struct board_rescue *rescue, const char *name, bool is_return)
{
	vec_foreach (step, &rescue->steps)
		if (step->is_return == is_return && str_eq(step->name, name))
			return step;
	return NULL;
}

static struct board_step *add_step(struct board_rescue *rescue, const char *name)
{
	bool is_return = find_step(rescue, name, false) != NULL;
	struct board_step *step = vec_add(&rescue->steps);

	step->name = mem_strdup(name);
	step->is_return = is_return;
	return step;
}

static void take_plan(struct board_rescue *rescue, const json_t *event)
{
	const json_t *steps = json_object_get(event, "steps");

	steps_done(rescue);
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *row = json_array_get(steps, i);

		replace(&add_step(rescue, text_of(row, "name"))->text, text_of(row, "text"));
	}
}

static void take_step(struct board_rescue *rescue, const json_t *event, int64_t now_ms)
{
	static const struct {
		const char *state;
		enum step_look look;
		bool starts, is_return;
	} states[] = {
		{ "begun", LOOK_NOW, true, false },	   { "done", LOOK_DONE, false, false },
		{ "returning", LOOK_NOW, true, true },	   { "returned", LOOK_HOME, false, true },
		{ "skipped", LOOK_SKIPPED, false, false }, { "failed", LOOK_FAILED, false, false },
	};
	const char *name = text_of(event, "name");

	replace(&rescue->waiting, "");
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct board_step *step;

		if (!str_eq(states[i].state, text_of(event, "state")))
			continue;
		step = find_step(rescue, name, states[i].is_return);
		if (!step && states[i].is_return)
			return; /* something of this machine alone, such as closing the volume */
		step = step ? step : add_step(rescue, name);
		if (states[i].starts)
			step->begun_ms = now_ms;
		else if (step->look == LOOK_NOW)
			step->took_ms = now_ms - step->begun_ms;
		step->look = states[i].look;
		replace(&step->text, text_of(event, "text"));
	}
}

void board_event(struct board *board, const char *id, const json_t *event, int64_t now_ms)
{
	const char *kind = text_of(event, "event");
	struct board_rescue *rescue;

	rescue = rescue_of(board, id ? id : ""); /* "": a local target, which has no steps */
	if (str_eq(kind, "plan")) {
		take_plan(rescue, event);
	} else if (str_eq(kind, "step")) {
		take_step(rescue, event, now_ms);
	} else if (str_eq(kind, "waiting")) {
		replace(&rescue->waiting, text_of(event, "text"));
		rescue->deadline_s = json_integer_value(json_object_get(event, "deadline_s"));
		rescue->waiting_since_ms = now_ms;
	} else if (str_eq(kind, "net")) {
		replace(&rescue->waiting, "");
	} else if (str_eq(kind, "verdict")) {
		if (id)
			replace(&rescue->verdict, text_of(event, "result"));
		replace(&rescue->waiting, "");
	}
	if (str_eq(kind, "plan") || str_eq(kind, "step") || str_eq(kind, "waiting"))
		board_draw(board, now_ms);
}

void board_hide(struct board *board)
{
	if (board->lines)
		fprintf(board->to, "\033[%dA\r\033[J", board->lines);
	board->lines = 0;
	fflush(board->to);
}

static void add_seconds(struct str *line, int64_t ms)
{
	if (ms < 60000)
		str_addf(line, "%lld.%lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	else
		str_addf(line, "%lld:%02lld", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
}

/* Cuts to the width of the terminal, counting characters, so that a line stays one line. */
static void put_line(struct board *board, const char *tint, const struct str *line, unsigned width)
{
	size_t end = 0;

	for (unsigned shown = 0; line->s[end] && shown + 1 < width; shown++)
		do
			end++;
		while (((unsigned char)line->s[end] & 0xc0) == 0x80);
	if (board->has_colour)
		fputs(tint, board->to);
	fprintf(board->to, "%.*s%s\n", (int)end, line->s, board->has_colour ? "\033[0m" : "");
	board->lines++;
}

static const char *mark_of(const struct board *board, enum step_look look)
{
	static const char *const fancy[] = { "·", "▸", "✓", "↩", "–", "✗" };
	static const char *const plain[] = { ".", ">", "+", "<", "-", "x" };

	return (board->is_utf8 ? fancy : plain)[look];
}

static const char *tint_of(enum step_look look)
{
	static const char *const tints[] = { "\033[2m",	 "\033[1m", "\033[32m",
					     "\033[32m", "\033[2m", "\033[31m" };

	return tints[look];
}

static void add_waiting(struct str *line, const struct board_rescue *rescue, int64_t now_ms)
{
	if (!rescue->waiting)
		return;
	str_addf(line, "  %s  ", rescue->waiting);
	add_seconds(line, now_ms - rescue->waiting_since_ms);
	if (rescue->deadline_s)
		str_addf(line, " of at most %lld s", (long long)rescue->deadline_s);
}

/* All steps, one a line. */
static void draw_tall(struct board *board, const struct board_rescue *rescue, unsigned width,
		      int64_t now_ms)
{
	cleanup(str_done) struct str head = STR_INIT;

	str_addf(&head, "%s", rescue->id);
	if (rescue->verdict)
		str_addf(&head, "  %s", rescue->verdict);
	if (head.len)
		put_line(board, "\033[1m", &head, width);
	vec_foreach (step, &rescue->steps) {
		cleanup(str_done) struct str line = STR_INIT;

		str_addf(&line, "  %s %s%-*s ", mark_of(board, step->look),
			 step->is_return ? "return " : "", step->is_return ? 22 : 29, step->name);
		if (step->look == LOOK_NOW)
			add_seconds(&line, now_ms - step->begun_ms);
		else if (step->look != LOOK_AHEAD && step->took_ms)
			add_seconds(&line, step->took_ms);
		if (step->look == LOOK_NOW && rescue->waiting)
			add_waiting(&line, rescue, now_ms);
		else if (step->text)
			str_addf(&line, "  %s", step->text);
		put_line(board, tint_of(step->look), &line, width);
	}
	if (!rescue->steps.count && rescue->waiting) {
		cleanup(str_done) struct str line = STR_INIT;

		add_waiting(&line, rescue, now_ms);
		put_line(board, "", &line, width);
	}
}

/* One line a rescue, for fleets and low terminals. */
static void draw_flat(struct board *board, const struct board_rescue *rescue, unsigned width,
		      int64_t now_ms)
{
	cleanup(str_done) struct str line = STR_INIT;
	const struct board_step *now = NULL;

	str_addf(&line, "%-20s ", rescue->id);
	vec_foreach (step, &rescue->steps) {
		str_add(&line, mark_of(board, step->look));
		if (step->look == LOOK_NOW)
			now = step;
	}
	if (rescue->verdict)
		str_addf(&line, "  %s", rescue->verdict);
	else if (now) {
		str_addf(&line, "  %s ", now->name);
		add_seconds(&line, now_ms - now->begun_ms);
		add_waiting(&line, rescue, now_ms);
	}
	put_line(board, now ? "\033[1m" : "", &line, width);
}

void board_draw(struct board *board, int64_t now_ms)
{
	struct winsize size = { 0 };
	unsigned width, height;
	size_t tall = 0;

	ioctl(fileno(board->to), TIOCGWINSZ, &size);
	width = size.ws_col ? size.ws_col : 80;
	height = size.ws_row ? size.ws_row : 24;
	board_hide(board);
	vec_foreach (rescue, &board->rescues)
		tall += rescue->steps.count + 1;
	for (size_t i = 0; i < board->rescues.count; i++) {
		const struct board_rescue *rescue = &board->rescues.items[i];
		cleanup(str_done) struct str rest = STR_INIT;

		if (tall + 1 < height) {
			draw_tall(board, rescue, width, now_ms);
		} else if (i + 2 < height || board->rescues.count < height) {
			draw_flat(board, rescue, width, now_ms);
		} else {
			str_addf(&rest, "… and %zu more", board->rescues.count - i);
			put_line(board, "", &rest, width);
			break;
		}
	}
	fflush(board->to);
}
