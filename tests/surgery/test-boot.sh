#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The proof by booting, with a stand-in for QEMU (fake-qemu): what it is given, what it cannot reach, every verdict,
# and that a failed boot leaves the volume as it was. Real boots: make check-boot.
. tests/surgery/lib.sh

patient "$T/sick.img" gatewaydev-gone
debugfs -R 'dump /etc/ssh/ssh_host_ed25519_key '"$T/host" "$T/sick.img?offset=1048576" 2>/dev/null
# A program, so that it is known for which processor the system is.
echo 'void _start(void) { for (;;); }' | gcc -static -nostdlib -x c -o "$T/elf" -
debugfs -w -f /dev/stdin "$T/sick.img?offset=1048576" >/dev/null 2>&1 <<<"write $T/elf /usr/lib/systemd/systemd
set_inode_field /usr/lib/systemd/systemd mode 0100755"
ssh-keygen -q -t ed25519 -N '' -f "$T/other"
cp "$T/sick.img" "$T/original.img"
original=$(sum "$T/original.img")
is_root && chmod 600 "$T/sick.img" && chown 0:0 "$T/sick.img" && chown 65534:65534 "$T/host" "$T/other"
chmod 600 "$T/host" "$T/other"
python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(600)' >"$T/port" &
listener=$!
trap 'kill $listener; clean_up' EXIT
while [ ! -s "$T/port" ]; do sleep 0.1; done

kvm=(--no-kvm)
with() { # with SCENARIO KEY COMMAND...: QEMU is this stand-in
	local dir=$T/bin-$1
	mkdir -p "$dir"
	{ printf '#!/usr/bin/python3\nSCENARIO, KEY, IMAGE, PORT = %s, %s, %s, %s\n' "'$1'" "'$T/$2'" "'$T/sick.img'" "$(cat "$T/port")"
	  cat tests/surgery/fake-qemu; } >"$dir/qemu-system-x86_64"
	chmod 755 "$dir" "$dir/qemu-system-x86_64"
	shift 2
	PATH=$dir:$PATH run "$EC2_RESCUE" "$@" ${kvm[@]+"${kvm[@]}"} --state-dir "$T/state/boot"
	console=$(find "$T/state/boot" -name '*.console' -newer "$dir/qemu-system-x86_64" -exec cat {} +)
	rm -f "$T"/state/boot/targets/*/*.console
}
dry() { with "$1" host repair --dry-run --rehearse-boot "${@:2}" "$T/sick.img"; }

with answers host repair --dry-run --rehearse-boot "$T/sick.img"
is "$rc" 1 "a dry run with a boot that answers ends as a dry run does"
like "$out" 'boots: sshd answers on port 22 with the volume.s host key \(ssh-ed25519\)' "the host key is the volume's"
[ "$rc" = 1 ] || echo "# $out $err"
like "$console" 'uid 65534, environment of [012] words, cards: lo' "QEMU is nobody, without an environment, and has no network card"
like "$console" 'cannot open the image' "it cannot open the image"
like "$console" 'cannot write a file' "it cannot write a file"
like "$console" 'cannot reach this machine' "it cannot reach a port of this machine"
like "$console" 'fault False, repair True' "its disk holds the repair"
like "$console" 'disk: overwritten' "it may write to its disk"
like "$console" 'hostfwd=tcp:192\.0\.2\.1:2222-10\.0\.2\.15:22' "the one way in is to sshd"
like "$console" 'nvme,drive=d0' "and the disk is NVMe"
is "$(sum "$T/sick.img")" "$original" "nothing of it reaches the image"

with other-key other repair --yes --rehearse-boot "$T/sick.img"
is "$rc" 24 "another host key: not the volume's system, status 24"
like "$err" 'nothing was written.*host key .ssh-ed25519. that is none of the volume' "and it says so"
is "$(sum "$T/sick.img")" "$original" "and nothing is written"

dry emergency
is "$rc" 24 "emergency mode: status 24"
like "$out" 'does not boot: .*emergency mode' "the line of the console is the reason"
like "$err" 'suspicion: fstab names a device.*Timed out waiting.*fstab-missing-device' "the rules of the console name the checks"
like "$err" 'the console said last' "the console is shown"
dry broken
is "$rc" 17 "QEMU that fails is no verdict on the volume"
like "$err" 'no such machine' "its words are told"
if is_root && [ -e /dev/kvm ]; then
	mount --bind /dev/null /dev/kvm # which anybody may open
	kvm=()
	dry kvm-aborts
	is "$rc" 1 "KVM that is there and does not work is no verdict on the volume"
	like "$err" 'KVM starts nothing here .*failed to set MSR.*the processor is emulated' "it is told, and done without"
	umount /dev/kvm
	kvm=(--no-kvm)
else
	skip "needs root and /dev/kvm" "KVM that does not work"
fi
dry restarts
is "$rc" 24 "a system that restarts again and again"
like "$err" 'restarts again and again' "is told"
dry no-sshd --boot-timeout 3
is "$rc" 24 "no answer within the time limit"
like "$err" 'sshd does not answer within 3 s' "is told"
dry flood
is "$rc" 24 "a console without end, and then off"
like "$err" 'switches itself off' "is told"
[ "${#console}" -le 16777300 ]; ok $? "and its file is bounded"
dry no-root
is "$rc" 24 "no root on an NVMe disk"
like "$err" 'tried once more on a virtio disk' "is tried on another bus"
like "$err" 'switches itself off' "which gives the verdict"
is "$(sum "$T/sick.img")" "$original" "after all of them the image is as it was"
[ -z "$(find "$T/state/boot" -name undo -o -name redo)" ]; ok $? "and no record was made"

with broken host boot "$T/sick.img"
is "$rc" 17 "boot: QEMU that fails"
with answers host boot "$T/sick.img"
is "$rc" 0 "boot: the system as it is comes up"
like "$console" 'fault True, repair False' "without a repair"
like "$out" 'GATEWAYDEV|gatewaydev' "what the checks find is told"
is "$(sum "$T/sick.img")" "$original" "and nothing is written"
PATH=/usr/sbin:/sbin:/bin run env PATH="$T" "$EC2_RESCUE" boot --state-dir "$T/state/boot" "$T/sick.img"
is "$rc" 17 "without QEMU: status 17"
like "$err" 'package qemu-system-x86' "and the package"
mkdir "$T/tree"; tree_of "$T/original.img" "$T/tree"
run "$EC2_RESCUE" boot --state-dir "$T/state/boot" "$T/tree"
is "$rc" 13 "a tree cannot be started"
run "$EC2_RESCUE" repair --commit-anyway "$T/sick.img"
is "$rc" 2 "--commit-anyway without --rehearse-boot"

with emergency host repair --yes --rehearse-boot --commit-anyway "$T/sick.img"
like "$out" 'repaired: 1 edit written' "--commit-anyway writes the repair"
like "$err" 'warning: the system does not come up.*--commit-anyway' "with a warning"
[ "$(sum "$T/sick.img")" != "$original" ]; ok $? "really"
run "$EC2_RESCUE" undo --state-dir "$T/state/boot" "$T/sick.img"
is "$(sum "$T/sick.img")" "$original" "undo puts it back"
with answers host repair --yes --rehearse-boot "$T/sick.img"
like "$out" 'repaired: 1 edit written' "a boot that answers: repaired"
run "$EC2_RESCUE" undo --state-dir "$T/state/boot" "$T/sick.img"
is "$(sum "$T/sick.img")" "$original" "and undo puts that back"
is "$(pgrep -cf "$T/bin-" || true)" 0 "nothing is left running"
done_testing
