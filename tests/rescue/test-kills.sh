#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 before and after each call that changes something, resumed here and on a machine that has only the tags.
exec python3 "$SRC/tests/rescue/prove.py" --mutating kills away
