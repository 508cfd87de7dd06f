/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/root.h"

#include "base/mem.h"

static bool has(struct tree *tree, const char *path)
{
	struct tree_stat st;
	struct err ignored;

	/* Not followed: links may lead to a /usr that is not mounted yet. */
	return !tree_stat(tree, path, TREE_NOFOLLOW, &st, &ignored);
}

unsigned root_score(struct tree *tree)
{
	static const char *const in_etc[] = { "/etc/fstab", "/etc/passwd", "/etc/os-release",
					      "/etc/shadow", "/etc/group" };
	static const char *const beside[] = { "/usr", "/bin", "/sbin", "/lib" };
	static const char *const more[] = { "/sbin/init",
					    "/usr/lib/systemd/systemd",
					    "/lib/systemd/systemd",
					    "/proc",
					    "/dev",
					    "/var",
					    "/boot",
					    "/root" };
	unsigned etc = 0, programs = 0, rest = 0;

	if (!tree_is_dir(tree, "/etc"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(in_etc); i++)
		etc += has(tree, in_etc[i]);
	for (size_t i = 0; i < ARRAY_LEN(beside); i++)
		programs += has(tree, beside[i]);
	if (!etc || !programs)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		rest += has(tree, more[i]);
	return 2 * etc + programs + rest;
}
