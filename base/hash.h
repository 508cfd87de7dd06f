/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

/* SHA-256, hexadecimal, base64 and random bytes, all through libcrypto. */

#include "base/err.h"
#include "base/str.h"

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

void str_add_hex(struct str *str, const void *data, size_t len); /* lower case */
int hex_decode(const char *hex, void *ret, size_t ret_len); /* -1 unless exactly ret_len bytes */

/* Base64 (RFC 4648, padded). Decoding returns -1 on anything malformed and appends nothing then. */
void str_add_base64(struct str *str, const void *data, size_t len);
int str_add_from_base64(struct str *str, const char *text, size_t len);

/* Starts libcrypto without its configuration file, which it would read at its first use; that first
 * use may be in a process that may open nothing. Once, at the start of the program. */
void hash_prepare(void);

/* Cryptographic random bytes. */
void random_bytes(void *ret, size_t len);

#endif
