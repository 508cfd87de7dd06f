/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstab: parser and line editor, then its checks on the machine. */
#include "fs/fstab.h"
#include "fs/spec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

/* The line as the editor left it has this field, and the others as they were. */
static void expect_field(const struct fstab_entry *old, const struct str *line,
			 enum fstab_field field, const char *want)
{
	cleanup(fstab_done) struct fstab fstab = { 0 };

	fstab_parse(line, &fstab);
	if (fstab.count != 1)
		fuzz_broken("an edited line is %zu entries: %s", fstab.count, line->s);
	for (int i = 0; i < FSTAB_OPTS; i++)
		if (!str_eq(fstab.items[0].field[i], i == (int)field ? want : old->field[i]))
			fuzz_broken("field %d of an edited line is \"%s\"", i,
				    fstab.items[0].field[i]);
	if (field == FSTAB_OPTS && !str_eq(fstab.items[0].field[FSTAB_OPTS], want))
		fuzz_broken("the options of an edited line are \"%s\"", fstab.items[0].field[3]);
}

static bool is_nofail(const struct fstab_option *option, void *arg)
{
	(void)arg;
	return fstab_option_is(option, "nofail");
}

static void edit_line(const struct fstab_entry *entry)
{
	static const char *const texts[] = { "/a b\\c", "UUID=1-2", "nofail,x=1" };
	cleanup(str_done) struct str line = STR_INIT, dropped = STR_INIT, comment = STR_INIT;
	cleanup(fstab_done) struct fstab none = { 0 };
	cleanup(fstab_done) struct fstab without = { 0 }, with = { 0 };

	/* Shorter lines get what is missing; bytes that no reader sees through are left alone. */
	if (entry->rejected || !entry->span[FSTAB_OPTS].len ||
	    memchr(entry->raw, '\0', entry->raw_len))
		return;
	for (int field = 0; field <= FSTAB_FILE; field++) {
		str_clear(&line);
		fstab_line_set(entry, (enum fstab_field)field, texts[field], &line);
		expect_field(entry, &line, (enum fstab_field)field, texts[field]);
	}
	str_clear(&line);
	fstab_line_add_options(entry, "nofail,a=b", &line);
	fstab_parse(&line, &with);
	if (with.count != 1 ||
	    !fstab_option_find(with.items[0].field[FSTAB_OPTS], "nofail", NULL) ||
	    !fstab_option_find(with.items[0].field[FSTAB_OPTS], "a", NULL))
		fuzz_broken("options that were added are not there: %s", line.s);
	fstab_line_drop_options(entry, is_nofail, NULL, &dropped);
	fstab_parse(&dropped, &without);
	if (without.count != 1 ||
	    fstab_option_find(without.items[0].field[FSTAB_OPTS], "nofail", NULL))
		fuzz_broken("an option that was left out is still there: %s", dropped.s);
	fstab_line_comment_out(entry, "a reason", &comment);
	fstab_parse(&comment, &none);
	if (none.count)
		fuzz_broken("a line that was commented out still counts: %s", comment.s);
}

static void parse(const struct str *text)
{
	cleanup(fstab_done) struct fstab fstab = { 0 };
	const char *at = text->s;

	fstab_parse(text, &fstab);
	vec_foreach (entry, &fstab) {
		struct spec spec;

		if (entry->raw < at || entry->raw + entry->raw_len > text->s + text->len)
			fuzz_broken("line %u is not where it says", entry->line);
		at = entry->raw + entry->raw_len;
		for (int i = 0; i < FSTAB_FIELDS; i++)
			if (entry->span[i].at + entry->span[i].len > entry->raw_len)
				fuzz_broken("field %d of line %u reaches past it", i, entry->line);
		spec_parse(entry->field[FSTAB_SPEC], &spec);
		spec_done(&spec);
		edit_line(entry);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "fstab-", NULL };
	cleanup(patient_done) struct patient patient;
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;

	patient_read(data, size, &patient);
	if (!tree_read(patient.tree, "/etc/fstab", TREE_FILE_MAX, &text, &ignored))
		parse(&text);
	patient_law(&patient, checks_meant);
	return 0;
}
