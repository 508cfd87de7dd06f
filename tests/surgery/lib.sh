# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests of this folder: `. tests/surgery/lib.sh`. $T is readable by everybody, $T/state holds records.
# Mounts of its own: another process that copies the mount table at this moment would keep a file system
# mounted, and its image changing, after our umount.
if [ "$(id -u)" = 0 ] && [ -z "${IN_NAMESPACE:-}" ]; then IN_NAMESPACE=1 exec unshare -m --propagation slave "$0" "$@"; fi
. tests/system/tap.sh
chmod 755 "$T"
export TMPDIR=$T/scratch
mkdir -m 1777 "$TMPDIR" "$T/state"
mounted=
clean_up() { [ -z "$mounted" ] || umount -q $mounted; rm -rf "$T"; }
trap clean_up EXIT

is_root() { [ "$(id -u)" = 0 ]; }
# Without privilege, also when the tests run as root.
as_user() { if is_root; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
run() { out=$("$@" 2>"$T/err" </dev/null); rc=$?; err=$(cat "$T/err"); }
sum() { sha256sum <"$1" | cut -c-16; }
json() { python3 -c "import json,sys; d=json.load(open('$T/out.json')); print($1)"; } # json EXPRESSION over d
patient() { # patient OUT [FAULT...]: an image; everybody may read it, nobody's when we are root
	SIZE=${SIZE:-64M} KEY=$T/key tests/patient/make "$@" 2>"$T/make.err" || { echo "Bail out! tests/patient/make: $(cat "$T/make.err")"; exit 1; }
	is_root && chown 65534:65534 "$1"
	chmod 644 "$1"
}
tree_of() { # tree_of IMAGE DIR: its files as a directory
	mkdir -p "$2"
	debugfs -R "rdump / $2" "$1?offset=1048576" >/dev/null 2>&1
}
