#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The cases of ufw-ssh and the healthy systems with ufw, loaded by the real ufw into a network
# namespace: a client in another one must be turned away from a sick system, and get through and have
# an answer from a repaired or a healthy one.
set -u
cd "$(dirname "$0")" || exit 2
functions=/lib/ufw/ufw-init-functions
why=
[ "$(id -u)" = 0 ] || why="it takes root for a network namespace"
[ -r $functions ] && command -v iptables ip python3 >/dev/null || why=${why:-"no ufw, iptables, ip and python3 here"}
[ -n "$why" ] || unshare -mn true 2>/dev/null || why="no network namespace to be had"
if [ -n "$why" ]; then echo "1..1"; echo "ok 1 - the cases before a real ufw # SKIP $why"; exit 0; fi

work=$(mktemp -d /tmp/test-ufw-live.XXXXXX) || exit 2
trap 'rm -rf "$work"' EXIT

cat >"$work/load" <<END
DATA_DIR=\$1; . $functions
set +e; IPT_SYSCTL= IPT_MODULES=; ufw_start
END

count=0 failed=0
# judge NAME DIR EXPECTED
judge() {
	local port answer
	port=$(awk '/^Port/ {print $2}' "$2/etc/ssh/sshd_config"); port=${port:-22}
	answer=$(unshare -mn bash reached.sh "$port" "$2" bash "$work/load")
	count=$((count + 1))
	if [ "$answer" = "$3" ]; then echo "ok $count - $1: reached: $answer"
	else failed=$((failed + 1)); echo "not ok $count - $1: reached: $answer, should be $3"; fi
}
for case in ufw-ssh/*; do
	grep -q '^could not tell' "$case/expect.findings" && continue
	judge "$case" "$case/tree" no
	cp -r "$case/tree" "$work/root"; cp -r "$case/expect.tree/." "$work/root"
	judge "$case repaired" "$work/root" yes
	rm -rf "$work/root"
done
for case in healthy/*ufw*; do
	[ -e "$case/tree/etc/systemd/system/multi-user.target.wants/ufw.service" ] || continue
	judge "$case" "$case/tree" yes
done
echo "1..$count"
[ $failed = 0 ]
