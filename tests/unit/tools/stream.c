/* SPDX-License-Identifier: MIT */
/* Streams of saved guests: written and read back on models, cut, damaged, compressed; and the live loop on a model. */
#include <check.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "messages.h"
#include "model.h"
#include "state/live.h"
#include "state/vcpu.h"
#include "../run-suite.h"

#define JSON "{ \"a\": 1 }\n"
#define CUTS 200

static int memory_file(void)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static struct model *guest;
static uint8_t *stream;         /* the guest's, with its head */
static size_t stream_len;

static int write_guest(int level)
{
    struct vl_out out;
    int fd = memory_file();

    ck_assert_int_eq(vl_out_open(&out, fd, "f", level), 0);
    ck_assert_int_eq(vl_head_write(&out, JSON, strlen(JSON)), 0);
    ck_assert_int_eq(model_write(guest, &out), 0);
    ck_assert_uint_eq(guest->mapped, 0);
    vl_out_close(&out);
    return fd;
}

static void setup(void)
{
    int fd;

    messages_start();
    guest = model_new();
    model_populate(guest);
    fd = write_guest(0);
    stream_len = (size_t)lseek(fd, 0, SEEK_END);
    stream = malloc(stream_len);
    ck_assert_int_eq(pread(fd, stream, stream_len, 0), (ssize_t)stream_len);
    close(fd);
}

static void teardown(void)
{
    free(stream);
    model_free(guest);
    messages_end();
}

/* Read head and stream into a fresh model. The end of the file is where the stream must have ended. */
static int read_into(struct model *m, int fd, bool whole)
{
    struct vl_stream_sink sink = model_sink(m);
    struct vl_head head;
    struct vl_in in;
    int rc;

    lseek(fd, 0, SEEK_SET);
    vl_in_open(&in, fd, "f");
    rc = vl_head_read(&in, &head);
    if (!rc) {
        ck_assert_str_eq(head.json, JSON);
        ck_assert_uint_eq(head.json_len, strlen(JSON));
        rc = vl_stream_read(&in, &sink);
        free(head.json);
    }
    if (!rc && whole) {
        char word[5] = "";

        ck_assert_int_eq(vl_in_exact(&in, word, 4), 0);
        ck_assert_str_eq(word, "next");
    }
    vl_in_close(&in);
    ck_assert_uint_eq(m->mapped, 0);
    return rc;
}

static int read_bytes(struct model *m, const uint8_t *bytes, size_t len)
{
    int fd = memory_file(), rc;

    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    rc = read_into(m, fd, false);
    close(fd);
    return rc;
}

static void round_trip(int level)
{
    struct model *copy = model_new();
    int fd = write_guest(level);

    ck_assert_int_eq(write(fd, "next", 4), 4);
    ck_assert_int_eq(read_into(copy, fd, true), 0);
    close(fd);
    messages_expect("round trip", NULL);
    ck_assert_uint_eq(model_differ(guest, copy), MODEL_PAGES);
    ck_assert_uint_eq(copy->n_p2m, (MODEL_PAGES + 511) / 512);
    ck_assert_uint_eq(copy->vcpus, 1);
    ck_assert_uint_ge(copy->policies, 1);
    ck_assert_uint_eq(copy->ends, 1);
    ck_assert_uint_eq(copy->tsc.khz, 1000000);
    model_free(copy);
}

START_TEST(plain)
{
    round_trip(0);
}
END_TEST

START_TEST(compressed)
{
    round_trip(1);
    round_trip(19);
}
END_TEST

START_TEST(cut)
{
    for (unsigned i = 0; i < CUTS; i++) {
        struct model *copy = model_new();
        size_t len = i < 100 ? i * 8 : stream_len / CUTS * i;

        ck_assert_int_lt(read_bytes(copy, stream, len), 0);
        messages_expect("cut", "f ends early, after");
        ck_assert_uint_eq(copy->ends, 0);
        model_free(copy);
    }
}
END_TEST

START_TEST(cut_compressed)
{
    int fd = write_guest(3);
    size_t len = (size_t)lseek(fd, 0, SEEK_END);

    for (unsigned i = 1; i < 50; i++) {
        struct model *copy = model_new();

        ck_assert_int_eq(ftruncate(fd, (off_t)(len - len / 50 * i)), 0);
        ck_assert_int_lt(read_into(copy, fd, false), 0);
        messages_expect("cut", "f ends early, after");
        model_free(copy);
    }
    close(fd);
}
END_TEST

/* Where the n-th record of a type begins. */
static size_t record_at(uint32_t type, unsigned n)
{
    size_t at = sizeof(struct vl_head_raw) + 4 + strlen(JSON) + 1 + sizeof(struct vl_libxl_header) +
        sizeof(struct vl_record) + sizeof(struct vl_image_header) + sizeof(struct vl_domain_header);

    while (at < stream_len) {
        struct vl_record r;

        memcpy(&r, stream + at, sizeof(r));
        if (r.type == type && !n--)
            return at;
        at += sizeof(r) + ((r.length + 7ull) & ~7ull);
    }
    ck_abort_msg("no record %u", type);
    return 0;
}

#define HEAD (sizeof(struct vl_head_raw) + 4 + strlen(JSON) + 1)
#define LIBXL (HEAD + sizeof(struct vl_libxl_header) + sizeof(struct vl_record))

/* Put a number somewhere, and the stream must be refused with this message. */
static void refused(size_t at, const void *bytes, size_t len, const char *message)
{
    struct model *copy = model_new();
    uint8_t *saved = malloc(len);

    memcpy(saved, stream + at, len);
    memcpy(stream + at, bytes, len);
    ck_assert_int_lt(read_bytes(copy, stream, stream_len), 0);
    messages_expect(message, message);
    ck_assert_uint_eq(copy->ends, 0);
    memcpy(stream + at, saved, len);
    free(saved);
    model_free(copy);
}

static void refused32(size_t at, uint32_t value, const char *message)
{
    refused(at, &value, sizeof(value), message);
}

static void refused64(size_t at, uint64_t value, const char *message)
{
    refused(at, &value, sizeof(value), message);
}

START_TEST(bad_heads)
{
    refused32(0, 0, "does not hold a saved domain");
    refused32(32, 0x04030201, "another byte order");
    refused32(36, 1, "xl 4.5 or older");
    refused32(36, 7, "needs features 0x7");
    refused32(44, 1u << 30, "a configuration of 1073741824 bytes is too long");
    refused32(48, 1u << 20, "the configuration in it is damaged");
    refused32(HEAD, 0, "no version 2 stream of libxl's");
    refused32(HEAD + 8, htobe32(3), "no version 2 stream of libxl's");
    refused32(HEAD + 12, htobe32(1), "another byte order");
    refused32(HEAD + 12, htobe32(2), "converted streams of Xen 4.5");
    refused32(HEAD + 16, 3, "record 0x3 of 0 bytes where the guest's memory should begin");
    refused32(LIBXL, 0, "the domain image has no valid header");
    refused32(LIBXL + 12, htobe32(4), "version 4 is not supported");
    refused32(LIBXL + 16, htobe32(1u << 16), "another byte order");
    refused32(LIBXL + 24, 2, "a domain of type 2");
    refused32(LIBXL + 28, 13, "pages of 2^13 bytes");
}
END_TEST

START_TEST(bad_records)
{
    size_t info = record_at(VL_REC_PV_INFO, 0), p2m = record_at(VL_REC_P2M_FRAMES, 0);
    size_t pages = record_at(VL_REC_PAGE_DATA, 0), vcpu = record_at(VL_REC_VCPU_BASIC, 0);
    size_t policy = record_at(VL_REC_CPUID_POLICY, 0), done = record_at(VL_REC_END, 0);

    refused32(info + 4, 16, "record 0x2 has a wrong length");
    refused32(info + 8, 0x0304, "a guest of 32 bits with 3 levels");
    refused32(policy, 0x12, "record 0x12 has a wrong length");
    refused32(policy + 4, 0x20000, "record 0x11 is too long");
    refused32(policy, VL_REC_PV_INFO, "record 0x2 comes a second time");
    refused32(policy, 0x15, "unknown type 0x15 must not be passed over");
    refused32(policy, VL_REC_VERIFY, "verification streams");
    refused32(policy, VL_REC_CHECKPOINT, "checkpointed streams");
    refused32(policy, 0x7fffffff, "unknown type 0x7fffffff");
    refused32(policy, VL_REC_PAGE_DATA, "record 0x1 comes before the P2M's frames");
    refused32(policy, VL_REC_VCPU_XSAVE, "record 0x6 comes before any memory");
    refused32(info, VL_REC_OPTIONAL, "record 0x3 comes before the guest's width");
    refused32(p2m + 8, 5000, "record 0x3 has a wrong range");
    refused32(p2m + 12, 0xffffffff, "record 0x3 has a wrong range");
    refused32(p2m + 4, 0, "record 0x3 has a wrong length");
    refused32(p2m + 4, 0xfffffff8, "record 0x3 is too long");
    refused32(pages + 8, 0, "record 0x1 has an impossible count of pages");
    refused32(pages + 8, VL_BATCH + 1, "record 0x1 has an impossible count of pages");
    refused32(pages + 8, 0xffffffff, "record 0x1 has an impossible count of pages");
    refused32(pages + 4, 100 * VL_PAGE_SIZE, "record 0x1 has a wrong length");
    refused64(pages + 16, MODEL_PAGES, "page 0xbb8 lies outside the guest, whose last one is 0xbb7");
    refused64(pages + 16, 1ull << 55, "lies outside the guest");
    refused64(pages + 16, 5ull << 60, "has the unknown type 0x5");
    refused64(pages + 16, 8ull << 60, "has the unknown type 0x8");
    refused64(pages + 16, 0xfull << 60, "record 0x1 has a wrong length");
    refused32(vcpu + 8, 8192, "is for an impossible vCPU");
    refused32(vcpu, VL_REC_VCPU_MSRS, "record 0xc has a wrong length");
    refused32(vcpu + 4, 4, "record 0x4 has a wrong length");
    refused32(vcpu, VL_REC_OPTIONAL + 1, "ends without the guest's vCPUs");
    refused32(record_at(VL_REC_SHARED_INFO, 0), VL_REC_OPTIONAL, "ends without the guest's shared info");
    refused32(record_at(VL_REC_TSC_INFO, 0) + 4, 16, "record 0x8 has a wrong length");
    refused32(done + 4, 8, "record 0 has a wrong length");
    refused32(done + 8, 2, "record 0x2 after the guest's state");
}
END_TEST

START_TEST(optional_records)
{
    struct model *copy = model_new();
    uint32_t type = VL_REC_OPTIONAL | 77;

    memcpy(stream + record_at(VL_REC_CPUID_POLICY, 0), &type, sizeof(type));
    ck_assert_int_eq(read_bytes(copy, stream, stream_len), 0);
    ck_assert_uint_eq(model_differ(guest, copy), MODEL_PAGES);
    model_free(copy);
}
END_TEST

/* A table that maps a frame of nobody's: refused while the guest stands still, left for later while it runs. */
static unsigned late_pfn;

static void later(void *ctx, uint64_t pfn)
{
    (void)ctx;
    late_pfn = (unsigned)pfn;
}

START_TEST(foreign_entries)
{
    struct vl_stream_source source = model_source(guest);
    struct vl_batch *b = calloc(1, sizeof(*b));
    struct vl_scratch scratch = { 0 };
    struct vl_out out;
    unsigned pfn = 1004;
    uint64_t free_frame = 0;
    int fd = memory_file();

    while (guest->m2p[free_frame] != VL_NO_FRAME)
        free_frame++;
    ((uint64_t *)guest->frame[guest->p2m[pfn]])[3] = free_frame << 12 | 1;
    vl_out_open(&out, fd, "f", 0);
    for (b->n = 0; b->n < 3; b->n++)
        b->pfn[b->n] = pfn - 1 + b->n;
    ck_assert_int_eq(vl_pages_write(&out, &source, b, &scratch, NULL, NULL), -EDOM);
    messages_expect("entry", "the guest's page table 0x3ec (level 1) maps what is not the guest's: entry 3 is");
    ck_assert_uint_eq(lseek(fd, 0, SEEK_CUR), 0);
    for (b->n = 0; b->n < 3; b->n++)
        b->pfn[b->n] = pfn - 1 + b->n;
    ck_assert_int_eq(vl_pages_write(&out, &source, b, &scratch, later, NULL), 0);
    ck_assert_uint_eq(late_pfn, pfn);
    ck_assert_uint_eq(b->n, 2);
    ck_assert_uint_eq(out.total, 8 + 8 + 2 * 8 + 2 * VL_PAGE_SIZE);
    ck_assert_uint_eq(guest->mapped, 0);
    vl_out_close(&out);
    vl_scratch_free(&scratch);
    free(b);
    close(fd);
}
END_TEST

static uint64_t plus_ten(void *ctx, uint64_t frame)
{
    return frame == *(uint64_t *)ctx ? VL_NO_FRAME : frame + 10;
}

static uint64_t minus_ten(void *ctx, uint64_t frame)
{
    return frame == *(uint64_t *)ctx ? VL_NO_FRAME : frame - 10;
}

START_TEST(registers)
{
    vcpu_guest_context_x86_64_t c, was;
    uint64_t none = 77, start_info = 0;

    memset(&c, 0, sizeof(c));
    c.user_regs.rdx = 100;
    c.gdt_ents = 16;
    c.gdt_frames[0] = 200;
    c.gdt_frames[1] = 77;       /* beyond what it uses */
    c.ctrlreg[3] = 300 << 12;
    was = c;
    ck_assert_int_eq(vl_vcpu_to_guest(0, &c, plus_ten, &none), 0);
    ck_assert_uint_eq(c.user_regs.rdx, 110);
    ck_assert_uint_eq(c.gdt_frames[0], 210);
    ck_assert_uint_eq(c.ctrlreg[3], 310 << 12);
    ck_assert_uint_eq(c.ctrlreg[1], 0);
    ck_assert_int_eq(vl_vcpu_to_machine(0, &c, minus_ten, &none, &start_info), 0);
    ck_assert_uint_eq(start_info, 110);
    ck_assert_mem_eq(&c, &was, sizeof(c));
    c.ctrlreg[1] = 400 << 12;
    was = c;
    ck_assert_int_eq(vl_vcpu_to_guest(1, &c, plus_ten, &none), 0);
    ck_assert_uint_eq(c.user_regs.rdx, 100);
    ck_assert_uint_eq(c.ctrlreg[1], 410 << 12 | 1);
    ck_assert_int_eq(vl_vcpu_to_machine(1, &c, minus_ten, &none, &start_info), 0);
    ck_assert_mem_eq(&c, &was, sizeof(c));
    none = 300;
    ck_assert_int_lt(vl_vcpu_to_guest(1, &c, plus_ten, &none), 0);
    messages_expect("cr3", "vCPU 1: its page table 0x12c is none of the guest's frames");
    c.gdt_ents = 16 * 512 + 1;
    ck_assert_int_lt(vl_vcpu_to_machine(1, &c, minus_ten, &none, &start_info), 0);
    messages_expect("gdt", "a GDT of 8193 entries");
}
END_TEST

START_TEST(tables)
{
    uint64_t from[512] = { 0 }, to[512], none = 9;

    from[0] = 1000ull << 12 | 0x8000000000000067ull;
    from[1] = 9 << 12;          /* not present */
    from[300] = 9 << 12 | 1;
    ck_assert_uint_eq(vl_table_translate(1, from, to, plus_ten, &none), 300);
    from[300] = 0;
    ck_assert_uint_eq(vl_table_translate(1, from, to, plus_ten, &none), 512);
    ck_assert_uint_eq(to[0], 1010ull << 12 | 0x8000000000000067ull);
    ck_assert_uint_eq(to[1], 9 << 12);
    from[2] = 5 << 12 | 0x81;
    ck_assert_uint_eq(vl_table_translate(1, from, to, plus_ten, &none), 512);   /* PAT there */
    ck_assert_uint_eq(vl_table_translate(2, from, to, plus_ten, &none), 2);     /* a large page there */
    from[2] = 0;
    from[256] = from[271] = from[272] = 5 << 12 | 1;
    ck_assert_uint_eq(vl_table_translate(4, from, to, plus_ten, &none), 512);
    ck_assert_uint_eq(to[256] | to[271], 0);
    ck_assert_uint_eq(to[272], 15 << 12 | 1);
}
END_TEST

START_TEST(rate)
{
    struct vl_out out;
    struct timespec begin, now;
    uint8_t *bytes = calloc(1, 1 << 20);
    int fd = memory_file();

    vl_out_open(&out, fd, "f", 0);
    out.rate = 10 << 20;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(vl_out_exact(&out, bytes, 1 << 20), 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    ck_assert_int_ge((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000, 280);
    vl_out_close(&out);
    free(bytes);
    close(fd);
}
END_TEST

/* --- the live loop --------------------------------------------------------------------------------- */

#define PAGES 10000u

/* A guest that writes: each page is a number; sending takes time, in which it writes `rate` pages a millisecond. */
struct dirtying {
    unsigned now[PAGES], sent[PAGES];
    uint64_t dirty[PAGES / 64 + 1];
    uint64_t us, stopped_at;
    unsigned per_ms, hot;       /* it writes to the first `hot` pages */
    unsigned cost_us;           /* of a page on the wire */
    unsigned tables;            /* these cannot be sent while it runs, the last ones */
    bool stopped;
    uint32_t random;
};

static void run_for(struct dirtying *d, uint64_t us)
{
    uint64_t writes = d->stopped ? 0 : (d->us + us) * d->per_ms / 1000 - d->us * d->per_ms / 1000;

    d->us += us;
    while (writes--) {
        unsigned p;

        d->random = d->random * 1664525u + 1013904223u;
        p = (d->random >> 8) % d->hot;
        d->now[p]++;
        d->dirty[p / 64] |= 1ull << p % 64;
    }
}

static int live_send(void *ctx, const uint64_t *pages, uint64_t *again)
{
    struct dirtying *d = ctx;

    for (unsigned p = 0; p < PAGES; p++) {
        if (!(pages[p / 64] & 1ull << p % 64))
            continue;
        if (!d->stopped && p >= PAGES - d->tables)
            again[p / 64] |= 1ull << p % 64;
        else
            d->sent[p] = d->now[p];
        run_for(d, d->cost_us);
    }
    return 0;
}

static int live_written(void *ctx, uint64_t *pages)
{
    struct dirtying *d = ctx;

    memcpy(pages, d->dirty, (PAGES + 63) / 64 * 8);
    memset(d->dirty, 0, sizeof(d->dirty));
    return 0;
}

static int live_stop(void *ctx)
{
    struct dirtying *d = ctx;

    run_for(d, 500);
    d->stopped = true;
    d->stopped_at = d->us;
    return 0;
}

static uint64_t live_now(void *ctx)
{
    return ((struct dirtying *)ctx)->us;
}

static void live(unsigned per_ms, unsigned hot, unsigned tables, struct vl_live_result *result)
{
    struct dirtying *d = calloc(1, sizeof(*d));
    struct vl_live_ops ops = { .ctx = d, .count = PAGES, .send = live_send, .written = live_written,
                               .stop = live_stop, .now_us = live_now };
    struct vl_live_params params = { .rounds = 8, .downtime_us = 20000 };

    d->per_ms = per_ms;
    d->hot = hot;
    d->cost_us = 40;
    d->tables = tables;
    for (unsigned p = 0; p < PAGES; p++)
        d->now[p] = p + 1;
    ck_assert_int_eq(vl_live_run(&ops, &params, result), 0);
    ck_assert(d->stopped);
    ck_assert_mem_eq(d->now, d->sent, sizeof(d->now));
    ck_assert_uint_le(result->rounds, params.rounds + 1);
    free(d);
}

START_TEST(live_loop)
{
    struct vl_live_result r;

    live(0, 1, 0, &r);                          /* quiet: one round and an empty one */
    ck_assert_uint_eq(r.sent, PAGES);
    ck_assert_uint_eq(r.last, 0);
    live(5, PAGES, 0, &r);                      /* a fifth of the wire's speed: converges */
    ck_assert_uint_gt(r.rounds, 2);
    ck_assert_uint_le(r.last, 600);
    ck_assert_uint_le(r.downtime_us, 25000);
    live(100, 400, 0, &r);                      /* a small hot set: its size is what is left */
    ck_assert_uint_le(r.last, 400);
    ck_assert_uint_le(r.downtime_us, 20000);
    live(1000, PAGES, 0, &r);                   /* faster than the wire: gives up early */
    ck_assert_uint_le(r.rounds, 4);
    ck_assert_uint_gt(r.last, PAGES / 2);
    live(5, 1000, 300, &r);                     /* pages that are only right when it stands still */
    ck_assert_uint_ge(r.last, 300);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("stream");
    TCase *t = tcase_create("streams");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, plain);
    tcase_add_test(t, compressed);
    tcase_add_test(t, cut);
    tcase_add_test(t, cut_compressed);
    tcase_add_test(t, bad_heads);
    tcase_add_test(t, bad_records);
    tcase_add_test(t, optional_records);
    tcase_add_test(t, foreign_entries);
    tcase_add_test(t, registers);
    tcase_add_test(t, tables);
    tcase_add_test(t, rate);
    tcase_add_test(t, live_loop);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
