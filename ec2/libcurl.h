/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_LIBCURL_H
#define EC2_LIBCURL_H

/* libcurl, loaded on first use: curl.easy_init() is curl_easy_init(). It brings two thirds of what
 * the program would have mapped, code that speaks to the network, and the processes that touch a
 * volume are to have none of it. */

#include "base/library.h"

/* The checks are macros under the functions' own names. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(X)   \
	X(easy_cleanup)        \
	X(easy_getinfo)        \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_strerror)       \
	X(free)                \
	X(getdate)             \
	X(global_init)         \
	X(multi_add_handle)    \
	X(multi_cleanup)       \
	X(multi_info_read)     \
	X(multi_init)          \
	X(multi_remove_handle) \
	X(multi_setopt)        \
	X(multi_socket_action) \
	X(slist_append)        \
	X(slist_free_all)      \
	X(url)                 \
	X(url_cleanup)         \
	X(url_get)             \
	X(url_set)

#define LIBCURL_POINTER(name) __typeof__(curl_##name) *name;
extern struct libcurl {
	LIBCURL_FUNCTIONS(LIBCURL_POINTER)
} curl;

/* Before anything else of this header, in every function that may be the first to need it. */
int libcurl_load(struct err *err) __attribute__((warn_unused_result));

#endif
