/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SHELL_SCAN_H
#define CHECKS_SHELL_SCAN_H

/* What a shell script would run, as far as that can be seen without running it: its simple commands in
 * order, and whether each is reached in any case. Not a shell: expansions stand as they are written, and
 * whatever is not understood makes the commands around it conditional, never unconditional.
 *
 * Source: POSIX.1, "Shell Command Language"; bash(1). */

#include "base/str.h"
#include "fs/tree.h"

struct shell_command {
	struct tree_names words; /* without quotes; redirections left out */
	uint32_t line, line_count;
	bool is_conditional; /* in an if, case, loop or function, or behind && or || */
	bool is_background;
	bool is_after_exit; /* an exit, return or exec before it may have ended the script */
	bool is_alone;	    /* nothing else is on its lines, but perhaps a comment */
};
/* while and until; `for` ends by itself, but for ((;;)) counts as while true. */
struct shell_loop {
	uint32_t line;
	bool is_until;
	bool is_conditional, is_background;
	bool has_exit; /* its body can leave: break, exit, return, exec, or a test that counts */
	size_t first, body,
		end; /* commands: of the condition [first, body), of the body [body, end) */
};
struct shell_script {
	VEC(struct shell_command) commands;
	VEC(struct shell_loop) loops;
};

/* Never fails; a text of more than 1 MiB has no commands. */
void shell_scan(const char *text, size_t len, struct shell_script *ret);
void shell_script_done(struct shell_script *);
DEFINE_CLEANUP_DONE(struct shell_script, shell_script_done)

/* The program of a command, behind its wrappers (sudo, env A=b, nice -n 5, nohup, exec, …) and without
 * its directory; ret_first is where it stands. NULL: none (an assignment alone). Borrowed. */
const char *shell_program(const struct tree_names *words, size_t *ret_first);
/* Seconds that "sleep" with these arguments takes; UINT64_MAX: for ever. Words from `first` on. */
uint64_t shell_sleep_seconds(const struct tree_names *words, size_t first);

/* Does the script (or this one command line, if `script` holds one) ever come to its end? */
enum shell_end {
	SHELL_ENDS,	    /* or it cannot be told */
	SHELL_NEVER,	    /* sleeps for hours, follows a file, loops without a way out */
	SHELL_NEEDS_NETWORK /* loops until something answers over the network */
};
/* ret_line (may be NULL): where. */
enum shell_end shell_script_end(const struct shell_script *, uint32_t *ret_line);
/* The same for a command's words. */
enum shell_end shell_words_end(const struct tree_names *words);

/* Does the command (its words) switch the machine off or boot it anew, within `soon_s` seconds? */
bool shell_words_reboot(const struct tree_names *words, uint64_t soon_s);
/* The first command that does so in any case; NULL: none. */
const struct shell_command *shell_script_reboot(const struct shell_script *, uint64_t soon_s);

#endif
