#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input gets one sentence that names the thing and says what to do, with the right code, and nothing
# is changed. What is in use stays untouched. A killed process leaves nothing behind.
. "$(dirname "$0")/lib.sh"
make_tree tree
refuse() { # NAME CODE PATTERN command...
	local said=$1 code=$2 pattern=$3; shift 3
	"$@" >out 2>&1
	if [ $? = 1 ] && [ "$(wc -l <out)" = 1 ] && grep -q "^$code: " out && grep -qE -- "$pattern" out; then ok "$said"
	else not_ok "$said"; sed 's/^/# /' out; fi
}
truncate -s 32M a.img; mke2fs -q -t ext4 -L good -d tree a.img
refuse "no such file" ERR_NOTFOUND 'nowhere.img: there is no such file' "$tool" work nowhere.img
: >empty.img; refuse "an empty file" ERR_DAMAGED 'empty.img is empty' "$tool" work empty.img
truncate -s 16M zeros.img; refuse "zeros" ERR_DAMAGED 'zeros.img holds only zeros.*right volume' "$tool" work zeros.img
printf 'x' >tiny.img; refuse "one byte" ERR_DAMAGED 'tiny.img' "$tool" work tiny.img
head -c 1M /dev/urandom >noise.img; refuse "noise" ERR_DAMAGED 'no file system is recognised' "$tool" work noise.img
mkdir dir; refuse "a directory that is no root" ERR_DAMAGED 'dir is a directory but not the root.*mounted' "$tool" work dir
refuse "a character device" ERR_UNSUPPORTED 'neither' "$tool" work /dev/null
mkfifo fifo; refuse "a FIFO" ERR_UNSUPPORTED 'neither' "$tool" work fifo
printf 'QFI\373\0\0\0\3' >q.img; truncate -s 1M q.img; refuse "qcow2" ERR_UNSUPPORTED 'qcow2.*qemu-img convert' "$tool" work q.img
gzip -c a.img >z.img; refuse "gzip" ERR_UNSUPPORTED 'gzip' "$tool" work z.img

# Truncated in the middle of the file system, and in the middle of the disk
head -c 20M a.img >short.img; refuse "a truncated file system" ERR_DAMAGED 'short.img: .*truncated.*33554432.*20971520' "$tool" work short.img
refuse "the same by libext2fs" ERR_DAMAGED 'short.img: .*truncated.*33554432.*20971520' "$tool" -e work short.img
rm -f g.img; truncate -s 64M g.img; printf 'label: gpt\nstart=2048,size=65536,type=L\n' | sfdisk -q g.img
dd if=a.img of=g.img bs=1M seek=1 conv=notrunc status=none
head -c 40M g.img >g-short.img; refuse "a truncated disk" ERR_DAMAGED 'truncated.*67108864.*41943040' "$tool" work g-short.img

# What cannot be followed is named, with what to do
truncate -s 16M lvm.img # a label in sector 1 with its checksum, and the size of the volume
printf 'LABELONE\x01\x00\x00\x00\x00\x00\x00\x00\x10\x75\x2b\x6c\x20\x00\x00\x00LVM2 001ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\x00\x00\x00\x01' | dd of=lvm.img bs=1 seek=512 conv=notrunc status=none
refuse "LVM" ERR_UNSUPPORTED 'LVM.*vgchange' "$tool" work lvm.img
truncate -s 64M lvmboot.img; printf 'label: gpt\nstart=2048,size=32768,type=L\nstart=34816,size=32768\n' | sfdisk -q lvmboot.img
truncate -s 16M boot.img; mkdir -p bootfs/grub; mke2fs -q -t ext4 -d bootfs boot.img
dd if=boot.img of=lvmboot.img bs=1M seek=1 conv=notrunc status=none; dd if=lvm.img of=lvmboot.img bs=1M seek=17 conv=notrunc status=none
refuse "LVM beside a /boot" ERR_UNSUPPORTED 'partition 2 is an LVM' "$tool" work lvmboot.img
for label in 0 256 65280 65536; do # in KiB: two at the start, two at the end; four uberblocks are enough in any of them
	truncate -s 0 zfs.img; truncate -s 65888K zfs.img # its end is no multiple of a label
	for i in 0 1 2 3; do
		case $label in 256) magic='\x00\x00\x00\x00\x00\xba\xb1\x0c' ;; *) magic='\x0c\xb1\xba\x00' ;; esac
		printf "$magic" | dd of=zfs.img bs=1K seek=$((label + 128 + i)) conv=notrunc status=none
	done
	refuse "ZFS, label at $label KiB" ERR_UNSUPPORTED 'ZFS pool' "$tool" work zfs.img
done
truncate -s 16M luks.img; printf 'LUKS\xba\xbe\x00\x01aes' | dd of=luks.img conv=notrunc status=none
printf '01234567-89ab-cdef-0123-456789abcdef' | dd of=luks.img bs=1 seek=168 conv=notrunc status=none
refuse "LUKS" ERR_UNSUPPORTED 'LUKS.*cryptsetup' "$tool" work luks.img
# mdraid 1.2: superblock at 4 KiB: magic a92b4efc, major 1, offset in sectors at 144
truncate -s 16M md.img; printf '\xfc\x4e\x2b\xa9\x01\x00\x00\x00' | dd of=md.img bs=1 seek=4096 conv=notrunc status=none
printf '0123456789abcdef' | dd of=md.img bs=1 seek=4112 conv=notrunc status=none
printf '\x08\x00\x00\x00\x00\x00\x00\x00' | dd of=md.img bs=1 seek=$((4096 + 144)) conv=notrunc status=none
refuse "software RAID" ERR_UNSUPPORTED 'RAID.*mdadm' "$tool" work md.img
truncate -s 16M data.img; mkdir -p datafs/pictures; mke2fs -q -t ext4 -d datafs data.img
refuse "a data volume" ERR_DAMAGED 'data.img: no file system on it holds a Linux root' "$tool" work data.img
refuse "a directory of a missing work place" ERR_NOTFOUND 'missing' "$tool" missing a.img

# Two runs: examinations share, a repair does not
( exec 9<a.img; flock -x 9; echo held >held; sleep 3 ) & holder=$!
while [ ! -e held ]; do sleep 0.05; done
refuse "an image that another run holds" ERR_BUSY 'another run.*wait' "$tool" -e work a.img
kill $holder; wait $holder 2>/dev/null
( exec 9<a.img; flock -s 9; echo held >held2; sleep 3 ) & holder=$!
while [ ! -e held2 ]; do sleep 0.05; done
check "two examinations at once" "$tool" -e work a.img ls /etc
refuse "a repair beside an examination" ERR_BUSY 'another run' "$tool" -w -e work a.img
kill $holder; wait $holder 2>/dev/null

if [ "$(id -u)" != 0 ]; then skip "permissions, devices, unprivileged checks" "needs root"; plan; fi
chmod 755 .; chmod 600 a.img; mkdir -m 700 nobody; chown 65534:65534 nobody
refuse "no permission" ERR_DENIED 'a.img: this user may not read.*root' as_nobody "$tool" nobody a.img
chmod 644 a.img; check "readable without root" as_nobody "$tool" nobody a.img ls /etc
cp a.img own.img; chown 65534:65534 own.img; cp a.img b.img; before=$(sum b.img); chown 65534:65534 . 
unprivileged() { # NAME environment
	local said=$1; shift
	rm -rf nobody/record
	check "$said: repair, e2fsck on the overlay, commit" as_nobody env "$@" "$tool" -w nobody own.img write /etc/fstab new fsck commit nobody/record
	same "$said: done" "new" "$(as_nobody "$tool" nobody own.img cat /etc/fstab)"
	same "$said: undone" "exact" "$(as_nobody env "$@" "$tool" nobody own.img undo nobody/record)"
	same "$said: the old bytes" "$before" "$(sum own.img)"
	same "$said: nothing is left" "record" "$(ls nobody; grep "$tmp/nobody" /proc/self/mountinfo)"
}
if ! as_nobody test -w /dev/fuse; then
	for way in "in a user namespace" "through fusermount3"; do skip "$way" "/dev/fuse is not for everybody here, as it is where udev runs (chmod 666)"; done
else
	if as_nobody unshare -Um true 2>/dev/null; then unprivileged "in a user namespace" A=1
	else skip "in a user namespace" "user namespaces are not for everybody here"; fi
	if command -v fusermount3 >/dev/null; then unprivileged "through fusermount3" NO_NAMESPACE=1
	else skip "through fusermount3" "it is not installed"; fi
fi
chown 0:0 .
refuse "a commit that may not be written is refused before it is recorded" ERR_DENIED 'for writing' as_nobody "$tool" -w nobody b.img write /etc/fstab new commit nobody/record2
same "with no record" "" "$(ls nobody | grep -v '^record$')"

if ! [ -e /dev/loop-control ]; then skip "devices" "needs loop devices"; plan; fi
loop=$(losetup -f --show b.img)
refuse "an image behind a loop device" ERR_BUSY "$loop is backed by it" "$tool" work b.img
same "a block device" "Port 22" "$($tool work "$loop" cat /root/config 2>&1)"
mount "$loop" mnt
refuse "a mounted device" ERR_BUSY 'mounted or in use.*unmount' "$tool" work "$loop"
umount mnt; before=$(sum b.img)
check "a repair on a block device" "$tool" -w work "$loop" write /etc/fstab new commit record
same "and back" exact "$($tool work "$loop" undo record)"
losetup -d "$loop"; sleep 0.1
same "every byte of it" "$before" "$(sum b.img)"

# Killed in the middle of an examination: the server dies with it, the mounts and the loop device as well
$tool -k work b.img cat /etc/fstab sleep 60 >started 2>&1 & victim=$!
while [ ! -s started ]; do sleep 0.05; done
check "while it works, a loop device is there" grep -qs "$tmp/work" /sys/block/loop*/loop/backing_file
kill -9 $victim; wait $victim 2>/dev/null
for i in $(seq 50); do grep -qs "$tmp/work" /sys/block/loop*/loop/backing_file || break; sleep 0.1; done
if grep -qs "$tmp/work" /sys/block/loop*/loop/backing_file; then not_ok "after kill -9 the loop device goes away"; else ok "after kill -9 the loop device goes away"; fi
check "and it works again" "$tool" -k work b.img cat /etc/fstab
rmdir work/* 2>/dev/null
same "nothing is left behind" "" "$(leftovers)"
plan
