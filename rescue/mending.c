/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/mending.h"

#define ROUNDS_MAX 8
#define TEXT_MAX   8000u

VEC_TYPE(texts, char *);

struct round {
	const struct mending_request *request;
	struct mending *mending;
	struct texts denied; /* findings whose repair does not help */
	struct texts told;   /* findings that were repaired, and said */
};

static void texts_clear(struct texts *texts)
{
	vec_foreach (text, texts)
		free(*text);
	vec_done(texts);
}

static bool texts_have(const struct texts *texts, const char *text)
{
	vec_foreach (t, texts)
		if (str_eq(*t, text))
			return true;
	return false;
}

void mending_done(struct mending *mending)
{
	edits_done(&mending->done);
}

/* --- a tree without a file ------------------------------------------------------------------------ */

static int no_stat(void *tree, const char *path, enum tree_follow follow, struct tree_stat *ret,
		   struct err *err)
{
	(void)tree, (void)follow, (void)ret;
	return tree_path_err(err, ERR_NOTFOUND, path, "nothing is mounted");
}

static int no_read(void *tree, const char *path, size_t max, struct str *into, struct err *err)
{
	(void)max, (void)into;
	return no_stat(tree, path, TREE_FOLLOW, NULL, err);
}

static int no_readlink(void *tree, const char *path, struct str *into, struct err *err)
{
	return no_read(tree, path, 0, into, err);
}

static int no_list(void *tree, const char *path, struct tree_names *ret, struct err *err)
{
	(void)ret;
	return no_stat(tree, path, TREE_FOLLOW, NULL, err);
}

static int no_xattr(void *tree, const char *path, const char *name, struct str *into,
		    struct err *err)
{
	(void)name;
	return no_read(tree, path, 0, into, err);
}

static const struct tree_ops no_files = { .stat = no_stat,
					  .read = no_read,
					  .readlink = no_readlink,
					  .list = no_list,
					  .getxattr = no_xattr };

/* --- */

static void say(const struct round *r, json_t *event)
{
	if (event)
		r->request->event(r->request->arg, event);
}

static void warn(const struct round *r, const struct finding *f, const char *why)
{
	cleanup(str_done) struct str shown = STR_INIT;
	cleanup(free) char *text = mem_printf(
		"%s: the repair cannot be made, so it is left out: %s", f->check->name, why);

	str_add_escaped(&shown, text, strlen(text));
	say(r, json_pack("{s:s, s:s}", "event", "warning", "text", shown.s));
}

static int examine(const struct round *r, struct examination *ret, struct err *err)
{
	struct examiner_job job = r->request->examiner;
	struct tree *tree = volume_tree(r->request->volume);
	cleanup(tree_close) struct tree *none = tree ? NULL : tree_new_backend(&no_files, NULL);
	const struct check **list = mem_array(check_count, sizeof(*list));
	int result;

	job.tree = tree ? tree : none;
	job.disks = volume_disks(r->request->volume);
	job.checks = list;
	job.check_count = 0;
	for (size_t i = 0; i < check_count; i++)
		if (checks[i]->is_of_blocks)
			list[job.check_count++] = checks[i];
	result = examiner_run(&job, ret, err);
	free(list);
	return result;
}

static bool is_wanted(const struct round *r, const struct finding *f)
{
	cleanup(free) char *key = finding_key(f);

	if (!finding_is_of_blocks(f) || texts_have(&r->denied, key))
		return false;
	if (f->repair == REPAIR_SURE)
		return true;
	if (r->request->fix)
		vec_foreach (name, r->request->fix)
			if (str_eq(*name, f->check->name))
				return true;
	return false;
}

static void deny(struct round *r, const struct finding *f, const char *why)
{
	vec_push(&r->denied, finding_key(f));
	warn(r, f, why);
}

static void tell_diff(const struct round *r, const struct edit *edit, const struct str *report)
{
	cleanup(str_done) struct str name = STR_INIT, text = STR_INIT;

	edit_blocks_text(edit, &name);
	str_addf(&text, "%s\n", name.s);
	str_add_bytes(&text, report->s, report->len < TEXT_MAX ? report->len : TEXT_MAX);
	say(r, json_pack("{s:s, s:s, s:s%}", "event", "diff", "path", name.s, "text", text.s,
			 text.len));
}

/* One finding's repair behind those that are done already. 0: done, 1: denied. */
static int repair(struct round *r, const struct finding *f, struct err *err)
{
	cleanup(edits_done) struct edits all = { 0 };
	cleanup(str_done) struct str report = STR_INIT;
	struct err why = ERR_INIT;
	size_t failed;

	edits_add_all(&all, &r->mending->done);
	edits_add_all(&all, &f->edits);
	if (!volume_mend(r->request->volume, &all, &report, &failed, &why)) {
		edits_add_all(&r->mending->done, &f->edits);
		r->mending->repairs++;
		tell_diff(r, &f->edits.items[0], &report);
		return 0;
	}
	if (failed + 1 < all.count || why.code == ERR_INTERRUPTED || why.code == ERR_IO) {
		*err = why;
		return -1;
	}
	deny(r, f, why.text);
	if (volume_mend(r->request->volume, &r->mending->done, &report, &failed, err) < 0)
		return -1;
	return 1;
}

/* The first wanted repair; the disks are examined again after each one. 1: something was done or denied. */
static int repair_first(struct round *r, const struct findings *findings, struct err *err)
{
	if (!r->request->may_repair)
		return 0;
	vec_foreach (f, findings) {
		cleanup(free) char *key = finding_key(f);
		int result;

		if (!is_wanted(r, f))
			continue;
		if (texts_have(&r->told, key)) {
			vec_push(&r->denied, mem_strdup(key));
			warn(r, f, "the fault is found again after it");
			return 1;
		}
		result = repair(r, f, err);
		if (!result) {
			say(r, finding_event(f));
			vec_push(&r->told, mem_strdup(key));
		}
		return result < 0 ? -1 : 1;
	}
	return 0;
}

static void tell_all(const struct round *r, const struct examination *e)
{
	vec_foreach (f, &e->findings)
		say(r, finding_event(f));
	rehearsal_tell_unknown(&e->could_not_tell, r->request->event, r->request->arg);
}

static int rounds(struct round *r, struct err *err)
{
	struct volume *volume = r->request->volume;

	for (unsigned i = 0;; i++) {
		cleanup(examination_done) struct examination e = EXAMINATION_INIT;
		struct err why = ERR_INIT;
		bool is_mounted = !volume_mount(volume, &why);
		int result;

		if (is_mounted && !r->request->may_repair)
			return 0; /* the examination of the files has these checks too */
		if (examine(r, &e, err) < 0)
			return -1;
		result = i < ROUNDS_MAX ? repair_first(r, &e.findings, err) : 0;
		if (result > 0)
			continue;
		if (result < 0 || is_mounted)
			return result;
		tell_all(r, &e);
		*err = why;
		return -1;
	}
}

int mending_run(const struct mending_request *request, struct mending *ret, struct err *err)
{
	struct round r = { .request = request, .mending = ret };
	int result;

	if (volume_is_tree(request->volume))
		return volume_mount(request->volume, err);
	result = rounds(&r, err);
	texts_clear(&r.denied);
	texts_clear(&r.told);
	return result;
}

int mending_again(struct volume *volume, const struct mending *mending, struct err *err)
{
	cleanup(str_done) struct str ignored = STR_INIT;
	size_t failed;

	if (mending->done.count && volume_mend(volume, &mending->done, &ignored, &failed, err) < 0)
		return -1;
	return volume_mount(volume, err);
}
