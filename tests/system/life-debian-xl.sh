#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's xl, unchanged, runs a stock guest's whole life on Vellum, with one CPU and with two.
. "$(dirname "$0")/lib.sh"
for n in ${CPUS:-1 2}; do
    smp=$n hv_args="dom0_max_vcpus=$n" dom0_args="vellum.xl=xl-debian vellum.vcpus=$n vellum.net=none" boot "smp$n" life.sh
done
finish
