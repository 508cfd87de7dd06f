/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sshd_config with everything that it includes and names: parser, model of who gets in, and its checks. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "sshd-", NULL };
	cleanup(patient_done) struct patient patient;

	patient_read(data, size, &patient);
	patient_law(&patient, checks_meant);
	return 0;
}
