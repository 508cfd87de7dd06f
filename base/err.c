/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"
#include "base/secrets.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Here, and not by each of those who quote what they have read: a sentence is for a terminal, and no secret is in
 * it. */
static int finish(struct err *err)
{
	secrets_redact(err->text);
	escape_into(err->text, sizeof(err->text), err->text, strlen(err->text));
	return -1;
}

/* The words may quote those that it has now. */
static void __attribute__((format(printf, 2, 0)))
write_text(struct err *err, const char *fmt, va_list ap)
{
	char text[sizeof(err->text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	memcpy(err->text, text, strlen(text) + 1);
}

int(err_set)(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	write_text(err, fmt, ap);
	va_end(ap);
	return finish(err);
}

int(err_errno)(struct err *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	size_t used;

	switch (errnum) {
	case ENOENT:
		err->code = ERR_NOTFOUND;
		break;
	case EACCES:
	case EPERM:
		err->code = ERR_DENIED;
		break;
	case EBUSY:
		err->code = ERR_BUSY;
		break;
	default:
		err->code = ERR_IO;
	}
	va_start(ap, fmt);
	write_text(err, fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(errnum));
	return finish(err);
}

int(err_in)(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->text)];
	va_list ap;
	size_t used;

	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	write_text(err, fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
	return finish(err);
}

void err_clear(struct err *err)
{
	err->code = ERR_NONE;
	err->text[0] = '\0';
}

static const struct {
	enum err_code code;
	const char *name;
} names[] = { { ERR_NONE, "ERR_NONE" },
#define ERR_ROW(name, status, meaning) { name, #name },
	      ERR_CODES(ERR_ROW)
#undef ERR_ROW
};

const char *err_name(enum err_code code)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	return "ERR_?";
}

enum err_code err_from_name(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].name, name))
			return names[i].code;
	return ERR_INTERNAL;
}
