/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The law of checks over every case folder; tests/checks/README describes the folders. */
#include "base/file.h"
#include "checks/check.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define ROUNDS_MAX 5

static unsigned tests_run, tests_failed;
static unsigned *needs_seen; /* for each check: what it looked at in its own cases */
static bool bless;

struct one_case {
	const char *dir;   /* tests/checks/CHECK/CASE */
	const char *check; /* NULL: all */
	bool is_healthy, has_disks;
	char copy[64]; /* the patient: a private copy of tree/ */
	struct str attrs;
	struct disks disks;
	struct cloud_facts cloud;
	char *console;
	char *key[3]; /* line, user, file */
	char *nat;    /* range */
	char *client; /* address */
	uint32_t port;
	struct str problems; /* why it failed; empty: it did not */
};

static void __attribute__((noreturn)) broken(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

static void __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...)
{
	cleanup(free) char *command = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&command, fmt, ap) < 0 || system(command) != 0)
		broken("command failed", command);
	va_end(ap);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A whole tree as one text: path, type, mode, owner, flags, label, bytes, in order. */
static void snapshot(struct tree *tree, const char *dir, struct str *into)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;

	if (tree_list(tree, dir, &names, &err) < 0)
		broken(dir, err.text);
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s%s%s", dir, dir[1] ? "/" : "", *name);
		cleanup(str_done) struct str bytes = STR_INIT, shown = STR_INIT, label = STR_INIT;
		struct err ignored = ERR_INIT;
		struct tree_stat st;

		if (tree_stat(tree, path, TREE_NOFOLLOW, &st, &err) < 0 ||
		    (S_ISLNK(st.mode) && tree_readlink(tree, path, &bytes, &err) < 0) ||
		    (S_ISREG(st.mode) && tree_read(tree, path, TREE_FILE_MAX, &bytes, &err) < 0))
			broken(path, err.text);
		str_add_escaped(&shown, bytes.s, bytes.len);
		if (!S_ISLNK(st.mode))
			(void)tree_getxattr(tree, path, "security.selinux", &label, &ignored);
		str_addf(into, "%s %06o %u:%u %u [%s] %s\n", path, st.mode, st.uid, st.gid,
			 st.attr_flags, label.s, shown.s);
		if (S_ISDIR(st.mode))
			snapshot(tree, path, into);
	}
}

static void open_with_attrs(const char *dir, const char *attrs, int *ret_fd, struct tree **ret)
{
	struct err err = ERR_INIT;

	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0 || tree_open_dir_with_attrs(*ret_fd, attrs, ret, &err) < 0)
		broken(dir, err.text);
}

static void snapshot_of(const char *dir, const char *attrs, struct str *into)
{
	cleanup(tree_close) struct tree *tree = NULL;
	cleanup(fd_close) int fd = -1;

	open_with_attrs(dir, attrs, &fd, &tree);
	snapshot(tree, "/", into);
}

static bool read_optional(const char *dir, const char *name, struct str *into)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);
	struct err err = ERR_INIT;

	return !file_read(path, TREE_FILE_MAX, into, &err);
}

static void make_entry(const char *root, const char *word, const char *rest)
{
	cleanup(free) char *path = mem_printf("%s%.*s", root, (int)strcspn(rest, " "), rest);

	if (str_eq(word, "dir"))
		shell("mkdir -p '%s'", path);
	else if (str_eq(word, "fifo") && mkfifo(path, 0644) < 0)
		broken(path, strerror(errno));
	else if (str_eq(word, "link") && symlink(rest + strcspn(rest, " ") + 1, path) < 0)
		broken(path, strerror(errno));
}

/* A private copy of tree/ with what attrs makes; the attrs that remain go to ret_attrs. */
static void make_patient(const char *dir, char ret_copy[64], struct str *ret_attrs)
{
	cleanup(str_done) struct str all = STR_INIT;

	snprintf(ret_copy, 64, "/tmp/law-XXXXXX");
	if (!mkdtemp(ret_copy))
		broken("mkdtemp", strerror(errno));
	shell("cp -a '%s/tree/.' '%s' && chmod -R u+rwX '%s'", dir, ret_copy, ret_copy);
	if (!read_optional(dir, "attrs", &all) || !all.len)
		return;
	for (char *save = NULL, *line = strtok_r(all.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char word[8] = "";

		sscanf(line, "%7[a-z]", word);
		if (word[0] && !str_eq(word, "label"))
			make_entry(ret_copy, word, line + strcspn(line, " ") + 1);
		else
			str_addf(ret_attrs, "%s\n", line);
	}
}

static void read_facts(struct one_case *c)
{
	cleanup(str_done) struct str text = STR_INIT;
	json_error_t where;
	struct err err = ERR_INIT;
	json_t *json, *disks, *cloud;

	if (!read_optional(c->dir, "facts.json", &text))
		return;
	json = json_loads(text.s, 0, &where);
	if (!json)
		broken(c->dir, where.text);
	disks = json_object_get(json, "disks");
	cloud = json_object_get(json, "cloud");
	c->has_disks = disks != NULL;
	if ((disks && disks_from_json(disks, &c->disks, &err) < 0) ||
	    (cloud && cloud_facts_from_json(cloud, &c->cloud, &err) < 0))
		broken(c->dir, err.text);
	for (size_t i = 0; i < ARRAY_LEN(c->key); i++) {
		static const char *const names[] = { "line", "user", "file" };
		const char *word =
			json_string_value(json_object_get(json_object_get(json, "key"), names[i]));

		c->key[i] = word ? mem_strdup(word) : NULL;
	}
	if (json_string_value(json_object_get(json, "nat")))
		c->nat = mem_strdup(json_string_value(json_object_get(json, "nat")));
	if (json_is_object(json_object_get(json, "client"))) {
		json_t *client = json_object_get(json, "client");

		c->client = mem_strdup(json_string_value(json_object_get(client, "address")));
		c->port = (uint32_t)json_integer_value(json_object_get(client, "port"));
	}
	if (json_string_value(json_object_get(json, "console")))
		c->console = mem_strdup(json_string_value(json_object_get(json, "console")));
	json_decref(json);
}

static void examine(const struct one_case *c, struct tree *tree, struct findings *findings,
		    struct str *ret_unknown)
{
	const struct machine_given given = { .tree = tree,
					     .disks = c->has_disks ? &c->disks : NULL,
					     .cloud = &c->cloud,
					     .console = c->console,
					     .key = { c->key[0], c->key[1], c->key[2] },
					     .nat = { c->nat },
					     .client = { c->client, c->port } };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	struct could_not_tells unknown = { 0 };

	for (size_t i = 0; i < check_count; i++) {
		if (c->check && !str_eq(c->check, checks[i]->name))
			continue;
		check_run(checks[i], machine, findings, &unknown);
		if (c->check)
			needs_seen[i] |= machine_used(machine);
	}
	vec_foreach (u, &unknown)
		str_addf(ret_unknown, "could not tell: %s\n", u->err.text);
	vec_done(&unknown);
}

/* Everything a finding carries must survive the way through JSON. */
static void through_json(struct one_case *c, struct findings *findings)
{
	vec_foreach (finding, findings) {
		json_t *json = finding_to_json(finding), *again;
		struct finding back;
		struct err err = ERR_INIT;

		if (!json || finding_from_json(json, &back, &err) < 0) {
			str_addf(&c->problems, "not through JSON: %s %s\n", finding->message,
				 err.text);
			json_decref(json);
			continue;
		}
		again = finding_to_json(&back);
		if (!json_equal(json, again))
			str_addf(&c->problems, "changed by JSON: %s\n", finding->message);
		json_decref(json);
		json_decref(again);
		finding_done(finding);
		*finding = back;
	}
}

static void findings_text(const struct one_case *c, const struct findings *findings,
			  struct str *into)
{
	vec_foreach (f, findings) {
		if (!c->check)
			str_addf(into, "%s ", f->check->name);
		str_addf(into, "%s %s %s %s:%u %s", severity_name(f->severity),
			 repair_class_name(f->repair), f->rows, f->path ? f->path : "-", f->line,
			 f->message);
		if (finding_is_of_blocks(f)) {
			str_add(into, " => ");
			edit_blocks_text(&f->edits.items[0], into);
		}
		str_add_char(into, '\n');
	}
}

/* Compares with the file of that name; with BLESS writes it instead. */
static void expect_file(struct one_case *c, const char *name, const struct str *got)
{
	cleanup(str_done) struct str want = STR_INIT;
	cleanup(free) char *path = mem_printf("%s/%s", c->dir, name);
	struct err err = ERR_INIT;

	read_optional(c->dir, name, &want);
	if (want.len == got->len && !memcmp(want.s, got->s, got->len))
		return;
	if (!bless)
		str_addf(&c->problems, "%s: expected\n%sgot\n%s", name, want.s, got->s);
	else if (!got->len)
		unlink(path);
	else if (file_replace(path, got->s, got->len, 0644, &err) < 0)
		broken(path, err.text);
}

/* One round of repair; false when nothing could be repaired. */
static bool repair_round(struct one_case *c, struct tree *tree, const struct findings *findings,
			 struct patch *ret)
{
	cleanup(edits_done) struct edits edits = { 0 };
	struct err err = ERR_INIT;

	/* Here are facts and no blocks: such repairs are proved on images (tests/surgery/test-blocks.sh). */
	vec_foreach (finding, findings)
		if (!finding_is_of_blocks(finding))
			edits_add_all(&edits, &finding->edits);
	if (!edits.count)
		return false;
	if (patch_make(tree, &edits, ret, &err) < 0 || patch_apply(tree, ret, &err) < 0) {
		str_addf(&c->problems, "repair: %s\n", err.text);
		return false;
	}
	return true;
}

static void bless_changes(struct one_case *c, const struct patch *patches, size_t count)
{
	cleanup(free) char *expect = mem_printf("%s/expect.tree", c->dir);
	cleanup(str_done) struct str removed = STR_INIT, dirs = STR_INIT;

	remove_tree(expect);
	for (size_t i = 0; i < count; i++)
		vec_foreach (item, &patches[i]) {
			bool same = item->before.exists && item->after.exists &&
				    item->before.bytes.len == item->after.bytes.len &&
				    !memcmp(item->before.bytes.s, item->after.bytes.s,
					    item->after.bytes.len);

			if (!item->after.exists)
				str_addf(&removed, "%s\n", item->path);
			else if (S_ISDIR(item->after.mode) && !item->before.exists)
				str_addf(&dirs, "%s\n", item->path);
			else if (!S_ISDIR(item->after.mode) && !same)
				shell("mkdir -p '%s%.*s' && cp -a '%s%s' '%s%s'", expect,
				      (int)(strrchr(item->path, '/') - item->path), item->path,
				      c->copy, item->path, expect, item->path);
		}
	expect_file(c, "expect.removed", &removed);
	expect_file(c, "expect.dirs", &dirs);
}

/* The original with expect.tree/ laid over it and expect.dirs made, without expect.removed, with
 * expect.attrs. */
static void expected_snapshot(const struct one_case *c, struct str *into)
{
	cleanup(str_done) struct str attrs = STR_INIT, after = STR_INIT, removed = STR_INIT,
				     dirs = STR_INIT;
	char copy[64];

	make_patient(c->dir, copy, &attrs);
	shell("[ ! -d '%s/expect.tree' ] || cp -a --remove-destination '%s/expect.tree/.' '%s'",
	      c->dir, c->dir, copy);
	if (read_optional(c->dir, "expect.removed", &removed) && removed.len)
		for (char *save = NULL, *path = strtok_r(removed.s, "\n", &save); path;
		     path = strtok_r(NULL, "\n", &save))
			shell("rm -f '%s%s'", copy, path);
	if (read_optional(c->dir, "expect.dirs", &dirs) && dirs.len)
		for (char *save = NULL, *path = strtok_r(dirs.s, "\n", &save); path;
		     path = strtok_r(NULL, "\n", &save))
			shell("mkdir -p '%s%s'", copy, path);
	snapshot_of(copy, read_optional(c->dir, "expect.attrs", &after) ? after.s : attrs.s, into);
	remove_tree(copy);
}

static void compare(struct one_case *c, const char *what, const char *want, const char *got)
{
	while (*want && *got && *want == *got)
		want++, got++;
	if (!*want && !*got)
		return;
	str_addf(&c->problems, "%s: expected …%.200s\ngot …%.200s\n", what, want, got);
}

static void repair(struct one_case *c, struct tree *tree, struct findings *findings)
{
	struct patch patches[ROUNDS_MAX] = { 0 };
	cleanup(str_done) struct str before = STR_INIT, after = STR_INIT, undone = STR_INIT;
	cleanup(str_done) struct str want = STR_INIT, ignored = STR_INIT, attrs = STR_INIT;
	struct tree_names changed = { 0 };
	struct err err = ERR_INIT;
	size_t count = 0;

	snapshot(tree, "/", &before);
	while (count < ROUNDS_MAX && repair_round(c, tree, findings, &patches[count])) {
		count++;
		findings_done(findings);
		examine(c, tree, findings, &ignored);
	}
	vec_foreach (finding, findings)
		if (finding->edits.count && !finding_is_of_blocks(finding))
			str_addf(&c->problems, "repaired, but found again: %s\n", finding->message);
	snapshot(tree, "/", &after);
	if (bless) {
		bless_changes(c, patches, count);
		tree_attrs_text(tree, &attrs);
		if (!str_eq(attrs.s, c->attrs.s) && count)
			expect_file(c, "expect.attrs", &attrs);
	}
	expected_snapshot(c, &want);
	compare(c, "repaired tree", want.s, after.s);
	for (size_t i = count; i-- > 0;)
		if (patch_revert(tree, &patches[i], &changed, &err) < 0)
			str_addf(&c->problems, "undo: %s\n", err.text);
	if (changed.count)
		str_addf(&c->problems, "undo left %s\n", changed.items[0]);
	snapshot(tree, "/", &undone);
	compare(c, "undone tree", before.s, undone.s);
	tree_names_done(&changed);
	for (size_t i = 0; i < ROUNDS_MAX; i++)
		patch_done(&patches[i]);
}

static void run_case(struct one_case *c)
{
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str text = STR_INIT, unknown = STR_INIT;
	cleanup(tree_close) struct tree *tree = NULL;
	cleanup(fd_close) int fd = -1;

	make_patient(c->dir, c->copy, &c->attrs);
	read_facts(c);
	open_with_attrs(c->copy, c->attrs.s, &fd, &tree);
	examine(c, tree, &findings, &unknown);
	through_json(c, &findings);
	findings_text(c, &findings, &text);
	str_add(&text, unknown.s);
	if (c->is_healthy) {
		if (text.len)
			str_addf(&c->problems, "a healthy system, but:\n%s", text.s);
	} else {
		if (!text.len)
			str_add(&c->problems, "a case in which nothing is found\n");
		expect_file(c, "expect.findings", &text);
		repair(c, tree, &findings);
	}
	remove_tree(c->copy);
	tests_run++;
	tests_failed += c->problems.len > 0;
	printf("%sok %u - %s\n", c->problems.len ? "not " : "", tests_run, c->dir);
	for (char *save = NULL,
		  *line = c->problems.len ? strtok_r(c->problems.s, "\n", &save) : NULL;
	     line; line = strtok_r(NULL, "\n", &save))
		printf("#   %s\n", line);
}

static void run_folder(const char *folder)
{
	cleanup(free) char *dir = mem_printf("tests/checks/%s", folder);
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, list[i]->d_name);
		cleanup(free) char *tree = mem_printf("%s/tree", path);
		struct one_case c = { .dir = path,
				      .is_healthy = str_eq(folder, "healthy"),
				      .attrs = STR_INIT,
				      .problems = STR_INIT };

		if (!access(tree, F_OK)) {
			c.check = c.is_healthy || str_eq(folder, "several") ? NULL : folder;
			if (c.check && !check_find(c.check))
				broken(folder, "no check has this name");
			run_case(&c);
			str_done(&c.attrs);
			str_done(&c.problems);
			disks_done(&c.disks);
			cloud_facts_done(&c.cloud);
			for (size_t k = 0; k < ARRAY_LEN(c.key); k++)
				free(c.key[k]);
			free(c.nat);
			free(c.client);
			free(c.console);
		}
		free(list[i]);
	}
	free(list);
}

static void __attribute__((format(printf, 2, 3))) report(bool ok, const char *fmt, ...)
{
	va_list ap;

	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - ", ok ? "" : "not ", tests_run);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* Every check explains itself, names its source, has at least one case, and says what it looks at. */
static void judge_check(size_t i)
{
	const struct check *check = checks[i];
	cleanup(free) char *dir = mem_printf("tests/checks/%s", check->name);
	unsigned needs = check->needs | NEEDS_TREE, seen = needs_seen[i] | NEEDS_TREE;

	report(check->title[0] && check->explain[0] && check->source[0] && check->rows[0] &&
		       !access(dir, F_OK),
	       "%s explains itself and has cases", check->name);
	report(needs == seen, "%s looks at what it says it needs (%#x, in its cases %#x)",
	       check->name, needs, seen);
}

static bool covers(const struct check *check, unsigned row)
{
	for (const char *p = check->rows; *p; p += strcspn(p, ","), p += *p == ',')
		if ((unsigned)atoi(p) == row)
			return true;
	return false;
}

/* Every row of the catalogue is some check's, or is said not to be. */
static void judge_row(unsigned row)
{
	unsigned found = 0, excused = 0;

	for (size_t i = 0; i < check_count; i++)
		found += covers(checks[i], row);
	for (size_t i = 0; i < uncovered_count; i++)
		excused += uncovered[i].row == row;
	report(found ? !excused : excused == 1, "row %u has %u checks%s", row, found,
	       excused ? " and is excused" : "");
}

int main(int argc, char **argv)
{
	struct dirent **list = NULL;
	int n = scandir("tests/checks", &list, NULL, alphasort);

	bless = getenv("BLESS") != NULL;
	needs_seen = mem_array(check_count, sizeof(*needs_seen));
	for (int i = 0; i < n; i++) {
		cleanup(free) char *path = mem_printf("tests/checks/%s", list[i]->d_name);
		struct stat st;

		if (list[i]->d_name[0] != '.' && !stat(path, &st) && S_ISDIR(st.st_mode) &&
		    (argc < 2 || str_eq(argv[1], list[i]->d_name)))
			run_folder(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	for (size_t i = 0; argc < 2 && i < check_count; i++)
		judge_check(i);
	for (unsigned row = 1; argc < 2 && row <= CATALOGUE_ROWS; row++)
		judge_row(row);
	free(needs_seen);
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
