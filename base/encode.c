/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/encode.h"
#include "base/mem.h"

#include <ctype.h>

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

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void str_add_base64(struct str *str, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t n; len; p += n, len -= n) {
		uint8_t three[3] = { 0 };
		uint32_t bits;

		n = len < 3 ? len : 3;
		memcpy(three, p, n);
		bits = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
		char four[4] = { digits64[bits >> 18], digits64[bits >> 12 & 63],
				 digits64[bits >> 6 & 63], digits64[bits & 63] };

		memset(four + 1 + n, '=', 3 - n);
		str_add_bytes(str, four, sizeof(four));
	}
}

static int value64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int str_add_from_base64(struct str *str, const char *text, size_t len)
{
	cleanup(free) char *out = NULL;
	size_t pad = 0, at = 0;

	if (len % 4)
		return -1;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	out = mem_alloc(len / 4 * 3 + 1);
	for (size_t i = 0; i < len; i += 4) {
		uint32_t bits = 0;

		for (size_t j = i; j < i + 4; j++) {
			int value = j < len - pad ? value64(text[j]) : 0;

			if (value < 0)
				return -1;
			bits = bits << 6 | (uint32_t)value;
		}
		out[at++] = (char)(bits >> 16);
		out[at++] = (char)(bits >> 8);
		out[at++] = (char)bits;
	}
	str_add_bytes(str, out, at - pad);
	return 0;
}
