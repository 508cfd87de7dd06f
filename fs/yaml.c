/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/yaml.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 64u
#define NODES_MAX 100000u

struct builder {
	struct yaml_node *open[DEPTH_MAX], **tail[DEPTH_MAX];
	size_t depth, count;
	struct yaml_doc *doc;
};

static void free_node(struct yaml_node *node)
{
	/* A node's children are put before what is still to be freed: no recursion. */
	while (node) {
		struct yaml_node *rest = node->next, *last = node->first;

		while (last && last->next)
			last = last->next;
		if (last) {
			last->next = rest;
			rest = node->first;
		}
		free(node->value);
		free(node);
		node = rest;
	}
}

void yaml_doc_done(struct yaml_doc *doc)
{
	free_node(doc->root);
	doc->root = NULL;
}

static void refuse(struct builder *b, const char *problem, size_t line)
{
	b->doc->is_bad = true;
	b->doc->bad_line = (uint32_t)line + 1;
	snprintf(b->doc->problem, sizeof(b->doc->problem), "%s", problem);
}

static struct yaml_node *add_node(struct builder *b, enum yaml_kind kind, const yaml_event_t *event)
{
	struct yaml_node *node = mem_alloc(sizeof(*node));

	*node = (struct yaml_node){ .kind = kind,
				    .line = (uint32_t)event->start_mark.line + 1,
				    .column = (uint32_t)event->start_mark.column,
				    .end_line = (uint32_t)event->end_mark.line + 1 };
	if (!b->depth) {
		free_node(b->doc->root);
		b->doc->root = node;
	} else {
		*b->tail[b->depth - 1] = node;
		b->tail[b->depth - 1] = &node->next;
	}
	return node;
}

static void open_node(struct builder *b, enum yaml_kind kind, const yaml_event_t *event,
		      bool is_flow)
{
	struct yaml_node *node = add_node(b, kind, event);

	node->is_flow = is_flow;
	b->open[b->depth] = node;
	b->tail[b->depth++] = &node->first;
}

/* A block's end is only seen where the next thing begins; its last child knows better. */
static void close_node(struct builder *b, const yaml_event_t *event)
{
	struct yaml_node *node = b->open[--b->depth];

	if (node->is_flow)
		node->end_line = (uint32_t)event->end_mark.line + 1;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		if (child->end_line > node->end_line)
			node->end_line = child->end_line;
}

/* False: the end, or an error. */
static bool take(struct builder *b, const yaml_event_t *event)
{
	struct yaml_node *node;

	if (b->count++ > NODES_MAX ||
	    (b->depth == DEPTH_MAX && (event->type == YAML_MAPPING_START_EVENT ||
				       event->type == YAML_SEQUENCE_START_EVENT))) {
		refuse(b, "too large or too deeply nested", event->start_mark.line);
		return false;
	}
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		node = add_node(b, YAML_SCALAR, event);
		node->value = mem_strndup((const char *)event->data.scalar.value,
					  event->data.scalar.length);
		node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		return true;
	case YAML_ALIAS_EVENT:
		add_node(b, YAML_ALIAS, event);
		return true;
	case YAML_MAPPING_START_EVENT:
		open_node(b, YAML_MAP, event,
			  event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
		return true;
	case YAML_SEQUENCE_START_EVENT:
		open_node(b, YAML_LIST, event,
			  event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
		return true;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		if (b->depth) /* it ends what it began */
			close_node(b, event);
		return true;
	default:
		return event->type != YAML_STREAM_END_EVENT;
	}
}

void yaml_read(const struct str *text, struct yaml_doc *ret)
{
	struct builder b = { .doc = ret };
	yaml_parser_t parser;
	yaml_event_t event;
	bool goes_on = true;

	*ret = (struct yaml_doc){ 0 };
	if (!yaml_parser_initialize(&parser)) {
		refuse(&b, "out of memory", 0);
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text->s, text->len);
	while (goes_on) {
		if (!yaml_parser_parse(&parser, &event)) {
			refuse(&b, parser.problem ? parser.problem : "unreadable",
			       parser.problem_mark.line);
			break;
		}
		goes_on = take(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (ret->is_bad)
		yaml_doc_done(ret);
}

const struct yaml_node *yaml_first_key(const struct yaml_node *map)
{
	return map && map->kind == YAML_MAP ? map->first : NULL;
}

const struct yaml_node *yaml_next_key(const struct yaml_node *key)
{
	return key->next ? key->next->next : NULL;
}

const struct yaml_node *yaml_key(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *found = NULL;

	for (const struct yaml_node *k = yaml_first_key(map); k; k = yaml_next_key(k))
		if (k->kind == YAML_SCALAR && str_eq(k->value, key))
			found = k;
	return found;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *found = yaml_key(map, key);

	return found ? found->next : NULL;
}

const char *yaml_text(const struct yaml_node *node)
{
	return node && node->kind == YAML_SCALAR ? node->value : NULL;
}
