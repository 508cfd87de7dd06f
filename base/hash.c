/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "base/library.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <sys/random.h>

#if OPENSSL_VERSION_NUMBER >= 0x30000000
#define AS_TEXT(macro)	AS_TEXT_(macro)
#define AS_TEXT_(macro) #macro
#define SONAME		"libcrypto.so." AS_TEXT(OPENSSL_SHLIB_VERSION)
#else
#define SONAME "libcrypto.so.1.1"
#endif

/* libcrypto, loaded on first use: to map, relocate and initialise it takes as long as half of an
 * audit, which rarely has anything to hash. crypto.HMAC() is HMAC(). */
#define FUNCTIONS(X)                    \
	X(EVP_Digest)                   \
	X(EVP_DigestFinal_ex)           \
	X(EVP_DigestInit_ex)            \
	X(EVP_DigestUpdate)             \
	X(EVP_MD_CTX_free)              \
	X(EVP_MD_CTX_new)               \
	X(EVP_PKEY_free)                \
	X(EVP_PKEY_get_raw_public_key)  \
	X(EVP_PKEY_new_raw_private_key) \
	X(EVP_sha1)                     \
	X(EVP_sha256)                   \
	X(HMAC)
#define POINTER(name) __typeof__(name) *name;
#define NAME(name)    #name,

static struct {
	FUNCTIONS(POINTER)
} crypto;

static const char *const names[] = { FUNCTIONS(NAME) };
static struct library library = { .soname = SONAME,
				  .package = "OpenSSL (libssl3 or openssl-libs)",
				  .names = names,
				  .count = ARRAY_LEN(names),
				  .functions = &crypto };
static bool is_prepared;
static void (*stop_instead)(void);

struct sha256_stream {
	EVP_MD_CTX *ctx;
};

static void __attribute__((noreturn)) give_up(const char *why)
{
	fprintf(stderr, "ec2-rescue: %s\n", why);
	abort();
}

/* libcrypto fails here only when memory or the library itself is broken. */
static void must(int ok)
{
	if (ok != 1)
		give_up("libcrypto does not provide SHA-256");
}

int hash_load(struct err *err)
{
	return library_load(&library, err);
}

static void need(void)
{
	struct err err = ERR_INIT;

	if (stop_instead && !is_prepared)
		stop_instead();
	if (hash_load(&err) < 0)
		give_up(err.text);
}

void hash_prepare(void)
{
	static const uint8_t zeros[32];
	uint8_t ignored[32];

	if (is_prepared)
		return;
	is_prepared = true;
	(void)hmac_sha256(zeros, sizeof(zeros), "", 0);
	(void)!ed25519_public(zeros, ignored);
}

bool hash_is_prepared(void)
{
	return is_prepared;
}

void hash_stop_unless_prepared(void (*stop)(void))
{
	stop_instead = stop;
}

struct sha256_stream *sha256_begin(void)
{
	struct sha256_stream *stream = mem_alloc(sizeof(*stream));

	need();
	stream->ctx = crypto.EVP_MD_CTX_new();
	must(stream->ctx && crypto.EVP_DigestInit_ex(stream->ctx, crypto.EVP_sha256(), NULL));
	return stream;
}

void sha256_add(struct sha256_stream *stream, const void *data, size_t len)
{
	must(crypto.EVP_DigestUpdate(stream->ctx, data, len));
}

struct sha256 sha256_end(struct sha256_stream *stream)
{
	struct sha256 ret;

	must(crypto.EVP_DigestFinal_ex(stream->ctx, ret.b, NULL));
	crypto.EVP_MD_CTX_free(stream->ctx);
	free(stream);
	return ret;
}

struct sha256 sha256_of(const void *data, size_t len)
{
	struct sha256_stream *stream = sha256_begin();

	sha256_add(stream, data, len);
	return sha256_end(stream);
}

struct sha256 hmac_sha256(const void *key, size_t key_len, const void *data, size_t len)
{
	struct sha256 ret = { { 0 } };

	need();
	must(key_len <= INT_MAX &&
	     crypto.HMAC(crypto.EVP_sha256(), key, (int)key_len, data, len, ret.b, NULL) != NULL);
	return ret;
}

void sha1_of(const void *data, size_t len, uint8_t ret[20])
{
	unsigned ret_len = 0;

	need();
	if (crypto.EVP_Digest(data, len, ret, &ret_len, crypto.EVP_sha1(), NULL) != 1)
		memset(ret, 0, 20);
}

int ed25519_public(const uint8_t secret[32], uint8_t ret[32])
{
	size_t len = 32;
	EVP_PKEY *key;
	bool ok;

	need();
	key = crypto.EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
	ok = key && crypto.EVP_PKEY_get_raw_public_key(key, ret, &len) == 1 && len == 32;
	crypto.EVP_PKEY_free(key);
	return ok ? 0 : -1;
}

void random_bytes(void *ret, size_t len)
{
	while (len) {
		ssize_t got = getrandom(ret, len, 0);

		if (got < 0)
			continue; /* EINTR; getrandom has no other failure with valid arguments */
		ret = (char *)ret + got;
		len -= (size_t)got;
	}
}
