/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_JSON_H
#define CLOUD_JSON_H

/* Short readers and writers for jansson objects. A missing member reads as "", false or 0. */

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static inline const char *js(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}
static inline bool jb(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}
static inline json_int_t ji(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_real(v) ? (json_int_t)json_real_value(v) : json_integer_value(v);
}
static inline double jd(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}
static inline json_t *jget(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}
static inline bool jhas(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return v && !json_is_null(v);
}
static inline void jset(json_t *o, const char *key, json_t *value) /* steals value */
{
	json_object_set_new(o, key, value);
}
static inline void jset_s(json_t *o, const char *key, const char *s)
{
	json_object_set_new(o, key, json_string(s));
}
static inline void jset_b(json_t *o, const char *key, bool b)
{
	json_object_set_new(o, key, json_boolean(b));
}
static inline void jset_i(json_t *o, const char *key, json_int_t i)
{
	json_object_set_new(o, key, json_integer(i));
}
static inline void jset_n(json_t *o, const char *key, double n)
{
	json_object_set_new(o, key, json_real(n));
}
/* Sets only what is not there. */
static inline void jdefault(json_t *o, const char *key, json_t *value) /* steals value */
{
	if (jhas(o, key))
		json_decref(value);
	else
		json_object_set_new(o, key, value);
}
/* Copies a member under another name when it is there and not empty text. */
static inline void jcopy(json_t *to, const char *name, const json_t *from, const char *key)
{
	json_t *v = json_object_get(from, key);

	if (v && !json_is_null(v) && !(json_is_string(v) && !*json_string_value(v)))
		json_object_set(to, name, v);
}
static inline bool js_is(const json_t *o, const char *key, const char *value)
{
	return !strcmp(js(o, key), value);
}

#endif
