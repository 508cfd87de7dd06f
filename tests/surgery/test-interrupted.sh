#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A repair that was cut off while it was written: audit says so and writes nothing, repair finishes it, undo takes it
# back; also for a mounted tree, and also when the half-written blocks are really a mix of old and new.
. tests/surgery/lib.sh

patient "$T/original.img" gatewaydev-gone
original=$(sum "$T/original.img")
record() { echo "$T"/state/"$1"/targets/*/2*; }
unfinish() { python3 - "$(record "$1")${2:-}/state" <<'E'; } # unfinish NAME [/undo]: as if the finished mark had never been written
import json, sys
state = json.load(open(sys.argv[1]))
state["state"] = "committing"
state.pop("witness", None)
json.dump(state, open(sys.argv[1], "w"))
E
half() { # half IMAGE [ORIGINAL]: the first changed 4 KiB block is the old one again
	python3 - "${2:-$T/original.img}" "$1" <<'E'
import sys
old, new = open(sys.argv[1], "rb").read(), open(sys.argv[2], "r+b")
now = new.read()
for at in range(0, len(old), 4096):
    if old[at:at + 4096] != now[at:at + 4096]:
        new.seek(at)
        new.write(old[at:at + 4096])
        break
E
}
begin() { # begin NAME: a target whose repair was cut off
	cp "$T/original.img" "$T/$1.img"
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/$1" "$T/$1.img"
	is "$rc" 0 "$1: repaired"
	repaired=$(sum "$T/$1.img")
	unfinish "$1"
	half "$T/$1.img"
	between=$(sum "$T/$1.img")
}

begin finish
for command in audit 'repair --dry-run'; do
	# shellcheck disable=SC2086  # two words are meant
	run "$EC2_RESCUE" $command --state-dir "$T/state/finish" "$T/finish.img"
	is "$rc" 8 "$command: refuses what is between old and new"
	like "$err" 'between old and new.*`ec2-rescue repair` finishes.*`ec2-rescue undo` takes it back' "$command: says what to do"
	is "$(sum "$T/finish.img")" "$between" "$command: writes nothing"
done
run "$EC2_RESCUE" repair --yes --state-dir "$T/state/finish" "$T/finish.img"
is "$rc" 0 "repair finishes it"
like "$err" 'cut off; it is finished now' "and says so"
is "$(sum "$T/finish.img")" "$repaired" "every byte is as it should have been"
run "$EC2_RESCUE" undo --state-dir "$T/state/finish" "$T/finish.img"
is "$rc" 0 "then it can be undone"
is "$(sum "$T/finish.img")" "$original" "to the byte"

begin back
run "$EC2_RESCUE" undo --state-dir "$T/state/back" "$T/back.img"
is "$rc" 0 "undo takes it back"
like "$err" 'cut off; it is taken back now' "and says so"
is "$(sum "$T/back.img")" "$original" "to the byte"
run "$EC2_RESCUE" audit --state-dir "$T/state/back" "$T/back.img"
is "$rc" 1 "afterwards it can be examined again"

# Somebody wrote since, so that the undo went file by file: it has a commit of its own, which can be cut off as well.
begin_undo() { # begin_undo NAME: a target whose undo was cut off
	cp "$T/original.img" "$T/$1.img"
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/$1" "$T/$1.img"
	echo theirs >"$T/theirs"
	debugfs -w -R "write $T/theirs /etc/theirs" "$T/$1.img?offset=1048576" >/dev/null 2>&1
	cp "$T/$1.img" "$T/booted.img"
	booted=$(sum "$T/booted.img")
	cp "$(record "$1")/state" "$T/finished"
	run "$EC2_RESCUE" undo --state-dir "$T/state/$1" "$T/$1.img"
	like "$out" 'edits of .* are taken back' "$1: taken back file by file"
	undone=$(sum "$T/$1.img")
	cp "$T/finished" "$(record "$1")/state"
	unfinish "$1" /undo
	half "$T/$1.img" "$T/booted.img"
	between=$(sum "$T/$1.img")
}
begin_undo redo
for command in audit 'repair --dry-run'; do
	# shellcheck disable=SC2086  # two words are meant
	run "$EC2_RESCUE" $command --state-dir "$T/state/redo" "$T/redo.img"
	is "$rc" 8 "$command: refuses what an undo left between old and new"
done
run "$EC2_RESCUE" repair --yes --state-dir "$T/state/redo" "$T/redo.img"
is "$rc" 0 "repair takes that undo back"
is "$(sum "$T/redo.img")" "$booted" "to what was there before it, by the byte"
run "$EC2_RESCUE" undo --state-dir "$T/state/redo" "$T/redo.img"
is "$rc" 0 "then it can be undone, file by file again"
run "$EC2_RESCUE" audit --state-dir "$T/state/redo" "$T/redo.img"
is "$rc" 1 "and is"
begin_undo undo
run "$EC2_RESCUE" undo --state-dir "$T/state/undo" "$T/undo.img"
is "$rc" 0 "undo finishes that undo"
is "$(sum "$T/undo.img")" "$undone" "every byte is as it should have been"

begin foreign
printf 'somebody else' | dd of="$T/foreign.img" bs=1 seek="$(cmp -l "$T/original.img" "$T/foreign.img" | awk 'NR == 1 {print $1}')" conv=notrunc status=none
theirs=$(sum "$T/foreign.img")
run "$EC2_RESCUE" repair --yes --state-dir "$T/state/foreign" "$T/foreign.img"
is "$rc" 16 "what somebody else wrote to since is not touched"
is "$(sum "$T/foreign.img")" "$theirs" "not by a byte"

tree_life() {
	tree_of "$T/original.img" "$T/tree"
	before=$(cat "$T/tree/etc/sysconfig/network")
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/tree" "$T/tree"
	is "$rc" 0 "tree: repaired"
	unfinish tree
	run "$EC2_RESCUE" audit --state-dir "$T/state/tree" "$T/tree"
	is "$rc" 8 "tree: an audit refuses what is between old and new"
	run "$EC2_RESCUE" undo --state-dir "$T/state/tree" "$T/tree"
	is "$rc" 0 "tree: undo takes it back"
	is "$(cat "$T/tree/etc/sysconfig/network")" "$before" "tree: the file is as it was"
}
if is_root; then tree_life; else skip "needs root to own the tree's files" "tree: taken back"; fi
is "$(ls "$TMPDIR")" "" "nothing is left behind"
done_testing
