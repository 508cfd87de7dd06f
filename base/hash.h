/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

/* SHA-256 and what else needs libcrypto; random bytes. */

#include "base/encode.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct sha256 {
	uint8_t b[32];
};

struct sha256 sha256_of(const void *data, size_t len);
static inline bool sha256_eq(const struct sha256 *a, const struct sha256 *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}
/* Streaming form. `sha256_end` gives the digest and frees the stream. */
struct sha256_stream *sha256_begin(void) __attribute__((returns_nonnull));
void sha256_add(struct sha256_stream *stream, const void *data, size_t len);
struct sha256 sha256_end(struct sha256_stream *stream);

struct sha256 hmac_sha256(const void *key, size_t key_len, const void *data, size_t len);

void sha1_of(const void *data, size_t len, uint8_t ret[20]); /* for formats that demand it */

/* The public half of an Ed25519 key; -1 when libcrypto has no Ed25519. */
int ed25519_public(const uint8_t secret[32], uint8_t ret[32]) __attribute__((warn_unused_result));

/* libcrypto is loaded when it is first needed, and the program dies when it is not there then.
 * To be sure before anything begins: ERR_TOOL. */
int hash_load(struct err *err) __attribute__((warn_unused_result));
/* Uses everything once, so that libcrypto opens no more file afterwards. */
void hash_prepare(void);
bool hash_is_prepared(void);
/* For a process that may open nothing: where libcrypto is needed and not prepared, stop() runs; it
 * must not return. */
void hash_stop_unless_prepared(void (*stop)(void));

/* Cryptographic random bytes. */
void random_bytes(void *ret, size_t len);

#endif
