#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The remaining actions and hazards of ec2-sim, read by botocore's own models: shapes, types, error codes.
. tests/system/tap.sh
. tests/cloud/sim.sh

python3 -c 'import botocore' 2>/dev/null || { skip "no botocore" "the remaining actions"; done_testing; }
export AWS_CONFIG_FILE=$T/none AWS_SHARED_CREDENTIALS_FILE=$T/none AWS_MAX_ATTEMPTS=1
sim_start <<'JSON'
{"imds": {"instance": "i-0aaaaaaaaaaaaaaa1"},
 "vpcs": [{"id": "vpc-0aaaaaaaaaaaaaaa1", "cidr": "10.1.0.0/16"}],
 "subnets": [{"id": "subnet-0aaaaaaaaaaaaaaa1", "vpc": "vpc-0aaaaaaaaaaaaaaa1", "zone": "us-east-1b", "cidr": "10.1.1.0/24",
              "map_public_ip": true}],
 "security_groups": [{"id": "sg-0aaaaaaaaaaaaaaa1", "name": "ssh", "vpc": "vpc-0aaaaaaaaaaaaaaa1",
              "ingress": [{"protocol": "tcp", "from": 22, "to": 22, "cidr": "0.0.0.0/0"}]}],
 "route_tables": [{"id": "rtb-0aaaaaaaaaaaaaaa1", "vpc": "vpc-0aaaaaaaaaaaaaaa1", "associations": [{"main": true}],
              "routes": [{"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-0aaaaaaaaaaaaaaa1", "state": "active"}]}],
 "auto_scaling_groups": [{"name": "web"}, {"name": "calm", "suspended": ["ReplaceUnhealthy"]}],
 "instances": [
  {"id": "i-0aaaaaaaaaaaaaaa1", "subnet": "subnet-0aaaaaaaaaaaaaaa1", "groups": ["sg-0aaaaaaaaaaaaaaa1"], "private_ip": "10.1.1.7",
   "volumes": [{"device": "/dev/xvda", "volume_id": "vol-0aaaaaaaaaaaaaaa1", "size": 1},
               {"device": "/dev/sdf", "volume_id": "vol-0aaaaaaaaaaaaaaa2", "size": 2}]},
  {"id": "i-0bbbbbbbbbbbbbbb1", "asg": "web", "eip": "52.1.1.1", "volumes": [{"device": "/dev/xvda", "size": 1}]},
  {"id": "i-0bbbbbbbbbbbbbbb2", "asg": "calm", "volumes": [{"device": "/dev/xvda", "size": 1}]},
  {"id": "i-0ccccccccccccccc1", "lifecycle": "spot", "volumes": [{"device": "/dev/xvda", "size": 1}]},
  {"id": "i-0ccccccccccccccc2", "lifecycle": "spot", "spot_type": "persistent", "volumes": [{"device": "/dev/xvda", "size": 1}]},
  {"id": "i-0ddddddddddddddd1", "os_hangs": true, "hibernation": true, "volumes": [{"device": "/dev/xvda", "size": 1}]},
  {"id": "i-0eeeeeeeeeeeeeee1", "root_device_type": "instance-store"}]}
JSON
URL=$URL PYTHONPATH=tests/cloud python3 - <<'PY'
from sim_botocore import *

ec2 = client("ec2")

def state(i):
    return ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["State"]["Name"]

A, A2 = "i-0aaaaaaaaaaaaaaa1", "vol-0aaaaaaaaaaaaaaa2"

# what a rescue reads of the network
i = ec2.describe_instances(InstanceIds=[A])["Reservations"][0]["Instances"][0]
same((i["VpcId"], i["SubnetId"], i["Placement"]["AvailabilityZone"]),
     ("vpc-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa1", "us-east-1b"), "the subnet gives VPC and zone")
eni = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [A]}])["NetworkInterfaces"]
same((len(eni), eni[0]["MacAddress"], eni[0]["PrivateIpAddress"], eni[0]["SourceDestCheck"]),
     (1, i["NetworkInterfaces"][0]["MacAddress"], "10.1.1.7", True), "DescribeNetworkInterfaces")
same(ec2.describe_subnets(SubnetIds=[i["SubnetId"]])["Subnets"][0]["CidrBlock"], "10.1.1.0/24", "DescribeSubnets")
same(ec2.describe_vpcs(VpcIds=[i["VpcId"]])["Vpcs"][0]["CidrBlock"], "10.1.0.0/16", "DescribeVpcs")
rule = ec2.describe_security_groups(GroupIds=["sg-0aaaaaaaaaaaaaaa1"])["SecurityGroups"][0]["IpPermissions"][0]
same((rule["IpProtocol"], rule["FromPort"], rule["IpRanges"][0]["CidrIp"]), ("tcp", 22, "0.0.0.0/0"), "DescribeSecurityGroups")
table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [i["VpcId"]]}])["RouteTables"][0]
same((table["Associations"][0]["Main"], table["Routes"][0]["State"]), (True, "active"), "DescribeRouteTables")
address = ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": ["i-0bbbbbbbbbbbbbbb1"]}])["Addresses"][0]
same(address["PublicIp"], "52.1.1.1", "DescribeAddresses")
zones = ec2.describe_availability_zones(ZoneNames=["us-east-1b"])["AvailabilityZones"]
same([z["State"] for z in zones], ["available"], "DescribeAvailabilityZones")
types = ec2.describe_instance_types(InstanceTypes=["t2.micro", "m5d.large", "t4g.small", "m5.metal"])["InstanceTypes"]
same([(t.get("Hypervisor"), t["EbsInfo"]["NvmeSupport"], t["InstanceStorageSupported"], t["ProcessorInfo"]["SupportedArchitectures"])
      for t in types],
     [("xen", "unsupported", False, ["x86_64"]), ("nitro", "required", True, ["x86_64"]),
      ("nitro", "required", False, ["arm64"]), (None, "required", False, ["x86_64"])], "DescribeInstanceTypes")
ok(types[1]["InstanceStorageInfo"]["TotalSizeInGB"] > 0, "with the size of the instance store")
refused("InvalidInstanceType", "no such type", ec2.describe_instance_types, InstanceTypes=["m5.huge"])
same(ec2.describe_regions()["Regions"][0]["RegionName"], "us-east-1", "DescribeRegions")

# volumes
ec2.modify_volume(VolumeId=A2, Size=3)
same(ec2.describe_volumes(VolumeIds=[A2])["Volumes"][0]["Size"], 3, "ModifyVolume")
refused("VolumeModificationRateExceeded", "not again within six hours", ec2.modify_volume, VolumeId=A2, Size=4)
refused("InvalidParameterValue", "volumes do not shrink", ec2.modify_volume, VolumeId=A2, Size=1)
refused("InvalidParameterValue", "no such zone", ec2.create_volume, AvailabilityZone="us-east-1", Size=1)
refused("MissingParameter", "a volume of what", ec2.create_volume, AvailabilityZone="us-east-1a")
refused("InvalidAttachment.NotFound", "attached elsewhere", ec2.detach_volume, VolumeId=A2, InstanceId="i-0bbbbbbbbbbbbbbb1")
same(ec2.detach_volume(VolumeId=A2, Force=True)["State"], "detaching", "DetachVolume by force")
advance(16)
same(ec2.describe_volumes(VolumeIds=[A2])["Volumes"][0]["State"], "available", "is over")

# snapshots and images
made = ec2.create_snapshots(InstanceSpecification={"InstanceId": A}, Description="all",
                            TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "set", "Value": "1"}]}])["Snapshots"]
same([(s["VolumeId"], s["State"], s["Tags"][0]["Key"]) for s in made], [("vol-0aaaaaaaaaaaaaaa1", "pending", "set")], "CreateSnapshots")
advance(121)
snap = made[0]["SnapshotId"]
same([s["SnapshotId"] for p in ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"]) for s in p["Snapshots"]], [snap],
     "DescribeSnapshots by pages")
image = ec2.register_image(Name="copy", Architecture="x86_64", RootDeviceName="/dev/xvda", VirtualizationType="hvm",
                           BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snap}}])["ImageId"]
refused("InvalidAMIName.Duplicate", "a name once", ec2.register_image, Name="copy", RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snap}}])
same(ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"], snap, "RegisterImage")
refused("InvalidSnapshot.InUse", "an image holds its snapshot", ec2.delete_snapshot, SnapshotId=snap)
refused("InvalidParameterValue", "an image of another architecture", ec2.run_instances, ImageId=image, InstanceType="t4g.small",
        MinCount=1, MaxCount=1)
run = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=2, MaxCount=2, SubnetId=i["SubnetId"],
                        InstanceMarketOptions={"MarketType": "spot"},
                        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False, "VolumeType": "gp3"}}],
                        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "v", "Value": "1"}]}])["Instances"]
same([(r["InstanceLifecycle"], r["State"]["Name"]) for r in run], [("spot", "pending")] * 2, "RunInstances, two of them, spot")
ids = [r["InstanceId"] for r in run]
same(len(ec2.describe_volumes(Filters=[{"Name": "tag:v", "Values": ["1"]}, {"Name": "attachment.instance-id", "Values": ids}])["Volumes"]), 2,
     "their volumes are tagged")
ec2.deregister_image(ImageId=image)
refused("InvalidAMIID.NotFound", "DeregisterImage", ec2.describe_images, ImageIds=[image])

# hazards of a stop
refused("UnsupportedOperation", "a one-time spot instance does not stop", ec2.stop_instances, InstanceIds=["i-0ccccccccccccccc1"])
refused("UnsupportedOperation", "nor does one without an EBS root", ec2.stop_instances, InstanceIds=["i-0eeeeeeeeeeeeeee1"])
refused("UnsupportedHibernationConfiguration", "nor does every one hibernate", ec2.stop_instances, InstanceIds=[A], Hibernate=True)
refused("UnsupportedOperation", "all or nothing", ec2.stop_instances, InstanceIds=["i-0bbbbbbbbbbbbbbb1", "i-0ccccccccccccccc1"])
same(state("i-0bbbbbbbbbbbbbbb1"), "running", "the first is untouched then")
ec2.stop_instances(InstanceIds=["i-0bbbbbbbbbbbbbbb1", "i-0bbbbbbbbbbbbbbb2", "i-0ccccccccccccccc2"])
ec2.stop_instances(InstanceIds=["i-0ddddddddddddddd1"])
advance(61)
same(state("i-0ddddddddddddddd1"), "stopping", "a hung guest takes minutes to stop")
ec2.stop_instances(InstanceIds=["i-0ddddddddddddddd1"], Force=True)
advance(16)
same(state("i-0ddddddddddddddd1"), "stopped", "force shortens that")
spot = ec2.describe_spot_instance_requests(Filters=[{"Name": "instance-id", "Values": ["i-0ccccccccccccccc2"]}])["SpotInstanceRequests"][0]
same((spot["State"], spot["Status"]["Code"], spot["Type"]), ("disabled", "instance-stopped-by-user", "persistent"), "a persistent one stops")
ec2.start_instances(InstanceIds=["i-0ccccccccccccccc2"])
advance(121)
same(state("i-0ccccccccccccccc2"), "running", "and starts")
ok(state("i-0bbbbbbbbbbbbbbb1") in ("shutting-down", "terminated"), "Auto Scaling terminates a stopped member")
same(state("i-0bbbbbbbbbbbbbbb2"), "stopped", "unless it is suspended")
members = client("autoscaling").describe_auto_scaling_instances(InstanceIds=["i-0bbbbbbbbbbbbbbb2"])["AutoScalingInstances"]
same((members[0]["AutoScalingGroupName"], members[0]["HealthStatus"]), ("calm", "UNHEALTHY"), "DescribeAutoScalingInstances")
refused("IncorrectState", "RebootInstances of a stopped one", ec2.reboot_instances, InstanceIds=["i-0bbbbbbbbbbbbbbb2"])
ec2.reboot_instances(InstanceIds=[A])
status = ec2.describe_instance_status(InstanceIds=[A])["InstanceStatuses"][0]
same((status["InstanceState"]["Name"], status["InstanceStatus"]["Status"]), ("running", "initializing"), "RebootInstances")
same([s["InstanceId"] for s in ec2.describe_instance_status(InstanceIds=["i-0bbbbbbbbbbbbbbb2"])["InstanceStatuses"]], [], "the status of a stopped one")
all_of = ec2.describe_instance_status(InstanceIds=["i-0bbbbbbbbbbbbbbb2"], IncludeAllInstances=True)["InstanceStatuses"][0]
same(all_of["InstanceStatus"]["Status"], "not-applicable", "is shown when it is asked for")

# attributes
stopped = "i-0bbbbbbbbbbbbbbb2"
ec2.modify_instance_attribute(InstanceId=stopped, UserData={"Value": b"#!/bin/sh\nexit\n"})
same(ec2.describe_instance_attribute(InstanceId=stopped, Attribute="userData")["UserData"]["Value"], "IyEvYmluL3NoCmV4aXQK", "user data")
ec2.modify_instance_attribute(InstanceId=stopped, InstanceType={"Value": "m5.large"})
same(ec2.describe_instance_attribute(InstanceId=stopped, Attribute="instanceType")["InstanceType"]["Value"], "m5.large", "the type of a stopped one")
ec2.modify_instance_attribute(InstanceId=stopped, SourceDestCheck={"Value": False})
same(ec2.describe_instance_attribute(InstanceId=stopped, Attribute="sourceDestCheck")["SourceDestCheck"]["Value"], False, "sourceDestCheck")
same(ec2.describe_instance_attribute(InstanceId=stopped, Attribute="instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"],
     "stop", "shutdown behaviour")
refused("InvalidParameterCombination", "one attribute a call", ec2.modify_instance_attribute, InstanceId=stopped,
        DisableApiStop={"Value": True}, DisableApiTermination={"Value": True})
refused("InvalidInstanceAttributeValue", "no device there", ec2.modify_instance_attribute, InstanceId=stopped,
        BlockDeviceMappings=[{"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": True}}])

# behind everybody's back
control("change", {"id": stopped, "set": {"status": "impaired", "state": "running"}})
same(ec2.describe_instance_status(InstanceIds=[stopped])["InstanceStatuses"][0]["InstanceStatus"]["Status"], "impaired", "/_sim/change")
control("world", {"instances": [{"id": stopped, "tags": {"new": "1"}}]})
i = ec2.describe_instances(InstanceIds=[stopped])["Reservations"][0]["Instances"][0]
same((i["InstanceType"], i["Tags"]), ("m5.large", [{"Key": "new", "Value": "1"}]), "a merged world leaves the rest")
done()
PY
