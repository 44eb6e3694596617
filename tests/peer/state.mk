# SPDX-License-Identifier: MIT
# For tests/system/state: what checks memory in the guest, and what compares two saved states in dom0.
noinst_PROGRAMS += tests/peer/memory-check tests/peer/stream-compare
tests_peer_memory_check_SOURCES = tests/peer/memory-check.c
tests_peer_memory_check_CFLAGS = $(AM_CFLAGS) -O2
tests_peer_memory_check_LDFLAGS = -static
tests_peer_stream_compare_SOURCES = tests/peer/stream-compare.c tools/libvellum/state/format.h
tests_peer_stream_compare_CPPFLAGS = -I$(srcdir)/tools/libvellum
tests_peer_stream_compare_CFLAGS = $(AM_CFLAGS) -O2
tests_peer_stream_compare_LDFLAGS = -static
