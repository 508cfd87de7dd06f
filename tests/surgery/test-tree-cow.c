/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A copy-on-write tree shows changes and leaves the tree below as it was. */
#include "surgery.h"

#include "fs/edit.h"
#include "fs/tree_cow.h"

static const struct tree_new plain = { .mode = 0644 };

static void assert_text(struct tree *tree, const char *path, const char *want)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	if (!want) {
		assert_int_equal(tree_read(tree, path, 1000, &text, &err), -1);
		assert_int_equal(err.code, ERR_NOTFOUND);
		return;
	}
	assert_int_equal(tree_read(tree, path, 1000, &text, &err), 0);
	assert_string_equal(text.s, want);
}

static void assert_names(struct tree *tree, const char *dir, const char *want)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	cleanup(str_done) struct str got = STR_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(tree_list(tree, dir, &names, &err), 0);
	vec_foreach (name, &names)
		str_addf(&got, "%s ", *name);
	assert_string_equal(got.s, want);
}

static void changes_show_above_only(void **state)
{
	struct patient *p = *state;
	cleanup(tree_close) struct tree *cow = tree_open_cow(p->tree);
	cleanup(str_done) struct str part = STR_INIT;
	const struct tree_new dir = { .mode = 0755 };
	struct err err = ERR_INIT;
	struct tree_stat st;

	assert_int_equal(tree_write(cow, "/etc/motd", "bye\n", 4, &err), 0);
	assert_int_equal(tree_create(cow, "/etc/new", &plain, "new\n", 4, &err), 0);
	assert_int_equal(tree_create(cow, "/etc/new", &plain, "", 0, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_equal(tree_create(cow, "/none/new", &plain, "", 0, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_int_equal(tree_mkdir(cow, "/etc/d", &dir, &err), 0);
	assert_int_equal(tree_create(cow, "/etc/d/x", &plain, "x\n", 2, &err), 0);
	assert_int_equal(tree_symlink(cow, "/l", "etc/d", &plain, &err), 0);
	assert_int_equal(tree_remove(cow, "/etc/os-release", &err), 0);
	assert_int_equal(tree_remove(cow, "/etc/d", &err), -1);
	assert_int_equal(tree_chmod(cow, "/etc/motd", 0600, &err), 0);
	assert_int_equal(tree_chown(cow, "/etc/motd", 7, 8, &err), 0);
	assert_text(cow, "/etc/motd", "bye\n");
	assert_text(cow, "/l/x", "x\n");
	assert_text(cow, "/l/../../etc/new", "new\n");
	assert_text(cow, "/etc/os-release", NULL);
	assert_names(cow, "/etc", "d motd new ");
	assert_names(cow, "/l", "x ");
	assert_names(cow, "/", "etc l ");
	assert_int_equal(tree_stat(cow, "/etc/motd", TREE_NOFOLLOW, &st, &err), 0);
	assert_int_equal(st.mode, S_IFREG | 0600);
	assert_int_equal(st.uid, 7);
	assert_int_equal(st.size_bytes, 4);

	assert_int_equal(tree_chflags(cow, "/etc/motd", TREE_IMMUTABLE, &err), 0);
	assert_int_equal(tree_stat(cow, "/l/../motd", TREE_NOFOLLOW, &st, &err), 0);
	assert_int_equal(st.attr_flags, TREE_IMMUTABLE);
	assert_int_equal(tree_read_at(cow, "/etc/motd", 1, 2, &part, &err), 0);
	assert_int_equal(tree_read_at(p->tree, "/etc/motd", 1, 2, &part, &err), 0);
	assert_string_equal(part.s, "yeel");

	assert_text(p->tree, "/etc/motd", "hello\n");
	assert_names(p->tree, "/etc", "motd os-release ");
	assert_names(p->tree, "/", "etc ");
}

static void what_replaces_hides_what_was(void **state)
{
	struct patient *p = *state;
	cleanup(tree_close) struct tree *cow = tree_open_cow(p->tree);
	cleanup(free) char *link = mem_printf("%s/link", p->dir);
	const struct tree_new dir = { .mode = 0755 };
	struct err err = ERR_INIT;

	assert_int_equal(symlink("/etc", link), 0);
	assert_text(cow, "/link/motd", "hello\n");
	assert_int_equal(tree_remove(cow, "/link", &err), 0);
	assert_text(cow, "/link/motd", NULL);
	assert_int_equal(tree_mkdir(cow, "/link", &dir, &err), 0);
	assert_text(cow, "/link/motd", NULL);
	assert_names(cow, "/link", "");
	assert_int_equal(tree_symlink(cow, "/a", "/b", &plain, &err), 0);
	assert_int_equal(tree_symlink(cow, "/b", "/a", &plain, &err), 0);
	assert_int_equal(tree_read(cow, "/a", 10, &(struct str)STR_INIT, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
}

/* A change of "/" itself makes no name in it. */
static void the_root_is_in_nothing(void **state)
{
	struct patient *p = *state;
	cleanup(tree_close) struct tree *cow = tree_open_cow(p->tree);
	struct err err = ERR_INIT;

	assert_int_equal(tree_chmod(cow, "/", 0700, &err), 0);
	assert_names(cow, "/", "etc ");
	assert_int_equal(tree_create(cow, "/a", &plain, "", 0, &err), 0);
	assert_names(cow, "/", "a etc ");
}

static void patches_compose(void **state)
{
	struct patient *p = *state;
	cleanup(tree_close) struct tree *cow = tree_open_cow(p->tree);
	cleanup(patch_done) struct patch whole = { 0 }, second = { 0 };
	cleanup(edits_done) struct edits edits = { 0 }, more = { 0 };
	cleanup(tree_names_done) struct tree_names changed = { 0 };
	struct err err = ERR_INIT;

	edit_lines(&edits, "/etc/motd", 1, 1, "hello\n", "one\n");
	edit_create(&edits, "/etc/sub/new", &plain, "new\n", 4);
	assert_int_equal(patch_make(cow, &edits, &whole, &err), 0);
	assert_int_equal(patch_apply(cow, &whole, &err), 0);
	edit_lines(&more, "/etc/motd", 1, 1, "one\n", "two\n");
	edit_remove(&more, "/etc/sub/new");
	assert_int_equal(patch_make(cow, &more, &second, &err), 0);
	assert_int_equal(patch_apply(cow, &second, &err), 0);
	patch_compose(&whole, &second);
	assert_int_equal(whole.count, 2); /* motd and sub; the file came and went */
	assert_int_equal(patch_apply(p->tree, &whole, &err), 0);
	assert_text(p->tree, "/etc/motd", "two\n");
	assert_names(p->tree, "/etc", "motd os-release sub ");
	assert_int_equal(patch_revert(p->tree, &whole, &changed, &err), 0);
	assert_text(p->tree, "/etc/motd", "hello\n");
	assert_names(p->tree, "/etc", "motd os-release ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changes_show_above_only, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(what_replaces_hides_what_was, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(the_root_is_in_nothing, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(patches_compose, patient_setup, patient_teardown),
	};

	return cmocka_run_group_tests_name("tree-cow", tests, NULL, NULL);
}
