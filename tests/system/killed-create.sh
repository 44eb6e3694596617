#!/bin/bash
# SPDX-License-Identifier: MIT
# xl create is killed at any step: nothing of the guest is left.
exec "$(dirname "$0")/../peer/killed-create"
