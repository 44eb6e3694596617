#!/bin/bash
# SPDX-License-Identifier: MIT
# CPU time by weight and cap, as `xl sched-credit2` sets them; a paused guest has none.
. "$(dirname "$0")/lib.sh"
# In the emulator: a second of the machine is as many instructions, whatever else this host does. (QEMU 7.2 does so for one
# CPU alone: of two, one can stand for ever before an access to its APIC.)
[ "$accel" != tcg ] || qemu+=(-icount shift=2,sleep=off)
smp=1 dom0_args="vellum.net=none" boot sched sched.sh
finish
