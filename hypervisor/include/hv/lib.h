/* SPDX-License-Identifier: MIT */
/* lib/: strings, formatting, bitmaps, lists, heaps, range sets, ELF and bzImage reading. No state, no locks. */
#pragma once
#include <hv/types.h>
#include <string.h>     /* of it: memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr */

/* Copies at most size-1 bytes and always terminates; returns strlen(src), as the BSDs' does. */
size_t hv_strlcpy(char *dst, const char *src, size_t size);
/* Decimal, 0x hex or 0 octal; *end is the first byte not used. Overflow saturates. */
unsigned long hv_strtoul(const char *s, const char **end, int base);
/* A size with an optional suffix B, K, M, G or T (none: `unit` bytes each); bytes. */
uint64_t parse_size(const char *s, const char **end, uint64_t unit);

/* %c %s %d %i %u %x %X %p %% with l, ll, z, width, precision, 0, - and # */
int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int hv_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* Circular doubly linked lists */
struct list { struct list *next, *prev; };
static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_add_tail(struct list *n, struct list *head)
{
    *n = (struct list){ .next = head, .prev = head->prev };
    head->prev = head->prev->next = n;
}
static inline void list_del(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
#define list_entry(p, t, m) container_of(p, t, m)
#define list_first(h, t, m) list_entry((h)->next, t, m)
#define list_for_each(pos, head, m) \
    for (pos = list_entry((head)->next, __typeof__(*pos), m); &pos->m != (head); \
         pos = list_entry(pos->m.next, __typeof__(*pos), m))

/* A virtual address of 48 bits, sign-extended. */
static inline bool is_canonical(uint64_t va) { return (uint64_t)((int64_t)(va << 16) >> 16) == va; }

/* Bits: atomic on one word; `addr` may be memory shared with a guest. Index is in bits from addr. */
static inline bool test_bit(unsigned long nr, const volatile void *addr)
{
    return (((const volatile uint32_t *)addr)[nr >> 5] >> (nr & 31)) & 1;
}
static inline bool test_and_set_bit(unsigned long nr, volatile void *addr)
{
    uint32_t b = 1u << (nr & 31);
    return __atomic_fetch_or((volatile uint32_t *)addr + (nr >> 5), b, __ATOMIC_SEQ_CST) & b;
}
static inline bool test_and_clear_bit(unsigned long nr, volatile void *addr)
{
    uint32_t b = 1u << (nr & 31);
    return __atomic_fetch_and((volatile uint32_t *)addr + (nr >> 5), ~b, __ATOMIC_SEQ_CST) & b;
}
static inline void set_bit(unsigned long nr, volatile void *addr) { test_and_set_bit(nr, addr); }
static inline void clear_bit(unsigned long nr, volatile void *addr) { test_and_clear_bit(nr, addr); }
/* First set / clear bit at or after `from` below `size`; `size` when there is none. Not atomic. */
unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from);
static inline unsigned int ffs64(uint64_t x) { return x ? (unsigned)__builtin_ctzll(x) : 64; }
static inline unsigned int hweight64(uint64_t x)    /* no libgcc popcount table in the image */
{
    unsigned int n = 0;
    for (; x; x &= x - 1)
        n++;
    return n;
}
#define for_each_cpu(c, mask) \
    for (uint64_t m_##c = (mask); m_##c && ((c) = (unsigned)__builtin_ctzll(m_##c), true); m_##c &= m_##c - 1)

/* Min-heaps of nodes that their owners supply (used by timers) */
struct heap_node { uint64_t key; struct heap_node *child, *next, *prev; };
struct heap { struct heap_node *root; };
void heap_insert(struct heap *h, struct heap_node *n);
void heap_remove(struct heap *h, struct heap_node *n);      /* n is in it; O(log n) in the mean */
static inline struct heap_node *heap_min(const struct heap *h) { return h->root; }

/* A set of unsigned longs as disjoint inclusive ranges. Caller locks. */
struct rangeset;
struct rangeset *rangeset_new(void);                /* NULL: no memory */
void rangeset_free(struct rangeset *r);             /* NULL is allowed */
int rangeset_add(struct rangeset *r, unsigned long s, unsigned long e);      /* -XEN_ENOMEM: unchanged */
int rangeset_remove(struct rangeset *r, unsigned long s, unsigned long e);
bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e); /* the whole range */
bool rangeset_overlaps(const struct rangeset *r, unsigned long s, unsigned long e);

/* Unpacks a kernel's payload by its magic (gzip, xz, zstd, lz4 legacy). `arena` is scratch memory for the library.
 * Returns the bytes written, or -XEN_EINVAL (corrupt), -XEN_EOPNOTSUPP (unknown
 * method), -XEN_ENOSPC (does not fit dst), -XEN_ENOMEM (arena too small). */
long decompress(void *dst, size_t dst_size, const void *src, size_t src_size, void *arena, size_t arena_size);
const char *decompress_method(const void *src, size_t src_size);    /* "gzip", ...; NULL: unknown */
/* LZ4's own part (lz4.c): a frame of `lz4 -l`, and one block. The same results. */
#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_CHUNK (8u << 20)
long lz4_legacy(void *dst, size_t dst_size, const void *src, size_t src_size);
long lz4_block(void *dst, size_t dst_size, const void *src, size_t src_size);

struct pv_kernel {                  /* what the ELF notes and headers of a 64-bit PV kernel say (elfnote.h) */
    const uint8_t *image; size_t size;          /* the ELF file in memory */
    uint64_t virt_base, paddr_offset, entry;
    uint64_t hypercall_page;                    /* 0: none asked for */
    uint64_t init_p2m;                          /* 0: p2m list goes behind the kernel, as of old */
    uint64_t mod_start_pfn;                     /* not 0: initrd is passed by pfn and not mapped */
    bool has_entry;
    uint64_t vstart, vend;                      /* virtual extent of PT_LOAD segments, page aligned out */
    char guest_os[32];
};
/* Finds the compressed payload of a bzImage (boot protocol 2.08+). -XEN_EINVAL: not one, or truncated. */
int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size);
/* The size the payload says it unpacks to (gzip/xz/zstd/lz4 as the kernel's build appends it). */
int bzimage_unpacked_size(const void *payload, size_t payload_size, size_t *size);
/* Reads headers and notes; every offset is checked. On error *why says what is wrong in a few words. */
int pv_kernel_parse(const void *elf, size_t size, struct pv_kernel *k, const char **why);
/* Calls put(va, src, filesz, memsz) for each PT_LOAD; stops at the first non-zero return. */
int pv_kernel_load(const struct pv_kernel *k,
                   int (*put)(void *arg, uint64_t va, const void *src, size_t filesz, size_t memsz), void *arg);
