/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/record.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>

#define MAGIC	    "EC2RESCUE-BLOCKS"
#define VERSION_NOW 1u
#define END_MARK    0xffffffffu
#define HEAD_BYTES  24u
#define PIECE_BYTES 16u
#define JSON_MAX    (512u << 20)

static const struct record_hook *hook;

void record_set_hook(const struct record_hook *new)
{
	hook = new;
}

int record_step(const char *what, struct err *err)
{
	if (hook && hook->before(hook->arg, what))
		return err_set(err, ERR_INTERRUPTED, "stopped before: %s", what);
	return 0;
}

size_t record_max_write(void)
{
	return hook && hook->max_write_bytes ? hook->max_write_bytes : RECORD_PIECE_MAX;
}

static void put32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

static void put64(unsigned char *p, uint64_t value)
{
	put32(p, (uint32_t)value);
	put32(p + 4, (uint32_t)(value >> 32));
}

static uint32_t get32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const unsigned char *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static const char *file_of(enum record_kind kind)
{
	return kind == RECORD_UNDO_BLOCKS ? "blocks.undo" : "blocks.redo";
}

/* Writing */

struct record_writer {
	char *path, *dir;
	FILE *stream;
	struct sha256_stream *sum;
	uint64_t count;
};

static int put(struct record_writer *writer, const void *data, size_t len, struct err *err)
{
	sha256_add(writer->sum, data, len);
	if (fwrite(data, 1, len, writer->stream) != len)
		return err_errno(err, errno, "%s", writer->path);
	return 0;
}

int record_create(const char *dir, enum record_kind kind, struct record_writer **ret,
		  struct err *err)
{
	cleanup(record_abandon) struct record_writer *writer = mem_alloc(sizeof(*writer));
	unsigned char head[HEAD_BYTES];
	int fd;

	writer->dir = mem_strdup(dir);
	writer->path = mem_printf("%s/%s", dir, file_of(kind));
	writer->sum = sha256_begin();
	fd = open(writer->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	writer->stream = fd < 0 ? NULL : fdopen(fd, "w");
	if (!writer->stream)
		return err_errno(err, errno, "%s", writer->path);
	memcpy(head, MAGIC, 16);
	put32(head + 16, VERSION_NOW);
	put32(head + 20, kind);
	if (put(writer, head, sizeof(head), err) < 0)
		return -1;
	*ret = TAKE(writer);
	return 0;
}

int record_add(struct record_writer *writer, const struct record_piece *piece, struct err *err)
{
	struct sha256_stream *stream = sha256_begin();
	unsigned char head[PIECE_BYTES];
	struct sha256 sum;

	put32(head, piece->disk);
	put32(head + 4, piece->len);
	put64(head + 8, piece->offset_bytes);
	sha256_add(stream, head, sizeof(head));
	sha256_add(stream, piece->data, piece->len);
	sum = sha256_end(stream);
	writer->count++;
	if (record_step("write a piece of a record", err) < 0)
		return -1;
	if (put(writer, head, sizeof(head), err) < 0 ||
	    put(writer, sum.b, sizeof(sum.b), err) < 0 ||
	    put(writer, piece->data, piece->len, err) < 0)
		return -1;
	return 0;
}

static int end_and_sync(struct record_writer *writer, struct err *err)
{
	unsigned char end[PIECE_BYTES];
	struct sha256 sum;

	put32(end, END_MARK);
	put32(end + 4, 0);
	put64(end + 8, writer->count);
	if (put(writer, end, sizeof(end), err) < 0)
		return -1;
	sum = sha256_end(TAKE(writer->sum));
	if (record_step("sync a record", err) < 0)
		return -1;
	if (fwrite(sum.b, 1, sizeof(sum.b), writer->stream) != sizeof(sum.b) ||
	    fflush(writer->stream) || fsync(fileno(writer->stream)) < 0)
		return err_errno(err, errno, "%s", writer->path);
	return dir_sync(writer->dir, err);
}

int record_finish(struct record_writer *writer, struct err *err)
{
	int result = end_and_sync(writer, err);

	record_abandon(writer);
	return result;
}

void record_abandon(struct record_writer *writer)
{
	if (!writer)
		return;
	if (writer->sum)
		(void)sha256_end(writer->sum);
	if (writer->stream)
		fclose(writer->stream);
	free(writer->path);
	free(writer->dir);
	free(writer);
}

/* Reading */

struct record_reader {
	char *path;
	FILE *stream;
	enum record_kind kind;
	unsigned char *data;
	struct sha256_stream *sum; /* while the whole file is verified */
};

static int malformed(const struct record_reader *reader, const char *what, struct err *err)
{
	return err_set(err, ERR_MALFORMED, "%s: %s; the record cannot be used", reader->path, what);
}

static int get(struct record_reader *reader, void *into, size_t len, struct err *err)
{
	if (fread(into, 1, len, reader->stream) != len)
		return ferror(reader->stream) ? err_errno(err, errno, "%s", reader->path)
					      : malformed(reader, "it is cut short", err);
	if (reader->sum)
		sha256_add(reader->sum, into, len);
	return 0;
}

/* ret->len 0: the end mark, whose count is then in ret->offset_bytes. */
static int read_piece(struct record_reader *reader, struct record_piece *ret, struct err *err)
{
	struct sha256 stored, sum;
	struct sha256_stream *stream;
	unsigned char head[PIECE_BYTES];

	if (get(reader, head, sizeof(head), err) < 0)
		return -1;
	*ret = (struct record_piece){ .disk = get32(head),
				      .len = get32(head + 4),
				      .offset_bytes = get64(head + 8),
				      .data = reader->data };
	if (ret->disk == END_MARK && !ret->len)
		return 0;
	if (!ret->len || ret->len > RECORD_PIECE_MAX)
		return malformed(reader, "a piece has an impossible length", err);
	if (get(reader, stored.b, sizeof(stored.b), err) < 0 ||
	    get(reader, reader->data, ret->len, err) < 0)
		return -1;
	stream = sha256_begin();
	sha256_add(stream, head, sizeof(head));
	sha256_add(stream, reader->data, ret->len);
	sum = sha256_end(stream);
	if (!sha256_eq(&sum, &stored))
		return malformed(reader, "a piece has a wrong checksum", err);
	return 0;
}

static int verify_head(struct record_reader *reader, struct err *err)
{
	unsigned char head[HEAD_BYTES];

	if (get(reader, head, sizeof(head), err) < 0)
		return -1;
	if (memcmp(head, MAGIC, 16) || get32(head + 20) != reader->kind)
		return malformed(reader, "it is no such record", err);
	if (get32(head + 16) != VERSION_NOW)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s: version %u of the format; use the version of this program that "
			       "wrote it",
			       reader->path, get32(head + 16));
	return 0;
}

static int verify_all(struct record_reader *reader, struct err *err)
{
	struct record_piece piece;
	struct sha256 stored, sum;
	uint64_t count = 0;

	reader->sum = sha256_begin();
	if (verify_head(reader, err) < 0)
		return -1;
	for (;; count++) {
		if (read_piece(reader, &piece, err) < 0)
			return -1;
		if (!piece.len)
			break;
	}
	sum = sha256_end(TAKE(reader->sum));
	if (get(reader, stored.b, sizeof(stored.b), err) < 0)
		return -1;
	if (count != piece.offset_bytes || !sha256_eq(&sum, &stored))
		return malformed(reader, "its checksum is wrong", err);
	return 0;
}

int record_open(const char *dir, enum record_kind kind, struct record_reader **ret, struct err *err)
{
	cleanup(record_close) struct record_reader *reader = mem_alloc(sizeof(*reader));

	reader->path = mem_printf("%s/%s", dir, file_of(kind));
	reader->kind = kind;
	reader->data = mem_alloc(RECORD_PIECE_MAX);
	reader->stream = fopen(reader->path, "re");
	if (!reader->stream)
		return err_errno(err, errno, "%s", reader->path);
	if (verify_all(reader, err) < 0)
		return -1;
	record_rewind(reader);
	*ret = TAKE(reader);
	return 0;
}

int record_next(struct record_reader *reader, struct record_piece *ret, struct err *err)
{
	return read_piece(reader, ret, err);
}

void record_rewind(struct record_reader *reader)
{
	(void)fseek(reader->stream, HEAD_BYTES, SEEK_SET);
}

void record_close(struct record_reader *reader)
{
	if (!reader)
		return;
	if (reader->sum)
		(void)sha256_end(reader->sum);
	if (reader->stream)
		fclose(reader->stream);
	free(reader->path);
	free(reader->data);
	free(reader);
}

/* Documents */

int record_save(const char *dir, const char *name, const json_t *json, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);
	cleanup(free) char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);

	if (!text)
		return err_set(err, ERR_INTERNAL, "%s: cannot be written as JSON", path);
	if (record_step(name, err) < 0)
		return -1;
	return file_replace(path, text, strlen(text), 0600, err);
}

int record_load(const char *dir, const char *name, json_t **ret, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);
	cleanup(str_done) struct str text = STR_INIT;
	json_error_t problem;

	if (file_read(path, JSON_MAX, &text, err) < 0)
		return -1;
	*ret = json_loadb(text.s, text.len, 0, &problem);
	if (!*ret)
		return err_set(err, ERR_MALFORMED, "%s: %s", path, problem.text);
	return 0;
}

static const struct {
	enum record_state state;
	const char *word;
} states[] = { { RECORD_COMMITTING, "committing" },
	       { RECORD_FINISHED, "finished" },
	       { RECORD_UNDONE, "undone" } };

int record_set_state(const char *dir, enum record_state state, const struct sha256 *witness,
		     struct err *err)
{
	cleanup(json_decref) json_t *json = json_pack("{s:i}", "version", 1);
	cleanup(str_done) struct str hex = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (states[i].state == state)
			json_object_set_new(json, "state", json_string(states[i].word));
	if (witness) {
		str_add_hex(&hex, witness->b, sizeof(witness->b));
		json_object_set_new(json, "witness", json_string(hex.s));
	}
	return record_save(dir, "state", json, err);
}

int record_own_state(const char *dir, enum record_state *ret, struct err *err)
{
	cleanup(json_decref) json_t *json = NULL;
	const char *word;

	if (record_load(dir, "state", &json, err) < 0) {
		if (err->code != ERR_NOTFOUND)
			return -1;
		err_clear(err);
		*ret = RECORD_NONE;
		return 0;
	}
	if (dir_sync(dir, err) < 0)
		return -1;
	word = json_string_value(json_object_get(json, "state"));
	for (size_t i = 0; word && i < ARRAY_LEN(states); i++)
		if (str_eq(states[i].word, word)) {
			*ret = states[i].state;
			return 0;
		}
	return err_set(err, ERR_MALFORMED, "%s/state: no such state", dir);
}

int record_state(const char *dir, enum record_state *ret, struct err *err)
{
	cleanup(free) char *undo_dir = mem_printf("%s/" RECORD_UNDO_DIR, dir);
	enum record_state undo;

	if (record_own_state(dir, ret, err) < 0)
		return -1;
	if (*ret != RECORD_FINISHED)
		return 0;
	if (record_own_state(undo_dir, &undo, err) < 0)
		return -1;
	if (undo == RECORD_COMMITTING)
		*ret = RECORD_COMMITTING;
	else if (undo == RECORD_FINISHED)
		*ret = RECORD_UNDONE;
	return 0;
}

int record_witness(const char *dir, struct sha256 *ret, struct err *err)
{
	cleanup(json_decref) json_t *json = NULL;
	const char *hex;

	if (record_load(dir, "state", &json, err) < 0)
		return -1;
	hex = json_string_value(json_object_get(json, "witness"));
	if (!hex || hex_decode(hex, ret->b, sizeof(ret->b)) < 0)
		return err_set(err, ERR_MALFORMED, "%s/state: no witness", dir);
	return 0;
}
