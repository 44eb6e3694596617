/* SPDX-License-Identifier: MIT */
/*
 * The reference PV kernel: what an application (main) finds. One vCPU, everything in ring 3, one address space: pfn P
 * of the domain is mapped at KERNEL_BASE + P * PAGE_SIZE. Event handlers run with upcalls masked; nothing else
 * preempts. ABI: <xen/xen.h>, <xen/arch-x86/xen-x86_64.h>.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#define PAGE_SHIFT  12
#define PAGE_SIZE   4096UL
#define KERNEL_BASE 0xffffffff80000000UL
#define MAX_PAGES   (1UL << 18) /* 1 GiB: what the mapping of slot 510 holds */
#define PTE_ADDR    0x000ffffffffff000UL
#define PTE_P       0x1UL
#define PTE_W       0x2UL
#define PTE_U       0x4UL
#define PTE_A       0x20UL
#define PTE_D       0x40UL
#define PTE_NX      (1UL << 63)
#define PTE_KERNEL  (PTE_P | PTE_W | PTE_A | PTE_D)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier()     __asm__ volatile("" ::: "memory")
#define mb()          __asm__ volatile("mfence" ::: "memory")
#define rmb()         barrier()
#define wmb()         barrier()
#define ACCESS(x)     (*(volatile __typeof__(x) *)&(x))

typedef uint64_t pte_t;

/* start.c */
extern struct start_info *start_info;
extern struct shared_info *const shared_info;
void map_shared_info(void);
void shared_pages_init(void); /* console and store */
void main(void);                               /* the application */
void poweroff(void) __attribute__((noreturn)); /* flushes the console first */
void shutdown(unsigned int reason) __attribute__((noreturn));
/* Reads NAME=NUMBER from the kernel's command line; otherwise the given default. */
unsigned long option(const char *name, unsigned long otherwise);
/* Reads NAME=TEXT, up to the next space; false when it is not there or does not fit. */
bool option_text(const char *name, char *buf, size_t size);
bool option_word(const char *word); /* is this word on the command line? */

/* print.c: %s %c %d %u %x %lx %lu %ld %p with width and zero fill */
int vformat(char *buf, size_t size, const char *fmt, va_list ap);
int format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *wanted);
int strncmp(const char *a, const char *b, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* mem.c */
extern unsigned long nr_pages; /* pages of the domain that we manage */
extern unsigned long *p2m;     /* pfn -> mfn */
void memory_init(void);
void *page_alloc(unsigned int order); /* 2^order pages, zeroed, contiguous; NULL when there are none */
void page_free(void *va, unsigned int order);
void *pages_alloc(unsigned long count); /* the same for any number, page-aligned only */
void pages_free(void *va, unsigned long count);
unsigned long pages_free_count(void);
static inline void *pfn_va(unsigned long pfn) { return (void *)(KERNEL_BASE + (pfn << PAGE_SHIFT)); }
static inline unsigned long va_pfn(const void *va) { return ((unsigned long)va - KERNEL_BASE) >> PAGE_SHIFT; }
static inline unsigned long va_mfn(const void *va) { return p2m[va_pfn(va)]; }
static inline unsigned long mfn_pfn(unsigned long mfn) { return machine_to_phys_mapping[mfn]; }
static inline void *mfn_va(unsigned long mfn) { return pfn_va(mfn_pfn(mfn)); }
/* The entry that maps VA at a level (1: the page itself), or NULL where the walk ends above it. */
pte_t *pte_of(unsigned long va, unsigned int level);
/* Maps one page of our address space anew; 0 or the ABI's negative errno. */
long remap(const void *va, pte_t pte);

/* traps.c */
struct frame {
    unsigned long r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    unsigned long vector, error, rip, cs, rflags, rsp, ss;
};
#define VECTOR_EVENT    256
#define VECTOR_FAILSAFE 257
extern unsigned long trap_counts[32];
extern void (*trap_hook)(struct frame *f); /* sees every trap first; may change the frame */
void traps_init(void);
/* Reads or writes that may fault: false, and nothing else, when they do. */
bool safe_write(unsigned long va, uint64_t value);
bool safe_read(unsigned long va, uint64_t *value);

/* event.c */
typedef void (*event_fn)(void *arg);
void event_init(void);
void event_bind(evtchn_port_t port, event_fn fn, void *arg);
void event_close(evtchn_port_t port);
void event_notify(evtchn_port_t port);
evtchn_port_t event_bind_virq(unsigned int virq, event_fn fn, void *arg);
bool events_off(void); /* were they on? */
void events_on(void);
/* Halts until an event or the deadline (time_now's nanoseconds). Call it with events off, the condition checked;
 * returns so. */
void event_wait(uint64_t deadline);

/* time.c */
void time_init(void);
void time_stop(void); /* over a suspend, after which the clock is another's: */
void time_start(void); /* goes on from where it stopped */
uint64_t time_to_system(uint64_t t); /* a time_now as the hypervisor has it */
uint64_t time_now(void);  /* system time in nanoseconds, pvclock */
uint64_t time_boot(void); /* the same, when this kernel started */
static inline uint64_t cycles(void)
{
    uint32_t lo, hi;

    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return (uint64_t)hi << 32 | lo;
}

/* console and store: front/console.h, front/store.h */
void console_emergency(const char *text, size_t len); /* to the hypervisor's own console */

/* grant.c: front/os.h has its other functions. The first grant sets the table up. */
void grant_init(void);
void grant_suspend(void);
void grant_resume(void);

/* os.c: front/os.h, and after a resume: */
void os_forget_ports(void);

/* suspend.c */
void suspend_init(void); /* tells the toolstack where the p2m is */
void suspend(void);      /* returns when the domain is resumed, or goes on */

/* balloon.c: follows memory/target from store_poll */
void balloon_init(void);

/* control.c: the toolstack's requests (poweroff, halt, reboot, suspend), acknowledged and done from store_poll, and the
 * balloon */
void control_init(void);

#endif
