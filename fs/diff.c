/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/diff.h"

#include <stdint.h>

#define CONTEXT ((size_t)3)
#define TABLE_MAX \
	(4u << 20) /* cells of the comparison table; beyond it the middle is one replacement */

struct line {
	const char *s;
	size_t len; /* with its line end */
};
VEC_TYPE(lines, struct line);

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void split(const struct str *text, struct lines *into)
{
	for (size_t at = 0; at < text->len;) {
		const char *end = memchr(text->s + at, '\n', text->len - at);
		size_t len = end ? (size_t)(end - text->s) - at + 1 : text->len - at;

		vec_push(into, ((struct line){ text->s + at, len }));
		at += len;
	}
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && !memcmp(a->s, b->s, a->len);
}

/* keep_old[i] / keep_new[j]: the line stands in both texts (longest common subsequence). */
static void mark_common(const struct lines *a, const struct lines *b, bool *keep_old,
			bool *keep_new)
{
	size_t head = 0, tail = 0, n, m;
	cleanup(free) uint32_t *table = NULL;

	while (head < a->count && head < b->count && same(&a->items[head], &b->items[head])) {
		keep_old[head] = keep_new[head] = true;
		head++;
	}
	while (tail < a->count - head && tail < b->count - head &&
	       same(&a->items[a->count - 1 - tail], &b->items[b->count - 1 - tail])) {
		keep_old[a->count - 1 - tail] = keep_new[b->count - 1 - tail] = true;
		tail++;
	}
	n = a->count - head - tail;
	m = b->count - head - tail;
	if (!n || !m || (uint64_t)(n + 1) * (m + 1) > TABLE_MAX)
		return;
	table = mem_array((n + 1) * (m + 1), sizeof(*table));
#define CELL(i, j) table[(i) * (m + 1) + (j)]
	for (size_t i = n; i-- > 0;)
		for (size_t j = m; j-- > 0;)
			CELL(i, j) = same(&a->items[head + i], &b->items[head + j])
					     ? CELL(i + 1, j + 1) + 1
				     : CELL(i + 1, j) > CELL(i, j + 1) ? CELL(i + 1, j)
								       : CELL(i, j + 1);
	for (size_t i = 0, j = 0; i < n && j < m;) {
		if (same(&a->items[head + i], &b->items[head + j]))
			keep_old[head + i++] = keep_new[head + j++] = true;
		else if (CELL(i + 1, j) >= CELL(i, j + 1))
			i++;
		else
			j++;
	}
#undef CELL
}

static void put_line(struct str *into, char mark, const struct line *line)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is kept is kept on both sides */
	bool ended = line->len && line->s[line->len - 1] == '\n';

	str_add_char(into, mark);
	str_add_escaped(into, line->s, line->len - ended);
	str_add_char(into, '\n');
	if (!ended)
		str_add(into, "\\ No newline at end of file\n");
}

struct walk {
	const struct lines *a, *b;
	const bool *keep_old, *keep_new;
};

/* End of the hunk that starts at (i, j): changes closer than two contexts belong together. */
static void hunk_end(const struct walk *w, size_t i, size_t j, size_t *ret_i, size_t *ret_j)
{
	size_t common = 0;

	while (i < w->a->count || j < w->b->count) {
		if (i < w->a->count && !w->keep_old[i])
			i++, common = 0;
		else if (j < w->b->count && !w->keep_new[j])
			j++, common = 0;
		else if (++common > 2 * CONTEXT)
			break;
		else
			i++, j++;
	}
	if (common > CONTEXT) {
		size_t extra = common - CONTEXT - (common > 2 * CONTEXT);

		i -= extra;
		j -= extra;
	}
	*ret_i = i;
	*ret_j = j;
}

static void put_hunk(const struct walk *w, size_t i, size_t j, size_t end_i, size_t end_j,
		     struct str *into)
{
	str_addf(into, "@@ -%zu,%zu +%zu,%zu @@\n", end_i > i ? i + 1 : i, end_i - i,
		 end_j > j ? j + 1 : j, end_j - j);
	while (i < end_i || j < end_j) {
		if (i < end_i && !w->keep_old[i]) {
			put_line(into, '-', &w->a->items[i++]);
		} else if (j < end_j && !w->keep_new[j]) {
			put_line(into, '+', &w->b->items[j++]);
		} else {
			put_line(into, ' ', &w->a->items[i++]);
			j++;
		}
	}
}

void diff_unified(const char *path, const struct str *old, const struct str *new, struct str *into)
{
	struct lines a = { 0 }, b = { 0 };
	cleanup(free) bool *keep_old = NULL, *keep_new = NULL;
	size_t i = 0, j = 0;

	split(old, &a);
	split(new, &b);
	keep_old = mem_array(a.count + 1, sizeof(bool));
	keep_new = mem_array(b.count + 1, sizeof(bool));
	mark_common(&a, &b, keep_old, keep_new);
	str_add(into, "--- a");
	str_add_escaped(into, path, strlen(path));
	str_add(into, "\n+++ b");
	str_add_escaped(into, path, strlen(path));
	str_add_char(into, '\n');
	while (i < a.count || j < b.count) {
		struct walk w = { &a, &b, keep_old, keep_new };
		size_t end_i, end_j, back;

		if (i < a.count && keep_old[i] && j < b.count && keep_new[j]) {
			i++, j++;
			continue;
		}
		back = least(CONTEXT, least(i, j));
		/* Context in front never reaches into an earlier hunk: that one would have gone on.
		 */
		while (back && (!keep_old[i - back] || !keep_new[j - back]))
			back--;
		hunk_end(&w, i, j, &end_i, &end_j);
		put_hunk(&w, i - back, j - back, end_i, end_j, into);
		i = end_i;
		j = end_j;
	}
	vec_done(&a);
	vec_done(&b);
}
