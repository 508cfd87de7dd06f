/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_SPEC_H
#define FS_SPEC_H

/* What the first field of an fstab line (or root= of a kernel command line) names, and which of the
 * file systems on the disks that is.
 *
 * Source: fstab(5), mount(8) "Indicating the device and filesystem"; systemd's translation of
 * NAME=value to /dev/disk/by-*; "Amazon EBS and NVMe" for the by-id names. */

#include "fs/disks.h"

enum spec_kind {
	SPEC_UUID,
	SPEC_LABEL,
	SPEC_PARTUUID,
	SPEC_PARTLABEL,
	SPEC_EBS,    /* by the EBS volume's id, with a partition number or 0 */
	SPEC_KERNEL, /* a disk name that the kernel gives in order of discovery: sda1, nvme1n1p1 */
	SPEC_DEVICE, /* any other node below /dev: a mapper name, an array, a loop device */
	SPEC_PATH,   /* another absolute path: a swap file, an image, the source of a bind mount */
	SPEC_OTHER,  /* a word: none, proc, tmpfs, host:/dir, //host/share */
};

struct spec {
	enum spec_kind kind;
	bool is_tag;	    /* written NAME=value, not as a path below /dev/disk */
	char *value;	    /* of the tag; the volume id; the node's name; the text itself */
	char *disk;	    /* SPEC_KERNEL: the whole disk's name ("nvme1n1", "xvdf"); else NULL */
	uint32_t partition; /* SPEC_EBS, SPEC_KERNEL; 0: the whole disk */
};

/* Never fails: what it cannot place is SPEC_OTHER. */
void spec_parse(const char *text, struct spec *ret);
void spec_done(struct spec *);
DEFINE_CLEANUP_DONE(struct spec, spec_done)

/* The file systems that carry the tag, or that are on the named EBS volume's partition; appended to
 * `ret` (borrowed from disks). Kernel names and the like match nothing: their meaning depends on
 * the machine. Several can match: clones of one file system. */
VEC_TYPE(spec_matches, const struct disk_fs *);
static inline void spec_matches_done(struct spec_matches *matches)
{
	vec_done(matches);
}
DEFINE_CLEANUP_DONE(struct spec_matches, spec_matches_done)
void spec_find(const struct disks *, const struct spec *, struct spec_matches *ret);
/* Does this file system carry the tag? */
bool spec_is(const struct disk_fs *, const struct spec *);
/* The tag's value on a file system (its UUID for SPEC_UUID); NULL: it has none. */
const char *spec_tag_of(const struct disk_fs *, enum spec_kind);
const char *spec_tag_name(enum spec_kind); /* "UUID"; NULL for what is no tag */

#endif
