# SPDX-License-Identifier: GPL-2.0-or-later
# TAP for shell tests: `. tests/system/tap.sh`, then ok/is/like/skip, and done_testing at the end.
tap_n=0 tap_bad=0
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
ok() { # ok STATUS NAME
	tap_n=$((tap_n + 1))
	if [ "$1" = 0 ]; then echo "ok $tap_n - $2"; else echo "not ok $tap_n - $2"; tap_bad=$((tap_bad + 1)); fi
}
is() { # is GOT WANT NAME
	[ "$1" = "$2" ]; ok $? "$3"
	[ "$1" = "$2" ] || { printf '#   got:  %s\n' "$1"; printf '#   want: %s\n' "$2"; }
}
like() { # like TEXT REGEX NAME
	grep -qE -- "$2" <<<"$1"; ok $? "$3"
	grep -qE -- "$2" <<<"$1" || printf '#   no match for %s in: %s\n' "$2" "$(head -c 600 <<<"$1")"
}
skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $2 # SKIP $1"; } # skip REASON NAME
done_testing() { echo "1..$tap_n"; [ "$tap_bad" = 0 ]; exit $?; }
