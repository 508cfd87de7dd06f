#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line: bad input gets one sentence and its exit code; manual and completion follow the tables.
. tests/system/tap.sh

try() { out=$("$EC2_RESCUE" "$@" 2>"$T/err" </dev/null); rc=$?; err=$(cat "$T/err"); }
refuse() { # refuse STATUS REGEX ARGS...
	local want=$1 regex=$2; shift 2
	try "$@"
	is "$rc" "$want" "status of: $*"
	like "$err" "$regex" "sentence of: $*"
	is "$(wc -l <"$T/err")" 1 "one line for: $*"
	is "$out" "" "stdout stays clean for: $*"
}
refuse 2 'name an instance'
refuse 2 'neither a command nor an instance id' nonsense
refuse 2 'no option --nonsense' --nonsense
refuse 2 'no option -x' -x
refuse 2 'write it as 10.0.0.0/16' repair --setup-nat 10.0.0/16 x
refuse 2 'write it as 10.0.0.0/16' --setup-nat 10.0.9.0/16 i-0123456789abcdef0
refuse 2 'has a length' repair --setup-nat 10.0.0.0 x
refuse 2 'no range' repair --setup-nat vpcs x
refuse 2 'no option --setup-nat' audit --setup-nat vpc x
refuse 2 'no option --helper' audit --helper i-1 x
refuse 2 '--fix needs a NAME' repair x --fix
refuse 2 'takes no value' repair --yes=1 x
refuse 2 'one argument too many' audit a b
refuse 2 'usage: ec2-rescue audit' audit
refuse 2 'not a number of seconds' rescue i-0123456789abcdef0 --verify-timeout soon
refuse 2 'not a port number' rescue i-0123456789abcdef0 --ssh-port 70000
refuse 3 'no check "nonsense"' checks nonsense
try --version; like "$out" '^ec2-rescue [0-9]' "--version"
try --help; is "$rc" 0 "--help is no error"
like "$out" 'ec2-rescue INSTANCE-ID' "usage on stdout"
for c in rescue audit repair undo resume runs checks; do
	try "$c" --help; like "$out" "usage: ec2-rescue $c" "$c --help"
done
"$EC2_RESCUE" completion | bash -n; ok $? "the completion is valid bash"
completes() { # WORD... : what the last of them could become
	bash -c '. <("$0" completion); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ec2_rescue; echo "${COMPREPLY[*]}"' "$EC2_RESCUE" "$@"
}
is "$(completes ec2-rescue spo)" "spot" "a family is completed once"
is "$(completes ec2-rescue spot p)" "prune" "and its commands behind it"
is "$(completes ec2-rescue --yes spot prune --keep-d)" "--keep-daily" "and their options"
is "$(completes ec2-rescue i-0123456789abcdef0 --stop)" "--stop-timeout" "a rescue needs no command"
try spot --help; like "$out" "spot list " "spot --help lists its commands"
refuse 2 'is one of: spot save' spot frobnicate
refuse 2 'is no age' spot prune --older-than soon
try checks; out=$(sed '/^$/,$d' <<<"$out"); n=$(wc -l <<<"$out")
names=$(awk '{print $1}' <<<"$out")
[ "$n" -gt 0 ]; ok $? "checks lists checks"
is "$(sort <<<"$names" | uniq -d)" "" "check names are unique"
try checks --json; is "$(python3 -c 'import json,sys; print(len(json.load(sys.stdin)))' <<<"$out")" "$n" "checks --json lists them all"
for name in $names; do
	try checks "$name"
	grep -q '^Source: ..' <<<"$out" || { ok 1 "$name names its source"; continue; }
done
ok 0 "every check names its source"

make -s BUILD="$BUILD" "$BUILD/ec2-rescue.8" >/dev/null; ok $? "the manual page is made"
if command -v mandoc >/dev/null; then
	is "$(mandoc -T lint -W warning "$BUILD/ec2-rescue.8" 2>&1)" "" "the manual page is clean mdoc"
	page=$(mandoc -T ascii "$BUILD/ec2-rescue.8" | sed 's/.\x08//g')
	missing=
	for word in $("$EC2_RESCUE" --help | grep -oE '^  --[a-z-]+') $names; do grep -q -e "$word" <<<"$page" || missing="$missing $word"; done
	is "$missing" "" "the manual page has every option and check"
else
	skip "mandoc is not installed" "the manual page is clean mdoc"
fi
done_testing
