/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All checks together, as in a rescue: their repairs meet in the same files. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "", NULL };
	cleanup(patient_done) struct patient patient;

	patient_read(data, size, &patient);
	patient_law(&patient, checks_meant);
	return 0;
}
