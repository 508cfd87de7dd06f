/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NEAR_WORD_H
#define CHECKS_NEAR_WORD_H

/* What a mistyped word was meant to be. */

#include <stddef.h>

/* How many slips make the first n bytes of one word another: letters left out, added, changed or swapped with their
 * neighbours (optimal string alignment), case not counted. Words of more than 40 bytes are 40 apart. */
size_t word_distance(const char *a, size_t n, const char *b);

/* The only word of the list (ending with NULL) that differs from this one by one or two letters left
 * out, added, changed or swapped with their neighbours (one in words of up to four letters), case not
 * counted; NULL: none, or several are as near. */
const char *near_word(const char *word, const char *const *list);

#endif
