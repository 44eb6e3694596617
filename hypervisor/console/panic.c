/* SPDX-License-Identifier: MIT */
/* The end: a bug of ours was found. The first CPU that panics prints why, where and how it came there, has the others
 * stopped, and reboots the machine or halts (noreboot). No lock is taken from here on, since its holder may be stopped.
 * The back trace follows frame pointers, only upwards and within the CPU's own stack block, so a broken chain cannot
 * fault. */
#include <hv/boot.h>
#include <hv/config.h>
#include <hv/irq.h>
#include "console-internal.h"

#define MAX_FRAMES    32
#define REBOOT_DELAY  5             /* seconds to read the screen */

static uint32_t panic_cpu;          /* 1 + the CPU that panicked first; 0: none did */

bool panic_in_progress(void) { return READ_ONCE(panic_cpu) != 0; }

void console_show_regs(const struct cpu_user_regs *r)
{
    char sym[96];
    console_printf("rip %04x:%016lx %s\n", r->cs, r->rip, symbol_of(r->rip, sym, sizeof(sym)));
    console_printf("rsp %04x:%016lx rflags %08lx error %04x vector %u cr2 %016lx\n", r->ss, r->rsp, r->rflags,
                   r->error_code, r->entry_vector, cpu_cr2());
    console_printf("rax %016lx rbx %016lx rcx %016lx\n", r->rax, r->rbx, r->rcx);
    console_printf("rdx %016lx rsi %016lx rdi %016lx\n", r->rdx, r->rsi, r->rdi);
    console_printf("rbp %016lx r8  %016lx r9  %016lx\n", r->rbp, r->r8, r->r9);
    console_printf("r10 %016lx r11 %016lx r12 %016lx\n", r->r10, r->r11, r->r12);
    console_printf("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
}

/* The calls that led to pc, whose frame pointer is fp. */
void console_show_trace(unsigned long pc, unsigned long fp)
{
    unsigned long here = (unsigned long)__builtin_frame_address(0);
    unsigned long low = ROUND_DOWN(here, STACK_SIZE), high = low + STACK_SIZE - sizeof(struct cpu_info);
    char sym[96];
    console_printf("Call trace:\n");
    for (unsigned int n = 0; n < MAX_FRAMES; n++) {
        const unsigned long *frame = (const unsigned long *)fp;
        console_printf("  [%016lx] %s\n", pc, symbol_of(pc, sym, sizeof(sym)));
        if (fp < low || fp > high - 2 * sizeof(*frame) || fp % sizeof(*frame))
            break;
        pc = frame[1];
        if (frame[0] <= fp || !pc)
            break;
        fp = frame[0];
    }
}

/* What this CPU did last, oldest first. */
static void show_events(const struct cpu_info *ci)
{
    const uint64_t *ring = (const uint64_t *)ROUND_DOWN((unsigned long)ci->event, CPU_EVENTS * sizeof(uint64_t));
    size_t next = (size_t)(ci->event - ring);
    console_printf("Last events of CPU %u, oldest first:\n", ci->cpu);
    for (unsigned int i = 0; i < CPU_EVENTS; i++) {
        uint64_t e = ring[(next + i) % CPU_EVENTS];
        unsigned long value = (unsigned long)((int64_t)e >> 16);
        unsigned int what = (unsigned int)e & 0xff;
        unsigned int kind = e & EVENT_KIND;
        if (kind == EVENT_TRAP)
            console_printf("  trap %u of the guest at %#lx\n", what, value);
        else if (kind == EVENT_IRQ)
            console_printf("  interrupt %#x\n", what);
        else if (kind == EVENT_SWITCH)
            console_printf("  switch to d%luv%lu\n", value >> 16, value & 0xffff);
        else if (e)
            console_printf("  hypercall %u(%#lx, ...)\n", what, value);
    }
}

static void __noreturn stop_machine(void)
{
    if (boot_options.noreboot) {
        console_printf("Halted (noreboot).\n");
        cpu_halt_forever();
    }
    console_printf("Reboot in %u seconds...\n", REBOOT_DELAY);
    uint64_t start = cpu_tsc(), hz = time_tsc_hz();     /* 0: too early to know */
    while (hz && cpu_tsc() - start < REBOOT_DELAY * hz)
        cpu_relax();
    machine_reboot();
}

static void __noreturn vpanic(const struct cpu_user_regs *regs, unsigned long pc, unsigned long fp, const char *fmt,
                              va_list ap)
{
    static char text[512];
    uint32_t me = cpu_id() + 1, first = 0;
    unsigned int c;
    if (!__atomic_compare_exchange_n(&panic_cpu, &first, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if (first != me)
            cpu_halt_forever();             /* the first one speaks */
        console_printf("\nA second panic on the same CPU.\n");
        stop_machine();
    }
    console_force_unlock();
    if (!uart_present())
        console_init_early("com1", "");     /* it may be too early for the command line */
    for_each_cpu(c, cpu_online_map & ~BIT(cpu_id()))
        apic_send_nmi(c);                   /* their NMI handler sees panic_in_progress() and halts */
    hv_vsnprintf(text, sizeof(text), fmt, ap);
    console_printf("\n****************************************\n");
    console_printf("Panic on CPU %u: %s\n", cpu_id(), text);
    if (regs)
        console_show_regs(regs);
    console_show_trace(pc, fp);
    show_events(cpu_info());
    stop_machine();
}

void panic(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vpanic(NULL, (unsigned long)__builtin_return_address(0), *(unsigned long *)__builtin_frame_address(0), fmt, ap);
}

void panic_regs(const struct cpu_user_regs *regs, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vpanic(regs, regs->rip, regs->rbp, fmt, ap);
}

/* Names of text addresses. gen-symbols.awk makes the table from the first link's symbols, for the second (the first has
 * an empty one). hv_symbol_offset[i] is the distance of symbol i from TEXT_VIRT, ascending; the last is the end of the
 * text. The names follow one another in the same order, each with its zero. */
#define NAME_MAX     64

extern const uint32_t hv_symbol_count, hv_symbol_offset[];
extern const char hv_symbol_names[];

static const char *name_of(uint32_t i)
{
    const char *name = hv_symbol_names;
    while (i--)
        name += strlen(name) + 1;
    return name;
}

bool symbol_get(uint32_t n, unsigned long *addr, char *name)
{
    if (n >= hv_symbol_count - 1)       /* there is at least one, the end */
        return false;
    *addr = TEXT_VIRT + hv_symbol_offset[n];
    hv_strlcpy(name, name_of(n), NAME_MAX);
    return true;
}

const char *symbol_of(unsigned long addr, char *buf, size_t size)
{
    uint32_t count = hv_symbol_count, lo = 0, hi = count;
    unsigned long off = addr - TEXT_VIRT;
    if (count < 2 || off < hv_symbol_offset[0] || off >= hv_symbol_offset[count - 1]) {
        hv_strlcpy(buf, "?", size);
        return buf;
    }
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (hv_symbol_offset[mid] <= off)
            lo = mid;
        else
            hi = mid;
    }
    hv_snprintf(buf, size, "%s+%#lx/%#x", name_of(lo), off - hv_symbol_offset[lo],
                hv_symbol_offset[lo + 1] - hv_symbol_offset[lo]);
    return buf;
}
