# SPDX-License-Identifier: MIT
# Host unit tests. Each room's tests are one file here: tests/unit/ROOM.mk.
EXTRA_DIST += tests/unit/run-suite.h
UNIT_SAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
UNIT_CPPFLAGS = -I$(srcdir)/tests/unit/fake -I$(srcdir)/hypervisor/include -DHV_FAKE_CPU=1 -DHV_DEBUG=1 $(CHECK_CFLAGS)
UNIT_CFLAGS = $(AM_CFLAGS) $(UNIT_SAN) -g -O1
include tests/unit/hv-fake.mk
include tests/unit/hv-lib.mk
include tests/unit/hv-cpu.mk
include tests/unit/hv-event.mk
include tests/unit/hv-grant.mk
include tests/unit/hv-sched.mk
include tests/unit/hv-mm.mk
include tests/unit/hv-policy.mk
include tests/unit/hv-control.mk
include tests/unit/tools.mk
include tests/unit/xenstore.mk
include tests/unit/front.mk
include tests/unit/back.mk
include tests/unit/vellumd.mk
