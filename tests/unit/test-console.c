/* SPDX-License-Identifier: MIT */
/* console/: a model of the serial chip below, a few rooms' functions beside, and the real console between. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib-stubs.h"
#include "run-suite.h"

#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/irq.h>
#include <hv/mm.h>

struct boot_options boot_options;
struct domain *dom0;
cpumask_t cpu_online_map = 7;

/* --- the serial chip -------------------------------------------------------------------------------------------- */

static struct {
    uint16_t base;
    bool present, dead;
    char out[1 << 16];
    size_t out_len;
    unsigned int room, lsr_reads;
    char in[512];
    size_t in_pos, in_len;
    uint8_t scratch, lcr, ier, mcr, dll, dlm;
} chip;

uint32_t port_in(uint16_t port, unsigned int size)
{
    if (size != 1 || port < chip.base || port >= chip.base + 8)
        ck_abort_msg("port %#x, size %u", port, size);
    if (!chip.present)
        return 0xff;
    switch (port - chip.base) {
    case 0: return chip.in_pos < chip.in_len ? (uint8_t)chip.in[chip.in_pos++] : 0;
    case 2: return 0xc1;
    case 5:
        chip.lsr_reads++;
        chip.room = chip.dead ? 0 : 16;
        return (chip.dead ? 0 : 0x20u) | (chip.in_pos < chip.in_len);
    case 7: return chip.scratch;
    default: return 0;
    }
}

void port_out(uint16_t port, uint32_t val, unsigned int size)
{
    if (size != 1 || port < chip.base || port >= chip.base + 8)     /* each assertion is a system call: not for every byte */
        ck_abort_msg("port %#x, size %u", port, size);
    switch (port - chip.base) {
    case 0:
        if (chip.lcr & 0x80) {
            chip.dll = (uint8_t)val;
            break;
        }
        if (!chip.room)
            ck_abort_msg("written to a full transmitter");
        chip.room--;
        if (chip.out_len < sizeof(chip.out) - 1)
            chip.out[chip.out_len++] = (char)val;
        break;
    case 1: *(chip.lcr & 0x80 ? &chip.dlm : &chip.ier) = (uint8_t)val; break;
    case 3: chip.lcr = (uint8_t)val; break;
    case 4: chip.mcr = (uint8_t)val; break;
    case 7: chip.scratch = chip.present ? (uint8_t)val : 0xff; break;
    }
}

/* What came out since the last call. */
static const char *output(void)
{
    chip.out[chip.out_len] = '\0';
    chip.out_len = 0;
    return chip.out;
}

/* --- the rooms beside -------------------------------------------------------------------------------------------- */

static void (*irq_handler)(void *arg);
static int irq_result;
static unsigned int irq_line;
static struct timer *armed;
static nsec_t clock_now;
static void (*console_work)(void);
static bool work_raised;
static unsigned int virqs[NR_VIRQS];
static unsigned int nmis;
static const char *ended;

int irq_request_gsi(unsigned int gsi, void (*handler)(void *arg), void *arg)
{
    ck_assert_ptr_null(arg);
    irq_line = gsi;
    irq_handler = handler;
    return irq_result;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

void timer_set(struct timer *t, nsec_t expires)
{
    t->node.key = expires;
    armed = t;
}

nsec_t now(void)
{
    return clock_now;
}

uint64_t time_tsc_hz(void)
{
    return 0;
}

uint64_t cpu_tsc(void)
{
    return 0;
}

unsigned long cpu_cr2(void)
{
    return 0xc0ffee;
}

void cpu_register_work(unsigned int work, void (*fn)(void))
{
    ck_assert_uint_eq(work, WORK_CONSOLE);
    console_work = fn;
}

void cpu_raise_work(unsigned int cpu, unsigned int work)
{
    ck_assert(cpu == cpu_id() && work == WORK_CONSOLE);
    work_raised = true;
}

void virq_send_global(unsigned int virq)
{
    virqs[virq]++;
}

void apic_send_nmi(unsigned int cpu)
{
    ck_assert_uint_ne(cpu, cpu_id());
    nmis++;
}

void machine_reboot(void)
{
    ended = "reboot";
    longjmp(panic_target, 1);
}

void cpu_halt_forever(void)
{
    ended = "halt";
    longjmp(panic_target, 1);
}

void *hv_pages_alloc(unsigned int order)
{
    return calloc(1, PAGE_SIZE << order);
}

/* --- set-up -------------------------------------------------------------------------------------------------------- */

static struct domain domain0 = { .id = 0 }, guest = { .id = 7 };

static void start(void)
{
    memset(&chip, 0, sizeof(chip));
    chip.base = 0x3f8;
    chip.present = true;
    dom0 = &domain0;
    spin_lock_init(&guest.hvc_lock, RANK_DOMCTL);
    console_init_early("", "");
    output();
}

static void start_all(void)
{
    start();
    console_init();
    output();
    console_work();             /* what starting up has logged */
    work_raised = false;
    memset(virqs, 0, sizeof(virqs));
}

static void type(const char *s)
{
    memcpy(chip.in, s, strlen(s));
    chip.in_pos = 0;
    chip.in_len = strlen(s);
    irq_handler(NULL);
    if (work_raised)
        console_work();
    work_raised = false;
}

static const char *read_input(void)
{
    static char buf[2048];

    buf[console_guest_read(buf, sizeof(buf) - 1)] = '\0';
    return buf;
}

static const char *read_ring(bool incremental, uint32_t *index, bool clear)
{
    static char buf[1 << 18];

    buf[console_ring_read(buf, sizeof(buf) - 1, incremental, index, clear)] = '\0';
    return buf;
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

START_TEST(uart_settings)
{
    start();
    ck_assert_uint_eq(console_uart_iobase(), 0x3f8);
    ck_assert(chip.lcr == 0x03 && chip.dll == 1 && chip.dlm == 0);
    console_init_early("com1", "9600,7e2");
    ck_assert(chip.lcr == (0x02 | 0x04 | 0x18) && chip.dll == 12);
    chip.base = 0x2f8;
    console_init_early("vga,com1", "300,8n1,0x2f8");
    ck_assert(chip.dll == 0x80 && chip.dlm == 1);
    ck_assert_uint_eq(console_uart_iobase(), 0x2f8);
    console_init();
    ck_assert(irq_line == 3 && chip.ier == 1 && (chip.mcr & 8));
    chip.dll = 77;
    console_init_early("com1", "auto,8n1,0x2f8,0");
    ck_assert_uint_eq(chip.dll, 77);
    chip.base = 0x3f8;
    console_init_early("com1", "nonsense,,,");
    ck_assert_uint_eq(console_uart_iobase(), 0x3f8);
}
END_TEST

START_TEST(uart_absent)
{
    start();
    chip.present = false;
    console_init_early("com1", "");
    ck_assert_uint_eq(console_uart_iobase(), 0);
    log_err("lost\n");
    console_init();
    ck_assert_str_eq(output(), "");
}
END_TEST

START_TEST(no_uart_wanted)
{
    uint32_t index = 0;

    memset(&chip, 0, sizeof(chip));
    console_init_early("vga,none", "");
    log_info("to the ring only\n");
    ck_assert_ptr_nonnull(strstr(read_ring(false, &index, false), "(VLM) to the ring only\n"));
}
END_TEST

START_TEST(uart_stuck)
{
    start();
    chip.dead = true;
    log_info("nobody listens\n");
    chip.lsr_reads = 0;
    log_info("nor now\n");
    ck_assert_uint_le(chip.lsr_reads, 2);   /* the long wait is paid once */
    chip.dead = false;
    log_info("again\n");
    ck_assert_str_eq(output(), "(VLM) again\r\n");
}
END_TEST

START_TEST(messages)
{
    char *big = malloc(5000);

    start();
    log_info("one %d\n", 1);
    log_err("two\n");
    log_debug("not shown\n");
    log_warn("three");
    log_info(" goes on\n");
    ck_assert_str_eq(output(), "(VLM) one 1\r\n(VLM) error: two\r\n(VLM) warning: three goes on\r\n");
    log_set_levels("all", "");
    log_debug("shown\n");
    log_set_levels("error", "");
    log_warn("not shown\n");
    log_set_levels("none", "");
    log_err("not shown\n");
    console_printf("always\n");
    ck_assert_str_eq(output(), "(VLM) debug: shown\r\n(VLM) always\r\n");
    log_set_levels("warning", "");
    log_set_levels("loud", "error/silly");
    ck_assert_ptr_nonnull(strstr(output(), "loglvl: unknown level 'loud'"));
    memset(big, 'x', 4999);
    big[4999] = '\0';
    log_err("%s", big);
    log_err("next\n");
    ck_assert_ptr_nonnull(strstr(output(), "xxx\r\n(VLM) error: next\r\n"));
    free(big);
}
END_TEST

START_TEST(guest_messages)
{
    unsigned int n = 0;

    start();
    clock_now = SECONDS(100);
    log_guest(LOG_INFO, &guest, "too quiet\n");
    for (unsigned int i = 0; i < 1000; i++)
        log_guest(LOG_WARN, &guest, "bad thing %u\n", i);
    for (const char *p = output(); (p = strstr(p, "(VLM) warning: d7: bad thing")); p++)
        n++;
    ck_assert_uint_ge(n, 10);
    ck_assert_uint_le(n, 100);
    clock_now += SECONDS(60);
    log_guest(LOG_WARN, &guest, "later\n");
    ck_assert_ptr_nonnull(strstr(output(), "messages of guests were suppressed"));
    log_set_levels("", "all");
    for (unsigned int i = 0; i < 1000; i++)
        log_guest(LOG_INFO, &guest, "x\n");
    ck_assert_uint_gt(strlen(output()), 11000);
    for (unsigned int i = 0; i < 1000; i++)     /* a guest may cause these without end */
        log_guest(LOG_DEBUG, &guest, "y\n");
    ck_assert_uint_lt(strlen(output()), 3000);
    log_set_levels("", "none");
    log_guest(LOG_ERR, &guest, "no\n");
    ck_assert_str_eq(output(), "");
}
END_TEST

START_TEST(guest_writes)
{
    char text[300];
    uint32_t index = 0;

    start();
    log_set_levels("", "all");
    console_guest_write(&domain0, "raw\x1b[0m\ntext", 12);
    ck_assert_str_eq(output(), "raw\x1b[0m\r\ntext");
    ck_assert_ptr_null(strstr(read_ring(false, &index, false), "raw"));
    console_guest_write(&guest, "hello ", 6);
    ck_assert_str_eq(output(), "");
    console_guest_write(&guest, "wor\x1b\x07\rld\nmore", 14);
    ck_assert_str_eq(output(), "(d7) hello world\r\n");
    console_guest_write(&guest, "\n", 1);
    output();
    memset(text, 'y', sizeof(text));
    console_guest_write(&guest, text, sizeof(text));
    ck_assert_uint_eq(strlen(output()), 2 * (128 + 5 + 2));     /* two full lines; the rest waits */
    log_set_levels("", "none");
    console_guest_write(&guest, "\n", 1);
    ck_assert_str_eq(output(), "");
    ck_assert_ptr_nonnull(strstr(read_ring(false, &index, false), "(d7) hello world\n"));
}
END_TEST

START_TEST(ring)
{
    uint32_t index = 0, old;
    char part[8];

    start();
    read_ring(false, &index, true);
    log_info("abc\n");
    ck_assert_str_eq(read_ring(false, &index, false), "(VLM) abc\n");
    ck_assert_str_eq(read_ring(false, &index, false), "(VLM) abc\n");
    ck_assert_str_eq(read_ring(true, &index, false), "");
    log_info("def\n");
    ck_assert_str_eq(read_ring(true, &index, false), "(VLM) def\n");
    old = index;
    ck_assert_str_eq(read_ring(false, &index, true), "(VLM) abc\n(VLM) def\n");
    ck_assert_uint_eq(index, old);
    ck_assert_str_eq(read_ring(false, &index, false), "");
    log_info("ghi\n");
    index = old + 1000;                     /* never was: from the start */
    ck_assert_str_eq(read_ring(true, &index, false), "(VLM) ghi\n");
    index = old;
    ck_assert_uint_eq(console_ring_read(part, sizeof(part), true, &index, false), 8);
    ck_assert_mem_eq(part, "(VLM) gh", 8);
    ck_assert_str_eq(read_ring(true, &index, false), "i\n");
    for (unsigned int i = 0; i < 5000; i++)
        log_info("line %u\n", i);
    index = 0;
    ck_assert_uint_eq(strlen(read_ring(true, &index, false)), 64 << 10);
    console_init();
    log_info("more\n");
    ck_assert(work_raised);
    console_work();
    ck_assert_uint_eq(virqs[VIRQ_CON_RING], 1);
}
END_TEST

static char last_key;

static void on_key(char key)
{
    last_key = key;
}

START_TEST(input)
{
    char flood[400];

    start_all();
    debugkey_register('q', "a test", on_key);
    type("hello");
    ck_assert_uint_eq(virqs[VIRQ_CONSOLE], 1);
    ck_assert_str_eq(read_input(), "hello");
    ck_assert_str_eq(read_input(), "");
    type("a\x01\x01" "b");
    ck_assert_str_eq(read_input(), "a\x01\x01" "b");
    type("\x01\x01");
    ck_assert_str_eq(read_input(), "");
    type("\x01");
    ck_assert_ptr_nonnull(strstr(output(), "serial input to the hypervisor"));
    type("q~");
    ck_assert_int_eq(last_key, 'q');
    ck_assert_str_eq(output(), "(VLM) 'q': a test\r\n");
    type("h");
    ck_assert_ptr_nonnull(strstr(output(), " q  a test"));
    ck_assert_str_eq(read_input(), "");
    type("\x01\x01\x01xyz");
    ck_assert_ptr_nonnull(strstr(output(), "serial input to dom0"));
    ck_assert_str_eq(read_input(), "xyz");
    memset(flood, 'f', sizeof(flood) - 1);
    flood[sizeof(flood) - 1] = '\0';
    for (unsigned int i = 0; i < 5; i++)
        type(flood);                        /* more than fits: the rest is lost, nothing else */
    ck_assert_uint_eq(strlen(read_input()), 1024);
    debugkey_handle('\xff');
    debugkey_handle('Z');
    ck_assert_str_eq(output(), "");
}
END_TEST

START_TEST(no_input)
{
    irq_result = -XEN_EINVAL;
    start_all();
    ck_assert(chip.ier == 0 && !(chip.mcr & 8));
}
END_TEST

static noinline void deep_panic(void)
{
    panic("the %s is gone", "moon");
}

START_TEST(panics)
{
    const char *out;

    start();
    boot_options.noreboot = true;
    ck_assert(EXPECT_PANIC(deep_panic()));
    ck_assert_str_eq(ended, "halt");
    ck_assert_uint_eq(nmis, 2);
    ck_assert(panic_in_progress());
    out = output();
    ck_assert_ptr_nonnull(strstr(out, "Panic on CPU 0: the moon is gone"));
    ck_assert_ptr_nonnull(strstr(out, "Call trace:"));
    fake_cpu_number = 1;                    /* another one is silent */
    ck_assert(EXPECT_PANIC(panic("me too")));
    ck_assert_str_eq(ended, "halt");
    ck_assert_str_eq(output(), "");
    fake_cpu_number = 0;                    /* a panic within the panic still ends the machine */
    boot_options.noreboot = false;
    ck_assert(EXPECT_PANIC(panic("again")));
    ck_assert_str_eq(ended, "reboot");
}
END_TEST

START_TEST(panic_with_registers)
{
    struct cpu_user_regs r = { .rip = 0xffff820000200123, .cs = 0xe008, .rax = 0x1111, .entry_vector = 14 };
    const char *out;

    start();
    ck_assert(EXPECT_PANIC(panic_regs(&r, "page fault")));
    out = output();
    ck_assert_ptr_nonnull(strstr(out, "rip e008:ffff820000200123"));
    ck_assert_ptr_nonnull(strstr(out, "vector 14"));
    ck_assert_ptr_nonnull(strstr(out, "0000000000c0ffee"));
    ck_assert_str_eq(ended, "reboot");
}
END_TEST

/* The last events of the CPU, oldest first, and no more than the ring holds. */
START_TEST(panic_events)
{
    const char *out, *first, *last;

    start();
    for (unsigned int i = 0; i < CPU_EVENTS; i++)
        cpu_event(EVENT_TRAP | 6, 0xdead);
    cpu_event(29, 2);
    for (unsigned int i = 0; i < CPU_EVENTS - 4; i++)
        cpu_event(EVENT_IRQ | 0xf0, 0);
    cpu_event(EVENT_SWITCH, 7 << 16 | 3);
    cpu_event(EVENT_TRAP | 14, 0xffffffff81000000);
    cpu_event(1, -1UL);
    ck_assert(EXPECT_PANIC(deep_panic()));
    out = output();
    first = strstr(out, "hypercall 29(0x2, ...)");
    last = strstr(out, "switch to d7v3");
    ck_assert(first && last && first < last && strstr(out, "interrupt 0xf0") < last);
    ck_assert_ptr_nonnull(strstr(last, "trap 14 of the guest at 0xffffffff81000000"));
    ck_assert_ptr_nonnull(strstr(last, "hypercall 1(0xffffffffffffffff, ...)"));
    ck_assert_ptr_null(strstr(out, "0xdead"));
}
END_TEST

START_TEST(panic_before_console)
{
    memset(&chip, 0, sizeof(chip));
    chip.base = 0x3f8;
    chip.present = true;
    ck_assert(EXPECT_PANIC(deep_panic()));
    ck_assert_ptr_nonnull(strstr(output(), "the moon is gone"));
}
END_TEST

/* The table made by gen-symbols.awk from test-symbols.nm. */
START_TEST(symbols)
{
    static const struct { unsigned long addr; const char *expect; } cases[] = {
        { 0xffff820000200000, "start+0/0x40" },
        { 0xffff820000200044, "evtchn_send+0x4/0x10" },
        { 0xffff820000200050, "evtchn_send_locked+0/0xb0" },
        { 0xffff820000200fff, "last_function+0x1f/0x20" },
        { 0xffff820000201000, "?" },
        { 0xffff8200001fffff, "?" },
        { 0, "?" },
        { ~0UL, "?" },
        { 0xffff820000200300, "many_17+0/0x10" },
    };
    char buf[96], small[5];

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        ck_assert_str_eq(symbol_of(cases[i].addr, buf, sizeof(buf)), cases[i].expect);
    ck_assert_str_eq(symbol_of(cases[0].addr, small, sizeof(small)), "star");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("console");
    TCase *t = tcase_create("console");
    tcase_set_timeout(t, 180);

    tcase_add_test(t, uart_settings);
    tcase_add_test(t, uart_absent);
    tcase_add_test(t, no_uart_wanted);
    tcase_add_test(t, uart_stuck);
    tcase_add_test(t, messages);
    tcase_add_test(t, guest_messages);
    tcase_add_test(t, guest_writes);
    tcase_add_test(t, ring);
    tcase_add_test(t, input);
    tcase_add_test(t, no_input);
    tcase_add_test(t, panics);
    tcase_add_test(t, panic_with_registers);
    tcase_add_test(t, panic_events);
    tcase_add_test(t, panic_before_console);
    tcase_add_test(t, symbols);
    suite_add_tcase(s, t);
    return run_suite(s);
}
