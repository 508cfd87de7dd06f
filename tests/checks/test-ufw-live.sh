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

# inside DIR PORT: in fresh namespaces; "yes" when a client gets an answer
cat >"$work/inside" <<'END'
data=$1 port=$2
mount --make-rprivate /; mount -t tmpfs none /run
ip link set lo up
unshare -n sleep 20 & client=$!
sleep 0.2
ip link add eth0 type veth peer name c0 netns $client
ip addr add 198.51.100.1/24 dev eth0; ip link set eth0 up
nsenter -t $client -n sh -c 'ip link set lo up; ip addr add 198.51.100.7/24 dev c0; ip addr add 203.0.113.7/24 dev c0; ip link set c0 up'
ip route add 203.0.113.0/24 dev eth0
nsenter -t $client -n ip route add default dev c0
python3 - $port <<'P' &
import socket, sys
s = socket.create_server(("198.51.100.1", int(sys.argv[1])))
while True:
    c, _ = s.accept()
    c.settimeout(1)
    try:
        c.sendall(b"ssh" if c.recv(3) == b"you" else b"no")
    except OSError:
        pass
    c.close()
P
server=$!
DATA_DIR=$data bash -c '. '$3'; set +e; IPT_SYSCTL= ; IPT_MODULES= ; ufw_start' >/dev/null 2>&1
sleep 0.3
answer=no
for from in 198.51.100.7 203.0.113.7; do
nsenter -t $client -n python3 - $port $from <<'P' && answer=yes
import socket, sys
try:
    s = socket.create_connection(("198.51.100.1", int(sys.argv[1])), 0.7, (sys.argv[2], 0))
    s.settimeout(0.7)
    s.sendall(b"you")
    sys.exit(0 if s.recv(3) == b"ssh" else 1)
except OSError:
    sys.exit(1)
P
done
kill $server $client
echo $answer
END

count=0 failed=0
# judge NAME DIR EXPECTED
judge() {
	local port answer
	port=$(awk '/^Port/ {print $2}' "$2/etc/ssh/sshd_config"); port=${port:-22}
	answer=$(unshare -mn bash "$work/inside" "$2" "$port" $functions)
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
