/* SPDX-License-Identifier: MIT */
/* A guest of a fake hypervisor, saved through its P2M and restored into another domain; and states that must not be. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake-xen.h"
#include "messages.h"
#include "state/source.h"
#include "state/target.h"
#include "state/vcpu.h"
#include "../run-suite.h"

#define PAGES 2000u
#define VCPUS 2u
#define P2M_VA 0xffffc90000200000ull
/* Where things lie in the guest. */
enum { P2M = 10, L4 = 20, L3, L2, L1, START_INFO = 30, STORE, CONSOLE, GDT = 40 };

static struct vl vl = { .xc = (xc_interface *)&vl };
static uint64_t p2m[PAGES];

static bool hole(unsigned pfn)
{
    return pfn >= 1500 && pfn < 1600;
}

static void entry(unsigned table, unsigned slot, unsigned pfn)
{
    ((uint64_t *)fake_frame(p2m[table]))[slot] = p2m[pfn] << 12 | 0x67;
}

static void write_tables(void)
{
    for (unsigned t = L4; t <= L1; t++)
        memset(fake_frame(p2m[t]), 0, VL_PAGE_SIZE);
    entry(L4, P2M_VA >> 39 & 511, L3);
    entry(L3, P2M_VA >> 30 & 511, L2);
    entry(L2, P2M_VA >> 21 & 511, L1);
    for (unsigned i = 0; i < 4; i++) {
        entry(L1, i, P2M + i);
        for (unsigned j = 0; j < 512; j++)
            ((uint64_t *)fake_frame(p2m[P2M + i]))[j] = i * 512 + j < PAGES ? p2m[i * 512 + j] : ~0ull;
    }
    entry(L1, 100, 1999);       /* a page that comes after its table */
    for (unsigned t = L4; t <= L1; t++)
        fake_pinned[p2m[t]] = (uint8_t)(L1 - t + 1);
}

/* The guest as it is once it has suspended. */
static void make_guest(void)
{
    struct fake_domain *d = &fake_domain[1];
    shared_info_t *si;
    start_info_t *start;

    for (unsigned pfn = 0; pfn < PAGES; pfn++) {
        p2m[pfn] = hole(pfn) ? ~0ull : fake_take(1);
        if (!hole(pfn))
            memset(fake_frame(p2m[pfn]), (int)(pfn * 7 + pfn / 256), VL_PAGE_SIZE);
    }
    write_tables();
    start = fake_frame(p2m[START_INFO]);
    start->store_mfn = STORE;
    start->console.domU.mfn = CONSOLE;
    d->shared_info_mfn = fake_take(1);
    si = fake_frame(d->shared_info_mfn);
    memset(si, 0, VL_PAGE_SIZE);
    si->arch.max_pfn = PAGES;
    si->arch.p2m_cr3 = p2m[L4] << 12;
    si->arch.p2m_vaddr = P2M_VA;
    si->vcpu_info[1].arch.cr2 = 0x1234;
    si->vcpu_info[1].time.version = 2;
    si->vcpu_info[1].time.tsc_timestamp = 1111;
    si->evtchn_pending[0] = 5;
    d->vcpus = VCPUS;
    d->tsc_khz = 2000000;
    memset(d->xsave, 0x5a, sizeof(d->xsave));
    for (unsigned v = 0; v < VCPUS; v++) {
        d->context[v].user_regs.rip = 0x1000 + v;
        d->context[v].user_regs.rdx = v ? 99 : p2m[START_INFO];
        d->context[v].gdt_ents = 16;
        d->context[v].gdt_frames[0] = p2m[GDT];
        d->context[v].ctrlreg[3] = p2m[L4] << 12;
        d->context[v].ctrlreg[1] = v ? p2m[L4] << 12 : 0;
    }
}

static int write_state(struct vl_out *out)
{
    struct vl_guest_source g;
    struct vl_stream_source source;
    struct vl_scratch scratch = { 0 };
    struct vl_batch *b = calloc(1, sizeof(*b));
    struct vl_p2m_range range = { 0, PAGES - 1 };
    uint64_t frames[4];
    int rc = vl_source_open(&g, &vl, 1, PAGES);

    source = vl_source_ops(&g);
    if (!rc)
        rc = vl_stream_begin(out, 4, 17);
    if (!rc)
        rc = vl_policy_write(&vl, 1, out);
    for (unsigned i = 0; i < 4 && !rc; i++)
        frames[i] = vl_source_pfn(&g, g.frames[i]);
    if (!rc)
        rc = vl_record_write(out, VL_REC_STATIC_DATA_END, NULL, 0, NULL, 0);
    if (!rc)
        rc = vl_record_write(out, VL_REC_P2M_FRAMES, &range, sizeof(range), frames, sizeof(frames));
    for (unsigned pfn = 0; pfn < PAGES && !rc;) {
        for (b->n = 0; pfn < PAGES && b->n < VL_BATCH; pfn++)
            b->pfn[b->n++] = pfn;
        rc = vl_pages_write(out, &source, b, &scratch, NULL, NULL);
    }
    if (!rc)
        rc = vl_tsc_write(&vl, 1, out);
    if (!rc)
        rc = vl_record_write(out, VL_REC_SHARED_INFO, g.shared_info, VL_PAGE_SIZE, NULL, 0);
    for (unsigned v = 0; v < VCPUS && !rc; v++)
        rc = vl_vcpu_write(&vl, 1, v, out, vl_source_pfn, &g);
    if (!rc)
        rc = vl_stream_end(out);
    vl_source_close(&g);
    vl_scratch_free(&scratch);
    free(b);
    return rc;
}

static int saved(void)
{
    int fd = memfd_create("state", MFD_CLOEXEC);
    struct vl_out out;

    vl_out_open(&out, fd, "f", 0);
    ck_assert_int_eq(write_state(&out), 0);
    vl_out_close(&out);
    ck_assert_int_eq(fake_mappings, 0);
    return fd;
}

/* Into domain 2, with this much memory and this many vCPUs allowed. */
static int restore(int fd, uint64_t most, unsigned vcpus, struct vl_build_result *built)
{
    struct vl_build_params params = { .store_port = 3, .console_port = 4 };
    struct vl_stream_sink sink;
    struct vl_target t;
    struct vl_in in;
    int rc;

    fake_domain[2].shared_info_mfn = fake_take(2);
    ((shared_info_t *)fake_frame(fake_domain[2].shared_info_mfn))->vcpu_info[1].time =
        (struct vcpu_time_info){ .version = 2, .tsc_timestamp = 2222 };
    fake_domain[2].vcpus = vcpus;
    lseek(fd, 0, SEEK_SET);
    vl_in_open(&in, fd, "f");
    vl_target_open(&t, &vl, 2, &params, built, most, vcpus);
    sink = vl_target_sink(&t);
    rc = vl_stream_read(&in, &sink);
    vl_target_close(&t);
    vl_in_close(&in);
    ck_assert_int_eq(fake_mappings, 0);
    return rc;
}

static void setup(void)
{
    messages_start();
    fake_start();
    make_guest();
}

static void teardown(void)
{
    fake_end();
    messages_end();
}

/* The P2M of the restored guest, where its own registers and tables say that it is. */
static const uint64_t *new_p2m(unsigned i)
{
    const uint64_t *table = fake_frame(fake_domain[2].context[0].ctrlreg[3] >> 12);

    for (int level = 3; level > 0; level--)
        table = fake_frame(table[P2M_VA >> (12 + 9 * level) & 511] >> 12 & 0xffffffff);
    return fake_frame(table[(P2M_VA >> 12 & 511) + i] >> 12 & 0xffffffff);
}

START_TEST(round_trip)
{
    struct vl_build_result built;
    struct fake_domain *d = &fake_domain[2];
    const shared_info_t *si;
    const start_info_t *start;
    int fd = saved();

    ck_assert_int_eq(restore(fd, PAGES, VCPUS, &built), 0);
    messages_expect("restore", NULL);
    ck_assert_uint_eq(d->pages, PAGES - 100);
    for (unsigned pfn = 0; pfn < PAGES; pfn++) {
        uint64_t mfn = new_p2m(pfn / 512)[pfn % 512];

        if (hole(pfn)) {
            ck_assert_uint_eq(mfn, ~0ull);
            continue;
        }
        ck_assert_uint_eq(fake_owner[mfn], 2);
        if (pfn >= P2M + 4 && (pfn < L4 || pfn > START_INFO))
            ck_assert_mem_eq(fake_frame(mfn), fake_frame(p2m[pfn]), VL_PAGE_SIZE);
    }
    start = fake_frame(d->context[0].user_regs.rdx);
    ck_assert_uint_eq(start->store_mfn, built.store_mfn);
    ck_assert_uint_eq(start->store_mfn, new_p2m(0)[STORE]);
    ck_assert_uint_eq(start->console.domU.evtchn, 4);
    ck_assert_uint_eq(start->nr_pages, PAGES - 100);
    ck_assert_uint_eq(start->shared_info, d->shared_info_mfn * VL_PAGE_SIZE);
    ck_assert_uint_eq(d->context[0].ctrlreg[1], 0);
    ck_assert_uint_eq(d->context[1].ctrlreg[1], d->context[1].ctrlreg[3]);
    ck_assert_uint_eq(d->context[1].user_regs.rdx, 99);
    ck_assert_uint_eq(d->context[1].gdt_frames[0], new_p2m(0)[GDT]);
    si = fake_frame(d->shared_info_mfn);
    ck_assert_uint_eq(si->vcpu_info[1].arch.cr2, 0x1234);
    ck_assert_uint_eq(si->vcpu_info[1].time.tsc_timestamp, 2222);      /* this machine's clock, not the other's */
    ck_assert_uint_eq(si->evtchn_pending[0], 0);
    ck_assert_uint_eq(si->evtchn_mask[0], ~0ul);
    ck_assert_uint_eq(d->xsave[63], 0x5a);
    ck_assert_uint_eq(d->tsc_khz, 2000000);
    ck_assert_uint_eq(d->policies, 1);
    close(fd);
}
END_TEST

/* Cut anywhere: an error, no mapping, no pinned table; the domain can be destroyed. */
START_TEST(cut)
{
    struct vl_build_result built;
    int fd = saved();
    off_t len = lseek(fd, 0, SEEK_END);

    for (int i = 1; i <= 200; i++) {
        unsigned pinned = 0;

        ck_assert_int_eq(ftruncate(fd, i < 100 ? len - len / 100 * i : len / 100 - len / 10000 * (i - 100)), 0);
        ck_assert_int_lt(restore(fd, PAGES, VCPUS, &built), 0);
        messages_expect("cut", "f ends early");
        for (unsigned m = 0; m < FAKE_FRAMES; m++)
            pinned += fake_owner[m] == 2 && fake_pinned[m];
        ck_assert_uint_eq(pinned, 0);
        fake_destroy(2);
        fake_pages_left = FAKE_FRAMES;
    }
    close(fd);
}
END_TEST

static void refused(uint64_t most, unsigned vcpus, const char *message)
{
    struct vl_build_result built;
    int fd = saved();

    ck_assert_int_lt(restore(fd, most, vcpus, &built), 0);
    messages_expect(message, message);
    fake_destroy(2);
    close(fd);
}

START_TEST(bad_states)
{
    start_info_t *start = fake_frame(p2m[START_INFO]);
    struct fake_domain *d = &fake_domain[1];

    refused(PAGES - 101, VCPUS, "more memory than its configuration allows");
    refused(PAGES, 1, "has a vCPU 1; its configuration gives it 1");
    fake_pages_left = 500;
    refused(PAGES, VCPUS, "not enough memory");
    fake_pages_left = FAKE_FRAMES;
    start->store_mfn = L2;
    refused(PAGES, VCPUS, "the guest's store ring is page 0x16, which is a page table");
    start->store_mfn = 1550;
    refused(PAGES, VCPUS, "the guest's store ring is page 0x60e, which is not there");
    start->store_mfn = 1ull << 50;
    refused(PAGES, VCPUS, "the guest's store ring is page 0x4000000000000, which is not there");
    start->store_mfn = STORE;
    d->context[0].user_regs.rdx = p2m[L1];
    refused(PAGES, VCPUS, "the guest's start_info is page 0x17, which is a page table");
    d->context[0].user_regs.rdx = p2m[START_INFO];
    d->context[1].ctrlreg[3] = p2m[GDT] << 12;
    refused(PAGES, VCPUS, "the hypervisor refused the registers of vCPU 1");
}
END_TEST

/* Guests that cannot be saved: what they tell of themselves is wrong. */
static void unsaved(const char *message)
{
    struct vl_out out;
    int fd = memfd_create("state", MFD_CLOEXEC);

    vl_out_open(&out, fd, "f", 0);
    ck_assert_int_lt(write_state(&out), 0);
    messages_expect(message, message);
    ck_assert_int_eq(fake_mappings, 0);
    close(fd);
}

START_TEST(bad_guests)
{
    shared_info_t *si = fake_frame(fake_domain[1].shared_info_mfn);

    si->arch.max_pfn = 1ull << 40;
    unsaved("the guest's P2M has 1099511627776 entries, which cannot be");
    si->arch.max_pfn = 0;
    unsaved("the guest's P2M has 0 entries");
    si->arch.max_pfn = PAGES;
    si->arch.p2m_vaddr += 1ull << 39;
    unsaved("the guest's P2M has no page at");
    si->arch.p2m_vaddr = P2M_VA;
    si->arch.p2m_cr3 = 5ull << 40;
    unsaved("cannot map the guest's machine frame 0x50000000");
    si->arch.p2m_cr3 = 0;
    unsaved("has not told where its P2M lies");
    si->arch.pfn_to_mfn_frame_list_list = FAKE_FRAMES;
    unsaved("cannot map the guest's machine frame 0x4000");
    si->arch.p2m_cr3 = p2m[L4] << 12;
    fake_domain[1].context[1].ctrlreg[3] = 5 << 12;
    unsaved("vCPU 1: its page table 0x5 is none of the guest's frames");
}
END_TEST

/* The older way to the P2M: lists of frames. */
START_TEST(frame_lists)
{
    shared_info_t *si = fake_frame(fake_domain[1].shared_info_mfn);
    struct vl_build_result built;
    uint64_t *list = fake_frame(p2m[50]), *lists = fake_frame(p2m[51]);
    int fd;

    for (unsigned i = 0; i < 4; i++)
        list[i] = p2m[P2M + i];
    lists[0] = p2m[50];
    si->arch.p2m_cr3 = 0;
    si->arch.pfn_to_mfn_frame_list_list = p2m[51];
    fd = saved();
    ck_assert_int_eq(restore(fd, PAGES, VCPUS, &built), 0);
    ck_assert_uint_eq(new_p2m(0)[START_INFO], fake_domain[2].context[0].user_regs.rdx);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("restore");
    TCase *t = tcase_create("guests");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, cut);
    tcase_add_test(t, bad_states);
    tcase_add_test(t, bad_guests);
    tcase_add_test(t, frame_lists);
    suite_add_tcase(s, t);
    return run_suite(s);
}
