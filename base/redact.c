/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Known secrets and the way out of them. Each is kept in every form in which it could be said; a set
 * of hashes of all runs of SECRET_SHORTEST bytes makes a text without secrets cheap. */
#include "base/encode.h"
#include "base/secrets.h"
#include "base/str.h"

#include <ctype.h>
#include <stdint.h>

#define HASH_BITS 20

static const char mark[] = "[secret]"; /* no longer than SECRET_SHORTEST */

struct form {
	char *text;
	size_t len;
};

static VEC(struct form) known;
static uint8_t may_begin[1u << (HASH_BITS - 3)];

static uint32_t hash_of(const char *text)
{
	uint64_t run;

	_Static_assert(sizeof(run) == SECRET_SHORTEST, "a run is one word");
	memcpy(&run, text, sizeof(run));
	return (uint32_t)((run * 0x9e3779b97f4a7c15u) >> (64 - HASH_BITS));
}

static void keep(const char *text, size_t len)
{
	if (len < SECRET_SHORTEST)
		return;
	vec_foreach (form, &known)
		if (form->len == len && !memcmp(form->text, text, len))
			return;
	vec_push(&known, ((struct form){ mem_strndup(text, len), len }));
	for (size_t i = 0; i + SECRET_SHORTEST <= len; i++) {
		uint32_t hash = hash_of(text + i);

		may_begin[hash / 8] |= (uint8_t)(1u << hash % 8);
	}
}

static void keep_str(struct str *text)
{
	keep(text->s, text->len);
	if (text->len)
		explicit_bzero(text->s, text->len);
	str_clear(text);
}

/* Everything but letters, digits and "-._~" as %XX. */
static void add_quoted(struct str *into, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			str_add_char(into, *text);
		else
			str_addf(into, "%%%02X", (unsigned char)*text);
	}
}

/* As it stands in the Base64 of something longer, after `lead` other bytes of a group of three. The
 * characters that hold bits of its neighbours are left out. */
static void keep_base64(const char *text, size_t len, size_t lead)
{
	static const size_t shared[] = { 0, 2, 3 };
	cleanup(str_done) struct str plain = STR_INIT, base64 = STR_INIT;
	size_t end;

	str_add_bytes(&plain, "\0\0", lead);
	str_add_bytes(&plain, text, len);
	str_add_base64(&base64, plain.s, plain.len);
	end = plain.len / 3 * 4; /* what whole groups have */
	if (end > shared[lead])
		keep(base64.s + shared[lead], end - shared[lead]);
	explicit_bzero(plain.s, plain.len);
	explicit_bzero(base64.s, base64.len);
}

void secrets_know(const char *text)
{
	cleanup(str_done) struct str form = STR_INIT, once = STR_INIT;
	size_t len = text ? strlen(text) : 0;

	if (len < SECRET_SHORTEST)
		return;
	vec_foreach (old, &known)
		if (str_eq(old->text, text))
			return;
	keep(text, len);
	add_quoted(&once, text);
	add_quoted(&form, once.s);
	keep_str(&form);
	keep_str(&once);
	for (size_t lead = 0; lead < 3; lead++)
		keep_base64(text, len, lead);
	str_add_hex(&form, text, len);
	keep(form.s, form.len);
	for (char *p = form.s; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	keep_str(&form);
}

static char *unquoted(const char *text)
{
	char *ret = mem_strdup(text), *to = ret;

	for (const char *from = ret; *from; from++) {
		char byte[3] = { 0 };

		if (*from == '%' && isxdigit((unsigned char)from[1]) &&
		    isxdigit((unsigned char)from[2])) {
			memcpy(byte, from + 1, 2);
			*to++ = (char)strtoul(byte, NULL, 16);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return ret;
}

/* Also where it is no good URL: a password with "/" in it, a scheme that lacks a slash. Who only
 * gives a name gives a token. */
void secrets_know_url(const char *url)
{
	const char *at = url ? strrchr(url, '@') : NULL, *user = at ? strchr(url, ':') : NULL;
	const char *colon;

	if (!user || user > at)
		return;
	user += 1 + strspn(user + 1, "/");
	colon = user < at ? memchr(user, ':', (size_t)(at - user)) : NULL;
	if (user < at) {
		const char *password = colon ? colon + 1 : user;
		cleanup(secret_free) char *raw = mem_strndup(password, (size_t)(at - password));
		cleanup(secret_free) char *plain = unquoted(raw);

		secrets_know(raw);
		secrets_know(plain);
	}
}

void secrets_forget(void)
{
	vec_foreach (form, &known)
		secret_free(form->text);
	vec_done(&known);
	explicit_bzero(may_begin, sizeof(may_begin));
}

/* How much of `text` is a piece of this secret that begins at any place of it. */
static size_t piece_of(const struct form *form, const char *text, size_t len)
{
	size_t least = form->len < SECRET_PIECE ? form->len : SECRET_PIECE, longest = 0;
	const char *end = form->text + form->len, *hit = form->text;

	if (len < SECRET_PIECE && len < form->len)
		return 0;
	while ((hit = memmem(hit, (size_t)(end - hit), text, least))) {
		size_t n = least;

		while (n < len && hit + n < end && hit[n] == text[n])
			n++;
		longest = n > longest ? n : longest;
		hit++;
	}
	return longest;
}

static size_t longest_piece(const char *text, size_t len)
{
	uint32_t hash = hash_of(text);
	size_t longest = 0;

	if (!(may_begin[hash / 8] & 1u << hash % 8))
		return 0;
	vec_foreach (form, &known) {
		size_t n = piece_of(form, text, len);

		longest = n > longest ? n : longest;
	}
	return longest;
}

static void redact_known(char *text)
{
	size_t len = strlen(text), at = 0;
	const size_t mark_len = sizeof(mark) - 1;

	while (at + SECRET_SHORTEST <= len) {
		size_t n = longest_piece(text + at, len - at);

		if (!n) {
			at++;
			continue;
		}
		memcpy(text + at, mark, mark_len);
		memmove(text + at + mark_len, text + at + n, len - at - n + 1);
		len -= n - mark_len;
		at += mark_len;
	}
}

/* A password may be too short to be looked for; in a URL it is known by its place. */
static void redact_urls(char *text)
{
	for (char *p = text; (p = strstr(p, "://"));) {
		char *user = p + 3, *colon = NULL, *at = NULL;

		for (p = user; *p && !strchr("/?#\"' \t\n", *p); p++) {
			if (*p == ':' && !colon)
				colon = p;
			if (*p == '@')
				at = p;
		}
		for (char *c = colon && at ? colon + 1 : at; c < at; c++)
			*c = '*';
	}
}

void secrets_redact(char *text)
{
	if (known.count)
		redact_known(text);
	redact_urls(text);
}
