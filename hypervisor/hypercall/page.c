/* SPDX-License-Identifier: MIT */
/*
 * The hypercall page: stubs that a guest kernel calls, 32 bytes a hypercall (arch-x86/xen-x86_64.h). A call may
 * clobber only its argument registers, so rcx and r11, which the syscall instruction overwrites, are kept. The stub
 * of iret does not return: it completes struct iret_context on the stack, whose first three words are rax, r11 and
 * rcx.
 */
#include <hv/hypercall.h>
#include <hv/lib.h>

#define STUB_SIZE 32

static const uint8_t call_stub[] = {
    0x51,                               /* push %rcx */
    0x41, 0x53,                         /* push %r11 */
    0xb8, 0, 0, 0, 0,                   /* mov $nr, %eax */
    0x0f, 0x05,                         /* syscall */
    0x41, 0x5b,                         /* pop %r11 */
    0x59,                               /* pop %rcx */
    0xc3,                               /* ret */
};
static const uint8_t iret_stub[] = {
    0x51,                               /* push %rcx */
    0x41, 0x53,                         /* push %r11 */
    0x50,                               /* push %rax */
    0xb8, __HYPERVISOR_iret, 0, 0, 0,   /* mov $__HYPERVISOR_iret, %eax */
    0x0f, 0x05,                         /* syscall */
};
#define CALL_STUB_NR 4                  /* where call_stub holds the number */

void hypercall_page_write(void *page)
{
    memset(page, 0xcc, PAGE_SIZE);      /* int3 */
    for (uint8_t nr = 0; nr < NR_HYPERCALLS; nr++) {
        uint8_t *stub = (uint8_t *)page + nr * STUB_SIZE;

        if (nr == __HYPERVISOR_iret) {
            memcpy(stub, iret_stub, sizeof(iret_stub));
        } else {
            memcpy(stub, call_stub, sizeof(call_stub));
            stub[CALL_STUB_NR] = nr;
        }
    }
}
