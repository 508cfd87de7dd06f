/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SURGERY_H
#define RESCUE_SURGERY_H

/* Surgery as the process with credentials sees it: a child that has none.
 *
 * The child is this program again (hidden command "surgeon"), started with an empty environment and
 * only its channel open, so that no credential is in its memory; where there is none to begin with
 * (base/secrets.h), a fork is enough. It opens the volume, has it
 * examined by a grandchild without privileges, applies edits to the overlay, examines again, has
 * the file system checked, and then asks; only after surgery_commit() does it write to the volume.
 * Its messages are JSON lines; everything in them is treated as hostile here. */

#include "base/loop.h"
#include "checks/facts.h"
#include "checks/machine.h"
#include "fs/volume.h"
#include "rescue/mtu_facts.h"
#include "rescue/options.h"

#include <jansson.h>

enum surgery_mode { SURGERY_AUDIT, SURGERY_REPAIR, SURGERY_UNDO, SURGERY_RECOVER, SURGERY_BOOT };

/* The proof by booting (rescue/boot.h), for REPAIR before READY. For BOOT it is the operation. */
struct boot_wish {
	const char *console_path; /* where the console is kept; NULL: no boot */
	bool may_commit_anyway;	  /* a boot that fails is a warning */
	bool may_use_kvm;
	uint32_t limit_s;
};

struct surgery_job {
	enum surgery_mode mode;
	const char *path; /* device, image or tree; of what is served, its name */
	/* Blocks come over this descriptor (fs/served.h) instead of from a path; read-only. The
	 * surgeon inherits it, and it stays the caller's here. */
	bool is_served;
	int served_fd;
	const char *name;	/* "vol-…" or NULL */
	const char *record_dir; /* redo, undo and patch of this run (REPAIR, UNDO, RECOVER) */
	const char *work_dir;	/* scratch, private */
	const struct words *fix, *more;	 /* offered repairs to do; further devices */
	const struct cloud_facts *cloud; /* NULL: unknown */
	const char *console;		 /* NULL: none */
	struct wanted_key key;		 /* line NULL: none */
	struct wanted_nat nat;		 /* range NULL: not wanted */
	struct wanted_client client;	 /* address NULL: nothing is asked */
	struct boot_wish boot;
	bool is_unprivileged; /* libext2fs although root */
	bool disks_are_complete;
	enum record_direction
		direction;   /* RECOVER: which side a half-written target is brought to */
	uint32_t deadline_s; /* the surgery up to READY, and the commit; the child is killed after
				it. Waiting for an answer in READY is not counted */
};

struct surgery;
enum surgery_state { SURGERY_WORKING, SURGERY_READY, SURGERY_ENDED };
struct surgery_result {
	enum surgery_state state;
	struct err err;		  /* ENDED: ERR_NONE, or why it failed */
	size_t findings, repairs; /* READY, ENDED: found; of which would be (were) repaired */
	size_t faults;		  /* findings above "note" that remain (audit: that exist) */
	size_t could_not_tell;
	uint64_t changed_blocks, changed_bytes;
	bool was_committed;	 /* ENDED: the volume was changed */
	bool was_undone_exactly; /* UNDO */
	uint32_t
		ssh_port; /* first port sshd listens on by the volume's configuration; 0: unknown */
	struct mtu_facts mtu; /* READY, ENDED of AUDIT and REPAIR: of the volume as it is then */
};
/* `event` gets every event for the report (finding, diff, machine, ...; borrowed). `changed` runs
 * when the state changes; ENDED means that the child is gone and holds the volume no longer. Both
 * may call surgery_free. */
struct surgery_watch {
	void (*event)(void *arg, json_t *event);
	void (*changed)(void *arg);
	void *arg;
};
int surgery_start(struct loop *, const struct surgery_job *, const struct surgery_watch *,
		  struct surgery **ret, struct err *) __attribute__((warn_unused_result));
const struct surgery_result *surgery_result(const struct surgery *);
/* In state READY: write it to the volume, or leave the volume as it is (dry run, refusal). */
void surgery_commit(struct surgery *);
void surgery_decline(struct surgery *);
/* Kills the child if it still runs, reaps it. NULL is fine. */
void surgery_free(struct surgery *);

/* Where the console of a boot is kept, malloc'd: beside the records of the run or target. */
char *surgery_console_path(const char *dir) __attribute__((returns_nonnull));

/* The child's whole life; the hidden command, `ec2-rescue surgeon` with the channel on
 * descriptor 3. Returns the exit status. */
int surgeon_main(int channel_fd);

#endif
