/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree_pipe_names.h"

#include <stdlib.h>

#define NAME_LONGEST 255u /* NAME_MAX: what is longer is an error of another kind */

struct name_set {
	struct name_set *next;
	struct str dir;
	bool holds_anything;
	VEC(uint32_t) hashes; /* of the names in lower case, sorted; two names may share one */
};

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* FNV-1a */
static uint32_t hash_of(const char *name, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ lower(name[i])) * 16777619u;
	return hash;
}

/* May it fold to an ASCII name? What folds to what is a long table. */
static bool is_exotic(const char *name)
{
	while (*name && (unsigned char)*name < 0x80)
		name++;
	return *name;
}

/* ASCII, and nothing that FAT reads in its own way. */
static bool is_simple(const char *name, size_t len)
{
	if (!len || len > NAME_LONGEST || name[len - 1] == '.' || name[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= 0x20 || name[i] >= 0x7f || name[i] == '~')
			return false;
	return true;
}

static int compare_hashes(const void *a, const void *b)
{
	const uint32_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

static struct name_set **bucket_of(struct name_sets *sets, const char *dir, size_t len)
{
	return &sets->buckets[hash_of(dir, len) % ARRAY_LEN(sets->buckets)];
}

const struct name_set *name_sets_find(const struct name_sets *sets, const char *dir, size_t len)
{
	const struct name_set *set = *bucket_of((struct name_sets *)sets, dir, len);

	while (set && (set->dir.len != len || memcmp(set->dir.s, dir, len) != 0))
		set = set->next;
	return set;
}

const struct name_set *name_sets_add(struct name_sets *sets, const char *dir, size_t len,
				     const struct tree_names *names)
{
	struct name_set **bucket = bucket_of(sets, dir, len), *set = mem_alloc(sizeof(*set));

	set->dir = (struct str)STR_INIT;
	str_add_bytes(&set->dir, dir, len);
	set->holds_anything = !names;
	for (size_t i = 0; names && i < names->count; i++) {
		const char *name = names->items[i];

		set->holds_anything |= is_exotic(name);
		vec_push(&set->hashes, hash_of(name, strlen(name)));
	}
	if (set->hashes.count)
		qsort(set->hashes.items, set->hashes.count, sizeof(*set->hashes.items),
		      compare_hashes);
	set->next = *bucket;
	*bucket = set;
	return set;
}

void name_sets_done(struct name_sets *sets)
{
	for (size_t i = 0; i < ARRAY_LEN(sets->buckets); i++) {
		for (struct name_set *set = sets->buckets[i], *next; set; set = next) {
			next = set->next;
			str_done(&set->dir);
			vec_done(&set->hashes);
			free(set);
		}
	}
}

bool name_set_may_hold(const struct name_set *set, const char *name, size_t len)
{
	uint32_t hash;

	if (set->holds_anything || !is_simple(name, len))
		return true;
	hash = hash_of(name, len);
	return set->hashes.count &&
	       bsearch(&hash, set->hashes.items, set->hashes.count, sizeof(hash), compare_hashes);
}

bool name_path_is_plain(const char *path)
{
	if (path[0] != '/' || strnlen(path, TREE_PATH_MAX) == TREE_PATH_MAX)
		return false;
	while (*path) {
		size_t len = strcspn(++path, "/");

		if (!len || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
	}
	return true;
}
