#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A volume on which nothing is wrong: everything borrowed goes home, nothing is written.
. tests/system/tap.sh; . tests/cloud/sim.sh; . tests/rescue/world.sh
IMAGE=$(patient_image)
world 1
sum=$(volume_sum 1)
rescue
is "$RC" 0 "a healthy volume ends with status 0"
like "$(cat "$T/out")" "healthy: nothing on $(volume_id 1) explains the trouble" "and says so"
is "$(at_home 1)" "" "everything is home"
is "$(volume_sum 1)" "$sum" "not one byte of the volume was written"
like "$(cat "$T/out")" "snapshot of the volume before the repair: snap-" "the snapshot is named"
like "$("$EC2_RESCUE" runs --state-dir "$STATE")" "healthy" "the run is listed"
is "$(stat -c %a "$STATE" "$STATE/runs" "$STATE"/runs/* | sort -u)" 700 "the state directory is private"
done_testing
