# SPDX-License-Identifier: MIT
# Models of protocols, checked by spin; the test is skipped, and says so, where spin is missing.
EXTRA_DIST += tests/model/ring.pml tests/model/run
TESTS += tests/model/run
