/* SPDX-License-Identifier: MIT */
/*
 * Suspend and resume, and the p2m's shape that the toolstack needs to save a domain: <xen/arch-x86/xen.h>, struct
 * arch_shared_info. A saved domain has only its own frames in its page tables, so what the hypervisor lent us (shared
 * info, grant frames) is unmapped over the call; nothing may touch it meanwhile. Afterwards we are either another domain,
 * with a new start_info, or the same one, if the suspend was called off.
 */
#include "hypercall.h"

#include <front/console.h>
#include <front/store.h>
#include <front/xenbus.h>

#define PER_PAGE (PAGE_SIZE / sizeof(unsigned long))

static unsigned long frame_list_list[PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static unsigned long frame_list[PER_PAGE] __attribute__((aligned(PAGE_SIZE)));

_Static_assert(MAX_PAGES <= PER_PAGE * PER_PAGE, "one page lists the frames of the p2m");

/* Frames that list the frames of the p2m. */
void suspend_init(void)
{
    unsigned long pages = (nr_pages + PER_PAGE - 1) / PER_PAGE;

    for (unsigned long i = 0; i < pages; i++)
        frame_list[i] = va_mfn((char *)p2m + i * PAGE_SIZE);
    frame_list_list[0] = va_mfn(frame_list);
    shared_info->arch.max_pfn = nr_pages;
    shared_info->arch.pfn_to_mfn_frame_list_list = va_mfn(frame_list_list);
}

/* The toolstack puts the new frames where we leave the pfns. */
static void to_pfns(void)
{
    start_info->store_mfn = mfn_pfn(start_info->store_mfn);
    start_info->console.domU.mfn = (xen_pfn_t)mfn_pfn(start_info->console.domU.mfn);
}

static void to_mfns(void)
{
    start_info->store_mfn = p2m[start_info->store_mfn];
    start_info->console.domU.mfn = p2m[start_info->console.domU.mfn];
}

void suspend(void)
{
    struct sched_shutdown arg = {.reason = SHUTDOWN_suspend};
    unsigned long mfn = va_mfn(start_info);
    bool cancelled;

    console_flush();
    events_off();
    time_stop();
    grant_suspend();
    to_pfns();
    remap((void *)shared_info, 0);
    cancelled = HC(sched_op, SCHEDOP_shutdown, &arg, mfn) != 0;
    map_shared_info();
    if (cancelled)
        to_mfns();
    time_start();
    if (!cancelled)
        event_init();
    if (!cancelled)
        os_forget_ports();
    suspend_init();
    grant_resume();
    events_on();
    if (!cancelled) {
        shared_pages_init();
        xenbus_resume();
    }
    print("%s, domain has %lu pages\n", cancelled ? "suspend called off" : "resumed", nr_pages);
}
