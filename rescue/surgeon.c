/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child that operates: it holds the volume and no credential, and writes to the volume only
 * when it was told to commit. */
#include "base/file.h"
#include "fs/served.h"
#include "rescue/boot.h"
#include "rescue/mending.h"
#include "rescue/sandbox.h"
#include "rescue/surgery_wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define EXAMINATION_S 120u /* for all checks together; honest ones need milliseconds */

struct surgeon {
	struct surgery_order order;
	struct surgery_result result;
	struct served *served; /* NULL: the volume is here */
	struct volume *volume;
	struct mending mending; /* what is done to the blocks, beneath the files */
	struct str in;		/* received and not yet used */
};

/* ---- the channel ---- */

/* The parent is gone or refuses: nobody is left to operate for. The volume is as safe as after any
 * other kill. */
static void tell(json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(message);
	if (!text)
		return;	  /* a text that is no UTF-8 */
	text[len] = '\n'; /* in one go with the rest, so that the parent wakes up once */
	if (fd_write_all(SANDBOX_CHANNEL, text, len + 1) < 0)
		_exit(1);
	free(text);
}

static void tell_event(void *arg, json_t *event)
{
	(void)arg;
	tell(event);
}

static json_t *err_to_json(const struct err *err)
{
	const char *code = err_name(err->code);
	json_t *error = json_pack("{s:s, s:s}", "code", code, "text", err->text);
	cleanup(str_done) struct str text = STR_INIT;

	if (error)
		return error;
	/* It holds bytes of the volume that are no UTF-8. */
	str_add_escaped(&text, err->text, strlen(err->text));
	return json_pack("{s:s, s:s}", "code", code, "text", text.s);
}

static void tell_state(const struct surgeon *s, const char *state, const struct err *err)
{
	json_t *error = err && err->code ? err_to_json(err) : json_null();

	tell(json_pack("{s:s, s:o, s:o}", "state", state, "result",
		       surgery_result_to_json(&s->result), "error", error));
}

static void tell_text(const char *event, const char *name, const char *text)
{
	cleanup(str_done) struct str shown = STR_INIT;

	str_add_escaped(&shown, text, strlen(text));
	tell(json_pack("{s:s, s:s*, s:s}", "event", event, "name", name, "text", shown.s));
}

static int read_message(struct surgeon *s, json_t **ret, struct err *err)
{
	char buf[16384];
	char *end;

	while (!(end = memchr(s->in.s, '\n', s->in.len))) {
		ssize_t got = read(SANDBOX_CHANNEL, buf, sizeof(buf));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(err, ERR_INTERRUPTED, "nobody is there to operate for");
		if (s->in.len + (size_t)got > SURGERY_LINE_MAX)
			return err_set(err, ERR_MALFORMED, "the surgeon's orders have no end");
		str_add_bytes(&s->in, buf, (size_t)got);
	}
	*ret = json_loadb(s->in.s, (size_t)(end - s->in.s), 0, NULL);
	s->in.len -= (size_t)(end + 1 - s->in.s);
	memmove(s->in.s, end + 1, s->in.len);
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		return err_set(err, ERR_MALFORMED, "the surgeon's orders are no JSON");
	}
	return 0;
}

static int await_order(struct surgeon *s, bool *ret_commit, struct err *err)
{
	json_t *message;
	const char *order;

	if (read_message(s, &message, err) < 0)
		return -1;
	order = json_string_value(json_object_get(message, "do"));
	*ret_commit = order && str_eq(order, "commit");
	json_decref(message);
	return 0;
}

/* ---- the operation ---- */

static struct volume_request request_of(const struct surgeon *s, enum volume_access access)
{
	const struct surgery_job *job = &s->order.job;

	return (struct volume_request){ .path = job->path,
					.served = s->served,
					.name = job->name,
					.access = access,
					.way = job->is_unprivileged ? VOLUME_WAY_EXT2FS
								    : VOLUME_WAY_AUTO,
					.work_dir = job->work_dir,
					.more_paths = job->more->items,
					.more_count = job->more->count,
					.disks_are_complete = job->disks_are_complete };
}

static void tell_warnings(const struct surgeon *s)
{
	const struct tree_names *warnings = volume_warnings(s->volume);

	if (warnings)
		vec_foreach (text, warnings)
			tell_text("warning", NULL, *text);
}

static struct examiner_job examiner_of(const struct surgeon *s)
{
	const struct surgery_job *job = &s->order.job;

	return (struct examiner_job){ .tree = volume_tree(s->volume),
				      .disks = volume_disks(s->volume),
				      .cloud = job->cloud,
				      .console = job->console,
				      .key = job->key,
				      .nat = job->nat,
				      .client = job->client,
				      .deadline_s = EXAMINATION_S };
}

/* From the disks to the tree, with the repairs of blocks between them. */
static int open_volume(struct surgeon *s, enum volume_access access, struct err *err)
{
	struct volume_request request = request_of(s, access);
	struct mending_request mending;
	int result;

	if (volume_open_disks(&request, &s->volume, err) < 0)
		return -1;
	mending = (struct mending_request){ .volume = s->volume,
					    .examiner = examiner_of(s),
					    .fix = s->order.job.fix,
					    .may_repair = s->order.job.mode == SURGERY_REPAIR,
					    .event = tell_event };
	result = mending_run(&mending, &s->mending, err);
	tell_warnings(s);
	return result;
}

static struct rehearsal_request rehearsal_of(const struct surgeon *s)
{
	const struct surgery_job *job = &s->order.job;

	return (struct rehearsal_request){
		.examiner = examiner_of(s),
		.fix = job->fix,
		.what = job->mode == SURGERY_REPAIR ? REHEARSE_REPAIRS : REHEARSE_NOTHING,
		.event = tell_event,
	};
}

static void tell_diffs(const struct patch *patch)
{
	vec_foreach (item, patch) {
		cleanup(str_done) struct str text = STR_INIT;
		cleanup(str_done) struct str path = STR_INIT;

		patch_item_diff(item, &text);
		if (text.len > SURGERY_TEXT_MAX) {
			char *cut = memrchr(text.s, '\n', SURGERY_TEXT_MAX);

			text.len = cut ? (size_t)(cut + 1 - text.s) : SURGERY_TEXT_MAX;
			str_add(&text, "(the rest of this diff is too long to be shown)\n");
		}
		str_add_escaped(&path, item->path, strlen(item->path));
		tell(json_pack("{s:s, s:s, s:s%}", "event", "diff", "path", path.s, "text", text.s,
			       text.len));
	}
}

static void take_figures(struct surgeon *s, const struct rehearsal *r)
{
	struct volume_figures figures = volume_figures(s->volume);

	s->result.findings = r->findings + s->mending.repairs;
	s->result.repairs = r->repairs + s->mending.repairs;
	s->result.faults = r->faults;
	s->result.could_not_tell = r->could_not_tell;
	s->result.ssh_port = r->first.ssh_port;
	s->result.mtu = r->repairs ? r->last.mtu : r->first.mtu;
	if (s->result.repairs) {
		s->result.changed_blocks = figures.changed_blocks;
		s->result.changed_bytes = figures.changed_bytes;
	}
}

static void tell_examined(const struct surgeon *s)
{
	tell(json_pack("{s:s, s:I, s:I, s:I, s:I}", "event", "examined", "findings",
		       (json_int_t)s->result.findings, "repairs", (json_int_t)s->result.repairs,
		       "blocks", (json_int_t)s->result.changed_blocks, "bytes",
		       (json_int_t)s->result.changed_bytes));
}

static int fsck(struct surgeon *s, bool *ret_clean, struct str *report, struct err *err)
{
	struct err missing = ERR_INIT;

	*ret_clean = true;
	if (!volume_fsck(s->volume, ret_clean, report, &missing))
		return 0;
	if (missing.code != ERR_TOOL) {
		*err = missing;
		return -1;
	}
	tell_text("warning", NULL, missing.text);
	return 0;
}

/* Opens the volume again with nothing done to it, to see whether the damage that fsck found on the
 * overlay was there before; then back to the operated state. */
static int blame(struct surgeon *s, const struct patch *patch, bool *ret_was_there, struct err *err)
{
	cleanup(str_done) struct str report = STR_INIT;
	bool is_clean;

	struct volume_request request = request_of(s, VOLUME_REPAIR);

	volume_close(TAKE(s->volume));
	if (volume_open(&request, &s->volume, err) < 0 || fsck(s, &is_clean, &report, err) < 0)
		return -1;
	*ret_was_there = !is_clean;
	volume_close(TAKE(s->volume));
	if (is_clean)
		return 0;
	if (volume_open_disks(&request, &s->volume, err) < 0 ||
	    mending_again(s->volume, &s->mending, err) < 0)
		return -1;
	return patch_apply(volume_tree(s->volume), patch, err);
}

/* The last lines say what is wrong; the first ones what the program is. */
static const char *last_lines(struct str *report)
{
	size_t lines = 0, at = report->len;

	while (at && lines < 4)
		lines += report->s[--at] == '\n' && at + 1 < report->len;
	return report->s + at + (at && report->s[at] == '\n');
}

/* On the overlay: the repair for real, the proof that it holds, and the file system's own check. */
static int operate(struct surgeon *s, const struct rehearsal *r, struct err *err)
{
	struct rehearsal_request request = rehearsal_of(s);
	cleanup(str_done) struct str report = STR_INIT;
	bool is_clean, was_there = false;

	if (patch_apply(volume_tree(s->volume), &r->patch, err) < 0 ||
	    rehearsal_prove(&request, r, err) < 0)
		return -1;
	tell(json_pack("{s:s, s:s, s:s, s:i}", "event", "waiting", "name", "fsck", "text",
		       "the file system is checked with the repairs in it", "deadline_s",
		       (int)s->order.job.deadline_s));
	if (fsck(s, &is_clean, &report, err) < 0)
		return -1;
	if (is_clean)
		return 0;
	if (blame(s, &r->patch, &was_there, err) < 0)
		return -1;
	if (!was_there)
		return err_set(
			err, ERR_DAMAGED,
			"with the repairs the file system would not be clean, so nothing was "
			"written: %s",
			last_lines(&report));
	tell_text("warning", NULL,
		  "the file system was damaged before this repair and stays so; have it checked "
		  "(e2fsck, xfs_repair) when the instance is well again:");
	tell_text("warning", NULL, last_lines(&report));
	return 0;
}

static int commit(struct surgeon *s, const struct rehearsal *r, struct err *err)
{
	const char *record_dir = s->order.job.record_dir;
	bool is_tree = volume_is_tree(s->volume);

	if (dir_make(record_dir, err) < 0)
		return err_in(err, "the undo record");
	if ((is_tree ? volume_tree_apply(s->volume, record_dir, &r->patch, err)
		     : volume_commit(s->volume, record_dir, &r->patch, err)) < 0)
		return -1;
	s->result.was_committed = true;
	if (is_tree) {
		struct rehearsal_request request = rehearsal_of(s);

		if (rehearsal_prove(&request, r, err) < 0)
			return err_in(err, "the repair was written, but");
	}
	tell(json_pack("{s:s, s:I, s:I}", "event", "repaired", "edits",
		       (json_int_t)r->patch.count + (json_int_t)s->mending.done.count, "blocks",
		       (json_int_t)s->result.changed_blocks));
	return 0;
}

static struct boot_request boot_of(const struct surgeon *s, uint32_t ssh_port)
{
	const struct surgery_job *job = &s->order.job;

	return (struct boot_request){ .volume = s->volume,
				      .wish = &job->boot,
				      .ssh_port = ssh_port,
				      .cloud = job->cloud,
				      .event = tell_event };
}

static int repair(struct surgeon *s, struct err *err)
{
	cleanup(rehearsal_done) struct rehearsal r = { 0 };
	struct rehearsal_request request;
	struct boot_request boot;
	bool shall_commit = false;

	if (open_volume(s, VOLUME_REPAIR, err) < 0 ||
	    (s->order.job.boot.console_path && boot_is_possible(s->volume, err) < 0))
		return -1;
	request = rehearsal_of(s);
	if (rehearse(&request, &r, err) < 0)
		return -1;
	take_figures(s, &r);
	if (!s->result.repairs) {
		tell_examined(s);
		if (s->order.job.boot.console_path)
			tell_text("fact", "boot", "nothing is repaired, so no boot is rehearsed");
		return 0;
	}
	tell_diffs(&r.patch);
	if (!volume_is_tree(s->volume) && operate(s, &r, err) < 0)
		return -1;
	take_figures(s, &r);
	tell_examined(s);
	boot = boot_of(s, r.repairs ? r.last.ssh_port : r.first.ssh_port);
	if (boot.wish->console_path && boot_prove(&boot, err) < 0)
		return -1;
	tell_state(s, "ready", NULL);
	if (await_order(s, &shall_commit, err) < 0)
		return -1;
	return shall_commit ? commit(s, &r, err) : 0;
}

static int audit(struct surgeon *s, struct err *err)
{
	cleanup(rehearsal_done) struct rehearsal r = { 0 };
	struct rehearsal_request request;

	if (open_volume(s, VOLUME_READ, err) < 0)
		return -1;
	request = rehearsal_of(s);
	if (rehearse(&request, &r, err) < 0)
		return -1;
	take_figures(s, &r);
	vec_foreach (f, &r.first.findings)
		s->result.repairs += f->repair == REPAIR_SURE;
	tell_examined(s);
	return 0;
}

/* As it is: what is found is told, and nothing is repaired. */
static int boot_as_is(struct surgeon *s, struct err *err)
{
	cleanup(rehearsal_done) struct rehearsal r = { 0 };
	struct rehearsal_request request;
	struct boot_request boot;

	if (open_volume(s, VOLUME_REPAIR, err) < 0 || boot_is_possible(s->volume, err) < 0)
		return -1;
	request = rehearsal_of(s);
	if (rehearse(&request, &r, err) < 0)
		return -1;
	take_figures(s, &r);
	tell_examined(s);
	boot = boot_of(s, r.first.ssh_port);
	return boot_see(&boot, err);
}

static int undo(struct surgeon *s, struct err *err)
{
	struct volume_request request = request_of(s, VOLUME_REPAIR);
	struct undo_result result = { 0 };
	int rc = volume_undo(&request, s->order.job.record_dir, &result, err);

	if (!rc) {
		s->result.was_committed = result.was_exact || result.put_back.count;
		s->result.was_undone_exactly = result.was_exact;
		s->result.repairs = result.put_back.count;
		s->result.faults = result.changed.count;
		vec_foreach (path, &result.put_back)
			tell_text("fact", "put back", *path);
		vec_foreach (path, &result.changed) {
			cleanup(free) char *text = mem_printf(
				"%s is no longer as the repair left it, so it stays as it "
				"is",
				*path);

			tell_text("warning", NULL, text);
		}
		vec_foreach (mended, &result.kept) {
			cleanup(free) char *text = mem_printf(
				"%s: the disk was written to since, so this repair cannot be "
				"taken back and stays",
				*mended);

			tell_text("warning", NULL, text);
		}
	}
	undo_result_done(&result);
	return rc;
}

static int recover(struct surgeon *s, struct err *err)
{
	const struct surgery_job *job = &s->order.job;
	struct volume_request request = request_of(s, VOLUME_REPAIR);

	if (volume_recover(&request, job->record_dir, job->direction, err) < 0)
		return -1;
	s->result.was_committed = true;
	return 0;
}

/* Whatever is not read through libext2fs, and what fsck is to look at. */
static bool shall_mount(const struct surgery_job *job)
{
	return job->mode != SURGERY_AUDIT || (!job->is_unprivileged && !geteuid());
}

static int run(struct surgeon *s, struct err *err)
{
	json_t *message;
	int rc;

	if (read_message(s, &message, err) < 0)
		return -1;
	rc = surgery_order_from_json(message, &s->order, err);
	json_decref(message);
	if (rc < 0 || sandbox_surgeon(shall_mount(&s->order.job), err) < 0 ||
	    (s->order.job.is_served && served_open(SANDBOX_SERVED, &s->served, err) < 0))
		return -1;
	switch (s->order.job.mode) {
	case SURGERY_AUDIT:
		return audit(s, err);
	case SURGERY_REPAIR:
		return repair(s, err);
	case SURGERY_UNDO:
		return undo(s, err);
	case SURGERY_RECOVER:
		return recover(s, err);
	case SURGERY_BOOT:
		return boot_as_is(s, err);
	}
	return err_set(err, ERR_INTERNAL, "an operation that does not exist");
}

int surgeon_main(int channel_fd)
{
	struct surgeon s = { .in = STR_INIT };
	struct err err = ERR_INIT;
	struct stat st;

	if (channel_fd != SANDBOX_CHANNEL || fstat(channel_fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fprintf(stderr, "ec2-rescue: the surgeon is started by ec2-rescue, not by hand\n");
		return ERR_USAGE;
	}
	fcntl(channel_fd, F_SETFD, FD_CLOEXEC);
	fcntl(SANDBOX_LINK, F_SETFD, FD_CLOEXEC);
	fcntl(SANDBOX_SERVED, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "surgeon", 0, 0, 0); /* the file it was started from is "exe" */
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	run(&s, &err);
	/* Everything is let go of before the end is told. */
	volume_close(s.volume);
	served_close(s.served);
	mending_done(&s.mending);
	tell_state(&s, "ended", &err);
	surgery_order_done(&s.order);
	str_done(&s.in);
	return 0;
}
