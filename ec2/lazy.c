/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcurl and libxml2, loaded when they are first called. They bring forty more libraries with
 * them, which takes several milliseconds in every process: twice that (with the surgeon) was most
 * of an audit's time, and an audit speaks to nobody. The functions that ec2/ calls are defined here
 * and pass on; a new one is one more row. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* With arguments of any type, these are macros of curl's headers. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

static void __attribute__((noreturn)) give_up(void)
{
	const char *why = dlerror();

	/* As when memory is out: the journal holds what was borrowed. */
	fprintf(stderr, "ec2-rescue: a library could not be loaded: %s\n", why ? why : "");
	abort();
}

static void *load(void **handle, const char *file, const char *name)
{
	void *function;

	if (!*handle)
		*handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	function = *handle ? dlsym(*handle, name) : NULL;
	if (!function)
		give_up();
	return function;
}

static void *from_curl(const char *name)
{
	static void *handle;

	return load(&handle, CURL_SONAME, name);
}

static void *from_xml(const char *name)
{
	static void *handle;

	return load(&handle, XML_SONAME, name);
}

#define REAL(library, name)                            \
	({                                             \
		static __typeof__(&name) real_;        \
		if (!real_)                            \
			real_ = from_##library(#name); \
		real_;                                 \
	})
#define PASS_ON(library, type, name, params, args) \
	type name params                           \
	{                                          \
		return REAL(library, name) args;   \
	}

PASS_ON(curl, CURLcode, curl_global_init, (long flags), (flags))
PASS_ON(curl, void, curl_free, (void *p), (p))
PASS_ON(curl, time_t, curl_getdate, (const char *text, const time_t *unused), (text, unused))
PASS_ON(curl, CURL *, curl_easy_init, (void), ())
PASS_ON(curl, void, curl_easy_cleanup, (CURL * easy), (easy))
PASS_ON(curl, const char *, curl_easy_strerror, (CURLcode code), (code))
PASS_ON(curl, struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text),
	(list, text))
PASS_ON(curl, void, curl_slist_free_all, (struct curl_slist * list), (list))
PASS_ON(curl, CURLM *, curl_multi_init, (void), ())
PASS_ON(curl, CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))
PASS_ON(curl, CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy), (multi, easy))
PASS_ON(curl, CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL *easy), (multi, easy))
PASS_ON(curl, CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left), (multi, left))
PASS_ON(curl, CURLMcode, curl_multi_socket_action,
	(CURLM * multi, curl_socket_t fd, int events, int *running), (multi, fd, events, running))
PASS_ON(curl, CURLU *, curl_url, (void), ())
PASS_ON(curl, void, curl_url_cleanup, (CURLU * url), (url))
/* curl_url_get takes a pointer to const in newer versions of curl. */
typedef __typeof__(_Generic(&curl_url_get,
			    CURLUcode (*)(const CURLU *, CURLUPart, char **, unsigned)
			    : (const CURLU *)NULL, default
			    : (CURLU *)NULL)) url_to_read;
PASS_ON(curl, CURLUcode, curl_url_get,
	(url_to_read url, CURLUPart part, char **ret, unsigned flags), (url, part, ret, flags))
PASS_ON(curl, CURLUcode, curl_url_set,
	(CURLU * url, CURLUPart part, const char *text, unsigned flags), (url, part, text, flags))

/* The third argument is a long, a pointer or a curl_off_t, as the option's number says. */
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	va_list ap;
	CURLcode code;

	va_start(ap, option);
	if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		code = REAL(curl, curl_easy_setopt)(easy, option, va_arg(ap, curl_off_t));
	else if (option < CURLOPTTYPE_OBJECTPOINT)
		code = REAL(curl, curl_easy_setopt)(easy, option, va_arg(ap, long));
	else
		code = REAL(curl, curl_easy_setopt)(easy, option, va_arg(ap, void *));
	va_end(ap);
	return code;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
	va_list ap;
	CURLMcode code;

	va_start(ap, option);
	if ((int)option < CURLOPTTYPE_OBJECTPOINT)
		code = REAL(curl, curl_multi_setopt)(multi, option, va_arg(ap, long));
	else
		code = REAL(curl, curl_multi_setopt)(multi, option, va_arg(ap, void *));
	va_end(ap);
	return code;
}

/* Always a pointer. */
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
	va_list ap;
	CURLcode code;

	va_start(ap, info);
	code = REAL(curl, curl_easy_getinfo)(easy, info, va_arg(ap, void *));
	va_end(ap);
	return code;
}

PASS_ON(xml, xmlParserCtxtPtr, xmlNewParserCtxt, (void), ())
PASS_ON(xml, void, xmlFreeParserCtxt, (xmlParserCtxtPtr context), (context))
PASS_ON(xml, void, xmlStopParser, (xmlParserCtxtPtr context), (context))
PASS_ON(xml, xmlDocPtr, xmlCtxtReadMemory,
	(xmlParserCtxtPtr context, const char *data, int len, const char *url, const char *encoding,
	 int options),
	(context, data, len, url, encoding, options))
PASS_ON(xml, xmlNodePtr, xmlDocGetRootElement, (const xmlDoc *doc), (doc))
PASS_ON(xml, void, xmlFreeDoc, (xmlDocPtr doc), (doc))
PASS_ON(xml, void, xmlSAX2StartElementNs,
	(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
	 int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted,
	 const xmlChar **attributes),
	(context, name, prefix, uri, namespace_count, namespaces, attribute_count, defaulted,
	 attributes))
