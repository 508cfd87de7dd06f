/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_PARSE_H
#define RESCUE_PARSE_H

/* From argv to a command and its options, by the rows of rescue/command.c. */

#include "rescue/command.h"

#include <stdio.h>

struct parsed {
	const struct command *command; /* NULL only with wants_help or wants_version */
	struct options options;	       /* borrows from argv */
	bool wants_help, wants_version;
};

/* ERR_USAGE with one sentence that says what to type instead. */
int parse_arguments(int argc, char **argv, struct parsed *ret, struct err *err);
const struct command *command_find(const char *name); /* NULL: none */
/* NULL: the whole program. */
void print_usage(FILE *out, const struct command *command);
void print_completion(FILE *out); /* for bash */

#endif
