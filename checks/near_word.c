/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/near_word.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define WORD_MAX 40

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t word_distance(const char *a, size_t n, const char *b)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1], m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
					d[i - 1][j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    tolower((unsigned char)a[i - 2]) == y)
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

const char *near_word(const char *word, const char *const *list)
{
	const char *best = NULL;
	size_t best_at = WORD_MAX, allowed = strlen(word) > 4 ? 2 : 1;
	int ties = 0;

	for (; *list; list++) {
		size_t at = word_distance(word, strlen(word), *list);

		if (at < best_at) {
			best_at = at;
			best = *list;
			ties = 0;
		} else if (at == best_at)
			ties++;
	}
	return best_at <= allowed && !ties ? best : NULL;
}
