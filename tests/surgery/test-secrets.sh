#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What works on a volume that is already here holds no credential, although its environment had some.
. tests/surgery/lib.sh

if ! is_root; then skip "needs root to read the memory of another process" "no credential is in memory"; done_testing; fi
if ldd "$EC2_RESCUE" | grep -q libasan; then ok 0 "left to the build without sanitizers, which copy the environment"; done_testing; fi
patient "$T/sick.img" gatewaydev-gone
secret=$(head -c 18 /dev/urandom | base64 | tr +/ ab)
look() { # look ENV... : with these variables set
	out=$(env "$@" tests/surgery/memory '[y/N]' "$secret" "$T/sick.img" "$EC2_RESCUE" repair --state-dir "$T/state" "$T/sick.img")
}
look "HOME=$secret"
is "$(head -1 <<<"$out")" "command: 1 True" "what is in memory is found there"
look "AWS_ACCESS_KEY_ID=AKIA$secret" "AWS_SECRET_ACCESS_KEY=$secret" "AWS_SESSION_TOKEN=x$secret" "HTTPS_PROXY=http://u:$secret@proxy"
is "$(head -1 <<<"$out")" "command: 0 True" "the process that speaks to the user has wiped it"
is "$(sed -n 2p <<<"$out")" "command's child: 0 True" "the process that holds the volume never had it"
done_testing
