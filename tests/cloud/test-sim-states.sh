#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ec2-sim refuses what EC2 refuses, in EC2's words, and moves instances, volumes and snapshots as EC2 does.
. tests/system/tap.sh
. tests/cloud/sim.sh

P=i-0bbbbbbbbbbbbbbb1 H=i-0aaaaaaaaaaaaaaa1 V=vol-0bbbbbbbbbbbbbbb1 Q=i-0ccccccccccccccc1
truncate -s 8M "$T/root.img"; printf 'patient' | dd of="$T/root.img" bs=1 seek=1M conv=notrunc status=none
cat >"$T/boot" <<'SCRIPT'
#!/bin/sh
printf 'booting %s\r\n' "$2"
grep -q 'repaired' "$1" && echo "login:"
SCRIPT
chmod +x "$T/boot"
sim_start <<JSON
{"imds": {"instance": "$H"},
 "instances": [
  {"id": "$H", "volumes": [{"device": "/dev/xvda", "size": 1}]},
  {"id": "$P", "public_ip": "54.1.2.3", "tags": {"Name": "a <b> & \"c\""}, "console": "old\\r\\n",
   "volumes": [{"device": "/dev/xvda", "volume_id": "$V", "file": "$T/root.img", "delete_on_termination": true}],
   "boot": {"console_script": "$T/boot", "sshd_listen": true}},
  {"id": "$Q", "state": "stopped", "type": "t2.micro", "eip": "52.9.9.9", "zone": "us-east-1b",
   "product_codes": [{"code": "abc"}], "volumes": [{"device": "/dev/sda1", "volume_id": "vol-0ccccccccccccccc1"}],
   "root_device_name": "/dev/sda1"}]}
JSON

call DescribeInstances "InstanceId.1=$P"
like "$REPLY" '<value>a &lt;b&gt; &amp; &quot;c&quot;</value>' "text is escaped in XML"
refused() { # refused CODE REGEX NAME ACTION...
	local code=$1 regex=$2 name=$3; shift 3
	call "$@"
	is "$CODE" "$code" "$name"
	like "$(field Message)" "$regex" "$name: the words"
}
refused InvalidInstanceID.NotFound "^The instance ID 'i-0ddddddddddddddd1' does not exist$" "unknown instance" \
	StopInstances InstanceId.1=i-0ddddddddddddddd1
refused InvalidInstanceID.NotFound "^The instance IDs 'i-0ddddddddddddddd1, i-0ddddddddddddddd2' do not exist" \
	"unknown instances" StopInstances InstanceId.1=i-0ddddddddddddddd1 InstanceId.2=i-0ddddddddddddddd2
refused InvalidInstanceID.Malformed '^Invalid id: "i-zz"$' "malformed instance" DescribeInstances InstanceId.1=i-zz
refused InvalidParameterValue "Expected: 'vol-" "malformed volume" DescribeVolumes VolumeId.1=vol-zz
refused InvalidVolume.NotFound "does not exist" "unknown volume" DeleteVolume VolumeId=vol-0ddddddddddddddd1
refused VolumeInUse "is currently attached to $P" "delete of an attached volume" DeleteVolume "VolumeId=$V"
refused IncorrectState "^Unable to detach root volume '$V' from instance '$P'$" "root of a running instance" \
	DetachVolume "VolumeId=$V"
refused VolumeInUse "^$V is already attached to an instance$" "attached twice" \
	AttachVolume "VolumeId=$V" "InstanceId=$H" Device=/dev/sdf
refused InvalidParameterValue "nvme1n1 is not a valid EBS device name" "a device name of the guest" \
	AttachVolume "VolumeId=$V" "InstanceId=$H" Device=/dev/nvme1n1
refused IncorrectInstanceState "not in the 'stopped' state" "type of a running instance" \
	ModifyInstanceAttribute "InstanceId=$P" InstanceType.Value=t3.small
refused MissingParameter "must contain the parameter VolumeId" "missing parameter" DetachVolume
refused UnknownParameter "Volumeid" "unknown parameter" DetachVolume "VolumeId=$V" Volumeid=x
refused InvalidAction "DescribeNothing is not valid" "unknown action" DescribeNothing
refused InvalidParameterValue "The filter 'nonsense' is invalid" "unknown filter" \
	DescribeVolumes Filter.1.Name=nonsense Filter.1.Value.1=x
call StopInstances "InstanceId.1=$P" DryRun=true
is "$STATUS $CODE" "412 DryRunOperation" "a dry run that would succeed"
is "$(truth $P state)" running "a dry run changes nothing"

# stop, detach
call StopInstances "InstanceId.1=$P"
is "$(grep -oE '<name>[a-z]*' <<<"$REPLY" | tr '\n' ' ')" "<name>stopping <name>running " "stop tells both states"
refused IncorrectInstanceState "state from which it can be started" "start while stopping" StartInstances "InstanceId.1=$P"
call DescribeInstances "InstanceId.1=$P"
is "$(field reason | cut -c1-16)" "User initiated (" "the reason of the change"
before=$(field ipAddress)
advance 61
is "$(truth $P state)" stopped "stopped after its time"
call StopInstances "InstanceId.1=$P"; is "$STATUS" 200 "stop of a stopped instance is no error"
call DetachVolume "VolumeId=$V"
is "$(field status)" detaching "detach answers detaching"
refused IncorrectState "^Volume '$V'is in the 'available' state\.$" "detached twice" DetachVolume "VolumeId=$V"
refused InvalidParameterValue "does not have a volume attached at root \(/dev/xvda\)" "start without a root volume" \
	StartInstances "InstanceId.1=$P"
call DescribeInstances "InstanceId.1=$P"
is "$(field rootDeviceName)" /dev/xvda "rootDeviceName stays without a root volume"

# the helper sees the device
refused InvalidParameterValue "Attachment point /dev/xvda is already in use" "device taken" \
	AttachVolume "VolumeId=$V" "InstanceId=$H" Device=/dev/xvda
refused InvalidVolume.ZoneMismatch "not in the same availability zone" "another zone" \
	AttachVolume "VolumeId=$V" "InstanceId=$Q" Device=/dev/sdf
link=$SIM/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0bbbbbbbbbbbbbbb1
call AttachVolume "VolumeId=$V" "InstanceId=$H" Device=/dev/sdf
is "$(field status)" attaching "attach answers attaching"
[ ! -e "$link" ]; ok $? "the device is not there at once"
advance 20
[ -e "$link" ] && [ -e "$SIM/dev/sdf" ]; ok $? "the device appears, by id and by name"
is "$(truth $V attachment.status)" attached "attached after its time"
is "$(dd if="$link" bs=1 skip=1M count=7 status=none)" patient "it is the patient's volume"

# a snapshot is the moment of its call
call CreateSnapshot "VolumeId=$V" TagSpecification.1.ResourceType=snapshot TagSpecification.1.Tag.1.Key=k \
	TagSpecification.1.Tag.1.Value=v
S=$(field snapshotId)
is "$(field status)" pending "a snapshot begins pending"
printf 'repaired' | dd of="$link" bs=1 seek=1M conv=notrunc status=none
refused SnapshotCreationPerVolumeRateExceeded "Use an increasing" "two snapshots within 15 s" CreateSnapshot "VolumeId=$V"
refused IncorrectState "not in the 'completed' state" "volume of a pending snapshot" \
	CreateVolume "SnapshotId=$S" AvailabilityZone=us-east-1a
advance 120
call DescribeSnapshots Owner.1=self Filter.1.Name=tag:k Filter.1.Value.1=v
is "$(field snapshotId) $(field status) $(field progress)" "$S completed 100%" "found by its tag, completed"
is "$(dd if="$SIM/snapshots/$S.img" bs=1 skip=1M count=7 status=none)" patient "what was written later is not in it"
[ "$(du -k "$SIM/snapshots/$S.img" | cut -f1)" -lt 1024 ]; ok $? "it is sparse"
call CreateVolume "SnapshotId=$S" AvailabilityZone=us-east-1a VolumeType=gp3; W=$(field volumeId)
refused IncorrectState "is not 'available'" "attach while creating" AttachVolume "VolumeId=$W" "InstanceId=$H" Device=/dev/sdg
advance 10
is_state() { [ "$(truth "$1" state)" = "$2" ]; }
wait_for 5 is_state "$W" available; ok $? "a volume from the snapshot"
is "$(dd if="$SIM/volumes/$W.img" bs=1 skip=1M count=7 status=none)" patient "with the snapshot's bytes"
call DeleteVolume "VolumeId=$W"; advance 5
refused InvalidVolume.NotFound "does not exist" "a deleted volume" DescribeVolumes "VolumeId.1=$W"
refused InvalidSnapshot.NotFound "does not exist" "an unknown snapshot" DeleteSnapshot SnapshotId=snap-0ddddddddddddddd1

# busy while somebody uses it
exec 7<"$link"
call DetachVolume "VolumeId=$V"; advance 60
is "$(truth $V attachment.status)" busy "a device in use stays busy"
call DescribeVolumes "VolumeId.1=$V"; is "$(grep -c '<status>busy' <<<"$REPLY")" 1 "and is shown so"
exec 7<&-
is_idle() { [ "$(truth $V attachment.status)" = detaching ]; }
wait_for 5 is_idle; advance 15
is "$(truth $V state)" available "released, it detaches"
[ ! -L "$link" ] && [ ! -L "$SIM/dev/sdf" ]; ok $? "its links are gone"

# home again, start, boot
call AttachVolume "VolumeId=$V" "InstanceId=$P" Device=/dev/sdf
refused InvalidParameterValue "does not have a volume attached at root" "root under another name" StartInstances "InstanceId.1=$P"
call DetachVolume "VolumeId=$V"
call AttachVolume "VolumeId=$V" "InstanceId=$P" Device=/dev/xvda
call DescribeVolumes Filter.1.Name=attachment.instance-id "Filter.1.Value.1=$P"
is "$(field deleteOnTermination)" false "re-attached, DeleteOnTermination is false"
call ModifyInstanceAttribute "InstanceId=$P" BlockDeviceMapping.1.DeviceName=/dev/xvda \
	BlockDeviceMapping.1.Ebs.DeleteOnTermination=true
call DescribeInstanceAttribute "InstanceId=$P" Attribute=blockDeviceMapping
is "$(field deleteOnTermination)" true "and can be set again"
call GetConsoleOutput "InstanceId=$P"
is "$(field output | base64 -d | od -An -c | tr -d ' ')" 'old\r\n' "console output, raw"
call StartInstances "InstanceId.1=$P"
advance 21
call DescribeInstanceStatus "InstanceId.1=$P"
is "$(grep -oE '<instanceStatus><status>[a-z]*' <<<"$REPLY")" "<instanceStatus><status>initializing" "checks begin initializing"
has_verdict() { [ -n "$(truth $P boot_verdict)" ]; }
wait_for 5 has_verdict; advance 181
call DescribeInstanceStatus "InstanceId.1=$P"
is "$(grep -oE '<instanceStatus><status>[a-z]*' <<<"$REPLY")" "<instanceStatus><status>ok" "the script's verdict is ok"
call GetConsoleOutput "InstanceId=$P"
is "$(field output | base64 -d | tr -d '\r' | tr '\n' ' ')" "booting $P login: " "its output is the console"
exec 8<>"/dev/tcp/127.0.0.1/$(truth $P ssh_port)" && read -r -t 5 banner <&8
like "$banner" '^SSH-2.0-' "sshd answers"; exec 8<&-
call DescribeInstances "InstanceId.1=$P"
[ -n "$(field ipAddress)" ] && [ "$(field ipAddress)" != "$before" ]; ok $? "the public address is another one"

# a boot that fails
call StopInstances "InstanceId.1=$P" Force=true; advance 16
port=$(truth $P ssh_port)
(exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; [ $? != 0 ]; ok $? "a stopped instance does not answer"
printf 'patients' | dd of="$SIM/volumes/$V.img" bs=1 seek=1M conv=notrunc status=none
call StartInstances "InstanceId.1=$P"; advance 21
wait_for 5 has_verdict; advance 181
call DescribeInstanceStatus "InstanceId.1=$P"
is "$(grep -oE '<instanceStatus><status>[a-z]*' <<<"$REPLY")" "<instanceStatus><status>impaired" "the script's verdict is impaired"
(exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; [ $? != 0 ]; ok $? "an impaired instance does not answer"

# product codes, addresses, protection
call DetachVolume VolumeId=vol-0ccccccccccccccc1
call DescribeInstances "InstanceId.1=$Q"
is "$(grep -c productCode\> <<<"$REPLY")" 0 "product codes leave with the volume"
call AttachVolume VolumeId=vol-0ccccccccccccccc1 "InstanceId=$Q" Device=/dev/sda1
call DescribeInstances "InstanceId.1=$Q"
is "$(field productCode)" abc "and come back with it"
call StartInstances "InstanceId.1=$Q"; advance 21; call DescribeInstances "InstanceId.1=$Q"
is "$(field ipAddress)" 52.9.9.9 "an elastic address stays"
refused UnsupportedOperation "latest console" "Latest on a Xen type" GetConsoleOutput "InstanceId=$Q" Latest=true
call ModifyInstanceAttribute "InstanceId=$Q" DisableApiStop.Value=true
refused OperationNotPermitted "may not be stopped. Modify its 'disableApiStop'" "stop protection" StopInstances "InstanceId.1=$Q"
call ModifyInstanceAttribute "InstanceId=$Q" DisableApiTermination.Value=true
refused OperationNotPermitted "may not be terminated" "termination protection" TerminateInstances "InstanceId.1=$Q"

# termination follows DeleteOnTermination
call TerminateInstances "InstanceId.1=$P"; advance 61; advance 6
is "$(truth $P state)" terminated "terminated"
refused InvalidVolume.NotFound "does not exist" "the root volume went with it" DescribeVolumes "VolumeId.1=$V"

# lists
for i in 1 2 3 4 5 6 7; do call CreateVolume Size=1 AvailabilityZone=us-east-1c; done
call DescribeVolumes Filter.1.Name=availability-zone Filter.1.Value.1=us-east-1c MaxResults=5
n=$(grep -o '<volumeId>' <<<"$REPLY" | wc -l) next=$(field nextToken)
call DescribeVolumes Filter.1.Name=availability-zone Filter.1.Value.1=us-east-1c MaxResults=5 "NextToken=$next"
is "$n $(grep -o '<volumeId>' <<<"$REPLY" | wc -l) $(field nextToken)" "5 2 " "two pages"
refused InvalidParameterCombination "maxResults" "ids and a page size" DescribeVolumes VolumeId.1=vol-0ccccccccccccccc1 MaxResults=5
refused InvalidParameterValue "between 5 and 1000" "page too small" DescribeVolumes MaxResults=2
call CreateTags "ResourceId.1=$Q" Tag.1.Key=a Tag.1.Value=1 Tag.2.Key=b Tag.2.Value=2
call DeleteTags "ResourceId.1=$Q" Tag.1.Key=a Tag.1.Value=other Tag.2.Key=b
call DescribeTags Filter.1.Name=resource-id "Filter.1.Value.1=$Q"
is "$(field key)=$(field value)" "a=1" "tags go by key and value"
call DescribeInstances Filter.1.Name=tag-key Filter.1.Value.1=a Filter.2.Name=instance-state-name Filter.2.Value.1=runn\*
is "$(field instanceId)" "$Q" "filters are joined, values may be patterns"
done_testing
