/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_PARSE_H
#define RESCUE_PARSE_H

/* From argv to a command and its options, by the rows of rescue/command.c. */

#include "rescue/command.h"

#include <stdio.h>

enum value_kind {
	VALUE_FLAG,
	VALUE_TEXT,
	VALUE_WORDS,
	VALUE_SECONDS,
	VALUE_PORT,
	VALUE_COUNT,
	VALUE_AGE
};

struct option_row {
	const char *name; /* without the dashes */
	enum value_kind kind;
	unsigned groups;
	size_t offset; /* in struct options */
	const char *arg, *help;
};
extern const struct option_row option_rows[];
extern const size_t option_row_count;

struct parsed {
	const struct command *command; /* NULL only with wants_help or wants_version */
	struct options options;	       /* borrows from argv */
	bool wants_help, wants_version;
};

/* ERR_USAGE with one sentence that says what to type instead. */
int parse_arguments(int argc, char **argv, struct parsed *ret, struct err *err);
/* By its name, which has two words where the first one is a family's: "spot save". NULL: none. ret_words: how many
 * of the two (the second may be NULL) are its name. */
const struct command *command_find(const char *first, const char *second, int *ret_words);

/* Adds the options that the command takes, as they are set, as arguments of a command line; each is malloc'd. */
void command_argv(const struct command *, const struct options *, struct words *into);

/* rescue/usage.c */
void print_usage(FILE *out, const struct command *command); /* NULL: the whole program */
bool print_family(FILE *out, const char *word); /* "spot": its commands; false: it is none */
void print_completion(FILE *out);		/* for bash */
/* A part of the manual page in mdoc(7): "commands", "options", "exit-status", "checks". */
int print_manual(FILE *out, const char *part, struct err *err);

#endif
