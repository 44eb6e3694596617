/* SPDX-License-Identifier: MIT */
/* domain/: domains and vCPUs. This header holds the two structures that every room reads; each field group names its
 * owner room, and only that room writes it. Module state hangs off pointers; its locks live with the module. Life:
 * domain_create -> vcpu_create* -> (unpause) -> domain_kill (preemptible) -> last domain_put -> freed after a
 * quiesce. */
#pragma once
#include <hv/lock.h>
#include <hv/sched.h>

#define MAX_VCPUS         128
#define DOMID_COUNT       0x7ff0u   /* ordinary domids are below */
struct evtchn_domain; struct evtchn_vcpu; struct grant_table; struct pirq_domain; struct cpu_policy;

enum { VCPU_FAILSAFE_DISABLES = 1 << 1, VCPU_SYSCALL_DISABLES = 1 << 2,
       VCPU_SYSCALL32_DISABLES = 1 << 3, VCPU_SYSENTER_DISABLES = 1 << 4 };

struct vcpu {
    /* hot: read and written by entry code (cpu/entry.S), by offset */
    bool in_kernel;                     /* guest kernel or guest user mode */
    bool fast_syscall;                  /* syscall_cb and kernel_sp are such that entry code needs no checks */
    bool io_bitmap;                     /* its kernel uses ports without traps: it goes on and off with the mode */
    bool pad;
    uint32_t callback_flags;            /* VCPU_*_DISABLES */
    struct vcpu_info *info;             /* where the guest's vcpu_info is, in our mapping */
    unsigned long cr3_kernel, cr3_user; /* machine addresses; cr3_user 0: none */
    unsigned long kernel_sp; uint16_t kernel_ss;
    unsigned long event_cb, failsafe_cb, syscall_cb, syscall32_cb, sysenter_cb, nmi_cb;
    unsigned long iopl;                 /* virtual IOPL, 0..3, in bits 12-13 as EFLAGS has it */
    unsigned int id;
    struct domain *domain;
    struct trap_info *traps;            /* [256]; address 0: none */
    /* domain/: state while not running (regs are at the stack's top while it runs) */
    struct cpu_user_regs regs;
    unsigned long fs_base, gs_base_kernel, gs_base_user; uint16_t gs_user_sel;
    unsigned long dr[8];
    unsigned long cr0_ts;               /* CR0.TS as the guest set it */
    unsigned long cr4_guest;
    mfn_t gdt_mfn[16]; unsigned int gdt_entries;
    unsigned long ldt_base; unsigned int ldt_entries; mfn_t ldt_mfn[16];
    bool initialised;                   /* has a context */
    bool nmi_pending, nmi_masked;
    mfn_t info_mfn;                     /* of VCPUOP_register_vcpu_info; INVALID_MFN */
    struct vcpu_info own_info;          /* where info points when no page of the guest's has one */
    /* domain/emulate */
    uint32_t tsc_aux;
    uint64_t spec_ctrl;
    bool cpuid_faulting;                /* its kernel wants cpuid to fault in user mode */
    /* domain/time.c */
    struct timer singleshot, periodic;
    nsec_t period;
    unsigned long time_area, runstate_area;     /* guest addresses, 0: none (copied to at switch-in) */
    uint32_t time_version;
    struct vcpu_runstate_info runstate; /* sched/ writes it */
    /* cpu/ */
    void *fpu; unsigned int fpu_cpu;    /* xsave area; CPU whose registers last held it */
    uint64_t xcr0;                      /* what the guest set */
    cpumask_t tlb_dirty;                /* CPUs that may hold TLB entries of its address spaces */
    /* mm/ */
    mfn_t deferred_put;                 /* a page table whose last use is given back bit by bit; INVALID_MFN: none */
    mfn_t deferred_cache;               /* the same, of one that a list of updates held (hypercall/mmu.c) */
    bool dropping;                      /* what it holds of an earlier context is being given back, before a new one */
    /* event/ */
    struct evtchn_vcpu *evtchn;
    uint32_t virq_port[NR_VIRQS];       /* 0: not bound */
    uint32_t poll_port;                 /* in SCHEDOP_poll (domain.poll_mask): what it waits for; 0: several ports */
    /* sched/ */
    struct sched_vcpu sched;
    uint32_t pause_count;               /* atomic; >0: not runnable */
    uint32_t pause_flags;               /* VPF_*; atomic bits */
    unsigned int cpu;                   /* where it runs or last ran */
    bool running;                       /* a CPU has its state loaded */
    unsigned int lazy_cpu;              /* domain/: an idle CPU still has its CR3 loaded; NR_CPUS: none */
    /* hypercall/: continuation of a preempted multicall */
    bool in_multicall; bool preempted;
    struct multicall_entry mc;
    unsigned long iobmp; unsigned int iobmp_limit;  /* PHYSDEVOP_set_iobitmap: guest address; size in ports */
};

/* RFLAGS of guests: what they may have set (ID, AC, NT, OF, DF, TF, SF, ZF, AF, PF, CF), and what is always on. */
#define GUEST_FLAGS_ALLOWED 0x00244dd5UL
#define FLAGS_IF      0x00000200UL
#define FLAGS_ONE     0x00000002UL
#define VM_ASSISTS (BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_runstate_update_flag) | \
                    BIT(VMASST_TYPE_m2p_strict))
#define TSC_MODE_ALWAYS_EMULATE 1       /* domain.tsc_mode; XEN_CPUID leaf 4 (xen/arch-x86/cpuid.h) */
#define SHUTDOWN_NONE (~0u)             /* domain.shutdown_code: none yet */
enum { VPF_BLOCKED, VPF_DOWN, VPF_POLLING, VPF_MIGRATING, VPF_PARKED };    /* vcpu.pause_flags bits */

struct domain {
    domid_t id;
    bool privileged;                    /* may use domctl, sysctl, platform_op, foreign mappings of any domain */
    bool is_idle, is_system;            /* DOMID_IDLE; DOMID_XEN and DOMID_IO */
    unsigned int max_vcpus;
    struct vcpu **vcpu;                 /* [max_vcpus], NULL where not created */
    uint32_t refcount;
    struct domain *next;                /* domain.c's hash chain */
    uint8_t uuid[16];
    spinlock_t ctl_lock;                /* RANK_DOMCTL: life-cycle changes of this domain */
    /* life (domain/) */
    bool dying, dead;                   /* domain_kill began; all resources given back */
    bool shutting_down, shut_down;      /* a vCPU called SCHEDOP_shutdown; all are stopped */
    uint32_t shutdown_code;             /* SHUTDOWN_*: the guest's own (SCHEDOP_shutdown_code) or the first cause */
    uint32_t control_pause;             /* domctl pausedomain's count */
    bool created;                       /* was unpaused once */
    struct quiesce quiesce;
    uint32_t kill_stage;
    bool kill_alone;                    /* dying, and no hypercall that found it alive is under way */
    struct xen_domctl_createdomain config;
    /* mm/ */
    spinlock_t page_lock;               /* RANK_PAGE_ALLOC: frame list and totals */
    uint32_t frames;                    /* head of the list of frames (NIL_LINK) */
    uint32_t relinquished;
    mfn_t deferred_put;                 /* dying: as the vCPUs', of a table whose pin was taken off */
    unsigned long tot_pages, max_pages, outstanding_claim;
    struct e820_entry *e820; unsigned int e820_count;   /* XENMEM_set_memory_map; under page_lock */
    cpumask_t dirty_cpus;               /* CPUs that run or lately ran a vCPU of it */
    unsigned long vm_assist;
    struct shared_info *shared_info;
    /* event/, grant/, cpu/irq */
    struct evtchn_domain *evtchn;
    uint64_t poll_mask[MAX_VCPUS / 64]; /* which vCPUs are in SCHEDOP_poll; atomic bits */
    struct grant_table *grant;
    struct pirq_domain *pirq;
    mfn_t pirq_eoi_mfn;                 /* hypercall/physdev.c: PHYSDEVOP_pirq_eoi_gmfn_v2; 0: none */
    /* rights (domain/rights.c) */
    spinlock_t rights_lock;             /* RANK_RIGHTS: the three sets; readers take it too */
    struct rangeset *iomem, *ioports, *irqs;
    unsigned long *io_bitmap;           /* TSS bitmap of ports its kernel may use untrapped, 64 Ki bits; NULL: none */
    /* domain/policy */
    struct cpu_policy *policy;
    uint64_t msr_logged;                /* filter of log lines (domain/emulate_msr.c) */
    uint32_t tsc_mode, tsc_khz, tsc_incarnation; uint64_t tsc_elapsed;  /* elapsed: guest's TSC time less now(), ns */
    int64_t time_offset;                /* seconds */
    /* sched/ */
    struct sched_domain sched;
    unsigned int cpupool;
    /* control */
    uint32_t suspend_evtchn;
    spinlock_t hvc_lock; char hvc_line[128]; unsigned int hvc_len;  /* console/: the line so far */
};

extern struct domain *dom0, *dom_xen, *dom_io, *idle_domain;

/* Look-up; NULL: none. domain_find takes no reference: good until the hypervisor is left; not for a dead domain.
 * domain_any: also DOMID_XEN, DOMID_IO, dying and dead ones: the owner of a frame; no reference. */
struct domain *domain_find(domid_t id);
struct domain *domain_get(domid_t id);
struct domain *domain_any(domid_t id);
bool domain_ref(struct domain *d);
void domain_hold(struct domain *d);     /* for what each domain has few of, whatever a guest does: never fails */
void domain_put(struct domain *d);
/* DOMID_SELF and own id give the caller; another id needs the privilege. -XEN_ESRCH, -XEN_EPERM. */
int domain_target(domid_t id, struct domain **d);
int domain_target_alive(domid_t id, struct domain **d);     /* -XEN_ESRCH also for one that is dying */
struct domain *domain_next(unsigned int from);  /* the first with id >= from */
#define for_each_domain(d) for (d = domain_next(0); d; d = domain_next(d->id + 1u))
#define for_each_vcpu(d, v) \
    for (unsigned int i_##v = 0; i_##v < (d)->max_vcpus; i_##v++) if (((v) = (d)->vcpu[i_##v]) != NULL)

/* Life: these take ctl_lock themselves. domain_create: id DOMID_INVALID: the next free one; errors leave nothing
 * behind. domain_kill: -XEN_ERESTART until all is given back. */
int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged, struct domain **out);
int domain_max_vcpus(struct domain *d, unsigned int max);
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
int domain_kill(struct domain *d);
void domain_shutdown(struct domain *d, uint8_t reason); /* SHUTDOWN_*; sends VIRQ_DOM_EXC */
void domain_resume(struct domain *d);
/* The guest (maybe current's) did what no guest may: logs, prints the vCPU's state, shuts it down: SHUTDOWN_crash. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
void domain_pause(struct domain *d);            /* counted; waits until no vCPU runs. Not for the caller's own domain */
void domain_unpause(struct domain *d);
int domain_pause_by_control(struct domain *d);
int domain_unpause_by_control(struct domain *d);

/* Boot: DOMID_XEN, DOMID_IO, and an idle vCPU for each CPU; debug keys; dom0 from the boot modules (they panic). */
void domain_init(void);
void domain_debug_init(void);
void vcpu_event_work(void);             /* exit work WORK_EVENT_CHECK */
void dom0_unpack(void);                 /* the kernel module, before there is a heap */
void dom0_build(void);
void dom0_start(void);

/* Contexts. To set one: v is paused or down, and the caller holds ctl_lock; 0 (then v->initialised; VGCF_online is the
 * caller's), -XEN_ERESTART, -XEN_EINVAL. To get one: v is paused or current. */
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c);
int vcpu_reset(struct vcpu *v);                 /* as after its creation. 0, or -XEN_ERESTART */
void vcpu_check_fast_syscall(struct vcpu *v);   /* after a change of syscall_cb, callback_flags or kernel_sp */
void context_switch(struct vcpu *prev, struct vcpu *next) __noreturn;
void vcpu_kick(struct vcpu *v);     /* make it notice events: wakes it, or sends an IPI if it runs elsewhere */
void vcpu_mark_events_pending(struct vcpu *v);  /* vcpu_info: upcall pending; kicks unless masked */
static inline bool vcpu_polling(const struct vcpu *v) { return test_bit(v->id, v->domain->poll_mask); }
static inline bool vcpu_event_deliverable(const struct vcpu *v)
{
    return READ_ONCE(v->info->evtchn_upcall_pending) && !READ_ONCE(v->info->evtchn_upcall_mask);
}

void time_update_vcpu(struct vcpu *v);          /* pvclock fields of vcpu_info, and the registered area */
void time_update_domain_wallclock(struct domain *d);
uint64_t vcpu_time_running(const struct vcpu *v);

/* Emulation. True: done, registers advanced. A #GP of a guest kernel: port I/O, MSRs, control and debug registers,
 * cpuid, wbinvd, hlt...; a #UD: the forced-emulation prefix before cpuid. */
bool emulate_privileged(struct vcpu *v, struct cpu_user_regs *r);
bool emulate_forced(struct vcpu *v, struct cpu_user_regs *r);
/* An MSR as the guest sees it; false: the access faults. v is current, or (domctl) paused: then only TSC_AUX,
 * SPEC_CTRL and MISC_FEATURES (those of Xen's migration record) may be asked for. */
bool vcpu_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
bool vcpu_write_msr(struct vcpu *v, uint32_t msr, uint64_t val);
void vcpu_msrs_load(const struct vcpu *v);      /* context switch: registers the CPU itself holds for v, and CR4.TSD */
uint64_t vcpu_tsc(const struct vcpu *v);        /* what rdtsc gives it */
bool vcpu_iopl_ok(const struct vcpu *v);        /* by its virtual IOPL it may do port I/O in the mode it is in */
/* Loads it if v is current. -XEN_EPERM (an address of ours, or a port breakpoint), -XEN_EINVAL. */
int vcpu_set_debugreg(struct vcpu *v, unsigned int n, unsigned long val);
/* Delivers an exception to the running guest before it goes on. */
void inject_exception(unsigned int vector, uint32_t error_code);
void inject_page_fault(unsigned long cr2, uint32_t error_code);

/* Rights: asked, given or taken (an inclusive range; d->io_bitmap follows, at the next switch to d). -XEN_EINVAL (bad
 * range), -XEN_ENOMEM: unchanged. */
bool domain_has_device_rights(const struct domain *d);  /* any port or memory of a device */
bool ioports_access_permitted(const struct domain *d, unsigned int first, unsigned int last);
bool iomem_access_permitted(const struct domain *d, mfn_t first, mfn_t last);
bool irq_access_permitted(const struct domain *d, unsigned int irq);
int ioports_permit(struct domain *d, unsigned int first, unsigned int last, bool allow);
int iomem_permit(struct domain *d, mfn_t first, mfn_t last, bool allow);
int irq_permit(struct domain *d, unsigned int irq, bool allow);
