#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Job: the demonstration that "make run" shows.
cd /demo && exec ./demo.sh /demo/input.txt
