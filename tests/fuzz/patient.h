/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FUZZ_PATIENT_H
#define TESTS_FUZZ_PATIENT_H

/* A whole sick system as one input, and the law of checks over it.
 *
 * A case folder of tests/checks as one text: before each file a line "=== /PATH" (the newline in front of
 * it belongs to the line), before facts.json and attrs a line "=== facts.json" or "=== attrs"; links are
 * rows of attrs. */

#include "checks/check.h"

struct patient {
	struct tree *tree;
	struct disks disks;
	struct cloud_facts cloud;
	bool has_disks, has_cloud;
	char *console;
};
void patient_read(const uint8_t *data, size_t size, struct patient *ret);
void patient_done(struct patient *);
DEFINE_CLEANUP_DONE(struct patient, patient_done)

/* Every check whose name begins with one of the prefixes ("" is all; NULL ends them): findings are in form
 * and come whole through JSON; repairs apply; repaired, nothing that can be repaired is left; undone, every
 * byte is as before. */
void patient_law(const struct patient *, const char *const *prefixes);

#endif
