/* SPDX-License-Identifier: MIT */
/* cpu/: what the rooms above may ask of the processor. They use no assembly, port, or MSR of their own, so that they
 * build as a host library against the unit tests' fake of it. Per-CPU state is at the top of each CPU's stack. */
#pragma once
#include <hv/lib.h>

#define STACK_ORDER 3                       /* 32 KiB a CPU: pages for NMI, #DF, #MC, #DB, then the main stack */
#define STACK_SIZE  (PAGE_SIZE << STACK_ORDER)

struct cpu_info {                           /* at the very top of each CPU's stack block */
    struct cpu_user_regs guest_regs;        /* what entry code saved of the interrupted guest */
    unsigned int cpu;
    unsigned int pending;                   /* exit work: WORK_* bits, set by anyone, atomically */
    struct vcpu *curr;
    unsigned long cr3;                      /* what CR3 holds now */
    uint16_t *tss_iomap_base;               /* where the I/O bitmap of the running guest kernel is set and cleared */
    uint32_t *tlb_stamp;                    /* cpu/tlb.c: when this CPU last flushed */
    uint64_t *event;                        /* where the next of the last events goes */
};
/* TSS.rsp0 points at guest_regs.es and the CPU aligns it to 16: keeps the two the same. */
_Static_assert((sizeof(struct cpu_info) & 15) == 8, "guest_regs.es must be 16-byte aligned");

#ifndef HV_FAKE_CPU
static always_inline struct cpu_info *cpu_info(void)
{
    unsigned long sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}
static inline void cpu_relax(void) { __builtin_ia32_pause(); }
#else
struct cpu_info *cpu_info(void);
static inline void cpu_relax(void) { }
#endif

/* The last events of each CPU, for panics: a ring at the bottom of the CPU's stack block, which entry.S writes too. An event is a word:
 * in the low 16 bits what (a hypercall's number, or EVENT_* with a vector), above them what one wants to know of it. */
#define CPU_EVENTS 64u
enum { EVENT_TRAP = 0x100, EVENT_IRQ = 0x200, EVENT_SWITCH = 0x300, EVENT_KIND = 0xff00 };
static inline void cpu_events_init(struct cpu_info *ci) { ci->event = (void *)((unsigned long)ci & ~(STACK_SIZE - 1)); }
static always_inline void cpu_event(unsigned int what, uint64_t value)
{
    struct cpu_info *ci = cpu_info();
#ifdef HV_FAKE_CPU
    if (!ci->event)
        return;
#endif
    *ci->event = value << 16 | what;
    ci->event = (uint64_t *)((unsigned long)(ci->event + 1) & ~(CPU_EVENTS * sizeof(uint64_t)));
}

static always_inline unsigned int cpu_id(void) { return cpu_info()->cpu; }
#define current (cpu_info()->curr)

extern cpumask_t cpu_online_map;            /* CPUs that run the scheduler */
extern unsigned int cpu_count;              /* CPUs found (present), 1..NR_CPUS; numbered 0..cpu_count-1 */
uint32_t cpu_apicid(unsigned int cpu);
uint32_t cpu_acpi_id(unsigned int cpu);
extern struct cpu_info *cpu_info_of[NR_CPUS];   /* NULL: not booted */
void smp_enumerate(void);                   /* numbers the CPUs of the MADT, this one 0 */
void smp_mark_online(void);                 /* this CPU takes part in scheduling, cpu_call and quiescence from now on */
/* Boots every other CPU of the MADT (at most `max`); each ends in start_secondary(cpu) of boot/start.c. */
void smp_boot_all(unsigned int max);

/* Exit work: bits in cpu_info.pending; the owner room's function runs before the guest is re-entered or the CPU idles.
 * Raising it sets the bit and sends another CPU an IPI, so it acts at once. */
enum { WORK_SCHED, WORK_TIMER, WORK_QUIESCE, WORK_CONSOLE, WORK_EVENT_CHECK, WORK_NMI, WORK_MAX };
void cpu_raise_work(unsigned int cpu, unsigned int work);
void cpu_register_work(unsigned int work, void (*fn)(void));
void cpu_do_work(void);     /* until there is none: the return-to-guest path, the idle loop */
static inline bool cpu_work_pending(void) { return READ_ONCE(cpu_info()->pending) != 0; }
/* Runs fn(arg) on each CPU of mask, this one too, with interrupts off, and waits. fn must take no lock that the caller,
 * or a caller's waiter, may hold: a CPU that spins for a lock runs it too. */
void cpu_call(cpumask_t mask, void (*fn)(void *arg), void *arg);
void cpu_poll_requests(void);   /* serves cpu_call requests of others; spin loops call it */
/* Calls fn(arg) on some CPU after every CPU has left the hypervisor once (to its guest, or idle): so are objects freed
 * that lock-free readers may still hold. q is the caller's storage. */
struct quiesce { struct quiesce *next; void (*fn)(void *arg); void *arg; cpumask_t waiting; };
void cpu_after_quiesce(struct quiesce *q, void (*fn)(void *arg), void *arg);

void tlb_flush_local(void);                 /* all non-global entries of this CPU */
void tlb_flush_local_global(void);
void tlb_flush_va_local(unsigned long va);  /* one page */
void tlb_flush_mask(cpumask_t mask);        /* all non-global entries, waits */
void tlb_flush_va_mask(cpumask_t mask, unsigned long va);
/* The stamp of a frame whose mappings are gone: it is safe to give a new owner's mapping on CPUs that flushed since. */
uint32_t tlb_now(void);
cpumask_t tlb_stale(cpumask_t mask, uint32_t stamp); /* CPUs of mask that have not flushed since stamp */
void wbinvd_local(void);
void wbinvd_all(void);

/* Eager XSAVE state per vCPU */
extern unsigned int fpu_state_size;         /* bytes of an xsave area with all features we enable */
extern uint64_t fpu_features;               /* XCR0 we support */
void fpu_init_cpu(void);
int fpu_vcpu_init(struct vcpu *v);          /* allocates v->fpu */
void fpu_vcpu_destroy(struct vcpu *v);
void fpu_save(struct vcpu *v);              /* at switch-out, on the CPU it ran on */
void fpu_restore(struct vcpu *v);           /* at switch-in; nothing when the registers still hold it */
/* XCR0 as the guest sets it (checked by the caller), and CR0.TS; v is current. */
void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0);
void fpu_set_ts(bool on);
void fpu_import_legacy(struct vcpu *v, const void *fxsave512);
void fpu_export_legacy(struct vcpu *v, void *fxsave512);
/* hv/lib.h's decompress, at boot. */
long kernel_decompress(void *dst, size_t dst_size, const void *src, size_t src_size);

void cpu_halt_forever(void) __noreturn;     /* interrupts off */
void cpu_take_interrupts(void);             /* interrupts on for as long as it takes those that wait to come */
void cpu_idle_wait(void);                   /* interrupts on and hlt, unless work is pending; then off again */
void machine_reboot(void) __noreturn;       /* ACPI reset register, keyboard controller, triple fault */
void machine_poweroff(void) __noreturn;     /* halts: only dom0 knows S5 (acpi_enter_sleep) */
/* memcpy by the string instruction, which a CPU does by whole lines: for what is likely to be a page. */
void cpu_copy(void *dst, const void *src, size_t n);
bool cpu_stores_bytes_fast(void);           /* is `rep stosb` no slower than by words, as ERMS says? Emulators are */
uint64_t cpu_tsc(void);
unsigned long cpu_cr2(void);
/* Port access, for drivers in console/ and for emulation. size 1, 2 or 4. */
uint32_t port_in(uint16_t port, unsigned int size);
void port_out(uint16_t port, uint32_t val, unsigned int size);
/* MSR access that survives a #GP: -XEN_EFAULT then. */
int msr_read_safe(uint32_t msr, uint64_t *val);
int msr_write_safe(uint32_t msr, uint64_t val);
struct cpuid_regs { uint32_t a, b, c, d; };
struct cpuid_regs cpuid_native(uint32_t leaf, uint32_t subleaf);

/* Symbol of a text address ("name+0x12/0x80"); buf of 64 bytes or more. */
const char *symbol_of(unsigned long addr, char *buf, size_t size);
/* The nth symbol in order of address, for XENPF_get_symbol; name of 64 bytes. False: there are not so many. */
bool symbol_get(uint32_t n, unsigned long *addr, char *name);
