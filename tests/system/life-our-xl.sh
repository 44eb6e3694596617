#!/bin/bash
# SPDX-License-Identifier: MIT
# Our xl runs a stock guest's whole life on Vellum.
. "$(dirname "$0")/lib.sh"
smp=2 hv_args="dom0_max_vcpus=2" dom0_args="vellum.xl=xl vellum.vcpus=2 vellum.net=none" boot smp2 life.sh
finish
