#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A few seconds of every proof, drawn with a fixed seed: one test for each law. (All of them, whole: make proof)
. tests/system/tap.sh; shopt -s nullglob
for proof in tests/proof/proof-*; do
	"$proof" --budget "${PROOF_SECONDS:-10}" --seed 1 >"$T/out" 2>"$T/err"
	rc=$?
	laws=0 skipped=
	while IFS= read -r line; do
		case $line in
		" "*": skipped: "*) echo "# $line"; skipped=${line##*: skipped: } ;;
		" "*) echo "# $line" ;;
		*": 0 situations, "*) laws=$((laws + 1)); ok 1 "$line" ;; # a proof that tried nothing proves nothing
		*" situations, 0 failed") laws=$((laws + 1)); ok 0 "$line" ;;
		*" situations, "*" failed") laws=$((laws + 1)); ok 1 "$line" ;;
		*) ok 1 "$proof: no result line: $line" ;;
		esac
	done <"$T/out"
	if [ $rc = 0 ] && [ $laws = 0 ] && [ -n "$skipped" ]; then skip "$skipped" "$proof"; continue; fi
	[ $rc = 0 ] && [ $laws -gt 0 ]; ok $? "$proof finished"
	[ $rc = 0 ] || sed 's/^/# /' "$T/err" | tail -20
done
done_testing
