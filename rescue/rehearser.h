/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_REHEARSER_H
#define RESCUE_REHEARSER_H

/* Inside of the rehearser (rescue/boot.h): one boot, its console and its sshd port. */

#include "base/proc.h"
#include "rescue/boot.h"

struct rehearsal_of_boot {
	struct loop *loop;
	struct boot_spec spec;
	struct boot_result result;
	bool is_over, uses_kvm;
	pid_t pid;
	int pidfd, out, words, file; /* the console's and QEMU's own; where the console is kept */
	struct str console, last_words;
	uint64_t kept;
	bool has_news; /* of the console, since it was judged */
	unsigned boots;
	int64_t began_ms, spoke_ms, kernel_ms, login_ms, stop_ms, answer_ms; /* 0: not yet */
	char stop_line[256];
	int knock; /* a connection that waits for a banner; -1: none */
	int64_t knock_ms;
	struct str banner;
	bool was_heard; /* sshd's banner, at least once */
	struct proc_job *scan;
	struct str key; /* that answered, as "ssh-ed25519" */
};

int64_t rehearser_seconds(const struct rehearsal_of_boot *, int64_t since_ms);
/* The first verdict counts. */
void rehearser_end(struct rehearsal_of_boot *, enum boot_outcome, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* rescue/boot_console.c: what came is kept in the file and judged by the rules of the console. */
void boot_console_keep(struct rehearsal_of_boot *, const char *data, size_t len);
void boot_console_judge(struct rehearsal_of_boot *);

/* rescue/boot_port.c: one knock at the sshd port, when none is under way; sets answer_ms. */
void boot_port_knock(struct rehearsal_of_boot *);
void boot_port_hang_up(struct rehearsal_of_boot *);

#endif
