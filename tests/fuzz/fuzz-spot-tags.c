/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tags of snapshots, which anybody may have written: what sets they make up, and the tags of those sets again. A line is
 * KEY=VALUE; an empty one begins another snapshot, of the volume that a line vol-... names. */
#include "rescue/spot_policy.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

enum { SNAPSHOTS = 16 };

static void add_snapshot(struct ec2_snapshots *list)
{
	struct ec2_snapshot *s = vec_add(list);

	snprintf(s->id.s, sizeof(s->id.s), "snap-%017zx", list->count);
	s->status = list->count % 4 ? SNAPSHOT_COMPLETED : SNAPSHOT_PENDING;
}

static void read_line(struct ec2_snapshots *list, const char *line)
{
	struct ec2_snapshot *s = &list->items[list->count - 1];
	const char *equals = strchr(line, '=');
	struct err ignored;

	if (!*line && list->count < SNAPSHOTS)
		add_snapshot(list);
	else if (str_starts(line, "vol-"))
		(void)!volume_id_parse(line, &s->volume, &ignored);
	else if (equals && s->tags.count < SPOT_TAGS_MAX)
		vec_push(&s->tags, ((struct ec2_tag){ mem_strndup(line, (size_t)(equals - line)),
						      mem_strdup(equals + 1) }));
}

/* What was read is written, and read as the same. */
static void again(const struct spot_set *set)
{
	cleanup(spot_tags_done) struct spot_tags tags = { .count = 0 };
	cleanup(spot_sets_done) struct spot_sets back = { 0 };
	struct ec2_snapshots list = { 0 };
	struct err err = ERR_INIT;

	if (spot_set_tags(set, &tags, &err) < 0) {
		if (err.code != ERR_UNSUPPORTED)
			fuzz_broken("tags that cannot be written: %s", err.text);
		return;
	}
	add_snapshot(&list);
	for (size_t i = 0; i < tags.count; i++) {
		if (strlen(tags.pairs[i].value) > 256)
			fuzz_broken("a value that EC2 does not take");
		vec_push(&list.items[0].tags,
			 ((struct ec2_tag){ mem_strdup(tags.pairs[i].key),
					    mem_strdup(tags.pairs[i].value) }));
	}
	spot_sets_of(&list, &back);
	if (back.count != 1 || back.items[0].volumes.count != set->volumes.count ||
	    back.items[0].at != set->at || !str_eq(back.items[0].name, set->name) ||
	    !str_eq(back.items[0].id, set->id))
		fuzz_broken("a set came back as another one");
	ec2_snapshots_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct spot_policy policy = { 1, 1, 1, 0 };
	cleanup(free) char *text = mem_strndup((const char *)data, size);
	cleanup(spot_sets_done) struct spot_sets sets = { 0 };
	struct ec2_snapshots list = { 0 };
	enum spot_keep keep[SNAPSHOTS];
	char *line;

	add_snapshot(&list);
	for (char *rest = text; (line = strsep(&rest, "\n"));)
		read_line(&list, line);
	spot_sets_of(&list, &sets);
	if (sets.count > list.count)
		fuzz_broken("more sets than snapshots");
	spot_policy_apply(&sets, &policy, 1800000000, keep);
	vec_foreach (set, &sets) {
		if (!spot_name_is_valid(set->name) || !set->volumes.count)
			fuzz_broken("a set without a name or a volume");
		again(set);
	}
	ec2_snapshots_done(&list);
	return 0;
}
