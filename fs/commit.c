/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/commit.h"
#include "base/file.h"
#include "fs/volume_impl.h"

/* The changed disks and their file systems; the sources stay the volume's. */
static void targets_of(const struct volume *volume, struct targets *ret)
{
	for (size_t i = 0; i < volume->parts.count; i++) {
		struct target *target = vec_add(ret);

		target->source = volume->parts.items[i].source;
		target->is_borrowed = true;
		for (size_t row = 0; row < volume->disks.count; row++) {
			const struct disk_fs *fs = &volume->disks.items[row];
			struct witness_place place = { .offset_bytes = fs->offset_bytes,
						       .size_bytes = fs->size_bytes };

			if (volume->disk_of_row[row] != i || !fs->type ||
			    strlen(fs->type) >= sizeof(place.type))
				continue;
			memcpy(place.type, fs->type, strlen(fs->type) + 1);
			vec_push(&target->places, place);
		}
	}
}

int volume_take_baseline(struct volume *volume, struct err *err)
{
	cleanup(targets_done) struct targets targets = { 0 };

	targets_of(volume, &targets);
	return targets_witness(&targets, WITNESS_SUPERBLOCKS, &volume->baseline, err);
}

static int check_unchanged(struct volume *volume, const struct targets *targets, struct err *err)
{
	struct sha256 now;

	vec_foreach (target, targets)
		if (source_unchanged(target->source, err) < 0)
			return -1;
	if (targets_witness(targets, WITNESS_SUPERBLOCKS, &now, err) < 0)
		return -1;
	if (!sha256_eq(&now, &volume->baseline))
		return err_set(err, ERR_CONFLICT,
			       "%s was mounted or written by somebody else while it was examined; "
			       "nothing was written, examine it again",
			       volume->parts.items[0].name);
	return 0;
}

int volume_check_baseline(struct volume *volume, struct err *err)
{
	cleanup(targets_done) struct targets targets = { 0 };

	targets_of(volume, &targets);
	return check_unchanged(volume, &targets, err);
}

/* A run of granules that differ, as one piece of both records. */
struct run {
	struct volume_disk *disk;
	uint32_t index;
	uint64_t offset_bytes;
	uint32_t len;
	char *old, *new; /* RECORD_PIECE_MAX each */
};

static int end_run(struct run *run, struct record_writer *undo, struct record_writer *redo,
		   struct err *err)
{
	struct record_piece piece = { .disk = run->index,
				      .len = run->len,
				      .offset_bytes = run->offset_bytes,
				      .data = run->old };

	if (!run->len)
		return 0;
	if (record_add(undo, &piece, err) < 0)
		return -1;
	piece.data = run->new;
	run->len = 0;
	return record_add(redo, &piece, err);
}

/* Many changed granules hold what they held before (a log that was written and reset). */
static int add_granule(struct run *run, uint64_t granule, struct record_writer *undo,
		       struct record_writer *redo, struct err *err)
{
	uint64_t at = granule * OVERLAY_GRANULE, size = run->disk->source->size_bytes;
	size_t len = size - at < OVERLAY_GRANULE ? (size_t)(size - at) : OVERLAY_GRANULE;
	bool follows = run->len && run->offset_bytes + run->len == at;
	char *old, *new;

	if ((!follows || run->len + len > RECORD_PIECE_MAX) && end_run(run, undo, redo, err) < 0)
		return -1;
	old = run->old + run->len;
	new = run->new + run->len;
	if (source_pread(run->disk->source, old, len, at, err) < 0 ||
	    overlay_pread(run->disk->overlay, new, len, at, err) < 0)
		return -1;
	if (!memcmp(old, new, len))
		return 0;
	if (!run->len)
		run->offset_bytes = at;
	run->len += (uint32_t)len;
	return 0;
}

static int add_blocks(struct volume *volume, struct run *run, struct record_writer *undo,
		      struct record_writer *redo, struct err *err)
{
	for (size_t i = 0; i < volume->parts.count; i++) {
		run->disk = &volume->parts.items[i];
		run->index = (uint32_t)i;
		for (uint64_t granule = 0;
		     (granule = overlay_next_changed(run->disk->overlay, granule)) != UINT64_MAX;
		     granule++)
			if (add_granule(run, granule, undo, redo, err) < 0)
				return -1;
		if (end_run(run, undo, redo, err) < 0)
			return -1;
	}
	return 0;
}

static int write_records(struct volume *volume, const char *dir, struct err *err)
{
	cleanup(record_abandon) struct record_writer *undo = NULL, *redo = NULL;
	cleanup(free) char *old = mem_alloc(RECORD_PIECE_MAX), *new = mem_alloc(RECORD_PIECE_MAX);
	struct run run = { .old = old, .new = new };

	if (record_create(dir, RECORD_UNDO_BLOCKS, &undo, err) < 0 ||
	    record_create(dir, RECORD_REDO_BLOCKS, &redo, err) < 0 ||
	    add_blocks(volume, &run, undo, redo, err) < 0)
		return -1;
	if (record_finish(TAKE(undo), err) < 0)
		return -1;
	return record_finish(TAKE(redo), err);
}

/* The way back, by paths. What could not be read again is none, and then nothing may be written. */
static int save_patch(const char *dir, const struct patch *patch, struct err *err)
{
	cleanup(json_decref) json_t *files =
		json_pack("{s:i, s:o}", "version", 1, "patch", patch_to_json(patch));
	cleanup(patch_done) struct patch again = { 0 };

	if (patch_from_json(json_object_get(files, "patch"), &again, err) < 0)
		return err_in(err, "the undo record of this repair");
	if (again.count != patch->count)
		return err_set(err, ERR_INTERNAL, "the undo record of this repair has gaps");
	return record_save(dir, "patch.json", files, err);
}

/* Identifiers that this very commit changes (a superblock or a partition table that is put back from its
 * copy) are no identity: they would not be found again. */
static int drop_changed_marks(struct overlay *overlay, json_t *marks, struct err *err)
{
	struct source *source = overlay_source(overlay);

	for (size_t i = json_array_size(marks); i-- > 0;) {
		const json_t *mark = json_array_get(marks, i);
		uint64_t at = (uint64_t)json_integer_value(json_object_get(mark, "at"));
		size_t len = json_string_length(json_object_get(mark, "bytes")) / 2;
		unsigned char old[64], new[64];

		if (len > sizeof(old) || source_pread(source, old, len, at, err) < 0 ||
		    overlay_pread(overlay, new, len, at, err) < 0)
			return -1;
		if (memcmp(old, new, len))
			json_array_remove(marks, i);
	}
	return 0;
}

static json_t *mended_to_json(const struct volume *volume)
{
	json_t *list = json_array();

	vec_foreach (text, &volume->mended)
		json_array_append_new(list, json_string(*text));
	return list;
}

static int save_record(struct volume *volume, const char *dir, const struct targets *targets,
		       const struct patch *patch, struct err *err)
{
	cleanup(json_decref) json_t *disks = targets_to_json(targets, err);
	cleanup(json_decref) json_t *record = NULL;

	if (!disks)
		return -1;
	for (size_t i = 0; i < volume->parts.count; i++) {
		json_t *disk = json_array_get(disks, i);

		json_object_set_new(disk, "path", name_to_json(volume->parts.items[i].path));
		if (drop_changed_marks(volume->parts.items[i].overlay,
				       json_object_get(json_object_get(disk, "identity"), "marks"),
				       err) < 0)
			return -1;
	}
	record = json_pack("{s:i, s:s, s:O, s:o}", "version", 1, "kind", "blocks", "disks", disks,
			   "mended", mended_to_json(volume));
	if (record_save(dir, "record.json", record, err) < 0)
		return -1;
	return save_patch(dir, patch, err);
}

static int require_fresh(const char *dir, struct err *err)
{
	enum record_state state;

	if (dir_make(dir, err) < 0 || record_state(dir, &state, err) < 0)
		return -1;
	if (state != RECORD_NONE)
		return err_set(err, ERR_CONFLICT,
			       "%s holds the record of another repair already; nothing was written",
			       dir);
	return 0;
}

static int write_targets(const struct targets *targets, const char *dir, struct err *err)
{
	cleanup(record_close) struct record_reader *redo = NULL;
	struct sha256 witness;

	if (record_open(dir, RECORD_REDO_BLOCKS, &redo, err) < 0 ||
	    record_set_state(dir, RECORD_COMMITTING, NULL, err) < 0 ||
	    targets_write(targets, redo, err) < 0 ||
	    targets_witness(targets, WITNESS_LOGS, &witness, err) < 0)
		return -1;
	return record_set_state(dir, RECORD_FINISHED, &witness, err);
}

int volume_commit(struct volume *volume, const char *record_dir, const struct patch *patch,
		  struct err *err)
{
	cleanup(targets_done) struct targets targets = { 0 };

	if (!volume->way || volume->access != VOLUME_REPAIR)
		return err_set(err, ERR_INTERNAL, "a commit of what has no overlay to commit");
	if (volume->tree && volume->way->unmount(volume, err) < 0)
		return -1;
	targets_of(volume, &targets);
	/* A source that cannot be written is found out before anything is recorded. */
	vec_foreach (target, &targets)
		if (source_make_writable(target->source, err) < 0)
			return -1;
	if (require_fresh(record_dir, err) < 0 || check_unchanged(volume, &targets, err) < 0 ||
	    save_record(volume, record_dir, &targets, patch, err) < 0 ||
	    write_records(volume, record_dir, err) < 0 ||
	    write_targets(&targets, record_dir, err) < 0)
		return -1;
	vec_foreach (disk, &volume->parts) {
		volume->committed_blocks += overlay_changed_count(disk->overlay);
		overlay_reset(disk->overlay);
	}
	return volume_take_baseline(volume, err);
}

/* A mounted tree */

static int apply_items(struct tree *tree, const struct patch *patch, struct err *err)
{
	for (size_t i = 0; i < patch->count; i++) {
		struct patch one = { .items = &patch->items[i], .count = 1 };
		struct patch done = { .items = patch->items, .count = i };
		struct err failed = ERR_INIT, ignored = ERR_INIT;

		if (record_step("change a file", err) < 0)
			return -1;
		if (!patch_apply(tree, &one, &failed))
			continue;
		*err = failed;
		/* What was done is taken back; the file that failed as well, unless it is somebody
		 * else's by now. */
		if (failed.code != ERR_CONFLICT)
			(void)!tree_force(tree, &one, RECORD_TAKE_BACK, &ignored);
		if (tree_force(tree, &done, RECORD_TAKE_BACK, &ignored) < 0)
			return err_in(err, "and the files changed before could not be taken back");
		return 1;
	}
	return 0;
}

int volume_tree_apply(struct volume *volume, const char *record_dir, const struct patch *patch,
		      struct err *err)
{
	cleanup(json_decref) json_t *record = NULL;
	struct err ignored = ERR_INIT;
	int result;

	if (volume->way)
		return err_set(err, ERR_INTERNAL, "a volume with an overlay is committed");
	record = json_pack("{s:i, s:s}", "version", 1, "kind", "tree");
	if (require_fresh(record_dir, err) < 0 ||
	    record_save(record_dir, "record.json", record, err) < 0 ||
	    save_patch(record_dir, patch, err) < 0 ||
	    record_set_state(record_dir, RECORD_COMMITTING, NULL, err) < 0)
		return -1;
	result = apply_items(volume->tree, patch, err);
	if (result > 0) /* taken back, so there is nothing to recover */
		(void)!record_set_state(record_dir, RECORD_UNDONE, NULL, &ignored);
	if (result)
		return -1;
	if (tree_sync(volume->tree, err) < 0)
		return -1;
	return record_set_state(record_dir, RECORD_FINISHED, NULL, err);
}
