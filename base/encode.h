/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

/* Bytes as text: hexadecimal and base64. */

#include "base/str.h"

#include <stdint.h>

void str_add_hex(struct str *str, const void *data, size_t len); /* lower case */
int hex_decode(const char *hex, void *ret, size_t ret_len); /* -1 unless exactly ret_len bytes */

/* Base64 (RFC 4648, padded). Decoding returns -1 on anything malformed and appends nothing then. */
void str_add_base64(struct str *str, const void *data, size_t len);
int str_add_from_base64(struct str *str, const char *text, size_t len);

#endif
