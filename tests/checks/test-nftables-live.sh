#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The cases of nftables-ssh and the healthy systems with nftables, loaded by nft into a network
# namespace: a client in another one must be turned away from a sick system, and get through and have
# an answer from a repaired one; what nft is said to refuse it must refuse.
set -u
cd "$(dirname "$0")" || exit 2
why=
[ "$(id -u)" = 0 ] || why="it takes root for a network namespace"
command -v ip nft >/dev/null && [ -x /usr/bin/python3 ] || why=${why:-"no nft, ip and python3 here"}
[ -n "$why" ] || unshare -mn true 2>/dev/null || why="no network namespace to be had"
if [ -n "$why" ]; then echo "1..1"; echo "ok 1 - the cases before a real nft # SKIP $why"; exit 0; fi

work=$(mktemp -d /tmp/test-nftables-live.XXXXXX) || exit 2
trap 'rm -rf "$work"' EXIT
cat >"$work/load" <<'END'
for f in etc/nftables.conf etc/sysconfig/nftables.conf; do
	[ ! -e "$1/$f" ] || nft -f "$1/$f" || exit 1
done
END
count=0 failed=0
tell() { # OK TEXT
	count=$((count + 1))
	if [ "$1" = yes ]; then echo "ok $count - $2"; else failed=$((failed + 1)); echo "not ok $count - $2"; fi
}
# root CASE [repaired]: a copy in which included files are found
root() {
	rm -rf "$work/root"; cp -r "$1/tree" "$work/root"
	[ $# = 1 ] || cp -r "$1/expect.tree/." "$work/root"
	find "$work/root/etc" -type f -exec sed -i "s#include \"/etc#include \"$work/root/etc#" {} +
}
# reached: yes or no
reached() {
	port=$(awk '/^Port/ {port = $2} END {print port}' "$work/root/etc/ssh/sshd_config")
	unshare -mn bash reached.sh "${port:-22}" "$work/root" bash "$work/load"
}
for case in nftables-ssh/*; do
	root "$case"
	if grep -q '^blocks-login' "$case/expect.findings"; then
		[ "$(reached)" = no ] && ok=yes || ok=no
		tell $ok "$case: nobody gets in"
		[ -d "$case/expect.tree" ] || continue
		root "$case" repaired
		unshare -n bash "$work/load" "$work/root" && [ "$(reached)" = yes ] && ok=yes || ok=no
		tell $ok "$case repaired: somebody gets in"
	elif grep -q '^note' "$case/expect.findings"; then
		unshare -n bash "$work/load" "$work/root" 2>/dev/null && ok=no || ok=yes
		tell $ok "$case: nft refuses it"
	fi
done
for case in healthy/*nftables*; do
	[ -e "$case/tree/etc/nftables.conf" ] || continue
	root "$case"
	unshare -n bash "$work/load" "$work/root" && ok=yes || ok=no
	tell $ok "$case: nft loads it"
	# These let in who knocks, comes from elsewhere or asks for another port.
	case $case in *-off | *-knocking | *-redirect | *-not-understood) continue ;; esac
	[ "$(reached)" = yes ] && ok=yes || ok=no
	tell $ok "$case: somebody gets in"
done
echo "1..$count"
[ $failed = 0 ]
