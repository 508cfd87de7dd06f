/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/sftp.h"

#define FXF_READ      1u
#define FXF_WRITE     2u
#define WORDS_SHOWN   200u
#define FSYNC	      "fsync@openssh.com"
#define FSYNC_VERSION "1"

static void put_u32(struct str *out, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		str_add_char(out, (char)(value >> shift));
}

static void put_u64(struct str *out, uint64_t value)
{
	put_u32(out, (uint32_t)(value >> 32));
	put_u32(out, (uint32_t)value);
}

static void put_bytes(struct str *out, const void *bytes, uint32_t len)
{
	put_u32(out, len);
	str_add_bytes(out, bytes, len);
}

/* `rest`: bytes that follow the id. */
static void put_head(struct str *out, enum sftp_type type, uint32_t id, size_t rest)
{
	put_u32(out, (uint32_t)(1 + 4 + rest));
	str_add_char(out, (char)type);
	put_u32(out, id);
}

void sftp_put_init(struct str *out)
{
	put_head(out, SFTP_INIT, 3, 0); /* the version is where others have their id */
}

void sftp_put_open(struct str *out, uint32_t id, const char *path, bool may_write)
{
	uint32_t len = (uint32_t)strlen(path);

	put_head(out, SFTP_OPEN, id, 4 + (size_t)len + 4 + 4);
	put_bytes(out, path, len);
	put_u32(out, FXF_READ | (may_write ? FXF_WRITE : 0));
	put_u32(out, 0); /* no attributes */
}

void sftp_put_read(struct str *out, uint32_t id, const struct sftp_handle *handle, uint64_t at,
		   uint32_t len)
{
	put_head(out, SFTP_READ, id, 4 + handle->len + 8 + 4);
	put_bytes(out, handle->bytes, handle->len);
	put_u64(out, at);
	put_u32(out, len);
}

void sftp_put_write(struct str *out, uint32_t id, const struct sftp_handle *handle, uint64_t at,
		    const void *data, uint32_t len)
{
	put_head(out, SFTP_WRITE, id, 4 + handle->len + 8 + 4 + (size_t)len);
	put_bytes(out, handle->bytes, handle->len);
	put_u64(out, at);
	put_bytes(out, data, len);
}

void sftp_put_fsync(struct str *out, uint32_t id, const struct sftp_handle *handle)
{
	put_head(out, SFTP_EXTENDED, id, 4 + strlen(FSYNC) + 4 + handle->len);
	put_bytes(out, FSYNC, (uint32_t)strlen(FSYNC));
	put_bytes(out, handle->bytes, handle->len);
}

/* ---- what comes */

struct reader {
	const unsigned char *data;
	size_t len;
};

static bool get_u32(struct reader *r, uint32_t *ret)
{
	if (r->len < 4)
		return false;
	*ret = (uint32_t)r->data[0] << 24 | (uint32_t)r->data[1] << 16 | (uint32_t)r->data[2] << 8 |
	       r->data[3];
	r->data += 4;
	r->len -= 4;
	return true;
}

static bool get_bytes(struct reader *r, const unsigned char **ret, uint32_t *ret_len)
{
	if (!get_u32(r, ret_len) || *ret_len > r->len)
		return false;
	*ret = r->data;
	r->data += *ret_len;
	r->len -= *ret_len;
	return true;
}

static int malformed(struct err *err)
{
	return err_set(err, ERR_MALFORMED, "what answers there does not speak SFTP");
}

int sftp_next(struct sftp_in *in, struct sftp_packet *ret, struct err *err)
{
	struct reader r = { (const unsigned char *)in->bytes.s + in->at, in->bytes.len - in->at };
	uint32_t len;

	if (!get_u32(&r, &len))
		return 0;
	if (len < 5 || len > SFTP_PACKET_MAX)
		return malformed(err);
	if (r.len < len)
		return 0;
	in->at += 4 + (size_t)len;
	ret->type = r.data[0];
	r.data++;
	r.len = len - 1;
	(void)get_u32(&r, &ret->id);
	ret->data = r.data;
	ret->len = r.len;
	return 1;
}

void sftp_in_done(struct sftp_in *in)
{
	str_done(&in->bytes);
}

static bool is_text(const unsigned char *bytes, uint32_t len, const char *text)
{
	return len == strlen(text) && !memcmp(bytes, text, len);
}

bool sftp_has_fsync(const struct sftp_packet *version)
{
	struct reader r = { version->data, version->len };
	const unsigned char *name, *value;
	uint32_t name_len, value_len;

	while (get_bytes(&r, &name, &name_len) && get_bytes(&r, &value, &value_len))
		if (is_text(name, name_len, FSYNC) && is_text(value, value_len, FSYNC_VERSION))
			return true;
	return false;
}

int sftp_take_handle(const struct sftp_packet *packet, struct sftp_handle *ret, struct err *err)
{
	struct reader r = { packet->data, packet->len };
	const unsigned char *bytes;
	uint32_t len;

	if (!get_bytes(&r, &bytes, &len) || len > sizeof(ret->bytes))
		return malformed(err);
	ret->len = len;
	memcpy(ret->bytes, bytes, len);
	return 0;
}

int sftp_take_data(const struct sftp_packet *packet, const unsigned char **ret, size_t *ret_len,
		   struct err *err)
{
	struct reader r = { packet->data, packet->len };
	uint32_t len;

	if (!get_bytes(&r, ret, &len))
		return malformed(err);
	*ret_len = len;
	return 0;
}

int sftp_take_status(const struct sftp_packet *packet, uint32_t *ret, struct str *words,
		     struct err *err)
{
	struct reader r = { packet->data, packet->len };
	const unsigned char *text;
	uint32_t len;

	if (!get_u32(&r, ret))
		return malformed(err);
	if (get_bytes(&r, &text, &len))
		str_add_escaped(words, (const char *)text, len < WORDS_SHOWN ? len : WORDS_SHOWN);
	return 0;
}
