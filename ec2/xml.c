/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/xml.h"
#include "base/library.h"
#include "base/str.h"

#include <libxml/parser.h>
#include <strings.h>

/* libxml2, loaded on first use: libxml.CtxtReadMemory() is xmlCtxtReadMemory(). */
#define FUNCTIONS(X)      \
	X(CtxtReadMemory) \
	X(FreeDoc)        \
	X(FreeParserCtxt) \
	X(NewParserCtxt)  \
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

#define MAX_ELEMENTS 500000 /* 1000 instances a page have about 300 elements each */
#define MAX_DEPTH    64	    /* EC2's deepest reply has 12 */
#define MAX_TAG	     4096   /* bytes of one tag, attributes and all: an address, at most */
#define CHUNK	     65536

/* Elements and their texts alone: what else a document can hold costs no memory. Texts are in chunks of
 * their own, which are overwritten when they go: they may be secrets. */
struct xml_node {
	char *name, *text; /* text NULL: none, or elements instead */
	struct xml_node *first, *last, *next, *parent;
};

struct chunk {
	struct chunk *next;
	size_t used, room;
	char bytes[] __attribute__((aligned(sizeof(void *))));
};

struct xml {
	struct chunk *chunks;
	struct xml_node *root;
};

static void *take(struct xml *xml, size_t len)
{
	struct chunk *chunk = xml->chunks;
	size_t need = (len + sizeof(void *) - 1) & ~(sizeof(void *) - 1);

	if (!chunk || chunk->room - chunk->used < need) {
		size_t room = need > CHUNK ? need : CHUNK;

		chunk = mem_alloc(sizeof(*chunk) + room);
		chunk->room = room;
		chunk->next = xml->chunks;
		xml->chunks = chunk;
	}
	chunk->used += need;
	return chunk->bytes + chunk->used - need;
}

static char *take_text(struct xml *xml, const char *text, size_t len)
{
	char *copy = take(xml, len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void xml_free(struct xml *xml)
{
	if (!xml)
		return;
	while (xml->chunks) {
		struct chunk *chunk = xml->chunks;

		xml->chunks = chunk->next;
		explicit_bzero(chunk->bytes, chunk->used);
		free(chunk);
	}
	free(xml);
}

/* What the parser's callbacks share, in ctxt->_private. */
struct reading {
	struct xml *xml;
	struct xml_node *open; /* the element that has begun and not ended */
	struct str text;       /* of it, so far */
	size_t elements, depth;
	const char *refused;
};

static void refuse(xmlParserCtxtPtr ctxt, const char *why)
{
	struct reading *reading = ctxt->_private;

	if (!reading->refused)
		reading->refused = why;
	libxml.StopParser(ctxt);
}

static void on_dtd(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	refuse(arg, "it has a DTD");
}

static void forget_text(struct reading *reading)
{
	if (reading->text.len)
		explicit_bzero(reading->text.s, reading->text.len);
	str_clear(&reading->text);
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		     int ns_count, const xmlChar **namespaces, int attr_count, int default_count,
		     const xmlChar **attributes)
{
	xmlParserCtxtPtr ctxt = arg;
	struct reading *reading = ctxt->_private;
	struct xml_node *node, *parent = reading->open;

	(void)prefix, (void)uri, (void)ns_count, (void)namespaces;
	(void)attr_count, (void)default_count, (void)attributes;
	if (++reading->elements > MAX_ELEMENTS) {
		refuse(ctxt, "it has too many elements");
		return;
	}
	if (++reading->depth > MAX_DEPTH) {
		refuse(ctxt, "it is nested too deeply");
		return;
	}
	node = take(reading->xml, sizeof(*node));
	*node = (struct xml_node){ .parent = parent };
	node->name = take_text(reading->xml, (const char *)name, strlen((const char *)name));
	if (!parent)
		reading->xml->root = node;
	else if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	if (parent)
		parent->last = node;
	reading->open = node;
	forget_text(reading);
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct reading *reading = ((xmlParserCtxtPtr)arg)->_private;
	struct xml_node *node = reading->open;

	(void)name, (void)prefix, (void)uri;
	if (!node)
		return;
	if (!node->first && reading->text.len)
		node->text = take_text(reading->xml, reading->text.s, reading->text.len);
	forget_text(reading);
	reading->open = node->parent;
	reading->depth--;
}

static void on_text(void *arg, const xmlChar *text, int len)
{
	struct reading *reading = ((xmlParserCtxtPtr)arg)->_private;

	if (reading->open && !reading->open->first)
		str_add_bytes(&reading->text, text, (size_t)len);
}

/* libxml2's own sentence ends with a newline and may quote the document. */
static int parse_failed(xmlParserCtxtPtr ctxt, const struct reading *reading, struct err *err)
{
	cleanup(str_done) struct str why = STR_INIT;
	const char *message = ctxt->lastError.message;

	if (reading->refused)
		return err_set(err, ERR_MALFORMED, "the XML is refused: %s", reading->refused);
	if (message)
		str_add_escaped(&why, message, strnlen(message, 200));
	if (str_ends(why.s, "\\n"))
		why.s[why.len - 2] = '\0';
	return err_set(err, ERR_MALFORMED, "not well-formed XML at line %d: %s",
		       ctxt->lastError.line, message ? why.s : "it is empty");
}

/* libxml2 compares each attribute of a tag with each other one, before anybody is asked. */
static bool has_long_tag(const char *body, size_t len)
{
	const char *at = body, *end = body + len, *stop;

	while ((at = memchr(at, '<', (size_t)(end - at)))) {
		stop = memchr(at, '>', (size_t)(end - at));
		if ((stop ? stop : end) - at > MAX_TAG)
			return true;
		at++;
		if (stop)
			at = stop;
	}
	return false;
}

/* UTF-8, as AWS sends it, or Latin 1 where the document says so; in any other "<" may be another byte
 * than has_long_tag() looks for. */
static const char *encoding_of(const char *body, size_t len)
{
	static const char latin1[] = "iso-8859-1";
	size_t head = len < 100 ? len : 100;

	for (size_t i = 0; i + sizeof(latin1) <= head && body[i] != '>'; i++)
		if (!strncasecmp(body + i, latin1, sizeof(latin1) - 1))
			return "ISO-8859-1";
	return "UTF-8";
}

static void listen(xmlParserCtxtPtr ctxt, struct reading *reading)
{
	ctxt->_private = reading;
	ctxt->sax->internalSubset = on_dtd;
	ctxt->sax->startElementNs = on_start;
	ctxt->sax->endElementNs = on_end;
	ctxt->sax->characters = ctxt->sax->ignorableWhitespace = ctxt->sax->cdataBlock = on_text;
	ctxt->sax->comment = NULL;
	ctxt->sax->processingInstruction = NULL;
	ctxt->sax->reference = NULL;
}

int xml_parse(const char *body, size_t len, struct xml **ret, struct err *err)
{
	static const int options =
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC;
	struct reading reading = { .text = STR_INIT };
	xmlParserCtxtPtr ctxt;
	xmlDocPtr doc;
	int rc = 0;

	if (xml_load(err) < 0)
		return -1;
	if (has_long_tag(body, len))
		return err_set(err, ERR_MALFORMED,
			       "the XML is refused: it has a tag of more than %d bytes", MAX_TAG);
	ctxt = libxml.NewParserCtxt();
	if (!ctxt || len > INT_MAX) {
		libxml.FreeParserCtxt(ctxt);
		return err_set(err, ERR_MALFORMED, "the XML parser could not start");
	}
	reading.xml = mem_alloc(sizeof(*reading.xml));
	listen(ctxt, &reading);
	doc = libxml.CtxtReadMemory(ctxt, body, (int)len, NULL, encoding_of(body, len), options);
	if (!doc || reading.refused || !reading.xml->root) {
		rc = parse_failed(ctxt, &reading, err);
		xml_free(reading.xml);
	} else {
		*ret = reading.xml;
	}
	libxml.FreeDoc(doc);
	libxml.FreeParserCtxt(ctxt);
	forget_text(&reading);
	str_done(&reading.text);
	return rc;
}

const struct xml_node *xml_root(const struct xml *xml)
{
	return xml->root;
}

const char *xml_root_name(const struct xml *xml)
{
	return xml->root->name;
}

char *xml_node_text(const struct xml_node *node)
{
	return node->text ? mem_strdup(node->text) : NULL;
}

int xml_each(const struct xml_node *node, const char *path, xml_each_func *func, void *arg)
{
	size_t name_len = strcspn(path, "/");
	const char *rest = path[name_len] ? path + name_len + 1 : NULL;
	int rc = 0;

	for (const struct xml_node *n = node->first; n && !rc; n = n->next) {
		if (!(name_len == 1 && *path == '*') &&
		    (strncmp(n->name, path, name_len) != 0 || n->name[name_len]))
			continue;
		rc = rest ? xml_each(n, rest, func, arg) : func(arg, n);
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
