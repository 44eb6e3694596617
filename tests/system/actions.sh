#!/bin/bash
# SPDX-License-Identifier: MIT
# What on_poweroff, on_reboot and on_crash ask for happens.
. "$(dirname "$0")/lib.sh"
# On Debian's Xen: what is tested is the toolstack.
hypervisor=$image/xen
dom0_args="vellum.net=none" boot actions actions.sh
finish
