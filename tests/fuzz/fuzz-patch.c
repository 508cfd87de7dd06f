/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edits of every kind on a small tree: what makes a patch applies, in whole; undone, every byte is back;
 * two patches composed do what both do. */
#include "fs/edit.h"
#include "fs/tree_cow.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tree_mem.h"

#define EDITS_MAX 8

static const char *const paths[] = { "/a",    "/b",	   "/d/a", "/d/b",   "/d/e/f", "/link",
				     "/d/up", "/dangling", "/new", "/new/x", "/d",     "/loop" };

static struct tree *make_tree(struct fuzz_input *in)
{
	struct tree *tree = tree_open_mem();
	cleanup(free) char *a = fuzz_text(in), *b = fuzz_text(in);

	tree_mem_add(tree, "/a", S_IFREG | 0644, a, strlen(a));
	tree_mem_add(tree, "/d/a", S_IFREG | 0600, b, strlen(b));
	tree_mem_add(tree, "/d/e/f", S_IFREG | 0640, "one\ntwo\r\nthree", 14);
	tree_mem_add(tree, "/link", S_IFLNK | 0777, "d", 1);
	tree_mem_add(tree, "/d/up", S_IFLNK | 0777, "../a", 4);
	tree_mem_add(tree, "/dangling", S_IFLNK | 0777, "/d/b", 4);
	tree_mem_add(tree, "/loop", S_IFLNK | 0777, "loop", 4);
	return tree;
}

/* The text of lines as they are: an edit of them is one that can be applied. */
static char *lines_of(struct tree *tree, const char *path, uint32_t line, uint32_t count)
{
	cleanup(str_done) struct str text = STR_INIT, lines = STR_INIT;
	struct err ignored;
	const char *at;

	if (tree_read(tree, path, TREE_FILE_MAX, &text, &ignored) < 0)
		return mem_strdup("");
	at = text.s;
	for (uint32_t i = 1; *at && i < line + count; i++) {
		size_t len = strcspn(at, "\n");

		len += at[len] == '\n';
		if (i >= line)
			str_add_bytes(&lines, at, len);
		at += len;
	}
	return mem_strdup(lines.s);
}

static void add_edit(struct fuzz_input *in, struct tree *tree, struct edits *edits)
{
	const char *path = paths[fuzz_byte(in) % ARRAY_LEN(paths)];
	struct tree_new new = { .mode = 0644 };
	struct tree_stat now = { 0 };
	struct err ignored;
	uint8_t kind = fuzz_byte(in), line, count;
	cleanup(free) char *text = NULL, *old = NULL;
	cleanup(str_done) struct str before = STR_INIT, after = STR_INIT;

	line = fuzz_byte(in);
	count = fuzz_byte(in) % 4;
	text = fuzz_text(in);
	switch (kind % 7) {
	case EDIT_LINES:
		old = kind & 64 ? mem_strdup(text) : lines_of(tree, path, line, count);
		edit_lines(edits, path, line, count, old, text);
		break;
	case EDIT_CREATE:
		edit_create(edits, path, &new, text, strlen(text));
		break;
	case EDIT_REPLACE:
		(void)!tree_read(tree, path, TREE_FILE_MAX, &before, &ignored);
		str_add(&after, text);
		edit_replace(edits, path, &before, &after);
		break;
	case EDIT_REMOVE:
		edit_remove(edits, path);
		break;
	case EDIT_MKDIR:
		new.mode = 0755;
		edit_mkdir(edits, path, &new);
		break;
	case EDIT_SYMLINK:
		edit_symlink(edits, path, text);
		break;
	case EDIT_MODE:
		(void)!tree_stat(tree, path, TREE_NOFOLLOW, &now, &ignored);
		edit_mode(edits, path, &now, line, count, count);
	}
}

static void expect_same(struct tree *a, struct tree *b, const char *what)
{
	cleanup(str_done) struct str one = STR_INIT, other = STR_INIT;

	tree_snapshot(a, "/", &one);
	tree_snapshot(b, "/", &other);
	if (one.len != other.len || memcmp(one.s, other.s, one.len))
		fuzz_broken("%s:\n%s\n---%s", what, one.s, other.s);
}

/* False: these edits make no patch, or none that applies whole, and nothing may have changed. */
static bool do_edits(struct fuzz_input *in, struct tree *tree, struct patch *ret)
{
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(str_done) struct str diff = STR_INIT;
	struct patch back = { 0 };
	struct err err = ERR_INIT;
	json_t *json, *again;

	for (unsigned n = fuzz_byte(in) % EDITS_MAX; n; n--)
		add_edit(in, tree, &edits);
	if (patch_make(tree, &edits, ret, &err) < 0) {
		fuzz_printable("an error", err.text, false);
		return false;
	}
	patch_diff(ret, &diff);
	fuzz_printable("a diff", diff.s, true);
	json = patch_to_json(ret);
	if (!json || patch_from_json(json, &back, &err) < 0)
		fuzz_broken("a patch does not come through JSON: %s", err.text);
	again = patch_to_json(&back);
	if (!json_equal(json, again))
		fuzz_broken("a patch is changed by JSON");
	json_decref(json);
	json_decref(again);
	patch_done(&back);
	if (patch_apply(tree, ret, &err) < 0)
		fuzz_broken("a patch does not apply: %s", err.text);
	return true;
}

static void undo(struct tree *tree, const struct patch *patch)
{
	cleanup(tree_names_done) struct tree_names changed = { 0 };
	struct err err;

	if (patch_revert(tree, patch, &changed, &err) < 0)
		fuzz_broken("a patch is not undone: %s", err.text);
	if (changed.count)
		fuzz_broken("undoing left %s", changed.items[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup(tree_close) struct tree *base = make_tree(&in);
	cleanup(tree_close) struct tree *tree = tree_open_cow(base);
	cleanup(tree_close) struct tree *at_once = tree_open_cow(base);
	cleanup(patch_done) struct patch first = { 0 }, second = { 0 };
	struct err err;

	if (!do_edits(&in, tree, &first))
		return 0;
	if (do_edits(&in, tree, &second)) {
		patch_compose(&first, &second);
		if (patch_apply(at_once, &first, &err) < 0)
			fuzz_broken("a composed patch does not apply: %s", err.text);
		expect_same(tree, at_once, "two patches are not their composition");
	}
	undo(tree, &first);
	expect_same(base, tree, "undone, but not as before");
	return 0;
}
