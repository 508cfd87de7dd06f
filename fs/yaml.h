/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_YAML_H
#define FS_YAML_H

/* A YAML document as a tree of nodes that know their lines, for checks that change single lines of
 * it. Read by libyaml; aliases stay what they are and are not followed. */

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP, YAML_ALIAS };
struct yaml_node {
	enum yaml_kind kind;
	char *value;			/* of a scalar, without quotes; NULL otherwise */
	bool is_plain;			/* a scalar without quotes */
	bool is_flow;			/* a list in [] or a map in {} */
	uint32_t line, column;		/* where it begins; lines from 1, columns from 0 */
	uint32_t end_line;		/* its last line */
	struct yaml_node *first, *next; /* children; of a map: key, value, key, value */
};
struct yaml_doc {
	struct yaml_node *root; /* NULL: nothing but comments, or is_bad */
	bool is_bad;		/* libyaml refuses it */
	char problem[160];	/* what it says */
	uint32_t bad_line;	/* and where */
};
void yaml_read(const struct str *text, struct yaml_doc *ret);
void yaml_doc_done(struct yaml_doc *);
DEFINE_CLEANUP_DONE(struct yaml_doc, yaml_doc_done)

/* The value under a key of a map, the last one if it is there twice; NULL: none, or no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
const struct yaml_node *yaml_key(const struct yaml_node *map, const char *key);
/* The scalar's text; NULL for anything else. */
const char *yaml_text(const struct yaml_node *);
/* Over keys of a map: for (k = yaml_first_key(m); k; k = yaml_next_key(k)) with k->next the value. */
const struct yaml_node *yaml_first_key(const struct yaml_node *map);
const struct yaml_node *yaml_next_key(const struct yaml_node *key);

#endif
