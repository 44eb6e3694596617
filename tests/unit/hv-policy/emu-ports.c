/* SPDX-License-Identifier: MIT */
/* Port instructions in each mode, PCI and CMOS ports, string I/O over pages and faults, a domain's rights. */
#include "emu.h"

START_TEST(in_and_out)
{
    setup(0);
    r->rax = 0x1111111122222222;
    r->rdx = 0xdead1234;
    DONE("\xec");                                   /* in %dx, %al */
    ck_assert_uint_eq(r->rax, 0x1111111122222234);
    DONE("\x66\xed");                               /* in %dx, %ax */
    ck_assert_uint_eq(r->rax, 0x1111111122221234);
    DONE("\xed");                                   /* in %dx, %eax */
    ck_assert_uint_eq(r->rax, 0xa5a51234);
    DONE("\x48\xed");                               /* REX.W: still four bytes */
    ck_assert_uint_eq(m.io[m.nr_io - 1].size, 4);
    DONE("\xe4\x80");                               /* in $0x80, %al */
    ck_assert_uint_eq(r->rax, 0xa5a51280);
    r->rax = 0x99887766;
    m.nr_io = 0;
    DONE("\xe6\x80");
    DONE("\xe7\x80");
    DONE("\x66\xe7\x80");
    DONE("\xee");
    DONE("\x66\xef");
    DONE("\xef");
    ck_assert_uint_eq(m.nr_io, 6);
    ck_assert_uint_eq(m.io[0].val, 0x66);
    ck_assert_uint_eq(m.io[1].val, 0x99887766);
    ck_assert_uint_eq(m.io[2].val, 0x7766);
    ck_assert_uint_eq(m.io[5].port, 0x1234);
    ck_assert(m.io[5].out);
    machine_stop();
}
END_TEST

START_TEST(ports_of_others)
{
    setup(0);
    m.nr_io = 0;
    r->rdx = 0x3f8;                                 /* the hypervisor's UART */
    r->rax = 0;
    DONE("\xec");
    ck_assert_uint_eq(r->rax, 0xff);
    DONE("\xee");
    r->rdx = 0x3f6;                                 /* half of it */
    DONE("\xed");
    ck_assert_uint_eq(r->rax, 0xffffffff);
    r->rdx = 0xfffe;                                /* over the end of the port space */
    r->rax = 0;
    DONE("\xed");
    ck_assert_uint_eq(r->rax, 0xffffffff);
    DONE("\xef");
    machine_stop();
    setup(1);                                       /* owns nothing */
    r->rax = 0;
    r->rdx = 0x60;
    DONE("\xec");
    ck_assert_uint_eq(r->rax, 0xff);
    DONE("\xee");
    r->rdx = 0xcfc;
    DONE("\xed");
    DONE("\xef");
    ck_assert_uint_eq(m.nr_io, 0);
    ck_assert_uint_eq(m.nr_pci, 0);
    machine_stop();
}
END_TEST

START_TEST(io_privilege)
{
    static uint8_t map[0x10000 / 8];

    setup(0);
    r->rdx = 0x80;
    v->iopl = 0;
    FAULTS("\xec");                                 /* a kernel counts as ring 1 */
    v->domain->vm_assist = 1UL << VMASST_TYPE_architectural_iopl;
    DONE("\xec");
    user_mode(1);
    FAULTS("\xec");
    FAULTS("\xfa");
    user_mode(3);
    DONE("\xec");
    DONE("\xfa");
    user_mode(0);
    memset(map, 0xff, sizeof(map));
    guest_memory_add(map, sizeof(map));
    v->iobmp = (unsigned long)map;
    v->iobmp_limit = 0x10000;
    FAULTS("\xec");
    map[0x80 / 8] = 0xfe;
    DONE("\xec");
    FAULTS("\x66\xed");                             /* 0x81 is closed */
    map[0x80 / 8] = 0xf0;
    DONE("\xed");
    r->rdx = 0x87;                                  /* across two bytes of the map */
    map[0x80 / 8] = 0x7f;
    FAULTS("\x66\xed");
    map[0x88 / 8] = 0xfe;
    DONE("\x66\xed");
    FAULTS("\xed");
    v->iobmp_limit = 0x88;
    FAULTS("\x66\xed");
    DONE("\xec");
    v->iobmp = 0x1000;                              /* not readable */
    FAULTS("\xec");
    v->iobmp_limit = 0x10000;
    r->rdx = 0xffff;
    FAULTS("\x66\xed");
    machine_stop();
}
END_TEST

START_TEST(pci_and_cmos)
{
    setup(0);
    m.nr_io = 0;
    r->rdx = 0xcf8;
    r->rax = 0x8001f344;
    DONE("\xef");
    r->rax = 0;
    DONE("\xed");
    ck_assert_uint_eq(r->rax, 0x8001f344);
    r->rdx = 0xcfe;
    DONE("\x66\xed");
    ck_assert_uint_eq(r->rax, 0x80013344);
    ck_assert_uint_eq(m.pci.bus, 1);
    ck_assert_uint_eq(m.pci.devfn, 0xf3);
    ck_assert_uint_eq(m.pci.reg, 0x46);
    ck_assert_uint_eq(m.pci.size, 2);
    r->rdx = 0xcfc;
    r->rax = 0xcafe;
    DONE("\xef");
    ck_assert(m.pci.write);
    ck_assert_uint_eq(m.pci.val, 0xcafe);
    m.nr_pci = 0;
    r->rdx = 0xcff;                                 /* over the end of the data register */
    DONE("\x66\xed");
    DONE("\x66\xef");
    ck_assert_uint_eq(m.nr_pci, 0);
    r->rdx = 0xcf8;
    r->rax = 0x0001f344;                            /* not enabled */
    DONE("\xef");
    r->rdx = 0xcfc;
    DONE("\xed");
    ck_assert_uint_eq(r->rax, 0xffffffff);
    ck_assert_uint_eq(m.nr_pci, 0);
    ck_assert_uint_eq(m.nr_io, 0);
    r->rdx = 0xcf9;                                 /* the reset register is a port like others */
    r->rax = 6;
    DONE("\xee");
    ck_assert_uint_eq(m.nr_io, 1);
    m.nr_io = 0;
    r->rax = 0x8b;
    DONE("\xe6\x70");
    ck_assert_uint_eq(m.nr_io, 0);
    DONE("\xe4\x71");
    ck_assert_uint_eq(m.nr_io, 2);
    ck_assert_uint_eq(m.io[0].port, 0x70);
    ck_assert_uint_eq(m.io[0].val, 0x0b);           /* NMIs stay on */
    DONE("\xe6\x71");
    ck_assert_uint_eq(m.nr_io, 4);
    DONE("\xe4\x70");
    ck_assert_uint_eq(r->rax & 0xff, 0x0b);
    machine_stop();
}
END_TEST

START_TEST(string_io)
{
    setup(0);
    r->rdx = 0x1f0;
    r->rdi = (unsigned long)data;
    DONE("\x6c");                                   /* insb */
    ck_assert_uint_eq(data[0], 0xf0);
    ck_assert_uint_eq(r->rdi, (unsigned long)data + 1);
    r->rdi = (unsigned long)data;
    r->rcx = 3;
    DONE("\xf3\x66\x6d");                           /* rep insw */
    ck_assert_uint_eq(r->rcx, 0);
    ck_assert_uint_eq(r->rdi, (unsigned long)data + 6);
    ck_assert_int_eq(memcmp(data, "\xf0\x01\xf0\x01\xf0\x01\0", 7), 0);
    r->rcx = 0;
    DONE("\xf3\x6d");
    ck_assert_uint_eq(r->rdi, (unsigned long)data + 6);
    memcpy(data, "abcdefgh", 8);
    m.nr_io = 0;
    r->rsi = (unsigned long)data + 4;
    r->rcx = 2;
    r->rflags |= 0x400;                             /* downwards */
    DONE("\xf3\x6f");                               /* rep outsl */
    ck_assert_uint_eq(m.nr_io, 2);
    ck_assert_uint_eq(m.io[0].val, 0x68676665);
    ck_assert_uint_eq(m.io[1].val, 0x64636261);
    ck_assert_uint_eq(r->rsi, (unsigned long)data - 4);
    r->rflags &= ~0x400UL;
    m.gs_base = (unsigned long)data - 0x100;
    r->rsi = 0x100;
    m.nr_io = 0;
    DONE("\x65\x6e");                               /* outsb %gs:(%rsi) */
    ck_assert_uint_eq(m.io[0].val, 'a');
    m.nr_io = 0;
    m.fs_base = (unsigned long)data;
    r->rsi = 0xffffffff00000001;
    r->rcx = 0xffffffff00000001;
    DONE("\x64\x67\xf3\x6e");                       /* 32-bit address and count */
    ck_assert_uint_eq(m.nr_io, 1);
    ck_assert_uint_eq(m.io[0].val, 'b');
    ck_assert_uint_eq(r->rsi, 2);
    ck_assert_uint_eq(r->rcx, 0);
    machine_stop();
}
END_TEST

START_TEST(string_io_stops)
{
    setup(0);
    r->rdx = 0x1f0;
    r->rdi = (unsigned long)data;
    r->rcx = PAGE_SIZE + 10;
    ck_assert(RUN("\xf3\x6c"));                     /* a page, then again */
    ck_assert_uint_eq(r->rip, (unsigned long)code);
    ck_assert_uint_eq(r->rcx, 10);
    ck_assert_uint_eq(r->rdi, (unsigned long)data + PAGE_SIZE);
    DONE("\xf3\x6c");
    ck_assert_uint_eq(r->rcx, 0);
    r->rdi = (unsigned long)data + 2 * PAGE_SIZE - 6;
    r->rcx = 4;
    m.nr_io = 0;
    ck_assert(RUN("\xf3\x6d"));                     /* the second does not fit */
    ck_assert_uint_eq(r->rip, (unsigned long)code);
    ck_assert_uint_eq(r->rcx, 3);
    ck_assert_uint_eq(m.vector, 14);
    ck_assert_uint_eq(m.error, 2);
    ck_assert_uint_eq(m.cr2, (unsigned long)data + 2 * PAGE_SIZE - 2);
    m.nr_io = 0;
    r->rsi = 0x10;
    ck_assert(RUN("\x6f"));
    ck_assert_uint_eq(m.exceptions, 2);
    ck_assert_uint_eq(m.error, 0);
    ck_assert_uint_eq(m.cr2, 0x10);
    ck_assert_uint_eq(m.nr_io, 0);
    ck_assert_uint_eq(r->rip, (unsigned long)code);
    machine_stop();
}
END_TEST

START_TEST(rights)
{
    struct domain *d;

    setup(0);
    d = domain_find(1);
    ck_assert(!domain_has_device_rights(d));
    ck_assert_ptr_null(d->io_bitmap);
    ck_assert_int_eq(ioports_permit(d, 0x100, 0x1ff, true), 0);
    ck_assert(domain_has_device_rights(d));
    ck_assert(ioports_access_permitted(d, 0x100, 0x1ff));
    ck_assert(!ioports_access_permitted(d, 0x100, 0x200));
    ck_assert(!ioports_access_permitted(d, 0x1ff, 0x100));
    ck_assert_ptr_nonnull(d->io_bitmap);
    for (unsigned int port = 0; port < 0x10000; port++)
        ck_assert_int_eq(test_bit(port, d->io_bitmap), port < 0x100 || port > 0x1ff);
    ck_assert_int_eq(ioports_permit(d, 0x180, 0x180, false), 0);
    ck_assert(test_bit(0x180, d->io_bitmap));
    ck_assert(!ioports_access_permitted(d, 0x180, 0x180));
    ck_assert_int_eq(ioports_permit(d, 0, 0xffff, true), 0);
    for (unsigned int port = 0; port < 0x10000; port++)    /* what needs help still traps */
        ck_assert_int_eq(test_bit(port, d->io_bitmap),
                         port == 0x70 || port == 0x71 || (port >= 0xcf8 && port <= 0xcff));
    ck_assert_int_eq(ioports_permit(d, 5, 4, true), -XEN_EINVAL);
    ck_assert_int_eq(ioports_permit(d, 0, 0x10000, true), -XEN_EINVAL);
    ck_assert_int_eq(iomem_permit(d, 0xfebd0, 0xfebdf, true), 0);
    ck_assert(iomem_access_permitted(d, 0xfebd4, 0xfebd5));
    ck_assert(!iomem_access_permitted(d, 0xfebdf, 0xfebe0));
    ck_assert_int_eq(iomem_permit(d, 2, 1, true), -XEN_EINVAL);
    ck_assert_int_eq(irq_permit(d, 11, true), 0);
    ck_assert(irq_access_permitted(d, 11));
    ck_assert(!irq_access_permitted(d, 12));
    ck_assert_int_eq(irq_permit(d, 0x10000, true), -XEN_EINVAL);
    fake_alloc_fail(1);
    d = domain_find(0);
    ck_assert_int_eq(iomem_permit(d, 1, 1, true), -XEN_ENOMEM);
    ck_assert(!iomem_access_permitted(d, 1, 1));
    ck_assert_uint_eq(fake_locks_held(), 0);
    machine_stop();
}
END_TEST

TCase *port_tests(void)
{
    TCase *t = tcase_create("ports");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, in_and_out);
    tcase_add_test(t, ports_of_others);
    tcase_add_test(t, io_privilege);
    tcase_add_test(t, pci_and_cmos);
    tcase_add_test(t, string_io);
    tcase_add_test(t, string_io_stops);
    tcase_add_test(t, rights);
    return t;
}
