/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/unit_limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)

static const struct limit_kind kinds[] = {
	{ "LimitNOFILE", "a service has not even the descriptors to load its libraries and log",
	  false, true, 1, 32, 256 },
	{ "LimitNPROC", "a session cannot start one command", true, true, 1, 3, 32 },
	{ "LimitAS", "programs cannot map their libraries", false, true, 1024, 48 * M, 512 * M },
	{ "LimitDATA", "programs cannot allocate memory", false, true, 1024, 4 * M, 64 * M },
	{ "LimitSTACK", "programs die as soon as they are executed", false, true, 1024, 128 * K,
	  1024 * K },
	{ "LimitFSIZE", "a service that writes a file is killed", false, true, 1024, 64 * K,
	  16 * M },
	{ "LimitCPU", "a service is killed after a few seconds of work", false, true, 0, 30, 3600 },
	{ "TasksMax", "a service cannot start the processes that a login takes", false, false, 1, 5,
	  64 },
	{ "MemoryMax", "the kernel kills a service for its memory as soon as it starts", false,
	  false, 1024, 4 * M, 32 * M },
	{ "MemoryLimit", "the kernel kills a service for its memory as soon as it starts", false,
	  false, 1024, 4 * M, 32 * M },
	{ "MemoryHigh", "the kernel stalls a service for its memory as soon as it starts", false,
	  false, 1024, 4 * M, 32 * M },
};

const struct limit_kind *limit_kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static bool number_parse(const char **text, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return !errno;
}

bool time_span_parse(const char *text, uint64_t *ret_s)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "us", 0 },
		{ "usec", 0 },
		{ "ms", 1 },
		{ "msec", 1 },
		{ "s", 1000 },
		{ "sec", 1000 },
		{ "second", 1000 },
		{ "seconds", 1000 },
		{ "", 1000 },
		{ "m", 60000 },
		{ "min", 60000 },
		{ "minute", 60000 },
		{ "minutes", 60000 },
		{ "h", 3600000 },
		{ "hr", 3600000 },
		{ "hour", 3600000 },
		{ "hours", 3600000 },
		{ "d", 86400000 },
		{ "day", 86400000 },
		{ "days", 86400000 },
		{ "w", 604800000 },
		{ "week", 604800000 },
		{ "weeks", 604800000 },
		{ "month", 2629800000 },
		{ "months", 2629800000 },
		{ "y", 31557600000 },
		{ "year", 31557600000 },
		{ "years", 31557600000 },
	};
	uint64_t total = 0, number;
	bool is_any = false;

	text += strspn(text, " \t");
	if (str_eq(text, "infinity")) {
		*ret_s = UINT64_MAX;
		return true;
	}
	for (; *text; text += strspn(text, " \t"), is_any = true) {
		size_t len, i;

		if (!number_parse(&text, &number))
			return false;
		if (*text == '.') /* a fraction changes nothing that matters here */
			text += 1 + strspn(text + 1, "0123456789");
		text += strspn(text, " \t");
		for (len = 0; isalpha((unsigned char)text[len]);)
			len++;
		for (i = 0; i < ARRAY_LEN(units); i++)
			if (strlen(units[i].name) == len && !memcmp(units[i].name, text, len))
				break;
		if (i == ARRAY_LEN(units))
			return false;
		if (number > UINT64_MAX / 31557600000 || total + number * units[i].ms < total)
			return false;
		total += number * units[i].ms;
		text += len;
	}
	*ret_s = total / 1000;
	return is_any;
}

/* One of the numbers; what is no number counts as endless. */
static uint64_t read_one(const struct limit_kind *kind, const char *text, size_t len)
{
	static const char suffixes[] = "KMGTPE";
	cleanup(free) char *one = mem_strndup(text, len);
	const char *p = one;
	uint64_t number;

	if (!kind->scale)
		return time_span_parse(one, &number) ? number : UINT64_MAX;
	if (!number_parse(&p, &number))
		return UINT64_MAX;
	p += strspn(p, " \t");
	if (*p && *p != 'B') {
		const char *suffix = kind->scale > 1 ? strchr(suffixes, *p) : NULL;

		if (!suffix)
			return UINT64_MAX; /* per cent, or nonsense */
		for (; suffix >= suffixes; suffix--) {
			if (number > UINT64_MAX / kind->scale)
				return UINT64_MAX;
			number *= kind->scale;
		}
		p++;
	}
	return *p && !str_eq(p, "B") && !str_eq(p, "iB") ? UINT64_MAX : number;
}

enum limit_verdict limit_judge(const struct limit_kind *kind, const char *value)
{
	size_t len = kind->has_soft ? strcspn(value, ":") : strlen(value);
	uint64_t number = read_one(kind, value, len), hard;

	if (kind->has_soft && value[len]) {
		hard = read_one(kind, value + len + 1, strlen(value + len + 1));
		if (number > hard)
			return LIMIT_FINE; /* refused: the soft one may not be the larger */
	}
	if (str_eq(kind->name, "TasksMax") && !number)
		return LIMIT_FINE; /* out of range, ignored */
	return number < kind->fatal ? LIMIT_FATAL : number < kind->low ? LIMIT_LOW : LIMIT_FINE;
}
