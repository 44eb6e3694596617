/* SPDX-License-Identifier: MIT */
/* The emulator's tests: set-up and the suite. */
#include <sys/mman.h>

#include "emu.h"
#include "../run-suite.h"

struct vcpu *v;
struct cpu_user_regs *r;
uint8_t *code, *data;

void setup_on(const struct cpu_record *cpu, domid_t id)
{
    v = machine_start(cpu, id);
    r = &cpu_info()->guest_regs;
    r->cs = 0xe033;
    r->rflags = 0x202;
    if (!code) {
        code = mmap(NULL, 6 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(code, MAP_FAILED);
        data = code + 3 * PAGE_SIZE;
    }
    memset(code, 0x90, 2 * PAGE_SIZE);
    memset(data, 0, 2 * PAGE_SIZE);
    guest_memory_add(code, 2 * PAGE_SIZE);
    guest_memory_add(data, 2 * PAGE_SIZE);
}

bool run_bytes(const char *bytes, size_t n)
{
    memcpy(code, bytes, n);
    r->rip = (unsigned long)code;
    return emulate_privileged(v, r);
}

void user_mode(unsigned int iopl)
{
    v->in_kernel = false;
    v->iopl = iopl << 12;
    r->cs = 0xe033;
}

int main(void)
{
    Suite *s = suite_create("emulate");

    suite_add_tcase(s, port_tests());
    suite_add_tcase(s, msr_tests());
    suite_add_tcase(s, instruction_tests());
    return run_suite(s);
}
