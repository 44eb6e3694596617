/* SPDX-License-Identifier: MIT */
/*
 * A guest's configuration: what xl.cfg(5) says, with every default filled in and every value checked. One owner
 * makes it (vl_config_load_*), and vl_config_free ends it with all it points to.
 *
 * What the checks promise the rest: name is 1 to 255 printable characters without spaces or slashes; the uuid is
 * set; 1 <= vcpus <= max_vcpus <= VL_MAX_VCPUS; memory and maxmem are whole MiB, memory <= maxmem; disks have distinct vdevs,
 * vifs distinct device ids; paths are non-empty.
 */
#ifndef VL_CONFIG_CONFIG_H
#define VL_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/uuid.h"
#include "config/value.h"

#define VL_MAX_VCPUS 128
#define VL_UNSET (-1)
#define VL_DEFAULT_EVENT_CHANNELS 1023
#define VL_DEFAULT_BRIDGE "xenbr0"

enum vl_action {
    VL_ACT_DESTROY, VL_ACT_RESTART, VL_ACT_RENAME_RESTART, VL_ACT_PRESERVE, VL_ACT_COREDUMP_DESTROY,
    VL_ACT_COREDUMP_RESTART, VL_ACT_SOFT_RESET, VL_ACT_COUNT
};

enum vl_disk_format { VL_DISK_RAW, VL_DISK_QCOW, VL_DISK_QCOW2, VL_DISK_VHD, VL_DISK_QED,
                      VL_DISK_VMDK, VL_DISK_VDI, VL_DISK_VHDX, VL_DISK_GZIP, VL_DISK_XZ, VL_DISK_AUTO, VL_DISK_EMPTY };
enum vl_disk_backend { VL_BACKEND_AUTO, VL_BACKEND_PHY, VL_BACKEND_QDISK, VL_BACKEND_TAP, VL_BACKEND_STANDALONE };

#define VL_LIMIT_IOPS_MAX 1000000000u
#define VL_LIMIT_BYTES_MAX (1ull << 50)

/* What a guest's packets must carry; `ip` includes `mac`. */
enum vl_antispoof { VL_ANTISPOOF_UNSET, VL_ANTISPOOF_NONE, VL_ANTISPOOF_MAC, VL_ANTISPOOF_IP, VL_ANTISPOOF_COUNT };

/* One disk specification (xl-disk-configuration(5)). */
struct vl_disk {
    struct vl_place place;
    char *target;               /* path, or what the script makes of it; NULL: no medium */
    enum vl_disk_format format;
    enum vl_disk_backend backend;
    char *vdev;                 /* as written: "xvda" */
    unsigned devid;             /* what it encodes to (xen-vbd-interface(7)) */
    bool readonly, cdrom, no_discard, untrusted, direct_io_safe;
    char *script;               /* as written, or NULL for the default */
    char *backend_domain;       /* NULL: domain 0 */
    uint32_t limit_iops;        /* most requests a second, 0: no limit; only where vellum-blkd serves the disk */
    uint64_t limit_bytes;       /* the same for bytes */
};

/* One network interface (xl-network-configuration(5)). */
struct vl_vif {
    struct vl_place place;
    int devid;
    uint8_t mac[6];
    bool mac_random;            /* made up, not said */
    char *bridge, *script, *ip, *vifname, *gatewaydev, *backend_domain, *model, *type;
    int mtu;                    /* 0: not set */
    uint64_t rate_bytes;        /* credit a period; 0: no limit */
    uint32_t rate_usecs;
    bool untrusted;
    bool process;               /* backendtype=vnif: vellum-netd serves it */
    enum vl_antispoof antispoof;    /* only where vellum-netd serves it */
};

/* A PV channel: a second console with a name. */
struct vl_channel {
    struct vl_place place;
    char *name, *path, *backend_domain;
    bool socket;                /* else a pty */
};

/* A host PCI device (xl-pci-configuration(5)). */
struct vl_pci {
    struct vl_place place;
    unsigned domain, bus, device, function;
    int vslot;                  /* VL_UNSET: the back-end's choice */
    char *name;
    bool permissive, seize, msitranslate, power_mgmt;
};

/* A range of ports, interrupts or frames that the guest may touch. */
struct vl_range {
    uint64_t first, count;
};

struct vl_config {
    struct vl_arena arena;
    char *name;
    uint8_t uuid[16];
    uint32_t wanted_domid;      /* 0: any; only a saved state asks for one */
    bool uuid_random;           /* the file names none: any other that is new will do */
    char *kernel, *ramdisk, *cmdline;
    char *bootloader, **bootloader_args;
    size_t n_bootloader_args;
    char *firmware;
    uint64_t memory_kb, maxmem_kb;
    unsigned vcpus, max_vcpus;
    bool vcpus_said, max_vcpus_said;    /* by the two keys */
    char **cpus, **cpus_soft;   /* CPULISTs: one for all vCPUs, or (per_vcpu) one each */
    size_t n_cpus, n_cpus_soft;
    bool cpus_per_vcpu, cpus_soft_per_vcpu;
    char *pool;
    int cpu_weight, cap;        /* VL_UNSET: the scheduler's default */
    int rtds_period, rtds_budget, rtds_extratime;
    enum vl_action on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;
    struct vl_disk **disks;
    size_t n_disks;
    struct vl_vif **vifs;
    size_t n_vifs;
    struct vl_channel **channels;
    size_t n_channels;
    struct vl_pci **pci;
    size_t n_pci;
    struct vl_range *ioports, *iomem, *irqs;
    size_t n_ioports, n_iomem, n_irqs;
    bool pci_permissive, pci_seize, pci_msitranslate, e820_host;
    int passthrough;            /* VL_UNSET: when there are pci devices */
    int max_grant_frames, max_maptrack_frames, max_grant_version, max_event_channels;
    int tsc_mode;               /* as the ABI numbers it */
    bool nomigrate, msr_relaxed, driver_domain, suspend_evtchn_compat, localtime;
    int rtc_timeoffset;
    char *seclabel;
};

/* The words of an action, of a disk format and of `antispoof` (unset: NULL), by number. */
extern const char *const vl_action_names[VL_ACT_COUNT];
extern const char *const vl_disk_format_names[];
extern const char *const vl_antispoof_names[VL_ANTISPOOF_COUNT];

/*
 * Check parsed settings and make a configuration of them. Every problem is told with its place: unknown keys with
 * the nearest known one, wrong types, values out of range. Keys that only HVM guests know give a note. Returns the
 * configuration, or NULL when anything was refused. `settings` and its arena may go afterwards.
 */
struct vl_config *vl_config_make(const struct vl_settings *settings);

/* From a file and the `key=value` words of a command line, which win over the file. NULL after told errors. */
struct vl_config *vl_config_load(const char *path, char *const *arguments, size_t n_arguments);

void vl_config_free(struct vl_config *config);

/* One disk, vif or pci specification on its own (block-attach, network-attach); allocated in `arena`. NULL when refused. */
struct vl_disk *vl_disk_parse(struct vl_arena *arena, const struct vl_place *place, const char *spec);
struct vl_vif *vl_vif_parse(struct vl_arena *arena, const struct vl_place *place, const char *spec, int devid);

/* A PCI device; `defaults` (or NULL) has the pci_* keys that hold for all. */
struct vl_pci *vl_pci_parse(struct vl_arena *arena, const struct vl_place *place, const char *spec,
                            const struct vl_config *defaults);

/* Is the target an address (memory:, rbd:, http:// …), not a path? Does vellum-blkd serve the disk? */
bool vl_disk_is_address(const struct vl_disk *disk);
bool vl_disk_by_process(const struct vl_disk *disk);

/* Can the back-end do what is asked of it: a disk's limits, an interface's `antispoof`? 0 or a told -EINVAL. */
int vl_disk_check_limits(const struct vl_disk *disk);
int vl_vif_check_antispoof(const struct vl_vif *vif);

/* `text` as `antispoof` has it; false when it is no such word. */
bool vl_antispoof_parse(const char *text, enum vl_antispoof *out);

/* "xvda1", "hdc", "sda", "d2p3", "51712" → the number that xen-vbd-interface(7) gives; -1 when it is none. */
long vl_vdev_number(const char *vdev);

/* Is all there that a channel needs? 0 or a told -EINVAL. */
int vl_channel_check(const struct vl_channel *channel);

/* Is this a name a domain may bear? Tells why not, at `place`. */
int vl_name_check(const struct vl_place *place, const char *name);

/* The keys of xl.cfg(5) on standard output: tables in Markdown for docs/config.md, or items in POD for xl.cfg(5). */
void vl_config_document(bool pod);

#endif
