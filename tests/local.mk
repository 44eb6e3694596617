# SPDX-License-Identifier: MIT
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/fuzz/xenstore.mk
include tests/system/local.mk
include tests/model/local.mk
