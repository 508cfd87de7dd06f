#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Our journal replay leaves the bytes that e2fsck's leaves, on journals that the kernel really left dirty
# and on written ones with every kind of checksum.
. "$(dirname "$0")/lib.sh"
need_root "journal replay"

# fsync commits to the journal and leaves the blocks themselves for later; what the image holds at that
# moment is what a power cut would leave.
# Dirt: files, directories that go away again (revoke records), renames, a directory that shrinks.
dirty() { # IMAGE MOUNT-OPTIONS
	mv "$1" mounted.img; mount -o "loop,$2" mounted.img mnt || return 1
	for i in 1 2 3; do
		mkdir -p mnt/etc/d$i/{a,b,c}
		for j in $(seq 60); do echo "file $i $j" >mnt/etc/d$i/a/a-long-name-to-fill-blocks-$j; done
		sync mnt/etc/d$i
		rm -r mnt/etc/d$i/a mnt/etc/d$i/b
		sync mnt/etc/d$i
		# What a directory block was may become a data block: it must not come back.
		for j in $(seq 8); do head -c 20000 /dev/zero | tr '\0' "$j" >mnt/etc/d$i/c/data$j; done
		# Blocks that begin with the journal's own magic number are escaped in it.
		{ printf '\300\073\071\230'; head -c 8000 /dev/zero | tr '\0' x; } >mnt/etc/d$i/magic
		sync mnt/etc/d$i
	done
	mv mnt/etc/d1 mnt/etc/renamed; sync mnt/etc
	cp --sparse=always mounted.img "$1"; umount mnt
}
# Which 1 KiB blocks differ, but for the superblock and the journal's superblock?
differing() { # A B
	journal=$(debugfs -R 'bmap <8> 0' "$1" 2>/dev/null)
	size=$(dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Block size: *//p')
	cmp -l "$1" "$2" | awk -v j="$journal" -v s="$size" '{b = int(($1 - 1) / 1024); at = int(($1 - 1) / s)
		if (b != 1 && at != j && !seen[b]++) n++} END {print n + 0}'
}
replayed_equal() { # NAME IMAGE
	cp --sparse=always "$2" by-us.img; cp --sparse=always "$2" by-e2fsck.img
	before=$(sum "$2")
	if ! dumpe2fs -h "$2" 2>/dev/null | grep -q needs_recovery; then not_ok "$1: the journal is dirty"; return; fi
	$tool -e work "$2" ls /etc >listing 2>&1; same "$1: an audit reads it" 0 $?
	same "$1: and does not write to it" "$before" "$(sum "$2")"
	rm -rf record; $tool -w -e work by-us.img commit record >log 2>&1 || sed 's/^/# /' log
	e2fsck -y -E journal_only by-e2fsck.img >e2fsck.log 2>&1
	if [ "$(differing "$2" by-us.img)" -gt 0 ]; then ok "$1: the replay had something to do"; else not_ok "$1: the replay had something to do"; fi
	same "$1: the same bytes as e2fsck's replay" 0 "$(differing by-us.img by-e2fsck.img)"
	e2fsck -fp by-us.img >e2fsck.log 2>&1; rc=$?
	if [ $rc -le 1 ]; then ok "$1: e2fsck finds at most orphans to clear"; else not_ok "$1: e2fsck finds at most orphans to clear"; sed 's/^/# /' e2fsck.log | head; fi
	mount -o ro,loop by-e2fsck.img mnt; ls mnt/etc >kernel-listing; umount mnt
	check "$1: the same names as the kernel sees" cmp listing kernel-listing
}
make_tree tree
for variant in \
	"ext3|-t ext3|defaults" \
	"ext4 without checksums|-t ext4 -O ^metadata_csum,^64bit|defaults" \
	"ext4 checksum v1|-t ext4 -O ^metadata_csum|journal_checksum" \
	"ext4 checksum v3|-t ext4 -O metadata_csum,64bit|defaults" \
	"ext4 journaled data|-t ext4 -O metadata_csum,64bit|data=journal" \
	"ext3 journaled data, 1 KiB blocks|-t ext3 -b 1024|data=journal" \
	"ext4 async commit|-t ext4 -O ^metadata_csum|journal_checksum,journal_async_commit,data=writeback"; do
	IFS='|' read -r name mkfs options <<<"$variant"
	rm -f a.img; truncate -s 64M a.img
	# shellcheck disable=SC2086
	mke2fs -q $mkfs -d tree a.img || exit 2
	dirty a.img "$options" || exit 2
	replayed_equal "$name" a.img
done
# Checksums v2 are what old kernels wrote: debugfs can still write such a journal.
for version in 2 3; do
	rm -f a.img; truncate -s 32M a.img; mke2fs -q -t ext4 -O metadata_csum,64bit -b 4096 -d tree a.img
	head -c 8192 /dev/urandom >blocks; printf '\300\073\071\230' | dd of=blocks conv=notrunc status=none
	free=$(dumpe2fs a.img 2>/dev/null | sed -n 's/^ *Free blocks: \([0-9]*\)-.*/\1/p' | tail -1)
	debugfs -w -f - a.img >debugfs.log 2>&1 <<END
journal_open -c -v $version
journal_write -b $free,$((free + 1)) blocks
journal_write -b $((free + 2)),$((free + 3)) blocks
journal_write -r $((free + 3))
journal_close
END
	replayed_equal "written by debugfs, checksum v$version" a.img
done
# Damage: a wrong checksum in the middle is refused, never half replayed into something readable.
cp --sparse=always a.img bad.img
block=$(debugfs -R 'bmap <8> 2' bad.img 2>/dev/null)
printf 'XXXX' | dd of=bad.img bs=1 seek=$((block * 4096 + 100)) conv=notrunc status=none
$tool -e work bad.img ls /etc >log 2>&1
same "a damaged journal is refused in one line" "1 ERR_DAMAGED" "$(wc -l <log) $(cut -d: -f1 log)"
# An external journal cannot be followed.
truncate -s 8M j.img; mke2fs -q -O journal_dev -b 4096 j.img; loop=$(losetup -f --show j.img)
rm -f a.img; truncate -s 32M a.img; mke2fs -q -t ext4 -b 4096 -J device="$loop" -d tree a.img
mv a.img mounted.img; mount -o loop mounted.img mnt; echo x >mnt/etc/x; sync mnt/etc/x; cp mounted.img a.img; umount mnt; losetup -d "$loop"
$tool -e work a.img ls /etc >log 2>&1
same "an external journal is named" "1 ERR_UNSUPPORTED" "$(wc -l <log) $(cut -d: -f1 log)"
same "nothing is left behind" "" "$(leftovers)"
plan
