/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "base/secrets.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool log_on(const char *subsystem)
{
	const char *on = getenv("EC2_RESCUE_DEBUG");
	size_t n = strlen(subsystem);

	if (!on)
		return false;
	if (str_eq(on, "all"))
		return true;
	for (const char *p = strstr(on, subsystem); p; p = strstr(p + 1, subsystem))
		if ((p == on || p[-1] == ',') && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

static void put_line(const char *subsystem, const char *text)
{
	cleanup(str_done) struct str line = STR_INIT;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	str_addf(&line, "%ld.%03ld %s: ", (long)now.tv_sec, now.tv_nsec / 1000000, subsystem);
	str_add_escaped(&line, text, strlen(text));
	secrets_redact(line.s);
	fprintf(stderr, "%s\n", line.s);
}

void log_debug(const char *subsystem, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	if (!log_on(subsystem))
		return;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	put_line(subsystem, text);
	free(text);
}
