/* SPDX-License-Identifier: MIT */
/* A disk's, an interface's or a PCI device's specification: the first byte says which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    vl_log_stream(fopen("/dev/null", "w"));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct vl_place place = { "fuzz", 1, 1 };
    struct vl_arena arena = { 0 };
    struct vl_disk *disk;
    struct vl_vif *vif;
    struct vl_pci *pci;
    char *text;

    if (!len)
        return 0;
    text = vl_strndup(&arena, (const char *)data + 1, len - 1);
    switch (*data % 3) {
    case 0:
        disk = vl_disk_parse(&arena, &place, text);
        if (disk && (!disk->vdev || vl_vdev_number(disk->vdev) != (long)disk->devid || (disk->cdrom && !disk->readonly) ||
                     (!disk->target && !disk->cdrom) ||
                     disk->limit_iops > VL_LIMIT_IOPS_MAX || disk->limit_bytes > VL_LIMIT_BYTES_MAX ||
                     ((disk->limit_iops || disk->limit_bytes) && !vl_disk_by_process(disk))))
            abort();
        break;
    case 1:
        vif = vl_vif_parse(&arena, &place, text, 0);
        if (vif && (vif->mac[0] & 1 || vif->devid < 0 || (vif->vifname && strlen(vif->vifname) > 15) ||
                    (vif->antispoof && !vif->process) || (vif->antispoof == VL_ANTISPOOF_IP && !vif->ip)))
            abort();
        break;
    default:
        pci = vl_pci_parse(&arena, &place, text, NULL);
        if (pci && (pci->device > 31 || pci->function > 7))
            abort();
    }
    vl_arena_free(&arena);
    return 0;
}
