# SPDX-License-Identifier: MIT
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/fuzz/xenstore.mk
include tests/fuzz/tools.mk
include tests/fuzz/vellumd.mk
include tests/fuzz/tools-stream.mk
include tests/fuzz/back.mk
include tests/system/local.mk
include tests/peer/state.mk
include tests/model/local.mk
