/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall and sub-operation, with the shape of its arguments, in the order of <xen/xen.h>. Calls that would do
 * what they say to this kernel (a valid callback elsewhere, a shutdown) are only made with what the ABI refuses.
 */
#include "fuzz.h"

struct row {
    const char *name;
    uint16_t nr, first, last; /* sub-operations, both included */
    const char *regs;         /* c: the sub-operation; A: pointer to `arg`; else kinds of values.c, as 8 bytes */
    const char *arg;
    bool plain;
};

#define SUB(name, a, b, regs, arg)                                                                                     \
    {                                                                                                                  \
#name, __HYPERVISOR_##name, a, b, regs, arg, false                                                             \
    }
#define CALL(name, regs, arg)                                                                                          \
    {                                                                                                                  \
#name, __HYPERVISOR_##name, 0, 0, regs, arg, false                                                             \
    }

static const struct row rows[] = {
    CALL(set_trap_table, "q", NULL),
    CALL(set_trap_table, "A", "TTTT"),
    CALL(mmu_update, "ANpd", "mememe"),
    CALL(mmu_update, "AspN", "memememememememe"),
    CALL(set_gdt, "AN", "ffffffff"),
    CALL(set_gdt, "qN", NULL),
    CALL(stack_switch, "XX", NULL),
    CALL(set_callbacks, "BBB", NULL),
    CALL(fpu_taskswitch, "X", NULL),
    SUB(sched_op_compat, 3, 8, "cX", NULL),
    SUB(platform_op, 0, 70, "A", "cPXXXXXXXXXXXXXXXX"),
    CALL(set_debugreg, "Xp", NULL),
    CALL(set_debugreg, "sX", NULL),
    {"get_debugreg", __HYPERVISOR_get_debugreg, 0, 0, "X", NULL, true},
    CALL(update_descriptor, "mX", NULL),
    CALL(update_descriptor, "XX", NULL),
    {"11", 11, 0, 0, "XXXXX", NULL, false},
    SUB(memory_op, XENMEM_increase_reservation, XENMEM_decrease_reservation, "cA", "pNOxd"),
    SUB(memory_op, XENMEM_decrease_reservation, XENMEM_decrease_reservation, "cE", "EsOxd"),
    SUB(memory_op, 2, 4, "cA", "d"),
    SUB(memory_op, 5, 5, "cA", "npn"),
    SUB(memory_op, 6, 6, "cA", "pNOxd"),
    SUB(memory_op, 6, 6, "cE", "EsOxd"),
    SUB(memory_op, 7, 7, "cA", "dhsNg"),
    SUB(memory_op, 8, 8, "cA", "XXXX"),
    SUB(memory_op, 9, 10, "cA", "np"),
    SUB(memory_op, 11, 11, "cA", "pNOxdhspNOxdhsX"),
    SUB(memory_op, 12, 12, "cp", NULL),
    SUB(memory_op, 13, 13, "cA", "dhsnp"),
    SUB(memory_op, 14, 14, "cA", "d"),
    SUB(memory_op, 15, 15, "cA", "dhsg"),
    SUB(memory_op, 16, 17, "cA", "XXXXd"),
    SUB(memory_op, 18, 22, "cA", "XXXXXXXX"),
    SUB(memory_op, 23, 23, "cA", "dhhhppp"),
    SUB(memory_op, 24, 24, "cA", "pNOxd"),
    SUB(memory_op, 25, 25, "cA", "npn"),
    SUB(memory_op, 26, 26, "cA", "dhnnnnppp"),
    SUB(memory_op, 27, 27, "cA", "npxx"),
    SUB(memory_op, 28, 28, "cA", "dhsnnNp"),
    SUB(memory_op, 29, 80, "cA", "XXXX"),
    SUB(memory_op, 0x40, 0x48, "cp", NULL),
    CALL(update_va_mapping, "veX", NULL),
    CALL(update_va_mapping, "UeX", NULL),
    CALL(set_timer_op, "t", NULL),
    CALL(set_timer_op, "X", NULL),
    CALL(event_channel_op_compat, "p", NULL),
    SUB(xen_version, 0, 12, "cp", NULL),
    SUB(console_io, 0, 0, "cNH", NULL),
    SUB(console_io, 0, 1, "chp", NULL),
    SUB(console_io, 2, 5, "cXp", NULL),
    CALL(physdev_op_compat, "p", NULL),
    SUB(grant_table_op, 0, 0, "cAs", "vxidhX"),
    SUB(grant_table_op, 0, 0, "cAs", "vsidhX"),
    SUB(grant_table_op, 0, 0, "cAs",
        "ms"
        "idhX"),
    SUB(grant_table_op, 1, 1, "cAs", "vXsw"),
    SUB(grant_table_op, 2, 2, "cAs", "dhnwp"),
    SUB(grant_table_op, 3, 3, "cAs", "dw"),
    SUB(grant_table_op, 4, 4, "cAs", "fdiw"),
    SUB(grant_table_op, 5, 5, "cAs", "fdhfdhswww"),
    SUB(grant_table_op, 5, 5, "cAs", "ssdhssdhswww"),
    SUB(grant_table_op, 6, 6, "cAs", "dnnw"),
    SUB(grant_table_op, 7, 7, "cAs", "vvsw"),
    SUB(grant_table_op, 8, 8, "cAs", "x"),
    SUB(grant_table_op, 9, 9, "cAs", "ndwp"),
    SUB(grant_table_op, 10, 10, "cAs", "dw"),
    SUB(grant_table_op, 11, 11, "cAs", "ssw"),
    SUB(grant_table_op, 12, 12, "cAs", "mwwx"),
    SUB(grant_table_op, 0, 20, "cAX", "XXXX"),
    SUB(vm_assist, 0, 3, "cX", NULL),
    SUB(vm_assist, 0, 1, "cs", NULL),
    CALL(update_va_mapping_otherdomain, "veXd", NULL),
    CALL(update_va_mapping_otherdomain, "UeXd", NULL),
    SUB(vcpu_op, 0, 0, "cip", NULL),
    SUB(vcpu_op, 1, 1, "ciq", NULL),
    SUB(vcpu_op, 3, 4, "csp", NULL),
    SUB(vcpu_op, 4, 4, "cip", NULL),
    SUB(vcpu_op, 5, 5, "csA", "v"),
    SUB(vcpu_op, 6, 6, "csA", "N"),
    SUB(vcpu_op, 7, 7, "csq", NULL),
    SUB(vcpu_op, 8, 8, "csA", "tx"),
    SUB(vcpu_op, 9, 9, "csq", NULL),
    SUB(vcpu_op, 10, 10, "csA", "Fi"),
    SUB(vcpu_op, 11, 11, "ciq", NULL),
    SUB(vcpu_op, 12, 12, "csp", NULL),
    SUB(vcpu_op, 13, 13, "csA", "v"),
    SUB(vcpu_op, 14, 40, "cip", NULL),
    SUB(set_segment_base, 0, 6, "cX", NULL),
    SUB(set_segment_base, 0, 2, "cq", NULL),
    SUB(mmuext_op, 0, 4, "Aspd", "csffcsffcsffcsff"),
    SUB(mmuext_op, 5, 5, "Aspd", "csFF"),
    SUB(mmuext_op, 6, 12, "Aspd", "csqq"),
    SUB(mmuext_op, 8, 9, "Aspd", "csqp"),
    SUB(mmuext_op, 13, 13, "Aspd", "csvi"),
    SUB(mmuext_op, 15, 15, "Aspd", "csff"),
    SUB(mmuext_op, 16, 17, "Aspd", "csff"),
    SUB(mmuext_op, 18, 60, "Aspd", "csff"),
    SUB(mmuext_op, 0, 0, "qNpd", NULL),
    SUB(xsm_op, 0, 30, "A", "cXXXX"),
    SUB(nmi_op, 0, 0, "cH", NULL),
    SUB(nmi_op, 1, 5, "cp", NULL),
    SUB(sched_op, 0, 0, "cq", NULL),
    SUB(sched_op, 2, 2, "cH", NULL),
    SUB(sched_op, 3, 3, "cE", "pnt"),
    SUB(sched_op, 4, 4, "cA", "dhn"),
    SUB(sched_op, 5, 5, "cH", NULL),
    SUB(sched_op, 6, 6, "cA", "sL"),
    SUB(sched_op, 7, 7, "cA", "i"),
    SUB(sched_op, 8, 40, "cp", NULL),
    SUB(callback_op, 0, 0, "cA", "kwB"),
    SUB(callback_op, 0, 0, "cA", "hwB"),
    SUB(callback_op, 1, 6, "cA", "kw"),
    CALL(xenoprof_op, "Xp", NULL),
    SUB(event_channel_op, 0, 0, "cA", "doo"),
    SUB(event_channel_op, 1, 1, "cA", "iio"),
    SUB(event_channel_op, 1, 1, "cA", "sso"),
    SUB(event_channel_op, 2, 2, "cA", "ixo"),
    SUB(event_channel_op, 3, 4, "cA", "o"),
    SUB(event_channel_op, 5, 5, "cA", "doXX"),
    SUB(event_channel_op, 6, 6, "cA", "ddo"),
    SUB(event_channel_op, 7, 7, "cA", "so"),
    SUB(event_channel_op, 8, 8, "cA", "oi"),
    SUB(event_channel_op, 9, 9, "cA", "o"),
    SUB(event_channel_op, 10, 10, "cH", NULL),
    SUB(event_channel_op, 11, 11, "cA", "Fii"),
    SUB(event_channel_op, 12, 12, "cA", "f"),
    SUB(event_channel_op, 13, 13, "cA", "oi"),
    SUB(event_channel_op, 14, 40, "cH", NULL),
    SUB(physdev_op, 0, 40, "cA", "XXXXXXXX"),
    SUB(physdev_op, 6, 6, "cA", "s"),
    SUB(physdev_op, 7, 7, "cA", "pn"),
    SUB(physdev_op, 13, 13, "cA", "dhsiiiiX"),
    SUB(physdev_op, 0, 40, "cq", NULL),
    SUB(physdev_op, 17, 17, "cA", "f"),
    SUB(physdev_op, 28, 28, "cA", "f"),
    SUB(hvm_op, 0, 40, "cA", "dhsXXXX"),
    SUB(sysctl, 0, 40, "A", "cCXXXXXXXXXXXX"),
    SUB(domctl, 0, 100, "A", "cCdhhhXXXXXXXXXXXX"),
    SUB(domctl, 0, 100, "A", "ccXXXX"),
    CALL(domctl, "q", NULL),
    CALL(sysctl, "q", NULL),
    CALL(platform_op, "q", NULL),
    SUB(kexec_op, 0, 10, "cA", "XXXXXXXX"),
    SUB(tmem_op, 0, 10, "A", "cXXXX"),
    SUB(argo_op, 0, 10, "cXXXX", NULL),
    SUB(xenpmu_op, 0, 20, "cA", "XXXX"),
    SUB(dm_op, 0, 10, "Xsp", NULL),
    SUB(hypfs_op, 0, 10, "cppXX", NULL),
    {"43", 43, 0, 0, "XXXXX", NULL, false},
    {"44", 44, 0, 0, "XXXXX", NULL, false},
    {"45", 45, 0, 0, "XXXXX", NULL, false},
    {"46", 46, 0, 0, "XXXXX", NULL, false},
    {"47", 47, 0, 0, "XXXXX", NULL, false},
    SUB(arch_0, 0, 10, "A", "ccXXXXXXXX"),
    {"arch_1..63", 49, 0, 14, "XXXXX", NULL, false},
    {"64..", 64, 0, 30, "XXXXX", NULL, false},
};

static unsigned char *buffers[NR_BUFFERS]; /* a page each, an unmapped one behind it */

static void put(unsigned char *buf, size_t *at, uint64_t v, unsigned int size)
{
    *at = (*at + size - 1) & ~(size_t)(size - 1);
    if (*at + size > BUF_SIZE)
        panic("argument too large");
    memcpy(buf + *at, &v, size);
    *at += size;
}

/* A trap of a vector that only int N reaches, its address anything: it stays unused. */
static void put_trap(unsigned char *buf, size_t *at)
{
    struct trap_info t = {.vector = (uint8_t)(40 + below(80)),
                          .flags = (uint8_t)rnd(),
                          .cs = (uint16_t)any_number(),
                          .address = any_number()};

    *at = (*at + 7) & ~7UL;
    memcpy(buf + *at, &t, sizeof(t));
    *at += sizeof(t);
}

static uint64_t extent_list(void)
{
    uint64_t *extents = (uint64_t *)(last_free_bytes(16 * sizeof(uint64_t)));

    for (unsigned int i = 0; i < 16; i++)
        extents[i] = chance(80) ? scratch_mfn[below(NR_SCRATCH)] : not_our_frame();
    return (unsigned long)extents;
}

/*
 * The argument structure; its address is sometimes bad after all. It stands before zeroes up to the end of a page, or
 * at that end: a count too large never makes the hypervisor write elsewhere in this kernel.
 */
static uint64_t build(const char *shape, unsigned int cmd, unsigned int buffer, bool always)
{
    unsigned char *buf = buffers[buffer];
    unsigned int size;
    size_t at = 0;

    memset(buf, 0, PAGE_SIZE);
    for (const char *p = shape; p && *p; p++) {
        if (*p == 'T')
            put_trap(buf, &at);
        else if (*p == 'E')
            put(buf, &at, extent_list(), 8);
        else {
            uint64_t v = value_of(*p, cmd, &size);

            put(buf, &at, v, size);
        }
    }
    at = (at + 7) & ~7UL;
    if (chance(40))
        buf = memmove(buf + PAGE_SIZE - at, buf, at);
    return always || chance(85) ? (unsigned long)buf : bad_pointer();
}

void rows_init(void)
{
    for (unsigned int i = 0; i < NR_BUFFERS; i++)
        buffers[i] = guarded_pages(0);
}

/* A pointer that no one can read. */
static uint64_t unreadable(void)
{
    static const uint64_t v[] = {
        0, 8, 0x7ffffffff000, 0x800000000000, 0xffff808000000000, 0xffff830000000000, 0xfffffffffffffff8};

    return v[below(ARRAY_SIZE(v))];
}

static uint64_t argument(const struct row *r, char kind, unsigned int cmd, unsigned int buffer)
{
    unsigned int size;

    switch (kind) {
    case 'A': return build(r->arg, cmd, buffer, false);
    case 'E': return build(r->arg, cmd, buffer, true);
    case 'H': return unreadable();
    case 's': return chance(80) ? below(4) : any_number();
    case 'c': return cmd;
    default: return value_of(kind, cmd, &size);
    }
}

unsigned int row_count(void) { return ARRAY_SIZE(rows); }

unsigned int row_cmds(unsigned int row) { return rows[row].last - rows[row].first + 1U; }

void row_call_nth(struct call *c, unsigned int row, unsigned int cmd, unsigned int buffer)
{
    const struct row *r = &rows[row];

    memset(c, 0, sizeof(*c));
    cmd += r->first;
    c->name = r->name;
    c->nr = r->nr;
    c->plain = r->plain;
    if (r->nr == 49 || r->nr == 64)
        c->nr += cmd - r->first;
    for (unsigned int i = 0; r->regs[i]; i++)
        c->args[i] = argument(r, r->regs[i], cmd, buffer);
}

void row_call(struct call *c, unsigned int buffer)
{
    unsigned int row = below(ARRAY_SIZE(rows));

    row_call_nth(c, row, below(row_cmds(row)), buffer);
}
