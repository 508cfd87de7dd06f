/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/unpack.h"
#include "base/mem.h"

#include <endian.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define WINDOW_MAX    (128u << 20) /* memory that a stream may ask for */
#define LZ4_BLOCK_LEN (8u << 20)
#define LZ4_MAGIC     0x184c2102u

enum unpack_kind unpack_kind_of(const unsigned char *head, size_t len)
{
	static const struct {
		unsigned char magic[2];
		enum unpack_kind kind;
	} kinds[] = {
		{ { 0x1f, 0x8b }, UNPACK_GZIP },  { { 0x1f, 0x9e }, UNPACK_OTHER },
		{ { 0x42, 0x5a }, UNPACK_OTHER }, { { 0x5d, 0x00 }, UNPACK_LZMA },
		{ { 0xfd, 0x37 }, UNPACK_XZ },	  { { 0x89, 0x4c }, UNPACK_OTHER },
		{ { 0x02, 0x21 }, UNPACK_LZ4 },	  { { 0x28, 0xb5 }, UNPACK_ZSTD },
	};

	for (size_t i = 0; len >= 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (head[0] == kinds[i].magic[0] && head[1] == kinds[i].magic[1])
			return kinds[i].kind;
	return UNPACK_NONE;
}

static int cut_off(struct err *err)
{
	return err_set(err, ERR_MALFORMED, "the compressed data is cut off");
}

static int damaged(struct err *err)
{
	return err_set(err, ERR_MALFORMED, "the compressed data is damaged");
}

/* One step of a decoder: takes from in (moves *at on), puts into out. */
enum step { STEP_MORE, STEP_END, STEP_DAMAGED, STEP_TOO_LARGE };

struct decoder {
	enum unpack_kind kind;
	z_stream gzip;
	lzma_stream xz;
	ZSTD_DStream *zstd;
};

static enum step step_gzip(struct decoder *d, const struct str *in, size_t *at, char *out,
			   size_t room, size_t *ret_len)
{
	int rc;

	d->gzip.next_in = (unsigned char *)in->s + *at;
	d->gzip.avail_in = (unsigned)(in->len - *at);
	d->gzip.next_out = (unsigned char *)out;
	d->gzip.avail_out = (unsigned)room;
	rc = inflate(&d->gzip, Z_NO_FLUSH);
	*at = in->len - d->gzip.avail_in;
	*ret_len = room - d->gzip.avail_out;
	if (rc == Z_STREAM_END)
		return STEP_END;
	return rc == Z_OK || rc == Z_BUF_ERROR ? STEP_MORE : STEP_DAMAGED;
}

static enum step step_xz(struct decoder *d, const struct str *in, size_t *at, char *out,
			 size_t room, size_t *ret_len)
{
	lzma_ret rc;

	d->xz.next_in = (const uint8_t *)in->s + *at;
	d->xz.avail_in = in->len - *at;
	d->xz.next_out = (uint8_t *)out;
	d->xz.avail_out = room;
	rc = lzma_code(&d->xz, LZMA_RUN);
	*at = in->len - d->xz.avail_in;
	*ret_len = room - d->xz.avail_out;
	if (rc == LZMA_STREAM_END)
		return STEP_END;
	if (rc == LZMA_MEMLIMIT_ERROR)
		return STEP_TOO_LARGE;
	return rc == LZMA_OK || rc == LZMA_BUF_ERROR ? STEP_MORE : STEP_DAMAGED;
}

static enum step step_zstd(struct decoder *d, const struct str *in, size_t *at, char *out,
			   size_t room, size_t *ret_len)
{
	ZSTD_inBuffer from = { in->s, in->len, *at };
	ZSTD_outBuffer to = { out, room, 0 };
	size_t rc = ZSTD_decompressStream(d->zstd, &to, &from);

	*at = from.pos;
	*ret_len = to.pos;
	if (ZSTD_isError(rc))
		return strstr(ZSTD_getErrorName(rc), "memory") ? STEP_TOO_LARGE : STEP_DAMAGED;
	return rc ? STEP_MORE : STEP_END;
}

static bool begin(struct decoder *d)
{
	switch (d->kind) {
	case UNPACK_GZIP:
		return inflateInit2(&d->gzip, 15 + 16) == Z_OK;
	case UNPACK_XZ:
		return lzma_stream_decoder(&d->xz, WINDOW_MAX, 0) == LZMA_OK;
	case UNPACK_LZMA:
		return lzma_alone_decoder(&d->xz, WINDOW_MAX) == LZMA_OK;
	case UNPACK_ZSTD:
		d->zstd = ZSTD_createDStream();
		return d->zstd != NULL;
	default:
		return false;
	}
}

static void end(struct decoder *d)
{
	if (d->kind == UNPACK_GZIP)
		inflateEnd(&d->gzip);
	lzma_end(&d->xz);
	ZSTD_freeDStream(d->zstd);
}

static enum step step(struct decoder *d, const struct str *in, size_t *at, char *out, size_t room,
		      size_t *ret_len)
{
	if (d->kind == UNPACK_GZIP)
		return step_gzip(d, in, at, out, room, ret_len);
	if (d->kind == UNPACK_ZSTD)
		return step_zstd(d, in, at, out, room, ret_len);
	return step_xz(d, in, at, out, room, ret_len);
}

static int run(struct decoder *d, const struct unpack_io *io, struct err *err)
{
	cleanup(str_done) struct str in = STR_INIT;
	cleanup(free) char *out = mem_alloc(65536);
	size_t at = 0;

	for (;;) {
		size_t len = 0, before = at;
		enum step did;

		if (at == in.len) {
			str_clear(&in);
			at = before = 0;
			if (io->read(io->context, &in, err) < 0)
				return -1;
			if (!in.len)
				return cut_off(err);
		}
		did = step(d, &in, &at, out, 65536, &len);
		if (len && !io->write(io->context, out, len))
			return 0;
		if (did == STEP_END)
			return 0;
		if (did == STEP_TOO_LARGE)
			return err_set(err, ERR_UNSUPPORTED, "it needs too much memory to unpack");
		if (did == STEP_DAMAGED || (!len && at == before))
			return damaged(err);
	}
}

/* Fills `in` up to `len` bytes behind `at`; false: it ends before. */
static int fill(const struct unpack_io *io, struct str *in, size_t *at, size_t len, bool *ret_full,
		struct err *err)
{
	while (in->len - *at < len) {
		size_t before = in->len;

		if (*at) { /* what was used makes room */
			memmove(in->s, in->s + *at, in->len - *at);
			in->len -= *at;
			before = in->len;
			*at = 0;
		}
		if (io->read(io->context, in, err) < 0)
			return -1;
		if (in->len == before) {
			*ret_full = false;
			return 0;
		}
	}
	*ret_full = true;
	return 0;
}

/* Blocks of a size and that many bytes, each of which unpacks to at most 8 MiB by itself. */
static int run_lz4(const struct unpack_io *io, struct err *err)
{
	cleanup(str_done) struct str in = STR_INIT;
	cleanup(free) char *out = mem_alloc(LZ4_BLOCK_LEN);
	size_t at = 0;
	bool is_full;

	if (fill(io, &in, &at, 4, &is_full, err) < 0)
		return -1;
	at += is_full ? 4 : 0;
	for (;;) {
		uint32_t size;
		int len;

		if (fill(io, &in, &at, 4, &is_full, err) < 0)
			return -1;
		if (!is_full)
			return in.len == at ? 0 : cut_off(err);
		memcpy(&size, in.s + at, 4);
		size = le32toh(size);
		at += 4;
		if (!size || size == LZ4_MAGIC)
			continue; /* padding; the head of another stream */
		if (size > (uint32_t)LZ4_compressBound(LZ4_BLOCK_LEN))
			return damaged(err);
		if (fill(io, &in, &at, size, &is_full, err) < 0)
			return -1;
		if (!is_full)
			return cut_off(err);
		len = LZ4_decompress_safe(in.s + at, out, (int)size, LZ4_BLOCK_LEN);
		if (len < 0)
			return damaged(err);
		at += size;
		if (len && !io->write(io->context, out, (size_t)len))
			return 0;
	}
}

int unpack(enum unpack_kind kind, const struct unpack_io *io, struct err *err)
{
	struct decoder d = { .kind = kind, .xz = LZMA_STREAM_INIT };
	int rc;

	if (kind == UNPACK_LZ4)
		return run_lz4(io, err);
	if (!begin(&d)) {
		end(&d);
		return err_set(err, ERR_UNSUPPORTED, "this compression is not read");
	}
	rc = run(&d, io, err);
	end(&d);
	return rc;
}
