#!/bin/bash
# SPDX-License-Identifier: MIT
# A guest's disk comes from a driver domain, where xl devd runs what dom0 does otherwise.
exec "$(dirname "$0")/../peer/driver-domain"
