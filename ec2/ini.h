/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_INI_H
#define EC2_INI_H

/* The files of the AWS command line: ~/.aws/config and ~/.aws/credentials. As tolerant as their
 * other readers: any line that is no section, no key and no continuation is passed over, a section
 * that comes twice is one, a key that comes twice is its last. Keys are lower-cased. A value that
 * goes on in indented lines is joined with newlines. */

#include "base/err.h"
#include "base/mem.h"

struct ini_pair {
	char *key, *value;
};
struct ini_section {
	char *name; /* as written between the brackets, trimmed */
	VEC(struct ini_pair) pairs;
};
struct ini {
	VEC(struct ini_section) sections;
};

void ini_parse(const char *text, size_t len, struct ini *ret); /* into a zeroed struct */
void ini_done(struct ini *ini);				       /* wipes */

const struct ini_section *ini_section(const struct ini *ini, const char *name);
const char *ini_value(const struct ini_section *section, const char *key);
/* The key of a nested value ("ec2 =" followed by indented "endpoint_url = ..."); NULL when there is
 * none. Caller frees. */
char *ini_nested(const char *value, const char *key);

#endif
