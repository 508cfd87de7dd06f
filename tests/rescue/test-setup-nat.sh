#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --setup-nat on the way through the cloud: "vpc" becomes the range that the cloud names, a range that is none stops
# nothing, and the second rescue finds nothing to do on
# the volume.
. tests/system/tap.sh; . tests/cloud/sim.sh; . tests/rescue/world.sh
IMAGE=$(patient_image)
world 1
on_volume() { debugfs -R "cat $1" "$SIM/volumes/$(volume_id 1).img?offset=1048576" 2>/dev/null; }
sum=$(volume_sum 1)
rescue --setup-nat 10.0.0/16
is "$RC" 2 "a range of three numbers is refused"
like "$(cat "$T/err")" 'write it as 10\.0\.0\.0/16' "and it says how to write it"
is "$(volume_sum 1) $(at_home 1)" "$sum " "before anything begins"
rescue --setup-nat vpc
is "$RC" 0 "the rescue makes a NAT instance of it"
[ "$RC" = 0 ] || sed 's/^/# /' "$T/out" "$T/err"
is "$(at_home 1)" "" "everything is home"
is "$(on_volume /etc/sysconfig/iptables | grep -c -e '-A POSTROUTING -s 10.0.0.0/16 -o eth0 -j MASQUERADE')" 1 "one rule translates for the VPC"
is "$(on_volume /etc/sysconfig/iptables | grep -e '-A FORWARD' | head -1)" "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" "answers get through before what is dropped"
like "$(on_volume /etc/sysctl.d/90-nat.conf)" 'net.ipv4.ip_forward = 1' "the kernel forwards"
sum=$(volume_sum 1)
rescue --setup-nat vpc
is "$(grep -c nat-setup "$T/out")" 0 "once more, there is nothing to do"
is "$(volume_sum 1)" "$sum" "and nothing is written"
done_testing
