#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a newcomer sees first: the demo ends with the instance answering, within a minute, and leaves nothing behind.
. tests/system/tap.sh

start=$(date +%s)
TMPDIR=$T scripts/demo >"$T/out" 2>"$T/err"; rc=$?
is "$rc" 0 "the demo succeeds"
[ $(($(date +%s) - start)) -lt 60 ]; ok $? "it takes less than a minute"
out=$(cat "$T/out")
like "$out" 'sshd answers: nothing' "before: nothing answers"
for check in fstab-missing-device sshd-bad-directive iptables-ssh gatewaydev sshd-key-modes; do like "$out" "$check; repaired by default" "$check is repaired"; done
like "$out" 'rescued: i-[0-9a-f]+ answers again' "the verdict"
like "$out" 'state running, status checks ok, sshd answers: SSH-2.0' "after: it answers"
is "$(find "$T" -mindepth 1 -maxdepth 1 ! -name out ! -name err | head -3)" "" "no file is left behind"
[ "$rc" = 0 ] || tail -20 "$T/out" "$T/err" | sed 's/^/# /'
done_testing
