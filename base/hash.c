/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"

#include <ctype.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/random.h>

struct sha256_stream {
	EVP_MD_CTX *ctx;
};

/* libcrypto fails here only when memory or the library itself is broken. */
static void must(int ok)
{
	if (ok == 1)
		return;
	fputs("ec2-rescue: libcrypto does not provide SHA-256\n", stderr);
	abort();
}

struct sha256_stream *sha256_begin(void)
{
	struct sha256_stream *stream = mem_alloc(sizeof(*stream));

	stream->ctx = EVP_MD_CTX_new();
	must(stream->ctx && EVP_DigestInit_ex(stream->ctx, EVP_sha256(), NULL));
	return stream;
}

void sha256_add(struct sha256_stream *stream, const void *data, size_t len)
{
	must(EVP_DigestUpdate(stream->ctx, data, len));
}

struct sha256 sha256_end(struct sha256_stream *stream)
{
	struct sha256 ret;

	must(EVP_DigestFinal_ex(stream->ctx, ret.b, NULL));
	EVP_MD_CTX_free(stream->ctx);
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

	must(key_len <= INT_MAX &&
	     HMAC(EVP_sha256(), key, (int)key_len, data, len, ret.b, NULL) != NULL);
	return ret;
}

void str_add_hex(struct str *str, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		str_add_char(str, digits[((const uint8_t *)data)[i] >> 4]);
		str_add_char(str, digits[((const uint8_t *)data)[i] & 15]);
	}
}

int hex_decode(const char *hex, void *ret, size_t ret_len)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(hex) != ret_len * 2)
		return -1;
	for (size_t i = 0; i < ret_len; i++) {
		const char *hi = strchr(digits, tolower((unsigned char)hex[2 * i]));
		const char *lo = strchr(digits, tolower((unsigned char)hex[2 * i + 1]));

		if (!hi || !lo)
			return -1;
		((uint8_t *)ret)[i] = (uint8_t)((hi - digits) << 4 | (lo - digits));
	}
	return 0;
}

void str_add_base64(struct str *str, const void *data, size_t len)
{
	/* In pieces that are a multiple of three bytes, so that only the last is padded. */
	char out[4 * 1024 + 1];

	while (len) {
		size_t n = len < 3 * 1024 ? len : 3 * 1024;
		int got = EVP_EncodeBlock((unsigned char *)out, data, (int)n);

		str_add_bytes(str, out, (size_t)got);
		data = (const char *)data + n;
		len -= n;
	}
}

int str_add_from_base64(struct str *str, const char *text, size_t len)
{
	cleanup(free) unsigned char *out = NULL;
	size_t pad = 0;
	int got;

	if (len % 4 || len > INT_MAX)
		return -1;
	if (!len)
		return 0;
	/* EVP_DecodeBlock tolerates surrounding blanks and counts padding as zero bytes. */
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/' &&
		    !(text[i] == '=' && i + 2 >= len))
			return -1;
	pad = (text[len - 1] == '=') + (size_t)(text[len - 2] == '=');
	if (pad == 1 && text[len - 1] != '=')
		return -1;
	out = mem_alloc(len / 4 * 3);
	got = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
	if (got < 0)
		return -1;
	str_add_bytes(str, out, (size_t)got - pad);
	return 0;
}

void hash_prepare(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
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
