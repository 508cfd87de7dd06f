#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# audit snap-...: the findings of the image that the snapshot was made of, with little of it fetched; whatever happens to a
# call, they are the same, or there is one sentence and no verdict.
. tests/surgery/lib.sh
. tests/cloud/sim.sh
trap '[ -z "$sim_pid" ] || { kill -TERM "$sim_pid"; wait "$sim_pid"; } 2>/dev/null; clean_up' EXIT

SNAP=snap-0aaaaaaaaaaaaaaa1
SIZE=1G patient "$T/sick.img" gatewaydev-gone ifcfg-other-mac
truncate -s 8M "$T/zeros.img"
sim_start <<JSON
{"credentials": [{"access_key_id": "AKIATEST", "secret_access_key": "secret"},
                 {"access_key_id": "AKIALIST", "secret_access_key": "few", "policy": ["ebs:ListSnapshotBlocks"]},
                 {"access_key_id": "AKIANONE", "secret_access_key": "none", "policy": ["ec2:*"]}],
 "snapshots": [{"id": "$SNAP", "file": "$T/sick.img", "adopt": "copy", "size": 1},
               {"id": "snap-0aaaaaaaaaaaaaaa2", "file": "$T/zeros.img", "adopt": "copy", "size": 1},
               {"id": "snap-0aaaaaaaaaaaaaaa3", "size": 1, "state": "pending"}]}
JSON
chmod 755 "$T"
cloud() { "$@" --endpoint-url "$URL"; }
audit() { run cloud "$EC2_RESCUE" audit --json "$@"; printf '%s' "$out" >"$T/out.json"; }
findings() { json '[(f["check"], f["severity"], f["path"], f["line"], f["message"]) for f in d["findings"]], d["machine"]'; }

run "$EC2_RESCUE" audit --json "$T/sick.img"; printf '%s' "$out" >"$T/out.json"
want=$(findings)
audit "$SNAP"
is "$rc" 1 "a sick snapshot is sick"
is "$(findings)" "$want" "with the findings of the image"
is "$(json 'd["target"], d["could_not_tell"]')" "$SNAP []" "the target is told"
audit --unprivileged "$SNAP"
is "$rc $(findings)" "1 $want" "and so without mounting"
run as_user env AWS_ACCESS_KEY_ID=AKIATEST AWS_SECRET_ACCESS_KEY=secret "$EC2_RESCUE" audit --json --endpoint-url "$URL" "$SNAP"; printf '%s' "$out" >"$T/out.json"
is "$rc $(findings)" "1 $want" "and so without privilege"
run cloud "$EC2_RESCUE" audit "$SNAP"
like "$out" "faults: $SNAP has 1 fault; nothing was changed" "for a person: the verdict"; out_of_person=$out
like "$err" 'blocks: [0-9]+ of [0-9]+ blocks that hold data were read' "and how much was fetched"
is "$(grep -c 'ec2-rescue repair snap' <<<"$out_of_person")" 0 "but nobody is told to repair a snapshot"
calls() { control GET calls | python3 -c 'import json, sys; print(*sorted({c["action"] for c in json.load(sys.stdin)}))'; }
is "$(calls)" "GetSnapshotBlock ListSnapshotBlocks" "no other call than to read"

# Every call, in every way it can go wrong.
export AWS_MAX_ATTEMPTS=2
control DELETE calls >/dev/null; audit "$SNAP"
count=$(control GET calls | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')
told=0 wrong=0
for n in $(seq "$count"); do
	for how in '"kind": "refused", "code": "AccessDeniedException"' '"kind": "http5xx"' '"kind": "http5xx", "code": "InternalServerException"' \
		'"kind": "lost-before"' '"kind": "lost-after"' '"kind": "damaged"' '"kind": "refused", "code": "RequestThrottledException"' \
		'"kind": "refused", "code": "ValidationException"'; do
		control DELETE calls >/dev/null; control DELETE faults >/dev/null
		control POST faults "{\"call\": $n, $how}" >/dev/null
		audit "$SNAP"
		told=$((told + 1))
		[ "$rc" = 1 ] && [ "$(findings)" = "$want" ] && continue
		[ "$rc" -gt 1 ] && [ "$(json 'sorted(d)')" = "['code', 'event', 'exit_status', 'text', 'time']" ] && [ "$(wc -l <"$T/err")" = 1 ] &&
			grep -q SnapshotBlock "$T/err" && continue
		wrong=$((wrong + 1)); echo "# call $n, $how: $rc $out $err"
	done
done
control DELETE faults >/dev/null
echo "# $told situations"
[ "$told" -gt 40 ] && [ "$wrong" = 0 ]; ok $? "every call failing in every way: the same findings, or no verdict"
is "$(ls "$TMPDIR")" "" "and nothing is left behind"

unset AWS_MAX_ATTEMPTS

# What heals by itself.
heals() { # heals NAME FAULT
	control DELETE calls >/dev/null; control POST faults "$2" >/dev/null
	audit "$SNAP"
	is "$rc $(findings)" "1 $want" "$1"
	control DELETE faults >/dev/null
}
heals "a block that was damaged on the way is fetched again" '{"action": "GetSnapshotBlock", "nth": 2, "kind": "damaged"}'
heals "a lost reply is asked for again" '{"action": "GetSnapshotBlock", "nth": 3, "kind": "lost-after"}'
heals "a token that is no longer good: a new list" '{"action": "GetSnapshotBlock", "nth": 2, "kind": "refused", "code": "ValidationException"}'
is "$(control GET calls | grep -o ListSnapshotBlocks | wc -l)" 2 "a new list, once"
control POST throttle '{"enabled": true, "buckets": {"GetSnapshotBlock": [2, 40]}}' >/dev/null
heals "throttled, it is slower" '{"action": "none", "kind": "slow"}'
control POST throttle '{"enabled": false}' >/dev/null

refuse() { # refuse STATUS REGEX NAME COMMAND...
	run cloud "${@:4}"
	is "$rc" "$1" "status: $3"
	like "$err" "$2" "sentence: $3"
}
refuse 3 'snap-0aaaaaaaaaaaaaaa9.*does not exist|SNAPSHOT_NOT_FOUND' "no such snapshot" "$EC2_RESCUE" audit snap-0aaaaaaaaaaaaaaa9
refuse 2 'is not the id of a snapshot' "no id" "$EC2_RESCUE" audit snap-zz
refuse 2 'pending' "not completed" "$EC2_RESCUE" audit snap-0aaaaaaaaaaaaaaa3
refuse 3 'vol-0aaaaaaaaaaaaaaa1 does not exist' "a volume that is not there" "$EC2_RESCUE" audit --state-dir "$T/state" vol-0aaaaaaaaaaaaaaa1
refuse 3 'i-0aaaaaaaaaaaaaaa1 does not exist' "an instance that is not there" "$EC2_RESCUE" audit --state-dir "$T/state" i-0aaaaaaaaaaaaaaa1
refuse 2 'is not the id of a volume' "no id of a volume" "$EC2_RESCUE" audit vol-zz
refuse 14 'snap-0aaaaaaaaaaaaaaa2' "zeros" "$EC2_RESCUE" audit snap-0aaaaaaaaaaaaaaa2
refuse 2 'with is for targets that are here' "further volumes" "$EC2_RESCUE" audit --with "$T/sick.img" "$SNAP"
refuse 4 'ebs:ListSnapshotBlocks' "not permitted to list" env AWS_ACCESS_KEY_ID=AKIANONE AWS_SECRET_ACCESS_KEY=none "$EC2_RESCUE" audit "$SNAP"
refuse 4 'ebs:GetSnapshotBlock' "not permitted to read" env AWS_ACCESS_KEY_ID=AKIALIST AWS_SECRET_ACCESS_KEY=few "$EC2_RESCUE" audit "$SNAP"

# The process that reads the volume has no credential; ^C and kill -9 leave nothing that runs.
control POST faults '{"action": "GetSnapshotBlock", "nth": 3, "kind": "slow", "delay_ms": 30000}' >/dev/null
"$EC2_RESCUE" audit --json --endpoint-url "$URL" "$SNAP" >"$T/out.json" 2>"$T/err" </dev/null & pid=$!
surgeon() { pgrep -P "$pid" -x surgeon; }
wait_for 5 surgeon >/dev/null; sleep 0.3; child=$(surgeon)
grep -qz AWS_ "/proc/$child/environ"; is "$?" 1 "no credential in the surgeon's environment"
kill -INT "$pid"; wait "$pid"; is "$?" 21 "^C ends it"
like "$(cat "$T/err")" 'interrupted; nothing was written' "and says so"
wait_for 5 eval '! kill -0 $child 2>/dev/null'; ok $? "and the surgeon is gone"
is "$(ls "$TMPDIR")" "" "and nothing is left behind"
control DELETE faults >/dev/null
control POST faults '{"action": "GetSnapshotBlock", "nth": 3, "kind": "slow", "delay_ms": 30000}' >/dev/null
"$EC2_RESCUE" audit --json --endpoint-url "$URL" "$SNAP" >"$T/out.json" 2>"$T/err" </dev/null & pid=$!
wait_for 5 surgeon >/dev/null; child=$(surgeon)
kill -KILL "$pid"; wait "$pid" 2>/dev/null
wait_for 5 eval '! kill -0 $child 2>/dev/null'; ok $? "after kill -9 the surgeon is gone, too"
done_testing
