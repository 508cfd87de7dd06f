/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_MEM_H
#define BASE_MEM_H

/* Memory and scope clean-up.
 *
 * Allocation never returns NULL: when memory is out the process aborts with one sentence. Linux
 * overcommits, so a checked malloc would only look safe; what makes a death anywhere safe is the
 * journal (intent first), and `resume` handles this death like any other kill. Sizes that come from
 * hostile input are capped before they are asked for here. */

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *mem_alloc(size_t size)
	__attribute__((malloc, returns_nonnull, warn_unused_result)); /* zeroed */
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull, warn_unused_result));
void *mem_dup(const void *data, size_t size) __attribute__((returns_nonnull, warn_unused_result));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull, warn_unused_result));
char *mem_strndup(const char *s, size_t n)
	__attribute__((malloc, returns_nonnull, warn_unused_result));
char *mem_printf(const char *fmt, ...)
	__attribute__((malloc, returns_nonnull, warn_unused_result, format(printf, 1, 2)));
/* count * size bytes, zeroed; aborts on overflow. */
void *mem_array(size_t count, size_t size)
	__attribute__((malloc, returns_nonnull, warn_unused_result));
/* Wipes and frees a secret string. NULL is fine. */
void secret_free(char *s);

/* Scope clean-up: `cleanup(free) char *text = NULL;`. The destructor accepts NULL. */
#define cleanup(func) __attribute__((cleanup(func##_cleanup)))
#define DEFINE_CLEANUP(type, func)                 \
	static inline void func##_cleanup(type *p) \
	{                                          \
		func(*p);                          \
	}
/* For structs on the stack whose `*_done` takes a pointer: `cleanup(str_done) struct str s =
 * STR_INIT;` */
#define DEFINE_CLEANUP_DONE(type, func)            \
	static inline void func##_cleanup(type *p) \
	{                                          \
		func(p);                           \
	}
/* Moves ownership out of a variable: `*ret_vol = TAKE(vol);`. */
#define TAKE(p)                             \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

static inline void free_cleanup(void *p)
{
	free(*(void **)p);
}
static inline void secret_free_cleanup(char **p)
{
	secret_free(*p);
}
/* `cleanup(fd_close) int fd = -1;`; move out with TAKE_FD. */
static inline void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
DEFINE_CLEANUP(int, fd_close)
#define TAKE_FD(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A growable array as three fields of any struct: VEC(struct finding) list; vec_push(&list, item).
 */
#define VEC(type)                   \
	struct {                    \
		type *items;        \
		size_t count, room; \
	}
/* The same as a named struct, for public types: VEC_TYPE(ec2_tags, struct ec2_tag). */
#define VEC_TYPE(name, type)        \
	struct name {               \
		type *items;        \
		size_t count, room; \
	}
/* The layout they all have, for code that is driven by tables: copy it out and in with memcpy. */
struct any_vec {
	void *items;
	size_t count, room;
};
/* Pointer to a new zeroed last item. */
#define vec_add(v)                                                                         \
	({                                                                                 \
		__typeof__(v) v_ = (v);                                                    \
		if (v_->count == v_->room) {                                               \
			v_->room = v_->room ? v_->room * 2 : 8;                            \
			v_->items = mem_realloc(v_->items, v_->room * sizeof(*v_->items)); \
		}                                                                          \
		memset(&v_->items[v_->count], 0, sizeof(*v_->items));                      \
		&v_->items[v_->count++];                                                   \
	})
#define vec_push(v, item) (*vec_add(v) = (item))
#define vec_foreach(p, v) for (__auto_type p = (v)->items; p && p < (v)->items + (v)->count; p++)
/* Frees the array, not what its items own. */
#define vec_done(v)                         \
	do {                                \
		free((v)->items);           \
		(v)->items = NULL;          \
		(v)->count = (v)->room = 0; \
	} while (0)

#endif
