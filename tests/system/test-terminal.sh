#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Colour and the live board only on a terminal, NO_COLOR respected, stdout clean for pipes.
. tests/system/tap.sh

export XDG_STATE_HOME=$T/state TERM=xterm
KEY=$T/key SIZE=64M tests/patient/make "$T/p.img" sshd-bad-directive home-open || exit 1
esc=$'\033'
tty() { script -qec "$1" /dev/null </dev/null 2>&1; }
audit="$EC2_RESCUE audit $T/p.img"
grep -q "$esc" <<<"$(env -u NO_COLOR bash -c "$(declare -f tty); tty '$audit'")"; ok $? "colours on a terminal"
plain=$(NO_COLOR=1 tty "$audit"); ! grep -q "$esc\[[0-9;]*m" <<<"$plain"; ok $? "none with NO_COLOR"
plain=$(TERM=dumb tty "$audit"); ! grep -q "$esc" <<<"$plain"; ok $? "none on a dumb terminal"
$audit >"$T/out" 2>"$T/err"; is $? 1 "faults are exit status 1"
! grep -q "$esc" "$T/out" "$T/err"; ok $? "none in a pipe"
like "$(cat "$T/out")" 'sshd-bad-directive' "findings are on stdout"
! grep -q 'waiting' "$T/out"; ok $? "progress is not on stdout"
$EC2_RESCUE audit --json "$T/p.img" 2>/dev/null >"$T/json"
is "$(wc -l <"$T/json")" 1 "audit --json is one line"
is "$(python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(sorted(d), sorted(d["findings"][0]))' "$T/json")" \
	"['could_not_tell', 'findings', 'machine', 'target'] ['check', 'line', 'message', 'path', 'repairable', 'rows', 'severity']" "and has the documented members"

# A name on the volume that would write to the terminal is shown escaped.
printf 'UUID=\033]0;owned\007x /data xfs defaults 0 0\n' >"$T/line"
debugfs -w -R "rm /etc/fstab" "$T/p.img?offset=1048576" >/dev/null 2>&1
debugfs -w -R "write $T/line /etc/fstab" "$T/p.img?offset=1048576" >/dev/null 2>&1
out=$($EC2_RESCUE audit "$T/p.img" 2>&1; $EC2_RESCUE repair --dry-run "$T/p.img" 2>&1)
! grep -q "$esc\]" <<<"$out"; ok $? "hostile bytes reach no terminal"
like "$out" '\\x1b\]0;owned' "they are shown escaped"

answer() { printf '%s\n' "$1" | script -qec "$EC2_RESCUE repair $T/p.img" /dev/null 2>&1; }
before=$(sha256sum <"$T/p.img")
like "$(answer n)" '\[y/N\]' "a repair asks on a terminal"
is "$(sha256sum <"$T/p.img")" "$before" "no means no"
done_testing
