#!/bin/bash
# SPDX-License-Identifier: MIT
# Kernel images and config files that are wrong are refused in a line, and leave nothing behind.
. "$(dirname "$0")/lib.sh"
dom0_args="vellum.net=none" boot bad badimages.sh
finish
