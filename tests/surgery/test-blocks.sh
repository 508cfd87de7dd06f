#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Repairs below the files, on images that were broken byte by byte: found, rehearsed, repaired, proved by the file
# system's own program and by sgdisk, healthy afterwards, taken back to the byte.
. tests/surgery/lib.sh

if ! is_root || ! [ -e /dev/fuse ]; then
	skip "needs root, loop devices and FUSE" "repairs of blocks"
	done_testing
fi
patient "$T/well.img"
cp "$T/well.img" "$T/original.img"
start=1048576
size=$(($(stat -c %s "$T/well.img") - start - 1048576))
sick() { cp "$T/original.img" "$T/$1.img"; img=$T/$1.img; }
zero() { dd if=/dev/zero of="$img" bs=512 seek="$1" count="$2" conv=notrunc status=none; }
life() { # life NAME CHECK RC-OF-AUDIT [OPTION...]: audit, dry run, repair, audit, undo
	name=$1 check=$2 want=$3; shift 3
	before=$(sum "$img")
	run "$EC2_RESCUE" audit "$img"
	is "$rc" "$want" "$name: the audit ends with $want"
	like "$out" "$check" "$name: $check finds it"
	run "$EC2_RESCUE" repair --dry-run "$@" --state-dir "$T/state/$name" "$img"
	is "$(sum "$img")" "$before" "$name: a dry run writes nothing"
	run "$EC2_RESCUE" repair --yes "$@" --state-dir "$T/state/$name" "$img"
	is "$rc" 0 "$name: repaired"
	[ "$rc" = 0 ] || { sed 's/^/# /' "$T/err"; echo "$out" | sed 's/^/# /'; }
	dd if="$img" of="$T/part.img" bs=1M skip=1 status=none
	truncate -s "$size" "$T/part.img"
	e2fsck -fn "$T/part.img" >"$T/fsck.out" 2>&1; is $? 0 "$name: e2fsck finds nothing afterwards"
	if command -v sgdisk >/dev/null; then
		like "$(sgdisk -v "$img")" "No problems found" "$name: sgdisk finds nothing afterwards"
	fi
	run "$EC2_RESCUE" audit "$img"
	is "$rc" 0 "$name: healthy"
	run "$EC2_RESCUE" undo --state-dir "$T/state/$name" "$img"
	is "$rc" 0 "$name: undone"
	is "$(sum "$img")" "$before" "$name: to the byte"
}

img=$T/well.img
run "$EC2_RESCUE" audit "$img"; is "$rc" 0 "the patient is well"
block=$(dumpe2fs -h "$img?offset=$start" 2>/dev/null | sed -n 's/^Block size: *//p')

sick errors; debugfs -w -R 'ssv state 2' "$img?offset=$start" >/dev/null 2>&1
life errors fs-damaged 1

sick superblock; zero $((start / 512 + 2)) 2
life superblock fs-superblock 14

sick checksum; printf '\377' | dd of="$img" bs=1 seek=$((start + 1024 + 0x20)) conv=notrunc status=none
life checksum fs-superblock 14

sick gpt-primary; zero 1 33
life gpt-primary partition-table 1

sick gpt-header; printf '\377' | dd of="$img" bs=1 seek=$((512 + 0x38)) conv=notrunc status=none
life gpt-header partition-table 1

sick gpt-backup; zero $(($(stat -c %s "$img") / 512 - 1)) 1
life gpt-backup partition-table 0 --fix partition-table

sick mbr; zero 0 1
life mbr partition-table 14

sick grown; truncate -s 1G "$img"
life grown partition-table 0 --fix partition-table

sick both; zero 1 33; zero $((start / 512 + 2)) 2
life both fs-superblock 14

# A careful check that gives up: nothing is lost unasked.
sick inode; zero $((start / 512 + 2)) 2; zero $((start / 512 + 2 * block / 512)) $((16 * block / 512))
before=$(sum "$img")
run "$EC2_RESCUE" repair --yes --state-dir "$T/state/inode" "$img"
is "$rc" 14 "what e2fsck -p does not repair is not repaired by default"
is "$(sum "$img")" "$before" "nothing was written"
like "$out" "e2fsck -y" "e2fsck -y is offered"

# XFS: its own program is run when asked for, and not before.
if command -v mkfs.xfs >/dev/null && { grep -qw xfs /proc/filesystems || modprobe -q xfs; }; then
	tree_of "$T/original.img" "$T/tree"
	img=$T/xfs.img
	truncate -s 320M "$img"
	mkfs.xfs -q -m uuid=5f0c3b3e-5d5c-4b1a-9d64-0c1d00000001 "$img" && mkdir -p "$T/mnt" && mount -o loop "$img" "$T/mnt"; ok $? "an XFS is made"
	mounted=$T/mnt
	cp -a "$T/tree/." "$T/mnt/"; sed -i 's| ext4 | xfs |' "$T/mnt/etc/fstab"
	umount "$T/mnt"; mounted=
	zero 0 1
	before=$(sum "$img")
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/xfs" "$img"
	is "$rc" 14 "an XFS without its first superblock is not repaired by default"
	like "$out" "--fix fs-superblock" "xfs_repair is offered"
	run "$EC2_RESCUE" repair --yes --fix fs-superblock --state-dir "$T/state/xfs" "$img"
	is "$rc" 0 "and done when asked for"
	run "$EC2_RESCUE" audit "$img"; is "$rc" 0 "XFS: healthy"
	run "$EC2_RESCUE" undo --state-dir "$T/state/xfs" "$img"
	is "$rc" 0 "XFS: undone"
	is "$(sum "$img")" "$before" "XFS: to the byte"
else
	skip "no XFS here" "XFS"
fi

# No table at all: told, never written.
sick gone; zero 0 34; truncate -s -64K "$img"
before=$(sum "$img")
run "$EC2_RESCUE" repair --yes --state-dir "$T/state/gone" "$img"
is "$rc" 14 "a table that is gone"
like "$out" "start=2048" "the place of the file system is told"
is "$(sum "$img")" "$before" "nothing was written"
done_testing
