#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The vectors made anew by botocore are those in the tree, and random requests are signed as botocore does.
set -u
echo 1..2
if ! /usr/bin/python3 -c 'import botocore' 2>/dev/null; then
	echo "ok 1 - vectors are botocore's # SKIP python3-botocore is not installed"
	echo "ok 2 - random requests # SKIP python3-botocore is not installed"
	exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/fixed" "$dir/random"
"$SRC/tests/sigv4/generate" "$dir/fixed" && diff -r "$dir/fixed" "$SRC/tests/sigv4/vectors" >&2 || printf 'not '
echo "ok 1 - vectors are botocore's"
seed=${SIGV4_SEED:-$RANDOM}
"$SRC/tests/sigv4/generate" "$dir/random" --random "$seed" 200 &&
	SIGV4_VECTORS=$dir/random "$TESTS/sigv4/test-vectors" >"$dir/log" || { grep '^not' "$dir/log" >&2; printf 'not '; }
echo "ok 2 - 200 random requests, seed $seed"
