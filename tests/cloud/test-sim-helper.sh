#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real machine in the embedded cloud: what ssh, sudo and dd see of it, who is kept out, and how it ends.
. tests/system/tap.sh
[ "$(id -u)" = 0 ] || { skip "namespaces need root" "a real machine"; done_testing; exit; }
exec python3 tests/cloud/helper.py
