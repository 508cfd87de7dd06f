/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/witness.h"
#include "base/str.h"

#include <inttypes.h>

#define CHUNK	   (256u << 10)
#define PLACES_MAX 1024u

/* Source: the same structures as in fs/fsinfo.c; XFS: sb_logstart at 48, sb_agblocks at 84,
 * sb_logblocks at 96, sb_agblklog at 124. */
static const struct layout {
	const char *type;
	uint32_t super_at, super_bytes, uuid_at;
} layouts[] = {
	{ "ext2", 1024, 1024, 1024 + 104 },   { "ext3", 1024, 1024, 1024 + 104 },
	{ "ext4", 1024, 1024, 1024 + 104 },   { "xfs", 0, 512, 32 },
	{ "btrfs", 65536, 4096, 65536 + 32 },
};

static const struct layout *layout_of(const struct witness_place *place)
{
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
		if (str_eq(layouts[i].type, place->type))
			return &layouts[i];
	return NULL;
}

static uint64_t be(const unsigned char *p, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | p[i];
	return value;
}

static int add_bytes(struct source *source, uint64_t offset, uint64_t size,
		     struct sha256_stream *into, struct err *err)
{
	cleanup(free) char *bytes = mem_alloc(CHUNK);

	while (size) {
		size_t part = size < CHUNK ? (size_t)size : CHUNK;

		if (source_pread(source, bytes, part, offset, err) < 0)
			return -1;
		sha256_add(into, bytes, part);
		offset += part;
		size -= part;
	}
	return 0;
}

/* The internal log; an external one is not on this disk. */
static int add_xfs_log(struct source *source, const struct witness_place *place,
		       struct sha256_stream *into, struct err *err)
{
	unsigned char sb[512];
	uint64_t block_size, start, ag_blocks, shift, at, size;

	if (source_pread(source, sb, sizeof(sb), place->offset_bytes, err) < 0)
		return -1;
	block_size = be(sb + 4, 4);
	start = be(sb + 48, 8);
	ag_blocks = be(sb + 84, 4);
	shift = sb[124];
	if (!start || shift >= 32)
		return 0;
	if (__builtin_mul_overflow((start >> shift) * ag_blocks + (start & ((1ULL << shift) - 1)),
				   block_size, &at) ||
	    __builtin_mul_overflow(be(sb + 96, 4), block_size, &size) || at > place->size_bytes ||
	    size > place->size_bytes - at)
		return 0; /* damaged: the superblock itself is in the sum already */
	return add_bytes(source, place->offset_bytes + at, size, into, err);
}

int witness_of(struct source *source, const struct witness_places *places, enum witness_depth depth,
	       struct sha256_stream *into, struct err *err)
{
	vec_foreach (place, places) {
		const struct layout *layout = layout_of(place);

		if (!layout)
			continue;
		if (add_bytes(source, place->offset_bytes + layout->super_at, layout->super_bytes,
			      into, err) < 0)
			return -1;
		if (depth == WITNESS_LOGS && str_eq(place->type, "xfs") &&
		    add_xfs_log(source, place, into, err) < 0)
			return -1;
	}
	return 0;
}

static int add_mark(struct source *source, uint64_t at, size_t len, json_t *marks, struct err *err)
{
	cleanup(str_done) struct str hex = STR_INIT;
	unsigned char bytes[64];

	if (at + len > source->size_bytes)
		return 0;
	if (source_pread(source, bytes, len, at, err) < 0)
		return -1;
	str_add_hex(&hex, bytes, len);
	json_array_append_new(marks, json_pack("{s:I, s:s}", "at", (json_int_t)at, "bytes", hex.s));
	return 0;
}

/* Disk signature of an MBR; GUID of a GPT (UEFI 2.10, table 5-5). Only where there is such a table: on a bare
 * file system those bytes are its own, and change with it (on XFS, the free space of the first group). */
static int add_table_marks(struct source *source, json_t *marks, struct err *err)
{
	static const unsigned char mbr_magic[] = { 0x55, 0xaa };
	unsigned char head[520];

	if (sizeof(head) > source->size_bytes)
		return 0;
	if (source_pread(source, head, sizeof(head), 0, err) < 0)
		return -1;
	if (!memcmp(head + 510, mbr_magic, sizeof(mbr_magic)) &&
	    add_mark(source, 440, 4, marks, err) < 0)
		return -1;
	return memcmp(head + 512, "EFI PART", 8) ? 0 : add_mark(source, 512 + 56, 16, marks, err);
}

json_t *witness_identity(struct source *source, const struct witness_places *places,
			 struct err *err)
{
	json_t *marks = json_array();
	int result = add_table_marks(source, marks, err);

	vec_foreach (place, places) {
		const struct layout *layout = layout_of(place);

		if (layout && !result)
			result = add_mark(source, place->offset_bytes + layout->uuid_at, 16, marks,
					  err);
	}
	if (result) {
		json_decref(marks);
		return NULL;
	}
	return json_pack("{s:I, s:o}", "size", (json_int_t)source->size_bytes, "marks", marks);
}

static int check_mark(struct source *source, const json_t *mark, struct err *err)
{
	const char *hex = json_string_value(json_object_get(mark, "bytes"));
	uint64_t at = (uint64_t)json_integer_value(json_object_get(mark, "at"));
	unsigned char stored[64], now[64];
	size_t len = hex ? strlen(hex) / 2 : 0;

	if (!len || len > sizeof(stored) || hex_decode(hex, stored, len) < 0)
		return err_set(err, ERR_MALFORMED, "the record's identity of the disk is damaged");
	if (source_pread(source, now, len, at, err) < 0)
		return -1;
	if (memcmp(now, stored, len))
		return err_set(err, ERR_CONFLICT,
			       "%s is not the disk that this record is about (other identifiers); "
			       "nothing was written",
			       source->name);
	return 0;
}

int witness_check_identity(struct source *source, const json_t *identity, struct err *err)
{
	uint64_t size = (uint64_t)json_integer_value(json_object_get(identity, "size"));
	const json_t *marks = json_object_get(identity, "marks"), *mark;
	size_t i;

	if (!json_is_array(marks))
		return err_set(err, ERR_MALFORMED, "the record has no identity of the disk");
	if (size != source->size_bytes)
		return err_set(err, ERR_CONFLICT,
			       "%s is not the disk that this record is about (%" PRIu64
			       " bytes, recorded %" PRIu64 "); nothing was written",
			       source->name, source->size_bytes, size);
	json_array_foreach (marks, i, mark)
		if (check_mark(source, mark, err) < 0)
			return -1;
	return 0;
}

json_t *witness_places_to_json(const struct witness_places *places)
{
	json_t *list = json_array();

	vec_foreach (place, places)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "type", place->type,
						      "offset", (json_int_t)place->offset_bytes,
						      "size", (json_int_t)place->size_bytes));
	return list;
}

int witness_places_from_json(const json_t *json, struct witness_places *ret, struct err *err)
{
	const json_t *value;
	size_t i;

	if (!json_is_array(json) || json_array_size(json) > PLACES_MAX)
		return err_set(err, ERR_MALFORMED, "the record's list of file systems is damaged");
	json_array_foreach (json, i, value) {
		const char *type = json_string_value(json_object_get(value, "type"));
		struct witness_place *place = vec_add(ret);

		if (!type || strlen(type) >= sizeof(place->type))
			return err_set(err, ERR_MALFORMED, "the record names no file system");
		memcpy(place->type, type, strlen(type) + 1);
		place->offset_bytes =
			(uint64_t)json_integer_value(json_object_get(value, "offset"));
		place->size_bytes = (uint64_t)json_integer_value(json_object_get(value, "size"));
	}
	return 0;
}
