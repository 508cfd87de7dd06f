/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal of a run: read, replayed, opened after a crash, appended to. */
#include "rescue/journal.h"
#include "rescue/record.h"
#include "tests/fuzz/fuzz.h"

/* A record that could be replayed is written again as itself. */
static void again(const struct record *record)
{
	json_t *records = json_array();
	struct record back;
	struct err err;

	json_array_append_new(records, record_to_json(record));
	if (!json_array_size(records))
		fuzz_broken("a record that cannot be written");
	if (record_replay(records, &back, &err) < 0)
		fuzz_broken("a record does not replay what it wrote: %s", err.text);
	if (!str_eq(back.run, record->run) || !str_eq(back.home_device, record->home_device) ||
	    !str_eq(back.volume.s, record->volume.s) ||
	    !str_eq(back.instance.s, record->instance.s) ||
	    back.delete_on_termination != record->delete_on_termination ||
	    back.was_running != record->was_running || back.kind != record->kind)
		fuzz_broken("a record came back as another one");
	json_decref(records);
}

/* Whatever a crash left behind its last whole line is cut off, and the next record stands alone. */
static void append(size_t count)
{
	struct journal *journal;
	json_t *records;
	struct err err;

	if (journal_open(fuzz_dir(), &journal, &records, &err) < 0)
		fuzz_broken("a journal that can be read does not open: %s", err.text);
	json_decref(records);
	if (journal_add(journal, json_pack("{s:s}", "event", "note"), &err) < 0)
		fuzz_broken("a record was not added: %s", err.text);
	journal_close(journal);
	if (journal_read(fuzz_dir(), &records, &err) < 0 || json_array_size(records) != count + 1)
		fuzz_broken("one record more is not one record more");
	json_decref(records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *records;
	struct record record;
	struct err err = ERR_INIT;

	fuzz_file("journal", data, size);
	if (journal_read(fuzz_dir(), &records, &err) < 0) {
		fuzz_printable("an error", err.text, false);
		return 0;
	}
	if (record_replay(records, &record, &err) < 0) {
		fuzz_printable("an error", err.text, false);
	} else {
		(void)record_is_finished(&record);
		again(&record);
	}
	append(json_array_size(records));
	json_decref(records);
	return 0;
}
