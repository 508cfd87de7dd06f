#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# audit: one JSON object, its exit status, one sentence for bad input, and not one byte written, whatever state the
# file system's log is in.
. tests/surgery/lib.sh

audit() { run "$EC2_RESCUE" audit --json "$@"; printf '%s' "$out" >"$T/out.json"; }
shape() { # shape NAME: the object is as documented
	is "$(wc -l <<<"$out")" 1 "$1: one line"
	is "$(json 'sorted(d)')" "['could_not_tell', 'findings', 'machine', 'target']" "$1: members"
	is "$(json 'all(sorted(f) == ["check", "line", "message", "path", "repairable", "rows", "severity"] for f in d["findings"])')" \
		True "$1: members of findings"
}

patient "$T/well.img"
patient "$T/sick.img" gatewaydev-gone ifcfg-other-mac
before=$(sum "$T/well.img") before_sick=$(sum "$T/sick.img")

audit "$T/well.img"
is "$rc" 0 "a healthy image is healthy"
shape "healthy image"
is "$(json 'd["findings"]')" "[]" "healthy image: no findings"
is "$(json 'd["machine"]["pretty_name"]')" "Amazon Linux 2" "the machine is told"
is "$(json 'd["target"]')" "$T/well.img" "the target is told"
audit "$T/sick.img"
is "$rc" 1 "a sick image is sick"
shape "sick image"
with_root=$(json '[(f["check"], f["path"], f["line"]) for f in d["findings"]]')
like "$with_root" '/etc/sysconfig/network' "the fault of the network is found"
run as_user "$EC2_RESCUE" audit --json "$T/sick.img"; printf '%s' "$out" >"$T/out.json"
is "$rc" 1 "without privilege it is sick, too"
is "$(json '[(f["check"], f["path"], f["line"]) for f in d["findings"]]')" "$with_root" "and the findings are the same"
audit --unprivileged "$T/sick.img"
is "$(json '[(f["check"], f["path"], f["line"]) for f in d["findings"]]')" "$with_root" "and so with --unprivileged"
tree_of "$T/sick.img" "$T/tree"
audit "$T/tree"
is "$rc" 1 "a mounted tree is sick, too"
shape "mounted tree"
rm "$T"/tree/etc/ssh/ssh_host_*; mkdir -p "$T/tree/var/lib/systemd"; head -c 512 /dev/urandom >"$T/tree/var/lib/systemd/random-seed"; chmod 600 "$T/tree/var/lib/systemd/random-seed"
audit "$T/tree"
is "$(json 'd["could_not_tell"]')" "[]" "making keys is within an examiner's means"
like "$out" 'ssh_host_ed25519_key.*"repairable":true' "and so a lost host key can be made anew"
is "$(sum "$T/well.img") $(sum "$T/sick.img")" "$before $before_sick" "no byte of the images was written"
run "$EC2_RESCUE" audit "$T/sick.img"
like "$out" '/etc/sysconfig/network' "for a person: the finding"
like "$out" 'faults: .*sick.img has [0-9]+ faults?; nothing was changed' "for a person: the verdict"
like "$out" 'next: ec2-rescue repair .*sick.img' "for a person: what to do next"
run env EC2_RESCUE_DEBUG=volume "$EC2_RESCUE" audit "$T/well.img"
read_bytes=$(grep -oE 'source_read_bytes=[0-9]+' "$T/err" | cut -d= -f2)
[ "${read_bytes:-0}" -gt 1024 ] && [ "$read_bytes" -lt 8000000 ]; ok $? "little of the image is read"
run env LD_DEBUG=files "$EC2_RESCUE" audit "$T/well.img"
like "$err" 'libblkid' "the loader tells what it loads"
is "$(grep -c 'lib\(curl\|xml2\)' "$T/err")" 0 "what speaks to the network is not even loaded for an audit"

refuse() { # refuse STATUS REGEX TARGET
	run "$EC2_RESCUE" audit "$3"
	is "$rc" "$1" "status for $4"
	like "$err" "$2" "sentence for $4"
	is "$(wc -l <"$T/err")" 1 "one line for $4"
}
refuse 3 'none.img: there is no such device, image or directory' "$T/none.img" "no such file"
truncate -s 8M "$T/zeros.img"; refuse 14 'zeros.img' "$T/zeros.img" "zeros"
: >"$T/empty.img"; refuse 14 'empty.img' "$T/empty.img" "an empty file"
head -c 3000000 "$T/well.img" >"$T/short.img"; refuse 14 'short.img' "$T/short.img" "a truncated image"
mkdir "$T/no-root"; refuse 14 'no-root' "$T/no-root" "a directory that is no root"
head -c 1000000 /dev/urandom >"$T/noise.img"; refuse 14 'noise.img' "$T/noise.img" "noise"
cp "$T/well.img" "$T/secret.img"; chmod 600 "$T/secret.img"
if is_root; then
	chown 0:0 "$T/secret.img"
	run as_user "$EC2_RESCUE" audit "$T/secret.img"
else
	chmod 0 "$T/secret.img"
	run "$EC2_RESCUE" audit "$T/secret.img"
fi
is "$rc" 4 "status without permission"
like "$err" 'secret.img' "sentence without permission"

# Crashed file systems: copied while they are mounted, so that the log has something in it.
crash() { # crash KIND MKFS...
	local kind=$1 image=$T/$1.img; shift
	truncate -s 320M "$image"
	"$@" "$image" >/dev/null 2>&1 && mkdir -p "$T/mnt" && mount -o loop "$image" "$T/mnt" || return 1
	mounted=$T/mnt
	cp -a "$T/tree/." "$T/mnt/" && sync -f "$T/mnt"
	for i in 1 2 3 4 5 6 7 8; do echo "$i" >"$T/mnt/var/log/late-$i"; done
	[ "$kind" != xfs ] || xfs_io -x -c 'shutdown -f' "$T/mnt"
	[ "$kind" = xfs ] || { sync "$T"/mnt/var/log/late-*; cp --sparse=always "$image" "$image.crashed"; }
	umount "$T/mnt"; mounted=
	[ "$kind" = xfs ] || mv "$image.crashed" "$image"
}
for kind in ext4 xfs btrfs; do
	if ! is_root; then skip "needs root to mount" "a crashed $kind is audited and not written to"; continue; fi
	case $kind in ext4) mkfs=(mke2fs -q -F -t ext4) ;; *) mkfs=("mkfs.$kind" -q -f) ;; esac
	if ! command -v "${mkfs[0]}" >/dev/null; then skip "${mkfs[0]} is not installed" "a crashed $kind"; continue; fi
	crash $kind "${mkfs[@]}"; ok $? "a crashed $kind is made"
	before=$(sum "$T/$kind.img")
	audit "$T/$kind.img"
	is "$rc" 1 "a crashed $kind is examined"
	is "$(json '[(f["check"], f["path"], f["line"]) for f in d["findings"] if f["path"] == "/etc/sysconfig/network"] != []')" True "crashed $kind: findings"
	is "$(sum "$T/$kind.img")" "$before" "a crashed $kind is not written to"
	[ $kind = ext4 ] || continue
	dumpe2fs -h "$T/$kind.img" 2>/dev/null | grep -q needs_recovery; ok $? "its journal was dirty"
	chmod 644 "$T/$kind.img"
	run as_user "$EC2_RESCUE" audit --json "$T/$kind.img"
	is "$rc" 1 "a crashed ext4 is examined without privilege"
	is "$(sum "$T/$kind.img")" "$before" "and not written to"
done

mkdir -p "$T/tree/etc/dhcp"; chmod 755 "$T/tree" "$T/tree/etc" "$T/tree/etc/dhcp"
printf 'ID=debian\n' >"$T/tree/etc/os-release"
printf '#!/bin/sh\nip link set eth0 mtu 1400\n' >"$T/tree/etc/rc.local"; chmod 755 "$T/tree/etc/rc.local"
audit "$T/tree"
is "$(json '[(p["path"], p["line"], p["interface"], p["value"], p["by"], p["effective"]) for p in d["mtu"]["places"]]')" \
	"[('/etc/rc.local', 2, 'eth0', 1400, 'script', True)]" "what sets an MTU is told"
is "$(json '[(c["end"], c["value"]) for c in d["mtu"]["cards"] if c["name"] == "eth0"]')" "[('bytes', 1400)]" "and what a card ends with"
is "$(ls "$TMPDIR")" "" "nothing is left behind"
is "$(ls "$T/state")" "" "an audit keeps no records"
done_testing
