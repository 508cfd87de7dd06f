/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/state.h"

#include "base/file.h"
#include "base/hash.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

void run_names_done(struct run_names *names)
{
	vec_foreach (name, names)
		free(*name);
	vec_done(names);
}

/* $HOME, else what the system has on record; "" when nothing is known. */
static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw = home && home[0] == '/' ? NULL : getpwuid(geteuid());

	return home && home[0] == '/' ? home : pw && pw->pw_dir[0] == '/' ? pw->pw_dir : "";
}

char *state_dir(const struct options *options)
{
	const char *xdg = getenv("XDG_STATE_HOME");

	if (options->state_dir)
		return mem_strdup(options->state_dir);
	if (geteuid() == 0)
		return mem_strdup("/var/lib/ec2-rescue");
	if (xdg && xdg[0] == '/')
		return mem_printf("%s/ec2-rescue", xdg);
	return mem_printf("%s/.local/state/ec2-rescue", home_dir());
}

char *state_run_dir(const struct options *options, const char *run)
{
	cleanup(free) char *top = state_dir(options);

	return mem_printf("%s/runs/%s", top, run);
}

/* ---- closed to others ---- */

static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid();
}

static int is_foreign(const char *path, struct err *err)
{
	return err_set(
		err, ERR_REFUSED,
		"%s belongs to another user or leads out of the state directory, so what a repair "
		"rests on could have been changed; look at it and remove it or `chown` it, or "
		"give another --state-dir",
		path);
}

/* A directory with other things in it may be open on purpose: its mode is not ours to change. */
static int holds_only_ours(const char *top, const struct stat *st, struct err *err)
{
	static const char *const ours[] = { ".", "..", "runs", "targets", "lost+found" };
	DIR *dir = opendir(top);
	const struct dirent *entry;
	int rc = dir ? 0 : err_errno(err, errno, "%s", top);

	while (!rc && (entry = readdir(dir))) {
		cleanup(str_done) struct str shown = STR_INIT;
		size_t i = 0;

		while (i < ARRAY_LEN(ours) && !str_eq(entry->d_name, ours[i]))
			i++;
		if (i < ARRAY_LEN(ours))
			continue;
		str_add_escaped(&shown, entry->d_name, strlen(entry->d_name));
		rc = err_set(
			err, ERR_REFUSED,
			"the state directory %s is open to others (mode %04o) and holds other "
			"things (%s), so its mode is left alone: `chmod 700` it, or give another "
			"--state-dir",
			top, st->st_mode & 07777, shown.s);
	}
	if (dir)
		closedir(dir);
	return rc;
}

/* What lies in a directory that was open. A link, or a file with a second name, could lead the
 * change of the mode to somebody else's file. */
static int close_entry(const FTSENT *entry, struct err *err)
{
	cleanup(fd_close) int fd = -1;
	struct stat st;

	if (entry->fts_info == FTS_DP)
		return 0;
	fd = open(entry->fts_accpath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return is_foreign(entry->fts_path, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "%s", entry->fts_path);
	if (!is_ours(&st) || !(S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1)))
		return is_foreign(entry->fts_path, err);
	if ((st.st_mode & 077) && fchmod(fd, st.st_mode & 0700) < 0)
		return err_errno(err, errno, "the mode of %s", entry->fts_path);
	return 0;
}

static int close_all(const char *top, struct err *err)
{
	char *const paths[] = { (char *)(uintptr_t)top, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	int rc = walk ? 0 : err_errno(err, errno, "%s", top);

	while (!rc && (entry = fts_read(walk)))
		rc = close_entry(entry, err);
	if (walk)
		fts_close(walk);
	return rc;
}

int state_close(const char *top, struct err *err)
{
	struct stat st;

	if (stat(top, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "%s", top);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "%s is not a directory", top);
	if (!is_ours(&st))
		return is_foreign(top, err);
	if (!(st.st_mode & 077))
		return 0;
	if (holds_only_ours(top, &st, err) < 0)
		return -1;
	if (chmod(top, 0700) < 0) /* first: nobody shall come in meanwhile */
		return err_errno(err, errno, "the mode of %s", top);
	return close_all(top, err);
}

/* ---- runs ---- */

int state_make_run(const struct options *options, const char *run, char **ret, struct err *err)
{
	cleanup(free) char *dir = state_run_dir(options, run);
	cleanup(free) char *records = mem_printf("%s/records", dir);
	cleanup(free) char *work = mem_printf("%s/work", dir);
	cleanup(free) char *top = state_dir(options);

	if (state_close(top, err) < 0 || dir_make(records, err) < 0 || dir_make(work, err) < 0)
		return err_in(err, "state directory (see --state-dir)");
	*ret = TAKE(dir);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int state_list_runs(const struct options *options, struct run_names *ret, struct err *err)
{
	cleanup(free) char *top = state_dir(options);
	cleanup(free) char *runs = mem_printf("%s/runs", top);
	struct dirent *entry;
	DIR *dir;

	if (state_close(top, err) < 0)
		return -1;
	dir = opendir(runs);
	if (!dir)
		return errno == ENOENT ? 0 : err_errno(err, errno, "%s", runs);
	while ((entry = readdir(dir)))
		if (run_id_is_valid(entry->d_name))
			vec_push(ret, mem_strdup(entry->d_name));
	closedir(dir);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
	return 0;
}

void state_clean_work(const char *run_dir)
{
	cleanup(free) char *work = mem_printf("%s/work", run_dir);

	dir_remove_all(work);
}

void run_id_make(char ret[RUN_ID_SIZE])
{
	time_t now = time(NULL);
	struct tm tm;
	unsigned char random[3];

	gmtime_r(&now, &tm);
	random_bytes(random, sizeof(random));
	strftime(ret, RUN_ID_SIZE, "r%Y%m%d-%H%M%S", &tm);
	snprintf(ret + strlen(ret), RUN_ID_SIZE - strlen(ret), "-%02x%02x%02x", random[0],
		 random[1], random[2]);
}

bool run_id_is_valid(const char *text)
{
	static const char form[] = "rdddddddd-dddddd-xxxxxx";

	for (size_t i = 0; i < sizeof(form); i++) {
		unsigned char c = (unsigned char)text[i];

		if (form[i] == 'd'   ? !isdigit(c)
		    : form[i] == 'x' ? !isxdigit(c)
				     : c != (unsigned char)form[i])
			return false;
	}
	return true;
}
