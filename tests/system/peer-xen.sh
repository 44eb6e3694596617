#!/bin/bash
# SPDX-License-Identifier: MIT
# Our image and our xl on Debian's Xen.
. "$(dirname "$0")/lib.sh"
hypervisor=$image/xen
hv_args="dom0_max_vcpus=1" dom0_args="vellum.cpus=1" boot boot boot.sh
hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl vellum.net=none" boot life life.sh
finish
