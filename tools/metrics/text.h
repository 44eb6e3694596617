/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_METRICS_TEXT_H
#define TOOLS_METRICS_TEXT_H

#include <stdio.h>

#include "top/sample.h"

/* A sample in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
void metrics_print(const struct sample *s, FILE *to);

#endif
