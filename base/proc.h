/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PROC_H
#define BASE_PROC_H

/* Running other programs: no shell, a time limit, a bounded output, only the descriptors meant. */

#include "base/err.h"
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
#define PROC_RESULT_INIT                            \
	{                                           \
		.out = STR_INIT, .errout = STR_INIT \
	}
void proc_result_done(struct proc_result *result);
DEFINE_CLEANUP_DONE(struct proc_result, proc_result_done)

/* Is this program in PATH (or an executable path itself)? */
bool proc_have(const char *program);

#endif
