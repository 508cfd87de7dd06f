#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Standby of Auto Scaling in ec2-sim as botocore sees it: who is in it may be stopped and is not replaced. The
# parameters of Systems Manager, and the keys of KMS.
. tests/system/tap.sh
. tests/cloud/sim.sh

python3 -c 'import botocore' 2>/dev/null || { skip "no botocore" "standby"; done_testing; }
export AWS_CONFIG_FILE=$T/none AWS_SHARED_CREDENTIALS_FILE=$T/none AWS_MAX_ATTEMPTS=1
sim_start <<'JSON'
{"keys": {"arn:aws:kms:us-east-1:123456789012:key/1": "PendingDeletion", "arn:aws:kms:us-east-1:123456789012:key/2": "Enabled"},
 "parameters": {"/aws/service/debian/release/12/latest/amd64": "ami-0aaaaaaaaaaaaaaa1"},
 "auto_scaling_groups": [{"name": "web", "min": 1, "max": 2}],
 "instances": [{"id": "i-0aaaaaaaaaaaaaaa1", "asg": "web", "volumes": [{"device": "/dev/xvda", "size": 1}]},
               {"id": "i-0aaaaaaaaaaaaaaa2", "asg": "web", "volumes": [{"device": "/dev/xvda", "size": 1}]},
               {"id": "i-0aaaaaaaaaaaaaaa3", "volumes": [{"device": "/dev/xvda", "size": 1}]},
               {"id": "i-0aaaaaaaaaaaaaaa4", "state": "stopped", "volumes": [{"device": "/dev/xvda", "size": 1, "encrypted": true, "kms_key": "arn:aws:kms:us-east-1:123456789012:key/1"}]},
               {"id": "i-0aaaaaaaaaaaaaaa5", "state": "stopped", "volumes": [{"device": "/dev/xvda", "size": 1, "encrypted": true, "kms_key": "arn:aws:kms:us-east-1:123456789012:key/2"}]}],
 "volumes": [{"id": "vol-0aaaaaaaaaaaaaaa6", "zone": "us-east-1a", "size": 1, "encrypted": true, "kms_key": "arn:aws:kms:us-east-1:123456789012:key/1"}]}
JSON
URL=$URL PYTHONPATH=tests/cloud python3 - <<'PY'
from sim_botocore import *

asg, ec2, ssm, kms = map(client, ("autoscaling", "ec2", "ssm", "kms"))
A, B, C = ("i-0aaaaaaaaaaaaaaa%d" % i for i in (1, 2, 3))

def member(i):
    return asg.describe_auto_scaling_instances(InstanceIds=[i])["AutoScalingInstances"][0]["LifecycleState"]
def state(i):
    return ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["State"]["Name"]
def enter(i, decrement=True, group="web"):
    return dict(InstanceIds=[i], AutoScalingGroupName=group, ShouldDecrementDesiredCapacity=decrement)

activity = asg.enter_standby(**enter(A))["Activities"][0]
same((activity["StatusCode"], activity["AutoScalingGroupName"]), ("InProgress", "web"), "EnterStandby")
same(member(A), "EnteringStandby", "takes some time")
refused("ValidationError", "a member that is on its way", asg.enter_standby, **enter(A))
refused("ValidationError", "fewer than the least size", asg.enter_standby, **enter(B))
refused("ValidationError", "no member", asg.enter_standby, **enter(C))
refused("ValidationError", "no such group", asg.enter_standby, **enter(A, group="none"))
advance(16)
same(member(A), "Standby", "then it is in standby")
ec2.stop_instances(InstanceIds=[A])
advance(400)
same(state(A), "stopped", "stopped, it is not replaced")
ec2.start_instances(InstanceIds=[A])
advance(60)
asg.exit_standby(InstanceIds=[A], AutoScalingGroupName="web")
same(member(A), "Pending", "ExitStandby")
refused("ValidationError", "once more", asg.exit_standby, InstanceIds=[A], AutoScalingGroupName="web")
advance(16)
same((member(A), state(A)), ("InService", "running"), "and it is in service")
asg.enter_standby(**enter(B, decrement=False))
advance(16)
refused("ValidationError", "more than the largest size", asg.exit_standby, InstanceIds=[B], AutoScalingGroupName="web")
asg.enter_standby(**enter(A))
advance(16)
ec2.stop_instances(InstanceIds=[A])
advance(61)
asg.exit_standby(InstanceIds=[A], AutoScalingGroupName="web")
advance(16); advance(150)
same(state(A) in ("shutting-down", "terminated"), True, "back in service while stopped, it is replaced")

name = "/aws/service/debian/release/12/latest/amd64"
got = ssm.get_parameter(Name=name)["Parameter"]
same((got["Name"], got["Type"], got["Value"]), (name, "String", "ami-0aaaaaaaaaaaaaaa1"), "GetParameter")
refused("ParameterNotFound", "no such parameter", ssm.get_parameter, Name="/none")

key = "arn:aws:kms:us-east-1:123456789012:key/"
got = kms.describe_key(KeyId=key + "1")["KeyMetadata"]
same((got["Arn"], got["KeyState"], got["Enabled"], "DeletionDate" in got), (key + "1", "PendingDeletion", False, True), "DescribeKey")
same(kms.describe_key(KeyId="2")["KeyMetadata"]["KeyState"], "Enabled", "by its id")
refused("NotFoundException", "no such key", kms.describe_key, KeyId=key + "3")
D, E = ("i-0aaaaaaaaaaaaaaa%d" % i for i in (4, 5))
ec2.start_instances(InstanceIds=[D, E])
advance(60)
reason = ec2.describe_instances(InstanceIds=[D])["Reservations"][0]["Instances"][0]["StateReason"]["Code"]
same((state(D), reason, state(E)), ("stopped", "Client.InternalError", "running"), "without its key an instance does not start")
ec2.attach_volume(VolumeId="vol-0aaaaaaaaaaaaaaa6", InstanceId=E, Device="/dev/sdf")
advance(60)
same(ec2.describe_volumes(VolumeIds=["vol-0aaaaaaaaaaaaaaa6"])["Volumes"][0]["State"], "available", "nor is a volume attached to a running one")
done()
PY
