# SPDX-License-Identifier: MIT
# Tests and benchmarks in QEMU: run by tests/system/run and tests/bench/*/run, not by make check.
EXTRA_DIST += tests/system tests/bench tests/peer tests/dist
noinst_PROGRAMS += tests/system/socket-talk tests/system/end-guest tests/system/hold-at
tests_system_socket_talk_SOURCES = tests/system/socket-talk.c
tests_system_socket_talk_LDFLAGS = -static
tests_system_hold_at_SOURCES = tests/system/hold-at.c
tests_system_hold_at_LDFLAGS = -static
tests_system_end_guest_SOURCES = tests/system/end-guest.c
tests_system_end_guest_CPPFLAGS = $(XENCTRL_CFLAGS)
tests_system_end_guest_LDADD = $(XENCTRL_LIBS)
