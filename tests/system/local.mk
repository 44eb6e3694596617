# SPDX-License-Identifier: MIT
# Tests and benchmarks in QEMU: run by tests/system/run and tests/bench/*/run, not by make check.
EXTRA_DIST += tests/system tests/bench tests/peer tests/dist
