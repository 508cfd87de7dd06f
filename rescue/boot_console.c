/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "rescue/console.h"
#include "rescue/rehearser.h"

#include <stdio.h>

#define CONSOLE_MAX (16u << 20) /* kept in the file */
#define READ_MAX    (1u << 20)	/* of which the last part is read */

static const char *last_line(const struct rehearsal_of_boot *r)
{
	const char *at = r->console.s + r->console.len;

	while (at > r->console.s && at[-1] != '\n')
		at--;
	return at;
}

/* "host login: " without a line end: the prompt of agetty, which waits. */
static bool is_at_login(const struct rehearsal_of_boot *r)
{
	const char *line = last_line(r), *at = strstr(line, "login: ");

	return at && strspn(at + 7, " \033[]0123456789;?hlmnR") == strlen(at + 7);
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned count = 0;

	while ((text = strstr(text, what))) {
		count++;
		text++;
	}
	return count;
}

void boot_console_judge(struct rehearsal_of_boot *r)
{
	cleanup(str_done) struct str text = STR_INIT;
	int64_t now = loop_now_ms(r->loop);
	bool has_stopped = false;

	if (!r->has_news)
		return;
	r->has_news = false;
	if (!r->kernel_ms && strstr(r->console.s, "Linux version "))
		r->kernel_ms = now;
	if (!r->login_ms && is_at_login(r))
		r->login_ms = now;
	r->boots = count_of(r->console.s, "] Linux version ");
	console_last_boot(r->console.s, &text);
	for (size_t i = 0; i < console_rule_count; i++) {
		const struct console_rule *rule = &console_rules[i];
		const char *line;
		size_t len;

		if (rule->kind == CONSOLE_NOTE || !(line = console_match(rule, text.s, &len)))
			continue;
		r->result.lacks_root |= console_rule_names(rule, "boot-root");
		if (rule->kind == CONSOLE_STOPS && !has_stopped) {
			cleanup(str_done) struct str quoted = STR_INIT;

			has_stopped = true;
			console_quote(line, len, &quoted);
			snprintf(r->stop_line, sizeof(r->stop_line), "%s: \"%s\"", rule->cause,
				 quoted.s);
		}
	}
	if (has_stopped && !r->stop_ms)
		r->stop_ms = now;
	if (!has_stopped) /* it came from an earlier start */
		r->stop_ms = 0;
}

/* A guest may write without end. */
void boot_console_keep(struct rehearsal_of_boot *r, const char *data, size_t len)
{
	size_t room = r->kept < CONSOLE_MAX ? (size_t)(CONSOLE_MAX - r->kept) : 0;

	if (len < room)
		room = len;
	if (room && fd_write_all(r->file, data, room) < 0)
		room = 0;
	r->kept += room;
	for (size_t i = 0; i < len; i++) /* it is searched as a C string */
		str_add_char(&r->console, data[i] ? data[i] : ' ');
	if (r->console.len > READ_MAX) {
		size_t cut = r->console.len - READ_MAX / 2;

		memmove(r->console.s, r->console.s + cut, r->console.len - cut + 1);
		r->console.len -= cut;
	}
	r->has_news = true;
}
