/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/when.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static int two_digits(const char *p)
{
	return isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1])
		       ? (p[0] - '0') * 10 + p[1] - '0'
		       : -1;
}

/* "+01:00", "+0100", "Z" or nothing. */
static int parse_offset(const char *p, int64_t *ret)
{
	int64_t sign = *p == '+' ? 1 : *p == '-' ? -1 : 0;
	bool has_colon = strlen(p) == 6 && p[3] == ':';
	int hours, minutes;

	*ret = 0;
	if (!*p || !strcmp(p, "Z") || !strcmp(p, "z") || !strcmp(p, "UTC"))
		return 0;
	if (!sign || (!has_colon && strlen(p) != 5))
		return -1;
	hours = two_digits(p + 1);
	minutes = two_digits(p + (has_colon ? 4 : 3));
	if (hours < 0 || minutes < 0)
		return -1;
	*ret = sign * 60 * (hours * 60 + minutes);
	return 0;
}

int when_parse_iso8601(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	int64_t offset;
	const char *p = strptime(text, "%Y-%m-%d", &tm);

	if (!p || (*p != 'T' && *p != ' ') || !(p = strptime(p + 1, "%H:%M:%S", &tm)))
		return -1;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	if (parse_offset(p, &offset) < 0)
		return -1;
	*ret = (int64_t)timegm(&tm) - offset;
	return 0;
}

static struct tm utc(int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	return tm;
}

void when_amz(int64_t time_s, char ret[17])
{
	struct tm tm = utc(time_s);

	if (!strftime(ret, 17, "%Y%m%dT%H%M%SZ", &tm))
		ret[0] = '\0'; /* a year of five digits */
}

void when_iso8601(int64_t time_s, char ret[21])
{
	struct tm tm = utc(time_s);

	if (!strftime(ret, 21, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = '\0';
}
