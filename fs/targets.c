/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/commit.h"
#include "fs/edit.h"

#define SECTOR	  512u /* what a disk writes as a whole */
#define DISKS_MAX 64u

void targets_done(struct targets *targets)
{
	vec_foreach (target, targets) {
		if (!target->is_borrowed)
			source_close(target->source);
		vec_done(&target->places);
	}
	vec_done(targets);
}

/* served NULL: at the path. */
static int open_at(const json_t *disk, const char *path, struct served *served, struct source **ret,
		   struct err *err)
{
	cleanup(source_close) struct source *source = NULL;
	cleanup(str_done) struct str name = STR_INIT;

	if (name_from_json(json_object_get(disk, "name"), &name, err) < 0)
		return -1;
	if (served)
		source = served_source(served, name.s);
	if ((!served && source_open(path, name.s, SOURCE_CHANGE, &source, err) < 0) ||
	    witness_check_identity(source, json_object_get(disk, "identity"), err) < 0)
		return -1;
	*ret = TAKE(source);
	return 0;
}

/* A disk that is not the first: device names may have changed since. */
static int find_other(const json_t *disk, const struct target_paths *where, struct source **ret,
		      struct err *err)
{
	cleanup(str_done) struct str then = STR_INIT;
	struct err one = ERR_INIT;

	for (size_t i = 0; i < where->more_count; i++)
		if (!open_at(disk, where->more[i], NULL, ret, &one))
			return 0;
	if (name_from_json(json_object_get(disk, "path"), &then, err) < 0)
		return err_in(err, "record.json, a disk's path");
	return open_at(disk, then.s, NULL, ret, err);
}

int targets_open(const json_t *record, const struct target_paths *where, struct targets *ret,
		 struct err *err)
{
	const json_t *disks = json_object_get(record, "disks"), *disk;
	size_t i;

	if (!json_is_array(disks) || !json_array_size(disks) || json_array_size(disks) > DISKS_MAX)
		return err_set(err, ERR_MALFORMED, "record.json names no disks");
	json_array_foreach (disks, i, disk) {
		struct target *target = vec_add(ret);

		if ((i ? find_other(disk, where, &target->source, err)
		       : open_at(disk, where->first, where->served, &target->source, err)) < 0 ||
		    witness_places_from_json(json_object_get(disk, "file_systems"), &target->places,
					     err) < 0)
			return -1;
	}
	return 0;
}

json_t *targets_to_json(const struct targets *targets, struct err *err)
{
	json_t *list = json_array();

	vec_foreach (target, targets) {
		json_t *identity = witness_identity(target->source, &target->places, err);

		if (!identity) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "name",
						      name_to_json(target->source->name),
						      "identity", identity, "file_systems",
						      witness_places_to_json(&target->places)));
	}
	return list;
}

int targets_witness(const struct targets *targets, enum witness_depth depth, struct sha256 *ret,
		    struct err *err)
{
	struct sha256_stream *stream = sha256_begin();
	int result = 0;

	vec_foreach (target, targets)
		if (!result)
			result = witness_of(target->source, &target->places, depth, stream, err);
	*ret = sha256_end(stream);
	return result;
}

static int target_of(const struct targets *targets, const struct record_piece *piece,
		     struct source **ret, struct err *err)
{
	if (piece->disk >= targets->count)
		return err_set(err, ERR_MALFORMED, "the record has blocks of an unknown disk");
	*ret = targets->items[piece->disk].source;
	return 0;
}

static int write_piece(struct source *source, const struct record_piece *piece, struct err *err)
{
	size_t most = record_max_write();

	for (size_t at = 0; at < piece->len;) {
		size_t part = piece->len - at < most ? piece->len - at : most;

		if (record_step("write to the volume", err) < 0 ||
		    source_pwrite(source, (const char *)piece->data + at, part,
				  piece->offset_bytes + at, err) < 0)
			return -1;
		at += part;
	}
	return 0;
}

int targets_write(const struct targets *targets, struct record_reader *reader, struct err *err)
{
	struct record_piece piece;
	struct source *source = NULL;

	vec_foreach (target, targets)
		if (source_make_writable(target->source, err) < 0)
			return -1;
	for (;;) {
		if (record_next(reader, &piece, err) < 0)
			return -1;
		if (!piece.len)
			break;
		if (target_of(targets, &piece, &source, err) < 0 ||
		    write_piece(source, &piece, err) < 0)
			return -1;
	}
	vec_foreach (target, targets)
		if (record_step("sync the volume", err) < 0 ||
		    source_flush(target->source, err) < 0)
			return -1;
	return 0;
}

/* One piece of the target against both records. */
static void compare_piece(const char *now, const struct record_piece *old,
			  const struct record_piece *new, bool seen[4])
{
	for (size_t at = 0; at < old->len; at += SECTOR) {
		size_t len = old->len - at < SECTOR ? old->len - at : SECTOR;
		bool is_old = !memcmp(now + at, (const char *)old->data + at, len);
		bool is_new = !memcmp(now + at, (const char *)new->data + at, len);

		if (is_old != is_new)
			seen[is_new ? TARGETS_NEW : TARGETS_OLD] = true;
		else if (!is_old)
			seen[TARGETS_FOREIGN] = true;
	}
}

int targets_compare(const struct targets *targets, struct record_reader *undo,
		    struct record_reader *redo, enum targets_are *ret, struct err *err)
{
	cleanup(free) char *now = mem_alloc(RECORD_PIECE_MAX);
	bool seen[4] = { 0 };
	struct record_piece old, new;
	struct source *source = NULL;

	for (;;) {
		if (record_next(undo, &old, err) < 0 || record_next(redo, &new, err) < 0)
			return -1;
		if (old.len != new.len ||
		    (old.len && (old.disk != new.disk || old.offset_bytes != new.offset_bytes)))
			return err_set(err, ERR_MALFORMED,
				       "the undo and redo records do not belong together");
		if (!old.len)
			break;
		if (target_of(targets, &old, &source, err) < 0 ||
		    source_pread(source, now, old.len, old.offset_bytes, err) < 0)
			return -1;
		compare_piece(now, &old, &new, seen);
	}
	record_rewind(undo);
	record_rewind(redo);
	*ret = seen[TARGETS_FOREIGN]			? TARGETS_FOREIGN
	       : seen[TARGETS_OLD] && seen[TARGETS_NEW] ? TARGETS_BETWEEN
	       : seen[TARGETS_NEW]			? TARGETS_NEW
							: TARGETS_OLD;
	return 0;
}
