#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Repair and undo on every file system the kernel mounts, on a block device, and of many faults in one pass.
. tests/surgery/lib.sh

patient "$T/sick.img" fstab-missing-volume gatewaydev-gone ifcfg-other-mac
original=$(sum "$T/sick.img")
if ! is_root; then
	skip "needs root to mount" "repair and undo on every file system"
	done_testing
fi
tree_of "$T/sick.img" "$T/tree"
life() { # life NAME TARGET IMAGE: audit, repair, audit, undo
	before=$(sum "$3")
	run "$EC2_RESCUE" audit "$2"
	is "$rc" 1 "$1: sick"
	is "$(sum "$3")" "$before" "$1: the audit writes nothing"
	run "$EC2_RESCUE" repair --dry-run --state-dir "$T/state/$1" "$2"
	is "$rc" 1 "$1: a dry run"
	is "$(sum "$3")" "$before" "$1: writes nothing"
	run "$EC2_RESCUE" repair --yes --state-dir "$T/state/$1" "$2"
	is "$rc" 0 "$1: repaired"
	[ "$rc" = 0 ] || sed 's/^/# /' "$T/err"
	run "$EC2_RESCUE" audit "$2"
	is "$rc" 0 "$1: healthy"
	run "$EC2_RESCUE" undo --state-dir "$T/state/$1" "$2"
	is "$rc" 0 "$1: undone"
	[ "$rc" = 0 ] || sed 's/^/# /' "$T/err"
	is "$(sum "$3")" "$before" "$1: to the byte"
}
for kind in ext4 xfs btrfs; do
	case $kind in ext4) mkfs=(mke2fs -q -F -t ext4) ;; *) mkfs=("mkfs.$kind" -q -f) ;; esac
	command -v "${mkfs[0]}" >/dev/null || { skip "${mkfs[0]} is not installed" "$kind"; continue; }
	truncate -s 320M "$T/$kind.img"
	"${mkfs[@]}" "$T/$kind.img" >/dev/null 2>&1 && mkdir -p "$T/mnt" && mount -o loop "$T/$kind.img" "$T/mnt"; ok $? "$kind is made"
	mounted=$T/mnt
	cp -a "$T/tree/." "$T/mnt/"
	uuid=$(blkid -p -o value -s UUID "$T/$kind.img")
	sed -i "s|^UUID=[^ ]* */  .*|UUID=$uuid / $kind defaults 0 0|" "$T/mnt/etc/fstab"
	umount "$T/mnt"; mounted=
	life "$kind" "$T/$kind.img" "$T/$kind.img"
done

loop=$(losetup -f --show "$T/sick.img"); ok $? "a block device"
trap 'losetup -d "$loop" 2>/dev/null; clean_up' EXIT
life device "$loop" "$T/sick.img"
ls "$T/state/device/targets" | grep -q '^disk:'; ok $? "its records are found by its identity"
like "$(cat "$T"/state/device/targets/*/identity)" "^disk:$T/sick.img" "which is more than its node's name"
losetup -d "$loop"
is "$(sum "$T/sick.img")" "$original" "the image is as it was"

run "$EC2_RESCUE" repair --yes --fix ifcfg-hwaddr --fix fstab-missing-device --state-dir "$T/state/many" "$T/sick.img"
is "$rc" 0 "many faults, two of them offered, in one pass"
is "$(grep -cE "^    [+-][^+-]" <<<"$out")" 5 "three files are changed, by two new lines and three old ones"
is "$(ls "$TMPDIR")" "" "nothing is left behind"
done_testing
