/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/param.h"

#include <inttypes.h>
#include <stdio.h>

void uri_encode(struct str *into, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-._~", c)))
			str_add_char(into, (char)c);
		else
			str_addf(into, "%%%02X", c);
	}
}

void form_add(struct str *form, const char *name, const char *value)
{
	str_add_char(form, '&');
	uri_encode(form, name, strlen(name));
	str_add_char(form, '=');
	uri_encode(form, value, strlen(value));
}

static void encode_rows(const struct param *rows, const void *request, const char *prefix,
			struct str *form);

/* "prefix" + "name" of one row. */
static char *full_name(const char *prefix, const struct param *row)
{
	size_t len = strlen(prefix);

	if (*row->name)
		return mem_printf("%s%s", prefix, row->name);
	return mem_strndup(prefix, len ? len - 1 : 0); /* without the dot */
}

static void encode_list(const struct param *row, const void *request, const char *name,
			struct str *form)
{
	const char *const *items;
	size_t count;

	memcpy(&items, (const char *)request + row->offset, sizeof(items));
	memcpy(&count, (const char *)request + row->count_offset, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		cleanup(free) char *item =
			mem_printf("%s.%zu%s", name, i + 1, row->items ? "." : "");

		if (row->items)
			encode_rows(row->items,
				    (const char *)(const void *)items + i * row->item_size, item,
				    form);
		else
			form_add(form, item, items[i]);
	}
}

static void encode_row(const struct param *row, const void *request, const char *name,
		       struct str *form)
{
	const void *at = (const char *)request + row->offset;
	const char *text;
	int64_t number;
	char digits[24];

	switch (row->kind) {
	case PARAM_KIND_TEXT:
		memcpy(&text, at, sizeof(text));
		if (text)
			form_add(form, name, text);
		break;
	case PARAM_KIND_ID:
		if (*(const char *)at)
			form_add(form, name, at);
		break;
	case PARAM_KIND_FLAG:
		if (*(const bool *)at)
			form_add(form, name, "true");
		break;
	case PARAM_KIND_BOOL:
		form_add(form, name, *(const bool *)at ? "true" : "false");
		break;
	case PARAM_KIND_INT:
		memcpy(&number, at, sizeof(number));
		snprintf(digits, sizeof(digits), "%" PRId64, number);
		if (number)
			form_add(form, name, digits);
		break;
	case PARAM_KIND_DRY_RUN:
		if (*(const enum ec2_dry_run *)at == EC2_DRY_RUN)
			form_add(form, name, "true");
		break;
	case PARAM_KIND_FIXED:
		form_add(form, name, row->fixed);
		break;
	case PARAM_KIND_TEXTS:
	case PARAM_KIND_ITEMS:
		encode_list(row, request, name, form);
		break;
	case PARAM_KIND_END:
		break;
	}
}

static void encode_rows(const struct param *rows, const void *request, const char *prefix,
			struct str *form)
{
	for (const struct param *row = rows; row->kind != PARAM_KIND_END; row++) {
		cleanup(free) char *name = full_name(prefix, row);

		encode_row(row, request, name, form);
	}
}

void params_encode(const struct param *rows, const void *request, struct str *form)
{
	encode_rows(rows, request, "", form);
}

bool params_dry_run(const struct param *rows, const void *request)
{
	for (const struct param *row = rows; row->kind != PARAM_KIND_END; row++)
		if (row->kind == PARAM_KIND_DRY_RUN)
			return *(const enum ec2_dry_run *)(const void *)((const char *)request +
									 row->offset) ==
			       EC2_DRY_RUN;
	return false;
}
