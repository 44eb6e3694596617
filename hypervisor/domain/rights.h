/* SPDX-License-Identifier: MIT */
/* Ports that need the hypervisor between the guest and the device, however much the guest owns them. Private to
 * domain/. */
#ifndef DOMAIN_RIGHTS_H
#define DOMAIN_RIGHTS_H

#include <hv/types.h>

#define PORT_CMOS_INDEX  0x70u
#define PORT_CMOS_DATA   0x71u
#define PORT_PCI_ADDRESS 0xcf8u
#define PORT_PCI_DATA    0xcfcu         /* to 0xcff */

static inline bool ioport_special(unsigned int first, unsigned int last)
{
    return (first <= PORT_CMOS_DATA && last >= PORT_CMOS_INDEX) ||
           (first <= PORT_PCI_DATA + 3 && last >= PORT_PCI_ADDRESS);
}

#endif
