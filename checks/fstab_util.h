/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_FSTAB_UTIL_H
#define CHECKS_FSTAB_UTIL_H

/* What the checks of /etc/fstab share: the parsed file beside the disks, what systemd makes of an
 * entry, whether its device is there, and the few edits they make.
 *
 * Source: systemd-fstab-generator(8), systemd.mount(5) and systemd.swap(5), "fstab"; mount(8); seen
 * with systemd 252 and libmount 2.38. */

#include "checks/check.h"
#include "fs/fstab.h"
#include "fs/spec.h"

#define FSTAB_PATH "/etc/fstab"

struct fstab_view {
	const struct machine *machine;
	const struct str *text; /* of the file; NULL: there is none */
	struct fstab fstab;
	const struct disks *disks;  /* NULL: unknown */
	const struct disk_fs *root; /* the file system that the tree's root is on; NULL: unknown */
	bool all_seen;		    /* every disk of the machine is in `disks` */
	/* Worked out on first need: 0 not yet, 1 yes, -1 no. */
	struct fstab_lazy {
		int has_containers, has_link_rules;
	} * lazy;
};
int fstab_view_open(const struct machine *, struct fstab_view *ret, struct err *)
	__attribute__((warn_unused_result));
void fstab_view_done(struct fstab_view *);
DEFINE_CLEANUP_DONE(struct fstab_view, fstab_view_done)

/* Opens the file and calls judge for each entry that libmount takes. When it cannot be read that is
 * fstab-empty's to report, once for all checks of it. */
typedef void (*fstab_judge)(const struct fstab_view *, const struct fstab_entry *,
			    struct findings *);
void fstab_each(const struct machine *, fstab_judge, struct findings *);

/* What waits for an entry at boot. */
enum fstab_pull {
	PULL_NOTHING, /* not mounted at boot, or no unit is made of it */
	PULL_WANTED,  /* nofail, automount or another unit's business: nobody waits */
	PULL_SWAP,    /* swap.target: the boot waits for the device, then goes on without it */
	PULL_REMOTE,  /* remote-fs.target: logins wait until it is mounted or has failed */
	PULL_LOCAL,   /* local-fs.target: when it fails, emergency mode */
	PULL_ROOT,    /* remounted by systemd-remount-fs: when that fails, read-only */
};
enum fstab_pull fstab_pull(const struct fstab_entry *);
/* How bad it is when an entry cannot be mounted: blocks-boot for PULL_LOCAL, delays for root,
 * remote and swap, else note. */
enum severity fstab_severity(const struct fstab_entry *);
/* "stops the boot in emergency mode", ... for a sentence. */
const char *fstab_consequence(const struct fstab_entry *);
/* The repair of what stops or delays the boot is sure, of anything else offered. */
enum repair_class fstab_class(const struct fstab_entry *);

bool fstab_is_root(const struct fstab_entry *);
/* Is this the line for the root that counts? That is the first. */
bool fstab_is_first_root(const struct fstab_view *, const struct fstab_entry *);
bool fstab_is_swap(const struct fstab_entry *);
bool fstab_is_bind(const struct fstab_entry *); /* bind, rbind or move */
bool fstab_has(const struct fstab_entry *, const char *option);
bool fstab_type_is_network(const char *type); /* as systemd sees it */
/* A file system in memory or of the kernel: tmpfs, proc, overlay, ...; it has no device. */
bool fstab_type_is_virtual(const char *type);
/* The mount point as systemd takes it: no doubled or final slash. Caller frees. */
char *fstab_target(const struct fstab_entry *);
/* Is `path` at or below `dir`? */
bool path_is_below(const char *path, const char *dir);
/* Does another entry mount something at or above this path (not counting "/")? Then the tree does
 * not show what will be there. */
bool fstab_is_covered(const struct fstab_view *, const struct fstab_entry *self, const char *path);
/* Does another entry mount something above the mount point of this one? A second line for the same
 * place covers nothing: one of the two goes, and the place is still to be there. */
bool fstab_point_is_covered(const struct fstab_view *, const struct fstab_entry *self);
/* A directory that the system itself lives in (/usr, /var, /tmp, ...): units require its mount, so
 * that nofail would not help and the line has to go. */
bool fstab_is_system_path(const char *path);
const char *fstab_quote(const struct fstab_view *, const char *text);

/* Is the device of an entry there? */
enum fstab_presence {
	DEVICE_NONE,	/* there is no device: virtual, network, bind, image or swap file */
	DEVICE_UNKNOWN, /* cannot be told: disks unknown, or a name that depends on the machine */
	DEVICE_PRESENT, /* found; `fs` is it */
	DEVICE_UNSEEN,	/* on none of the disks that were looked at, but there may be more */
	DEVICE_MISSING, /* certainly nowhere */
};
struct fstab_device {
	enum fstab_presence presence;
	const struct disk_fs *fs; /* PRESENT: it; UNSEEN or MISSING: perhaps what was meant */
	struct spec spec;
};
void fstab_device(const struct fstab_view *, const struct fstab_entry *, struct fstab_device *ret);
void fstab_device_done(struct fstab_device *);
DEFINE_CLEANUP_DONE(struct fstab_device, fstab_device_done)

/* Which file system a kernel name means, as far as the cloud's device names or the number of disks
 * tell; NULL: they do not. ret: PRESENT when that is sure, UNSEEN when it is a guess or unknown,
 * MISSING when the instance certainly has no disk of that name (the result is then the volume that
 * was meant, if the cloud tells). */
const struct disk_fs *fstab_kernel_name(const struct fstab_view *, const struct spec *,
					enum fstab_presence *ret);
/* "UUID=…", in the tag kind `like` where the file system has one of that kind and it is unique.
 * NULL: nothing names it. Caller frees. */
char *fstab_spec_for(const struct fstab_view *, const struct disk_fs *, enum spec_kind like);
/* The one file system that an entry with a missing device must have meant; NULL: none or several.
 */
const struct disk_fs *fstab_candidate(const struct fstab_view *, const struct fstab_entry *,
				      const struct spec *);
bool disk_fs_is_esp(const struct disk_fs *);
bool fstab_path_is_esp(const char *path); /* where an EFI system partition is mounted */

/* Edits. `line` is the whole new line. */
void fstab_edit_line(const struct fstab_view *, struct finding *, const struct fstab_entry *,
		     const struct str *line);
void fstab_edit_set(const struct fstab_view *, struct finding *, const struct fstab_entry *,
		    enum fstab_field, const char *text);
void fstab_edit_comment_out(const struct fstab_view *, struct finding *, const struct fstab_entry *,
			    const char *reason);
/* Takes the entry out of the way of the boot: nofail, or for swap and system directories the line
 * behind a comment. Never for root. */
void fstab_edit_defuse(const struct fstab_view *, struct finding *, const struct fstab_entry *,
		       const char *reason);
/* Words for the message: what fstab_edit_defuse does. */
const char *fstab_defuse_says(const struct fstab_entry *);
/* A new line for a file system. Appends with newline. False: none, as nothing names it or its type is not known. */
bool fstab_add_line(const struct fstab_view *, const struct disk_fs *, const char *target,
		    const char *options, struct str *into);

#endif
