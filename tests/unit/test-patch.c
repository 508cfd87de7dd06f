/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edits, patches and diffs over a directory tree. */
#include "unit.h"

#include "fs/edit.h"
#include "fs/tree.h"

struct fixture {
	char dir[32];
	int fd;
	struct tree *tree;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct err err = ERR_INIT;

	strcpy(f->dir, "/tmp/patch-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tree_open_dir_with_attrs(f->fd, "", &f->tree, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	cleanup(free) char *command = mem_printf("rm -rf '%s'", f->dir);

	tree_close(f->tree);
	close(f->fd);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	struct err err = ERR_INIT;
	const struct tree_new new = { .mode = 0644 };

	assert_int_equal(tree_create(f->tree, path, &new, text, strlen(text), &err), 0);
}

static void assert_file(struct fixture *f, const char *path, const char *text)
{
	cleanup(str_done) struct str got = STR_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(tree_read(f->tree, path, 4096, &got, &err), 0);
	assert_string_equal(got.s, text);
}

static void lines_of_one_file_merge(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 };
	struct tree_names changed = { 0 };
	struct err err = ERR_INIT;

	put(f, "/a", "one\ntwo\nthree\nfour");
	edit_lines(&edits, "/a", 2, 1, "two\n", "TWO\n");
	edit_lines(&edits, "/a", 1, 0, "", "zero\n");
	edit_lines(&edits, "/a", 5, 0, "", "five\n");
	edit_lines(&edits, "/a", 2, 1, "two\n", "conflict\n");
	edit_lines(&edits, "/a", 3, 1, "three\n", "");
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), 0);
	assert_int_equal(patch.left_out, 1);
	assert_int_equal(patch_apply(f->tree, &patch, &err), 0);
	assert_file(f, "/a", "zero\none\nTWO\nfour\nfive\n");
	assert_int_equal(patch_revert(f->tree, &patch, &changed, &err), 0);
	assert_int_equal(changed.count, 0);
	assert_file(f, "/a", "one\ntwo\nthree\nfour");
}

static void a_file_that_changed_is_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 };
	struct tree_names changed = { 0 };
	struct err err = ERR_INIT;

	put(f, "/a", "one\ntwo\n");
	edit_lines(&edits, "/a", 2, 1, "tow\n", "TWO\n");
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	edits_done(&edits);
	edit_lines(&edits, "/a", 2, 1, "two\n", "TWO\n");
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), 0);
	assert_int_equal(tree_write(f->tree, "/a", "x\n", 2, &err), 0);
	assert_int_equal(patch_apply(f->tree, &patch, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_equal(patch_revert(f->tree, &patch, &changed, &err), 0);
	assert_int_equal(changed.count, 1);
	assert_file(f, "/a", "x\n");
	tree_names_done(&changed);
}

/* What an earlier edit of the same patch has changed is no conflict with the tree; what no edit of its kind can
 * be made of is. */
static void edits_of_one_path_wait_for_each_other(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits edits = { 0 }, wrong = { 0 };
	cleanup(patch_done) struct patch patch = { 0 };
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT, lines = STR_INIT;
	struct tree_stat st;
	struct err err = ERR_INIT;

	put(f, "/a", "one\r\ntwo\r\n");
	str_add(&old, "one\r\ntwo\r\n");
	str_add(&new, "one\ntwo\n");
	edit_lines(&edits, "/a", 2, 1, "two\r\n", "# two\r\n");
	edit_replace(&edits, "/a", &old, &new);
	assert_int_equal(tree_stat(f->tree, "/a", TREE_FOLLOW, &st, &err), 0);
	edit_mode(&edits, "/a", &st, 0600, 0, 0);
	edit_mode(&edits, "/a", &st, 0640, 0, 0);
	edit_remove(&edits, "/a");
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), 0);
	assert_int_equal(patch.left_out, 3);
	assert_int_equal(patch_apply(f->tree, &patch, &err), 0);
	assert_file(f, "/a", "one\r\n# two\r\n");
	assert_int_equal(tree_stat(f->tree, "/a", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.mode, S_IFREG | 0600);

	assert_int_equal(tree_mkdir(f->tree, "/d", &(struct tree_new){ .mode = 0755 }, &err), 0);
	edit_replace(&wrong, "/d", &(struct str)STR_INIT, &new);
	patch_done(&patch);
	assert_int_equal(patch_make(f->tree, &wrong, &patch, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);

	/* Lines are bytes. */
	edits_done(&wrong);
	str_clear(&old), str_clear(&new);
	str_add_bytes(&lines, "x\0y\nz\n", 6);
	assert_int_equal(tree_write(f->tree, "/a", lines.s, lines.len, &err), 0);
	str_add_bytes(&old, "x\0y\n", 4);
	str_add_bytes(&new, "x\0\n", 3);
	edit_line_bytes(&wrong, "/a", 1, 1, &old, &new);
	assert_int_equal(patch_make(f->tree, &wrong, &patch, &err), 0);
	assert_int_equal(patch.items[0].after.bytes.len, 5);
	assert_memory_equal(patch.items[0].after.bytes.s, "x\0\nz\n", 5);
}

/* Two checks may disable one unit: what is away already stays away, and counts as done. */
static void removed_twice(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 };
	struct str old = STR_INIT, new = STR_INIT;
	struct err err = ERR_INIT;

	put(f, "/link", "x");
	str_add(&old, "x");
	edit_remove(&edits, "/link");
	edit_remove(&edits, "/link");
	edit_replace(&edits, "/link", &old, &new); /* left for the next examination */
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), 0);
	assert_int_equal(patch.count, 1);
	assert_int_equal(patch.left_out, 1);
	edit_remove(&edits, "/never-was");
	assert_int_equal(patch_make(f->tree, &edits, &(struct patch){ 0 }, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	str_done(&old);
}

static void everything_is_made_and_taken_back(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 }, again = { 0 };
	cleanup(str_done) struct str diff = STR_INIT, target = STR_INIT;
	struct tree_names changed = { 0 };
	struct tree_stat st;
	struct err err = ERR_INIT;
	json_t *json;

	put(f, "/mode", "x");
	put(f, "/gone", "bye\n");
	assert_int_equal(tree_stat(f->tree, "/mode", TREE_FOLLOW, &st, &err), 0);
	edit_mode(&edits, "/mode", &st, 0600, 7, 8);
	edit_remove(&edits, "/gone");
	edit_create(&edits, "/d/e/new", &(struct tree_new){ .mode = 0640, .uid = 5 }, "hello\n", 6);
	edit_symlink(&edits, "/d/link", "../gone");
	edit_mkdir(&edits, "/d/f", &(struct tree_new){ .mode = 0700 });
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), 0);
	json = patch_to_json(&patch);
	assert_int_equal(patch_from_json(json, &again, &err), 0);
	json_decref(json);
	assert_int_equal(patch_apply(f->tree, &again, &err), 0);
	assert_file(f, "/d/e/new", "hello\n");
	assert_false(tree_exists(f->tree, "/gone"));
	assert_int_equal(tree_stat(f->tree, "/mode", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.mode, S_IFREG | 0600);
	assert_int_equal(st.uid, 7);
	assert_int_equal(tree_readlink(f->tree, "/d/link", &target, &err), 0);
	assert_string_equal(target.s, "../gone");
	patch_diff(&patch, &diff);
	assert_non_null(strstr(diff.s, "mode 0644 -> 0600 /mode"));
	assert_non_null(strstr(diff.s, "+hello"));
	assert_non_null(strstr(diff.s, "-bye"));
	assert_int_equal(patch_revert(f->tree, &patch, &changed, &err), 0);
	assert_int_equal(changed.count, 0);
	assert_file(f, "/gone", "bye\n");
	assert_false(tree_exists(f->tree, "/d"));
}

/* What is immutable is changed all the same and immutable again; an edit of the flags clears them; the
 * contents of what changes its mode alone are in no record. */
static void flags_and_modes_leave_contents_alone(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 }, again = { 0 };
	cleanup(str_done) struct str diff = STR_INIT;
	struct tree_names changed = { 0 };
	struct tree_stat st;
	struct err err = ERR_INIT;
	json_t *json;

	put(f, "/lines", "one\n");
	put(f, "/program", "x");
	put(f, "/flags", "x");
	assert_int_equal(tree_chflags(f->tree, "/lines", TREE_IMMUTABLE, &err), 0);
	assert_int_equal(tree_chflags(f->tree, "/flags", TREE_IMMUTABLE | TREE_APPEND, &err), 0);
	assert_int_equal(tree_stat(f->tree, "/program", TREE_FOLLOW, &st, &err), 0);
	edit_mode(&edits, "/program", &st, 0755, 0, 0);
	edit_mode(&edits, "/program", &st, 0755, 0, 0); /* two findings agree */
	edit_mode(&edits, "/program", &st, 0700, 0, 0); /* and one does not */
	edit_lines(&edits, "/lines", 1, 1, "one\n", "two\n");
	assert_int_equal(tree_stat(f->tree, "/flags", TREE_FOLLOW, &st, &err), 0);
	edit_flags(&edits, "/flags", &st, 0);
	assert_int_equal(patch_make(f->tree, &edits, &patch, &err), 0);
	assert_int_equal(patch.left_out, 1);
	assert_true(patch.items[0].before.is_bare);
	json = patch_to_json(&patch);
	assert_int_equal(patch_from_json(json, &again, &err), 0);
	json_decref(json);
	assert_int_equal(patch_apply(f->tree, &again, &err), 0);
	assert_file(f, "/lines", "two\n");
	assert_int_equal(tree_stat(f->tree, "/lines", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.attr_flags, TREE_IMMUTABLE);
	assert_int_equal(tree_stat(f->tree, "/flags", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.attr_flags, 0);
	assert_int_equal(tree_stat(f->tree, "/program", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.mode, S_IFREG | 0755);
	patch_diff(&patch, &diff);
	assert_non_null(strstr(diff.s, "attributes ia -> none /flags"));
	assert_int_equal(patch_revert(f->tree, &again, &changed, &err), 0);
	assert_int_equal(changed.count, 0);
	assert_int_equal(tree_stat(f->tree, "/flags", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.attr_flags, TREE_IMMUTABLE | TREE_APPEND);
	assert_file(f, "/lines", "one\n");
}

/* First its mode, then its contents: one patch with the contents of before and after. */
static void a_bare_change_and_a_whole_one_compose(void **state)
{
	struct fixture *f = *state;
	cleanup(edits_done) struct edits first = { 0 }, second = { 0 };
	cleanup(patch_done) struct patch all = { 0 }, next = { 0 };
	struct tree_names changed = { 0 };
	struct tree_stat st;
	struct err err = ERR_INIT;

	put(f, "/a", "one\n");
	assert_int_equal(tree_stat(f->tree, "/a", TREE_FOLLOW, &st, &err), 0);
	edit_mode(&first, "/a", &st, 0600, 0, 0);
	assert_int_equal(patch_make(f->tree, &first, &all, &err), 0);
	assert_int_equal(patch_apply(f->tree, &all, &err), 0);
	edit_lines(&second, "/a", 1, 1, "one\n", "two\n");
	assert_int_equal(patch_make(f->tree, &second, &next, &err), 0);
	assert_int_equal(patch_apply(f->tree, &next, &err), 0);
	patch_compose(&all, &next);
	assert_int_equal(patch_revert(f->tree, &all, &changed, &err), 0);
	assert_int_equal(changed.count, 0);
	assert_file(f, "/a", "one\n");
	assert_int_equal(tree_stat(f->tree, "/a", TREE_FOLLOW, &st, &err), 0);
	assert_int_equal(st.mode, S_IFREG | 0644);
}

static void paths_from_json_are_plain(void **state)
{
	static const char *const bad[] = { "relative", "/a/../b", "/..", "/a//b",
					   "/a/",      "/./a",	  "/a/." };
	char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *json = json_string(bad[i]);

		assert_int_equal(path_from_json(json, &path, &err), -1);
		json_decref(json);
	}
}

static void nothing_leads_out_of_a_tree(void **state)
{
	struct fixture *f = *state;
	cleanup(str_done) struct str got = STR_INIT;
	struct err err = ERR_INIT;
	struct tree_stat st;
	char at[64];

	snprintf(at, sizeof(at), "%s/up", f->dir);
	assert_int_equal(symlink("../../../../../../etc/passwd", at), 0);
	snprintf(at, sizeof(at), "%s/magic", f->dir);
	assert_int_equal(symlink("/proc/self/root/etc/passwd", at), 0);
	snprintf(at, sizeof(at), "%s/loop", f->dir);
	assert_int_equal(symlink("loop", at), 0);
	snprintf(at, sizeof(at), "%s/fifo", f->dir);
	assert_int_equal(mkfifo(at, 0600), 0);
	assert_int_equal(tree_read(f->tree, "/up", 100, &got, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_int_equal(tree_read(f->tree, "/magic", 100, &got, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_int_equal(tree_read(f->tree, "/loop", 100, &got, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_int_equal(tree_read(f->tree, "/fifo", 100, &got, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_int_equal(tree_stat(f->tree, "/../../..", TREE_FOLLOW, &st, &err), 0);
	assert_true(S_ISDIR(st.mode));
	put(f, "/big", "0123456789");
	assert_int_equal(tree_read(f->tree, "/big", 9, &got, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_int_equal(got.len, 0);
}

static void links_resolve_inside(void **state)
{
	struct fixture *f = *state;
	cleanup(str_done) struct str got = STR_INIT;
	struct err err = ERR_INIT;
	const struct tree_new dir = { .mode = 0755 };

	assert_int_equal(tree_mkdir(f->tree, "/run", &dir, &err), 0);
	assert_int_equal(tree_mkdir(f->tree, "/var", &dir, &err), 0);
	assert_int_equal(tree_symlink(f->tree, "/var/run", "../run", &dir, &err), 0);
	put(f, "/run/x", "here");
	assert_file(f, "/var/run/x", "here");
	assert_int_equal(tree_resolve(f->tree, "/var/run/x", &got, &err), 0);
	assert_string_equal(got.s, "/run/x");
	str_clear(&got);
	assert_int_equal(tree_resolve(f->tree, "/var/run/../var/run/not-there", &got, &err), 0);
	assert_string_equal(got.s, "/run/not-there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_of_one_file_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_changed_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(edits_of_one_path_wait_for_each_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(removed_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(everything_is_made_and_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(flags_and_modes_leave_contents_alone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_bare_change_and_a_whole_one_compose, setup,
						teardown),
		cmocka_unit_test_setup_teardown(paths_from_json_are_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_leads_out_of_a_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(links_resolve_inside, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
