/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_CHECKS_SCRATCH_H
#define TESTS_CHECKS_SCRATCH_H

/* A tree in a temporary directory, for tests that put real-world files into a small system. */

#include "base/file.h"
#include "checks/check.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>

struct scratch {
	char dir[64];
	int fd;
	struct tree *tree;
};

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_write(struct scratch *s, const char *path, const void *data, size_t len)
{
	cleanup(free) char *full = mem_printf("%s%s", s->dir, path);
	FILE *file;

	for (char *slash = full + strlen(s->dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	unlink(full);
	file = fopen(full, "w");
	if (!file || fwrite(data, 1, len, file) != len || fclose(file)) {
		printf("Bail out! %s cannot be written\n", full);
		exit(1);
	}
}

static inline void scratch_text(struct scratch *s, const char *path, const char *text)
{
	scratch_write(s, path, text, strlen(text));
}

/* systemctl enable: the unit and its link. */
static inline void scratch_enable(struct scratch *s, const char *unit)
{
	cleanup(free) char *path = mem_printf("/usr/lib/systemd/system/%s", unit);
	cleanup(free) char *link =
		mem_printf("%s/etc/systemd/system/multi-user.target.wants/%s", s->dir, unit);

	scratch_text(s, path, "[Service]\nExecStart=/bin/true\n");
	scratch_text(s, "/etc/systemd/system/multi-user.target.wants/x", "");
	if (symlink(path, link) < 0)
		perror(link);
}

static inline void scratch_open(struct scratch *s)
{
	struct err err = ERR_INIT;

	strcpy(s->dir, "/tmp/scratch-XXXXXX");
	if (!mkdtemp(s->dir) || (s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    tree_open_dir(s->fd, &s->tree, &err) < 0) {
		printf("Bail out! %s %s\n", s->dir, err.text);
		exit(1);
	}
}

static inline void scratch_close(struct scratch *s)
{
	tree_close(s->tree);
	close(s->fd);
	nftw(s->dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Rows of the corpus' tab separated tables: fields of the line at *at, which moves on. False: the
 * end. Fields point into `line`, which the caller frees. */
static inline bool scratch_row(const char **at, char **line, char *fields[12])
{
	size_t n = 0;
	char *rest;

	if (!**at)
		return false;
	*line = mem_strndup(*at, strcspn(*at, "\n"));
	*at += strcspn(*at, "\n");
	*at += **at == '\n';
	rest = *line;
	for (char *field; n < 12 && (field = strsep(&rest, "\t"));)
		fields[n++] = field;
	while (n < 12)
		fields[n++] = str_empty;
	return true;
}

/* A letter lost, doubled or swapped, a word or a line taken away: `seed` decides. */
static inline void scratch_mutate(const struct str *text, unsigned seed, struct str *into)
{
	size_t at = (size_t)(seed * 2654435761u) % text->len, end;

	str_add_bytes(into, text->s, text->len);
	switch (seed % 4) {
	case 0:
		memmove(into->s + at, into->s + at + 1, into->len - at);
		into->len--;
		break;
	case 1:
		if (at + 1 < into->len) {
			char c = into->s[at];

			into->s[at] = into->s[at + 1];
			into->s[at + 1] = c;
		}
		break;
	case 2:
		end = at + strcspn(into->s + at, "\n");
		memmove(into->s + at, into->s + end, into->len - end + 1);
		into->len -= end - at;
		break;
	default:
		while (at && into->s[at - 1] != '\n')
			at--;
		end = at + strcspn(into->s + at, "\n");
		memmove(into->s + at, into->s + end, into->len - end + 1);
		into->len -= end - at;
		break;
	}
}

#endif
