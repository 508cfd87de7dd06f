#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each drill shows what it is about and ends well, from the tree and as it is installed, and leaves nothing behind.
. tests/system/tap.sh
tool=$BUILD/ec2-rescue
"$tool" drill nowhere >"$T/out" 2>"$T/err"; is $? 2 "no such drill"
like "$(cat "$T/err")" 'there are: anywhere, nat, net, spot' "those that there are"
make -s BUILD="$BUILD" PREFIX="$T/usr" install >"$T/install" 2>&1; is $? 0 "installed"
systemd-analyze verify --man=no "$T"/usr/lib/systemd/system/* >"$T/units" 2>&1; is "$?$(cat "$T/units")" 0 "systemd takes the units"
mkdir "$T/tmp"
TMPDIR=$T/tmp "$T/usr/bin/ec2-rescue" drill anywhere >"$T/out" 2>"$T/err"; is $? 0 "anywhere"
out=$(cat "$T/out")
for way in self snapshot replace; do like "$out" "^$way +[0-9]+ s " "the table has $way"; done
[ "$(id -u)" = 0 ] && like "$out" "^helper +[0-9]+ s +[0-9]+ blocks +[0-9]+ KiB " "and helper"
TMPDIR=$T/tmp "$T/usr/bin/ec2-rescue" drill spot >"$T/spot" 2>>"$T/err"; is $? 0 "spot"
like "$(cat "$T/spot")" 'every record is there' "and its records are there"
TMPDIR=$T/tmp "$T/usr/bin/ec2-rescue" drill net >"$T/net" 2>>"$T/err"; is $? 0 "net"
[ "$(id -u)" = 0 ] && like "$(cat "$T/net")" 'ok +sshd answers' "and sshd answers behind what was opened"
TMPDIR=$T/tmp "$T/usr/bin/ec2-rescue" drill nat >"$T/nat" 2>>"$T/err"; is $? 0 "nat"
[ "$(id -u)" = 0 ] && like "$(cat "$T/nat")" 'ok +the private host reaches the outside' "and the private host gets out"
is "$(ls "$T/tmp")" "" "nothing is left behind"
tail -3 "$T/err" | sed 's/^/# /'
done_testing
