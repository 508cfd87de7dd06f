#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The cases in which the root is said to stay read-only, put to the real mount(8) and kernel: with the
# fstab of tree/ a remount leaves the file system read-only, with that of expect.tree/ it does not.
. tests/system/tap.sh
uuid=3b4a9f5c-7d1e-4f0a-9a51-6c0f2d7f1a01 # of the root in the cases' facts
export BLKID_FILE=$T/blkid.tab

make_image() { # make_image TYPE
	[ -e "$T/$1.img" ] && return
	truncate -s 320M "$T/$1.img"
	case $1 in
	ext4) mke2fs -q -F -t ext4 -U $uuid -L cloudimg-rootfs "$T/$1.img" 64M ;;
	xfs) mkfs.xfs -q -f -m uuid=$uuid "$T/$1.img" ;;
	esac
}
# remounts TYPE FSTAB: rw or ro, after the remount that systemd-remount-fs would do.
remounts() {
	local text=$T/fstab
	sed -E "s#^([^[:space:]]+[[:space:]]+)/([[:space:]]|\$)#\1$T/mnt\2#" "$2" >"$text" 2>/dev/null || : >"$text"
	unshare -m bash -c '
		mount --make-rprivate / && loop=$(losetup -f --show "$1") || exit 1
		mount -o ro "$loop" "$2" && mount -T "$3" "$2" -o remount 2>/dev/null
		findmnt -n -o VFS-OPTIONS "$2" | cut -d, -f1
		umount "$2"; losetup -d "$loop"' _ "$T/$1.img" "$T/mnt" "$text"
}
# Tried again: while other tests attach and detach loop devices, libblkid may look up the UUID in vain, or find a label
# that only theirs has. What never becomes writable, or always does, is seen.
becomes() { # becomes rw|ro TYPE FSTAB
	for _ in 1 2 3 4; do got=$(remounts "${@:2}"); [ "$got" = "$1" ] && break; sleep 0.5; done; echo "$got"
}
mkdir "$T/mnt"
for tool in mke2fs mkfs.xfs losetup unshare; do command -v $tool >/dev/null || missing="$missing $tool"; done
if [ "$(id -u)" != 0 ] || ! losetup -f >/dev/null 2>&1 || [ -n "${missing:-}" ]; then
	skip "needs root, loop devices${missing:+ and$missing}" "roots that stay read-only"
	done_testing
fi
for dir in tests/checks/fstab-{empty,malformed,root,bad-option}/*/; do
	dir=${dir%/}
	grep -q '^delays sure' "$dir/expect.findings" || continue
	kind=$(python3 -c 'import json,sys; print(next(f["type"] for f in json.load(open(sys.argv[1]))["disks"]["filesystems"] if f.get("is_root")))' "$dir/facts.json")
	case $kind in ext4 | xfs) make_image "$kind" ;; *) continue ;; esac
	is "$(becomes ro "$kind" "$dir/tree/etc/fstab")" ro "${dir#tests/checks/}: stays read-only"
	is "$(becomes rw "$kind" "$dir/expect.tree/etc/fstab")" rw "${dir#tests/checks/}: repaired, becomes writable"
done
done_testing
