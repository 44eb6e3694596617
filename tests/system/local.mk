# SPDX-License-Identifier: MIT
# Tests in QEMU: run by tests/system/run, not by make check.
EXTRA_DIST += tests/system
