#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole manual rescue with a client that is not ours: Debian's awscli judges signatures, XML and states.
. tests/system/tap.sh
. tests/cloud/sim.sh

aws=/usr/bin/aws
[ -x $aws ] && $aws --version >/dev/null 2>&1 || { skip "no awscli in /usr/bin" "the manual procedure"; done_testing; }
export AWS_CONFIG_FILE=$T/none AWS_SHARED_CREDENTIALS_FILE=$T/none AWS_EC2_METADATA_DISABLED=true AWS_PAGER='' AWS_MAX_ATTEMPTS=1
H=i-0aaaaaaaaaaaaaaa1
truncate -s 4M "$T/root.img"; printf 'distro' | dd of="$T/root.img" bs=1 seek=1M conv=notrunc status=none
sim_start --speed 5 <<JSON
{"imds": {"instance": "$H"},
 "credentials": [{"access_key_id": "AKIATEST", "secret_access_key": "secret"},
                 {"access_key_id": "AKIAREAD", "secret_access_key": "secret2", "policy": ["ec2:Describe*"]}],
 "snapshots": [{"id": "snap-0aaaaaaaaaaaaaaa1", "file": "$T/root.img"}],
 "images": [{"id": "ami-0aaaaaaaaaaaaaaa1", "name": "distro", "snapshot": "snap-0aaaaaaaaaaaaaaa1",
             "boot": {"console": "distro login: "}}],
 "instances": [{"id": "$H", "volumes": [{"device": "/dev/xvda", "size": 1}]}]}
JSON
ec2() { $aws --endpoint-url "$URL" --output text ec2 "$@" 2>"$T/err"; }
error() { sed -nE 's/.*\(([A-Za-z.]+)\).*/\1/p' "$T/err"; }

is "$($aws --endpoint-url "$URL" --output text sts get-caller-identity --query Account)" 123456789012 "sts get-caller-identity"
is "$(ec2 describe-images --owners self --query 'Images[].[ImageId,RootDeviceName]')" $'ami-0aaaaaaaaaaaaaaa1\t/dev/xvda' "describe-images"
P=$(ec2 run-instances --image-id ami-0aaaaaaaaaaaaaaa1 --instance-type t3.micro --client-token once \
	--tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=pät & co}]' --query 'Instances[0].InstanceId')
like "$P" '^i-[0-9a-f]{17}$' "run-instances"
again=$(ec2 run-instances --image-id ami-0aaaaaaaaaaaaaaa1 --instance-type t3.micro --client-token once \
	--tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=pät & co}]' --query 'Instances[0].InstanceId')
is "$again" "$P" "run-instances again with its client token"
advance 31; ec2 wait instance-running --instance-ids "$P"; ok $? "wait instance-running"
read -r V name dot tag <<<"$(ec2 describe-instances --filters Name=tag:Name,Values='pät*' --query \
	'Reservations[].Instances[].[BlockDeviceMappings[0].Ebs.VolumeId,RootDeviceName,BlockDeviceMappings[0].Ebs.DeleteOnTermination,Tags[0].Value]')"
is "$name $dot $tag" "/dev/xvda True pät & co" "describe-instances by tag"
is "$(dd if="$SIM/volumes/$V.img" bs=1 skip=1M count=6 status=none)" distro "its root volume is the image's"
ec2 stop-instances --instance-ids "$P" --dry-run; is "$(error)" DryRunOperation "a dry run"
AWS_SECRET_ACCESS_KEY=wrong ec2 describe-volumes; is "$(error)" AuthFailure "a wrong signature"
AWS_ACCESS_KEY_ID=AKIAREAD AWS_SECRET_ACCESS_KEY=secret2 ec2 stop-instances --instance-ids "$P"
is "$(error)" UnauthorizedOperation "not permitted"
is "$(ec2 stop-instances --instance-ids "$P" --query 'StoppingInstances[0].CurrentState.Name')" stopping "stop-instances"
advance 61; ec2 wait instance-stopped --instance-ids "$P"; ok $? "wait instance-stopped"
is "$(ec2 detach-volume --volume-id "$V" --query State)" detaching "detach-volume"
ec2 wait volume-available --volume-ids "$V"; ok $? "wait volume-available"
is "$(ec2 attach-volume --volume-id "$V" --instance-id $H --device /dev/sdf --query State)" attaching "attach-volume to the helper"
advance 21; ec2 wait volume-in-use --volume-ids "$V"; ok $? "wait volume-in-use"
link=$SIM/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${V/-/}
printf 'mended' | dd of="$link" bs=1 seek=1M conv=notrunc status=none; ok $? "the device is there to be mended"
S=$(ec2 create-snapshot --volume-id "$V" --description 'before' --query SnapshotId)
ec2 create-tags --resources "$V" "$S" --tags '[{"Key": "rescue", "Value": "a=b,c \"d\""}]'; ok $? "create-tags"
is "$(ec2 describe-tags --filters "Name=resource-id,Values=$S" --query 'Tags[].[ResourceType,Value]')" $'snapshot\ta=b,c "d"' "describe-tags"
advance 121; ec2 wait snapshot-completed --snapshot-ids "$S"; ok $? "wait snapshot-completed"
is "$(ec2 describe-volumes --volume-ids "$V" --query 'Volumes[0].Attachments[0].[InstanceId,Device,State]')" \
	"$H"$'\t/dev/sdf\tattached' "describe-volumes"
ec2 detach-volume --volume-id "$V" >/dev/null; advance 16
is "$(ec2 attach-volume --volume-id "$V" --instance-id "$P" --device /dev/xvda --query State)" attaching "attach-volume home"
[ ! -L "$link" ]; ok $? "the helper's device is gone"
ec2 modify-instance-attribute --instance-id "$P" --block-device-mappings 'DeviceName=/dev/xvda,Ebs={DeleteOnTermination=true}'
ok $? "modify-instance-attribute"
is "$(ec2 start-instances --instance-ids "$P" --query 'StartingInstances[0].PreviousState.Name')" stopped "start-instances"
advance 21; advance 181
ec2 wait instance-status-ok --instance-ids "$P"; ok $? "wait instance-status-ok"
is "$(ec2 get-console-output --instance-id "$P" --query Output)" "distro login: " "get-console-output"
ec2 terminate-instances --instance-ids "$P" >/dev/null; advance 61; advance 6
ec2 wait instance-terminated --instance-ids "$P"; ok $? "wait instance-terminated"
ec2 describe-volumes --volume-ids "$V"; is "$(error)" InvalidVolume.NotFound "DeleteOnTermination was honoured"
ec2 delete-snapshot --snapshot-id "$S"; ok $? "delete-snapshot"
sim_stop; is "$sim_status" 0 "SIGTERM ends it well"
done_testing
