#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every shape of volume: partition tables, file systems, subvolumes, separate /boot and /var; clean and
# dirty logs. An examination finds the root, sees the latest files and does not write one byte.
. "$(dirname "$0")/lib.sh"
need_root "volumes"
start=$((1024 * 1024))
make_tree tree

# Puts a file system image into partition N (offset in bytes).
put() { dd if="$1" of="$2" bs=1M seek=$(($3 / 1048576)) conv=notrunc,sparse status=none; }
ext4_image() { rm -f "$1"; truncate -s "$2" "$1"; mke2fs -q -t ext4 ${4:-} -d "$3" "$1"; }
populate() { mount -o "loop${4:+,$4}" "$1" mnt && cp -a "$2/." "mnt/${3:-}" && umount mnt; }
examine() { # NAME EXPECTED IMAGE [options]: reads os-release through two links
	local name=$1 expected=$2 image=$3 before actual; shift 3
	before=$(sum "$image")
	actual=$($tool "$@" work "$image" cat /usr/lib/os-release cat /root/config 2>&1)
	same "$name: the root is found and read" "$expected" "$actual"
	same "$name: nothing was written" "$before" "$(sum "$image")"
}
good=$'ID=test\nPort 22'

# ext2, ext3, ext4 without a table; both ways, and as nobody
for type in ext2 ext3 ext4; do
	rm -f a.img; truncate -s 64M a.img; mke2fs -q -t $type -d tree a.img
	examine "$type" "$good" a.img -k
	examine "$type, libext2fs" "$good" a.img -e
done
mkdir -m 700 nobody; chown 65534:65534 nobody; chmod 755 .
same "ext4 as an unprivileged user" "$good" "$(as_nobody "$tool" nobody a.img cat /usr/lib/os-release cat /root/config 2>&1)"
rm -f a.img; truncate -s 64M a.img; mke2fs -q -t ext4 -O inline_data -I 256 -d tree a.img
examine "ext4 with inline data" "$good" a.img -k
examine "ext4 with inline data, libext2fs" "$good" a.img -e

# GPT: BIOS boot, ESP, root; a separate /boot and /var from fstab; the root is not the first
make_tree split 'LABEL=boot /boot ext4 defaults 0 2
UUID=00000000-1111-2222-3333-444444444444 /var ext4 defaults 0 2
UUID=ABCD-1234 /boot/efi vfat umask=0077 0 1
UUID=11111111-0000-0000-0000-000000000000 /home ext4 defaults 0 2
nonsense line
LABEL=swap none swap sw 0 0'
mkdir -p bootfs/grub varfs/log split/boot/efi; echo menu >bootfs/grub/grub.cfg; echo logged >varfs/log/x
mkdir bootfs/efi
ext4_image boot.img 16M bootfs "-L boot"; ext4_image var.img 16M varfs "-U 00000000-1111-2222-3333-444444444444"; ext4_image root.img 64M split
truncate -s 16M esp.img; mkfs.vfat -i ABCD1234 esp.img >/dev/null
rm -f g.img; truncate -s 256M g.img
sfdisk -q g.img <<END
label: gpt
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=4096, size=32768, type=U
start=36864, size=32768
start=69632, size=32768, name="data"
start=102400, size=131072, name="root"
END
put esp.img g.img $((4096 * 512)); put boot.img g.img $((36864 * 512)); put var.img g.img $((69632 * 512)); put root.img g.img $((102400 * 512))
for way in -k -e; do
	examine "GPT $way" "$good" g.img $way
	same "GPT $way: /boot and /var are there" $'menu\nlogged' "$($tool $way work g.img cat /boot/grub/grub.cfg cat /var/log/x 2>&1)"
	warnings=$($tool $way work g.img warnings)
	check "GPT $way: the home that is not there is a warning" grep -q '^/home: .*11111111-0000' <<<"$warnings"
	same "GPT $way: partitions" "1 - 2 vfat 3 ext4 4 ext4 5 ext4root" "$($tool $way work g.img disks | awk '{printf "%s%s %s%s", s, $1, $2, $NF == "root" ? "root" : ""; s = " "}')"
done
if have_fs vfat; then skip "an ESP without a driver" "this kernel has vfat"
else check "an ESP that this kernel cannot read is a warning" grep -q '^/boot/efi: not seen: .*no vfat' <<<"$($tool -k work g.img warnings)"; fi

# MBR with a logical partition
rm -f m.img; truncate -s 256M m.img
sfdisk -q m.img <<END
label: dos
start=2048, size=32768, type=83
start=34816, size=400000, type=5
start=36864, size=131072, type=83
END
put boot.img m.img $start; put root.img m.img $((36864 * 512))
examine "MBR, root in a logical partition" "$good" m.img -k
examine "MBR, libext2fs" "$good" m.img -e
same "MBR: numbers" "1 5" "$($tool -k work m.img disks | cut -d' ' -f1 | xargs)"

# Overlapping partitions and one outside are reported, the rest is read
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
entry() { printf "$(printf '\\0\\0\\0\\0\\x83\\0\\0\\0')$(le32 "$2")$(le32 "$3")" | dd of=m.img bs=1 seek=$((446 + 16 * ($1 - 1))) conv=notrunc status=none; }
entry 1 2048 32768; entry 2 36864 131072; entry 3 40000 1000; entry 4 500000 100000
warnings=$($tool -k work m.img warnings)
check "an overlapping partition is reported" grep -q 'partition 3: overlaps partition 2' <<<"$warnings"
check "a partition outside of the disk is reported" grep -q 'partition 4: reaches past the end' <<<"$warnings"
same "and the root is read" "$good" "$($tool -k work m.img cat /usr/lib/os-release cat /root/config 2>&1)"

# A system on two volumes: /var is on a disk of its own
same "a second volume" "logged" "$($tool -k -m var.img work root.img cat /var/log/x 2>&1)"
same "a second volume, libext2fs" "logged" "$($tool -e -m var.img work root.img cat /var/log/x 2>&1)"

# XFS with a clean and a dirty log
if have_fs xfs; then
	rm -f x.img; truncate -s 320M x.img; mkfs.xfs -q x.img; populate x.img tree
	examine "XFS" "$good" x.img
	mv x.img mounted.img; mount -o loop mounted.img mnt; echo ID=dirty >mnt/etc/os-release; sync mnt/etc/os-release
	mkdir mnt/etc/new; echo x >mnt/etc/new/file; sync mnt/etc/new/file mnt/etc/new mnt/etc
	cp --sparse=always mounted.img x.img; umount mnt; rm mounted.img
	check "XFS: the log is dirty" grep -q 'valuable metadata changes' <<<"$(xfs_repair -n x.img 2>&1; xfs_repair x.img 2>&1)"
	examine "XFS with a dirty log" $'ID=dirty\nPort 22' x.img
	$tool -e work x.img ls / >log 2>&1
	same "XFS without root: one line that says what to do" "1 ERR_UNSUPPORTED" "$(wc -l <log) $(cut -d: -f1 log)"
	check "and names sudo" grep -q sudo log
else skip "XFS" "no xfs in this kernel"; fi

# ext4 with a dirty journal, both ways
ext4_image a.img 64M tree; mv a.img mounted.img; mount -o loop mounted.img mnt
echo ID=dirty >mnt/etc/os-release; sync mnt/etc/os-release; cp --sparse=always mounted.img a.img; umount mnt
examine "ext4 with a dirty journal" $'ID=dirty\nPort 22' a.img -k
examine "ext4 with a dirty journal, libext2fs" $'ID=dirty\nPort 22' a.img -e

# btrfs: top level, a default subvolume, a subvolume named in fstab beside its snapshot
if have_fs btrfs; then
	rm -f b.img; truncate -s 128M b.img; mkfs.btrfs -q b.img >/dev/null; populate b.img tree
	examine "btrfs, root at the top" "$good" b.img
	make_tree subtree 'UUID=SELF / btrfs subvol=/@sys 0 0
UUID=SELF /home btrfs subvol=@homes 0 0
UUID=SELF /var btrfs subvol=@gone 0 0'
	rm -f b.img; truncate -s 128M b.img; mkfs.btrfs -q -U 01234567-89ab-cdef-0123-456789abcdef b.img >/dev/null
	sed -i 's/SELF/01234567-89ab-cdef-0123-456789abcdef/' subtree/etc/fstab
	mount -o loop b.img mnt
	btrfs -q subvolume create mnt/@sys; btrfs -q subvolume create mnt/@homes; cp -a subtree/. mnt/@sys; echo me >mnt/@homes/me
	btrfs -q subvolume snapshot mnt/@sys mnt/a-snapshot; echo ID=old >mnt/a-snapshot/etc/os-release
	umount mnt
	examine "btrfs, the subvolume that fstab names" "$good" b.img
	check "btrfs: it is named" grep -q 'root subvol=@sys$' <<<"$($tool work b.img disks)"
	same "btrfs: /home is another subvolume" me "$($tool work b.img cat /home/me 2>&1)"
	check "btrfs: a missing subvolume is a warning" grep -q '^/var: not seen: .*@gone' <<<"$($tool work b.img warnings)"
	mount -o loop b.img mnt; btrfs subvolume set-default mnt/a-snapshot; umount mnt
	same "btrfs: the default subvolume wins" "ID=old" "$($tool work b.img cat /etc/os-release 2>&1)"
	cp --sparse=always b.img c.img; mount -o loop b.img mnt
	# Linux 6.7 and later mount a clone beside its origin; before, it has to be said.
	check "btrfs: a clone of what is mounted here is read, or refused by name" grep -qE '^(ID=old|ERR_BUSY: .*same UUID.*)$' <<<"$($tool work c.img cat /etc/os-release 2>&1)"
	umount mnt
else skip "btrfs" "no btrfs in this kernel"; fi

same "nothing is left behind" "" "$(leftovers)"
plan
