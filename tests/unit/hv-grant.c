/* SPDX-License-Identifier: MIT */
/*
 * grant/: every GNTTABOP with every error, version 1 and 2, batches, faults, death of either side, and random
 * sequences; all pins and references are recomputed after each call (grant_audit).
 */
#include "hv-grant.h"
#include "run-suite.h"

#include <hv/hypercall.h>

static struct guest g0, g1, g2;
static unsigned long objects_before;

static void setup(void)
{
    fake_reset(2);
    memset(fake_ptes, 0, sizeof(fake_ptes));
    audit_hostile = false;
    objects_before = fake_live_objects;
    guest_new(&g0, 0, true, 8, 2);
    guest_new(&g1, 1, false, 8, 2);
    guest_new(&g2, 2, false, 8, 1);
}

static void teardown(void)
{
    grant_audit(audit_hostile);
    fake_run(NULL);
    grant_release_mappings(g0.d);
    if (g1.d)
        grant_release_mappings(g1.d);
    if (g2.d)
        grant_release_mappings(g2.d);
    if (g2.d)
        guest_free(&g2);
    if (g1.d)
        guest_free(&g1);
    guest_free(&g0);
    MUST(fake_live_objects == objects_before);
    MUST(fake_used_frames == 0);
}

static int16_t map(struct guest *g, domid_t dom, uint32_t ref, uint32_t flags, uint64_t addr, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = { .host_addr = addr, .flags = flags, .ref = ref, .dom = dom, .handle = 0xdead };

    ck_assert_int_eq(gop(g, GNTTABOP_map_grant_ref, &op, 1), 0);
    if (op.status == GNTST_okay)
        *handle = op.handle;
    return op.status;
}

static int16_t unmap(struct guest *g, uint32_t handle, uint64_t addr, uint64_t dev)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = addr, .dev_bus_addr = dev, .handle = handle };

    ck_assert_int_eq(gop(g, GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

#define HOST GNTMAP_host_map
#define RO   GNTMAP_readonly

START_TEST(ops)
{
    uint64_t arg[64] = { 0 };

    for (unsigned int cmd = 13; cmd < 20; cmd++)
        ck_assert_int_eq(gop(&g1, cmd, arg, 1), -XEN_ENOSYS);
    ck_assert_int_eq(gop(&g1, ~0u, arg, 1), -XEN_ENOSYS);
    ck_assert_int_eq(gop(&g1, GNTTABOP_cache_flush, arg, 1), -XEN_EOPNOTSUPP);
    for (unsigned int cmd = 0; cmd < 12; cmd++) {
        ck_assert_int_eq(gop(&g1, cmd, arg, 0x80000000u), -XEN_EINVAL);
        ck_assert_int_eq(gop(&g1, cmd, NULL, 1), -XEN_EFAULT);
        ck_assert_int_eq(gop(&g1, cmd, fake_bad_page - 2, 1), -XEN_EFAULT);
    }
    ck_assert_int_eq(gop(&g1, GNTTABOP_setup_table, arg, 2), -XEN_EINVAL);
    ck_assert_int_eq(gop(&g1, GNTTABOP_query_size, arg, 0), -XEN_EINVAL);
    ck_assert_int_eq(gop(&g1, GNTTABOP_map_grant_ref, NULL, 0), 0);
    struct gnttab_dump_table d = { .dom = DOMID_SELF };
    ck_assert_int_eq(gop(&g0, GNTTABOP_dump_table, &d, 1), 0);
    ck_assert_int_eq(d.status, GNTST_permission_denied);
    struct gnttab_transfer t[2] = { { .mfn = g1.page[0] } };
    ck_assert_int_eq(gop(&g1, GNTTABOP_transfer, t, 2), 0);
    ck_assert_int_eq(t[0].status, GNTST_bad_page);
    ck_assert_int_eq(t[1].status, GNTST_bad_page);
}
END_TEST

static int16_t setup_table(struct guest *g, domid_t dom, uint32_t n, xen_pfn_t *list)
{
    struct gnttab_setup_table op = { .dom = dom, .nr_frames = n };

    op.frame_list.p = list;
    ck_assert_int_eq(gop(g, GNTTABOP_setup_table, &op, 1), 0);
    return op.status;
}

START_TEST(setup_and_size)
{
    struct gnttab_query_size q = { .dom = DOMID_SELF };
    xen_pfn_t list[9];

    ck_assert_int_eq(gop(&g1, GNTTABOP_query_size, &q, 1), 0);
    ck_assert(q.status == GNTST_okay && q.nr_frames == 1 && q.max_nr_frames == 8);
    ck_assert_uint_eq(g1.d->grant->nr_frames, 0);               /* nothing held until asked for */
    ck_assert_int_eq(setup_table(&g1, DOMID_SELF, 9, list), GNTST_general_error);
    ck_assert_int_eq(setup_table(&g1, 0, 1, list), GNTST_permission_denied);
    ck_assert_int_eq(setup_table(&g0, 9, 1, list), GNTST_bad_domain);
    ck_assert_int_eq(setup_table(&g1, DOMID_SELF, 0, NULL), GNTST_okay);
    ck_assert_int_eq(setup_table(&g1, DOMID_SELF, 1, NULL), GNTST_bad_virt_addr);
    ck_assert_int_eq(setup_table(&g0, 1, 3, list), GNTST_okay);
    for (int i = 0; i < 3; i++) {
        ck_assert(mfn_valid(list[i]));
        ck_assert_uint_eq(mfn_to_frame(list[i])->owner, 1);
    }
    ck_assert_int_eq(setup_table(&g1, DOMID_SELF, 8, list), GNTST_okay);
    ck_assert_int_eq(gop(&g0, GNTTABOP_query_size, &(struct gnttab_query_size){ .dom = 9 }, 1), 0);
    q.dom = 1;
    ck_assert_int_eq(gop(&g0, GNTTABOP_query_size, &q, 1), 0);
    ck_assert_uint_eq(q.nr_frames, 8);
    for (int n = 1; n <= 2; n++) {
        fake_alloc_fail(n);
        ck_assert_int_eq(setup_table(&g2, DOMID_SELF, 1, list), GNTST_general_error);
    }
    fake_alloc_fail(0);
    ck_assert_int_eq(setup_table(&g2, DOMID_SELF, 1, list), GNTST_okay);
}
END_TEST

START_TEST(map_unmap)
{
    uint32_t h, h2, h3;

    grant_v1(&g1, 9, 0, g1.page[0], GTF_permit_access);
    ck_assert_int_eq(map(&g0, 1, 9, HOST, PTE(0), &h), GNTST_okay);
    ck_assert_uint_eq(fake_ptes[0].mfn, g1.page[0]);
    ck_assert_uint_eq(grant_bits(&g1, 9), GTF_reading | GTF_writing);
    ck_assert_int_eq(map(&g0, 1, 9, HOST | RO, PTE(1), &h2), GNTST_okay);
    ck_assert_int_eq(map(&g0, 1, 9, HOST, PTE(2), &h3), GNTST_okay);
    ck_assert(h != h2 && h2 != h3);
    ck_assert_int_eq(unmap(&g0, h, PTE(0), 0), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 9), GTF_reading | GTF_writing);
    ck_assert_int_eq(unmap(&g0, h3, PTE(2), 0), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 9), GTF_reading);
    ck_assert_int_eq(unmap(&g0, h2, PTE(0), 0), GNTST_bad_virt_addr);
    ck_assert_int_eq(unmap(&g0, h2, 12345, 0), GNTST_bad_virt_addr);
    ck_assert_int_eq(unmap(&g0, h2, 0, 0), GNTST_okay);         /* neither address: nothing */
    ck_assert_int_eq(unmap(&g0, h2, PTE(1), 0), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 9), 0);
    ck_assert_int_eq(unmap(&g0, h2, PTE(1), 0), GNTST_bad_handle);
    ck_assert_int_eq(unmap(&g0, ~0u, PTE(1), 0), GNTST_bad_handle);
    ck_assert_int_eq(unmap(&g1, 0, PTE(1), 0), GNTST_bad_handle);   /* maps nothing, has no records */
}
END_TEST

START_TEST(map_errors)
{
    uint32_t h;
    mfn_t table = frames_alloc_domain(g1.d, 0, 0);

    ck_assert_int_eq(map(&g0, 1, 0, HOST, PTE(0), &h), GNTST_bad_gntref);       /* no table yet */
    grant_v1(&g1, 1, 0, g1.page[0], GTF_permit_access);
    grant_v1(&g1, 2, 0, g1.page[1], GTF_permit_access | GTF_readonly);
    grant_v1(&g1, 3, 2, g1.page[2], GTF_permit_access);
    grant_v1(&g1, 4, 0, g0.page[2], GTF_permit_access);         /* not g1's */
    grant_v1(&g1, 5, 0, FAKE_FRAMES + 5, GTF_permit_access);
    grant_v1(&g1, 6, 0, table, GTF_permit_access);
    grant_v1(&g1, 7, 0, g1.page[3], GTF_accept_transfer);
    grant_v1(&g1, 8, 0, g1.page[3], GTF_transitive);
    ck_assert_int_eq(map(&g0, 1, 1, 0, PTE(0), &h), GNTST_bad_gntref);
    ck_assert_int_eq(map(&g0, 1, 1, RO, PTE(0), &h), GNTST_bad_gntref);
    ck_assert_int_eq(map(&g0, 9, 1, HOST, PTE(0), &h), GNTST_bad_domain);
    ck_assert_int_eq(map(&g0, DOMID_SELF, 1, HOST, PTE(0), &h), GNTST_bad_domain);
    ck_assert_int_eq(map(&g0, 1, 512, HOST, PTE(0), &h), GNTST_bad_gntref);
    ck_assert_int_eq(map(&g0, 1, ~0u, HOST, PTE(0), &h), GNTST_bad_gntref);
    ck_assert_int_eq(map(&g0, 1, 0, HOST, PTE(0), &h), GNTST_general_error);    /* not granted */
    ck_assert_int_eq(map(&g0, 1, 2, HOST, PTE(0), &h), GNTST_general_error);    /* read-only */
    ck_assert_int_eq(map(&g0, 1, 3, HOST, PTE(0), &h), GNTST_general_error);    /* for another */
    ck_assert_int_eq(map(&g2, 1, 1, HOST, PTE(0), &h), GNTST_general_error);
    for (uint32_t r = 4; r <= 8; r++)
        if (r != 6)
            ck_assert_int_eq(map(&g0, 1, r, HOST, PTE(0), &h), GNTST_general_error);
    ck_assert_int_eq(map(&g0, 1, 1, HOST, 5, &h), GNTST_bad_virt_addr);
    for (uint32_t r = 0; r < 9; r++)
        ck_assert_uint_eq(grant_bits(&g1, r), 0);

    ck_assert_int_eq(frame_get_type(mfn_to_frame(table), TYPE_L1), 0);
    ck_assert_int_eq(map(&g0, 1, 6, HOST, PTE(0), &h), GNTST_general_error);    /* a page table: not to be written */
    ck_assert_uint_eq(grant_bits(&g1, 6), 0);
    ck_assert_int_eq(map(&g0, 1, 6, HOST | RO, PTE(0), &h), GNTST_okay);
    ck_assert_int_eq(map(&g0, 1, 6, HOST, PTE(1), &h), GNTST_general_error);
    ck_assert_uint_eq(grant_bits(&g1, 6), GTF_reading);
    ck_assert_int_eq(unmap(&g0, h, PTE(0), 0), GNTST_okay);
    frame_put_type(mfn_to_frame(table));

    /* A pinned entry is what it was when it was pinned. */
    ck_assert_int_eq(map(&g0, 1, 1, HOST | RO, PTE(0), &h), GNTST_okay);
    entry_v1(g1.d->grant, 1)->frame = (uint32_t)g1.page[5];
    ck_assert_int_eq(map(&g0, 1, 1, HOST | RO, PTE(1), &h), GNTST_okay);
    ck_assert_uint_eq(fake_ptes[1].mfn, g1.page[0]);
    entry_v1(g1.d->grant, 1)->domid = 2;
    ck_assert_int_eq(map(&g2, 1, 1, HOST | RO, PTE(2), &h), GNTST_general_error);
    ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(2), &h), GNTST_general_error);    /* writing asks the entry again */
    frame_put(mfn_to_frame(table));
}
END_TEST

START_TEST(map_no_memory)
{
    uint32_t h;

    grant_v1(&g1, 1, 0, g1.page[0], GTF_permit_access);
    for (int n = 1; n <= 2; n++) {                  /* directory and records */
        fake_alloc_fail(n);
        ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(0), &h), GNTST_no_space);
    }
    for (int n = 1; n <= 2; n++) {                  /* active entries */
        fake_alloc_fail(n);
        ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(0), &h), GNTST_no_space);
    }
    fake_alloc_fail(0);
    ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(0), &h), GNTST_okay);
    ck_assert_int_eq(unmap(&g0, h, PTE(0), 0), GNTST_okay);
}
END_TEST

START_TEST(device_map)
{
    struct gnttab_map_grant_ref op = { .host_addr = PTE(3), .flags = HOST | GNTMAP_device_map, .ref = 1, .dom = 1 };

    grant_v1(&g1, 1, 0, g1.page[4], GTF_permit_access);
    ck_assert_int_eq(gop(&g0, GNTTABOP_map_grant_ref, &op, 1), 0);
    ck_assert_int_eq(op.status, GNTST_okay);
    ck_assert_uint_eq(op.dev_bus_addr, g1.page[4] << PAGE_SHIFT);
    ck_assert_int_eq(unmap(&g0, op.handle, 0, op.dev_bus_addr + PAGE_SIZE), GNTST_bad_dev_addr);
    ck_assert_int_eq(unmap(&g0, op.handle, PTE(4), op.dev_bus_addr), GNTST_bad_virt_addr);  /* all or nothing */
    ck_assert_int_eq(unmap(&g0, op.handle, PTE(3), 0), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 1), GTF_reading | GTF_writing);   /* the device still has it */
    ck_assert_int_eq(unmap(&g0, op.handle, 0, op.dev_bus_addr), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 1), 0);
    op.flags = GNTMAP_device_map | RO;
    ck_assert_int_eq(gop(&g0, GNTTABOP_map_grant_ref, &op, 1), 0);
    ck_assert_int_eq(op.status, GNTST_okay);
    ck_assert_int_eq(unmap(&g0, op.handle, PTE(3), op.dev_bus_addr), GNTST_okay);
}
END_TEST

START_TEST(replace)
{
    struct gnttab_unmap_and_replace op = { .host_addr = PTE(0), .new_addr = PTE(7) };
    uint32_t h;

    grant_v1(&g1, 1, 0, g1.page[4], GTF_permit_access);
    ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(0), &h), GNTST_okay);
    fake_ptes[7] = (struct fake_pte){ .mfn = g0.page[1], .present = true };
    op.handle = h + 1;
    ck_assert_int_eq(gop(&g0, GNTTABOP_unmap_and_replace, &op, 1), 0);
    ck_assert_int_eq(op.status, GNTST_bad_handle);
    op.handle = h;
    ck_assert_int_eq(gop(&g0, GNTTABOP_unmap_and_replace, &op, 1), 0);
    ck_assert_int_eq(op.status, GNTST_okay);
    ck_assert(fake_ptes[0].present && fake_ptes[0].mfn == g0.page[1] && !fake_ptes[7].present);
    ck_assert_uint_eq(grant_bits(&g1, 1), 0);
}
END_TEST

/* More than one batch, a restart after each, and a fault in the middle. */
START_TEST(batches)
{
    struct gnttab_map_grant_ref m[50];
    struct gnttab_unmap_grant_ref u[50];

    for (uint32_t i = 0; i < 50; i++) {
        grant_v1(&g1, i, 0, g1.page[i % 8], GTF_permit_access | (i % 2 ? GTF_readonly : 0));
        m[i] = (struct gnttab_map_grant_ref){ .host_addr = PTE(i), .flags = HOST | (i % 2 ? RO : 0), .ref = i,
                                              .dom = 1 };
    }
    m[20].ref = 600;                                /* one bad element does not stop the others */
    fake_preempt = true;
    ck_assert_int_eq(gop(&g0, GNTTABOP_map_grant_ref, m, 50), 0);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(m[i].status, i == 20 ? GNTST_bad_gntref : GNTST_okay);
        u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = PTE(i), .handle = i == 20 ? m[19].handle : m[i].handle };
    }
    ck_assert_int_eq(gop(&g0, GNTTABOP_unmap_grant_ref, u, 50), 0);
    for (uint32_t i = 0; i < 50; i++)
        ck_assert_int_eq(u[i].status, i == 20 ? GNTST_bad_handle : GNTST_okay);
    ck_assert_uint_eq(g1.d->grant->nr_mapped, 0);

    fake_preempt = false;
    m[20].ref = 20;
    fake_copy_fail(4);                              /* writing back the second batch: that batch has not happened */
    ck_assert_int_eq(gop(&g0, GNTTABOP_map_grant_ref, m, 50), -XEN_EFAULT);
    ck_assert_uint_eq(g1.d->grant->nr_mapped, GRANT_BATCH);
    for (uint32_t i = 0; i < GRANT_BATCH; i++)
        u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = PTE(i), .handle = m[i].handle };
    u[GRANT_BATCH] = u[0];
    ck_assert_int_eq(gop(&g0, GNTTABOP_unmap_grant_ref, u, GRANT_BATCH + 1), 0);
    ck_assert_int_eq(u[GRANT_BATCH].status, GNTST_bad_handle);
}
END_TEST

START_TEST(maptrack_limit)
{
    uint32_t h, limit = 4 * MT_PER_PAGE;

    grant_v1(&g1, 1, 0, g1.page[0], GTF_permit_access);
    for (uint32_t i = 0; i < limit; i++) {
        struct gnttab_map_grant_ref op = { .flags = GNTMAP_device_map, .ref = 1, .dom = 1 };

        fake_run(g0.d->vcpu[0]);
        MUST(hypercall_grant_table_op(GNTTABOP_map_grant_ref, (unsigned long)&op, 1, 0, 0, 0) == 0 && op.status == GNTST_okay);
        MUST(op.handle < limit);
    }
    ck_assert_int_eq(map(&g0, 1, 1, GNTMAP_device_map, 0, &h), GNTST_no_space);
    ck_assert_int_eq(unmap(&g0, 77, 0, g1.page[0] << PAGE_SHIFT), GNTST_okay);
    ck_assert_int_eq(map(&g0, 1, 1, GNTMAP_device_map, 0, &h), GNTST_okay);
    ck_assert_uint_eq(h, 77);
    fake_preempt = true;                            /* and all are given back, a piece at a time */
    uint32_t n = 0;
    while (grant_release_mappings(g0.d) == -XEN_ERESTART) {
        grant_audit(false);
        n++;
    }
    ck_assert_uint_ge(n, 10);
    ck_assert_uint_eq(g1.d->grant->nr_mapped, 0);
}
END_TEST

/* The granter dies first: its domain stays until the last mapping goes. */
START_TEST(granter_dies)
{
    uint32_t h;

    grant_v1(&g1, 1, 0, g1.page[0], GTF_permit_access);
    ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(0), &h), GNTST_okay);
    g1.d->dying = true;
    ck_assert_int_eq(grant_release_mappings(g1.d), 0);
    ck_assert_uint_eq(g1.d->refcount, 2);
    frame_put(mfn_to_frame(g1.page[0]));            /* the guest's own reference */
    g1.page[0] = g1.page[--g1.pages];
    fake_run(g0.d->vcpu[0]);
    struct gnttab_unmap_grant_ref u = { .host_addr = PTE(0), .handle = h };
    ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, (unsigned long)&u, 1, 0, 0, 0), 0);
    ck_assert_int_eq(u.status, GNTST_okay);
    ck_assert_uint_eq(g1.d->refcount, 1);
}
END_TEST

START_TEST(acquire)
{
    mfn_t m[8];

    ck_assert_int_eq(grant_acquire(g1.d, 7, 0, 1, m), -XEN_EINVAL);
    ck_assert_int_eq(grant_acquire(g1.d, XENMEM_resource_grant_table_id_shared, 8, 1, m), -XEN_EINVAL);
    ck_assert_int_eq(grant_acquire(g1.d, XENMEM_resource_grant_table_id_shared, ~0u, 2, m), -XEN_EINVAL);
    /* version 1 has no status frames */
    ck_assert_int_eq(grant_acquire(g1.d, XENMEM_resource_grant_table_id_status, 0, 1, m), -XEN_EINVAL);
    ck_assert_int_eq(grant_acquire(g1.d, XENMEM_resource_grant_table_id_shared, 0, 1, m), 0);
    ck_assert_ptr_eq(mfn_to_virt(m[0]), g1.d->grant->frames[0].page);
    ck_assert_uint_eq(grant_resource_frames(g1.d, XENMEM_resource_grant_table_id_shared), 8);
    ck_assert_uint_eq(grant_resource_frames(g1.d, XENMEM_resource_grant_table_id_status), 1);
    ck_assert_uint_eq(grant_resource_frames(g1.d, 5), 0);
    struct gnttab_set_version sv = { .version = 2 };
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), 0);
    ck_assert_int_eq(grant_acquire(g1.d, XENMEM_resource_grant_table_id_status, 0, 1, m), 0);
    ck_assert_ptr_eq(mfn_to_virt(m[0]), g1.d->grant->status[0]);
    g2.d->dying = true;
    ck_assert_int_eq(grant_acquire(g2.d, XENMEM_resource_grant_table_id_shared, 0, 1, m), -XEN_EINVAL);
    g2.d->dying = false;

    /* Someone still has a table page mapped when the domain goes: the last reference frees it. */
    ck_assert_int_eq(grant_acquire(g2.d, XENMEM_resource_grant_table_id_shared, 0, 1, m), 0);
    struct frame *f = mfn_to_frame(m[0]);
    ck_assert(frame_get(f, g2.d));
    guest_free(&g2);
    ck_assert_uint_eq(f->count & FRAME_COUNT_MASK, 1);
    frame_put(f);
    ck_assert(f->count & FRAME_FREE);
}
END_TEST

START_TEST(versions)
{
    struct gnttab_set_version sv = { .version = 3 };
    struct gnttab_get_version gv = { .dom = DOMID_SELF };
    struct gnttab_get_status_frames sf = { .nr_frames = 1, .dom = DOMID_SELF };
    uint64_t list[4];
    uint32_t h;

    sf.frame_list.p = list;
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), -XEN_EINVAL);
    sv.version = 2;
    ck_assert_int_eq(gop(&g2, GNTTABOP_set_version, &sv, 1), -XEN_ENOSYS);      /* allowed version 1 only */
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_version, &gv, 1), 0);
    ck_assert_uint_eq(gv.version, 1);
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_status_frames, &sf, 1), 0);
    ck_assert_int_eq(sf.status, GNTST_general_error);

    grant_v1(&g1, 0, 0, g1.page[0], GTF_permit_access);
    grant_v1(&g1, 1, 0, g1.page[1], GTF_permit_access | GTF_readonly);
    grant_v1(&g1, 20, 0, g1.page[2], GTF_permit_access);
    ck_assert_int_eq(map(&g0, 1, 0, HOST, PTE(0), &h), GNTST_okay);             /* reserved: may stay in use */
    ck_assert_int_eq(map(&g0, 1, 20, HOST, PTE(1), &h), GNTST_okay);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), -XEN_EBUSY);
    ck_assert_int_eq(unmap(&g0, h, PTE(1), 0), GNTST_okay);
    fake_alloc_fail(1);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), -XEN_ENOMEM);
    fake_alloc_fail(0);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), 0);
    ck_assert_uint_eq(grant_bits(&g1, 0), GTF_reading | GTF_writing);
    ck_assert_uint_eq(entry_v2(g1.d->grant, 1)->full_page.frame, g1.page[1]);
    ck_assert_uint_eq(entry_v2(g1.d->grant, 1)->hdr.flags, GTF_permit_access | GTF_readonly);
    ck_assert_uint_eq(entry_v2(g1.d->grant, 20)->hdr.flags, 0);
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_status_frames, &sf, 1), 0);
    ck_assert_int_eq(sf.status, GNTST_okay);
    ck_assert_uint_eq(list[0], virt_to_mfn(g1.d->grant->status[0]));
    sf.nr_frames = 2;
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_status_frames, &sf, 1), 0);
    ck_assert_int_eq(sf.status, GNTST_general_error);
    sf.nr_frames = 0;
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_status_frames, &sf, 1), 0);
    ck_assert_int_eq(sf.status, GNTST_okay);
    sf.nr_frames = 1;
    sf.frame_list.p = NULL;
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_status_frames, &sf, 1), 0);
    ck_assert_int_eq(sf.status, GNTST_bad_virt_addr);
    sf.dom = 0;
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_status_frames, &sf, 1), 0);
    ck_assert_int_eq(sf.status, GNTST_permission_denied);
    gv.dom = 1;
    ck_assert_int_eq(gop(&g0, GNTTABOP_get_version, &gv, 1), 0);
    ck_assert_uint_eq(gv.version, 2);
    gv.dom = 9;
    ck_assert_int_eq(gop(&g0, GNTTABOP_get_version, &gv, 1), -XEN_ESRCH);
    gv.dom = 0;
    ck_assert_int_eq(gop(&g1, GNTTABOP_get_version, &gv, 1), -XEN_EPERM);

    /* And back. */
    sv.version = 1;
    grant_v2(&g1, 2, 0, g1.page[2], GTF_permit_access | GTF_sub_page, 0, 100);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), -XEN_ERANGE);
    grant_v2(&g1, 2, 0, 1UL << 40, GTF_permit_access, 0, 0);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), -XEN_ERANGE);
    grant_v2(&g1, 2, 0, 0, 0, 0, 0);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), 0);
    ck_assert_uint_eq(entry_v1(g1.d->grant, 0)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    ck_assert_uint_eq(entry_v1(g1.d->grant, 0)->frame, g1.page[0]);
    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), 0);                /* the same again */
}
END_TEST

START_TEST(v2_map)
{
    struct gnttab_set_version sv = { .version = 2 };
    xen_pfn_t list[8];
    uint32_t h;

    ck_assert_int_eq(gop(&g1, GNTTABOP_set_version, &sv, 1), 0);                /* before the table has pages */
    ck_assert_int_eq(setup_table(&g1, DOMID_SELF, 8, list), GNTST_okay);
    ck_assert_uint_eq(g1.d->grant->nr_status, 1);
    grant_v2(&g1, 2047, 0, g1.page[0], GTF_permit_access, 0, 0);
    grant_v2(&g1, 5, 0, g1.page[0], GTF_permit_access | GTF_sub_page, 0, 64);
    grant_v2_transitive(&g1, 6, 0, 2, 1);
    grant_v2(&g1, 7, 0, 1UL << 60, GTF_permit_access, 0, 0);
    ck_assert_int_eq(map(&g0, 1, 2048, HOST, PTE(0), &h), GNTST_bad_gntref);
    for (uint32_t r = 5; r < 8; r++)
        ck_assert_int_eq(map(&g0, 1, r, HOST | RO, PTE(0), &h), GNTST_general_error);
    ck_assert_int_eq(map(&g0, 1, 2047, HOST, PTE(0), &h), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 2047), GTF_reading | GTF_writing);
    ck_assert_int_eq(unmap(&g0, h, PTE(0), 0), GNTST_okay);
}
END_TEST

START_TEST(refused)
{
    struct gnttab_swap_grant_ref s = { .ref_a = 1, .ref_b = 2 };

    grant_v1(&g1, 1, 0, g1.page[1], GTF_permit_access);
    ck_assert_int_eq(gop(&g1, GNTTABOP_swap_grant_ref, &s, 1), -XEN_EOPNOTSUPP);
    ck_assert_uint_eq(entry_v1(g1.d->grant, 1)->frame, g1.page[1]);
}
END_TEST

START_TEST(debug)
{
    uint32_t h;

    grant_v1(&g1, 1, 0, g1.page[1], GTF_permit_access);
    ck_assert_int_eq(map(&g0, 1, 1, HOST, PTE(0), &h), GNTST_okay);
    fake_log_lines = 0;
    grant_debug_dump(g1.d);
    ck_assert_uint_eq(fake_log_lines, 2);
    spin_lock(&g1.d->grant->lock);
    grant_debug_dump(g1.d);
    spin_unlock(&g1.d->grant->lock);
    grant_init();
}
END_TEST

START_TEST(idle_memory)
{
    unsigned long bytes = fake_live_bytes, frames = fake_used_frames;

    ck_assert_int_eq(grant_domain_init(g1.d, 0, 1, 1), -XEN_EINVAL);
    ck_assert_int_eq(grant_domain_init(g1.d, 1, 1, 0), -XEN_EINVAL);
    ck_assert_int_eq(grant_domain_init(g1.d, 1, 1, 3), -XEN_EINVAL);
    fake_alloc_fail(1);
    ck_assert_int_eq(grant_domain_init(g1.d, 1, 1, 1), -XEN_ENOMEM);
    struct guest g;
    struct domain *d = fake_domain_new(9, false, 1);
    ck_assert_int_eq(grant_domain_init(d, 64, 1024, 2), 0);
    g = (struct guest){ .d = d };
    grant_v1(&g, 0, 0, 1, GTF_permit_access);       /* console and xenstore, by the toolstack */
    ck_assert_uint_le(fake_live_bytes - bytes, 1280);
    ck_assert_uint_eq(fake_used_frames - frames, 2);    /* shared info, and one page of table */
    grant_domain_destroy(d);
    fake_domain_free(d);
}
END_TEST

/* Random maps and unmaps between three domains; grant_audit after each. */
START_TEST(random_ops)
{
    struct guest *gs[3] = { &g0, &g1, &g2 };
    struct { struct guest *g; uint32_t handle; unsigned int pte; } held[64];
    unsigned int nr = 0;

    srandom(50 + _i);
    for (int n = 0; n < 1500; n++) {
        struct guest *g = gs[random() % 3], *by = gs[random() % 3];
        uint32_t ref = (uint32_t)random() % 24, flags = (uint32_t)random() % 8;

        switch (random() % 6) {
        case 0:
            if (g->d->grant->nr_frames == 0)
                grant_v1(g, 0, 0, 0, 0);
            if (!entry_pins(g->d->grant, ref))
                grant_v1(g, ref, (domid_t)(random() % 3),
                         gs[random() % 4 ? g->d->id : random() % 3]->page[random() % 8],
                         (uint16_t)(GTF_permit_access | (random() % 2 ? GTF_readonly : 0)));
            break;
        case 1: case 2: case 3: {
            unsigned int pte = nr < 64 ? 100 + nr * 8 + (unsigned)(random() % 8) : 0;

            if (nr < 64 && !fake_ptes[pte].present &&
                map(by, g->d->id, ref, flags & (HOST | RO | GNTMAP_device_map), PTE(pte),
                    &held[nr].handle) == GNTST_okay) {
                held[nr].g = by;
                held[nr++].pte = pte;
            }
            break;
        }
        default:
            if (nr) {
                unsigned int i = (unsigned)random() % nr;
                struct maptrack *e = maptrack_find(held[i].g->d->grant, held[i].handle);
                mfn_t m = entry_active(e->granter->grant, e->ref)->mfn;

                if (unmap(held[i].g, held[i].handle, PTE(held[i].pte), m << PAGE_SHIFT) == GNTST_okay)
                    held[i] = held[--nr];
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hv-grant");
    TCase *t = tcase_create("grant");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, ops);
    tcase_add_test(t, setup_and_size);
    tcase_add_test(t, map_unmap);
    tcase_add_test(t, map_errors);
    tcase_add_test(t, map_no_memory);
    tcase_add_test(t, device_map);
    tcase_add_test(t, replace);
    tcase_add_test(t, batches);
    tcase_add_test(t, maptrack_limit);
    tcase_add_test(t, granter_dies);
    tcase_add_test(t, acquire);
    tcase_add_test(t, versions);
    tcase_add_test(t, v2_map);
    tcase_add_test(t, refused);
    tcase_add_test(t, debug);
    tcase_add_test(t, idle_memory);
    tcase_add_loop_test(t, random_ops, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
