/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "fs/lines.h"
#include "fs/shellvars.h"

#include <ctype.h>

/* Words of a line, as they stand. */
struct words {
	struct fstab_span items[64];
	size_t count;
};

static void split(const struct str *line, struct words *ret)
{
	ret->count = 0;
	for (size_t at = 0; at < line->len && ret->count < ARRAY_LEN(ret->items);) {
		size_t len;

		at += strspn(line->s + at, " \t\r\n");
		len = strcspn(line->s + at, " \t\r\n");
		if (len)
			ret->items[ret->count++] =
				(struct fstab_span){ (uint32_t)at, (uint32_t)len };
		at += len;
	}
}

static bool is_number(const struct str *line, const struct fstab_span *word)
{
	return strspn(line->s + word->at, "0123456789") >= word->len;
}

/* "defaults, noatime 0 2", "defaults noatime 0 2": the words up to the first number or comment are
 * one list of options. Gives the number of words that belong to it. */
static size_t option_words(const struct str *line, const struct words *words)
{
	size_t n = FSTAB_OPTS;

	while (n < words->count && line->s[words->items[n].at] != '#' &&
	       !is_number(line, &words->items[n]))
		n++;
	return n - FSTAB_OPTS;
}

static void join_options(const struct str *line, const struct words *words, size_t count,
			 struct str *into)
{
	const struct fstab_span *first = &words->items[FSTAB_OPTS];
	const struct fstab_span *last = first + count - 1;

	str_add_bytes(into, line->s, first->at);
	for (const struct fstab_span *word = first; word <= last; word++) {
		const char *text = line->s + word->at;

		if (word > first && into->s[into->len - 1] != ',' && *text != ',')
			str_add_char(into, ',');
		str_add_bytes(into, text, word->len);
	}
	str_add(into, line->s + last->at + last->len);
}

/* The numbers in the fifth and sixth field: put in what a comment took the place of, or 0. */
static void mend_numbers(const struct str *line, const struct words *words, struct str *into)
{
	size_t bad = FSTAB_FREQ;

	while (bad < words->count && bad <= FSTAB_PASSNO && is_number(line, &words->items[bad]))
		bad++;
	if (bad >= words->count || bad > FSTAB_PASSNO) {
		str_add(into, line->s);
		return;
	}
	str_add_bytes(into, line->s, words->items[bad].at);
	if (line->s[words->items[bad].at] == '#') {
		str_add(into, bad == FSTAB_FREQ ? "0 0 " : "0 ");
		str_add(into, line->s + words->items[bad].at);
	} else {
		str_add(into, "0");
		str_add(into, line->s + words->items[bad].at + words->items[bad].len);
	}
}

static bool is_accepted(const struct str *line)
{
	cleanup(fstab_done) struct fstab fstab;

	fstab_parse(line, &fstab);
	return fstab.count == 1 && !fstab.items[0].rejected;
}

/* The line as it was meant, when that can be told. `type` is of the file system when it is known.
 */
static bool mend(const struct fstab_entry *entry, const char *type, struct str *into)
{
	cleanup(str_done) struct str line = STR_INIT, joined = STR_INIT;
	struct words words;
	size_t options;

	for (size_t i = 0; i < entry->raw_len; i++)
		if (entry->raw[i])
			str_add_char(&line, entry->raw[i]);
	split(&line, &words);
	if (words.count < 2 || (words.count == 2 && !type))
		return false;
	if (words.count == 2) {
		fstab_line_set(entry, FSTAB_TYPE, type, into);
		return is_accepted(into);
	}
	options = words.count > FSTAB_OPTS ? option_words(&line, &words) : 0;
	if (options > 1)
		join_options(&line, &words, options, &joined);
	else
		str_add(&joined, line.s);
	split(&joined, &words);
	mend_numbers(&joined, &words, into);
	return is_accepted(into);
}

static bool replace_root_line(const struct fstab_view *view, const struct fstab_entry *entry,
			      struct str *into)
{
	fstab_line_comment_out(entry, "replaced, because mount(8) could not read it", into);
	if (into->s[into->len - 1] != '\n')
		str_add_char(into, '\n');
	return view->root && fstab_add_line(view, view->root, "/", "defaults", into);
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(str_done) struct str line = STR_INIT;
	enum fstab_pull pull = fstab_pull(entry);
	struct fstab_device device;
	struct finding *finding;
	bool is_fatal, can_repair = true, is_mended;

	fstab_device(view, entry, &device);
	is_fatal = pull == PULL_ROOT || (pull == PULL_LOCAL && device.presence == DEVICE_MISSING);
	is_mended = device.presence != DEVICE_MISSING &&
		    mend(entry, device.presence == DEVICE_PRESENT ? device.fs->type : NULL, &line);
	if (!is_mended) {
		str_clear(&line);
		if (pull != PULL_ROOT)
			fstab_line_comment_out(entry, "mount(8) cannot read this line", &line);
		else
			can_repair = replace_root_line(view, entry, &line);
	}
	fstab_device_done(&device);
	finding = finding_add(
		findings, is_fatal ? fstab_severity(entry) : SEVERITY_NOTE,
		!can_repair ? REPAIR_NONE
		: is_fatal  ? REPAIR_SURE
			    : REPAIR_OFFERED,
		"2", FSTAB_PATH, entry->line, "mount(8) ignores the line %s because %s%s%s",
		machine_quote(view->machine, entry->raw,
			      entry->raw_len -
				      (entry->raw_len && entry->raw[entry->raw_len - 1] == '\n')),
		entry->rejected, is_fatal ? ": " : "", is_fatal ? fstab_consequence(entry) : "");
	if (can_repair)
		fstab_edit_line(view, finding, entry, &line);
}

/* Windows line ends. libmount and systemd take them off, so a note; other readers stumble. */
static void judge_crlf(const struct fstab_view *view, struct findings *findings)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct finding *finding;

	if (!view->fstab.crlf_count)
		return;
	lines_drop_crs(view->text, &text);
	finding = finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "2", FSTAB_PATH, 0,
			      "%zu lines end in CR LF, as written on Windows: the last field of a "
			      "short line then ends in a carriage return for some programs",
			      view->fstab.crlf_count);
	edit_replace(&finding->edits, FSTAB_PATH, view->text, &text);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	/* What cannot be read is fstab-empty's to report. */
	(void)err;
	if (fstab_view_open(machine, &view, &ignored) < 0)
		return 0;
	vec_foreach (entry, &view.fstab)
		if (entry->rejected)
			judge(&view, entry, findings);
	judge_crlf(&view, findings);
	return 0;
}

const struct check check_fstab_malformed = {
	.name = "fstab-malformed",
	.title = "fstab has a line that mount(8) cannot read",
	.explain =
		"A line needs three fields at least, and the fifth and sixth have to be numbers; a "
		"blank behind a comma in the options is the usual slip. mount(8) ignores such a "
		"line "
		"while systemd still makes a mount of it. For the root that means it stays "
		"read-only; for a device that is missing it means emergency mode; otherwise it is "
		"a "
		"note. The repair mends the line where it is plain what was meant (joins the "
		"options, puts in the number) and else comments it out.",
	.source = "fstab(5); libmount, tab_parse.c; findmnt --verify: \"parse error at line\"; "
		  "getmntent(3), which systemd-fstab-generator uses",
	.rows = "2",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
