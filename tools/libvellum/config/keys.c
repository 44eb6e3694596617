/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const vl_action_names[VL_ACT_COUNT] = {
    "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset",
};

const char *const vl_disk_format_names[] = { "raw", "qcow", "qcow2", "vhd", "qed", "vmdk", "vdi", "vhdx",
                                             "gzip", "xz", "auto", "empty" };

static const char *const actions[] = {
    "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset", NULL,
};

#define AT(field) offsetof(struct vl_config, field)
#define STRING(k, field, text) { k, VL_KEYS_PV, VL_KEY_STRING, AT(field), 0, 0, NULL, NULL, text }
#define PATH(k, field, text) { k, VL_KEYS_PV, VL_KEY_PATH, AT(field), 0, 0, NULL, NULL, text }
#define INT(k, field, lo, hi, text) { k, VL_KEYS_PV, VL_KEY_INT, AT(field), lo, hi, NULL, NULL, text }
#define UINT(k, field, lo, hi, text) { k, VL_KEYS_PV, VL_KEY_UINT, AT(field), lo, hi, NULL, NULL, text }
#define MIB(k, field, text) { k, VL_KEYS_PV, VL_KEY_MIB, AT(field), 1, 1ll << 30, NULL, NULL, text }
#define BOOL(k, field, text) { k, VL_KEYS_PV, VL_KEY_BOOL, AT(field), 0, 1, NULL, NULL, text }
#define ACTION(k, field, text) { k, VL_KEYS_PV, VL_KEY_WORD, AT(field), 0, 0, actions, NULL, text }
#define CUSTOM(k, how, text) { k, VL_KEYS_PV, VL_KEY_CUSTOM, 0, 0, 0, NULL, how, text }
#define OLD(k, how, text) { k, VL_KEYS_OLD, VL_KEY_CUSTOM, 0, 0, 0, NULL, how, text }
#define OLD_INT(k, field, lo, hi, text) { k, VL_KEYS_OLD, VL_KEY_INT, AT(field), lo, hi, NULL, NULL, text }
#define NOT_YET(k, text) { k, VL_KEYS_DEFAULT_ONLY, VL_KEY_NOTED, 0, 0, 0, NULL, NULL, text }
#define HVM(k) { k, VL_KEYS_HVM, VL_KEY_NOTED, 0, 0, 0, NULL, NULL, NULL }

const struct vl_key vl_keys[] = {
    STRING("name", name, "The domain's name, unique on the host. Mandatory. At most 255 printable characters, no "
           "space and no slash."),
    CUSTOM("uuid", vl_take_uuid, "The domain's UUID. Default: a random one."),
    CUSTOM("type", vl_take_type, "`\"pv\"`, the default and the only type that runs here; `\"hvm\"` and `\"pvh\"` are "
           "refused."),
    CUSTOM("builder", vl_take_builder, "Old form of `type`: `\"generic\"` or `\"linux\"` mean PV."),
    PATH("kernel", kernel, "The kernel: a bzImage, an ELF file, or a compressed ELF file."),
    PATH("ramdisk", ramdisk, "The initial ramdisk, handed to the kernel as it is."),
    CUSTOM("cmdline", vl_take_cmdline, "The kernel's whole command line. With it, `root` and `extra` are ignored."),
    CUSTOM("root", vl_take_root, "Put on the command line as `root=STRING`."),
    CUSTOM("extra", vl_take_extra, "Put on the command line behind `root`."),
    STRING("bootloader", bootloader, "A program that finds kernel and ramdisk on the guest's first disk. `pygrub` "
           "means the built-in step."),
    CUSTOM("bootloader_args", vl_take_bootloader_args, "Arguments for `bootloader`: a list, or one string."),
    STRING("firmware", firmware, "`\"pvgrub64\"`: GRUB's PV kernel, which boots from the guest's disk."),
    MIB("memory", memory_kb, "Memory at the start, in MiB. Default 32."),
    MIB("maxmem", maxmem_kb, "The most memory the guest can be given later, in MiB. Default: `memory`."),
    UINT("vcpus", vcpus, 1, VL_MAX_VCPUS, "vCPUs online at the start. Default 1."),
    UINT("maxvcpus", max_vcpus, 1, VL_MAX_VCPUS, "vCPUs the guest can bring online. Default: `vcpus`."),
    CUSTOM("cpus", vl_take_cpus, "Host CPUs the vCPUs may run on (hard affinity): a CPULIST for all, or a list with "
           "one CPULIST each. A CPULIST is `all`, numbers, ranges, `node:N`, with `^` to exclude."),
    CUSTOM("cpus_soft", vl_take_cpus_soft, "Host CPUs the vCPUs prefer (soft affinity), written as `cpus`."),
    STRING("pool", pool, "The CPU pool the domain runs in. Default `Pool-0`."),
    INT("cpu_weight", cpu_weight, 1, 65535, "Share of CPU time against other domains. Default 256."),
    INT("cap", cap, 0, 100 * 4096, "Most CPU time the domain gets, in percent of one CPU. Default 0: no cap."),
    INT("period", rtds_period, 1, INT_MAX, "RTDS scheduler: period in µs."),
    INT("budget", rtds_budget, 1, INT_MAX, "RTDS scheduler: budget in µs."),
    INT("extratime", rtds_extratime, 0, 1, "RTDS scheduler: may use idle time beyond the budget."),
    ACTION("on_poweroff", on_poweroff, "What happens when the guest powers off: `destroy` (default), `restart`, "
           "`rename-restart`, `preserve`, `coredump-destroy`, `coredump-restart`."),
    ACTION("on_reboot", on_reboot, "What happens when the guest reboots. Default `restart`."),
    ACTION("on_watchdog", on_watchdog, "What happens when the guest's watchdog runs out. Default `destroy`."),
    ACTION("on_crash", on_crash, "What happens when the guest crashes. Default `destroy`."),
    ACTION("on_soft_reset", on_soft_reset, "What happens on a soft reset. PV guests have none; accepted for old files."),
    CUSTOM("disk", vl_take_disk, "List of disks; see xl-disk-configuration(5) and below."),
    CUSTOM("vif", vl_take_vif, "List of network interfaces; see xl-network-configuration(5) and below."),
    CUSTOM("channel", vl_take_channel, "List of PV channels: `name=…,connection=pty|socket,path=…,backend=…`."),
    CUSTOM("pci", vl_take_pci, "List of host PCI devices to hand to the guest; see xl-pci-configuration(5)."),
    BOOL("pci_permissive", pci_permissive, "Default of `permissive` for all of `pci`."),
    BOOL("pci_seize", pci_seize, "Default of `seize` for all of `pci`."),
    BOOL("pci_msitranslate", pci_msitranslate, "Default of `msitranslate` for all of `pci`; HVM only in effect."),
    CUSTOM("passthrough", vl_take_passthrough, "`disabled`, `enabled`, `sync_pt` or `default`."),
    CUSTOM("ioports", vl_take_ioports, "List of I/O port ranges the guest may use: `\"2f8-2ff\"`, hexadecimal."),
    CUSTOM("iomem", vl_take_iomem, "List of machine memory ranges the guest may map: `\"START,PAGES\"`, hexadecimal "
           "frames."),
    CUSTOM("irqs", vl_take_irqs, "List of physical interrupts the guest may bind."),
    INT("max_grant_frames", max_grant_frames, 1, 1 << 20, "Most grant table frames. Default: xl.conf, else the "
        "hypervisor's."),
    INT("max_maptrack_frames", max_maptrack_frames, 0, 1 << 20, "Most map-track frames. Default as above."),
    INT("max_grant_version", max_grant_version, 1, 2, "Highest grant table version. Default: what the hypervisor has."),
    INT("max_event_channels", max_event_channels, 1, 131071, "Highest event channel port. Default 1023."),
    CUSTOM("tsc_mode", vl_take_tsc_mode, "`\"default\"`, `\"always_emulate\"`, `\"native\"` or `\"native_paravirt\"`; "
           "0 to 3 too."),
    BOOL("nomigrate", nomigrate, "The guest will not be saved or migrated."),
    BOOL("msr_relaxed", msr_relaxed, "Reads of unknown MSRs give 0 instead of a fault."),
    BOOL("driver_domain", driver_domain, "The guest will serve back-ends to others."),
    BOOL("xend_suspend_evtchn_compat", suspend_evtchn_compat, "Do not make the suspend event channel's node."),
    BOOL("localtime", localtime, "Start the guest's clock at the host's local time."),
    INT("rtc_timeoffset", rtc_timeoffset, INT_MIN, INT_MAX, "Offset of the guest's clock in seconds."),
    STRING("seclabel", seclabel, "XSM label; refused where the hypervisor has no XSM policy."),

    OLD("cpu", vl_take_cpus, "Old spelling of `cpus`, as Ganeti writes it."),
    OLD_INT("cpu_cap", cap, 0, 100 * 4096, "Old spelling of `cap`, as Ganeti writes it."),
    OLD("bootargs", vl_take_bootloader_args, "Old spelling of `bootloader_args`, as Ganeti writes it."),

    NOT_YET("e820_host", "Only guests with PCI devices need the host's memory map."),
    NOT_YET("vfb", "PV framebuffers need a device model."), NOT_YET("vkb", "PV keyboards need a device model."),
    NOT_YET("vdispl", "PV displays."), NOT_YET("vsnd", "PV sound."), NOT_YET("vtpm", "Virtual TPMs."),
    NOT_YET("p9", "9pfs shares."), NOT_YET("pvcalls", "PV calls."), NOT_YET("usbctrl", "PV USB controllers."),
    NOT_YET("usbdev", "PV USB devices."), NOT_YET("cpuid", "CPUID policy."), NOT_YET("vnuma", "Virtual NUMA is not "
    "supported for PV guests."), NOT_YET("init_seclabel", "XSM label during the build."),
    NOT_YET("vmtrace_buf_kb", "Processor trace buffers."), NOT_YET("vpmu", "Virtual PMU."),
    NOT_YET("device_tree", "Arm only."), NOT_YET("dtdev", "Arm only."), NOT_YET("tee", "Arm only."),
    NOT_YET("gic_version", "Arm only."), NOT_YET("vuart", "Arm only."), NOT_YET("pvshim", "PV in a PVH container."),
    NOT_YET("vnc", "A framebuffer needs a device model."), NOT_YET("sdl", "A framebuffer needs a device model."),

    HVM("acpi"), HVM("acpi_firmware"), HVM("acpi_laptop_slate"), HVM("acpi_s3"), HVM("acpi_s4"), HVM("altp2m"),
    HVM("altp2mhvm"), HVM("apic"), HVM("bios"), HVM("bios_path_override"), HVM("boot"), HVM("bootloader_restrict"),
    HVM("bootloader_user"), HVM("device_model"),
    HVM("device_model_args"), HVM("device_model_args_hvm"), HVM("device_model_args_pv"),
    HVM("device_model_override"), HVM("device_model_stubdomain_override"), HVM("device_model_stubdomain_seclabel"),
    HVM("device_model_user"), HVM("device_model_version"), HVM("dm_restrict"), HVM("gfx_passthru"), HVM("hap"),
    HVM("hdtype"), HVM("hpet"), HVM("hvm_loader"), HVM("keymap"), HVM("latency"), HVM("mca_caps"), HVM("mmio_hole"),
    HVM("ms_vm_genid"), HVM("nestedhvm"), HVM("nographic"), HVM("nx"), HVM("oos"), HVM("opengl"), HVM("pae"),
    HVM("pci_power_mgmt"), HVM("pvshim_cmdline"), HVM("pvshim_extra"), HVM("pvshim_path"), HVM("rdm"),
    HVM("rdm_mem_boundary"), HVM("serial"), HVM("shadow_memory"), HVM("slice"), HVM("smbios_firmware"),
    HVM("soundhw"), HVM("spice"), HVM("spice_clipboard_sharing"), HVM("spice_image_compression"),
    HVM("spice_streaming_video"), HVM("spiceagent_mouse"), HVM("spicedisable_ticketing"), HVM("spicehost"),
    HVM("spicepasswd"), HVM("spiceport"), HVM("spicetls_port"), HVM("spiceusbredirection"), HVM("spicevdagent"),
    HVM("stdvga"), HVM("stubdomain_cmdline"), HVM("stubdomain_kernel"), HVM("stubdomain_memory"),
    HVM("stubdomain_ramdisk"), HVM("timer_mode"), HVM("usb"), HVM("usbdevice"), HVM("usbversion"),
    HVM("vendor_device"), HVM("vga"), HVM("videoram"), HVM("vif2"), HVM("viridian"), HVM("vkb_device"),
    HVM("vncdisplay"), HVM("vnclisten"), HVM("vncpasswd"), HVM("vncunused"), HVM("vncviewer"), HVM("vpt_align"),
    HVM("xen_platform_pci"),
};

const size_t vl_key_count = sizeof(vl_keys) / sizeof(vl_keys[0]);

const struct vl_key *vl_key_find(const char *name)
{
    for (size_t i = 0; i < vl_key_count; i++)
        if (!strcmp(vl_keys[i].name, name))
            return &vl_keys[i];
    return NULL;
}

#define NAME_MAX_LEN 40

/* Edits (insert, drop, change, swap two neighbours) between two short words. */
static int distance(const char *a, const char *b)
{
    int la = (int)strlen(a), lb = (int)strlen(b), row[3][NAME_MAX_LEN + 1];

    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return INT_MAX;
    for (int j = 0; j <= lb; j++)
        row[0][j] = j;
    for (int i = 1; i <= la; i++) {
        int *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

        cur[0] = i;
        for (int j = 1; j <= lb; j++) {
            int best = up[j - 1] + (a[i - 1] != b[j - 1]);

            best = up[j] + 1 < best ? up[j] + 1 : best;
            best = cur[j - 1] + 1 < best ? cur[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            cur[j] = best;
        }
    }
    return row[la % 3][lb];
}

const struct vl_key *vl_key_nearest(const char *name)
{
    const struct vl_key *nearest = NULL;
    int best = strlen(name) < 4 ? 2 : 3;        /* so far away it is no likeness any more */

    for (size_t i = 0; i < vl_key_count; i++) {
        int d = distance(name, vl_keys[i].name);

        if (d < best || (d == best && nearest && vl_keys[i].group == VL_KEYS_PV && nearest->group != VL_KEYS_PV)) {
            best = d;
            nearest = &vl_keys[i];
        }
    }
    return nearest;
}

int vl_value_number(const struct vl_value *value, const char *key, long long min, long long max, long long *out)
{
    char *end;

    if (value->is_list)
        return vl_place_error(&value->place, "'%s' wants a number, not a list", key);
    errno = 0;
    *out = strtoll(value->text, &end, 0);
    if (!*value->text || *end)
        return vl_place_error(&value->place, "'%s' wants a number, not '%s'", key, value->text);
    if (errno || *out < min || *out > max)
        return vl_place_error(&value->place, "'%s' must be from %lld to %lld, not %s", key, min, max, value->text);
    return 0;
}

int vl_value_string(const struct vl_value *value, const char *key, const char **out)
{
    *out = "";
    if (value->is_list)
        return vl_place_error(&value->place, "'%s' wants a string, not a list", key);
    *out = value->text;
    return 0;
}

int vl_value_word(const struct vl_value *value, const char *key, const char *const *words, int *out)
{
    const char *text;
    char list[256] = "";
    size_t used = 0;

    if (vl_value_string(value, key, &text))
        return -EINVAL;
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text)) {
            *out = i;
            return 0;
        }
    for (int i = 0; words[i] && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
    return vl_place_error(&value->place, "'%s' cannot be '%s' (one of: %s)", key, text, list);
}
