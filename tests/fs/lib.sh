# SPDX-License-Identifier: GPL-2.0-or-later
# For the scripts of this folder: TAP, private mounts, images. Source it first; end with `plan`.
set -u
PATH=$PATH:/usr/sbin:/sbin
# Mounts of a test are nobody else's, and gone with it.
if [ "$(id -u)" = 0 ] && [ -z "${IN_NAMESPACE:-}" ]; then
	IN_NAMESPACE=1 exec unshare -m --propagation slave "$0" "$@"
fi
tool=$TESTS/fs/tool-volume
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rescue-fs.XXXXXX")
mkdir -m 700 "$tmp/work" "$tmp/mnt"
trap 'umount -R "$tmp/mnt" 2>/dev/null; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
count=0
ok() { count=$((count + 1)); echo "ok $count - $1"; }
not_ok() { count=$((count + 1)); echo "not ok $count - $1"; }
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
# check NAME COMMAND...: passes when the command succeeds
check() {
	local said=$1; shift
	if "$@" >check.log 2>&1; then ok "$said"; else not_ok "$said"; sed 's/^/# /' check.log; fi
}
# same NAME EXPECTED ACTUAL
same() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; echo "# expected: $2" | head -20; echo "# actual:   $3" | head -20; fi
}
plan() { echo "1..$count"; exit 0; }
need_root() {
	if [ "$(id -u)" != 0 ]; then skip "$1" "needs root"; plan; fi
	if ! [ -e /dev/loop-control ] || ! [ -e /dev/fuse ]; then skip "$1" "needs loop devices and FUSE"; plan; fi
}
have_fs() { grep -qw "$1" /proc/filesystems || modprobe -q "$1" 2>/dev/null; }
sum() { if command -v openssl >/dev/null; then openssl dgst -sha256 -r <"$1"; else sha256sum <"$1"; fi; }
# A small root: enough to be told as one.
make_tree() {
	mkdir -p "$1"/{etc/ssh,usr/bin,usr/lib,bin,sbin,boot,var,home,root,dev,proc}
	echo "root:x:0:0:root:/root:/bin/sh" >"$1/etc/passwd"
	echo 'ID=test' >"$1/etc/os-release"
	echo "${2:-# nothing}" >"$1/etc/fstab"
	echo "Port 22" >"$1/etc/ssh/sshd_config"
	ln -s ../../etc/os-release "$1/usr/lib/os-release"
	ln -s /etc/ssh/sshd_config "$1/root/config"
}
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# Loop devices and mounts of ours that outlived their process.
leftovers() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		left=$(grep -ls "$tmp" /sys/block/loop*/loop/backing_file; grep -s "$tmp/work" /proc/self/mountinfo; ls -A "$tmp/work")
		[ -n "$left" ] || break
		sleep 0.2
	done
	echo "$left"
}
