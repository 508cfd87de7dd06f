/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_KERNEL_CMDLINE_H
#define CHECKS_KERNEL_CMDLINE_H

/* Kernel command lines as the boot loader on the volume would give them: GRUB 2 and legacy, boot
 * loader entries (with grubenv's kernelopts), extlinux. */

#include "checks/machine.h"

struct cmdline {
	char *path;    /* of the file it stands in */
	uint32_t line; /* 1-based */
	char *args;    /* with variables as they stand, but $kernelopts replaced when known */
};
VEC_TYPE(cmdlines, struct cmdline);

/* All that are found, in the order of the files and their lines: the first is usually the default.
 * Unreadable files count as absent. */
void cmdlines_find(const struct machine *, struct cmdlines *ret);
void cmdlines_done(struct cmdlines *);
DEFINE_CLEANUP_DONE(struct cmdlines, cmdlines_done)
/* Is the word there ("ro"), or a word that begins so when `word` ends in "=" ("root=")? Points at
 * it, or NULL. The last one counts, as for the kernel. */
const char *cmdline_word(const char *args, const char *word);

/* How the root is mounted before fstab is read. */
enum cmdline_root { CMDLINE_ROOT_UNKNOWN, CMDLINE_ROOT_RO, CMDLINE_ROOT_RW };
enum cmdline_root cmdline_root_mode(const struct machine *);

#endif
