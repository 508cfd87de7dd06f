/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_UNIT_LIMITS_H
#define CHECKS_UNIT_LIMITS_H

/* Limits that systemd sets for what it starts, and how low is too low.
 *
 * Source: systemd.exec(5), "Process Properties"; systemd.resource-control(5); setrlimit(2). The
 * bounds of FATAL are far below what sshd, a shell or sudo take on any distribution; those of LOW are
 * what a server hardly lives with. */

#include "base/str.h"

#include <stdint.h>

enum limit_verdict { LIMIT_FINE, LIMIT_LOW, LIMIT_FATAL };
struct limit_kind {
	const char *name;    /* "LimitNOFILE"; as a default of all units "DefaultLimitNOFILE" */
	const char *effect;  /* of a fatal one, to go behind "so that " */
	bool is_for_users;   /* root is exempt: it hits the session of whoever logs in */
	bool has_soft;	     /* "SOFT:HARD" */
	unsigned scale;	     /* 1024: K, M, G; 1: plain numbers; 0: a time span in seconds */
	uint64_t fatal, low; /* below these */
};

/* The kind of a setting; `name` without "Default". NULL: it limits nothing that matters here. */
const struct limit_kind *limit_kind_find(const char *name);
/* The smaller of the two numbers counts. What systemd would not accept is fine: it ignores it. */
enum limit_verdict limit_judge(const struct limit_kind *, const char *value);

/* A time span as systemd.time(7) writes it ("5min 20s", "90", "infinity") in seconds; false when it is
 * none. UINT64_MAX: for ever. */
bool time_span_parse(const char *text, uint64_t *ret_s);

#endif
