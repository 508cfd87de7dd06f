#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each call that changes something fails once in each of three ways. (All calls in all ways: tests/rescue/prove.py calls)
exec python3 "$SRC/tests/rescue/prove.py" --mutating --kinds refused,lost-after,lost-before calls
