/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The claim tag, which anybody may write. */
#include "rescue/claim.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(free) char *value = mem_strndup((const char *)data, size);
	char written[CLAIM_VALUE_MAX + 1], again[CLAIM_VALUE_MAX + 1];
	struct claim claim = { 0 }, back = { 0 };
	struct record record = { 0 };
	struct err err = ERR_INIT;

	if (claim_parse(value, &claim, &err) < 0) {
		fuzz_printable("an error", err.text, false);
		return 0;
	}
	record_of_claim(&claim, &record);
	claim_write(&claim, written);
	if (claim_parse(written, &back, &err) < 0)
		fuzz_broken("a claim that was read and written is none: %s: %s", written, err.text);
	claim_write(&back, again);
	if (!str_eq(written, again))
		fuzz_broken("a claim is another one: %s and %s", written, again);
	return 0;
}
