/* SPDX-License-Identifier: MIT */
/* Port I/O of guests. May this ring of the guest do I/O at all (virtual IOPL, or the bitmap its kernel gave for user
 * mode)? If not, it is its #GP. Does the domain own the ports (rights.c)? If not, nothing answers: reads give all ones.
 * Of dom0's ports, which its TSS bitmap opens, only those of PCI configuration and the CMOS clock come here: their
 * index registers are latched, so that the hypervisor's use and dom0's cannot mix. `latch` is dom0's, their only owner;
 * its vCPUs race for it as for the real register. */
#include "emulate.h"

static struct { uint32_t pci_address; uint8_t cmos_index; } latch;

#define PCI_ENABLE   0x80000000u
#define CMOS_NMI_OFF 0x80u              /* in the index register: dom0 does not get to mask our NMIs */

static bool pci_data_port(uint16_t port, unsigned int size)
{
    return port >= PORT_PCI_DATA && port + size <= PORT_PCI_DATA + 4 && (latch.pci_address & PCI_ENABLE);
}

static uint32_t special_read(uint16_t port, unsigned int size)
{
    uint32_t a = READ_ONCE(latch.pci_address);
    if (port == PORT_PCI_ADDRESS && size == 4)
        return a;
    if (pci_data_port(port, size))
        return pci_conf_read(0, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint16_t)((a & 0xfc) | (port & 3)), size);
    if (port == PORT_CMOS_DATA && size == 1) {
        port_out(PORT_CMOS_INDEX, latch.cmos_index, 1);
        return port_in(PORT_CMOS_DATA, 1);
    }
    if (port == PORT_CMOS_INDEX && size == 1)
        return latch.cmos_index;
    if (port >= PORT_PCI_DATA && port < PORT_PCI_DATA + 4)
        return ~0u;
    return port_in(port, size);
}

static void special_write(uint16_t port, uint32_t val, unsigned int size)
{
    uint32_t a = READ_ONCE(latch.pci_address);
    if (port == PORT_PCI_ADDRESS && size == 4) {
        WRITE_ONCE(latch.pci_address, val);
    } else if (pci_data_port(port, size)) {
        pci_conf_write(0, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint16_t)((a & 0xfc) | (port & 3)), val, size);
    } else if (port == PORT_CMOS_INDEX && size == 1) {
        latch.cmos_index = (uint8_t)val & (uint8_t)~CMOS_NMI_OFF;
    } else if (port == PORT_CMOS_DATA && size == 1) {
        port_out(PORT_CMOS_INDEX, latch.cmos_index, 1);
        port_out(PORT_CMOS_DATA, val, 1);
    } else if (port < PORT_PCI_DATA || port >= PORT_PCI_DATA + 4) {
        port_out(port, val, size);
    }
}

static uint32_t guest_port_read(struct vcpu *v, uint16_t port, unsigned int size)
{
    unsigned int last = port + size - 1u;
    uint32_t val = ~0u;
    if (last <= 0xffff && ioports_access_permitted(v->domain, port, last))
        val = ioport_special(port, last) ? special_read(port, size) : port_in(port, size);
    return val & (uint32_t)size_mask(size);
}

static void guest_port_write(struct vcpu *v, uint16_t port, uint32_t val, unsigned int size)
{
    unsigned int last = port + size - 1u;
    val &= (uint32_t)size_mask(size);
    if (last > 0xffff || !ioports_access_permitted(v->domain, port, last))
        return;
    if (ioport_special(port, last))
        special_write(port, val, size);
    else
        port_out(port, val, size);
}

/* xen.h, VMASST_TYPE_architectural_iopl: without it a guest kernel counts as ring 1. */
bool vcpu_iopl_ok(const struct vcpu *v)
{
    unsigned int iopl = v->iopl >> 12 & 3;
    if (!v->in_kernel)
        return iopl == 3;
    return iopl >= 1 || (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl));
}

/* The bitmap of PHYSDEVOP_set_iobitmap opens ports to user mode; it is read where it lies in the guest. */
static bool ring_may_use(struct vcpu *v, uint16_t port, unsigned int size)
{
    unsigned int last = port + size - 1u;
    uint16_t bits = 0;
    if (vcpu_iopl_ok(v))
        return true;
    if (v->in_kernel || last >= v->iobmp_limit)
        return false;
    if (copy_from_guest(&bits, (const uint8_t *)v->iobmp + port / 8, last / 8 - port / 8 + 1))
        return false;
    return !(bits >> (port & 7) & ((1u << size) - 1));
}

enum emu_result emulate_in_out(struct emu *e)
{
    struct insn *i = &e->i;
    unsigned int size = !(i->opcode & 1) ? 1 : i->opsize == 2 ? 2 : 4;
    bool out = i->opcode & 2;
    uint16_t port = e->r->dx;
    if (i->opcode < 0xe8) {
        if (i->pos >= i->avail)
            return EMU_FAULT;
        port = i->byte[i->pos++];
    }
    if (!ring_may_use(e->v, port, size))
        return EMU_FAULT;
    if (out)
        guest_port_write(e->v, port, (uint32_t)reg_read(e->r, 0, size, true), size);
    else
        reg_write(e->r, 0, size, true, guest_port_read(e->v, port, size));
    return EMU_DONE;
}

struct string_op { uint16_t port; uint8_t size; bool out; uint64_t seg_base, mask; unsigned int reg; /* rsi or rdi */ };

/* One element; false when guest memory faulted (the fault is injected). */
static bool string_step(struct emu *e, const struct string_op *s)
{
    uint64_t index = reg_read(e->r, s->reg, 8, true);
    void *gva = (void *)(s->seg_base + (index & s->mask));
    uint64_t step = e->r->rflags & RFLAGS_DF ? -(uint64_t)s->size : s->size;
    uint32_t val = 0;
    if (!s->out)
        val = guest_port_read(e->v, s->port, s->size);
    if (s->out ? copy_from_guest(&val, gva, s->size) : copy_to_guest(gva, &val, s->size)) {
        inject_page_fault((unsigned long)gva, s->out ? 0 : PFEC_WRITE);
        return false;
    }
    if (s->out)
        guest_port_write(e->v, s->port, val, s->size);
    reg_write(e->r, s->reg, e->i.adsize, true, index + step);
    return true;
}

enum emu_result emulate_ins_outs(struct emu *e)
{
    struct insn *i = &e->i;
    struct string_op s = { .port = e->r->dx, .out = i->opcode & 2, .mask = size_mask(i->adsize) };
    unsigned long todo;
    if (!i->code64)
        return EMU_FAULT;               /* 32-bit user code: its data segments are not known here */
    s.size = !(i->opcode & 1) ? 1 : i->opsize == 2 ? 2 : 4;
    s.reg = s.out ? 6 : 7;
    s.seg_base = s.out ? insn_segment_base(i) : 0;
    if (!ring_may_use(e->v, s.port, s.size))
        return EMU_FAULT;
    if (!i->rep)
        return string_step(e, &s) ? EMU_DONE : EMU_STAY;
    unsigned long left = reg_read(e->r, 1, i->adsize, true);
    for (todo = min(left, PAGE_SIZE / s.size); todo; todo--) {
        if (!string_step(e, &s))
            return EMU_STAY;
        reg_write(e->r, 1, i->adsize, true, --left);
    }
    return left ? EMU_STAY : EMU_DONE;
}
