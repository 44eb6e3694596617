/* SPDX-License-Identifier: MIT */
/*
 * fuzz: makes every hypercall and sub-operation with bad arguments, checks that each gives an errno of the ABI and that
 * this domain survives. Command line: seed=N (1), calls=N (20000), from=N to=N (calls to print beforehand, for
 * reproduction), kill=N (one lethal act instead), stay=1 (waits at the end, for an audit of the live domain).
 */
#include "fuzz.h"

#include <front/console.h>
#include <front/store.h>

extern char fuzz_landed[];
extern unsigned long fuzz_saved_rsp;

static unsigned long calls, failures, from, to;
static unsigned long errors[256];
static struct call last;

void fuzz_fail(const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (failures++ < 20)
        print("FUZZ FAIL at call %lu: %s\n", calls, text);
}

static bool is_errno(long e)
{
    switch (e) {
    case XEN_EPERM:
    case XEN_ENOENT:
    case XEN_ESRCH:
    case XEN_EIO:
    case XEN_ENXIO:
    case XEN_E2BIG:
    case XEN_ENOEXEC:
    case XEN_EBADF:
    case XEN_ECHILD:
    case XEN_EAGAIN:
    case XEN_ENOMEM:
    case XEN_EACCES:
    case XEN_EFAULT:
    case XEN_EBUSY:
    case XEN_EEXIST:
    case XEN_EXDEV:
    case XEN_ENODEV:
    case XEN_ENOTDIR:
    case XEN_EISDIR:
    case XEN_EINVAL:
    case XEN_ENFILE:
    case XEN_EMFILE:
    case XEN_ENOSPC:
    case XEN_EROFS:
    case XEN_EMLINK:
    case XEN_EDOM:
    case XEN_ERANGE:
    case XEN_EDEADLK:
    case XEN_ENAMETOOLONG:
    case XEN_ENOLCK:
    case XEN_ENOSYS:
    case XEN_ENOTEMPTY:
    case XEN_ENODATA:
    case XEN_ETIME:
    case XEN_EBADMSG:
    case XEN_EOVERFLOW:
    case XEN_EILSEQ:
    case XEN_ENOTSOCK:
    case XEN_EMSGSIZE:
    case XEN_EOPNOTSUPP:
    case XEN_EADDRINUSE:
    case XEN_EADDRNOTAVAIL:
    case XEN_ENOBUFS:
    case XEN_EISCONN:
    case XEN_ENOTCONN:
    case XEN_ETIMEDOUT:
    case XEN_ECONNREFUSED: return true;
    default: return false;
    }
}

void fuzz_check(const char *what, long rc, bool plain)
{
    calls++;
    if (plain)
        return;
    if (rc < 0 && !is_errno(-rc))
        fuzz_fail("%s: result %ld is no errno of the ABI", what, rc);
    errors[rc < 0 && rc > -256 ? -rc : 0]++;
}

static void show(const struct call *c)
{
    print("#%lu %s(%lu) %lx %lx %lx %lx %lx\n", calls, c->name, c->nr, c->args[0], c->args[1], c->args[2], c->args[3],
          c->args[4]);
    console_flush();
}

long fuzz_do(const struct call *c)
{
    /* These may take our traps, callbacks or ports away: no event until they are put back. */
    bool ours = c->nr == __HYPERVISOR_set_trap_table || c->nr == __HYPERVISOR_set_debugreg ||
                c->nr == __HYPERVISOR_set_callbacks || c->nr == __HYPERVISOR_callback_op ||
                c->nr == __HYPERVISOR_event_channel_op;
    long rc;

    last = *c;
    if (ours)
        events_off();
    if (calls >= from && calls < to)
        show(c);
    rc = hypercall5(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4]);
    fuzz_check(c->name, rc, c->plain);
    if (ours)
        special_restore();
    return rc;
}

/* Debug traps and NMIs that the calls asked for are passed over; a trap under fuzz_try ends that. */
static void hook(struct frame *f)
{
    bool passed = f->vector == 1 || f->vector == 2;

    if (f->vector == 1) {
        HC(set_debugreg, 7, 0x400);
        f->rflags &= ~0x100UL;
    }
    if (fuzz_saved_rsp && f->vector != 2) {
        f->rip = (unsigned long)fuzz_landed;
        f->cs = FLAT_KERNEL_CS & ~3UL; /* privilege 0: kernel mode */
        f->ss = FLAT_KERNEL_SS;
        f->rflags = 0x202;
        f->rsp = fuzz_saved_rsp;
        passed = true;
    }
    if (passed)
        f->vector = ~0UL;
    else if (f->vector != 14 || !calls)
        print("FUZZ trap %lu at call %lu: %s(%lu) %lx %lx\n", f->vector, calls, last.name, last.nr, last.args[0],
              last.args[1]);
}

/* Each row and each of its sub-operations once, whatever the seed. */
static void sweep(void)
{
    struct call c;

    for (unsigned int r = 0; r < row_count(); r++) {
        for (unsigned int s = 0; s < row_cmds(r); s++) {
            row_call_nth(&c, r, s, 0);
            fuzz_do(&c);
        }
    }
}

static void step(void)
{
    struct call c;

    switch (below(10)) {
    case 0:
    case 1:
    case 2: mmu_act(); break;
    case 3:
        if (calls >= from && calls < to)
            print("#%lu special\n", calls);
        special_act();
        break;
    default:
        row_call(&c, 0);
        fuzz_do(&c);
        break;
    }
}

/* Nothing that was done may have changed what the hypervisor says of pages that no call named. */
static void verify(void)
{
    for (unsigned long pfn = 0; pfn < nr_pages; pfn++) {
        unsigned long said = ACCESS(machine_to_phys_mapping[p2m[pfn]]);

        if (said == pfn || (pfn >= va_pfn(scratch[0]) && pfn <= va_pfn(scratch[NR_SCRATCH - 1])))
            continue;
        fuzz_fail("pfn %lx is mfn %lx, but that is pfn %lx; last %s(%lu) %lx %lx %lx", pfn, p2m[pfn], said, last.name,
                  last.nr, last.args[0], last.args[1], last.args[2]);
        shutdown(SHUTDOWN_crash);
    }
}

static void report(unsigned long seed)
{
    print("FUZZ results: %lu not negative", errors[0]);
    for (unsigned int i = 1; i < ARRAY_SIZE(errors); i++)
        if (errors[i])
            print(", -%u %lu", i, errors[i]);
    print("\nFUZZ %s %lu calls, seed %lu, %lu failures\n", failures ? "FAILED" : "ok", calls, seed, failures);
}

/* The vector registers last while others have the CPU, though this kernel never asked for XSAVE. */
static void keep_registers(void)
{
    unsigned long in = 0x5a5a0123456789a5, out;

    HC(fpu_taskswitch, 0);
    for (unsigned int i = 0; i < 20; i++) {
        __asm__ volatile("movq %0, %%xmm7" : : "r"(in));
        event_wait(time_now() + 5000000);
        __asm__ volatile("movq %%xmm7, %0" : "=r"(out));
        if (out != in)
            fuzz_fail("xmm7 held %lx, and after a while %lx", in, out);
        in = in << 1 | in >> 63;
    }
}

void main(void)
{
    unsigned long seed = option("seed", 1), limit = option("calls", 20000), kill = option("kill", 0), shown = 0;
    char domid[16] = "0";

    from = option("from", ~0UL);
    to = option("to", ~0UL);
    store_read(0, "domid", NULL, domid, sizeof(domid));
    for (char *p = domid; *p >= '0' && *p <= '9'; p++)
        own_domid = (domid_t)(own_domid * 10 + (*p - '0'));
    values_init(seed);
    rows_init();
    special_init();
    trap_hook = hook;
    print("FUZZ start, domain %u, seed %lu, kill %lu\n", own_domid, seed, kill);
    console_flush();
    if (kill) {
        trap_hook = NULL;
        kill_act(kill);
        print("FUZZ kill %lu: still alive\n", kill);
        return;
    }
    keep_registers();
    for (unsigned int i = 0; i < 3; i++)
        sweep();
    while (calls < limit) {
        step();
        if (!below(32))
            verify();
        if (calls / 5000 != shown) {
            shown = calls / 5000;
            print("FUZZ at %lu\n", calls);
        }
    }
    report(seed);
    console_flush();
    events_off();
    while (option("stay", 0))
        event_wait(time_now() + 1000000000);
}
