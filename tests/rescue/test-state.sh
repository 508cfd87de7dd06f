#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A state directory that is found open to others: closed with all that is ours in it, else refused.
. tests/system/tap.sh
S=$T/state run=r20261122-073015-4f2a91
mode() { stat -c %a "$@" | tr '\n' ' ' | sed 's/ $//'; }
found() { # found MODE: a state directory with a run, all of it with this mode
	rm -rf "$S"; mkdir -p "$S/runs/$run/records" "$S/targets"
	echo x >"$S/runs/$run/records/patch.json"
	chmod -R "$1" "$S"
}
runs() { "$EC2_RESCUE" runs --state-dir "$S" >"$T/out" 2>&1; echo $?; }

for m in 755 770 777 701; do
	found $m
	is "$(runs)" 0 "mode $m: used"
	is "$(mode "$S" "$S/runs/$run" "$S/runs/$run/records")" "700 700 700" "mode $m: closed"
	is "$(stat -c %A "$S/runs/$run/records/patch.json" | cut -c5-)" "------" "mode $m: its files, too"
done
found 755; echo x >"$S/"$'notes\033[2J'
is "$(runs)" 6 "other things in it: refused"
like "$(cat "$T/out")" 'mode 0755.*notes\\x1b\[2J.*chmod 700.*--state-dir' "and said why, and what to do"
is "$(mode "$S" "$S/runs")" "755 755" "and its mode left alone"
chmod 700 "$S"
is "$(runs)" 0 "closed by hand: used"
found 777; echo x >"$T/other"; chmod 644 "$T/other"; ln -s "$T/other" "$S/runs/$run/journal"
is "$(runs)" 6 "a link in an open one: refused"
is "$(mode "$T/other")" 644 "what it leads to is left alone"
found 777; ln "$T/other" "$S/runs/$run/journal"
is "$(runs)" 6 "a file with a second name: refused"
is "$(mode "$T/other")" 644 "its mode is left alone"
found 777; mkfifo "$S/runs/$run/journal"
is "$(runs)" 6 "a FIFO: refused, without waiting"
if [ "$(id -u)" = 0 ]; then
	found 700; chown 65534 "$S"
	is "$(runs)" 6 "somebody else's: refused"
	like "$(cat "$T/out")" 'another user' "and said why"
	found 777; chown 65534 "$S/runs/$run/records/patch.json"
	is "$(runs)" 6 "somebody else's file in an open one: refused"
	like "$(cat "$T/out")" 'patch.json belongs to another user' "and named"
else
	skip "needs root to give files away" "somebody else's"
fi
done_testing
