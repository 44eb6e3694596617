# SPDX-License-Identifier: MIT
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/fuzz/xenstore.mk
include tests/fuzz/back.mk
include tests/system/local.mk
