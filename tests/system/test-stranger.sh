#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What somebody without privilege, without options and with nothing but an image does: audit, repair, audit, undo.
. tests/system/tap.sh
PATH=$PATH:/usr/sbin:/sbin
chmod 755 "$T"; mkdir "$T/home" "$T/elsewhere"
cp "$EC2_RESCUE" "$T/ec2-rescue"
SIZE=24M KEY=$T/key tests/patient/make "$T/disk.img" fstab-missing-volume sshd-bad-directive >/dev/null
drop=()
if [ "$(id -u)" = 0 ]; then
	chown -R nobody "$T"
	drop=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --)
fi
cd "$T" || exit 1
mine() { # mine [-C DIR] [VARIABLE=VALUE...] COMMAND...
	local dir=$T
	[ "$1" != -C ] || { dir=$2; shift 2; }
	out=$(cd "$dir" && "${drop[@]}" env -i PATH="$PATH" HOME="$T/home" ASAN_OPTIONS="${ASAN_OPTIONS-}" "$@" 2>"$T/err" </dev/null); rc=$?
	err=$(cat "$T/err")
}
sum() { sha256sum <disk.img; }
before=$(sum)

mine ./ec2-rescue audit disk.img; is "$rc" 1 "an audit finds the faults"
is "$(sum)" "$before" "and writes nothing"
is "$(ls -A home)" "" "nor anything else"
mine ./ec2-rescue repair disk.img; is "$rc" 6 "without --yes and without a terminal nothing is repaired"
is "$(sum)" "$before" "and nothing is written"
mine ./ec2-rescue repair --yes disk.img; is "$rc" 0 "a repair"
mine ./ec2-rescue audit disk.img; is "$rc" 0 "then an audit finds nothing"
mine ./ec2-rescue repair --yes disk.img; is "$rc" 0 "and a second repair has nothing to do"
mine ./ec2-rescue undo disk.img; is "$rc" 0 "an undo"
is "$(sum)" "$before" "brings the exact bytes back"
is "$(find home -path '*/ec2-rescue' -printf '%m %P\n')" "700 .local/state/ec2-rescue" "the records are in the XDG state directory, private"
mine ./ec2-rescue undo disk.img; is "$rc" 3 "a second undo has nothing to take back"
like "$err" 'taken back already' "and says so"
is "$(sum)" "$before" "and changes nothing"

ln -s disk.img link
mine ./ec2-rescue repair --yes link; is "$rc" 0 "by one name"
mine -C elsewhere ../ec2-rescue undo "$T/disk.img"; is "$rc" 0 "and back by another, from elsewhere"
is "$(sum)" "$before" "it is the same image"
mine HOME= XDG_STATE_HOME="$T/elsewhere/state" ./ec2-rescue repair --yes disk.img; is "$rc" 0 "without a home"
mine HOME= XDG_STATE_HOME="$T/elsewhere/state" ./ec2-rescue undo disk.img; is "$(sum)" "$before" "and back"

chmod 444 disk.img
mine ./ec2-rescue audit disk.img; is "$rc" 1 "a file that may only be read is audited"
mine ./ec2-rescue repair --yes disk.img
if [ ${#drop[@]} -gt 0 ] || [ "$(id -u)" != 0 ]; then
	is "$rc" 4 "but not repaired"
	is "$err" "ec2-rescue: disk.img: permission denied; run this as a user who may write it" "with one sentence"
	is "$(sum)" "$before" "and not a byte is written"
fi
chmod 000 disk.img
mine ./ec2-rescue audit disk.img; is "$rc" 4 "a file that may not be read is refused"
like "$err" 'disk.img: permission denied; run this as a user who may read it' "with one sentence"
done_testing
