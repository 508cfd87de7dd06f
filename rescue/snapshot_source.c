/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/snapshot_source.h"
#include "rescue/cloud.h"

enum { LIST_S = 300 }; /* what the client takes for all pages of the list */

static void on_list(void *arg, const struct err *err)
{
	struct snapshot_source *source = arg;

	source->is_listed = true;
	if (err)
		source->why = *err;
}

static bool is_listed(const struct local *local)
{
	return local->source->is_listed;
}

static int make_snapshot(struct local *local, struct loop *loop, struct err *err)
{
	struct snapshot_source *source = local->source;

	source->temporary = (struct temporary){
		.local = local, .loop = loop, .ec2 = source->ec2, .pace = cloud_pace()
	};
	if (temporary_make(&source->temporary, source->target, err) < 0)
		return -1;
	source->snapshot = source->temporary.record.snapshot;
	return 0;
}

int snapshot_source_open(struct local *local, struct loop *loop, struct surgery_job *job,
			 struct err *err)
{
	struct snapshot_source *source = local->source;
	struct blocks_request request = {
		.loop = loop, .work_dir = job->work_dir, .ready = on_list, .arg = source
	};

	if (local->options->with.count)
		return err_set(err, ERR_USAGE,
			       "--with is for targets that are here; audit %s alone",
			       local->options->targets.items[0]);
	if (cloud_open(loop, local->options, NULL, NULL, &source->ec2, err) < 0)
		return -1;
	if (source->target && make_snapshot(local, loop, err) < 0)
		return -1;
	request.ec2 = source->ec2;
	request.snapshot = source->snapshot;
	if (!local->options->json)
		report_say(local->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "blocks",
			   "text", "the snapshot's blocks are listed", "deadline_s", LIST_S);
	source->blocks = blocks_start(&request);
	if (local_wait(local, loop, is_listed, err) < 0)
		return -1;
	if (source->why.code) {
		*err = source->why;
		return -1;
	}
	job->is_served = true;
	job->served_fd = blocks_link(source->blocks);
	job->name = source->target ? source->temporary.record.volume.s : source->snapshot.s;
	/* Other volumes of the instance are not in it. */
	job->disks_are_complete = source->target && source->temporary.is_only_volume;
	return 0;
}

void snapshot_source_close(struct snapshot_source *source)
{
	if (source->blocks) {
		source->figures = blocks_figures(source->blocks);
		if (!source->why.code)
			source->why = *blocks_failure(source->blocks);
	}
	blocks_free(source->blocks);
	(void)!temporary_delete(&source->temporary, &source->left);
	ec2_close(source->ec2);
	source->blocks = NULL;
	source->ec2 = NULL;
}
