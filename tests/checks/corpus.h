/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_CHECKS_CORPUS_H
#define TESTS_CHECKS_CORPUS_H

/* What the tests over real-world files share: the walk over the corpus (the folder of CORPUS, or
 * the one beside the checkout), a line of the report, the repair of a scratch system. */

#include "tests/checks/scratch.h"

static unsigned tests_run, tests_failed;

static inline void say(bool ok, const char *name, const char *what, const char *more)
{
	printf("%sok %u - %s: %s%s\n", ok ? "" : "not ", ++tests_run, name, what, more);
	tests_failed += !ok;
}

static inline int corpus_end(void)
{
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}

static inline int corpus_skip(const char *what, const char *why)
{
	printf("ok 1 - the corpus of %s # SKIP %s\n1..1\n", what, why);
	return 0;
}

/* The files of the manifest, one after the other. */
struct corpus {
	const char *dir, *at;
	struct str table;
	char *line;
	/* Of the file that corpus_next came to; good until the next call. */
	const char *kind, *name, *path_there, *note;
	struct str text;
	bool is_real; /* of somebody's machine, an image or a distribution; not a template */
};

static inline void corpus_done_cleanup(struct corpus *c)
{
	str_done(&c->table);
	str_done(&c->text);
	free(c->line);
}

/* False: there is none. */
static inline bool corpus_open(struct corpus *c)
{
	struct err err = ERR_INIT;

	setvbuf(stdout, NULL, _IOLBF, 0);
	*c = (struct corpus){ .table = STR_INIT, .text = STR_INIT };
	c->dir = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *manifest = mem_printf("%s/MANIFEST.tsv", c->dir);
	if (file_read(manifest, 1 << 22, &c->table, &err) < 0)
		return false;
	c->at = c->table.s;
	return true;
}

/* The next file that can be read, or false. */
static inline bool corpus_next(struct corpus *c)
{
	struct err ignored = ERR_INIT;
	char *f[12];

	for (;;) {
		free(TAKE(c->line));
		if (!scratch_row(&c->at, &c->line, f))
			return false;
		cleanup(free) char *path = mem_printf("%s/%s", c->dir, f[1]);
		str_clear(&c->text);
		if (file_read(path, TREE_FILE_MAX, &c->text, &ignored) < 0)
			continue;
		c->kind = f[0];
		c->name = f[1];
		c->path_there = f[3];
		c->note = f[8];
		c->is_real = str_eq(f[7], "machine") || str_eq(f[7], "image") ||
			     str_eq(f[7], "upstream");
		return true;
	}
}

/* Applies all the repairs. False: there was none; why not, if they could not be applied, is in
 * `why`. */
static inline bool scratch_repair(struct scratch *s, const struct findings *findings,
				  struct str *why)
{
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 };
	struct err err = ERR_INIT;

	vec_foreach (f, findings)
		edits_add_all(&edits, &f->edits);
	if (!edits.count)
		return false;
	if (patch_make(s->tree, &edits, &patch, &err) < 0 || patch_apply(s->tree, &patch, &err) < 0)
		str_addf(why, "repair: %s", err.text);
	return true;
}

#endif
