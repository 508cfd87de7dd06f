#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# repair and undo on images and trees, as root and without privilege: what is shown is what is done, only what is
# meant changes, and undo brings every byte back.
. tests/surgery/lib.sh

sick=(gatewaydev-gone)
patient "$T/sick.img" "${sick[@]}"
patient "$T/well.img"
cp "$T/sick.img" "$T/original.img"
original=$(sum "$T/original.img") well=$(sum "$T/well.img")
file() { debugfs -R "cat $2" "$1?offset=1048576" 2>/dev/null; } # file IMAGE PATH
listing() { # every path with mode, owner, size and content, but for times
	rm -rf "$T/listing"; tree_of "$1" "$T/listing" 2>/dev/null
	(cd "$T/listing" && find . -type f -exec sha256sum {} + | sort -k2)
	debugfs -R 'ls -lR /' "$1?offset=1048576" 2>/dev/null | awk 'NF > 5 {print $1, $2, $4, $5, $6, $NF}' | head -300
}

all() { # all WHO RUN...: the whole life of an image
	local who=$1 image=$T/$1.img state=$T/state/$1; shift
	ec2() { run "${runner[@]}" "$EC2_RESCUE" "$@"; }
	runner=("$@")
	cp "$T/original.img" "$image"; is_root && [ "$who" = user ] && chown 65534:65534 "$image"
	before=$(listing "$image")

	ec2 repair --dry-run --state-dir "$state" "$image"
	is "$rc" 1 "$who: a dry run finds the fault"
	like "$out" '^    -GATEWAYDEV=eth1' "$who: it shows the old line"
	like "$out" '^    \+GATEWAYDEV=eth0' "$who: and the new one"
	like "$out" 'next: ec2-rescue repair --yes' "$who: and what to type"
	is "$(sum "$image")" "$original" "$who: and writes nothing"
	[ ! -e "$state" ]; ok $? "$who: and records nothing"

	ec2 repair --state-dir "$state" "$image"
	is "$rc" 6 "$who: without a terminal it asks for --yes"
	like "$err" 'nothing was written.*--yes' "$who: and says so"
	is "$(sum "$image")" "$original" "$who: and writes nothing"

	ec2 repair --yes --state-dir "$state" "$image"
	is "$rc" 0 "$who: repaired"
	[ "$rc" = 0 ] || echo "# $err"
	like "$out" "repaired: 1 edit written; to put it back: ec2-rescue undo --state-dir $state $image" "$who: how to undo"
	is "$(file "$image" /etc/sysconfig/network)" "$(printf 'NETWORKING=yes\nNOZEROCONF=yes\nGATEWAYDEV=eth0')" "$who: the file is right"
	is "$(diff <(echo "$before") <(listing "$image") | grep -c '^>')" 1 "$who: no other file changed"
	dd if="$image" of="$T/fs" bs=1M skip=1 status=none; e2fsck -fn "$T/fs" >"$T/fsck" 2>&1; ok $? "$who: the file system is clean"
	is "$(stat -c %a "$state")" 700 "$who: the records are private"
	repaired=$(sum "$image")

	ec2 audit --state-dir "$state" "$image"
	is "$rc" 0 "$who: it is healthy now"
	ec2 repair --yes --state-dir "$state" "$image"
	is "$rc" 0 "$who: repairing it again finds nothing"
	is "$(sum "$image")" "$repaired" "$who: and writes nothing"

	ec2 undo --state-dir "$state" "$image"
	is "$rc" 0 "$who: undone"
	[ "$rc" = 0 ] || echo "# $err"
	like "$out" 'byte for byte' "$who: and says that it is exact"
	is "$(sum "$image")" "$original" "$who: and every byte is back"
	ec2 undo --state-dir "$state" "$image"
	is "$rc" 3 "$who: there is nothing more to undo"

	# The instance has run since: file by file.
	ec2 repair --yes --state-dir "$state" "$image"
	echo changed >"$T/new"
	debugfs -w -R "write $T/new /var/log/boot" "$image?offset=1048576" >/dev/null 2>&1
	ec2 undo --state-dir "$state" "$image"
	is "$rc" 0 "$who: undone after the instance has run"
	[ "$rc" = 0 ] || echo "# $err"
	like "$(file "$image" /etc/sysconfig/network)" 'GATEWAYDEV=eth1' "$who: the file is as it was"
	is "$(file "$image" /var/log/boot)" changed "$who: and what was written since stays"

	ec2 repair --yes --state-dir "$state" "$image"
	debugfs -w -R 'rm /etc/sysconfig/network' "$image?offset=1048576" >/dev/null 2>&1
	debugfs -w -R "write $T/new /etc/sysconfig/network" "$image?offset=1048576" >/dev/null 2>&1
	ec2 undo --state-dir "$state" "$image"
	is "$rc" 1 "$who: what was changed since is not undone"
	like "$err" '/etc/sysconfig/network is no longer as the repair left it' "$who: and named"
	is "$(file "$image" /etc/sysconfig/network)" changed "$who: and left"
}
mkdir -m 777 "$T/state/.keep"; rmdir "$T/state/.keep"
chmod 1777 "$T/state"
if is_root; then all root env; else skip "needs root to mount" "root: the life of an image"; fi
all user as_user

run "$EC2_RESCUE" repair --yes --state-dir "$T/state/well" "$T/well.img"
is "$rc" 0 "a healthy image needs nothing"
is "$(sum "$T/well.img")" "$well" "and is not changed by a byte"
run "$EC2_RESCUE" repair --fix nonsense --state-dir "$T/state/x" "$T/well.img"
is "$rc" 2 "--fix of no check"
like "$err" 'no such check' "says so"
run "$EC2_RESCUE" undo --state-dir "$T/state/x" "$T/well.img"
is "$rc" 3 "undo without a repair"
like "$err" 'no repair of it is recorded' "says so"

# A mounted tree; it is root's, as on a real machine.
tree_life() {
	tree_of "$T/original.img" "$T/tree"
	chmod 640 "$T/tree/etc/sysconfig/network"
	look() { (cd "$T/tree" && find . -printf '%P %m %U %G %l\n' | sort && find . -type f -exec sha256sum {} + | sort -k2) | sha256sum; }
	before=$(look)
	run "$EC2_RESCUE" repair --dry-run --state-dir "$T/state/tree" "$T/tree"
	is "$rc" 1 "tree: a dry run finds the fault"
	is "$(look)" "$before" "tree: and writes nothing"
	run "$EC2_RESCUE" repair --yes --json --state-dir "$T/state/tree" "$T/tree"
	is "$rc" 0 "tree: repaired"
	[ "$rc" = 0 ] || echo "# $err"
	is "$(python3 -c 'import json,sys; print(*[json.loads(l)["event"] for l in sys.stdin])' <<<"$out")" \
	"machine finding diff examined repaired verdict" "tree: events as JSON, one a line"
	like "$(cat "$T/tree/etc/sysconfig/network")" 'GATEWAYDEV=eth0' "tree: the file is right"
	is "$(stat -c %a "$T/tree/etc/sysconfig/network")" 640 "tree: its mode stays"
	run "$EC2_RESCUE" undo --state-dir "$T/state/tree" "$T/tree"
	is "$rc" 0 "tree: undone"
	is "$(look)" "$before" "tree: everything is back"
}
if is_root; then tree_life; else skip "needs root to own the tree's files" "tree: repaired and undone"; fi

# A file of any name can be a target, and can be what a link of the patient leads to: shown escaped, recorded exactly.
nasty=$(printf 'new\nline \033[2J\xe2\x80\xae\xff')
cp "$T/original.img" "$T/$nasty"
for command in audit 'repair --yes' undo; do
	run "$EC2_RESCUE" $command --state-dir "$T/state/nasty" "$T/$nasty"
	case $command in audit) want=1 ;; *) want=0 ;; esac
	is "$rc" "$want" "a name that is no text: $command"
	is "$(cat "$T/err" <(printf %s "$out") | LC_ALL=C grep -cP '[^\t\x20-\x7e]')" 0 "and $command shows it escaped"
	like "$out" 'new\\nline \\x1b\[2J' "and names it"
done
is "$(sum "$T/$nasty")" "$original" "a name that is no text: every byte is back"
nasty_link() {
	rm -rf "$T/tree"; tree_of "$T/original.img" "$T/tree"
	mv "$T/tree/etc/sysconfig/network" "$T/tree/etc/sysconfig/$(printf 'n\xff')"
	ln -s "$(printf 'n\xff')" "$T/tree/etc/sysconfig/network"
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/nasty-link" "$T/tree"
	is "$rc" 0 "a file behind a name that is no text: repaired"
	like "$(cat "$T/tree/etc/sysconfig/network")" 'GATEWAYDEV=eth0' "and is right"
	run "$EC2_RESCUE" undo --state-dir "$T/state/nasty-link" "$T/tree"
	is "$rc" 0 "and undone"
	like "$(cat "$T/tree/etc/sysconfig/network")" 'GATEWAYDEV=eth1' "and is as it was"
}
if is_root; then nasty_link; else skip "needs root to own the tree's files" "a file behind a name that is no text"; fi

# On a terminal.
cp "$T/original.img" "$T/asked.img"
ask() { out=$(timeout 60 tests/surgery/answer '[y/N]' "$1" "$EC2_RESCUE" repair --state-dir "$T/state/ask" "$T/asked.img"); rc=$?; }
ask 'n\n'
is "$rc" 1 "terminal: no"
is "$(sum "$T/asked.img")" "$original" "terminal: no means no"
ask '\x03'
is "$rc" 21 "terminal: ^C"
like "$out" 'interrupted; nothing was written' "terminal: ^C is told"
is "$(sum "$T/asked.img")" "$original" "terminal: ^C writes nothing"
ask 'y\n'
is "$rc" 0 "terminal: yes"
[ "$(sum "$T/asked.img")" != "$original" ]; ok $? "terminal: yes means yes"

# Two at once.
exec 9>"$(echo "$T"/state/ask/targets/*/lock)"; flock 9
run "$EC2_RESCUE" undo --state-dir "$T/state/ask" "$T/asked.img"
is "$rc" 8 "a target that another one works on is busy"
like "$err" 'another ec2-rescue' "and that is told"
exec 9>&-

is "$(ls "$TMPDIR")" "" "nothing is left behind"

# Killed anywhere: the next repair brings it to the end, and undo brings every byte back.
cp "$T/original.img" "$T/killed.img"
bad=0 cut=0
for ms in 5 10 15 20 25 30 35 40 50 60 70 80 100 120; do
	"$EC2_RESCUE" repair --yes --state-dir "$T/state/killed" "$T/killed.img" >/dev/null 2>&1 & pid=$!
	sleep "0.$(printf %03d $ms)"; kill -9 $pid 2>/dev/null && cut=$((cut + 1)); wait $pid 2>/dev/null
	sleep 0.1
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/killed" "$T/killed.img"
	[ "$rc" = 0 ] || { bad=1; echo "# repair after $ms ms: $rc $err"; }
	like "$(file "$T/killed.img" /etc/sysconfig/network)" 'GATEWAYDEV=eth0' "killed after $ms ms: repaired by the next run"
	run "$EC2_RESCUE" undo --state-dir "$T/state/killed" "$T/killed.img"
	[ "$rc" = 0 ] || { bad=1; echo "# undo after $ms ms: $rc $err"; }
	is "$(sum "$T/killed.img")" "$original" "killed after $ms ms: undone to the byte"
done
is "$bad" 0 "after a kill every command succeeds ($cut runs were cut off)"
done_testing
