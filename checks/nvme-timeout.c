/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"

#include <stdlib.h>

/* The kernel's own value is 30 s. Less than that fails I/O that EBS would still have done; Amazon's
 * images have the largest value, and one that is not set is no fault. */
#define KERNELS_OWN_S 30u

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const words[] = { "nvme_core.io_timeout=", "nvme.io_timeout=" };
	const struct boot_entry *entry = boot_default(boot_model(machine));

	(void)err;
	for (size_t i = 0; entry && i < ARRAY_LEN(words); i++) {
		cleanup(free) char *word = boot_word(entry, words[i]);
		cleanup(free) char *new = mem_printf("%s4294967295", words[i]);
		char *end = NULL;
		unsigned long value = word ? strtoul(word + strlen(words[i]), &end, 0) : 0;

		if (!word || *end || end == word + strlen(words[i]) || value >= KERNELS_OWN_S)
			continue;
		boot_find_word(machine, entry, out, SEVERITY_NOTE, REPAIR_OFFERED, "59", word, new,
			       "makes a short pause of EBS an I/O error; file systems become "
			       "read-only by it");
	}
	return 0;
}

const struct check check_nvme_timeout = {
	.name = "nvme-timeout",
	.title = "I/O on EBS is given up too early",
	.explain =
		"nvme_core.io_timeout on the kernel's command line is less than the kernel's own "
		"30 "
		"seconds. A volume that pauses for longer gives I/O errors, and the root becomes "
		"read-only. Amazon recommends the largest value that there is; --fix nvme-timeout "
		"puts it in. Not setting it at all is common and no fault.",
	.source = "Amazon EBS and NVMe, \"NVMe I/O operation timeout\"; drivers/nvme/host/core.c",
	.rows = "59",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
