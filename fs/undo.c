/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/commit.h"
#include "base/file.h"
#include "base/log.h"
#include "fs/volume_impl.h"

#include <errno.h>

void undo_result_done(struct undo_result *result)
{
	tree_names_done(&result->put_back);
	tree_names_done(&result->changed);
	tree_names_done(&result->kept);
}

static bool is_tree_record(const json_t *record)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));

	return kind && str_eq(kind, "tree");
}

static int load_patch(const char *dir, struct patch *ret, struct err *err)
{
	cleanup(json_decref) json_t *json = NULL;

	if (record_load(dir, "patch.json", &json, err) < 0)
		return -1;
	return patch_from_json(json_object_get(json, "patch"), ret, err);
}

/* Recovery */

static int recover_tree(const char *path, const char *dir, enum record_direction direction,
			struct err *err)
{
	cleanup(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(tree_close) struct tree *tree = NULL;
	cleanup(patch_done) struct patch patch = { 0 };

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	if (load_patch(dir, &patch, err) < 0 || tree_open_dir(fd, &tree, err) < 0 ||
	    tree_force(tree, &patch, direction, err) < 0 || tree_sync(tree, err) < 0)
		return -1;
	return record_set_state(dir, direction == RECORD_FINISH ? RECORD_FINISHED : RECORD_UNDONE,
				NULL, err);
}

struct both_records {
	struct record_reader *undo, *redo;
};
static void both_records_done(struct both_records *both)
{
	record_close(both->undo);
	record_close(both->redo);
}
DEFINE_CLEANUP_DONE(struct both_records, both_records_done)

static int open_both(const char *dir, struct both_records *ret, struct err *err)
{
	if (record_open(dir, RECORD_UNDO_BLOCKS, &ret->undo, err) < 0)
		return -1;
	return record_open(dir, RECORD_REDO_BLOCKS, &ret->redo, err);
}

static int write_side(const struct targets *targets, const struct both_records *both,
		      const char *dir, enum record_direction direction, struct err *err)
{
	struct sha256 witness;

	if (direction == RECORD_TAKE_BACK) {
		if (targets_write(targets, both->undo, err) < 0)
			return -1;
		return record_set_state(dir, RECORD_UNDONE, NULL, err);
	}
	if (targets_write(targets, both->redo, err) < 0 ||
	    targets_witness(targets, WITNESS_LOGS, &witness, err) < 0)
		return -1;
	return record_set_state(dir, RECORD_FINISHED, &witness, err);
}

static struct target_paths paths_of(const struct volume_request *request)
{
	return (struct target_paths){ .first = request->path,
				      .served = request->served,
				      .more = request->more_paths,
				      .more_count = request->more_count };
}

static int recover_blocks(const struct volume_request *request, const char *dir,
			  const json_t *record, enum record_direction direction, struct err *err)
{
	cleanup(targets_done) struct targets targets = { 0 };
	cleanup(both_records_done) struct both_records both = { 0 };
	const struct target_paths where = paths_of(request);
	enum targets_are are;

	if (open_both(dir, &both, err) < 0 || targets_open(record, &where, &targets, err) < 0 ||
	    targets_compare(&targets, both.undo, both.redo, &are, err) < 0)
		return -1;
	if (are == TARGETS_FOREIGN)
		return err_set(
			err, ERR_CONFLICT,
			"%s: somebody else wrote to it after the commit was cut off; nothing "
			"was written, go back to the snapshot",
			request->path);
	return write_side(&targets, &both, dir, direction, err);
}

/* An undo by file that was cut off in its commit. Finishing the repair is taking that undo back. */
static int recover_undo(const struct volume_request *request, const char *dir,
			enum record_direction direction, struct err *err)
{
	cleanup(free) char *undo_dir = mem_printf("%s/" RECORD_UNDO_DIR, dir);

	if (direction == RECORD_FINISH)
		return volume_recover(request, undo_dir, RECORD_TAKE_BACK, err);
	if (volume_recover(request, undo_dir, RECORD_FINISH, err) < 0)
		return -1;
	return record_set_state(dir, RECORD_UNDONE, NULL, err);
}

int volume_recover(const struct volume_request *request, const char *record_dir,
		   enum record_direction direction, struct err *err)
{
	cleanup(json_decref) json_t *record = NULL;
	enum record_state state, own;

	if (record_state(record_dir, &state, err) < 0 ||
	    record_own_state(record_dir, &own, err) < 0)
		return -1;
	if (state == RECORD_NONE ||
	    state == (direction == RECORD_FINISH ? RECORD_FINISHED : RECORD_UNDONE))
		return 0;
	if (state != RECORD_COMMITTING)
		return err_set(err, ERR_CONFLICT,
			       "%s: the repair is %s; there is nothing to recover", request->path,
			       state == RECORD_FINISHED ? "finished (use undo)"
							: "taken back already");
	if (own != RECORD_COMMITTING)
		return recover_undo(request, record_dir, direction, err);
	if (record_load(record_dir, "record.json", &record, err) < 0)
		return -1;
	return is_tree_record(record) ? recover_tree(request->path, record_dir, direction, err)
				      : recover_blocks(request, record_dir, record, direction, err);
}

/* Undo, file by file */

static void swap_sides(struct patch_item *item)
{
	struct patch_side side = item->before;

	item->before = item->after;
	item->after = side;
}

/* Moves what is as before the repair from `changed` to `put_back`: it was left alone because it was
 * put back earlier (an undo that was cut off), or by hand. */
static void sort_out(struct tree *tree, const struct patch *patch, struct undo_result *ret)
{
	struct tree_names changed = { 0 };

	vec_foreach (name, &ret->changed) {
		bool is_back = false;

		vec_foreach (item, patch)
			if (str_eq(item->path, *name))
				is_back |= tree_is_at(tree, item->path, &item->before);
		if (is_back)
			vec_push(&ret->put_back, *name);
		else
			vec_push(&changed, *name);
	}
	vec_done(&ret->changed);
	ret->changed = changed;
}

static bool is_named(const struct tree_names *names, const char *path)
{
	vec_foreach (name, names)
		if (str_eq(*name, path))
			return true;
	return false;
}

/* Takes the patch back in the tree; `patch` becomes what was done, for a record of its own. */
static int revert(struct tree *tree, struct patch *patch, struct undo_result *ret, struct err *err)
{
	size_t kept = 0;

	if (patch_revert(tree, patch, &ret->changed, err) < 0)
		return -1;
	vec_foreach (item, patch)
		if (!is_named(&ret->changed, item->path))
			vec_push(&ret->put_back, mem_strdup(item->path));
	sort_out(tree, patch, ret);
	for (size_t i = 0; i < patch->count; i++) {
		struct patch_item item = patch->items[i];

		if (!is_named(&ret->put_back, item.path))
			continue;
		swap_sides(&item);
		patch->items[i] = patch->items[kept];
		patch->items[kept++] = item;
	}
	ret->was_exact = false;
	return 0;
}

static int undo_tree(struct volume *volume, const char *dir, struct undo_result *ret,
		     struct err *err)
{
	cleanup(patch_done) struct patch patch = { 0 };

	if (load_patch(dir, &patch, err) < 0 || revert(volume_tree(volume), &patch, ret, err) < 0 ||
	    tree_sync(volume_tree(volume), err) < 0)
		return -1;
	ret->was_exact = !ret->changed.count;
	return record_set_state(dir, RECORD_UNDONE, NULL, err);
}

static int fsck_before_commit(struct volume *volume, struct err *err)
{
	cleanup(str_done) struct str report = STR_INIT;
	bool is_clean = true;

	if (volume_fsck(volume, &is_clean, &report, err) < 0) {
		if (err->code != ERR_TOOL)
			return -1;
		log_debug("volume", "%s", err->text);
		err_clear(err); /* the kernel or libext2fs did it; the check was a second opinion */
	}
	if (!is_clean)
		return err_set(err, ERR_DAMAGED,
			       "the file system check finds faults after the files were taken back "
			       "(nothing was written): %.300s",
			       report.s);
	return 0;
}

/* An earlier undo by file that was cut off and taken back makes room. */
static int forget_taken_back(const char *undo_dir, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/state", undo_dir);
	enum record_state state;

	if (record_own_state(undo_dir, &state, err) < 0)
		return -1;
	if (state != RECORD_UNDONE)
		return 0;
	if (unlink(path) < 0)
		return err_errno(err, errno, "%s", path);
	return dir_sync(undo_dir, err);
}

static int undo_by_file(const struct volume_request *request, const char *dir,
			struct undo_result *ret, struct err *err)
{
	cleanup(free) char *undo_dir = mem_printf("%s/" RECORD_UNDO_DIR, dir);
	cleanup(patch_done) struct patch patch = { 0 };
	cleanup(volume_close) struct volume *volume = NULL;
	struct volume_request repair = *request;
	struct patch done;

	repair.access = VOLUME_REPAIR;
	if (load_patch(dir, &patch, err) < 0 || volume_open(&repair, &volume, err) < 0 ||
	    revert(volume_tree(volume), &patch, ret, err) < 0)
		return -1;
	if (!ret->put_back.count)
		return 0; /* everything is somebody else's by now */
	done = (struct patch){ .items = patch.items, .count = ret->put_back.count };
	if (fsck_before_commit(volume, err) < 0 || forget_taken_back(undo_dir, err) < 0 ||
	    volume_commit(volume, undo_dir, &done, err) < 0)
		return -1;
	return record_set_state(dir, RECORD_UNDONE, NULL, err);
}

/* Undo of the exact bytes */

/* ret_done false: somebody wrote since; nothing was changed here. */
static int undo_exactly(const struct target_paths *where, const char *dir, const json_t *record,
			bool *ret_done, struct err *err)
{
	cleanup(targets_done) struct targets targets = { 0 };
	cleanup(both_records_done) struct both_records both = { 0 };
	struct sha256 then, now;
	enum targets_are are;

	*ret_done = false;
	if (open_both(dir, &both, err) < 0) {
		if (err->code != ERR_MALFORMED && err->code != ERR_NOTFOUND)
			return -1;
		log_debug("volume", "%s", err->text);
		err_clear(err); /* the files are recorded as well */
		return 0;
	}
	if (record_witness(dir, &then, err) < 0 || targets_open(record, where, &targets, err) < 0 ||
	    targets_compare(&targets, both.undo, both.redo, &are, err) < 0 ||
	    targets_witness(&targets, WITNESS_LOGS, &now, err) < 0)
		return -1;
	if (are == TARGETS_FOREIGN || are == TARGETS_BETWEEN || !sha256_eq(&then, &now))
		return 0;
	if (record_set_state(dir, RECORD_COMMITTING, NULL, err) < 0)
		return -1;
	*ret_done = true;
	return write_side(&targets, &both, dir, RECORD_TAKE_BACK, err);
}

/* An undo that was cut off, or a repair. */
static int undo_begun(const struct volume_request *request, const char *dir,
		      struct undo_result *ret, struct err *err)
{
	cleanup(free) char *undo_dir = mem_printf("%s/" RECORD_UNDO_DIR, dir);
	cleanup(patch_done) struct patch patch = { 0 };
	enum record_state own;

	if (record_own_state(dir, &own, err) < 0 ||
	    (own != RECORD_COMMITTING && load_patch(undo_dir, &patch, err) < 0) ||
	    volume_recover(request, dir, RECORD_TAKE_BACK, err) < 0)
		return -1;
	ret->was_exact = own == RECORD_COMMITTING;
	vec_foreach (item, &patch)
		vec_push(&ret->put_back, mem_strdup(item->path));
	return 0;
}

static int undo_finished(const struct volume_request *request, const char *dir,
			 struct undo_result *ret, struct err *err)
{
	cleanup(json_decref) json_t *record = NULL;
	struct target_paths where;
	const json_t *mended;
	bool done = false;
	size_t i;

	if (record_load(dir, "record.json", &record, err) < 0)
		return -1;
	if (is_tree_record(record)) {
		cleanup(volume_close) struct volume *volume = NULL;

		if (volume_open(request, &volume, err) < 0)
			return -1;
		if (!volume_is_tree(volume))
			return err_set(
				err, ERR_CONFLICT,
				"%s: the repair was made on a mounted tree; mount it again and "
				"name its directory",
				request->path);
		return undo_tree(volume, dir, ret, err);
	}
	where = paths_of(request);
	if (undo_exactly(&where, dir, record, &done, err) < 0)
		return -1;
	ret->was_exact = done;
	if (done)
		return 0;
	json_array_foreach (json_object_get(record, "mended"), i, mended)
		if (json_is_string(mended))
			vec_push(&ret->kept, mem_strdup(json_string_value(mended)));
	return undo_by_file(request, dir, ret, err);
}

int volume_undo(const struct volume_request *request, const char *record_dir,
		struct undo_result *ret, struct err *err)
{
	enum record_state state;

	*ret = (struct undo_result){ 0 };
	if (record_state(record_dir, &state, err) < 0)
		return -1;
	switch (state) {
	case RECORD_NONE:
		return err_set(err, ERR_NOTFOUND, "%s: no repair of it is recorded in %s",
			       request->path, record_dir);
	case RECORD_UNDONE:
		return err_set(err, ERR_CONFLICT, "%s: this repair was taken back already",
			       request->path);
	case RECORD_COMMITTING:
		return undo_begun(request, record_dir, ret, err);
	case RECORD_FINISHED:
		break;
	}
	if (undo_finished(request, record_dir, ret, err) < 0) {
		undo_result_done(ret);
		return -1;
	}
	return 0;
}
