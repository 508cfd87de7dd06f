/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/mend.h"
#include "base/proc.h"
#include "fs/gpt.h"
#include "fs/volume_impl.h"

#include <stdio.h>

#define DEADLINE_S 10800u
#define REPORT_MAX 8192u
#define WORDS_MAX  400u /* bytes of a program's last words in a sentence */

/* How each repair is done by the file system's own program. */
static const struct mender {
	const char *types; /* blank separated */
	const char *argv[4];
	bool uses_copy, is_careful;
	int good; /* exit statuses up to this one are success */
	const char *package;
} menders[] = {
	[MEND_E2FSCK_CAREFUL] = { " ext2 ext3 ext4 ",
				  { "e2fsck", "-p" },
				  false,
				  true,
				  3,
				  "e2fsprogs" },
	[MEND_E2FSCK_COPY_CAREFUL] = { " ext2 ext3 ext4 ",
				       { "e2fsck", "-p" },
				       true,
				       true,
				       3,
				       "e2fsprogs" },
	[MEND_E2FSCK] = { " ext2 ext3 ext4 ",
			  { "e2fsck", "-y", "-f" },
			  false,
			  false,
			  3,
			  "e2fsprogs" },
	[MEND_E2FSCK_COPY] = { " ext2 ext3 ext4 ",
			       { "e2fsck", "-y", "-f" },
			       true,
			       false,
			       3,
			       "e2fsprogs" },
	[MEND_XFS_REPAIR] = { " xfs ", { "xfs_repair", "-f" }, false, false, 0, "xfsprogs" },
	[MEND_FAT] = { " vfat ", { "fsck.vfat", "-a" }, false, false, 1, "dosfstools" },
	[MEND_NO_PERIODIC_CHECK] = { " ext2 ext3 ext4 ",
				     { "tune2fs", "-c0", "-i0" },
				     false,
				     false,
				     0,
				     "e2fsprogs" },
	[MEND_GPT] = { "", { NULL }, false, false, 0, NULL },
};

static int find_row(const struct volume *volume, const struct edit *edit, size_t *ret,
		    struct err *err)
{
	const struct mender *mender = &menders[edit->repair];

	for (size_t row = 0; row < volume->disks.count; row++) {
		const struct disk_fs *fs = &volume->disks.items[row];
		const char *type = mender->uses_copy || !fs->type ? fs->state.lost_type : fs->type;
		char padded[24];

		if (fs->partition != edit->partition || !str_eq(fs->disk, edit->disk))
			continue;
		snprintf(padded, sizeof(padded), " %s ", type ? type : "-");
		if (!strstr(mender->types, padded))
			break;
		*ret = row;
		return 0;
	}
	return err_set(err, ERR_CONFLICT, "there is no file system that %s could repair there",
		       block_repair_name(edit->repair));
}

/* The last words of a program, as one line. */
static void last_words(const struct proc_result *result, struct str *into)
{
	cleanup(str_done) struct str all = STR_INIT;
	size_t from;

	str_add_bytes(&all, result->out.s, result->out.len);
	str_add_bytes(&all, result->errout.s, result->errout.len);
	from = all.len > WORDS_MAX ? all.len - WORDS_MAX : 0;
	for (size_t i = from; i < all.len; i++) {
		bool is_blank = strchr(" \t\r\n", all.s[i]) != NULL;

		if (!is_blank)
			str_add_escaped(into, &all.s[i], 1);
		else if (into->len && into->s[into->len - 1] != ' ')
			str_add_char(into, ' ');
	}
}

static void note_gave_up(struct volume *volume, const struct edit *edit, const char *words)
{
	vec_push(&volume->gave_up, ((struct volume_gave_up){ .disk = mem_strdup(edit->disk),
							     .partition = edit->partition,
							     .text = mem_strdup(words) }));
}

static int judge(struct volume *volume, const struct edit *edit, const struct proc_result *result,
		 struct str *report, struct err *err)
{
	const struct mender *mender = &menders[edit->repair];
	cleanup(str_done) struct str words = STR_INIT;

	if (result->status <= mender->good) {
		str_add_bytes(report, result->out.s, result->out.len);
		return 0;
	}
	last_words(result, &words);
	if (mender->is_careful)
		note_gave_up(volume, edit, words.s);
	return err_set(err, ERR_DAMAGED, "%s ended with status %d: %s",
		       block_repair_name(edit->repair), result->status, words.s);
}

static int run_program(struct volume *volume, const struct edit *edit, struct str *report,
		       struct err *err)
{
	const struct mender *mender = &menders[edit->repair];
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	cleanup(free) char *path = NULL, *copy = NULL, *block = NULL;
	const char *argv[10] = { NULL };
	struct proc_run run = { .argv = argv,
				.deadline_s = DEADLINE_S,
				.max_output_bytes = REPORT_MAX };
	size_t row = 0, count = 0;

	if (find_row(volume, edit, &row, err) < 0 || volume_export(volume, err) < 0)
		return -1;
	path = volume_export_path(volume, row);
	for (; mender->argv[count]; count++)
		argv[count] = mender->argv[count];
	if (mender->uses_copy) {
		const struct fs_state *state = &volume->disks.items[row].state;

		copy = mem_printf("%llu", (unsigned long long)state->copy_block);
		block = mem_printf("%u", state->block_bytes);
		argv[count++] = "-b";
		argv[count++] = copy;
		argv[count++] = "-B";
		argv[count++] = block;
	}
	argv[count] = path;
	if (proc_run(&run, &result, err) < 0)
		return err->code == ERR_TOOL
			       ? err_set(err, ERR_TOOL,
					 "%s is needed for it; install it (package %s)",
					 mender->argv[0], mender->package)
			       : -1;
	return judge(volume, edit, &result, report, err);
}

static int mend_table(struct volume *volume, const struct edit *edit, struct err *err)
{
	vec_foreach (disk, &volume->parts)
		if (str_eq(disk->name, edit->disk))
			return gpt_mend(disk->overlay, err);
	return err_set(err, ERR_CONFLICT, "there is no such disk");
}

static int look_again(struct volume *volume, struct err *err)
{
	struct tree_names said_before = { 0 };
	int result = volume_probe(volume, &said_before, err);

	tree_names_done(&said_before);
	return result;
}

static int mend_one(struct volume *volume, const struct edit *edit, struct str *report,
		    struct err *err)
{
	cleanup(str_done) struct str name = STR_INIT;
	int result;

	if (edit->kind != EDIT_BLOCKS)
		return err_set(err, ERR_INTERNAL, "an edit of files is no repair of blocks");
	result = edit->repair == MEND_GPT ? mend_table(volume, edit, err)
					  : run_program(volume, edit, report, err);
	/* The export's list of windows and libblkid's view are of before. */
	export_close(TAKE(volume->export));
	if (result < 0)
		return -1;
	edit_blocks_text(edit, &name);
	vec_push(&volume->mended, mem_strdup(name.s));
	return look_again(volume, err);
}

static void forget_all(struct volume *volume)
{
	volume_let_go(volume);
	vec_foreach (disk, &volume->parts)
		overlay_reset(disk->overlay);
	vec_foreach (text, &volume->mended)
		free(*text);
	vec_done(&volume->mended);
}

int volume_mend(struct volume *volume, const struct edits *edits, struct str *report,
		size_t *ret_failed, struct err *err)
{
	*ret_failed = 0;
	forget_all(volume);
	if (look_again(volume, err) < 0)
		return -1;
	for (size_t i = 0; i < edits->count; i++) {
		struct err ignored = ERR_INIT;

		*ret_failed = i;
		if (!mend_one(volume, &edits->items[i], report, err))
			continue;
		forget_all(volume);
		(void)!look_again(volume, &ignored);
		return -1;
	}
	return 0;
}
