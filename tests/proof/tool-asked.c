/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-asked DIR: every path that the checks ask a tree for, one a line and each once: the tree below
 * DIR answers, and what is asked on the way is noted. So what is made hostile is what is read, and a
 * new check's files are among it from its first day. */
#include "base/file.h"
#include "checks/check.h"
#include "checks/sshd_conf.h"

#include <stdio.h>

struct noted {
	struct tree *below;
	struct tree_names asked;
};

static void note(struct noted *noted, const char *path)
{
	vec_foreach (old, &noted->asked)
		if (str_eq(*old, path))
			return;
	vec_push(&noted->asked, mem_strdup(path));
	puts(path);
}

static int note_stat(void *p, const char *path, enum tree_follow follow, struct tree_stat *ret,
		     struct err *err)
{
	note(p, path);
	return tree_stat(((struct noted *)p)->below, path, follow, ret, err);
}

static int note_read(void *p, const char *path, size_t most, struct str *into, struct err *err)
{
	note(p, path);
	return tree_read(((struct noted *)p)->below, path, most, into, err);
}

static int note_readlink(void *p, const char *path, struct str *into, struct err *err)
{
	note(p, path);
	return tree_readlink(((struct noted *)p)->below, path, into, err);
}

static int note_list(void *p, const char *path, struct tree_names *ret, struct err *err)
{
	note(p, path);
	return tree_list(((struct noted *)p)->below, path, ret, err);
}

static int note_getxattr(void *p, const char *path, const char *name, struct str *into,
			 struct err *err)
{
	note(p, path);
	return tree_getxattr(((struct noted *)p)->below, path, name, into, err);
}

static int note_resolve(void *p, const char *path, struct str *into, struct err *err)
{
	note(p, path);
	return tree_resolve(((struct noted *)p)->below, path, into, err);
}

static const struct tree_ops ops = { .stat = note_stat,
				     .read = note_read,
				     .readlink = note_readlink,
				     .list = note_list,
				     .getxattr = note_getxattr,
				     .resolve = note_resolve };

int main(int argc, char *argv[])
{
	cleanup(fd_close) int fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };
	struct sshd_listens listens = { 0 };
	struct noted noted = { 0 };
	struct machine_given given = { 0 };
	struct machine *machine;
	struct err err = ERR_INIT;

	if (fd < 0 || tree_open_dir(fd, &noted.below, &err) < 0) {
		fprintf(stderr, "usage: tool-asked DIR %s\n", err.text);
		return 2;
	}
	given.tree = tree_new_backend(&ops, &noted);
	machine = machine_new(&given);
	for (size_t i = 0; i < check_count; i++)
		check_run(checks[i], machine, &findings, &unknown);
	(void)!sshd_listen(machine, &listens, &err);
	sshd_listens_done(&listens);
	vec_done(&unknown);
	machine_free(machine);
	tree_close(given.tree);
	tree_close(noted.below);
	tree_names_done(&noted.asked);
	return 0;
}
