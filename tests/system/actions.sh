#!/bin/bash
# SPDX-License-Identifier: MIT
# What on_poweroff, on_reboot and on_crash ask for happens.
. "$(dirname "$0")/lib.sh"
smp=2 hv_args="dom0_max_vcpus=2" dom0_args="vellum.net=none" boot actions actions.sh
finish
