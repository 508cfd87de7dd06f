#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ec2-sim's signatures, permissions, throttling, consistency, client tokens, faults, IMDS and STS; and kill -9.
. tests/system/tap.sh
. tests/cloud/sim.sh

P=i-0bbbbbbbbbbbbbbb1 V=vol-0bbbbbbbbbbbbbbb1
sim_start <<JSON
{"imds": {"instance": "$P", "role": "helper", "policy": ["ec2:Describe*"]},
 "credentials": [
  {"access_key_id": "AKIATEST", "secret_access_key": "secret"},
  {"access_key_id": "AKIAREAD", "secret_access_key": "secret2", "arn": "arn:aws:iam::123456789012:user/reader",
   "policy": ["ec2:Describe*", "!ec2:DescribeVolumes"]},
  {"access_key_id": "ASIAOLD", "secret_access_key": "secret3", "session_token": "tok", "expires": 1000}],
 "roles": [{"arn": "arn:aws:iam::123456789012:role/fix", "external_id": "x1", "policy": ["ec2:Describe*"]},
           {"arn": "arn:aws:iam::123456789012:role/web", "web_identity_token": "jwt"}],
 "instances": [{"id": "$P", "volumes": [{"device": "/dev/xvda", "volume_id": "$V"}], "asg": "web"}],
 "auto_scaling_groups": [{"name": "web"}]}
JSON

# signatures
call DescribeInstances "InstanceId.1=$P"; is "$STATUS" 200 "a good signature"
call -b DescribeInstances; is "$STATUS $CODE" "401 AuthFailure" "a wrong signature"
like "$(control GET calls)" '"canonical_request"' "the log tells what was expected"
call_as AKIATEST wrong DescribeInstances; is "$CODE" AuthFailure "a wrong secret"
call_as AKIANONE secret DescribeInstances; is "$CODE" AuthFailure "an unknown key"
call -t -1200 DescribeInstances; is "$CODE" RequestExpired "a clock 20 minutes late"
call -t 1200 DescribeInstances; is "$CODE" RequestExpired "a clock 20 minutes early"
call -t 300 DescribeInstances; is "$STATUS" 200 "a clock 5 minutes early"
call -r eu-west-1 DescribeInstances; is "$CODE" AuthFailure "another region's scope"
AWS_SESSION_TOKEN=tok call_as ASIAOLD secret3 DescribeInstances; is "$CODE" RequestExpired "an expired session"
call_as ASIAOLD secret3 DescribeInstances; is "$CODE" AuthFailure "a session key without its token"
call -b -s sts GetCallerIdentity; is "$STATUS $CODE" "403 SignatureDoesNotMatch" "STS says what is wrong"
unsigned=$("$CALL" -X POST "$URL/" 'Action=DescribeInstances&Version=2016-11-15')
like "$unsigned" '^401' "an unsigned call"

# permissions
call_as AKIAREAD secret2 StopInstances "InstanceId.1=$P" DryRun=true
is "$STATUS $CODE" "403 UnauthorizedOperation" "not permitted, not even dry"
like "$REPLY" "User: arn:aws:iam::123456789012:user/reader is not authorized to perform: ec2:StopInstances on resource: arn:aws:ec2:us-east-1:123456789012:instance/$P because" "and why"
call_as AKIAREAD secret2 DescribeInstances; is "$STATUS" 200 "permitted by pattern"
call_as AKIAREAD secret2 DescribeVolumes; is "$CODE" UnauthorizedOperation "a denial wins"
call_as AKIAREAD secret2 -s sts GetCallerIdentity; is "$(field Arn)" arn:aws:iam::123456789012:user/reader "GetCallerIdentity is never denied"

# STS
call -s sts AssumeRole RoleArn=arn:aws:iam::123456789012:role/fix RoleSessionName=me; is "$CODE" AccessDenied "without the external id"
call -s sts AssumeRole RoleArn=arn:aws:iam::123456789012:role/fix RoleSessionName=me ExternalId=x1
key=$(field AccessKeyId) secret=$(field SecretAccessKey) token=$(field SessionToken)
AWS_SESSION_TOKEN=$token call_as "$key" "$secret" DescribeInstances; is "$STATUS" 200 "the role's keys work"
AWS_SESSION_TOKEN=$token call_as "$key" "$secret" StopInstances "InstanceId.1=$P"; is "$CODE" UnauthorizedOperation "with the role's policy"
AWS_SESSION_TOKEN=$token call_as "$key" "$secret" -s sts GetCallerIdentity
is "$(field Arn)" arn:aws:sts::123456789012:assumed-role/fix/me "as the role's session"
web=$("$CALL" -X POST "$URL/" "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fweb&RoleSessionName=me&WebIdentityToken=jwt")
like "$web" '<SessionToken>' "web identity needs no signature"
call -s autoscaling DescribeAutoScalingInstances "InstanceIds.member.1=$P"
is "$(field AutoScalingGroupName) $(field LifecycleState)" "web InService" "Auto Scaling membership"

# IMDSv2
imds() { "$CALL" -X GET -H "X-aws-ec2-metadata-token: $token" "$URL/latest/$1"; }
is "$("$CALL" -X GET "$URL/latest/meta-data/instance-id" | head -1)" 401 "IMDS wants a token"
is "$("$CALL" -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 99999' "$URL/latest/api/token" | head -1)" 400 "not for longer than six hours"
token=$("$CALL" -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$URL/latest/api/token" | tail -1)
is "$(imds meta-data/instance-id | tail -1)" "$P" "who am I"
like "$(imds dynamic/instance-identity/document)" '"region": "us-east-1"' "the identity document"
is "$(imds meta-data/nothing | head -1)" 404 "no such item"
is "$(imds meta-data/placement/ | tail -n +2 | sort | tr '\n' ' ')" "availability-zone region " "a directory"
role=$(imds meta-data/iam/security-credentials/ | tail -1)
is "$role" helper "the role's name"
doc=$(imds "meta-data/iam/security-credentials/$role" | tail -n +2)
part() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <<<"$doc"; }
AWS_SESSION_TOKEN=$(part Token) call_as "$(part AccessKeyId)" "$(part SecretAccessKey)" DescribeInstances
is "$STATUS" 200 "the role's credentials work"

# throttling: StartInstances 5, then 2 a second
for _ in 1 2 3 4 5; do call StartInstances "InstanceId.1=$P"; done; is "$STATUS" 200 "five starts"
call StartInstances "InstanceId.1=$P"; is "$STATUS $CODE" "503 RequestLimitExceeded" "the sixth is throttled"
call DescribeInstances; is "$STATUS" 200 "another action is not"
advance 1; call StartInstances "InstanceId.1=$P"; is "$STATUS" 200 "a second later there are tokens"
is "$(control GET world | python3 -c 'import json, sys; print(json.load(sys.stdin)["counters"]["throttled"])')" \
	"{'StartInstances': 1}" "throttled calls are counted"
control POST throttle '{"enabled": false}' >/dev/null
for _ in 1 2 3 4 5 6; do call StartInstances "InstanceId.1=$P"; done; is "$STATUS" 200 "it can be switched off"

# a new id is unknown, a change unseen, for a while
control POST consistency '{"visible_after_s": [5, 5]}' >/dev/null
control POST world '{"volumes": [{"id": "vol-0fffffffffffffff1", "size": 1}]}' >/dev/null
call DescribeVolumes VolumeId.1=vol-0fffffffffffffff1; is "$STATUS" 200 "what a world describes was always there"
call CreateVolume Size=1 AvailabilityZone=us-east-1a ClientToken=t1; N=$(field volumeId)
call DescribeVolumes "VolumeId.1=$N"; is "$CODE" InvalidVolume.NotFound "not found for a while"
call CreateTags "ResourceId.1=$N" Tag.1.Key=k Tag.1.Value=v; is "$CODE" InvalidVolume.NotFound "not for tags either"
call CreateVolume Size=1 AvailabilityZone=us-east-1a ClientToken=t1; is "$(field volumeId)" "$N" "the same token, the same volume"
call CreateVolume Size=2 AvailabilityZone=us-east-1a ClientToken=t1; is "$CODE" IdempotentParameterMismatch "the same token, another wish"
advance 5.1; call DescribeVolumes "VolumeId.1=$N"; is "$(field volumeId)" "$N" "then it is there"
call CreateTags "ResourceId.1=$N" Tag.1.Key=k Tag.1.Value=v
call DescribeVolumes "VolumeId.1=$N"; is "$(field key)" "" "a tag does not show at once"
is "$(truth "$N" tags.k)" v "though it is there"
advance 5.1; call DescribeVolumes "VolumeId.1=$N"; is "$(field key)" k "then it shows"
control POST consistency '{"visible_after_s": 0}' >/dev/null

# the five faults
fault '{"action": "CreateTags", "kind": "refused"}'
call CreateTags "ResourceId.1=$N" Tag.1.Key=f Tag.1.Value=1; is "$STATUS $CODE" "400 TagLimitExceeded" "refused, in a usual way"
is "$(truth "$N" tags.f)" "" "without effect"
fault '{"action": "CreateTags", "kind": "refused", "code": "UnauthorizedOperation", "message": "no"}'
call CreateTags "ResourceId.1=$N" Tag.1.Key=f Tag.1.Value=1; is "$STATUS $CODE" "403 UnauthorizedOperation" "refused as wanted"
fault '[{"action": "CreateTags", "kind": "http5xx"}, {"action": "CreateTags", "kind": "http5xx", "code": "InternalError", "status": 500}]'
call CreateTags "ResourceId.1=$N" Tag.1.Key=f Tag.1.Value=1
is "$STATUS $(head -c 6 <<<"$REPLY")" "503 <html>" "a balancer's 503"
call CreateTags "ResourceId.1=$N" Tag.1.Key=f Tag.1.Value=1; is "$STATUS $CODE" "500 InternalError" "EC2's own 500"
fault '{"action": "CreateTags", "nth": 2, "kind": "lost-before"}'
call CreateTags "ResourceId.1=$N" Tag.1.Key=e Tag.1.Value=1; is "$STATUS" 200 "the first call goes through"
call CreateTags "ResourceId.1=$N" Tag.1.Key=f Tag.1.Value=1
is "$STATUS/$(truth "$N" tags.f)" "000/" "the second is lost before the effect"
n=$(control GET calls | grep -c '"n"'); n=$(control GET calls | python3 -c 'import json, sys; print(json.load(sys.stdin)[-1]["n"])')
fault "{\"call\": $((n + 1)), \"kind\": \"lost-after\"}"
call CreateTags "ResourceId.1=$N" Tag.1.Key=f Tag.1.Value=1
is "$STATUS/$(truth "$N" tags.f)" "000/1" "by its number: lost after the effect"
fault '{"action": "DescribeTags", "kind": "slow", "delay_ms": 1200}'
start=$(date +%s%N)
"$CALL" "$URL" DescribeTags >"$T/slow" & slow=$!
sleep 0.1; call DescribeInstances; fast=$((($(date +%s%N) - start) / 1000000))
wait $slow; took=$((($(date +%s%N) - start) / 1000000))
[ $took -ge 1200 ] && [ "$(head -1 "$T/slow")" = 200 ]; ok $? "a slow reply comes late ($took ms)"
[ $fast -lt 1100 ]; ok $? "and holds up nobody ($fast ms)"
control DELETE faults >/dev/null
is "$(control GET faults | tr -d ' \n')" "[]" "faults are cleared"
is "$(control POST faults '{"kind": "nonsense", "action": "x"}' | grep -c error)" 1 "a fault that is none"
is "$(control POST world '{"instnaces": []}' | grep -c 'has no')" 1 "a world that is none"

# kill -9 keeps what was acknowledged
call CreateVolume Size=1 AvailabilityZone=us-east-1a; N=$(field volumeId)
call CreateTags "ResourceId.1=$N" Tag.1.Key=late Tag.1.Value=yes
call AttachVolume "VolumeId=$N" "InstanceId=$P" Device=/dev/sdf; is "$CODE" IncorrectState "still creating"
advance 10; call AttachVolume "VolumeId=$N" "InstanceId=$P" Device=/dev/sdf; advance 4
before=$(control GET calls | grep -c '"n"') url=$URL
sim_kill; sim_restart
is "$URL" "$url" "the same port"
is "$(truth "$N" tags.late)" yes "the tag is kept"
is "$(truth "$N" attachment.device)" /dev/sdf "the attachment is kept"
is "$(control GET calls | grep -c '"n"')" "$before" "the log of calls is kept"
[ -e "$SIM/dev/sdf" ]; ok $? "the device is there"
advance 20; is "$(truth "$N" attachment.status)" attached "timers go on"
truncate -s 300M "$SIM/volumes/$V.img"; head -c 30M /dev/urandom >"$T/random"
dd if="$T/random" of="$SIM/volumes/$V.img" conv=notrunc bs=1M seek=100 status=none
call CreateSnapshot "VolumeId=$V"; S=$(field snapshotId); advance 121
call CreateVolume "SnapshotId=$S" AvailabilityZone=us-east-1a; C=$(field volumeId)
sim_kill; sim_restart; advance 11
is_there() { [ "$(truth "$C" state)" = available ]; }
wait_for 10 is_there; ok $? "a copy that a kill -9 cut off is made again"
cmp -s "$SIM/volumes/$C.img" "$SIM/volumes/$V.img" -n 314572800; ok $? "whole"
printf '{"id": "torn' >>"$SIM/state.jsonl"; sim_kill; sim_restart
is "$(truth "$N" tags.late)" yes "a torn last line is dropped"
sim_stop; is "$sim_status" 0 "SIGTERM ends it well"
is "$(cat "$T/sim.err")" "" "it had nothing to complain of"
done_testing
