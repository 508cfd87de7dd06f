#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each call that changes something fails once in each way; kill -9 before and after each of them, resumed here
# and on another machine. (All calls: tests/rescue/prove.py without --mutating.)
exec python3 "$SRC/tests/rescue/prove.py" --mutating --kinds refused,http5xx,lost-after,lost-before calls kills away
