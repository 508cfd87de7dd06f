/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_mend.h"

#include "base/file.h"
#include "rescue/blocks.h"
#include "rescue/local.h"

enum { DEADLINE_S = 900 };

struct mending {
	struct spot *spot;
	const struct spot_set *set;
	const struct cloud_facts *facts;
	struct snapshot_id root;
	struct snapshot_id child;
	char *work, *records;
	struct blocks *blocks;
	struct surgery *surgery;
	bool is_over; /* the list failed, or the surgery ended */
	struct err err;
};

static void forward(void *arg, json_t *event)
{
	struct mending *m = arg;

	json_incref(event);
	report_event(m->spot->report, NULL, event);
}

/* What is sure is done: it is written to a child of the snapshot, so there is nothing to ask about. */
static void moved(void *arg)
{
	struct mending *m = arg;
	const struct surgery_result *result = surgery_result(m->surgery);

	if (result->state == SURGERY_READY) {
		if (result->repairs)
			surgery_commit(m->surgery);
		else
			surgery_decline(m->surgery);
	}
	m->is_over |= result->state == SURGERY_ENDED;
}

static int written(void *arg, const struct snapshot_id *child, struct err *err)
{
	struct mending *m = arg;

	(void)err;
	m->child = *child; /* its tag finds it, whatever becomes of this process */
	return 0;
}

static void listed(void *arg, const struct err *missing)
{
	struct mending *m = arg;
	const struct options *options = m->spot->options;
	const struct surgery_watch watch = { forward, moved, m };
	const struct surgery_job job = { .mode = SURGERY_REPAIR,
					 .path = m->root.s,
					 .is_served = true,
					 .served_fd = missing ? -1 : blocks_link(m->blocks),
					 .name = m->root.s,
					 .record_dir = m->records,
					 .work_dir = m->work,
					 .fix = &options->fix,
					 .more = &options->with,
					 .cloud = m->facts,
					 /* What is not in the set is nowhere. */
					 .disks_are_complete = m->set->volumes.count == 1,
					 .deadline_s = DEADLINE_S };

	if (missing)
		m->err = *missing;
	else if (surgery_start(m->spot->loop, &job, &watch, &m->surgery, &m->err) == 0)
		blocks_release_link(m->blocks);
	m->is_over = m->err.code != ERR_NONE;
}

static int make_dirs(struct mending *m, struct err *err)
{
	m->work = local_work_dir(err);
	if (!m->work)
		return -1;
	m->records = mem_printf("%s/records", m->work);
	return dir_make(m->records, err);
}

static int operate(struct mending *m, struct err *err)
{
	const struct blocks_request request = { .ec2 = m->spot->ec2,
						.loop = m->spot->loop,
						.snapshot = m->root,
						.work_dir = m->work,
						.ready = listed,
						.run = m->set->id,
						.written = written,
						.arg = m };

	m->blocks = blocks_start(&request);
	if (spot_until(m->spot, &m->is_over, err) < 0)
		return -1;
	if (m->err.code == ERR_NONE && m->surgery)
		m->err = surgery_result(m->surgery)->err;
	if (blocks_failure(m->blocks)->code != ERR_NONE)
		m->err = *blocks_failure(m->blocks);
	return 0;
}

static void warn(struct mending *m)
{
	cleanup(free) char *text = mem_printf(
		"the root could not be examined (%s); it is restored as it was saved", m->err.text);

	report_say(m->spot->report, NULL, "warning", "{s:s}", "text", text);
}

int spot_mend(struct spot *spot, const struct spot_set *set, const struct cloud_facts *facts,
	      struct spot_mended *ret, struct err *err)
{
	struct mending m = { .spot = spot,
			     .set = set,
			     .facts = facts,
			     .root = spot_set_root(set)->snapshot,
			     .err = ERR_INIT };
	int rc = make_dirs(&m, err);

	*ret = (struct spot_mended){ .root = m.root };
	if (!rc)
		rc = operate(&m, err);
	if (!rc && m.err.code != ERR_NONE) {
		warn(&m);
	} else if (!rc) {
		const struct surgery_result *result = surgery_result(m.surgery);

		ret->repairs = result->was_committed ? result->repairs : 0;
		ret->faults = result->faults;
		ret->could_not_tell = result->could_not_tell;
		if (result->was_committed && !id_none(&m.child))
			ret->root = m.child;
	}
	surgery_free(m.surgery);
	blocks_free(m.blocks);
	if (m.work)
		dir_remove_all(m.work);
	free(m.work);
	free(m.records);
	return rc;
}
