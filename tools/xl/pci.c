/* SPDX-License-Identifier: MIT */
/* pci-*: host PCI devices for guests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/pci.h"
#include "xl/xl.h"

int xl_pci_list(int argc, char **argv)
{
    bool json_wanted = xl_getopt_json(argc, argv, 1, 1);
    uint32_t domid = xl_find_domain(argv[optind]);
    struct vl_json *json = json_wanted ? xl_json_begin("pci-list") : NULL;
    struct vl_arena arena = { 0 };
    struct vl_pci_owned *all;
    char bdf[VL_PCI_TEXT];
    size_t n;

    if (vl_pci_of_domain(&xl_vl, &arena, domid, &all, &n))
        return 1;
    if (json)
        vl_json_array(json, "devices");
    else if (n)
        printf("Vdev Device\n");
    for (size_t i = 0; i < n; i++) {
        vl_pci_text(&all[i].address, bdf);
        if (!json) {
            printf("%02x.%01x %s\n", all[i].vslot < 0 ? 0 : all[i].vslot >> 3 & 0x1f,
                   all[i].vslot < 0 ? 0 : all[i].vslot & 7, bdf);
            continue;
        }
        vl_json_map(json, NULL);
        vl_json_string(json, "device", bdf);
        vl_json_number(json, "vdevfn", all[i].vslot);
        vl_json_map_end(json);
    }
    vl_arena_free(&arena);
    if (!json)
        return 0;
    vl_json_array_end(json);
    return xl_json_end(json);
}

int xl_pci_assignable_list(int argc, char **argv)
{
    static const struct option longs[] = { { "show-names", no_argument, NULL, 'n' }, XL_LONG_JSON, XL_LONG_END };
    struct vl_arena arena = { 0 };
    struct vl_pci_address *all;
    struct vl_json *json = NULL;
    bool names = false, wants_json = false;
    char bdf[VL_PCI_TEXT];
    size_t n;

    for (int opt; (opt = xl_getopt(argc, argv, "n", longs, 0, 0)) != -1;) {
        names |= opt == 'n';
        wants_json |= opt == XL_OPT_JSON;
    }
    if (vl_pci_assignable(&xl_vl, &arena, &all, &n) && !wants_json)
        return 0;                       /* none, and why has been told */
    if (wants_json) {
        json = xl_json_begin("pci-assignable-list");
        vl_json_array(json, "devices");
    }
    for (size_t i = 0; i < n; i++) {
        char *name = names || json ? vl_pci_name(&xl_vl, &arena, &all[i]) : NULL;

        vl_pci_text(&all[i], bdf);
        if (!json) {
            printf(name ? "%s %s\n" : "%s\n", bdf, name);
            continue;
        }
        vl_json_map(json, NULL);
        vl_json_string(json, "device", bdf);
        if (name)
            vl_json_text_string(json, "name", name);
        vl_json_map_end(json);
    }
    vl_arena_free(&arena);
    if (!json)
        return 0;
    vl_json_array_end(json);
    return xl_json_end(json);
}

int xl_pci_assignable_add(int argc, char **argv)
{
    static const struct option longs[] = { { "name", required_argument, NULL, 'n' }, XL_LONG_END };
    struct vl_pci_address a;
    const char *name = NULL;
    int rc = 0;

    while (xl_getopt(argc, argv, "n:", longs, 1, -1) != -1)
        name = optarg;
    if (name && argc - optind > 1)
        return vl_fail(1, "one name goes with one device");
    for (; optind < argc; optind++)
        if (!vl_pci_address_parse(argv[optind], &a))
            rc = vl_fail(1, "'%s' is not a PCI device ([DDDD:]BB:SS.F)", argv[optind]);
        else if (vl_pci_make_assignable(&xl_vl, &a, name))
            rc = 1;
    return rc;
}

int xl_pci_assignable_remove(int argc, char **argv)
{
    struct vl_pci_address a;
    bool rebind = false;
    int rc = 0;

    while (xl_getopt(argc, argv, "r", NULL, 1, -1) != -1)
        rebind = true;
    for (; optind < argc; optind++)
        if (!vl_pci_address_parse(argv[optind], &a) && !vl_pci_named(&xl_vl, argv[optind], &a))
            rc = vl_fail(1, "'%s' is neither a PCI device ([DDDD:]BB:SS.F) nor the name of one", argv[optind]);
        else if (vl_pci_take_back(&xl_vl, &a, rebind))
            rc = 1;
    return rc;
}

int xl_pci_attach(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    struct vl_place place = { "command line", 0, 0 };
    int rc;

    xl_getopt(argc, argv, "", NULL, 2, 2);
    xl_find_domain(argv[optind]);
    rc = !vl_pci_parse(&arena, &place, argv[optind + 1], NULL) || vl_pci_supported(&xl_vl);
    vl_arena_free(&arena);
    return rc;
}

int xl_pci_detach(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    struct vl_place place = { "command line", 0, 0 };
    struct vl_pci_owned *all;
    struct vl_pci *pci;
    uint32_t domid;
    size_t n;
    int rc;

    while (xl_getopt(argc, argv, "f", NULL, 2, 2) != -1)
        ;
    domid = xl_find_domain(argv[optind]);
    pci = vl_pci_parse(&arena, &place, argv[optind + 1], NULL);
    rc = !pci || vl_pci_of_domain(&xl_vl, &arena, domid, &all, &n);
    if (!rc && !n)
        rc = vl_fail(1, "domain %u has no PCI devices", domid);
    else if (!rc)
        rc = vl_pci_supported(&xl_vl);
    vl_arena_free(&arena);
    return rc ? 1 : 0;
}
