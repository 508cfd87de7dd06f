#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The black hole that an MTU of 9001 makes, in network namespaces: an instance, the firewall at its edge, a
# router with a link of 1500 bytes behind it, and a host outside. A transfer works while the router's
# "fragmentation needed" (IPv6: "packet too big") arrives, stalls behind a firewall that drops it, and
# works again with the MTU that the repaired volume gives, or when the answer is let through.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/environment
why=
[ "$(id -u)" = 0 ] || why="it takes root for a network namespace"
command -v ip nft >/dev/null && [ -x /usr/bin/python3 ] || why=${why:-"no nft, ip and python3 here"}
[ -n "$why" ] || unshare -mn true 2>/dev/null || why="no network namespace to be had"
if [ -n "$why" ]; then echo "1..1"; echo "ok 1 - a real black hole # SKIP $why"; exit 0; fi

work=$(mktemp -d /tmp/test-mtu-live.XXXXXX) || exit 2
inst=mtu$$i edge=mtu$$e rout=mtu$$r out=mtu$$o
server=
clean_up() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	for ns in $inst $edge $rout $out; do
		for pid in $(ip netns pids $ns 2>/dev/null); do kill "$pid"; done
		ip netns del $ns 2>/dev/null
	done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
count=0 failed=0
tell() { # OK TEXT
	count=$((count + 1))
	if [ "$1" = yes ]; then echo "ok $count - $2"; else failed=$((failed + 1)); echo "not ok $count - $2"; fi
}
is() { # IS WANT TEXT
	[ "$1" = "$2" ] && tell yes "$3" || { tell no "$3"; echo "# it is '$1' and not '$2'"; }
}
in_ns() { ip netns exec "$@"; }

# instance eth0 – i0 edge e1 – r0 router r1 – h0 outside: only the link between r1 and h0 is small. Its far
# end takes 9001, so that the host outside asks for the large segments.
join() { # NS1 DEV1 MTU1 NS2 DEV2 MTU2
	ip -n "$1" link add "$2" mtu "$3" type veth peer name "$5" mtu "$6" netns "$4" || exit 2
	ip -n "$1" link set "$2" up; ip -n "$4" link set "$5" up
}
address() { ip -n "$1" addr add "$3.$4/24" dev "$2"; ip -n "$1" addr add "fd00:$5::$4/64" dev "$2" nodad; }
for ns in $inst $edge $rout $out; do
	ip netns add $ns || { echo "Bail out! no namespace $ns"; exit 2; }
	ip -n $ns link set lo up
	in_ns $ns sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=1 \
		net.ipv6.conf.all.forwarding=1
	# No sender finds out by itself, and the router answers every packet.
	in_ns $ns sysctl -q -w net.ipv4.tcp_mtu_probing=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
done
join $inst eth0 9001 $edge i0 9001
join $edge e1 9001 $rout r0 9001
join $rout r1 1500 $out h0 9001
address $inst eth0 10.66.1 2 1; address $edge i0 10.66.1 1 1
address $edge e1 10.66.2 1 2; address $rout r0 10.66.2 2 2
address $rout r1 10.66.3 1 3; address $out h0 10.66.3 2 3
route() { # NS VIA4 VIA6
	ip -n "$1" route add default via "$2"; ip -n "$1" -6 route add default via "$3"
}
route $inst 10.66.1.1 fd00:1::1
route $edge 10.66.2.2 fd00:2::2
route $out 10.66.3.1 fd00:3::1
ip -n $rout route add 10.66.1.0/24 via 10.66.2.1; ip -n $rout -6 route add fd00:1::/64 via fd00:2::1

# Takes what comes and answers with its number of bytes; the client says how large its segments are.
cat >"$work/server" <<'END'
import socket, threading
def serve(c):
    c.settimeout(1.5)
    got = 0
    try:
        while got < 102400:
            part = c.recv(65536)
            if not part:
                break
            got += len(part)
        c.sendall(b"%d" % got)
    except OSError:
        pass
    c.close()
s = socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True, backlog=16)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
END
cat >"$work/client" <<'END'
import socket, struct, sys
try:
    c = socket.create_connection((sys.argv[1], 7000), 1.2)
    # Nothing goes on being sent, and being learnt from, after the end.
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
except OSError:
    print("no connection")
    sys.exit()
mss = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
size = "large" if mss > 8000 else "small"
c.settimeout(1.2)
try:
    c.sendall(b"x" * 102400)
    print(size, "arrived" if c.recv(16) == b"102400" else "cut")
except socket.timeout:
    print(size, "stalled")
except OSError as e:
    print(size, e)
END
ip netns exec $out /usr/bin/python3 "$work/server" >/dev/null 2>&1 & server=$!
for _ in $(seq 50); do
	in_ns $out sh -c 'grep -q :1B58 /proc/net/tcp6' && break
	sleep 0.1
done

# What was learnt of paths is forgotten; both families at once.
transfer() { # into got4, got6
	in_ns $inst ip route flush cache; in_ns $inst ip -6 route flush cache
	in_ns $inst /usr/bin/python3 "$work/client" 10.66.3.2 >"$work/4" & four=$!
	in_ns $inst /usr/bin/python3 "$work/client" fd00:3::2 >"$work/6"; wait $four
	got4=$(cat "$work/4") got6=$(cat "$work/6")
}
firewall() { # "" or rules: of the edge
	in_ns $edge nft -f - <<END
table inet edge
delete table inet edge
table inet edge {
	chain forward {
		type filter hook forward priority 0; policy accept;
		$1
	}
}
END
}
both() { # WANT TEXT
	transfer
	is "$got4" "$1" "IPv4, $2"
	is "$got6" "$1" "IPv6, $2"
}
# The MTU as the volume's file has it now, given to the card as ifup and the initscripts do.
apply() {
	mtu=$(sed -n 's/^MTU=//p' "$tree/etc/sysconfig/network-scripts/ifcfg-eth0")
	ip -n $inst link set dev eth0 mtu "$mtu"
}

tree=$work/tree
mkdir -p "$tree/usr/bin" "$tree/etc/sysconfig/network-scripts" "$tree/etc/rc.d/rc3.d" "$tree/etc/init.d"
printf 'ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n' >"$tree/etc/os-release"
printf 'NETWORKING=yes\n' >"$tree/etc/sysconfig/network"
printf '#!/bin/bash\n' | tee "$tree/etc/init.d/network" >"$tree/etc/rc.d/rc3.d/S10network"
printf 'DEVICE=eth0\nBOOTPROTO=none\nIPADDR=10.66.1.2\nONBOOT=yes\nMTU=9001\n' >"$tree/etc/sysconfig/network-scripts/ifcfg-eth0"
# ends: what the program says eth0 ends with
ends() {
	"$EC2_RESCUE" audit --json "$tree" 2>/dev/null | /usr/bin/python3 -c '
import json, sys
print(*[(c["end"], c["value"]) for c in json.load(sys.stdin)["mtu"]["cards"] if c["name"] == "eth0"])'
}
drop4='ip protocol icmp icmp type destination-unreachable icmp code 4 drop;'
drop6='icmpv6 type packet-too-big drop;'

firewall ""
apply
is "$(ends)" "('bytes', 9001)" "the volume is known to end with 9001"
is "$(in_ns $inst cat /sys/class/net/eth0/mtu)" 9001 "and so is the card"
both "large arrived" "9001, the answer of the router arrives: works"
firewall "$drop4 $drop6"
both "large stalled" "9001, the answer is dropped at the edge: connected, and nothing arrives"
firewall "$drop6"
transfer; is "$got4, $got6" "large arrived, large stalled" "each family has an answer of its own"
firewall "$drop4 $drop6"
# A number that the program itself finds and repairs.
sed -i 's/^MTU=.*/MTU=9600/' "$tree/etc/sysconfig/network-scripts/ifcfg-eth0"
"$EC2_RESCUE" repair --yes --state-dir "$work/state" --fix mtu "$tree" >"$work/said" 2>&1 || sed 's/^/# /' "$work/said"
is "$(ends)" "('bytes', 1500)" "the repaired volume ends with 1500"
apply
both "small arrived" "the repaired volume's MTU, the answer still dropped: works"
sed -i 's/^MTU=.*/MTU=9001/' "$tree/etc/sysconfig/network-scripts/ifcfg-eth0"
apply
both "large stalled" "9001 again: it was the MTU"
firewall ""
both "large arrived" "9001, the answer let through again: works"
echo "1..$count"
[ $failed = 0 ]
