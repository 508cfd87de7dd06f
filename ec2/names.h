/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_NAMES_H
#define EC2_NAMES_H

/* EC2's words for the enumerations of ec2/types.h, both ways. The position in `words` is the enum
 * value: [0] (_ABSENT) is NULL, and the value behind the last word is _OTHER. */

#include <stddef.h>

struct enum_names {
	const char *const *words;
	unsigned count;
};
extern const struct enum_names instance_state_names, volume_status_names, attachment_status_names,
	snapshot_status_names, summary_status_names;

unsigned enum_value(const struct enum_names *names, const char *word);
const char *enum_word(const struct enum_names *names, unsigned value); /* "?" when it has none */

#endif
