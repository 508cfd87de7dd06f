/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot chain and what programs need to be loaded: menus, grubenv, kernels, initramfs, ELF. */
#include "checks/boot.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

/* The words of a menu's line, joined, are the same words again where nothing was quoted. */
static void split(const char *line, size_t len)
{
	struct boot_words words = { 0 }, again = { 0 };
	char *text;

	boot_words_split(line, len, &words);
	text = boot_words_join(&words, 0);
	if (!strpbrk(text, "\"'\\#;{}&|") && !memchr(line, '\\', len) && !memchr(line, '\'', len) &&
	    !memchr(line, '"', len)) {
		boot_words_split(text, strlen(text), &again);
		if (again.count != words.count)
			fuzz_broken("%zu words are %zu when joined: %s", words.count, again.count,
				    text);
	}
	free(text);
	boot_words_done(&words);
	boot_words_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "grub",	  "esp-files", "boot-",
						    "initramfs-", "kernel-",   "module-",
						    "nvme-",	  "crypttab",  "init-program",
						    "ld-preload", "library",   "missing-library",
						    "merged-",	  "init-",     NULL };
	static const char *const menus[] = { "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",
					     "/boot/grub/menu.lst" };
	cleanup(patient_done) struct patient patient;
	struct err ignored;

	patient_read(data, size, &patient);
	for (size_t i = 0; i < ARRAY_LEN(menus); i++) {
		cleanup(str_done) struct str text = STR_INIT;

		if (tree_read(patient.tree, menus[i], TREE_FILE_MAX, &text, &ignored) < 0)
			continue;
		for (const char *at = text.s; *at; at += strcspn(at, "\n"), at += *at == '\n')
			split(at, strcspn(at, "\n"));
	}
	patient_law(&patient, checks_meant);
	return 0;
}
