#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# NAT instances before a real kernel: a router with a host outside behind it, the NAT host with one card or two,
# and a private host whose way out is the NAT host, each in a network namespace. The volume's own files are
# applied in the NAT host's as a boot does: sysctl in its order, then what loads the rules, if it is enabled.
# Each fault must show in the four pings, and must be gone after `ec2-rescue repair`: the NAT host reaches the
# outside and the private host, the private host the NAT host and the outside, which sees the NAT host alone.
# At the end every result of the cases of nat-setup is loaded by the real iptables-restore and nft.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/environment
PATH=$PATH:/usr/sbin:/sbin
tool=$(realpath -m "$BUILD/ec2-rescue")
why=
[ "$(id -u)" = 0 ] || why="it takes root for network namespaces"
for program in ip iptables-restore nft ping sysctl; do
	command -v $program >/dev/null || why=${why:-"no $program here"}
done
me=ecnat$$
[ -n "$why" ] || { ip netns add $me-try 2>/dev/null && ip netns del $me-try; } || why="no network namespace to be had"
[ -n "$why" ] || echo '*nat
COMMIT' | unshare -n iptables-restore 2>/dev/null || why="this kernel has no table nat"
if [ -n "$why" ]; then echo "1..1"; echo "ok 1 - NAT instances before a real kernel # SKIP $why"; exit 0; fi

work=$(mktemp -d /tmp/test-nat-live.XXXXXX) || exit 2
round=0
leave() { for ns in $(ip netns list | awk '{print $1}' | grep "^$me-"); do ip netns del "$ns"; done; }
trap 'leave; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
count=0 failed=0
is() { # GOT WANT TEXT
	count=$((count + 1))
	if [ "$1" = "$2" ]; then echo "ok $count - $3"; else failed=$((failed + 1)); echo "not ok $count - $3"; echo "#   got:  $1"; echo "#   want: $2"; fi
}
in_ns() { ns=$1; shift; ip netns exec "$me-$round-$ns" "$@"; }
link() { # NS CARD NS CARD
	ip link add "$2" netns "$me-$round-$1" type veth peer name "$4" netns "$me-$round-$3"
	in_ns "$1" ip link set "$2" up; in_ns "$3" ip link set "$4" up
}

# network CARDS OUTER INNER: fresh namespaces. The outside answers those alone that come from the NAT host, as an
# internet gateway translates for public addresses alone.
network() {
	leave; round=$((round + 1))
	for ns in out nat in sw; do
		ip netns add "$me-$round-$ns"; in_ns $ns ip link set lo up
	done
	in_ns out ip addr add 203.0.113.9/32 dev lo
	if [ "$1" = 1 ]; then
		in_ns sw ip link add br0 type bridge; in_ns sw ip link set br0 up
		for end in out nat in; do
			card=v0; [ $end = nat ] && card=$2
			link sw p-$end $end "$card"; in_ns sw ip link set p-$end master br0
		done
		private=10.20.0.20 inner=10.20.0.10
	else
		link out v0 nat "$2"; link nat "$3" in v0
		private=10.20.1.20 inner=10.20.1.10
		in_ns nat ip addr add $inner/24 dev "$3"
	fi
	in_ns out ip addr add 10.20.0.1/24 dev v0
	in_ns nat ip addr add 10.20.0.10/24 dev "$2"; in_ns nat ip route add default via 10.20.0.1
	in_ns in ip addr add $private/24 dev v0; in_ns in ip route add default via $inner
	in_ns out nft -f - <<-'END'
		table ip seen {
			counter nat { }
			chain in {
				type filter hook input priority 0;
				ip daddr 203.0.113.9 ip saddr 10.20.0.10 counter name nat accept
				ip daddr 203.0.113.9 drop
			}
		}
	END
}

# boot TREE: what is said in sysctl.d, by name, an earlier folder first; then the rules.
enabled() { [ -n "$(find "$1/etc/systemd/system" -path "*.wants/$2" 2>/dev/null)" ]; }
boot() {
	while read -r _ file; do in_ns nat sysctl -q -p "$file"; done < <(
		for file in "$1"/etc/sysctl.d/*.conf "$1"/usr/lib/sysctl.d/*.conf; do
			[ ! -e "$file" ] || echo "${file##*/} $file"
		done | LC_ALL=C sort -s -k1,1)
	if enabled "$1" iptables.service; then in_ns nat iptables-restore <"$1/etc/sysconfig/iptables"; fi
	if enabled "$1" netfilter-persistent.service; then in_ns nat iptables-restore <"$1/etc/iptables/rules.v4"; fi
	if enabled "$1" nftables.service; then in_ns nat nft -f "$1/etc/nftables.conf"; fi
}
reach() { in_ns "$1" ping -n -q -c 1 -W 0.3 "$2" >/dev/null 2>&1 && echo -n yes || echo -n no; }
pings() {
	echo "$(reach nat 203.0.113.9) $(reach nat $private) $(reach in $inner) $(reach in 203.0.113.9)"
}
# How many packets the outside has seen that came from the NAT host, as far as it could tell.
packets() { in_ns out nft list counter ip seen nat | awk '/packets/ {print $2}'; }

# sick NAME BASE CARDS: a volume to be made ill; $T is its tree
sick() {
	name=$1 cards=$3 T=$work/$round-tree; rm -rf "$T"; cp -a "tests/checks/healthy/$2/tree" "$T"
	chown -R 0:0 "$T"; chmod 755 "$T"/usr/sbin/* "$T"/etc/init.d/* 2>/dev/null
	[ ! -d "$T/usr/share/netfilter-persistent" ] || chmod 755 "$T"/usr/share/netfilter-persistent/plugins.d/*
	outer=eth0 more=eth1
	if [ ! -d "$T/etc/sysconfig" ]; then
		outer=ens5 more=ens6
		[ "$3" = 1 ] || sed s/ens5/ens6/ "$T/etc/systemd/network/10-ens5.network" >"$T/etc/systemd/network/20-ens6.network"
	fi
	find "$T/etc" -type f -exec sed -i 's#10\.0\.0\.0/#10.20.0.0/#' {} +
}
# persistent: the Debian system loads its rules by netfilter-persistent instead
persistent() {
	rm -rf "$T"/etc/nftables.conf "$T"/etc/systemd/system/*/nftables.service "$T"/usr/sbin/nft
	cp -a tests/checks/nat-setup/persistent-nothing-saved/tree/{lib,usr} "$T"
	chmod 755 "$T"/usr/sbin/*; mkdir -p "$T/etc/iptables"
}
# The kernel of the NAT host: does it forward, and which settings about redirects are there?
kernel() {
	cards_of=("$outer"); [ "$cards" = 1 ] || cards_of+=("$more")
	for card in all "${cards_of[@]}"; do echo net.ipv4.conf."$card".{accept,send}_redirects; done |
		xargs ip netns exec "$me-$round-nat" sysctl -n net.ipv4.ip_forward | sort -ru | xargs
}
# heal PINGS OPTIONS...: shows the fault, repairs, shows that it is gone, and that there is no more to do
heal() {
	want=$1; shift
	network "$cards" $outer $more; boot "$T" 2>/dev/null
	is "$(pings)" "$want" "$name: broken"
	"$tool" repair --yes --state-dir "$work/state" "$@" "$T" >"$work/said" 2>&1
	is $? 0 "$name: repaired"
	[ -z "$(tail -1 "$work/said" | grep -v '^repaired')" ] || sed 's/^/# /' "$work/said"
	network "$cards" $outer $more; boot "$T"
	is "$(pings)" "yes yes yes yes" "$name: all four pings"
	start=$(packets); reach in 203.0.113.9 >/dev/null
	is $(($(packets) - start)) 1 "$name: the outside sees the NAT host"
	[[ $* = *setup* ]] && is "$(kernel)" "1 0" "$name: it forwards, and neither takes nor sends redirects"
	"$tool" repair --yes --state-dir "$work/state" "$@" "$T" >"$work/said" 2>&1
	is "$? $(grep -c 'edits\? written' "$work/said")" "0 0" "$name: once more, nothing to do"
}
red=nat-already-right red2=nat-already-right-two-interfaces debian=nftables-nat-already-right
I=etc/sysconfig/iptables N=etc/nftables.conf
setup="--setup-nat 10.20.0.0/16"

sick "iptables, nothing set up" $red 1
rm "$T"/etc/sysctl.d/*; sed -i '/^\*nat/,/^COMMIT/d' "$T/$I"
heal "yes yes yes no" $setup
sick "iptables, redirects, and a rule that accepts before the one that translates" $red 1
echo net.ipv4.ip_forward=1 >"$T/etc/sysctl.d/90-nat.conf"
sed -i 's/^-A POSTROUTING -s/-A POSTROUTING -j ACCEPT\n&/' "$T/$I"
heal "yes yes yes no" $setup
sick "iptables, out of an interface that is not here" $red 1
sed -i 's/-o eth0 -j MASQ/-o ens5 -j MASQ/' "$T/$I"
heal "yes yes yes no" $setup
sick "iptables, two cards, a range of two numbers" $red2 2
sed -i 's#-s 10.20.0.0/16#-s 10.2/16#' "$T/$I"
heal "yes yes yes no" $setup
sick "iptables, two cards, the service not enabled, FORWARD rejects" $red2 2
rm "$T"/etc/systemd/system/multi-user.target.wants/iptables.service
sed -i '/^-A INPUT.*REJECT/a -A FORWARD -j REJECT --reject-with icmp-host-prohibited' "$T/$I"
heal "yes yes yes no" $setup
sick "iptables, two cards, a later file and FORWARD, by --fix alone" $red2 2
echo net.ipv4.ip_forward=0 >"$T/etc/sysctl.d/99-hardening.conf"; sed -i 's/:FORWARD ACCEPT/:FORWARD DROP/' "$T/$I"
heal "yes yes yes no" --fix nat-rules --fix nat-forwarding
sick "iptables-persistent, nothing saved" $debian 1; persistent
rm "$T"/etc/sysctl.d/*
heal "yes yes yes no" $setup
sick "iptables-persistent, two cards, masqueraded on the inner one" $debian 2; persistent
ln -s /lib/systemd/system/netfilter-persistent.service "$T/etc/systemd/system/multi-user.target.wants/"
printf '%s\n' '*nat' '-A POSTROUTING -s 10.20.0.0/16 -o ens6 -j MASQUERADE' COMMIT >"$T/etc/iptables/rules.v4"
heal "yes yes yes no" $setup
sick "nftables, nothing set up" $debian 1
rm "$T"/etc/sysctl.d/*; sed -i '/^table ip nat/,$d; /10.20/d' "$T/$N"
heal "yes yes yes no" $setup
sick "nftables, two cards, a range of three numbers" $debian 2
sed -i 's#saddr 10.20.0.0/16 oif#saddr 10.20.0/16 oif#' "$T/$N"
heal "yes yes yes no" $setup
sick "nftables, two cards, the forward chain drops" $debian 2
sed -i '/10.20.0.0.16 accept/d' "$T/$N"
heal "yes yes yes no" $setup

network 1 eth0 eth1
for case in tests/checks/nat-setup/*/expect.tree; do
	rm -rf "$work/all"; cp -r "${case%expect.tree}tree" "$work/all"; cp -r "$case/." "$work/all"
	for file in $I etc/iptables/rules.v4 $N etc/sysconfig/nftables.conf; do
		[ -e "$work/all/$file" ] || continue
		sed -i "s#include \"/etc#include \"$work/all/etc#" "$work/all/$file"
		case $file in *nft*) in_ns nat nft -f "$work/all/$file" ;; *) in_ns nat iptables-restore "$work/all/$file" ;; esac
		is $? 0 "$(dirname "$case"), /$file: loaded"
	done
done
echo "1..$count"
[ $failed = 0 ]
