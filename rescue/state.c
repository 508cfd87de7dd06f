/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/state.h"

#include "base/file.h"
#include "base/hash.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

int state_make_run(const struct options *options, const char *run, char **ret, struct err *err)
{
	cleanup(free) char *dir = state_run_dir(options, run);
	cleanup(free) char *records = mem_printf("%s/records", dir);
	cleanup(free) char *work = mem_printf("%s/work", dir);

	if (dir_make(records, err) < 0 || dir_make(work, err) < 0)
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
	DIR *dir = opendir(runs);
	struct dirent *entry;

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

		if (form[i] == 'd' ? !isdigit(c) : form[i] == 'x' ? !isxdigit(c) : c != form[i])
			return false;
	}
	return true;
}
