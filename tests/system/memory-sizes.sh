#!/bin/bash
# SPDX-License-Identifier: MIT
# The hypervisor finds its way on machines with 384 MiB and with 4 GiB, part of that above the PCI hole.
. "$(dirname "$0")/lib.sh"
mem=384 dom0_mem=256 dom0_args="vellum.dom0=256 vellum.host=384 vellum.net=none" boot 384M memory.sh
mem=4096 dom0_mem=512 dom0_args="vellum.dom0=512 vellum.host=4096 vellum.net=none" boot 4G memory.sh
finish
