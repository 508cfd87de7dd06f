#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# reached.sh PORT ROOT LOADER...: to be run in fresh mount and network namespaces. The loader puts a
# firewall up (the system's folder is the last argument), a server listens on the port, and clients
# of two networks try to connect, talk and listen, from a namespace of their own. Says "yes" when one
# of them gets its answer, else "no".
set -u
port=$1 root=$2; shift 2
mount --make-rprivate / && mount -t tmpfs none /run || exit 2
ip link set lo up
unshare -n sleep 30 & client=$!
sleep 0.2
ip link add eth0 type veth peer name c0 netns $client || exit 2
ip addr add 198.51.100.1/24 dev eth0; ip link set eth0 up
nsenter -t $client -n sh -c 'ip link set lo up; ip addr add 198.51.100.7/24 dev c0; ip addr add 203.0.113.7/24 dev c0; ip link set c0 up; ip route add default dev c0'
ip route add 203.0.113.0/24 dev eth0
/usr/bin/python3 - "$port" <<'END' &
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
END
server=$!
"$@" "$root" >/dev/null 2>&1
sleep 0.3
answer=no
for from in 198.51.100.7 203.0.113.7; do
	nsenter -t $client -n /usr/bin/python3 - "$port" $from <<'END' && answer=yes
import socket, sys
try:
    s = socket.create_connection(("198.51.100.1", int(sys.argv[1])), 0.7, (sys.argv[2], 0))
    s.settimeout(0.7)
    s.sendall(b"you")
    sys.exit(0 if s.recv(3) == b"ssh" else 1)
except OSError:
    sys.exit(1)
END
done
kill $server $client
echo $answer
