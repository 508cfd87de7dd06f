/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_BOOT_CHOICE_H
#define CHECKS_BOOT_CHOICE_H

/* What the checks of the boot chain do about an entry: which other one could start, and the smallest
 * edits that make it start or change its command line. */

#include "checks/boot.h"
#include "checks/check.h"

/* The newest complete entry that is no rescue one and not of this version; NULL: none. */
const struct boot_entry *boot_other(const struct machine *, const struct boot *,
				    const struct boot_entry *not_this);
/* Makes the next boot start the entry: saved_entry of grubenv where grub.cfg reads it, else the
 * `default` of grub.cfg or menu.lst. GRUB_DEFAULT of /etc/default/grub is not read at boot. False:
 * there is no safe way. */
bool boot_edit_default(const struct machine *, const struct boot *, const struct boot_entry *,
		       struct edits *);
/* Sets (or, with value NULL, takes out) a variable of a grubenv; the result has its 1024 bytes. False:
 * it does not fit. */
bool boot_edit_grubenv(const struct machine *, const char *path, const char *name,
		       const char *value, struct edits *);

/* Are kernels seen in the directory of this path at all? False for a tree without its /boot. */
bool boot_is_seen(const struct machine *, const char *path);
/* Is /boot a file system of its own, as far as fstab tells? */
bool boot_is_separate(const struct machine *);

/* The file system that the tree's root is on, and the one that /boot is on; NULL: cannot be told. */
const struct disk_fs *boot_root_fs(const struct machine *);
const struct disk_fs *boot_boot_fs(const struct machine *);

/* Words of command lines. */

/* The word `old` becomes `new` (NULL: goes away) on the lines that
 * give this entry its arguments, and with `everywhere` on those of all others. $kernelopts is followed
 * to grubenv, or to grub.cfg's own value for it. False: nothing was edited. */
bool boot_edit_word(const struct machine *, const struct boot *, const struct boot_entry *,
		    const char *old, const char *new, bool everywhere, struct edits *);

/* The word of the command line that begins so (ends in "=") or is just that; NULL: none. The caller
 * frees. */
char *boot_word(const struct boot_entry *, const char *word);
/* A finding about one word of the default entry: its message is the word and `why`, its edits put `new`
 * in the word's place (NULL: take it out), or it has none when that cannot be done. */
struct finding *boot_find_word(const struct machine *, const struct boot_entry *, struct findings *,
			       enum severity, enum repair_class, const char *rows, const char *word,
			       const char *new, const char *why);

#endif
