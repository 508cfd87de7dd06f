/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fuzz target as an ordinary program: runs every file that is named, and every file of every directory,
 * once. With the fuzzer's own library linked in its place, the same target makes up inputs of its own. */
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <stdio.h>

#define INPUT_MAX    (16u << 20)
#define SECONDS_EACH 30 /* under sanitizers, on a machine with other work */

static unsigned count;

static int run_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	cleanup(str_done) struct str input = STR_INIT;
	cleanup(free) void *exact = NULL;
	struct err err;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	if (file_read(path, INPUT_MAX, &input, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	fprintf(stderr, "%s\n", path); /* the last one named is the one that broke it */
	exact = mem_dup(input.s,
			input.len); /* no byte behind the end, so that reading there is seen */
	alarm(SECONDS_EACH);
	LLVMFuzzerTestOneInput(exact, input.len);
	alarm(0);
	count++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (nftw(argv[i], run_one, 16, FTW_PHYS))
			return 2;
	printf("%u inputs\n", count);
	return count ? 0 : 2;
}
