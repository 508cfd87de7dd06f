/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a serial console. */
#include "checks/console_rules.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(free) char *raw = mem_strndup((const char *)data, size);
	cleanup(str_done) struct str boot = STR_INIT, again = STR_INIT;

	console_last_boot(raw, &boot);
	if (strchr(boot.s, '\033') || strchr(boot.s, '\r'))
		fuzz_broken("an escape sequence or a carriage return is left");
	if (boot.len > strlen(raw))
		fuzz_broken("the last boot is longer than the whole");
	for (size_t i = 0; i < console_rule_count; i++) {
		size_t len = 0;
		const char *line = console_match(&console_rules[i], boot.s, &len);

		if (line &&
		    (line < boot.s || line + len > boot.s + boot.len || memchr(line, '\n', len)))
			fuzz_broken("a match that is no line of the text");
	}
	console_last_boot(boot.s, &again);
	return 0;
}
