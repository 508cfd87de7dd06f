/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/removable.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>

#define LOOKED_AT_MAX 20000u /* files, over all places */
#define LARGE_MAX     5u     /* named and left */
#define SMALL_MAX     (64u << 20)
#define LEAST_BYTES   (64u << 10)

static bool is_package(const char *name)
{
	return str_ends(name, ".deb") || str_ends(name, ".rpm") || str_ends(name, ".drpm");
}

static bool all_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* "syslog.1", "messages-20240101", "cron-20240101.gz", "syslog.2.gz": what logrotate leaves. */
static bool is_rotated(const char *name)
{
	size_t len = strlen(name), tail;

	if (str_ends(name, ".gz") || str_ends(name, ".xz"))
		len -= 3;
	else if (str_ends(name, ".bz2") || str_ends(name, ".zst"))
		len -= 4;
	if (len > 9 && name[len - 9] == '-' && all_digits(name + len - 8, 8))
		return true;
	for (tail = 0; tail < 3 && tail < len && isdigit((unsigned char)name[len - 1 - tail]);)
		tail++;
	return tail && len > tail + 1 && name[len - 1 - tail] == '.';
}

/* "system@0005….journal": archived; without @ it is the one that is written. */
static bool is_archived_journal(const char *name)
{
	return strchr(name, '@') && (str_ends(name, ".journal") || str_ends(name, ".journal~"));
}

static bool is_dump(const char *name)
{
	return str_starts(name, "core.") || str_ends(name, ".crash") ||
	       str_starts(name, "vmcore") || str_starts(name, "dump.");
}

static const struct place {
	const char *dir;
	unsigned depth; /* directories below it that are looked into */
	bool (*may_go)(const char *name);
} places[] = {
	{ "/var/cache/apt/archives", 1, is_package },
	{ "/var/cache/dnf", 2, is_package },
	{ "/var/cache/libdnf5", 2, is_package },
	{ "/var/cache/yum", 4, is_package },
	{ "/var/cache/zypp/packages", 3, is_package },
	{ "/var/lib/systemd/coredump", 0, is_dump },
	{ "/var/crash", 1, is_dump },
	{ "/var/log/journal", 1, is_archived_journal },
	{ "/var/log", 2, is_rotated },
};

struct search {
	const struct machine *machine;
	struct removables *list;
	unsigned looked_at;
};

static void look_into(struct search *s, const char *dir, unsigned depth, const struct place *place)
{
	const struct tree_names *names = machine_list(s->machine, dir);

	if (names)
		vec_foreach (name, names) {
			cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
			struct err ignored = ERR_INIT;
			struct tree_stat st;

			if (s->looked_at++ >= LOOKED_AT_MAX)
				return;
			if (tree_stat(machine_tree(s->machine), path, TREE_NOFOLLOW, &st,
				      &ignored) < 0)
				continue;
			if (S_ISDIR(st.mode) && depth)
				look_into(s, path, depth - 1, place);
			/* A second hard link would keep the space. */
			if (!S_ISREG(st.mode) || st.nlink > 1 || st.size_bytes < LEAST_BYTES ||
			    st.attr_flags || !place->may_go(*name))
				continue;
			vec_push(s->list, ((struct removable){ .path = mem_strdup(path),
							       .size_bytes = st.size_bytes,
							       .is_small = st.size_bytes <=
									   TREE_FILE_MAX }));
		}
}

static int compare(const void *a, const void *b)
{
	const struct removable *x = a, *y = b;

	if (x->size_bytes != y->size_bytes)
		return x->size_bytes < y->size_bytes ? 1 : -1;
	return strcmp(x->path, y->path);
}

void removables_find(const struct machine *machine, struct removables *ret)
{
	struct search s = { .machine = machine, .list = ret };
	uint64_t small = 0;
	size_t kept = 0, large = 0;

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		look_into(&s, places[i].dir, places[i].depth, &places[i]);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare);
	vec_foreach (file, ret) {
		bool fits =
			file->is_small ? small + file->size_bytes <= SMALL_MAX : large < LARGE_MAX;

		if (!fits) {
			free(file->path);
			continue;
		}
		small += file->is_small ? file->size_bytes : 0;
		large += !file->is_small;
		ret->items[kept++] = *file;
	}
	ret->count = kept;
}

void removables_done(struct removables *list)
{
	vec_foreach (file, list)
		free(file->path);
	vec_done(list);
}
