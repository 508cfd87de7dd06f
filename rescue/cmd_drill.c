/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* `ec2-rescue drill NAME`: a program of drills/, with an embedded EC2. Where they are: beside the tree that this program
 * was built in, or where `make install` put them. */

struct places {
	char *drills, *sim, *patient;
};

static void places_done(struct places *p)
{
	free(p->drills);
	free(p->sim);
	free(p->patient);
}
DEFINE_CLEANUP_DONE(struct places, places_done)

/* Of the folder that this program is in. */
static int find_places(const char *dir, struct places *ret, struct err *err)
{
	*ret = (struct places){ mem_printf("%s/../libexec/ec2-rescue/drills", dir),
				mem_printf("%s/../libexec/ec2-rescue/ec2-sim", dir),
				mem_printf("%s/../libexec/ec2-rescue/patient", dir) };
	if (!access(ret->sim, X_OK))
		return 0;
	places_done(ret);
	*ret = (struct places){ mem_printf("%s/../drills", dir), mem_printf("%s/ec2-sim", dir),
				mem_printf("%s/../tests/patient", dir) };
	if (!access(ret->sim, X_OK))
		return 0;
	return err_set(
		err, ERR_NOTFOUND,
		"the drills are not installed; run it in the tree that `make` was run in, or "
		"after `make install`");
}

static bool is_word(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name);
}

/* Becomes the drill. */
static int start(const char *name, struct err *err)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	cleanup(places_done) struct places places = { 0 };
	cleanup(free) char *dir = NULL, *program = NULL;
	char *slash;

	if (len <= 0)
		return err_errno(err, errno, "/proc/self/exe");
	self[len] = '\0';
	dir = mem_strdup(self);
	slash = strrchr(dir, '/');
	*slash = '\0';
	if (find_places(dir, &places, err) < 0)
		return -1;
	program = mem_printf("%s/%s", places.drills, name);
	if (!is_word(name) || access(program, X_OK))
		return err_set(err, ERR_USAGE,
			       "there is no drill \"%s\"; there are: anywhere, nat, net, spot",
			       name);
	setenv("EC2_RESCUE", self, 1);
	setenv("EC2_SIM", places.sim, 1);
	setenv("EC2_PATIENT", places.patient, 1);
	execl(program, program, NULL);
	return err_errno(err, errno, "%s", program);
}

int cmd_drill(const struct options *options, struct report *report)
{
	struct err err = ERR_INIT;

	start(options->targets.items[0], &err);
	report_err(report, NULL, &err);
	return (int)err.code;
}
