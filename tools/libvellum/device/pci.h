/* SPDX-License-Identifier: MIT */
/*
 * Host PCI devices for guests. A device is assignable while Linux's pciback driver holds it; which driver it had
 * before stands in the store under /libxl/pciback/BDF, so that it can be given back.
 */
#ifndef VL_DEVICE_PCI_H
#define VL_DEVICE_PCI_H

#include "base/arena.h"
#include "base/vl.h"
#include "config/config.h"

struct vl_pci_address {
    unsigned domain, bus, device, function;
};

/* "0000:00:1f.0" */
#define VL_PCI_TEXT 16
void vl_pci_text(const struct vl_pci_address *a, char text[VL_PCI_TEXT]);
/* "[DDDD:]BB:SS.F", all of the text. */
bool vl_pci_address_parse(const char *text, struct vl_pci_address *a);

/* The assignable devices, in `arena`. -ENODEV, told, when pciback is not loaded. */
int vl_pci_assignable(struct vl *vl, struct vl_arena *arena, struct vl_pci_address **all, size_t *n);
/* The name that a device was given, or NULL. */
char *vl_pci_name(struct vl *vl, struct vl_arena *arena, const struct vl_pci_address *a);
/* The device of a name; false when there is none. */
bool vl_pci_named(struct vl *vl, const char *name, struct vl_pci_address *a);

/* Hand a device to pciback, with a name if not NULL; take it back, and with `rebind` give it to its old driver. */
int vl_pci_make_assignable(struct vl *vl, const struct vl_pci_address *a, const char *name);
int vl_pci_take_back(struct vl *vl, const struct vl_pci_address *a, bool rebind);

/* The devices a domain has, with their virtual slots (-1: none). */
struct vl_pci_owned {
    struct vl_pci_address address;
    int vslot;
};
int vl_pci_of_domain(struct vl *vl, struct vl_arena *arena, uint32_t domid, struct vl_pci_owned **all, size_t *n);

/* Can devices be handed to PV guests at all? -EOPNOTSUPP, told, when the hypervisor drives no IOMMU. */
int vl_pci_supported(struct vl *vl);

#endif
