/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives fs/volume.h from a shell script.
 *
 * tool-volume [options] WORKDIR PATH COMMAND...   opens the volume and runs the commands in order
 *   -w repair   -k, -e kernel or libext2fs way   -m MORE another disk
 *   -s N die before step N of a commit   -c BYTES cut writes to the volume
 *   disks, figures, warnings, score; cat F, ls D, stat F, xattr F NAME, resolve F
 *   write F TEXT, create F TEXT, mkdir D -, symlink L TARGET, remove F -, chmod F MODE,
 *   chflags F ia (or -)
 *   sleep N, fsck, remount, commit DIR (what the commands above did), apply DIR (a mounted tree)
 * tool-volume [options] WORKDIR PATH undo DIR | finish DIR | take-back DIR | state DIR */
#include "base/mem.h"
#include "fs/mount.h"
#include "fs/record.h"
#include "fs/volume.h"

#include <stdio.h>

static int fail(const struct err *err)
{
	fprintf(stderr, "%s: %s\n", err_name(err->code), err->text);
	return 1;
}

struct session {
	struct volume *volume;
	struct patch patch;
};

/* Dying at a chosen step: the process is gone as after a power cut. */
static long steps_left = -1;
static int count_step(void *arg, const char *what)
{
	(void)arg;
	if (steps_left > 0 && !--steps_left) {
		fprintf(stderr, "died before: %s\n", what);
		_exit(99);
	}
	return 0;
}
static struct record_hook hook = { .before = count_step };

static void print_disks(const struct disks *disks)
{
	for (size_t i = 0; i < disks->count; i++) {
		const struct disk_fs *fs = &disks->items[i];

		printf("%u %s uuid=%s label=%s%s%s%s%s\n", fs->partition, fs->type ? fs->type : "-",
		       fs->uuid ? fs->uuid : "-", fs->label ? fs->label : "-",
		       fs->is_damaged ? " damaged" : "", fs->is_root ? " root" : "",
		       fs->root_subvol ? " subvol=" : "", fs->root_subvol ? fs->root_subvol : "");
	}
}

static void print_names(const char *what, const struct tree_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		printf("%s%s\n", what, names->items[i]);
}

static int plain(struct session *session, const char *command, struct err *err)
{
	struct volume_figures figures = volume_figures(session->volume);
	cleanup(str_done) struct str report = STR_INIT;
	bool is_clean;

	if (str_eq(command, "disks")) {
		print_disks(volume_disks(session->volume));
	} else if (str_eq(command, "figures")) {
		printf("size %llu read %llu changed %llu\n", (unsigned long long)figures.size_bytes,
		       (unsigned long long)figures.source_read_bytes,
		       (unsigned long long)figures.changed_bytes);
	} else if (str_eq(command, "warnings")) {
		print_names("", volume_warnings(session->volume));
	} else if (str_eq(command, "remount")) {
		return volume_remount(session->volume, err) < 0 ? -1 : 1;
	} else if (str_eq(command, "fsck")) {
		if (volume_fsck(session->volume, &is_clean, &report, err) < 0)
			return -1;
		printf("%s\n%s", is_clean ? "clean" : "not clean", report.s);
	} else {
		return 0;
	}
	return 1;
}

static int look(struct tree *tree, const char *command, const char *path, struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct tree_stat st;

	if (str_eq(command, "cat")) {
		if (tree_read(tree, path, TREE_FILE_MAX, &text, err) < 0)
			return -1;
		fwrite(text.s, 1, text.len, stdout);
	} else if (str_eq(command, "ls")) {
		if (tree_list(tree, path, &names, err) < 0)
			return -1;
		print_names("", &names);
	} else if (str_eq(command, "resolve")) {
		if (tree_resolve(tree, path, &text, err) < 0)
			return -1;
		puts(text.s);
	} else if (str_eq(command, "stat")) {
		if (tree_stat(tree, path, TREE_NOFOLLOW, &st, err) < 0)
			return -1;
		printf("%o %u:%u %llu nlink %u\n", st.mode, st.uid, st.gid,
		       (unsigned long long)st.size_bytes, st.nlink);
	} else {
		return 0;
	}
	return 1;
}

static int add_edit(struct session *session, const char *command, const char *path, const char *arg,
		    struct edits *edits, struct err *err)
{
	struct tree *tree = volume_tree(session->volume);
	struct tree_new new = { .mode = str_eq(command, "mkdir") ? 0755 : 0644 };
	struct str old = STR_INIT, text = STR_INIT;
	struct tree_stat st;

	str_add(&text, arg);
	if (str_eq(command, "write")) {
		if (tree_read(tree, path, TREE_FILE_MAX, &old, err) < 0)
			return -1;
		edit_replace(edits, path, &old, &text);
	} else if (str_eq(command, "create")) {
		edit_create(edits, path, &new, arg, strlen(arg));
	} else if (str_eq(command, "mkdir")) {
		edit_mkdir(edits, path, &new);
	} else if (str_eq(command, "symlink")) {
		edit_symlink(edits, path, arg);
	} else if (str_eq(command, "remove")) {
		edit_remove(edits, path);
	} else if (str_eq(command, "chflags")) {
		if (tree_stat(tree, path, TREE_NOFOLLOW, &st, err) < 0)
			return -1;
		edit_flags(edits, path, &st,
			   (strchr(arg, 'i') ? TREE_IMMUTABLE : 0) |
				   (strchr(arg, 'a') ? TREE_APPEND : 0));
	} else if (str_eq(command, "chmod")) {
		if (tree_stat(tree, path, TREE_NOFOLLOW, &st, err) < 0)
			return -1;
		edit_mode(edits, path, &st, (uint32_t)strtoul(arg, NULL, 8), st.uid, st.gid);
	}
	str_done(&old);
	str_done(&text);
	return 0;
}

/* A mounted tree is changed only by "apply"; everything else at once, so that later commands see
 * it. */
static int change(struct session *session, const char *command, const char *path, const char *arg,
		  struct err *err)
{
	cleanup(edits_done) struct edits edits = { 0 };
	struct patch patch = { 0 };

	if (add_edit(session, command, path, arg, &edits, err) < 0 ||
	    patch_make(volume_tree(session->volume), &edits, &patch, err) < 0)
		return -1;
	if (!volume_is_tree(session->volume) &&
	    patch_apply(volume_tree(session->volume), &patch, err) < 0)
		return -1;
	patch_compose(&session->patch, &patch);
	patch_done(&patch);
	return 0;
}

static int run(struct session *session, char **argv, int *at, struct err *err)
{
	const char *command = argv[*at], *arg = argv[*at + 1];
	cleanup(str_done) struct str text = STR_INIT;
	int result = plain(session, command, err);

	if (result || !arg)
		return result > 0 ? 0 : -1;
	++*at;
	if (str_eq(command, "commit"))
		return volume_commit(session->volume, arg, &session->patch, err);
	if (str_eq(command, "sleep")) {
		fflush(stdout);
		sleep((unsigned)atoi(arg));
		return 0;
	}
	if (str_eq(command, "apply"))
		return volume_tree_apply(session->volume, arg, &session->patch, err);
	result = look(volume_tree(session->volume), command, arg, err);
	if (result || !argv[*at + 1])
		return result > 0 ? 0 : -1;
	++*at;
	if (str_eq(command, "xattr")) {
		if (tree_getxattr(volume_tree(session->volume), arg, argv[*at], &text, err) < 0)
			return -1;
		str_add_char(&text, '\n');
		fwrite(text.s, 1, text.len, stdout);
		return 0;
	}
	return change(session, command, arg, argv[*at], err);
}

static int on_record(const struct volume_request *request, const char *command, const char *dir,
		     struct err *err)
{
	static const char *const words[] = { "none", "committing", "finished", "undone" };
	struct undo_result result = { 0 };
	enum record_state state;

	if (str_eq(command, "finish"))
		return volume_recover(request, dir, RECORD_FINISH, err);
	if (str_eq(command, "take-back"))
		return volume_recover(request, dir, RECORD_TAKE_BACK, err);
	if (str_eq(command, "state")) {
		if (record_state(dir, &state, err) < 0)
			return -1;
		puts(words[state]);
		return 0;
	}
	if (volume_undo(request, dir, &result, err) < 0)
		return -1;
	puts(result.was_exact ? "exact" : "by file");
	print_names("put back ", &result.put_back);
	print_names("changed ", &result.changed);
	undo_result_done(&result);
	return 0;
}

static bool is_record_command(const char *command)
{
	return str_eq(command, "undo") || str_eq(command, "finish") ||
	       str_eq(command, "take-back") || str_eq(command, "state");
}

static int options(int argc, char **argv, struct volume_request *request, const char **more)
{
	int opt;

	while ((opt = getopt(argc, argv, "+wkem:s:c:")) != -1) {
		if (opt == 'w')
			request->access = VOLUME_REPAIR;
		else if (opt == 'k')
			request->way = VOLUME_WAY_KERNEL;
		else if (opt == 'e')
			request->way = VOLUME_WAY_EXT2FS;
		else if (opt == 'm' && request->more_count < 8)
			more[request->more_count++] = optarg;
		else if (opt == 's')
			steps_left = atol(optarg);
		else if (opt == 'c')
			hook.max_write_bytes = (size_t)atol(optarg);
		else
			return -1;
	}
	request->more_paths = more;
	if (argc - optind < 2)
		return -1;
	request->work_dir = argv[optind];
	request->path = argv[optind + 1];
	return 0;
}

int main(int argc, char **argv)
{
	struct volume_request request = { .access = VOLUME_READ };
	struct session session = { 0 };
	struct err err = ERR_INIT;
	const char *more[8];
	int result = 0;

	if (options(argc, argv, &request, more) < 0)
		return 2;
	if (!getenv("NO_NAMESPACE") && mount_private_namespace(&err) < 0) {
		if (!geteuid())
			return fail(&err);
		err_clear(&err);
	}
	record_set_hook(&hook);
	if (argc - optind == 4 && is_record_command(argv[optind + 2]))
		return on_record(&request, argv[optind + 2], argv[optind + 3], &err) < 0
			       ? fail(&err)
			       : 0;
	result = volume_open(&request, &session.volume, &err);
	for (int i = optind + 2; !result && i < argc; i++)
		result = run(&session, argv, &i, &err);
	volume_close(session.volume);
	patch_done(&session.patch);
	return result < 0 ? fail(&err) : 0;
}
