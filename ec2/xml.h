/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_XML_H
#define EC2_XML_H

/* The reading of one XML document, between libxml2 and the field maps (ec2/xmlmap.h).
 *
 * Documents are hostile: a DTD is refused (so there are no entities but XML's own five), nothing is
 * fetched, and depth, number of elements and length of a tag are capped; the transport caps the size.
 * Kept are elements, and the text of those that hold no elements. A text may be a secret: xml_free()
 * overwrites what was kept. */

#include "base/err.h"
#include "base/mem.h"

struct xml;	 /* a parsed document */
struct xml_node; /* an element of it */

/* Loads libxml2; xml_parse() does so too. ERR_TOOL when it is not there, which a client wants to know
 * before it asks anybody for XML. */
int xml_load(struct err *err) __attribute__((warn_unused_result));
/* ERR_MALFORMED with the line: not well-formed, has a DTD, too deep, too many elements. The body is
 * not kept. */
int xml_parse(const char *body, size_t len, struct xml **ret, struct err *err)
	__attribute__((warn_unused_result));
void xml_free(struct xml *xml);
DEFINE_CLEANUP(struct xml *, xml_free)

const struct xml_node *xml_root(const struct xml *xml);
const char *xml_root_name(const struct xml *xml); /* borrowed */
/* The element's own text, NULL when empty; caller frees. */
char *xml_node_text(const struct xml_node *node);
/* Calls func for every element that `path` ("a/b", "*" is any name) leads to, in document order,
 * until it returns non-zero; returns that. */
typedef int xml_each_func(void *arg, const struct xml_node *node);
int xml_each(const struct xml_node *node, const char *path, xml_each_func *func, void *arg);
/* The first non-empty text at `path` from the root; NULL when there is none. Caller frees. */
char *xml_text(const struct xml *xml, const char *path);

#endif
