/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NEAR_WORD_H
#define CHECKS_NEAR_WORD_H

/* What a mistyped word was meant to be. */

/* The only word of the list (ending with NULL) that differs from this one by one or two letters left
 * out, added, changed or swapped with their neighbours (one in words of up to four letters), case not
 * counted; NULL: none, or several are as near. */
const char *near_word(const char *word, const char *const *list);

#endif
