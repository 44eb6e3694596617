#!/bin/bash
# SPDX-License-Identifier: MIT
# 100 guests created and destroyed in a row, 25 at once: nothing is left behind.
. "$(dirname "$0")/lib.sh"
dom0_args="vellum.xl=${XL_COMMAND:-xl} vellum.net=none" boot many many.sh
finish
