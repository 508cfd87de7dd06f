/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block records of a commit. Sums that do not hold keep everything else from being looked at, so the
 * first byte says whether they are made to hold. */
#include "base/file.h"
#include "base/hash.h"
#include "fs/record.h"
#include "tests/fuzz/fuzz.h"

#include <sys/stat.h>

#define HEAD  24u
#define PIECE 16u
#define SUM   32u

static uint32_t u32_at(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void sum_of(const uint8_t *data, size_t len, const uint8_t *more, size_t more_len,
		   uint8_t *ret)
{
	struct sha256_stream *stream = sha256_begin();
	struct sha256 sum;

	sha256_add(stream, data, len);
	sha256_add(stream, more, more_len);
	sum = sha256_end(stream);
	memcpy(ret, sum.b, SUM);
}

/* As far as the pieces go. */
static void mend_sums(uint8_t *data, size_t size)
{
	size_t at = HEAD;

	while (size >= PIECE + SUM && at <= size - PIECE - SUM) {
		uint32_t len = u32_at(data + at + 4);

		if (u32_at(data + at) == 0xffffffff && !len) {
			sum_of(data, at + PIECE, NULL, 0, data + at + PIECE);
			return;
		}
		if (len > size - at - PIECE - SUM)
			return;
		sum_of(data + at, PIECE, data + at + PIECE + SUM, len, data + at + PIECE);
		at += PIECE + SUM + len;
	}
}

/* What was read, written again, is the same file. */
static void copy(struct record_reader *reader, enum record_kind kind, const uint8_t *data,
		 size_t size)
{
	struct record_writer *writer;
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(free) char *path = mem_printf("%s/copy/blocks.undo", fuzz_dir());
	cleanup(free) char *dir = mem_printf("%s/copy", fuzz_dir());
	struct record_piece piece;
	struct record_reader *again;
	struct err err;

	if (mkdir(dir, 0700) < 0 && access(dir, F_OK) < 0)
		fuzz_broken("%s could not be made", dir);
	if (record_create(dir, kind, &writer, &err) < 0)
		fuzz_broken("%s", err.text);
	for (;;) {
		if (record_next(reader, &piece, &err) < 0)
			fuzz_broken("a record that was believed cannot be read: %s", err.text);
		if (!piece.len)
			break;
		if (record_add(writer, &piece, &err) < 0)
			fuzz_broken("%s", err.text);
	}
	if (record_finish(writer, &err) < 0 || record_open(dir, kind, &again, &err) < 0)
		fuzz_broken("a copy of a record is none: %s", err.text);
	record_close(again);
	/* Behind the end there may be anything; it was never looked at. */
	if (file_read(path, UINT32_MAX, &text, &err) < 0 || text.len > size ||
	    memcmp(text.s, data, text.len))
		fuzz_broken("a record was read as another one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(free) uint8_t *file = NULL;
	struct record_reader *reader;
	struct err err = ERR_INIT;

	if (!size)
		return 0;
	file = mem_dup(data + 1, size - 1);
	if (data[0] & 1)
		mend_sums(file, size - 1);
	fuzz_file("blocks.undo", file, size - 1);
	if (record_open(fuzz_dir(), RECORD_UNDO_BLOCKS, &reader, &err) < 0) {
		fuzz_printable("an error", err.text, false);
		return 0;
	}
	copy(reader, RECORD_UNDO_BLOCKS, file, size - 1);
	record_close(reader);
	return 0;
}
