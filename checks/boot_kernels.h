/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_BOOT_KERNELS_H
#define CHECKS_BOOT_KERNELS_H

/* What a menu can be made of when it is gone: the kernels below /boot, and the arguments that the
 * distribution's own program would give them. */

#include "checks/boot.h"

struct boot_kernel {
	char *name, *initrd, *version; /* names in /boot */
};
struct boot_kernels {
	struct boot_kernel *items;
	size_t count, room;
};
/* Those that have their initramfs and modules, the newest first; no rescue kernel. */
void boot_kernels_find(const struct machine *, struct boot_kernels *ret);
void boot_kernels_done(struct boot_kernels *);
DEFINE_CLEANUP_DONE(struct boot_kernels, boot_kernels_done)

/* "root=UUID=... ro", and what /etc/default/grub and grub.d say; a console on ttyS0 when that says
 * none. */
void boot_args_of_config(const struct machine *, const struct disk_fs *root, struct str *args);
/* Where the loader sees /boot, from the root of the file system that it is on: "/boot", "". The caller
 * frees. */
char *boot_dir_in_fs(const struct machine *, const struct disk_fs *boot_fs);
/* A regular file that is not empty. */
bool boot_is_file(const struct machine *, const char *path);

#endif
