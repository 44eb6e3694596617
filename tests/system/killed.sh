#!/bin/bash
# SPDX-License-Identifier: MIT
# xl create is killed at any step: nothing of the guest is left.
. "$(dirname "$0")/lib.sh"
# On Debian's Xen: what is tested is the toolstack.
hypervisor=$image/xen
dom0_args="vellum.net=none" boot killed killed.sh
finish
