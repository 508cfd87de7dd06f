/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/call.h"

/* Every action that is known: one row each. */

#define LIST "Filter.* MaxResults:i NextToken"
#define SPEC "TagSpecification.*"
#define DESCRIBE(name_, bucket_, ids_, set_, kind_)                                           \
	{                                                                                     \
		.service = "ec2", .name = name_, .bucket = bucket_, .handler = describe_kind, \
		.params = ids_ ".N " LIST, .ids = ids_, .set = set_, .kind = kind_            \
	}
#define READ(name_, handler_, params_)                                               \
	.service = "ec2", .name = name_, .bucket = BUCKET_READ, .handler = handler_, \
	.params = params_
#define READ_PLAIN(name_, handler_, params_)                                               \
	.service = "ec2", .name = name_, .bucket = BUCKET_READ_PLAIN, .handler = handler_, \
	.params = params_
#define WRITE(name_, bucket_, handler_, params_)                                      \
	.service = "ec2", .name = name_, .bucket = bucket_, .mutating = ACTION_WRITE, \
	.handler = handler_, .params = params_
#define OTHER(service_, name_, handler_, params_)                                       \
	.service = service_, .name = name_, .bucket = BUCKET_NONE, .handler = handler_, \
	.params = params_
#define BLOCKS(name_, bucket_, handler_, params_)                                \
	.service = "ebs", .name = name_, .bucket = bucket_, .handler = handler_, \
	.params = params_, .resource = "snapshot/SnapshotId"

static const struct action actions[] = {
	/* instances */
	{ WRITE("RunInstances", BUCKET_RUN, run_instances,
		"ImageId InstanceType MinCount!:i MaxCount!:i KeyName SubnetId SecurityGroupId.N "
		"SecurityGroup.N UserData ClientToken EbsOptimized:b Placement.* "
		"IamInstanceProfile.* "
		"InstanceInitiatedShutdownBehavior DisableApiTermination:b DisableApiStop:b "
		"Monitoring.* BlockDeviceMapping.* NetworkInterface.* InstanceMarketOptions.* "
		"MetadataOptions.* CpuOptions.* CreditSpecification.* HibernationOptions.* "
		"PrivateIpAddress " SPEC),
	  .resource = "instance/*", .resource_tokens_s = 2 },
	{ WRITE("StartInstances", BUCKET_RUN, start_instances, "InstanceId.N! AdditionalInfo"),
	  .resource = "instance/InstanceId.1", .resource_tokens_s = 2 },
	{ WRITE("StopInstances", BUCKET_WRITE, stop_instances,
		"InstanceId.N! Hibernate:b Force:b SkipOsShutdown:b"),
	  .resource = "instance/InstanceId.1", .resource_tokens_s = 20 },
	{ WRITE("TerminateInstances", BUCKET_OWN_5, terminate_instances,
		"InstanceId.N! Force:b SkipOsShutdown:b"),
	  .resource = "instance/InstanceId.1", .resource_tokens_s = 20 },
	{ WRITE("RebootInstances", BUCKET_WRITE, reboot_instances, "InstanceId.N!"),
	  .resource = "instance/InstanceId.1" },
	{ READ_PLAIN("DescribeInstances", describe_instances, "InstanceId.N " LIST),
	  .kind = &kind_instance, .ids = "InstanceId" },
	{ READ_PLAIN("DescribeInstanceStatus", describe_instance_status,
		     "InstanceId.N IncludeAllInstances:b " LIST),
	  .kind = &kind_instance, .ids = "InstanceId" },
	{ READ("DescribeInstanceAttribute", describe_instance_attribute, "InstanceId! Attribute!"),
	  .resource = "instance/InstanceId" },
	{ WRITE("ModifyInstanceAttribute", BUCKET_WRITE, modify_instance_attribute,
		"InstanceId! Attribute Value BlockDeviceMapping.* SourceDestCheck.Value:b "
		"DisableApiTermination.Value:b DisableApiStop.Value:b EbsOptimized.Value:b "
		"EnaSupport.Value:b InstanceInitiatedShutdownBehavior.Value InstanceType.Value "
		"Kernel.Value Ramdisk.Value SriovNetSupport.Value UserData.Value GroupId.N"),
	  .resource = "instance/InstanceId" },
	{ READ("GetConsoleOutput", get_console_output, "InstanceId! Latest:b"),
	  .resource = "instance/InstanceId" },
	/* volumes and snapshots */
	{ WRITE("AttachVolume", BUCKET_WRITE, attach_volume, "VolumeId! InstanceId! Device!"),
	  .resource = "volume/VolumeId" },
	{ WRITE("DetachVolume", BUCKET_WRITE, detach_volume, "VolumeId! InstanceId Device Force:b"),
	  .resource = "volume/VolumeId" },
	{ WRITE("CreateVolume", BUCKET_OWN_5, create_volume,
		"AvailabilityZone! Size:i SnapshotId VolumeType Iops:i Throughput:i Encrypted:b "
		"KmsKeyId MultiAttachEnabled:b ClientToken " SPEC),
	  .resource = "volume/*" },
	{ WRITE("DeleteVolume", BUCKET_OWN_5, delete_volume, "VolumeId!"),
	  .resource = "volume/VolumeId" },
	{ WRITE("ModifyVolume", BUCKET_WRITE, modify_volume,
		"VolumeId! Size:i VolumeType Iops:i Throughput:i MultiAttachEnabled:b"),
	  .resource = "volume/VolumeId" },
	{ WRITE("CreateSnapshot", BUCKET_OWN_5, create_snapshot,
		"VolumeId! Description OutpostArn " SPEC),
	  .resource = "volume/VolumeId" },
	{ WRITE("CreateSnapshots", BUCKET_OWN_5, create_snapshots,
		"InstanceSpecification.* Description CopyTagsFromSource " SPEC),
	  .resource = "instance/InstanceSpecification.InstanceId" },
	{ WRITE("DeleteSnapshot", BUCKET_OWN_5, delete_snapshot, "SnapshotId!"),
	  .resource = "snapshot/SnapshotId" },
	DESCRIBE("DescribeVolumes", BUCKET_READ_PLAIN, "VolumeId", "volumeSet", &kind_volume),
	{ .service = "ec2",
	  .name = "DescribeSnapshots",
	  .bucket = BUCKET_READ_PLAIN,
	  .handler = describe_kind,
	  .params = "SnapshotId.N Owner.N RestorableBy.N " LIST,
	  .ids = "SnapshotId",
	  .set = "snapshotSet",
	  .kind = &kind_snapshot },
	/* tags */
	{ WRITE("CreateTags", BUCKET_OWN_10, create_tags, "ResourceId.N! Tag.*!"),
	  .resource = "*/ResourceId.1" },
	{ WRITE("DeleteTags", BUCKET_OWN_10, delete_tags, "ResourceId.N! Tag.*"),
	  .resource = "*/ResourceId.1" },
	{ READ("DescribeTags", describe_tags, LIST) },
	/* images */
	{ .service = "ec2",
	  .name = "DescribeImages",
	  .bucket = BUCKET_READ,
	  .handler = describe_kind,
	  .params = "ImageId.N Owner.N ExecutableBy.N IncludeDeprecated:b IncludeDisabled:b " LIST,
	  .ids = "ImageId",
	  .set = "imagesSet",
	  .kind = &kind_image },
	{ WRITE("RegisterImage", BUCKET_WRITE, register_image,
		"Name! Architecture RootDeviceName VirtualizationType EnaSupport:b SriovNetSupport "
		"BootMode TpmSupport ImdsSupport UefiData Description KernelId RamdiskId "
		"BillingProduct.N BlockDeviceMapping.* " SPEC),
	  .resource = "image/*" },
	{ WRITE("DeregisterImage", BUCKET_OWN_5, deregister_image, "ImageId!"),
	  .resource = "image/ImageId" },
	{ WRITE("CreateReplaceRootVolumeTask", BUCKET_OWN_5, create_replace_root_volume_task,
		"InstanceId! SnapshotId ClientToken ImageId DeleteReplacedRootVolume:b " SPEC),
	  .resource = "instance/InstanceId" },
	DESCRIBE("DescribeReplaceRootVolumeTasks", BUCKET_READ, "ReplaceRootVolumeTaskId",
		 "replaceRootVolumeTaskSet", &kind_replace),
	/* network and account */
	DESCRIBE("DescribeSubnets", BUCKET_READ, "SubnetId", "subnetSet", &kind_subnet),
	DESCRIBE("DescribeVpcs", BUCKET_READ, "VpcId", "vpcSet", &kind_vpc),
	{ .service = "ec2",
	  .name = "DescribeSecurityGroups",
	  .bucket = BUCKET_READ_PLAIN,
	  .handler = describe_kind,
	  .params = "GroupId.N GroupName.N " LIST,
	  .ids = "GroupId",
	  .set = "securityGroupInfo",
	  .kind = &kind_security_group },
	{ WRITE("CreateSecurityGroup", BUCKET_OWN_5, create_security_group,
		"GroupName! GroupDescription! VpcId " SPEC),
	  .resource = "security-group/*" },
	{ WRITE("AuthorizeSecurityGroupIngress", BUCKET_OWN_5, authorize_security_group_ingress,
		"GroupId! IpPermissions.*!"),
	  .resource = "security-group/GroupId" },
	{ WRITE("AuthorizeSecurityGroupEgress", BUCKET_OWN_5, authorize_security_group_egress,
		"GroupId! IpPermissions.*!"),
	  .resource = "security-group/GroupId" },
	{ WRITE("RevokeSecurityGroupIngress", BUCKET_OWN_5, revoke_security_group_ingress,
		"GroupId! IpPermissions.*!"),
	  .resource = "security-group/GroupId" },
	{ WRITE("RevokeSecurityGroupEgress", BUCKET_OWN_5, revoke_security_group_egress,
		"GroupId! IpPermissions.*!"),
	  .resource = "security-group/GroupId" },
	DESCRIBE("DescribeNetworkAcls", BUCKET_READ, "NetworkAclId", "networkAclSet",
		 &kind_network_acl),
	DESCRIBE("DescribeInternetGateways", BUCKET_READ, "InternetGatewayId", "internetGatewaySet",
		 &kind_internet_gateway),
	DESCRIBE("DescribeNatGateways", BUCKET_READ, "NatGatewayId", "natGatewaySet",
		 &kind_nat_gateway),
	DESCRIBE("DescribeVpcPeeringConnections", BUCKET_READ, "VpcPeeringConnectionId",
		 "vpcPeeringConnectionSet", &kind_peering),
	{ READ("GetManagedPrefixListEntries", get_managed_prefix_list_entries,
	       "PrefixListId! TargetVersion:i MaxResults:i NextToken") },
	{ READ("DescribeVpcBlockPublicAccessOptions", describe_vpc_block_public_access_options,
	       "") },
	{ READ("DescribeVpcBlockPublicAccessExclusions",
	       describe_vpc_block_public_access_exclusions, "ExclusionId.N " LIST) },
	{ WRITE("CreateNetworkAclEntry", BUCKET_WRITE, create_network_acl_entry,
		"NetworkAclId! RuleNumber!:i Protocol! RuleAction! Egress!:b CidrBlock "
		"Ipv6CidrBlock PortRange.* Icmp.*"),
	  .resource = "network-acl/NetworkAclId" },
	{ WRITE("DeleteNetworkAclEntry", BUCKET_WRITE, delete_network_acl_entry,
		"NetworkAclId! RuleNumber!:i Egress!:b"),
	  .resource = "network-acl/NetworkAclId" },
	{ WRITE("CreateRoute", BUCKET_WRITE, create_route,
		"RouteTableId! DestinationCidrBlock GatewayId NatGatewayId NetworkInterfaceId"),
	  .resource = "route-table/RouteTableId" },
	{ WRITE("ReplaceRoute", BUCKET_WRITE, replace_route,
		"RouteTableId! DestinationCidrBlock GatewayId NatGatewayId NetworkInterfaceId"),
	  .resource = "route-table/RouteTableId" },
	{ WRITE("DeleteRoute", BUCKET_WRITE, delete_route, "RouteTableId! DestinationCidrBlock"),
	  .resource = "route-table/RouteTableId" },
	{ WRITE("ModifyNetworkInterfaceAttribute", BUCKET_OWN_5, modify_network_interface_attribute,
		"NetworkInterfaceId! SourceDestCheck.Value:b"),
	  .resource = "network-interface/NetworkInterfaceId" },
	{ WRITE("DeleteSecurityGroup", BUCKET_OWN_5, delete_security_group, "GroupId!"),
	  .resource = "security-group/GroupId" },
	DESCRIBE("DescribeRouteTables", BUCKET_READ, "RouteTableId", "routeTableSet",
		 &kind_route_table),
	{ .service = "ec2",
	  .name = "DescribeAddresses",
	  .bucket = BUCKET_READ,
	  .handler = describe_kind,
	  .params = "AllocationId.N PublicIp.N " LIST,
	  .ids = "AllocationId",
	  .set = "addressesSet",
	  .kind = &kind_address },
	{ WRITE("AssociateAddress", BUCKET_WRITE, associate_address,
		"AllocationId! InstanceId! AllowReassociation:b"),
	  .resource = "elastic-ip/AllocationId" },
	{ WRITE("AttachNetworkInterface", BUCKET_WRITE, attach_network_interface,
		"NetworkInterfaceId! InstanceId! DeviceIndex!:i"),
	  .resource = "network-interface/NetworkInterfaceId" },
	DESCRIBE("DescribeSpotInstanceRequests", BUCKET_READ_PLAIN, "SpotInstanceRequestId",
		 "spotInstanceRequestSet", &kind_spot),
	{ .service = "ec2",
	  .name = "DescribeNetworkInterfaces",
	  .bucket = BUCKET_READ_PLAIN,
	  .handler = describe_network_interfaces,
	  .params = "NetworkInterfaceId.N " LIST,
	  .ids = "NetworkInterfaceId" },
	{ READ("DescribeAvailabilityZones", describe_availability_zones,
	       "ZoneName.N ZoneId.N AllAvailabilityZones:b Filter.*") },
	{ READ("DescribeRegions", describe_regions, "RegionName.N AllRegions:b Filter.*") },
	{ READ("GetEbsEncryptionByDefault", get_ebs_encryption_by_default, "DryRun:b") },
	{ READ("DescribeInstanceTypes", describe_instance_types, "InstanceType.N " LIST) },
	/* other services */
	{ OTHER("sts", "GetCallerIdentity", get_caller_identity, "") },
	{ OTHER("sts", "AssumeRole", assume_role,
		"RoleArn! RoleSessionName! DurationSeconds:i ExternalId SerialNumber TokenCode "
		"Policy "
		"PolicyArns.* Tags.* TransitiveTagKeys.* SourceIdentity") },
	{ OTHER("sts", "AssumeRoleWithWebIdentity", assume_role_with_web_identity,
		"RoleArn! RoleSessionName! WebIdentityToken! DurationSeconds:i ProviderId Policy "
		"PolicyArns.*") },
	{ OTHER("autoscaling", "DescribeAutoScalingInstances", describe_auto_scaling_instances,
		"InstanceIds.member.N MaxRecords:i NextToken") },
	{ OTHER("autoscaling", "EnterStandby", enter_standby,
		"InstanceIds.member.N AutoScalingGroupName! ShouldDecrementDesiredCapacity!:b"),
	  .mutating = ACTION_WRITE },
	{ OTHER("autoscaling", "ExitStandby", exit_standby,
		"InstanceIds.member.N AutoScalingGroupName!"),
	  .mutating = ACTION_WRITE },
	{ OTHER("iam", "CreateRole", create_role,
		"RoleName! AssumeRolePolicyDocument! Path Description MaxSessionDuration:i "
		"Tags.*"),
	  .mutating = ACTION_WRITE },
	{ OTHER("iam", "GetRole", get_role, "RoleName!") },
	{ OTHER("iam", "ListRoleTags", list_role_tags, "RoleName! Marker MaxItems:i") },
	{ OTHER("iam", "ListAttachedRolePolicies", list_attached_role_policies,
		"RoleName! PathPrefix Marker MaxItems:i") },
	{ OTHER("iam", "ListRolePolicies", list_role_policies, "RoleName! Marker MaxItems:i") },
	{ OTHER("iam", "GetRolePolicy", get_role_policy, "RoleName! PolicyName!") },
	{ OTHER("iam", "PutRolePolicy", put_role_policy, "RoleName! PolicyName! PolicyDocument!"),
	  .mutating = ACTION_WRITE },
	{ OTHER("iam", "CreateInstanceProfile", create_instance_profile,
		"InstanceProfileName! Path Tags.*"),
	  .mutating = ACTION_WRITE },
	{ OTHER("iam", "GetInstanceProfile", get_instance_profile, "InstanceProfileName!") },
	{ OTHER("iam", "AddRoleToInstanceProfile", add_role_to_instance_profile,
		"InstanceProfileName! RoleName!"),
	  .mutating = ACTION_WRITE },
	{ OTHER("iam", "ListInstanceProfilesForRole", list_instance_profiles_for_role,
		"RoleName! Marker MaxItems:i") },
	{ OTHER("kms", "DescribeKey", describe_key, "KeyId! GrantTokens") },
	{ OTHER("ssm", "GetParameter", get_parameter, "Name! WithDecryption:b"),
	  .resource = "parameter/Name" },
	{ BLOCKS("ListSnapshotBlocks", BUCKET_BLOCK_LISTS, list_snapshot_blocks,
		 "SnapshotId! maxResults:i pageToken startingBlockIndex:i") },
	{ BLOCKS("GetSnapshotBlock", BUCKET_BLOCKS, get_snapshot_block,
		 "SnapshotId! BlockIndex!:i blockToken!") },
	{ BLOCKS("StartSnapshot", BUCKET_BLOCK_STARTS, start_snapshot,
		 "VolumeSize!:i ParentSnapshotId Description ClientToken Encrypted:b KmsKeyArn "
		 "Timeout:i Tags") },
	{ BLOCKS("PutSnapshotBlock", BUCKET_BLOCKS, put_snapshot_block,
		 "SnapshotId! BlockIndex!:i") },
	{ BLOCKS("CompleteSnapshot", BUCKET_BLOCK_STARTS, complete_snapshot, "SnapshotId!") },
};

const struct action *action_find(const char *service, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (str_eq(actions[i].name, name) && str_eq(actions[i].service, service))
			return &actions[i];
	return NULL;
}
