#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commit and undo on every file system: exact bytes back; died at every single step and recovered to both
# sides; file by file after somebody else mounted the volume; attributes, hard links and labels kept.
. "$(dirname "$0")/lib.sh"
need_root "commit and undo"
make_tree tree
edits=(write /etc/fstab $'# mended\n' create /etc/new "made here" mkdir /etc/conf.d - create /etc/conf.d/x y
	symlink /etc/link /etc/new remove /etc/os-release - chmod /etc/passwd 600)
state() { $tool work "$1" state record; }

# Attributes that a repair must not lose: ACL, capabilities, an SELinux label, a second name, an owner.
dress() {
	setfattr -n security.selinux -v 'system_u:object_r:etc_t:s0' mnt/etc/fstab mnt/etc mnt/etc/ssh/sshd_config
	setfacl -m u:1234:rw mnt/etc/fstab mnt/etc/passwd
	setfattr -n user.note -v kept mnt/etc/fstab
	chown 12:100034 mnt/etc/fstab; chmod 640 mnt/etc/fstab; ln mnt/etc/fstab mnt/etc/fstab.second
}
attributes() { # of the root mounted on mnt
	stat -c '%n %f %u %g %h %s' mnt/etc/fstab mnt/etc/fstab.second mnt/etc/passwd
	[ mnt/etc/fstab -ef mnt/etc/fstab.second ] && echo linked
	getfattr -d -m - mnt/etc/fstab mnt/etc/new mnt/etc/conf.d 2>/dev/null | grep -v '^#'
	getfacl -cpn mnt/etc/passwd
}
expected_attributes='mnt/etc/fstab 81a0 12 100034 2 9
mnt/etc/fstab.second 81a0 12 100034 2 9
mnt/etc/passwd 8180 0 0 1 SIZE
linked'

make_image() { # TYPE MKFS: an image a.img with a dressed root, unmounted cleanly
	rm -f a.img; truncate -s "$3" a.img; $2 a.img >/dev/null 2>&1 || return 1
	mount -o loop a.img mnt && cp -a tree/. mnt/ && dress && umount mnt
}
whole_round() { # NAME WAY
	local name=$1 way=$2 before log; before=$(sum a.img)
	rm -rf record; cp --sparse=always a.img b.img
	log=$($tool -w "$way" work b.img "${edits[@]}" fsck remount cat /etc/fstab 2>&1)
	same "$name: rehearsed, checked clean" $'clean\n# mended' "$log"
	same "$name: and not a byte written without a commit" "$before" "$(sum b.img)"
	check "$name: commit" "$tool" -w "$way" work b.img "${edits[@]}" fsck commit record
	same "$name: finished" finished "$(state b.img)"
	check "$name: the kernel mounts it" mount -o loop,ro b.img mnt
	same "$name: contents" $'# mended\nmade herey/etc/new' "$(cat mnt/etc/fstab mnt/etc/new mnt/etc/conf.d/x; readlink mnt/etc/link; ls mnt/etc/os-release 2>/dev/null)"
	attributes >attributes
	same "$name: mode, owner and links kept" "${expected_attributes/SIZE/$(stat -c %s tree/etc/passwd)}" "$(head -4 attributes)"
	check "$name: ACL and attributes kept" grep -q '^user.note="kept"' attributes
	same "$name: labels kept, and given to what is new" 3 "$(grep -c '^security.selinux="system_u:object_r:etc_t:s0' attributes)"
	same "$name: chmod went through the ACL" $'user::rw-\nuser:1234:rw-\t#effective:---\ngroup::r--\t#effective:---\nmask::---\nother::---' "$(sed -n '/^user::/,$p' attributes | sed '/^$/d')"
	umount mnt
	same "$name: undo is exact" exact "$($tool "$way" work b.img undo record 2>&1)"
	same "$name: every byte is back" "$before" "$(sum b.img)"
	same "$name: undone" undone "$(state b.img)"

	# Somebody boots it and writes; then file by file
	rm -rf record; cp --sparse=always a.img b.img; $tool -w "$way" work b.img "${edits[@]}" commit record
	mount -o loop b.img mnt; echo theirs >>mnt/etc/new; echo more >mnt/etc/theirs; umount mnt
	log=$($tool "$way" work b.img undo record 2>&1)
	same "$name: after others wrote, file by file" "by file, changed /etc/new" "$(head -1 <<<"$log"), $(grep ^changed <<<"$log" | xargs)"
	mount -o loop,ro b.img mnt
	same "$name: their bytes stay, ours go" "# nothing,ID=test,more,made heretheirs," "$(cat mnt/etc/fstab mnt/etc/os-release mnt/etc/theirs mnt/etc/new | tr '\n' ,)"
	umount mnt
}
make_image ext4 "mke2fs -t ext4" 32M; whole_round ext4 -k
whole_round "ext4 by libext2fs" -e
make_image ext4 "mke2fs -t ext4 -O inline_data,metadata_csum -I 512" 32M; whole_round "ext4 inline data by libext2fs" -e
make_image ext2 "mke2fs -t ext2 -b 1024 -I 256" 32M; whole_round "ext2 by libext2fs" -e
if have_fs xfs; then make_image xfs mkfs.xfs 320M && whole_round xfs -k; else skip xfs "no xfs in this kernel"; fi
if have_fs btrfs; then make_image btrfs mkfs.btrfs 128M && whole_round btrfs -k; else skip btrfs "no btrfs in this kernel"; fi

# What is immutable or append-only is changed all the same and keeps its attributes; an edit of the
# attributes clears them; undo brings all back.
protected_round() { # NAME WAY
	local before; before=$(sum a.img); rm -rf record; cp --sparse=always a.img b.img
	check "$1: commit into what is immutable" "$tool" -w "$2" work b.img write /etc/fstab x create /etc/ssh/new y remove /etc/ssh/sshd_config - chflags /etc/passwd - fsck commit record
	mount -o loop,ro b.img mnt
	same "$1: contents" "xy" "$(cat mnt/etc/fstab mnt/etc/ssh/new; ls mnt/etc/ssh/sshd_config 2>/dev/null)"
	same "$1: attributes kept, and cleared where that was the edit" "i i - " "$(lsattr -d mnt/etc/fstab mnt/etc/ssh mnt/etc/passwd | cut -d' ' -f1 | tr -dc 'ia\n' | sed 's/^$/-/' | tr '\n' ' ')"
	umount mnt
	same "$1: undo of it is exact" exact "$($tool "$2" work b.img undo record 2>&1)"
	same "$1: every byte of it is back" "$before" "$(sum b.img)"
}
rm -f a.img; truncate -s 32M a.img; mke2fs -q -t ext4 a.img
mount -o loop a.img mnt && cp -a tree/. mnt/ && chattr +i mnt/etc/fstab mnt/etc/ssh && chattr +a mnt/etc/passwd; umount mnt
protected_round "protected ext4" -k
protected_round "protected ext4 by libext2fs" -e

# A dirty journal: the commit holds the replay as well, the undo brings the dirty journal back.
make_image ext4 "mke2fs -t ext4" 32M; mv a.img m.img; mount -o loop m.img mnt; echo dirty >mnt/etc/dirty; sync mnt/etc/dirty mnt/etc
cp --sparse=always m.img a.img; umount mnt
for way in -k -e; do
	before=$(sum a.img); rm -rf record; cp --sparse=always a.img b.img
	check "dirty journal $way: commit" "$tool" -w $way work b.img write /etc/fstab x fsck commit record
	same "dirty journal $way: undo" "exact $before" "$($tool $way work b.img undo record 2>&1) $(sum b.img)"
done

# A file that was deleted while open when the power went: no fault of the file system.
make_image ext4 "mke2fs -t ext4" 32M; mv a.img m.img; mount -o loop m.img mnt
exec 5>mnt/etc/orphan; head -c 300000 /dev/zero | tr '\0' x >&5; sync mnt/etc/orphan; rm mnt/etc/orphan; sync mnt/etc
cp --sparse=always m.img a.img; exec 5>&-; umount mnt
for way in -k -e; do
	cp --sparse=always a.img b.img
	same "an orphan $way: the check is clean" clean "$($tool -w $way work b.img write /etc/fstab x fsck 2>&1 | head -1)"
done

# A system on two disks: one commit, one undo.
mkdir -p varfs/log; echo q >varfs/log/q; rm -f v.img r.img; truncate -s 16M v.img r.img; mke2fs -q -t ext4 -L var -d varfs v.img
make_tree split 'LABEL=var /var ext4 defaults 0 2'; mke2fs -q -t ext4 -d split r.img
for way in -k -e; do
	rm -rf record; cp v.img v2.img; cp r.img r2.img; before="$(sum v2.img) $(sum r2.img)"
	check "two disks $way: commit" "$tool" -w $way -m v2.img work r2.img write /var/log/q new write /etc/fstab y fsck commit record
	same "two disks $way: both are written" "new" "$($tool $way work v2.img 2>/dev/null; debugfs -R 'cat /log/q' v2.img 2>/dev/null)"
	mv v2.img moved.img
	same "two disks $way: undo, with one of them under another name" exact "$($tool $way -m moved.img work r2.img undo record 2>&1)"
	same "two disks $way: the old bytes of both" "$before" "$(sum moved.img) $(sum r2.img)"
done
for step in $(seq 60); do
	rm -rf record; cp v.img v2.img; cp r.img r2.img
	$tool -w -e -s "$step" -c 4096 -m v2.img work r2.img write /var/log/q new write /etc/fstab y commit record 2>died
	grep -q "sync the volume" died && break
done
same "two disks: cut off while they are written" committing "$(state r2.img)"
mv v2.img moved.img
check "two disks: taken back, with one of them under another name" "$tool" -m moved.img work r2.img take-back record
same "two disks: the old bytes of both again" "$before" "$(sum moved.img) $(sum r2.img)"

# Killed before every step, with small writes; recovered to either side, twice.
make_image ext4 "mke2fs -t ext4 -b 1024" 8M
cp --sparse=always a.img good.img; rm -rf record
$tool -w -e work good.img write /etc/fstab $'# mended\n' commit record; new=$(sum good.img); old=$(sum a.img)
bad="" steps=0 died_between=0
while [ $steps -lt 400 ]; do
	steps=$((steps + 1)); rm -rf record; cp --sparse=always a.img b.img
	$tool -w -e -s $steps -c 1024 work b.img write /etc/fstab $'# mended\n' commit record 2>/dev/null; rc=$?
	[ $rc = 99 ] || break
	now=$(state b.img)
	[ "$now" = none ] && { [ "$(sum b.img)" = "$old" ] || bad="$bad $steps:written-before-begun"; continue; }
	[ "$now" = committing ] && died_between=$((died_between + 1))
	if [ $((steps % 2)) = 0 ]; then $tool work b.img finish record && want=finished; else $tool work b.img take-back record && want=undone; fi 2>>errors
	[ "$(state b.img)" = $want ] || bad="$bad $steps:state"
	if [ $want = undone ]; then [ "$(sum b.img)" = "$old" ] || bad="$bad $steps:old"; continue; fi
	e2fsck -fn b.img >/dev/null 2>&1 || bad="$bad $steps:fsck"
	[ "$($tool -e work b.img cat /etc/fstab)" = "# mended" ] || bad="$bad $steps:new"
	[ "$($tool -e work b.img undo record)" = exact ] && [ "$(sum b.img)" = "$old" ] || bad="$bad $steps:undo"
done
same "killed before each of $steps steps: always one side or the other" "" "$bad"
if [ $died_between -gt 5 ]; then ok "many of them between old and new"; else not_ok "only $died_between of them between old and new"; fi
# And a recovery that is killed, and one of a target that somebody else wrote to.
rm -rf record; cp --sparse=always a.img b.img
$tool -w -e -s $((steps - 3)) -c 1024 work b.img write /etc/fstab $'# mended\n' commit record 2>/dev/null
$tool -s 2 -c 512 work b.img take-back record 2>/dev/null; check "a killed recovery is recovered" "$tool" work b.img take-back record
same "to the old bytes" "$old" "$(sum b.img)"
rm -rf record; cp --sparse=always a.img b.img
$tool -w -e -s $((steps - 3)) -c 1024 work b.img write /etc/fstab $'# mended\n' commit record 2>/dev/null
cp --sparse=always b.img c.img; dd if=/dev/urandom of=b.img bs=1024 seek=1 count=1 conv=notrunc status=none
same "a target with foreign bytes is refused" ERR_CONFLICT "$($tool work b.img finish record 2>&1 | cut -d: -f1)"
printf x | dd of=record/blocks.redo bs=1 seek=200 conv=notrunc status=none
same "a damaged record is refused" ERR_MALFORMED "$($tool work c.img finish record 2>&1 | cut -d: -f1)"
rm -rf record; cp --sparse=always a.img b.img; $tool -w -e work b.img write /etc/fstab $'# mended\n' commit record
printf x | dd of=record/blocks.undo bs=1 seek=200 conv=notrunc status=none
same "a damaged undo record: the files are put back" $'by file\nput back /etc/fstab' "$($tool -e work b.img undo record 2>&1)"
same "with their old contents" "# nothing" "$($tool -e work b.img cat /etc/fstab)"
# Conflicts: another disk, a second commit into the same record, a source that changes meanwhile.
rm -rf record; cp --sparse=always a.img b.img; $tool -w -e work b.img write /etc/fstab x commit record
truncate -s 8M other.img; mke2fs -q -t ext4 -b 1024 -d tree other.img
same "another disk is not undone" ERR_CONFLICT "$($tool -e work other.img undo record 2>&1 | cut -d: -f1)"
same "a record is not overwritten" ERR_CONFLICT "$($tool -w -e work b.img write /etc/fstab y commit record 2>&1 | cut -d: -f1)"
rm -rf record

# A mounted tree: applied with a record, died half-way, recovered, undone.
cp -a tree plain; before=$(cd plain && find . -type f -print0 | sort -z | xargs -0 sha256sum)
check "a tree: apply" "$tool" -w work plain "${edits[@]}" apply record
same "a tree: changed" "# mended" "$(cat plain/etc/fstab)"
same "a tree: undo" exact "$($tool work plain undo record 2>&1 | head -1)"
same "a tree: as before" "$before" "$(cd plain && find . -type f -print0 | sort -z | xargs -0 sha256sum)"
bad=""
for step in $(seq 1 14); do
	rm -rf record
	$tool -w -s $step work plain "${edits[@]}" apply record 2>/dev/null; rc=$?
	$tool work plain take-back record 2>/dev/null || $tool work plain undo record >/dev/null 2>&1
	[ "$before" = "$(cd plain && find . -type f -print0 | sort -z | xargs -0 sha256sum)" ] || bad="$bad $step"
	[ $rc = 99 ] || break
done
same "a tree: died before any step, taken back" "" "$bad"
same "nothing is left behind" "" "$(leftovers)"
plan
