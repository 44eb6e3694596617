#!/bin/bash
# SPDX-License-Identifier: MIT
# Disks and interfaces are plugged and unplugged, by Debian's hotplug scripts too; failed and killed creations leave nothing.
. "$(dirname "$0")/lib.sh"
smp=2 hv_args="dom0_max_vcpus=2" boot devices devices.sh
finish
