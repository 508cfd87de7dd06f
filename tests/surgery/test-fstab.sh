#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fstab faults of a whole image, through the command line: after one repair every mount that the boot
# requires is there, by the real systemd-fstab-generator; what was not at fault is as it was.
. tests/surgery/lib.sh
root=5f0c3b3e-5d5c-4b1a-9d64-0c1d00000001
generator=/lib/systemd/system-generators/systemd-fstab-generator
patient "$T/healthy.img"

# sick NAME: a copy of the healthy image with standard input as its fstab.
sick() {
	cp --sparse=always "$T/healthy.img" "$T/$1.img"; cat >"$T/$1.fstab"
	printf 'rm /etc/fstab\nwrite %s /etc/fstab\n' "$T/$1.fstab" >"$T/commands"
	debugfs -w -f "$T/commands" "$T/$1.img?offset=1048576" >/dev/null 2>&1
	chmod 666 "$T/$1.img"
}
# repaired NAME: repairs by default, unprivileged; leaves the new fstab in $T/NAME.new.
repaired() {
	run as_user "$EC2_RESCUE" repair --yes --state-dir "$T/state/$1" "$T/$1.img"
	debugfs -R "dump /etc/fstab $T/$1.new" "$T/$1.img?offset=1048576" >/dev/null 2>&1
}
# required NAME: what local-fs.target, remote-fs.target and swap wait for, but the root.
required() {
	rm -rf "$T/units"; mkdir "$T/units"
	# Without systemd here: whatever is neither the root nor nofail.
	[ -x $generator ] || { grep -vE '^#|^$| / |nofail' "$T/$1.new"; return; }
	SYSTEMD_LOG_TARGET=null SYSTEMD_FSTAB=$T/$1.new $generator "$T/units" "$T/units" "$T/units"
	(cd "$T/units" && ls -d *.requires/* 2>/dev/null | grep -v -e '/-.mount')
}
mkdir -m 1777 -p "$T/state"; chmod 1777 "$T/state"

# case NAME LINE: the line is added to the healthy one.
added() {
	{ printf 'UUID=%s / ext4 defaults,noatime 1 1\n' $root; echo "$2"; } | sick "$1"
	repaired "$1"
	is "$rc" 0 "$1: one repair"
	is "$(required "$1")" "" "$1: the boot requires nothing that is missing"
	like "$(cat "$T/$1.new")" "^UUID=$root / ext4 defaults,noatime 1 1$" "$1: the root's line is as it was"
	run as_user "$EC2_RESCUE" audit "$T/$1.img"
	is "$rc" 0 "$1: found healthy afterwards"
}
added uuid 'UUID=6d1f3c1e-7a0b-4c55-9a3e-0a1b2c3d4e5f /data ext4 defaults,noatime 0 2'
added label 'LABEL=EFI-SYSTEM /boot/efi vfat umask=0077 0 1'
added var 'LABEL=var /var ext4 defaults 0 2'
added swap 'UUID=0f0e0d0c-0b0a-4908-8706-050403020100 none swap sw 0 0'
added nfs '192.0.2.10:/export /mnt/nfs nfs defaults 0 0'
added two-fields 'UUID=6d1f3c1e-7a0b-4c55-9a3e-0a1b2c3d4e5f /data'
added group '/dev/vg0/data /data xfs defaults 0 0'
added image '/srv/tools.iso /mnt/tools iso9660 loop,ro 0 0'
added file-as-mount-point "UUID=$root /etc/passwd ext4 defaults 0 0"

root_line() { # root_line NAME FSTAB-TEXT WANT: what becomes of the line for the root
	printf '%s' "$2" | sick "$1"
	repaired "$1"
	is "$rc" 0 "$1: one repair"
	is "$(grep -v '^#' "$T/$1.new")" "$3" "$1: the root's line"
}
root_line option "UUID=$root / ext4 defaults,noatme 0 1
" "UUID=$root / ext4 defaults 0 1"
root_line stale "UUID=6d1f3c1e-7a0b-4c55-9a3e-0a1b2c3d4e5f / ext4 noatime 0 1
" "UUID=$root / ext4 noatime 0 1"
root_line blank "UUID=$root / ext4 defaults, noatime 0 1
" "UUID=$root / ext4 defaults,noatime 0 1"
root_line empty "" "UUID=$root / ext4 defaults 0 1"
root_line nosuid "UUID=$root / ext4 noatime,nosuid 0 1
" "UUID=$root / ext4 noatime 0 1"

# Several at once, and undo.
printf 'UUID=%s / ext4 defaults,noatme 0 1\n# mine\nLABEL=gone /data xfs defaults 0 0 # why\nLABEL=gone2 none swap sw 0 0\n' $root | sick many
before=$(sum "$T/many.img")
repaired many
is "$(cat "$T/many.new")" "UUID=$root / ext4 defaults 0 1
# mine
LABEL=gone /data xfs defaults,nofail,x-systemd.device-timeout=10s 0 0 # why
# ec2-rescue: its device is on no disk
# LABEL=gone2 none swap sw 0 0" "several faults: only the wrong bytes change"
run as_user "$EC2_RESCUE" undo --yes --state-dir "$T/state/many" "$T/many.img"
is "$(sum "$T/many.img")" "$before" "undo gives the image back"

# Notes alone: nothing is written.
printf 'UUID=%s / ext4 defaults 0 1\n/data/www /var/www none bind 0 0\n/swapfile swap swap defaults 0 0\n' $root | sick notes
before=$(sum "$T/notes.img")
repaired notes
is "$rc $(sum "$T/notes.img")" "0 $before" "what harms nobody is not repaired by default"
done_testing
