#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The rescue on an EC2 server that is not ours and falls short of EC2 in one way after the other.
exec python3 "$SRC/tests/rescue/strangers.py"
