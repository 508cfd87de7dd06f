/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_INITRAMFS_H
#define CHECKS_INITRAMFS_H

/* What is in an initramfs: archives of cpio's newc form, one behind the other, the first ones as a rule
 * unpacked (microcode, and on newer systems modules), the last one compressed.
 *
 * Two depths. INITRAMFS_FRAME reads heads, ends and the sizes in between, a few dozen reads: it finds
 * what is no archive and what is cut off, where the format tells. INITRAMFS_WHOLE unpacks everything,
 * which took 1.1 s for 56 MB of gzip: it is for when something is suspicious, and says for certain.
 *
 * Source: Linux, Documentation/driver-api/early-userspace/buffer-format, lib/decompress.c;
 * lib/xz/xz_dec_stream.c (checks); RFC 1952, RFC 8878; the .xz file format. */

#include "checks/machine.h"

enum initramfs_depth { INITRAMFS_FRAME, INITRAMFS_WHOLE };
enum initramfs_state {
	INITRAMFS_SOUND,
	INITRAMFS_SUSPICIOUS, /* of INITRAMFS_FRAME alone: it has to be unpacked to tell */
	INITRAMFS_DAMAGED,    /* the kernel cannot unpack it, or not all of it */
	INITRAMFS_UNKNOWN,
};
struct initramfs {
	enum initramfs_state state;
	char *why;		    /* it is damaged or not known: "is cut off"; NULL */
	bool is_listed;		    /* all names were seen */
	bool has_init, has_squash;  /* "init"; an image that holds the rest */
	struct tree_names modules;  /* "nvme" without .ko, with _ for -, sorted */
	struct tree_names versions; /* of the kernels whose modules are in it, sorted */
};
/* -1 only when the file cannot be read. */
int initramfs_look(const struct machine *, const char *path, enum initramfs_depth,
		   struct initramfs *ret, struct err *) __attribute__((warn_unused_result));
void initramfs_done(struct initramfs *);
DEFINE_CLEANUP_DONE(struct initramfs, initramfs_done)
bool initramfs_has_module(const struct initramfs *, const char *module);

#endif
