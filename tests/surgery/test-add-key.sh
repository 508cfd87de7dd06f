#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --add-key: what is no public key is refused before anything begins; what is one stands where sshd reads it,
# and undo takes it back.
. tests/surgery/lib.sh

patient "$T/well.img"
original=$(sum "$T/well.img")
ssh-keygen -q -t ed25519 -N '' -C 'new laptop' -f "$T/new"
ec2() { run "$EC2_RESCUE" "$@"; }

ec2 repair --add-key "$T/new" "$T/well.img"
is "$rc" 2 "a private key is refused"
like "$err" 'private key.*\.pub' "and it says which file to give"
cat "$T/new.pub" "$T/new.pub" >"$T/two.pub"
ec2 repair --add-key "$T/two.pub" "$T/well.img"
is "$rc" 2 "two keys are refused"
ec2 repair --add-key "$T/none.pub" "$T/well.img"
is "$rc" 2 "a file that is not there is refused"
ec2 repair --user root "$T/well.img"
is "$rc" 2 "--user alone is refused"
ec2 audit --add-key "$T/new.pub" "$T/well.img"
is "$rc" 2 "audit, which writes nothing, has no such option"

state=$T/state/key
ec2 repair --dry-run --state-dir "$state" --add-key "$T/new.pub" "$T/well.img"
is "$rc" 1 "a dry run shows what is missing"
like "$out" '\+ssh-ed25519 AAAA.* new laptop' "namely this line"
is "$(sum "$T/well.img")" "$original" "and writes nothing"
ec2 repair --yes --state-dir "$state" --add-key "$T/new.pub" --user nobody-here "$T/well.img"
is "$rc" 22 "an unknown user: it could not be told where the key goes"
[ "$rc" = 22 ] || echo "# $out $err"
is "$(sum "$T/well.img")" "$original" "and nothing was written"
ec2 repair --yes --state-dir "$state" --add-key "$T/new.pub" "$T/well.img"
is "$rc" 0 "the key is added"
[ "$rc" = 0 ] || echo "# $out $err"
tree_of "$T/well.img" "$T/after" 2>/dev/null
is "$(grep -rlF "$(cut -d' ' -f2 "$T/new.pub")" "$T/after/home" "$T/after/root" 2>/dev/null | wc -l)" 1 "in one file"
ec2 repair --yes --state-dir "$state" --add-key "$T/new.pub" "$T/well.img"
is "$rc" 0 "once more there is nothing to do"
like "$out" 'no fault' "and it says so"
ec2 undo --state-dir "$state" "$T/well.img"
is "$rc" 0 "undone"
is "$(sum "$T/well.img")" "$original" "every byte is back"
done_testing
