/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_XML_SMALL_H
#define CHECKS_XML_SMALL_H

/* The XML of small settings files: elements, attributes, comments, character references. Where the
 * elements stand in the text is kept, for edits. No document type is read: a file with one is
 * "odd", neither good nor broken. Source: XML 1.0, well-formedness. */

#include "base/str.h"

#include <stdint.h>

#define XML_NONE SIZE_MAX

struct xml_attr {
	char *name, *value;
};
struct xml_element {
	char *name;
	VEC(struct xml_attr) attrs;
	size_t parent; /* index; XML_NONE: the root */
	uint32_t line;
	size_t at, open_end;	    /* the start tag: [at, open_end) */
	size_t close_at, close_end; /* the end tag; an empty element: both are open_end */
};
struct xml {
	struct xml_element *items; /* in the order of the document */
	size_t count, room;
	bool is_odd;
	const char *problem; /* NULL: well-formed as far as this reader knows */
	uint32_t problem_line;
};
/* Never fails; up to 20,000 elements, 64 deep. */
void xml_read(const struct str *text, struct xml *ret);
void xml_done(struct xml *);
DEFINE_CLEANUP_DONE(struct xml, xml_done)
/* NULL: there is no such attribute. */
const char *xml_get(const struct xml_element *, const char *name);

#endif
