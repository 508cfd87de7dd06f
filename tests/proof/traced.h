/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_PROOF_TRACED_H
#define TESTS_PROOF_TRACED_H

/* Looking into a traced process that stands still in a system call: its memory, its descriptors and its paths, and
 * which of them lead to what is watched. */

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define NAME_LEN    256
#define WATCHED_MAX 4096
#define ROOTS_MAX   16

struct node {
	char id[48]; /* "": nothing is there */
};
/* A name in a watched directory. */
struct place {
	struct node dir, node; /* node: what had the name before the call */
	char name[NAME_LEN];
};

static char *roots[ROOTS_MAX]; /* what is watched from the beginning */
static size_t roots_count;
static struct node watched[WATCHED_MAX];
static size_t watched_count;

static void die(const char *what)
{
	fprintf(stderr, "tool-recorder: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* What is watched */

static struct node node_of(const struct stat *st)
{
	struct node node;

	if (S_ISBLK(st->st_mode))
		snprintf(node.id, sizeof(node.id), "disk:%" PRIu64, (uint64_t)st->st_rdev);
	else
		snprintf(node.id, sizeof(node.id), "%" PRIu64 ":%" PRIu64, (uint64_t)st->st_dev,
			 (uint64_t)st->st_ino);
	return node;
}

static bool is_watched(const struct node *node)
{
	for (size_t i = 0; i < watched_count; i++)
		if (!strcmp(watched[i].id, node->id))
			return true;
	return false;
}

static void watch(const struct node *node)
{
	if (is_watched(node))
		return;
	if (watched_count == WATCHED_MAX) {
		errno = ENOSPC;
		die("too many files to watch");
	}
	watched[watched_count++] = *node;
}

static int watch_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct node node = node_of(st);

	(void)path, (void)type, (void)ftw;
	watch(&node);
	return 0;
}

static void watch_all(const char *path)
{
	if (roots_count == ROOTS_MAX || !(roots[roots_count++] = realpath(path, NULL)) ||
	    nftw(path, watch_one, 16, FTW_PHYS) < 0)
		die(path);
}

/* The memory of the traced */

static size_t peek(pid_t tid, uint64_t address, void *into, size_t len)
{
	struct iovec here = { into, len }, there = { (void *)(uintptr_t)address, len };
	ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);

	return got < 0 ? 0 : (size_t)got;
}

/* A path may end at the end of a mapping. */
static bool peek_path(pid_t tid, uint64_t address, char into[PATH_MAX])
{
	size_t len = 0;

	while (len < PATH_MAX) {
		size_t part = 256 - (address + len) % 256, got;

		part = part < PATH_MAX - len ? part : PATH_MAX - len;
		got = peek(tid, address + len, into + len, part);
		if (!got)
			return false;
		if (memchr(into + len, 0, got))
			return true;
		len += got;
	}
	return false;
}

/* Descriptors and paths of the traced */

/* Never by a plain stat(): the file may be in a file system that one of the traced serves, and it stands still now. */
static struct node node_of_fd(pid_t tid, int fd)
{
	struct node node = { "" };
	struct statx st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	if (fd < 0 || statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0)
		return node;
	return node_of(&(struct stat){ .st_mode = st.stx_mode,
				       .st_ino = st.stx_ino,
				       .st_dev = makedev(st.stx_dev_major, st.stx_dev_minor),
				       .st_rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor) });
}

static uint64_t position_of(pid_t tid, int fd)
{
	char path[64];
	uint64_t pos = 0;
	unsigned flags = 0;
	struct stat st;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	info = fopen(path, "r");
	if (!info || fscanf(info, "pos: %" SCNu64 " flags: %o", &pos, &flags) != 2)
		die(path);
	fclose(info);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	return flags & O_APPEND && !stat(path, &st) ? (uint64_t)st.st_size : pos;
}

static bool is_below_a_root(const char *path)
{
	for (size_t i = 0; i < roots_count; i++)
		if (str_starts(path, roots[i]) && strchr("/", path[strlen(roots[i])]))
			return true;
	return false;
}

/* Where a path leads; "": not to what is watched. Only what reads like a path to it is looked up, again because of
 * file systems that stand still; what is missed is missed in the sum of all records too, which a reader compares. */
static void locate(pid_t tid, int dirfd, uint64_t address, struct place *ret)
{
	char link[64], path[PATH_MAX], full[2 * PATH_MAX], *slash;
	struct stat st;
	ssize_t len = 0;

	*ret = (struct place){ 0 };
	if (!peek_path(tid, address, path) || !*path)
		return;
	snprintf(link, sizeof(link), dirfd == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d", tid,
		 dirfd);
	if (*path != '/' && (len = readlink(link, full, PATH_MAX)) < 0)
		return;
	snprintf(full + len, sizeof(full) - (size_t)len, "%s%s", *path == '/' ? "" : "/", path);
	while ((slash = strrchr(full, '/')) && slash > full && !slash[1])
		*slash = '\0'; /* mkdir("name/") */
	if (!slash || !is_below_a_root(full))
		return;
	if (!lstat(full, &st))
		ret->node = node_of(&st);
	*slash++ = '\0';
	if (strlen(slash) < NAME_LEN)
		memcpy(ret->name, slash, strlen(slash) + 1);
	if (!stat(*full ? full : "/", &st))
		ret->dir = node_of(&st);
}

/* The node that a name has now. */
static struct node node_at(pid_t tid, int dirfd, uint64_t address)
{
	struct place place;

	locate(tid, dirfd, address, &place);
	return place.node;
}

#endif
