/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_CHECK_H
#define CHECKS_CHECK_H

/* What a check is. One file, one row in checks/list.h, one folder of cases.
 *
 * A check reads the machine (tree, disks, cloud facts, console) and yields findings; a finding may
 * carry edits. It writes nothing, runs nothing, prints nothing, keeps no state between calls. Law,
 * enforced over every case: examine = expected; repair = expected tree and every other byte
 * untouched; examine again = nothing that can be repaired; repair again = no edits; undo =
 * original. */

#include "base/err.h"
#include "checks/machine.h"
#include "fs/edit.h"

enum severity {
	SEVERITY_NOTE,	       /* worth knowing; nobody is locked out by it */
	SEVERITY_DELAYS,       /* boots or logs in, but late, or with something missing */
	SEVERITY_BLOCKS_LOGIN, /* boots, but nobody gets in */
	SEVERITY_BLOCKS_BOOT,  /* does not reach the login */
};
/* "note", "delays", "blocks-login", "blocks-boot" */
const char *severity_name(enum severity severity);

enum repair_class {
	REPAIR_NONE,	/* advice only: no edits */
	REPAIR_SURE,	/* certainly the fault, small and reversible: done by default */
	REPAIR_OFFERED, /* policy, ambiguity or data at stake: done with --fix NAME */
};
const char *repair_class_name(enum repair_class repair); /* "none", "sure", "offered" */

struct finding {
	const struct check *check; /* set by finding_add's caller context */
	enum severity severity;
	enum repair_class repair;
	char *path;    /* of the file at fault, in the tree; NULL: none */
	uint32_t line; /* 1-based; 0: the file as a whole */
	char *message; /* one sentence, present tense, names the thing as found (escaped) and why it
			  hurts */
	char *rows;    /* of the fault catalogue that this one is: "1" or "79,80" */
	struct edits edits; /* empty exactly when repair is REPAIR_NONE */
};
VEC_TYPE(findings, struct finding);

/* Appends a finding and returns it, for edits to be added. `fmt` makes the message, in which what a terminal would
 * obey is escaped; quote what may be long or hold quotes with machine_quote(). The pointer is valid until the next finding_add. */
struct finding *finding_add(struct findings *, enum severity, enum repair_class, const char *rows,
			    const char *path, uint32_t line, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));
void findings_done(struct findings *);
DEFINE_CLEANUP_DONE(struct findings, findings_done)
/* The documented object, with "class" and "edits". NULL: a path of it is no UTF-8. */
json_t *finding_to_json(const struct finding *);
int finding_from_json(const json_t *, struct finding *ret, struct err *);
void finding_done(struct finding *);
/* Is its repair one of blocks (EDIT_BLOCKS)? That is its only edit then. */
bool finding_is_of_blocks(const struct finding *);

struct check {
	const char *name;  /* file name, case folder and --fix name, kebab-case:
			      "fstab-missing-device" */
	const char *title; /* one line, present tense: "fstab names a device that does not exist" */
	const char *explain; /* why it stops the boot or the login, and what the repair does */
	const char *source;  /* where the rule comes from: "fstab(5); systemd.mount(5), nofail" */
	const char *rows;    /* all rows of the fault catalogue it covers: "1,13,14" */
	enum repair_class repair; /* the strongest it yields; single findings may differ */
	unsigned
		needs; /* bits of enum machine_need: what it looks at besides the files of the tree */
	bool is_of_blocks; /* it says something of the disks also when no file can be read (the tree is
			      empty then), and only such a check repairs blocks */
	/* Nothing found: 0 and no findings. -1: could not tell, which is reported as that. Findings
	 * made before a -1 count. */
	int (*examine)(const struct machine *, struct findings *, struct err *);
};

/* All checks in the order of checks/list.h, which is the order of running and printing. */
extern const struct check *const checks[];
extern const size_t check_count;
const struct check *check_find(const char *name); /* NULL: none */
/* "tree", "disks", ...: the words for the bits, in order; NULL for a number past the last one. */
const char *check_need_name(size_t number);

/* Rows of the fault catalogue's sections 1 to 8 that no check looks at, and why. */
struct uncovered {
	unsigned row;
	const char *why;
};
extern const struct uncovered uncovered[];
extern const size_t uncovered_count;
#define CATALOGUE_ROWS 139u /* rows 1 to this one are found on a volume */

/* Runs one check. A failure to tell becomes one row of `could_not_tells`. A finding whose edits cannot be made on this
 * volume, as when a name on the way to a file is no directory, stays as advice that says so. */
struct could_not_tell {
	const struct check *check;
	struct err err;
};
VEC_TYPE(could_not_tells, struct could_not_tell);
void check_run(const struct check *, const struct machine *, struct findings *,
	       struct could_not_tells *);

#endif
