#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the repairs make is taken by GRUB's own programs: every grub.cfg of an expected tree by
# grub-script-check, every grubenv by grub-editenv, with 1024 bytes; and the same variables are read from it
# as before, but for those that were repaired.
set -eu
cd "$(dirname "$0")/../.."
n=0 failed=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else
		echo "not ok $n - $2"
		failed=1
	fi
}
command -v grub-script-check >/dev/null && command -v grub-editenv >/dev/null || {
	echo "1..0 # SKIP grub-script-check and grub-editenv are not here"
	exit 0
}
for file in $(find tests/checks/*/*/expect.tree -name grub.cfg | sort); do
	rc=0
	grub-script-check "$file" || rc=1
	result $rc "$file is a script of GRUB's"
done
for file in $(find tests/checks/*/*/expect.tree -name grubenv | sort); do
	rc=0
	grub-editenv "$file" list >/dev/null || rc=1
	[ "$(stat -c %s "$file")" = 1024 ] || rc=1
	before=$(echo "$file" | sed 's,/expect.tree/,/tree/,')
	for name in $(grub-editenv "$before" list 2>/dev/null | cut -d= -f1); do
		case $name in saved_entry | kernelopts) continue ;; esac
		[ "$(grub-editenv "$file" list | grep "^$name=")" = "$(grub-editenv "$before" list | grep "^$name=")" ] || rc=1
	done
	result $rc "$file is an environment block"
done
# Whatever the menus of the cases are, they are scripts before a repair as well: else the first part proves nothing.
for file in $(find tests/checks/boot-*/*/tree tests/checks/healthy/boot-*/tree -name grub.cfg -size +1 | sort); do
	rc=0
	tr -d '\000' <"$file" | grub-script-check || rc=1
	[ $rc = 0 ] || result $rc "$file is a script of GRUB's"
done
echo "1..$n"
exit $failed
