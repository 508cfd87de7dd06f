/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_OPTIONS_H
#define RESCUE_OPTIONS_H

/* Everything the command line can say, parsed once by main from the rows of rescue/command.c. */

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

VEC_TYPE(words, const char *);

#define DEVICE_DIR "/dev/disk/by-id"

struct options {
	struct words targets; /* the arguments that are no options */
	/* AWS */
	const char *region, *profile, *endpoint_url;
	/* where things are */
	const char *device_dir; /* default /dev/disk/by-id */
	const char
		*state_dir; /* default /var/lib/ec2-rescue, or XDG state when not root; made 0700 */
	/* the rescue */
	const char *helper; /* instance id, or "launch"; NULL: this machine by IMDS, or launched */
	/* of a helper that is another machine */
	const char *helper_type, *helper_image, *subnet, *ssh_from, *helper_user, *helper_host;
	bool keep_helper;
	const char *via; /* "auto" or NULL, or a name of enum rescue_via */
	bool yes;	 /* consent to the hazards that were printed */
	bool dry_run;
	bool json;
	bool force_stop; /* consent to a forced stop when the graceful one does not end */
	bool no_snapshot;
	struct words fix;      /* --fix NAME: offered repairs to do as well */
	const char *add_key;   /* file of a public key that shall open an account */
	const char *user;      /* whose; NULL: the one of the image */
	char *key_line;	       /* what is in add_key, read and judged before anything begins */
	const char *setup_nat; /* range for which the instance shall translate, or "vpc" */
	uint32_t verify_s;     /* deadline for status checks and the sshd port; default 300 */
	uint32_t stop_s;       /* patience with a graceful stop; default 300 */
	const char
		*ssh_host; /* address to try the sshd port on; NULL: public, else private address */
	uint32_t ssh_port; /* 0: the port sshd listens on according to the volume, else 22 */
	/* the proof by booting */
	bool rehearse_boot; /* before a commit */
	bool commit_anyway; /* although it fails */
	bool no_kvm;	    /* emulate the processor although /dev/kvm is there */
	uint32_t boot_s;    /* patience with one boot; default 600 */
	/* net: addresses; from NULL: this machine's, to NULL: the one that it can use */
	const char *from, *to;
	const char *role; /* "nat", "mtu"; NULL: a host that is connected to */
	/* audit, repair */
	struct words with; /* --with PATH: further devices of the same system */
	uint32_t port;	   /* net: 0: sshd's */
	bool unprivileged; /* use libext2fs although root */
	bool fix_cloud, no_volume;
	bool no_net; /* rescue: do not ask the network first */
	/* spot: what is saved, and how */
	const char *name;     /* of the state */
	struct words volumes; /* ids or device names; none: all */
	struct words freeze;  /* mount points; none: what is on the volumes */
	const char *before, *after;
	uint32_t freeze_s; /* at most; default 5 */
	uint32_t hook_s;   /* patience with each; default 30 */
	uint32_t every_s;  /* spot watch: between saves; 0: only at a notice */
	/* spot restore, swap */
	uint32_t wait_s; /* for a newer set that is not complete yet; 0: the newest that is */
	const char *at;
	struct words types, zones; /* in the order in which they are tried; none: as it was */
	const char *max_price;
	/* spot prune; 0: no such rule */
	uint32_t keep_last, keep_daily, keep_weekly, older_than_s;
	/* of spot */
	bool no_freeze;
	bool urgent; /* what cannot be had is done without */
	bool on_demand, no_audit;
};

#endif
