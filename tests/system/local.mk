# SPDX-License-Identifier: MIT
# Tests in QEMU: run by tests/system/run, not by make check.
EXTRA_DIST += tests/system
noinst_PROGRAMS += tests/system/socket-talk
tests_system_socket_talk_SOURCES = tests/system/socket-talk.c
tests_system_socket_talk_LDFLAGS = -static
