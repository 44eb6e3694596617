/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_TOP_TOP_H
#define TOOLS_TOP_TOP_H

#include <stdio.h>

#include "top/sample.h"

enum top_order { ORDER_NAME, ORDER_CPU, ORDER_PERCENT, ORDER_MEMORY, ORDER_VCPUS, ORDER_NET, ORDER_DISK, ORDERS };

struct top_options {
    bool batch, json, full_names, nets, disks, vcpus;
    long iterations;            /* -1: for ever */
    double delay;               /* seconds */
    enum top_order order;
    bool reversed;
};

/* The header, and one domain's row, in xentop's columns; without a newline. */
void top_header(const struct top_options *o, const struct sample *s, char *line, size_t room);
void top_row(const struct top_options *o, const struct sample *s, const struct sample_domain *d, char *line,
             size_t room);

/* Sort a sample's domains. */
void top_sort(struct sample *s, enum top_order order, bool reversed);
const char *top_order_name(enum top_order order);

void top_print(const struct top_options *o, const struct sample *s, FILE *to);
void top_print_json(const struct sample *s, FILE *to);

/* The interactive display; an exit code. */
int top_screen(struct vl *vl, struct top_options *o);

#endif
