#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Job: an interactive shell with the modules loaded.
echo "Modules loaded; tests are in /selftests, the demo in /demo. Leave: exit"
cd /root && exec sh -i
