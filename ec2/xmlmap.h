/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_XMLMAP_H
#define EC2_XMLMAP_H

/* XML by map: one row per field of a reply struct says where it stands in the document. The same
 * rows decode, free and print as JSON; nobody walks XML by hand.
 *
 * A path is child names from the current element, "placement/availabilityZone"; "*" is any child.
 * Where several elements match, a list takes all (so "reservationSet/item/instancesSet/item"
 * flattens) and a single field takes the first that has text. Namespaces and unknown elements are
 * ignored; an empty element is an absent one. Only rows written _NEED must be there and in form:
 * another EC2-compatible server may leave anything else out, or have its own idea of a time. */

#include "base/err.h"
#include "base/mem.h"
#include "ec2/ids.h"
#include "ec2/names.h"
#include "ec2/xml.h"

#include <jansson.h>
#include <stdint.h>

enum xml_kind {
	XML_KIND_END,
	XML_KIND_TEXT,
	XML_KIND_ID,
	XML_KIND_INT,
	XML_KIND_BOOL,
	XML_KIND_TIME,
	XML_KIND_ENUM,
	XML_KIND_ITEMS,
	XML_KIND_TEXTS,
};

struct xmlmap {
	enum xml_kind kind;
	enum { XML_MAY, XML_NEED, XML_EMPTY_COUNTS } rule; /* EMPTY_COUNTS: absent is "" */
	const char *field, *path;
	size_t offset, item_size;
	const struct xmlmap *items;
	const struct enum_names *names;
	const struct id_form *form;
	int64_t absent; /* what an absent integer is */
};

/* The pointer comparison in XML_AT_ makes a field of the wrong C type a compile error. */
#define XML_AT_(type, member, as) \
	(offsetof(type, member) + 0 * sizeof(1 ? (as *)0 : (__typeof__(((type *)0)->member) *)0))
#define XML_ROW_(kind_, type, member, as, path_) \
	.kind = kind_, .field = #member, .path = path_, .offset = XML_AT_(type, member, as)

#define XML_TEXT(type, member, path)                                \
	{                                                           \
		XML_ROW_(XML_KIND_TEXT, type, member, char *, path) \
	}
#define XML_TEXT_NEED(type, member, path)                                             \
	{                                                                             \
		XML_ROW_(XML_KIND_TEXT, type, member, char *, path), .rule = XML_NEED \
	}
#define XML_TEXT_OR_EMPTY(type, member, path)                                                 \
	{                                                                                     \
		XML_ROW_(XML_KIND_TEXT, type, member, char *, path), .rule = XML_EMPTY_COUNTS \
	}
/* id: instance, volume, snapshot or image */
#define XML_ID(type, member, id, path)                                                           \
	{                                                                                        \
		XML_ROW_(XML_KIND_ID, type, member, struct id##_id, path), .form = &id##_id_form \
	}
#define XML_ID_NEED(type, member, id, path)                                                      \
	{                                                                                        \
		XML_ROW_(XML_KIND_ID, type, member, struct id##_id, path), .rule = XML_NEED,     \
									   .form = &id##_id_form \
	}
#define XML_INT(type, member, path)                                 \
	{                                                           \
		XML_ROW_(XML_KIND_INT, type, member, int64_t, path) \
	}
#define XML_INT_OR(type, member, path, value)                                          \
	{                                                                              \
		XML_ROW_(XML_KIND_INT, type, member, int64_t, path), .absent = (value) \
	}
#define XML_BOOL(type, member, path)                                       \
	{                                                                  \
		XML_ROW_(XML_KIND_BOOL, type, member, enum ec2_bool, path) \
	}
#define XML_TIME(type, member, path)                                 \
	{                                                            \
		XML_ROW_(XML_KIND_TIME, type, member, int64_t, path) \
	}
/* prefix: enum ec2_<prefix> and its <prefix>_names */
#define XML_ENUM(type, member, prefix, path)                                    \
	{                                                                       \
		XML_ROW_(XML_KIND_ENUM, type, member, enum ec2_##prefix, path), \
			.names = &prefix##_names                                \
	}
/* A VEC of structs, each read by `map`; VEC(char *) for plain texts. */
#define XML_ITEMS(type, member, map, path_)                              \
	{                                                                \
		.kind = XML_KIND_ITEMS, .field = #member, .path = path_, \
		.offset = offsetof(type, member), .items = (map),        \
		.item_size = sizeof(*((type *)0)->member.items)          \
	}
/* The struct itself is the VEC: the map of a whole list reply. */
#define XML_ITEMS_SELF(type, map, path_)                                                           \
	{                                                                                          \
		.kind = XML_KIND_ITEMS, .field = NULL, .path = path_, .offset = 0, .items = (map), \
		.item_size = sizeof(*((type *)0)->items)                                           \
	}
#define XML_TEXTS(type, member, path_)                                             \
	{                                                                          \
		.kind = XML_KIND_TEXTS, .field = #member, .path = path_,           \
		.offset = offsetof(type, member) +                                 \
			  0 * sizeof(1 ? (char ***)0 : &((type *)0)->member.items) \
	}
#define XML_END                      \
	{                            \
		.kind = XML_KIND_END \
	}

/* Reads the fields into `ret`, which is zeroed or holds an earlier page: lists are appended to. They
 * and the texts take from `room`, in bytes, and ERR_MALFORMED is what happens when there is none.
 * ERR_MALFORMED names the path; `ret` may then hold a part and is still to be freed. */
int xmlmap_read(const struct xmlmap *map, const struct xml *xml, void *ret, size_t *room,
		struct err *err) __attribute__((warn_unused_result));
/* The same from JSON, where a path is member names and an array is what it holds; a number may also be
 * a time (seconds since 1970). */
int xmlmap_read_json(const struct xmlmap *map, const json_t *json, void *ret, size_t *room,
		     struct err *err) __attribute__((warn_unused_result));
/* Frees what the fields own and zeroes the struct of `size` bytes. */
void xmlmap_free(const struct xmlmap *map, void *value, size_t size);
/* The struct as a JSON object (an array for XML_ITEMS_SELF); absent fields are left out. */
json_t *xmlmap_json(const struct xmlmap *map, const void *value);

#endif
