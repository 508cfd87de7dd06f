/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/device.h"

#include "base/str.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

/* "…vol0123" must not be taken for "…vol01234567": the id ends where hexadecimal digits end. */
static bool names_volume(const char *name, const char *id)
{
	const char *at = strstr(name, id);

	return at && !isxdigit((unsigned char)at[strlen(id)]) && !strstr(at, "-part");
}

char *device_find(const char *dir, const struct volume_id *volume)
{
	char dashless[sizeof(volume->s)];
	char *best = NULL;
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (!d)
		return NULL;
	snprintf(dashless, sizeof(dashless), "vol%s", volume->s + strlen("vol-"));
	while ((entry = readdir(d))) {
		cleanup(free) char *path = NULL;
		struct stat st;

		if (!names_volume(entry->d_name, dashless) &&
		    !names_volume(entry->d_name, volume->s))
			continue;
		path = mem_printf("%s/%s", dir, entry->d_name);
		if (stat(path, &st) < 0 || !(S_ISBLK(st.st_mode) || S_ISREG(st.st_mode)))
			continue; /* a link that udev has not finished */
		/* Several links lead to one device; always take the same. */
		if (!best || strcmp(path, best) < 0) {
			free(best);
			best = TAKE(path);
		}
	}
	closedir(d);
	return best;
}
