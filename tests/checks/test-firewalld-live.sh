#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The cases of firewalld-ssh and the healthy systems with firewalld, started by firewalld's own code
# (without its D-Bus side) in a network namespace: a client in another one must be turned away from a
# sick system, and get through and have an answer from a repaired or a healthy one. Cases in which
# NetworkManager names the zone are left out.
set -u
cd "$(dirname "$0")" || exit 2
python=/usr/bin/python3
why=
[ "$(id -u)" = 0 ] || why="it takes root for a network namespace"
[ -d /usr/lib/firewalld/services ] && $python -c 'import firewall.config, nftables' 2>/dev/null || why=${why:-"no firewalld here"}
command -v ip nft >/dev/null || why=${why:-"no ip and nft here"}
[ -n "$why" ] || unshare -mn true 2>/dev/null || why="no network namespace to be had"
if [ -n "$why" ]; then echo "1..1"; echo "ok 1 - the cases before a real firewalld # SKIP $why"; exit 0; fi

work=$(mktemp -d /tmp/test-firewalld-live.XXXXXX) || exit 2
trap 'rm -rf "$work"' EXIT
cat >"$work/start.py" <<'END'
import sys
import firewall.config as config
config.set_system_config_paths(sys.argv[1] + "/etc/firewalld")
config.FIREWALLD_CONF = sys.argv[1] + "/etc/firewalld/firewalld.conf"
from firewall.core.fw import Firewall
fw = Firewall()
try:
    fw.start()
except Exception as e:
    print(e)
END

count=0 failed=0
# judge NAME ROOT EXPECTED
judge() {
	local port answer
	port=$(awk '/^Port/ {port = $2} END {print port}' "$2/etc/ssh/sshd_config"); port=${port:-22}
	answer=$(unshare -mn bash reached.sh "$port" "$2" $python "$work/start.py")
	count=$((count + 1))
	if [ "$answer" = "$3" ]; then echo "ok $count - $1: reached: $answer"
	else failed=$((failed + 1)); echo "not ok $count - $1: reached: $answer, should be $3"; fi
}
for case in firewalld-ssh/*; do
	grep -q '^blocks-login' "$case/expect.findings" || continue
	[ ! -e "$case/tree/etc/NetworkManager" ] && [ ! -e "$case/tree/etc/sysconfig" ] || continue
	judge "$case" "$case/tree" no
	[ -d "$case/expect.tree" ] || continue
	cp -r "$case/tree" "$work/root"; cp -r "$case/expect.tree/." "$work/root"
	judge "$case repaired" "$work/root" yes
	rm -rf "$work/root"
done
for case in healthy/*firewalld*; do
	[ -e "$case/tree/etc/systemd/system/multi-user.target.wants/firewalld.service" ] || continue
	[ "$case" != healthy/rhel9-firewalld-forward-443 ] || continue # the client would have to ask for 443
	judge "$case" "$case/tree" yes
done
echo "1..$count"
[ $failed = 0 ]
