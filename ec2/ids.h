/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_IDS_H
#define EC2_IDS_H

/* Resource ids as distinct types: a swapped volume and instance is a compile error. Made only by
 * the parsers (prefix and 8 or 17 lower-case hexadecimal digits). An all-zero id means "none". */

#include "base/err.h"

#include <stdbool.h>
#include <string.h>

#define ID_SIZE 32
struct instance_id {
	char s[ID_SIZE];
};
struct volume_id {
	char s[ID_SIZE];
};
struct snapshot_id {
	char s[ID_SIZE];
};
struct image_id {
	char s[ID_SIZE];
};

/* ERR_USAGE with one sentence that quotes `text` (escaped) and shows the right form. */
int instance_id_parse(const char *text, struct instance_id *ret, struct err *err)
	__attribute__((warn_unused_result));
int volume_id_parse(const char *text, struct volume_id *ret, struct err *err)
	__attribute__((warn_unused_result));
int snapshot_id_parse(const char *text, struct snapshot_id *ret, struct err *err)
	__attribute__((warn_unused_result));
int image_id_parse(const char *text, struct image_id *ret, struct err *err)
	__attribute__((warn_unused_result));

/* The parsers' common core, for the field tables: a form says which kind of id a field holds. */
struct id_form {
	const char *prefix, *noun;
};
extern const struct id_form instance_id_form, volume_id_form, snapshot_id_form, image_id_form;
int id_parse(const struct id_form *form, const char *text, char ret[ID_SIZE], struct err *err)
	__attribute__((warn_unused_result));

#define id_eq(a, b) (!strcmp((a)->s, (b)->s))
#define id_none(a)  (!(a)->s[0])

#endif
