/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/secrets.h"
#include "base/str.h"

#include <string.h>
#include <unistd.h>

static bool is_environment_wiped, may_have_come;

static bool is_kept(const char *variable, const char *const *keep)
{
	for (; *keep; keep++)
		if (str_starts(variable, *keep) && variable[strlen(*keep)] == '=')
			return true;
	return false;
}

void secrets_wipe_environment(const char *const *keep)
{
	char **to = environ;

	for (char **from = environ; from && *from; from++) {
		if (is_kept(*from, keep))
			*to++ = *from;
		else
			explicit_bzero(*from, strlen(*from));
	}
	if (to)
		*to = NULL;
	is_environment_wiped = true;
}

void secrets_may_come(void)
{
	may_have_come = true;
}

bool secrets_are_absent(void)
{
	return is_environment_wiped && !may_have_come;
}
