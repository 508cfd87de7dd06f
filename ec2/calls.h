/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_CALLS_H
#define EC2_CALLS_H

/* The typed calls. Each starts a request and returns at once; `op` and `ret` must live until op
 * ends. `ret` is filled on success only, is zeroed at the start, and is released with its *_done.
 * Request structs are borrowed for the call of the function alone. Describe* calls follow NextToken
 * by themselves. dry_run asks for DryRun=true: success means "would have been permitted". */

#include "base/hash.h"
#include "base/str.h"
#include "ec2/client.h"

enum ec2_dry_run { EC2_FOR_REAL, EC2_DRY_RUN };

struct ec2_filter {
	const char *name;
	const char *const *values; /* at most 200, EC2's limit for one filter */
	size_t value_count;
};
/* ids and filters may both be empty: then everything (paged with MaxResults). An id that does not
 * exist fails the whole call in EC2; the filters "instance-id" and "volume-id" do not. */
struct ec2_describe {
	const char *const *ids;
	size_t id_count;
	const struct ec2_filter *filters;
	size_t filter_count;
	enum ec2_dry_run dry_run;
};

void ec2_describe_instances(struct ec2 *, const struct ec2_describe *, struct ec2_instances *ret,
			    struct ec2_op *op);
void ec2_describe_volumes(struct ec2 *, const struct ec2_describe *, struct ec2_volumes *ret,
			  struct ec2_op *op);
/* Owner.1=self is always sent. */
void ec2_describe_snapshots(struct ec2 *, const struct ec2_describe *, struct ec2_snapshots *ret,
			    struct ec2_op *op);
/* IncludeAllInstances=true is always sent. */
void ec2_describe_instance_status(struct ec2 *, const struct ec2_describe *,
				  struct ec2_instance_statuses *ret, struct ec2_op *op);
void ec2_describe_instance_types(struct ec2 *, const struct ec2_describe *,
				 struct ec2_instance_types *ret, struct ec2_op *op);
void ec2_describe_subnets(struct ec2 *, const struct ec2_describe *, struct ec2_subnets *ret,
			  struct ec2_op *op);
void ec2_describe_vpcs(struct ec2 *, const struct ec2_describe *, struct ec2_vpcs *ret,
		       struct ec2_op *op);
void ec2_describe_spot_requests(struct ec2 *, const struct ec2_describe *,
				struct ec2_spot_requests *ret, struct ec2_op *op);
/* At most 50 ids; none: all members. */
void asg_describe_instances(struct ec2 *, const char *const *ids, size_t count,
			    struct asg_instances *ret, struct ec2_op *op);
/* EnterStandby lowers the group's desired capacity by one, so that it launches no other instance;
 * ExitStandby raises it again. Both are accepted at once and take some time. ERR_USAGE
 * (ValidationError): the instance is not in the state for it, or a size of the group forbids it. */
struct asg_standby {
	struct instance_id instance;
	const char *group;
};
void asg_enter_standby(struct ec2 *, const struct asg_standby *, struct ec2_op *op);
void asg_exit_standby(struct ec2 *, const struct asg_standby *, struct ec2_op *op);

/* One attribute of an instance: "disableApiStop", "disableApiTermination",
 * "instanceInitiatedShutdownBehavior", ... `value` NULL when the reply has none. */
struct ec2_attribute {
	char *value; /* "true"/"false" for booleans */
};
void ec2_describe_instance_attribute(struct ec2 *, const struct instance_id *,
				     const char *attribute, struct ec2_attribute *ret,
				     struct ec2_op *op);
/* blockDeviceMapping: DeleteOnTermination of one attached device. */
struct ec2_modify_device {
	struct instance_id instance;
	const char *device;
	bool delete_on_termination;
	enum ec2_dry_run dry_run;
};
void ec2_modify_device(struct ec2 *, const struct ec2_modify_device *, struct ec2_op *op);

enum ec2_stop_kind { EC2_STOP_GRACEFUL, EC2_STOP_FORCE };
struct ec2_power { /* StopInstances, StartInstances: one instance a call, so that one failure is
		      one's own */
	struct instance_id instance;
	enum ec2_stop_kind kind; /* stop only */
	enum ec2_dry_run dry_run;
};
void ec2_stop_instance(struct ec2 *, const struct ec2_power *, struct ec2_state_changes *ret,
		       struct ec2_op *op);
void ec2_start_instance(struct ec2 *, const struct ec2_power *, struct ec2_state_changes *ret,
			struct ec2_op *op);

struct ec2_attach { /* AttachVolume; DetachVolume (device may be NULL there) */
	struct volume_id volume;
	struct instance_id instance;
	const char *device;
	bool is_forced; /* detach only */
	enum ec2_dry_run dry_run;
};
void ec2_attach_volume(struct ec2 *, const struct ec2_attach *, struct ec2_attachment *ret,
		       struct ec2_op *op);
void ec2_detach_volume(struct ec2 *, const struct ec2_attach *, struct ec2_attachment *ret,
		       struct ec2_op *op);

struct ec2_tag_pair {
	const char *key, *value; /* DeleteTags: value NULL deletes whatever the value */
};
struct ec2_create_snapshot {
	struct volume_id volume;
	const char *description;
	const struct ec2_tag_pair *tags;
	size_t tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_create_snapshot(struct ec2 *, const struct ec2_create_snapshot *, struct ec2_snapshot *ret,
			 struct ec2_op *op);

/* CreateSnapshots: of several volumes of one instance, at one moment; all or none. The same tags on each. */
struct ec2_create_snapshots {
	struct instance_id instance;
	bool is_without_root;
	const char *const *excluded; /* ids of data volumes */
	size_t excluded_count;
	const char *description;
	const struct ec2_tag_pair *tags;
	size_t tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_create_snapshots(struct ec2 *, const struct ec2_create_snapshots *,
			  struct ec2_snapshots *ret, struct ec2_op *op);

/* ERR_NOTFOUND: it is gone already. */
void ec2_delete_snapshot(struct ec2 *, const struct snapshot_id *, struct ec2_op *op);

/* CreateVolume from a snapshot: its size, encryption and key are the snapshot's. */
struct ec2_create_volume {
	struct snapshot_id snapshot;
	const char *zone, *type;  /* type NULL: EC2's default */
	const char *outpost;	  /* its ARN; NULL: in the zone */
	int64_t iops, throughput; /* 0: the type's own */
	const char *client_token; /* the same one again is the same request; never NULL */
	const struct ec2_tag_pair *tags;
	size_t tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_create_volume(struct ec2 *, const struct ec2_create_volume *, struct ec2_volume *ret,
		       struct ec2_op *op);

/* ERR_NOTFOUND: it is gone already. */
void ec2_delete_volume(struct ec2 *, const struct volume_id *, struct ec2_op *op);

struct ec2_change_tags {
	const char *const *resources; /* instance, volume, snapshot ids */
	size_t resource_count;
	const struct ec2_tag_pair *tags;
	size_t tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_create_tags(struct ec2 *, const struct ec2_change_tags *, struct ec2_op *op);
void ec2_delete_tags(struct ec2 *, const struct ec2_change_tags *, struct ec2_op *op);

/* One's own images. */
void ec2_describe_images(struct ec2 *, const struct ec2_describe *, struct ec2_images *ret,
			 struct ec2_op *op);
/* An image whose root is a snapshot. The name is the account's once: a second registration is refused. */
struct ec2_register_image {
	const char *name, *architecture, *root_device;
	const char *boot_mode; /* NULL: EC2's default */
	bool has_ena;
	struct snapshot_id snapshot;
	enum ec2_dry_run dry_run;
};
void ec2_register_image(struct ec2 *, const struct ec2_register_image *, struct ec2_image *ret,
			struct ec2_op *op);
/* Its snapshot stays. */
void ec2_deregister_image(struct ec2 *, const char *id, struct ec2_op *op);

/* CreateReplaceRootVolumeTask: a running instance reboots with a root volume made from the image; the old one is
 * kept, detached. */
struct ec2_replace_root {
	struct instance_id instance;
	const char *image;
	const char *client_token; /* the same one again is the same task; never NULL */
	enum ec2_dry_run dry_run;
};
void ec2_replace_root(struct ec2 *, const struct ec2_replace_root *, struct ec2_replace_task *ret,
		      struct ec2_op *op);
void ec2_describe_replace_tasks(struct ec2 *, const struct ec2_describe *,
				struct ec2_replace_tasks *ret, struct ec2_op *op);

/* One instance that lives for a while: a shutdown from inside terminates it, and its metadata is to be had with a
 * token only. ERR_BUSY (Insufficient*), ERR_UNSUPPORTED (Unsupported: not in this zone), *LimitExceeded: another
 * type may be had. */
struct ec2_run_instance {
	const char *image, *type;
	const char *subnet, *group; /* NULL: of the default VPC */
	bool is_public;		    /* gets a public address */
	const char *user_data;	    /* as it is; sent as base64 */
	const char *client_token;   /* the same one again is the same launch; never NULL */
	const struct ec2_tag_pair *tags, *volume_tags;
	size_t tag_count, volume_tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_run_instance(struct ec2 *, const struct ec2_run_instance *, struct ec2_instances *ret,
		      struct ec2_op *op);
/* ERR_NOTFOUND: there is none, or not yet. */
void ec2_terminate_instance(struct ec2 *, const struct instance_id *, enum ec2_dry_run,
			    struct ec2_state_changes *ret, struct ec2_op *op);

/* RunInstances of one instance that stays, with what it is to have. ERR_BUSY, ERR_UNSUPPORTED, ERR_CLOUD with aws_code
 * InsufficientInstanceCapacity, SpotMaxPriceTooLow, MaxSpotInstanceCountExceeded, ...: another type, zone or market may
 * do. */
struct ec2_launch_device {
	const char *device;
	struct snapshot_id snapshot; /* none: the image's own volume there, with another type */
	const char *type;	     /* of the volume; NULL: as EC2 does */
	int64_t iops, throughput;    /* 0: the type's own */
};
struct ec2_launch {
	const char *image, *type, *subnet;
	const char *private_ip, *key_name, *profile; /* NULL: none in particular; profile: ARN */
	const char *const *groups;
	size_t group_count;
	const struct ec2_launch_device *devices; /* none of them goes with the instance */
	size_t device_count;
	bool is_spot;
	bool may_stop; /* of spot: its request is persistent, and an interruption stops it */
	const char *max_price;		 /* NULL: the on-demand price */
	const char *client_token;	 /* the same one again is the same launch; never NULL */
	const struct ec2_tag_pair *tags; /* of the instance and its volumes */
	size_t tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_launch(struct ec2 *, const struct ec2_launch *, struct ec2_instances *ret,
		struct ec2_op *op);

void ec2_describe_addresses(struct ec2 *, const struct ec2_describe *, struct ec2_elastic_ips *ret,
			    struct ec2_op *op);
/* Takes it from whoever has it. */
void ec2_associate_address(struct ec2 *, const char *allocation, const struct instance_id *,
			   struct ec2_op *op);
void ec2_describe_enis(struct ec2 *, const struct ec2_describe *, struct ec2_enis *ret,
		       struct ec2_op *op);
void ec2_attach_eni(struct ec2 *, const char *eni, const struct instance_id *, int64_t device_index,
		    struct ec2_op *op);

/* A name that its VPC has once: aws_code InvalidGroup.Duplicate. Only the id is in the reply. */
struct ec2_create_security_group {
	const char *name, *description, *vpc; /* vpc NULL: the default one */
	const struct ec2_tag_pair *tags;
	size_t tag_count;
	enum ec2_dry_run dry_run;
};
void ec2_create_security_group(struct ec2 *, const struct ec2_create_security_group *,
			       struct ec2_security_group *ret, struct ec2_op *op);
/* What a rule of a security group lets through. aws_code InvalidPermission.Duplicate: it does already;
 * InvalidPermission.NotFound: there is none to revoke. */
struct ec2_rule {
	const char *group;
	bool is_egress;
	const char *protocol; /* "tcp", "icmp", "-1", ... */
	const char *cidr;     /* IPv4 or IPv6 */
	int64_t from, to;     /* ports, or type and code; of "-1" nothing */
};
void ec2_authorize_rule(struct ec2 *, const struct ec2_rule *, struct ec2_op *op);
void ec2_revoke_rule(struct ec2 *, const struct ec2_rule *, struct ec2_op *op);
/* ERR_BUSY: an instance that is not quite gone has it. */
void ec2_delete_security_group(struct ec2 *, const char *id, struct ec2_op *op);
void ec2_describe_security_groups(struct ec2 *, const struct ec2_describe *,
				  struct ec2_security_groups *ret, struct ec2_op *op);

/* ---- the network around an instance */

void ec2_describe_route_tables(struct ec2 *, const struct ec2_describe *,
			       struct ec2_route_tables *ret, struct ec2_op *op);
void ec2_describe_acls(struct ec2 *, const struct ec2_describe *, struct ec2_acls *ret,
		       struct ec2_op *op);
void ec2_describe_internet_gateways(struct ec2 *, const struct ec2_describe *,
				    struct ec2_internet_gateways *ret, struct ec2_op *op);
void ec2_describe_peerings(struct ec2 *, const struct ec2_describe *, struct ec2_peerings *ret,
			   struct ec2_op *op);
/* Of a customer-managed list and of AWS's own. */
void ec2_get_prefix_list(struct ec2 *, const char *id, struct ec2_prefix_list *ret,
			 struct ec2_op *op);
void ec2_get_public_block(struct ec2 *, struct ec2_public_block *ret, struct ec2_op *op);
void ec2_describe_public_exclusions(struct ec2 *, const struct ec2_describe *,
				    struct ec2_public_exclusions *ret, struct ec2_op *op);

/* An entry that allows. aws_code NetworkAclEntryAlreadyExists: the number is taken. */
struct ec2_acl_rule {
	const char *acl;
	int64_t number; /* 1 to 32766 */
	bool is_egress;
	const char *protocol; /* a number, or "-1" */
	const char *cidr;     /* IPv4 or IPv6 */
	int64_t from, to;     /* ports of "6" and "17"; of "1" and "58" type and code */
};
void ec2_create_acl_rule(struct ec2 *, const struct ec2_acl_rule *, struct ec2_op *op);
void ec2_delete_acl_rule(struct ec2 *, const struct ec2_acl_rule *, struct ec2_op *op);

enum ec2_source_check { EC2_SOURCE_CHECK_OFF, EC2_SOURCE_CHECK_ON };
void ec2_modify_source_check(struct ec2 *, const char *eni, enum ec2_source_check,
			     struct ec2_op *op);

struct ec2_route_change {
	const char *table, *cidr;		 /* IPv4 */
	const char *gateway, *nat_gateway, *eni; /* where to: one of them; of a deletion none */
};
/* aws_code RouteAlreadyExists: to elsewhere. */
void ec2_create_route(struct ec2 *, const struct ec2_route_change *, struct ec2_op *op);
void ec2_replace_route(struct ec2 *, const struct ec2_route_change *, struct ec2_op *op);
/* aws_code InvalidRoute.NotFound: it is gone already. */
void ec2_delete_route(struct ec2 *, const struct ec2_route_change *, struct ec2_op *op);

struct ssm_parameter {
	char *value;
};
void ssm_get_parameter(struct ec2 *, const char *name, struct ssm_parameter *ret,
		       struct ec2_op *op);

/* What address this machine has on the internet, by a service of AWS that says so over HTTPS. */
struct ec2_own_address {
	char *text; /* IPv4 or IPv6 */
};
void ec2_get_own_address(struct ec2 *, struct ec2_own_address *ret, struct ec2_op *op);

/* ---- the EBS direct APIs ---- */

/* Follows NextToken; a new list may make the tokens of an older one invalid. */
void ebs_list_snapshot_blocks(struct ec2 *, const struct snapshot_id *, struct ebs_blocks *ret,
			      struct ec2_op *op);
/* The block's bytes, their checksum verified. `ret` is the caller's, initialised. ERR_USAGE with the
 * reason in the text where the token is no longer valid. */
struct ebs_get_block {
	struct snapshot_id snapshot;
	int64_t index;
	const char *token;
};
void ebs_get_snapshot_block(struct ec2 *, const struct ebs_get_block *, struct str *ret,
			    struct ec2_op *op);

/* A snapshot that is written block by block: it begins as its parent (none: as zeros), takes blocks, and is
 * completed, after which DescribeSnapshots tells when it can be used. One that nobody writes to for an hour
 * becomes `error`. */
struct ebs_start {
	struct snapshot_id parent;
	int64_t volume_gib;
	const char *description,
		*client_token; /* the same token again is the same snapshot; never NULL */
	const struct ec2_tag_pair *tags;
	size_t tag_count;
};
void ebs_start_snapshot(struct ec2 *, const struct ebs_start *, struct ebs_started *ret,
			struct ec2_op *op);
struct ebs_put_block {
	struct snapshot_id snapshot;
	int64_t index;
	const void *data; /* a whole block; copied */
	size_t len;
	struct sha256 sum; /* of the data */
};
void ebs_put_snapshot_block(struct ec2 *, const struct ebs_put_block *, struct ec2_op *op);
struct ebs_complete {
	struct snapshot_id snapshot;
	uint64_t changed_blocks; /* that were put, each once */
	struct sha256 sum;	 /* of their sums, in the order of the blocks */
};
void ebs_complete_snapshot(struct ec2 *, const struct ebs_complete *, struct ec2_op *op);

/* Does the account encrypt every new volume and snapshot? Nothing in the reply has to be released. */
void ec2_get_ebs_encryption_by_default(struct ec2 *, struct ec2_default_encryption *ret,
				       struct ec2_op *op);

/* The key that a volume is encrypted with, by its ARN. ERR_NOTFOUND: there is none any more. */
void kms_describe_key(struct ec2 *, const char *arn, struct kms_key *ret, struct ec2_op *op);

struct ec2_console {
	char *output; /* decoded bytes, NUL-terminated, NULs replaced by '?'; NULL when EC2 has none
		       */
	int64_t timestamp;
};
/* Latest=true is asked first where wanted; where EC2 refuses it (not Nitro) the plain call follows.
 */
void ec2_get_console_output(struct ec2 *, const struct instance_id *, struct ec2_console *ret,
			    struct ec2_op *op);

struct sts_identity {
	char *account, *arn, *user_id;
};
void sts_get_caller_identity(struct ec2 *, struct sts_identity *ret, struct ec2_op *op);

/* Instance metadata (IMDSv2) of this machine. ERR_NOTFOUND quickly (about a second) when there is
 * none; AWS_EC2_METADATA_DISABLED=true is ERR_NOTFOUND at once. */
struct imds_self {
	char *instance, *zone, *region, *type;
};
void imds_get_self(struct ec2 *, struct imds_self *ret, struct ec2_op *op);

void kms_key_done(struct kms_key *);
void ec2_images_done(struct ec2_images *);
void ec2_image_done(struct ec2_image *);
void ec2_replace_tasks_done(struct ec2_replace_tasks *);
void ec2_replace_task_done(struct ec2_replace_task *);
void ebs_blocks_done(struct ebs_blocks *);
void ebs_started_done(struct ebs_started *);
void ec2_instances_done(struct ec2_instances *);
void ec2_volumes_done(struct ec2_volumes *);
void ec2_snapshots_done(struct ec2_snapshots *);
void ec2_instance_statuses_done(struct ec2_instance_statuses *);
void ec2_instance_types_done(struct ec2_instance_types *);
void ec2_subnets_done(struct ec2_subnets *);
void ec2_vpcs_done(struct ec2_vpcs *);
void ec2_spot_requests_done(struct ec2_spot_requests *);
void asg_instances_done(struct asg_instances *);
void ec2_state_changes_done(struct ec2_state_changes *);
void ec2_attachment_done(struct ec2_attachment *);
void ec2_snapshot_done(struct ec2_snapshot *);
void ec2_volume_done(struct ec2_volume *);
void ec2_console_done(struct ec2_console *);
void ec2_attribute_done(struct ec2_attribute *);
void sts_identity_done(struct sts_identity *);
void imds_self_done(struct imds_self *);
void ec2_elastic_ips_done(struct ec2_elastic_ips *);
void ec2_enis_done(struct ec2_enis *);
void ec2_route_tables_done(struct ec2_route_tables *);
void ec2_acls_done(struct ec2_acls *);
void ec2_internet_gateways_done(struct ec2_internet_gateways *);
void ec2_peerings_done(struct ec2_peerings *);
void ec2_prefix_list_done(struct ec2_prefix_list *);
void ec2_public_block_done(struct ec2_public_block *);
void ec2_public_exclusions_done(struct ec2_public_exclusions *);
void ec2_security_groups_done(struct ec2_security_groups *);
void ec2_security_group_done(struct ec2_security_group *);
void ssm_parameter_done(struct ssm_parameter *);
void ec2_own_address_done(struct ec2_own_address *);

#endif
