/* SPDX-License-Identifier: MIT */
/* Console input and debug keys. Bytes from the UART wait in `raw`; exit work (WORK_CONSOLE) gives them to dom0
 * (VIRQ_CONSOLE, CONSOLEIO_read) or, after ctrl-a typed three times in a row, to the debug keys until that is typed
 * again. Ctrl-a's that turn out not to be such a row go to dom0 with the byte that broke it. The same work tells dom0
 * of new text in the log ring, as log_msg() may run with run-queue locks held. console_lock guards both rings. */
#include <hv/event.h>
#include <xen/xen.h>
#include "console-internal.h"

#define NR_KEYS      128
#define INPUT_SIZE   1024           /* a power of two */
#define SWITCH_KEY   '\x01'
#define SWITCH_TIMES 3

/* One character, one report. Filled at boot, then only read: no lock. Handlers run from exit work with no lock held. */
static struct { const char *desc; void (*fn)(char key); } keys[NR_KEYS];

void debugkey_register(char key, const char *desc, void (*fn)(char key))
{
    unsigned int k = (unsigned char)key;
    HV_ASSERT(k < NR_KEYS && !keys[k].fn);
    keys[k] = (__typeof__(keys[0])){ desc, fn };
}

void debugkey_handle(char key)
{
    unsigned int k = (unsigned char)key;
    if (k >= NR_KEYS || !keys[k].fn)
        return;
    console_printf("'%c': %s\n", key, keys[k].desc);
    keys[k].fn(key);
}

static void show_help(char key __unused)
{
    for (unsigned int k = 0; k < NR_KEYS; k++)
        if (keys[k].fn)
            console_printf(" %c  %s\n", (char)k, keys[k].desc);
}

struct input_ring { uint32_t in, out; char buf[INPUT_SIZE]; };
static struct input_ring raw, to_dom0;
static bool to_keys;                /* input goes to the debug keys */
static unsigned int switch_count;
static bool ready;                  /* exit work can be raised */
static bool ring_news;

static bool ring_push(struct input_ring *r, char c)
{
    if (r->in - r->out == INPUT_SIZE)
        return false;
    r->buf[r->in++ & (INPUT_SIZE - 1)] = c;
    return true;
}

static bool ring_pop(struct input_ring *r, char *c)
{
    if (r->in == r->out)
        return false;
    *c = r->buf[r->out++ & (INPUT_SIZE - 1)];
    return true;
}

bool input_push(char c) { return ring_push(&raw, c); }

void input_raise(void)
{
    if (READ_ONCE(ready))
        cpu_raise_work(cpu_id(), WORK_CONSOLE);
}

void input_raise_ring(void)
{
    if (READ_ONCE(ready) && !__atomic_exchange_n(&ring_news, true, __ATOMIC_RELAXED))
        cpu_raise_work(cpu_id(), WORK_CONSOLE);
}

/* Locked. What to do with one byte: true: it is a debug key. */
static bool route(char c)
{
    if (c == SWITCH_KEY) {
        if (++switch_count == SWITCH_TIMES) {
            switch_count = 0;
            to_keys = !to_keys;
        }
        return false;
    }
    for (; switch_count && !to_keys; switch_count--)
        ring_push(&to_dom0, SWITCH_KEY);
    switch_count = 0;
    if (!to_keys)
        ring_push(&to_dom0, c);
    return to_keys;
}

static void input_work(void)
{
    uint32_t given = READ_ONCE(to_dom0.in);
    if (__atomic_exchange_n(&ring_news, false, __ATOMIC_RELAXED))
        virq_send_global(VIRQ_CON_RING);
    for (bool any = true; any; ) {
        char c;
        console_lock_get();
        bool were_keys = to_keys;
        any = ring_pop(&raw, &c);
        bool key = any && route(c), are_keys = to_keys;
        console_lock_put();
        if (are_keys != were_keys)
            console_printf("*** serial input to %s (ctrl-a three times switches)\n",
                           are_keys ? "the hypervisor's debug keys, h for help" : "dom0");
        if (key)
            debugkey_handle(c);
    }
    if (READ_ONCE(to_dom0.in) != given)
        virq_send_global(VIRQ_CONSOLE);
}

void input_init(void)
{
    debugkey_register('h', "show this help", show_help);
    cpu_register_work(WORK_CONSOLE, input_work);
    WRITE_ONCE(ready, true);
}

size_t console_guest_read(char *buf, size_t len)
{
    size_t n = 0;
    console_lock_get();
    while (n < len && ring_pop(&to_dom0, &buf[n]))
        n++;
    console_lock_put();
    return n;
}
