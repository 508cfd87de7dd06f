/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/xml.h"
#include "base/library.h"
#include "base/str.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

/* libxml2, loaded on first use: libxml.FreeDoc() is xmlFreeDoc(). */
#define FUNCTIONS(X)          \
	X(CtxtReadMemory)     \
	X(DocGetRootElement)  \
	X(FreeDoc)            \
	X(FreeParserCtxt)     \
	X(NewParserCtxt)      \
	X(SAX2StartElementNs) \
	X(StopParser)
#define POINTER(name) __typeof__(xml##name) *name;
#define NAME(name)    "xml" #name,

static struct {
	FUNCTIONS(POINTER)
} libxml;

int xml_load(struct err *err)
{
	static const char *const names[] = { FUNCTIONS(NAME) };
	static struct library library = {
		/* The soname goes with the layout of the structs that the header has. */
		.soname = LIBXML_VERSION < 21400 ? "libxml2.so.2" : "libxml2.so.16",
		.package = "libxml2",
		.names = names,
		.count = ARRAY_LEN(names),
		.functions = &libxml,
	};

	return library_load(&library, err);
}

#define MAX_ELEMENTS 1000000 /* 1000 instances a page have about 300 elements each */
#define MAX_DEPTH    64	     /* EC2's deepest reply has 12 */

/* What the parser's callbacks share, in ctxt->_private. */
struct limits {
	size_t elements;
	const char *refused;
};

static void refuse(xmlParserCtxtPtr ctxt, const char *why)
{
	struct limits *limits = ctxt->_private;

	if (!limits->refused)
		limits->refused = why;
	libxml.StopParser(ctxt);
}

static void on_dtd(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	refuse(arg, "it has a DTD");
}

static void on_element(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		       int ns_count, const xmlChar **namespaces, int attr_count, int default_count,
		       const xmlChar **attributes)
{
	xmlParserCtxtPtr ctxt = arg;
	struct limits *limits = ctxt->_private;

	if (++limits->elements > MAX_ELEMENTS)
		refuse(ctxt, "it has too many elements");
	else if (ctxt->nodeNr > MAX_DEPTH)
		refuse(ctxt, "it is nested too deeply");
	else
		libxml.SAX2StartElementNs(arg, name, prefix, uri, ns_count, namespaces, attr_count,
					  default_count, attributes);
}

/* libxml2's own sentence ends with a newline and may quote the document. */
static int parse_failed(xmlParserCtxtPtr ctxt, const struct limits *limits, struct err *err)
{
	cleanup(str_done) struct str why = STR_INIT;
	const char *message = ctxt->lastError.message;

	if (limits->refused)
		return err_set(err, ERR_MALFORMED, "the XML is refused: %s", limits->refused);
	if (message)
		str_add_escaped(&why, message, strnlen(message, 200));
	if (str_ends(why.s, "\\n"))
		why.s[why.len - 2] = '\0';
	return err_set(err, ERR_MALFORMED, "not well-formed XML at line %d: %s",
		       ctxt->lastError.line, message ? why.s : "it is empty");
}

int xml_parse(const char *body, size_t len, struct xml **ret, struct err *err)
{
	static const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				   XML_PARSE_NOCDATA | XML_PARSE_COMPACT | XML_PARSE_NOBLANKS;
	struct limits limits = { 0 };
	xmlParserCtxtPtr ctxt;
	xmlDocPtr doc = NULL;
	int rc = 0;

	if (xml_load(err) < 0)
		return -1;
	ctxt = libxml.NewParserCtxt();
	if (!ctxt || len > INT_MAX) {
		libxml.FreeParserCtxt(ctxt);
		return err_set(err, ERR_MALFORMED, "the XML parser could not start");
	}
	ctxt->_private = &limits;
	ctxt->sax->internalSubset = on_dtd;
	ctxt->sax->startElementNs = on_element;
	doc = libxml.CtxtReadMemory(ctxt, body, (int)len, NULL, NULL, options);
	if (!doc || limits.refused || !libxml.DocGetRootElement(doc)) {
		rc = parse_failed(ctxt, &limits, err);
		libxml.FreeDoc(doc);
	} else {
		*ret = (struct xml *)doc;
	}
	libxml.FreeParserCtxt(ctxt);
	return rc;
}

void xml_free(struct xml *xml)
{
	if (xml)
		libxml.FreeDoc((xmlDocPtr)xml);
}

/* Short texts are shared with names in libxml2's dictionary; no key or token is that short. */
#define SHORTEST_SECRET 8

void xml_wipe(struct xml *xml)
{
	xmlNodePtr top = libxml.DocGetRootElement((xmlDocPtr)xml), node = top;

	while (node) {
		if (node->type == XML_TEXT_NODE && node->content &&
		    strlen((char *)node->content) > SHORTEST_SECRET)
			explicit_bzero(node->content, strlen((char *)node->content));
		if (node->children) {
			node = node->children;
			continue;
		}
		while (node != top && !node->next)
			node = node->parent;
		node = node == top ? NULL : node->next;
	}
}

const struct xml_node *xml_root(const struct xml *xml)
{
	return (const struct xml_node *)libxml.DocGetRootElement((const xmlDoc *)xml);
}

const char *xml_root_name(const struct xml *xml)
{
	return (const char *)libxml.DocGetRootElement((const xmlDoc *)xml)->name;
}

char *xml_node_text(const struct xml_node *node)
{
	struct str text = STR_INIT;

	for (const xmlNode *n = ((const xmlNode *)node)->children; n; n = n->next)
		if ((n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) && n->content)
			str_add(&text, (const char *)n->content);
	if (text.len)
		return str_take(&text);
	str_done(&text);
	return NULL;
}

int xml_each(const struct xml_node *node, const char *path, xml_each_func *func, void *arg)
{
	size_t name_len = strcspn(path, "/");
	const char *rest = path[name_len] ? path + name_len + 1 : NULL;
	int rc = 0;

	for (const xmlNode *n = ((const xmlNode *)node)->children; n && !rc; n = n->next) {
		const char *name = (const char *)n->name;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		if (!(name_len == 1 && *path == '*') &&
		    (strncmp(name, path, name_len) != 0 || name[name_len]))
			continue;
		rc = rest ? xml_each((const struct xml_node *)n, rest, func, arg)
			  : func(arg, (const struct xml_node *)n);
	}
	return rc;
}

static int take_first(void *arg, const struct xml_node *node)
{
	char **ret = arg;

	*ret = xml_node_text(node);
	return *ret ? 1 : 0;
}

char *xml_text(const struct xml *xml, const char *path)
{
	char *text = NULL;

	xml_each(xml_root(xml), path, take_first, &text);
	return text;
}
