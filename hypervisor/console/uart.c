/* SPDX-License-Identifier: MIT */
/* The serial line: a 16550-compatible UART behind eight I/O ports. Sending waits for the transmitter and then fills its
 * FIFO, so a message is out when the call returns, also in a panic. Receiving is by interrupt. console_lock guards the
 * registers. A UART that stops taking bytes costs a bounded wait once, then its output is dropped until it takes bytes
 * again. */
#include <hv/irq.h>
#include <linux/serial_reg.h>
#include "console-internal.h"

#define UART_CLOCK     1843200u /* Hz; 16 clocks a bit */
#define FIFO_SIZE      16
#define TX_SPINS       200000   /* some 200 ms: an LSR read takes about 1 us on real hardware */

static uint16_t iobase;         /* 0: no UART */
static unsigned int irq;        /* GSI; 0: none, there is no input */
static unsigned int tx_fifo;    /* bytes that may be written when THRE is set */
static bool stuck;

static uint8_t reg_in(unsigned int reg) { return (uint8_t)port_in((uint16_t)(iobase + reg), 1); }
static void reg_out(unsigned int reg, uint8_t val) { port_out((uint16_t)(iobase + reg), val, 1); }

/* com1: "BAUD[,FORMAT[,IOBASE[,IRQ]]]": what makes no sense keeps its default. BAUD "auto": the firmware's. */
static void uart_init_early(const char *com1)
{
    unsigned long baud = strncmp(com1, "auto", 4) == 0 ? 0 : 115200;
    uint8_t lcr = 0x03;
    iobase = 0x3f8;
    irq = 4;
    for (unsigned int field = 0; com1; field++) {
        const char *s = com1, *end;
        unsigned long n = hv_strtoul(s, &end, field == 0 ? 10 : 0);
        if (field == 0 && n > 0 && n <= UART_CLOCK / 16)
            baud = n;
        /* Data bits, parity, stop bits: LCR bits 0-1 word length less 5, 2 two stop bits, 3 parity on, 4 even. */
        if (field == 1 && s[0] >= '5' && s[0] <= '8' && s[1] && s[2])
            lcr = (uint8_t)((s[0] - '5') | (s[1] == 'o' ? 0x08 : s[1] == 'e' ? 0x18 : 0) | (s[2] == '2' ? 0x04 : 0));
        if (field == 2 && n > 0 && n <= 0xfff8) {
            iobase = (uint16_t)n;
            irq = n == 0x2f8 || n == 0x2e8 ? 3 : 4;
        }
        if (field == 3 && end != s && n < 256)
            irq = (unsigned int)n;
        com1 = strchr(s, ',');
        com1 += com1 != NULL;
    }
    /* No chip: the bus reads as all ones. The scratch register must keep what is written, unlike empty bus lines. */
    reg_out(UART_SCR, 0x5a);
    if (reg_in(UART_SCR) != 0x5a || reg_in(UART_LSR) == 0xff) {
        iobase = 0;
        return;
    }
    reg_out(UART_IER, 0);
    reg_out(UART_LCR, lcr);
    if (baud) {
        unsigned long divisor = UART_CLOCK / 16 / baud;
        reg_out(UART_LCR, lcr | UART_LCR_DLAB);
        reg_out(UART_DLL, (uint8_t)divisor);
        reg_out(UART_DLM, (uint8_t)(divisor >> 8));
        reg_out(UART_LCR, lcr);
    }
    reg_out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT | UART_FCR_TRIGGER_14);
    reg_out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
    tx_fifo = (reg_in(UART_IIR) & 0xc0) == 0xc0 ? FIFO_SIZE : 1;     /* both bits: the FIFOs work */
    stuck = false;
}

bool uart_present(void) { return iobase != 0; }
uint64_t console_uart_iobase(void) { return iobase; }

static bool tx_ready(void)
{
    /* A stuck line gets one look a time, not a wait. */
    for (unsigned int i = 0; i < (stuck ? 1u : TX_SPINS); i++) {
        if (reg_in(UART_LSR) & UART_LSR_THRE) {
            stuck = false;
            return true;
        }
        cpu_relax();
    }
    stuck = true;
    return false;
}

void uart_write(const char *s, size_t len)
{
    unsigned int room = 0;
    bool cr_sent = false;
    if (!iobase)
        return;
    while (len) {
        if (room == 0 && !tx_ready())
            return;
        room = (room ? room : tx_fifo) - 1;
        cr_sent = *s == '\n' && !cr_sent;
        reg_out(UART_TX, cr_sent ? '\r' : (uint8_t)*s);
        s += !cr_sent;
        len -= !cr_sent;
    }
}

/* Empties the receive FIFO. A broken chip that says "data" for ever does not hold us for ever. */
static void receive(void *arg __unused)
{
    bool any = false;
    console_lock_get();
    reg_in(UART_IIR);
    for (unsigned int i = 0; i < 256 && (reg_in(UART_LSR) & UART_LSR_DR); i++)
        any |= input_push((char)reg_in(UART_RX));
    console_lock_put();
    if (any)
        input_raise();
}

/* console=: a comma-separated list of devices, of which com1 (also when nothing is said) is the one there is. */
void console_init_early(const char *devices, const char *com1)
{
    for (const char *p = devices; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!*devices || (strncmp(p, "com1", 4) == 0 && (p[4] == ',' || !p[4])))
            return uart_init_early(*com1 ? com1 : "115200,8n1");
    }
}

void console_init(void)
{
    input_init();
    if (!iobase || !irq)
        return;
    if (irq_request_gsi(irq, receive, NULL) != 0) {
        log_warn("console: no interrupt %u, so no input from the serial line\n", irq);
        return;
    }
    reg_out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
    reg_out(UART_IER, UART_IER_RDI);
    receive(NULL);                          /* what came before the interrupt was on */
}
