#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every fuzz target over its seeds and over every input that once broke it.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/environment
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rescue-fuzz.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
count=0; mkdir -p "$BUILD/test-logs"
for target in tests/fuzz/fuzz-*.c; do
	name=${target#tests/fuzz/fuzz-}; name=${name%.c}; count=$((count + 1))
	found=(); [ ! -d "tests/fuzz/found/$name" ] || found=("tests/fuzz/found/$name")
	if tests/fuzz/seeds "$name" "$tmp/$name" >"$tmp/log" 2>&1 &&
		"$BUILD/tests/fuzz/fuzz-$name" "$tmp/$name/seeds" ${found[@]+"${found[@]}"} >"$tmp/said" 2>"$tmp/log"; then
		echo "ok $count - $name: $(cat "$tmp/said")"
	else
		echo "not ok $count - $name"
		last=$(grep -E "^($tmp|tests)/" "$tmp/log" | tail -1)
		[ ! -e "$last" ] || { cp "$last" "$BUILD/test-logs/fuzz-$name-input" && echo "# the input is $BUILD/test-logs/fuzz-$name-input"; }
		grep -vE "^($tmp|tests)/" "$tmp/log" | head -30 | sed 's/^/# /'
	fi
done
echo "1..$count"
