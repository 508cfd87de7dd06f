/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PROC_H
#define BASE_PROC_H

/* Running other programs: no shell, a time limit, a bounded output, only the descriptors meant. */

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"

#include <stdint.h>

struct proc_run {
	const char *const *argv; /* argv[0] is looked up in PATH of this process */
	const char *const *env;	 /* NULL: only PATH, LANG=C.UTF-8 */
	const void *input;	 /* standard input; NULL: /dev/null */
	size_t input_len;
	uint32_t deadline_s;	 /* SIGKILL to the process group after this; 0 is not allowed */
	size_t max_output_bytes; /* of stdout and of stderr each; more is read and dropped; 0: 64
				    KiB */
	bool is_stderr_ours; /* it writes to our standard error: for programs that talk to the user
			      */
};

struct proc_result {
	int status;   /* exit status; 128 + signal when killed by one */
	bool was_cut; /* output was longer than max_output_bytes */
	struct str out, errout;
};

/* Runs to the end. ERR_TOOL when the program cannot be started (named), ERR_TIMEOUT when it was
 * killed for time. A non-zero exit status is no error here. `ret` is to be released with
 * proc_result_done in every case; initialise it with PROC_RESULT_INIT. */
int proc_run(const struct proc_run *run, struct proc_result *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The same without waiting: `done` runs from the loop when the program has ended, with the result
 * (borrowed for the call) or the error. What `run` points to is borrowed for this call alone.
 * Input is not offered: run->input must be NULL. */
struct proc_job;
typedef void proc_done_func(void *arg, struct proc_result *result, const struct err *err);
int proc_start(struct loop *loop, const struct proc_run *run, proc_done_func *done, void *arg,
	       struct proc_job **ret, struct err *err) __attribute__((warn_unused_result));
/* Kills it; `done` does not run. NULL is fine. */
void proc_cancel(struct proc_job *job);

#define PROC_RESULT_INIT                            \
	{                                           \
		.out = STR_INIT, .errout = STR_INIT \
	}
void proc_result_done(struct proc_result *result);
DEFINE_CLEANUP_DONE(struct proc_result, proc_result_done)

/* Is this program in PATH (or an executable path itself)? */
bool proc_have(const char *program);

#endif
