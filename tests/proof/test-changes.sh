#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Of a rescue, each call that changes something: it fails in three ways, and kill -9 before and after it, resumed here and
# on a machine that has only the tags. (All calls, all moments, also of an undo and of a resume: make proof)
. tests/system/tap.sh
# Then the stories of tests/proof/found, which failed once.
mapfile -t found <tests/proof/found
# Under sanitizers only these: the others are told without, and drawn from by test-proof.sh.
proofs=(calls kills pairs)
! grep -q __asan_init "$EC2_RESCUE" || proofs=(pairs)
for proof in "${proofs[@]}"; do
	what=(--mutating)
	[ $proof != pairs ] || what=("${found[@]}")
	"tests/proof/proof-$proof" --verbose "${what[@]}" >"$T/out" 2>"$T/err"
	rc=$?
	while IFS= read -r line; do
		case $line in
		" "*) echo "# $line" ;;
		*": 0 situations, "*) ok 1 "$line" ;;
		*) [[ $line == *" situations, 0 failed" ]]; ok $? "$line" ;;
		esac
	done <"$T/out"
	ok $rc "proof-$proof"
	[ $rc = 0 ] || sed 's/^/# /' "$T/err" | tail -40
done
done_testing
