#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The cases of the sshd checks before a real sshd: each patient's /etc/ssh, users and homes are put
# over this machine's in a private mount namespace, sshd is started on a loopback port, and its user
# logs in. A patient with a login fault must turn the user away; repaired as expected, it must let
# the user in; so must the healthy ones.
set -u
cd "$(dirname "$0")" || exit 2
sshd=/usr/sbin/sshd
why=
[ "$(id -u)" = 0 ] || why="it takes root for a mount namespace and an sshd"
[ -x $sshd ] && command -v ssh-keygen ssh >/dev/null || why=${why:-"no sshd and ssh here"}
case "$($sshd -V 2>&1; strings $sshd 2>/dev/null | grep -m1 '^OpenSSH_9.2p')" in
*OpenSSH_9.2*) ;;
*) why=${why:-"the cases are made for OpenSSH 9.2"} ;;
esac
[ -n "$why" ] || unshare -m true 2>/dev/null || why="no mount namespace to be had"
if [ -n "$why" ]; then echo "1..1"; echo "ok 1 - the cases before a real sshd # SKIP $why"; exit 0; fi

work=$(mktemp -d /tmp/test-sshd-live.XXXXXX) || exit 2
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
for kind in ed25519 rsa; do ssh-keygen -q -t $kind -N '' -C '' -f "$work/$kind" || exit 2; done
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
# The keys that the cases' administrators hold, to be replaced by ours.
fake_ed25519=$(awk '{print $2}' healthy/sshd-debian12/tree/home/admin/.ssh/authorized_keys)
fake_rsa=$(awk '{print $2}' healthy/sshd-al2/tree/home/ec2-user/.ssh/authorized_keys)

real_ed25519=$(awk '{print $2}' "$work/ed25519.pub")
real_rsa=$(awk '{print $2}' "$work/rsa.pub")

# patient CASE before|after: a copy of the case's tree, with modes and owners, repaired or not
patient() {
	local case=$1 root=$work/patient f
	rm -rf "$root"; cp -a "$case/tree" "$root"; chown -R 0:0 "$root"
	find "$root" -type d -exec chmod 755 {} +; find "$root" -type f -exec chmod 644 {} +
	attrs=$case/attrs
	if [ "$2" = after ]; then
		[ ! -e "$case/expect.attrs" ] || attrs=$case/expect.attrs
		[ ! -e "$case/expect.removed" ] || while read -r f; do rm -rf "${root:?}$f"; done <"$case/expect.removed"
		[ ! -e "$case/expect.dirs" ] || while read -r f; do mkdir -p "$root$f"; done <"$case/expect.dirs"
		[ ! -d "$case/expect.tree" ] || cp -r --remove-destination "$case/expect.tree/." "$root"
	fi
	grep '^dir ' "$case/attrs" | while read -r _ f; do mkdir -p "$root$f"; done
	mkdir -p "$root/root" "$root/home" "$root/etc/ssh"
	for f in "$root"/home/*/.ssh/* "$root"/root/.ssh/* "$root"/etc/ssh/keys/* "$root"/etc/ssh/revoked_keys; do
		[ -f "$f" ] || continue
		sed -i "s#$fake_ed25519#$real_ed25519#; s#$fake_rsa#$real_rsa#" "$f"
		# a key broken in two is broken at the same place in ours
		grep -q "^ssh-ed25519 ${fake_ed25519:0:20}" "$f" || continue
		n=$(awk '/^ssh-ed25519/ {print length($2); exit}' "$f")
		sed -i "s#${fake_ed25519:0:n}#${real_ed25519:0:n}#; s#${fake_ed25519:n}#${real_ed25519:n}#" "$f"
	done
	for f in "$root"/etc/ssh/ssh_host_*_key; do
		if [ -f "$f" ] && grep -q 'for the tests' "$f"; then cat "$work/host" >"$f"; fi
	done
	while read -r mode uid gid f; do
		case $mode in dir | link | fifo) continue ;; esac
		[ -e "$root$f" ] || continue
		chown "$uid:$gid" "$root$f"; chmod "$mode" "$root$f"
	done <"$attrs"
}

# Starts sshd on the patient's files and logs in; prints IN or the client's last words.
login() {
	unshare -m bash -s "$work" "$sshd" <<'NS'
work=$1 sshd=$2 root=$1/patient
mount --make-rprivate / || exit 2
mkdir -p "$work/keep"; cp "$work/ed25519" "$work/rsa" "$work/keep/"; chmod 600 "$work"/keep/*
mkdir -p /run/sshd 2>/dev/null; mount -t tmpfs none /run && mkdir -m 755 /run/sshd
for f in passwd group shadow; do [ ! -e "$root/etc/$f" ] || mount --bind "$root/etc/$f" "/etc/$f"; done
mount --bind "$root/etc/ssh" /etc/ssh
mount --bind "$root/home" /home
mount --bind "$root/root" /root
for i in 1 2 3 4 5; do
	port=$((12000 + RANDOM % 20000)) # below the ports that connections take
	: >"$work/log"
	$sshd -D -e -p $port -o ListenAddress=127.0.0.1 -f /etc/ssh/sshd_config >"$work/log" 2>&1 &
	pid=$!
	for n in $(seq 100); do
		grep -q "listening on" "$work/log" && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.05
	done
	grep -q "Address already in use" "$work/log" || break
done
if kill -0 $pid 2>/dev/null; then
	user=$(awk -F: '$3 >= 1000 && $3 < 60000 {print $1; exit}' /etc/passwd)
	timeout 10 ssh -F /dev/null -i "$work/keep/ed25519" -i "$work/keep/rsa" -p $port -o BatchMode=yes \
		-o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o GlobalKnownHostsFile=/dev/null \
		"${user:-root}@127.0.0.1" 'echo IN' 2>"$work/client" </dev/null | grep -x IN || tail -1 "$work/client"
	kill $pid; wait $pid 2>/dev/null
else
	tail -1 "$work/log"
fi
NS
}

count=0
check() { # check NAME WANTED(in|out)
	local got
	got=$(login)
	count=$((count + 1))
	if { [ "$2" = in ] && [ "$got" = IN ]; } || { [ "$2" = out ] && [ "$got" != IN ]; }; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		printf '%s\n' "$got" | head -2 | sed 's/^/# /'
		tail -3 "$work/log" | tr -d '\r' | sed 's/^/# sshd: /'
	fi
}

for case in sshd-*/*/; do
	case=${case%/}
	grep -q 'OpenSSH_9.2p' "$case/tree/usr/sbin/sshd" 2>/dev/null || continue
	# Without a configuration sshd does not start: its own check's cases restore it.
	case $case in sshd-unit/* | sshd-reach/* | sshd-privsep/* | sshd-drop-in/* | */folder-gone | sshd-host-keys/no-sshd-config) continue ;;
	# Of the lines that keep sshd from starting a few will do: test-corpus-sshd compares them all.
	sshd-bad-directive/typo | sshd-bad-directive/b* | sshd-bad-directive/second-subsystem) ;;
	sshd-bad-directive/*) continue ;; esac
	grep -q '^blocks-login' "$case/expect.findings" || continue
	patient "$case" before; check "$case: turned away" out
	grep -q '^blocks-login \(none\|offered\)' "$case/expect.findings" && continue
	patient "$case" after; check "$case: let in after the repair" in
done
for case in healthy/sshd-*/; do
	case=${case%/}
	grep -q 'OpenSSH_9.2p' "$case/tree/usr/sbin/sshd" 2>/dev/null || continue
	# What lets people in there is no key of theirs, or not on this volume.
	case $case in */sshd-two-factor | */sshd-certificates-only | */sshd-password-* | */sshd-image-before-* | \
		*/sshd-home-on-another-volume | */sshd-session-recorder) continue ;; esac
	patient "$case" before; check "$case: let in" in
done
echo "1..$count"
