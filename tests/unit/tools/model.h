/* SPDX-License-Identifier: MIT */
/*
 * Models of the two ends of a stream: a guest with machine frames in random order, holes and page tables, and a sink
 * that puts what it reads into frames of its own. For the unit tests and the fuzzer.
 */
#ifndef TESTS_UNIT_TOOLS_MODEL_H
#define TESTS_UNIT_TOOLS_MODEL_H

#include <stdbool.h>

#include "state/stream.h"

#define MODEL_PAGES 3000u       /* of the guest's P2M */
#define MODEL_FRAMES 8192u      /* of the machine */
#define MODEL_P2M_AT 100u       /* the P2M's own pages, from here on */

struct model {
    uint64_t p2m[MODEL_PAGES];          /* VL_NO_FRAME: a hole */
    uint64_t m2p[MODEL_FRAMES];
    uint8_t type[MODEL_PAGES];
    uint8_t (*frame)[VL_PAGE_SIZE];     /* the machine's memory */
    unsigned mapped;                    /* batches under way */
    /* As a sink: */
    uint64_t next, last, n_p2m;
    unsigned vcpus, policies, ends;
    uint8_t shared_info[VL_PAGE_SIZE], scratch[VL_BATCH][VL_PAGE_SIZE] __attribute__((aligned(8)));
    struct vl_tsc_info tsc;
};

struct model *model_new(void);
void model_free(struct model *m);
/* A guest with memory, tables (some pinned) and holes. */
void model_populate(struct model *m);
struct vl_stream_source model_source(struct model *m);
struct vl_stream_sink model_sink(struct model *m);
/* The whole stream of a model, without the head: 0 or -errno. */
int model_write(struct model *m, struct vl_out *out);
/* Do both hold the same guest? The number of the first page that differs, or MODEL_PAGES. */
unsigned model_differ(const struct model *a, const struct model *b);

#endif
