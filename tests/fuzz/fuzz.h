/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/* A fuzz target is one file fuzz-NAME.c with this function; tests/fuzz/README says how they are run.
 * It must come back from any bytes, hold on to nothing between two calls, and call fuzz_broken() when a
 * law does not hold. */

#include "base/str.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what does not hold and dies, for the fuzzer to keep the input. */
void fuzz_broken(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Breaks when the text holds what a terminal would obey. `newlines`: they are allowed. */
void fuzz_printable(const char *what, const char *text, bool newlines);

/* Hands out an input piece by piece; at its end there are only zeros and empty texts. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};
uint8_t fuzz_byte(struct fuzz_input *);
uint32_t fuzz_u32(struct fuzz_input *);
/* Bytes up to the next NUL, as a string; the caller frees. */
char *fuzz_text(struct fuzz_input *);

/* A directory of this process in memory, where there is such a file system, made once. */
const char *fuzz_dir(void);
/* A file of it with these contents. */
void fuzz_file(const char *name, const void *data, size_t size);

#endif
