/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The saved state of an instance: snapshots of its volumes at one moment. */
#include "ec2/rows.h"

/* Here, and only here, the status is called "state". */
static const struct xmlmap made_snapshot_map[] = {
	XML_ID_NEED(struct ec2_snapshot, id, snapshot, "snapshotId"),
	XML_ID(struct ec2_snapshot, volume, volume, "volumeId"),
	XML_ENUM(struct ec2_snapshot, status, snapshot_status, "state"),
	XML_TEXT(struct ec2_snapshot, progress, "progress"),
	XML_TEXT(struct ec2_snapshot, description, "description"),
	XML_TIME(struct ec2_snapshot, start_time, "startTime"),
	XML_INT(struct ec2_snapshot, size_gib, "volumeSize"),
	XML_BOOL(struct ec2_snapshot, encrypted, "encrypted"),
	XML_ITEMS(struct ec2_snapshot, tags, tag_map, "tagSet/item"),
	XML_END,
};
static const struct xmlmap made_snapshots_map[] = {
	XML_ITEMS_SELF(struct ec2_snapshots, made_snapshot_map, "snapshotSet/item"),
	XML_END,
};

static const struct param snapshots_tags_params[] = {
	PARAM_FIXED("ResourceType", "snapshot"),
	PARAM_ITEMS(struct ec2_create_snapshots, tags, tag_count, "Tag", tag_params),
	PARAM_END,
};
static const struct param create_snapshots_params[] = {
	PARAM_ID(struct snapshots_request, snapshots.instance, instance,
		 "InstanceSpecification.InstanceId"),
	PARAM_FLAG(struct snapshots_request, snapshots.is_without_root,
		   "InstanceSpecification.ExcludeBootVolume"),
	PARAM_TEXTS(struct snapshots_request, snapshots.excluded, snapshots.excluded_count,
		    "InstanceSpecification.ExcludeDataVolumeId"),
	PARAM_TEXT(struct snapshots_request, snapshots.description, "Description"),
	PARAM_ITEMS(struct snapshots_request, specs, spec_count, "TagSpecification",
		    snapshots_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct snapshots_request, snapshots.dry_run,
		     enum ec2_dry_run, "DryRun") },
	PARAM_END,
};

/* No client token: whether a lost reply's call took effect, the tags of what there is tell. */
const struct ec2_action action_create_snapshots = {
	EC2_("CreateSnapshots"),
	.params = create_snapshots_params,
	REPLY_(made_snapshots_map, struct ec2_snapshots),
	.retry = RETRY_NEVER,
	.limit = LIMIT_SNAPSHOT,
};
