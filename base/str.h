/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_STR_H
#define BASE_STR_H

/* A growable byte string. `s` is always NUL-terminated and never NULL after STR_INIT; `len` counts
 * the bytes before that NUL, and the bytes may hold NULs of their own. */

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

struct str {
	char *s;
	size_t len, room; /* room 0: s is the shared empty string */
};

extern char str_empty[];
#define STR_INIT               \
	{                      \
		.s = str_empty \
	}

void str_add(struct str *str, const char *text);
void str_add_bytes(struct str *str, const void *data, size_t len);
void str_add_char(struct str *str, char c);
void str_addf(struct str *str, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As a word of a command line, quoted where a shell would take it for something else. */
void str_add_word(struct str *str, const char *word);
/* Hostile text for a terminal or a log: control characters, DEL, invalid UTF-8 and bidi overrides
 * become \xNN; a newline becomes \n. */
void str_add_escaped(struct str *str, const char *data, size_t len);
/* The same for text that has lines. */
void str_add_escaped_lines(struct str *str, const char *data, size_t len);
/* JSON with the same value in which nothing moves a terminal: such characters become \uNNNN. */
void str_add_json_shown(struct str *str, const char *json);
/* The same into a buffer of `size` bytes, cut where a character ends. `ret` may be `data`. */
void escape_into(char *ret, size_t size, const char *data, size_t len);
void str_clear(struct str *str); /* keeps the room */
void str_done(struct str *str);
DEFINE_CLEANUP_DONE(struct str, str_done)
/* Moves the bytes out as a malloc'd string; the str is empty afterwards. */
char *str_take(struct str *str) __attribute__((warn_unused_result));

static inline bool str_eq(const char *a, const char *b)
{
	return !strcmp(a, b);
}
/* Are these len bytes the word, with or without regard to the case of its letters? */
static inline bool str_is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncmp(s, word, len);
}
static inline bool str_is_nocase(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(s, word, len);
}
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

#endif
