/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_PARAM_H
#define EC2_PARAM_H

/* Request encoding by table: one row per parameter of an action, read from the request struct.
 * The result is a query-protocol form: "&VolumeId=vol-...&Tag.1.Key=a%20b". */

#include "base/str.h"
#include "ec2/calls.h"

enum param_kind {
	PARAM_KIND_END,
	PARAM_KIND_TEXT,    /* const char *, left out when NULL */
	PARAM_KIND_ID,	    /* struct *_id, left out when none */
	PARAM_KIND_FLAG,    /* bool, sent as true or left out */
	PARAM_KIND_BOOL,    /* bool, always sent */
	PARAM_KIND_INT,	    /* int64_t, left out when 0 */
	PARAM_KIND_DRY_RUN, /* enum ec2_dry_run */
	PARAM_KIND_FIXED,   /* always the same */
	PARAM_KIND_TEXTS,   /* array of texts and its count: Name.1, Name.2 */
	PARAM_KIND_ITEMS,   /* array of structs and its count: Name.1.Field */
};

struct param {
	enum param_kind kind;
	const char *name; /* "" inside items: the item itself is the value */
	size_t offset, count_offset, item_size;
	const struct param *items;
	const char *fixed;
};

#define PARAM_ROW_(kind_, type, member, as, name_) \
	.kind = kind_, .name = name_,              \
	.offset = offsetof(type, member) +         \
		  0 * sizeof(1 ? (as *)0 : (__typeof__(((type *)0)->member) *)0)
#define PARAM_TEXT(type, member, name)                                        \
	{                                                                     \
		PARAM_ROW_(PARAM_KIND_TEXT, type, member, const char *, name) \
	}
#define PARAM_SECRET(type, member, name) \
	{                                \
	}
#define PARAM_ID(type, member, id, name)                                      \
	{                                                                     \
		PARAM_ROW_(PARAM_KIND_ID, type, member, struct id##_id, name) \
	}
#define PARAM_FLAG(type, member, name)                                \
	{                                                             \
		PARAM_ROW_(PARAM_KIND_FLAG, type, member, bool, name) \
	}
#define PARAM_BOOL(type, member, name)                                \
	{                                                             \
		PARAM_ROW_(PARAM_KIND_BOOL, type, member, bool, name) \
	}
#define PARAM_INT(type, member, name)                                   \
	{                                                               \
		PARAM_ROW_(PARAM_KIND_INT, type, member, int64_t, name) \
	}
#define PARAM_DRY_RUN(type)                                                               \
	{                                                                                 \
		PARAM_ROW_(PARAM_KIND_DRY_RUN, type, dry_run, enum ec2_dry_run, "DryRun") \
	}
#define PARAM_FIXED(name_, value)                                       \
	{                                                               \
		.kind = PARAM_KIND_FIXED, .name = name_, .fixed = value \
	}
#define PARAM_TEXTS(type, member, count, name_)                                         \
	{                                                                               \
		PARAM_ROW_(PARAM_KIND_TEXTS, type, member, const char *const *, name_), \
			.count_offset = offsetof(type, count)                           \
	}
#define PARAM_ITEMS(type, member, count, name_, map)                                       \
	{                                                                                  \
		.kind = PARAM_KIND_ITEMS, .name = name_, .offset = offsetof(type, member), \
		.count_offset = offsetof(type, count), .items = (map),                     \
		.item_size = sizeof(*((type *)0)->member)                                  \
	}
#define PARAM_END                      \
	{                              \
		.kind = PARAM_KIND_END \
	}

void params_encode(const struct param *rows, const void *request, struct str *form);
bool params_dry_run(const struct param *rows, const void *request); /* is DryRun asked for? */
/* "&name=value", both encoded by RFC 3986. */
void form_add(struct str *form, const char *name, const char *value);
/* RFC 3986: everything but unreserved characters becomes %XX. */
void uri_encode(struct str *into, const char *text, size_t len);

#endif
