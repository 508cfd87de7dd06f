/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

/* Shared libraries that are loaded when they are first needed: what a process does not use, it
 * neither waits for nor has mapped.
 *
 * A library is a struct of function pointers and the list of their names, both made from one
 * X-macro list, so that types are those of the library's own header:
 *
 *	#define FUNCTIONS(X) X(easy_init) X(easy_cleanup)
 *	#define POINTER(name) __typeof__(curl_##name) *name;
 *	#define NAME(name) "curl_" #name,
 *	static struct { FUNCTIONS(POINTER) } curl;
 *	static const char *const names[] = { FUNCTIONS(NAME) };
 */

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct library {
	const char *soname;
	const char *package;	  /* what to install: for the message */
	const char *const *names; /* of the functions, in the order of the struct */
	size_t count;
	void *functions; /* the struct; written once, by library_load */
	bool is_loaded;
};

/* ERR_TOOL, naming the library and the package, when it or a function of it is missing. Loaded once
 * and never unloaded. */
int library_load(struct library *library, struct err *err) __attribute__((warn_unused_result));

#endif
