/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/libcurl.h"
#include "base/mem.h"

struct libcurl curl;

int libcurl_load(struct err *err)
{
#define NAME(name) "curl_" #name,
	static const char *const names[] = { LIBCURL_FUNCTIONS(NAME) };
	static struct library library = { .soname = "libcurl.so.4",
					  .package = "libcurl4 (or libcurl)",
					  .names = names,
					  .count = ARRAY_LEN(names),
					  .functions = &curl };

	return library_load(&library, err);
}
