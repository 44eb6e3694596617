/* SPDX-License-Identifier: MIT */
/*
 * The table of all commands, in the order in which `xl help` shows them. Usage lines, --help, the man page's list and
 * the completion of shells all come from it.
 */
#include "xl/xl.h"

#define MEMORY "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>"
#define JSON "--json                  Print as JSON (docs/json.md)\n"

const struct xl_command xl_commands[] = {
    { "create", xl_create, XL_DRY, "<ConfigFile> [options] [vars]", "Create a domain from config file <filename>",
      "-c                      Connect to the console after the domain is created.\n"
      "-d                      Enable debug messages.\n"
      "-e                      Do not wait in the background for the death of the domain.\n"
      "-F                      Run in foreground until death of the domain.\n"
      "-f FILE, --defconfig=FILE\n"
      "                        Use the given configuration file.\n"
      "-n, --dryrun            Only check the configuration, and print it.\n"
      "-p                      Leave the domain paused after it is created.\n"
      "-q, --quiet             Quiet.\n"
      "--json                  Print the new domain as JSON (docs/json.md)\n"
      "--ignore-global-affinity-masks\n"
      "                        Ignore global masks in xl.conf.\n"
      "-V, -A                  Accepted; there is no VNC display to connect to.\n" },
    { "config-update", xl_config_update, XL_CHANGES, "<Domain> <ConfigFile> [options] [vars]",
      "Update a running domain's saved configuration, used when rebuilding the domain after reboot.",
      "-d                      Enable debug messages.\n"
      "-f FILE, --defconfig=FILE\n"
      "                        Use the given configuration file.\n" },
    { "list", xl_list, 0, "[options] [Domain]", "List information about all/some domains",
      "-l, --long              Output all VM details\n"
      "-v, --verbose           Prints out UUIDs and security context\n"
      "-Z, --context           Prints out security context\n"
      "-c, --cpupool           Prints the cpupool the domain is in\n"
      "-n, --numa              Prints out NUMA node affinity\n" JSON },
    { "destroy", xl_destroy, XL_CHANGES, "[options] <Domain>", "Terminate a domain immediately",
      "-f                      Accepted for the sake of scripts. Domain 0 is not\n"
      "                        destroyed: the tools run in it.\n" },
    { "shutdown", xl_shutdown, XL_CHANGES, "[options] <-a|Domain>", "Issue a shutdown signal to a domain",
      "-a, --all               Shutdown all guest domains.\n"
      "-F                      Accepted; for PV guests there is no other way.\n"
      "-w, --wait              Wait for guest(s) to shutdown; twice: for their end.\n" },
    { "reboot", xl_reboot, XL_CHANGES, "[options] <-a|Domain>", "Issue a reboot signal to a domain",
      "-a, --all               Reboot all guest domains.\n"
      "-F                      Accepted; for PV guests there is no other way.\n"
      "-w, --wait              Wait for guest(s) to reboot; twice: for their end.\n" },
    { "pci-attach", xl_pci_attach, XL_CHANGES, "<Domain> <PCI_SPEC_STRING>", "Insert a new pass-through pci device",
      NULL },
    { "pci-detach", xl_pci_detach, XL_CHANGES, "[-f] <Domain> <PCI_SPEC_STRING>",
      "Remove a domain's pass-through pci device",
      "-f                      Do not wait for the domain to release the device\n" },
    { "pci-list", xl_pci_list, 0, "<Domain>", "List pass-through pci devices for a domain", JSON },
    { "pci-assignable-add", xl_pci_assignable_add, XL_CHANGES, "[options] <BDF>...",
      "Make a device assignable for pci-passthru",
      "-n NAME, --name=NAME    Name the assignable device.\n" },
    { "pci-assignable-remove", xl_pci_assignable_remove, XL_CHANGES, "[options] <BDF>|NAME...",
      "Remove a device from being assignable",
      "-r                      Give the device back to its original driver.\n" },
    { "pci-assignable-list", xl_pci_assignable_list, 0, "[options]", "List all the assignable pci devices",
      "-n, --show-names        Display assignable device names where supplied.\n" JSON },
    { "pause", xl_pause, XL_CHANGES, "<Domain>", "Pause execution of a domain", NULL },
    { "unpause", xl_unpause, XL_CHANGES, "<Domain>", "Unpause a paused domain", NULL },
    { "console", xl_console, 0, "[options] <Domain>", "Attach to domain's console",
      "-t <type>               console type, pv or serial\n"
      "-n <number>             console number\n"
      "-e <escape>             the key that detaches, as ^X (default ^])\n" },
    { "vncviewer", xl_refuse, 0, "[options] <Domain>", "Attach to domain's VNC server.", NULL },
    { "save", xl_save, XL_CHANGES, "[options] <Domain> <CheckpointFile> [<ConfigFile>]", "Save a domain state to restore later",
      "-c                      Leave domain running after creating the snapshot.\n"
      "-p                      Leave domain paused after creating the snapshot.\n"
      "-D                      Store the domain id in the configuration.\n"
      "--zstd[=LEVEL]          Compress with zstd (1 to 19); only this xl can restore it.\n" },
    { "migrate", xl_migrate, XL_CHANGES, "[options] <Domain> <host>", "Migrate a domain to another host",
      "-C <config>             Send <config> instead of config file from creation.\n"
      "-s <sshcommand>         Use <sshcommand> instead of ssh.  String will be passed\n"
      "                        to sh. If empty, run <host> instead of ssh <host> xl\n"
      "                        migrate-receive [-d -e]\n"
      "-e                      Do not wait in the background (on <host>) for the death\n"
      "                        of the domain.\n"
      "--debug                 Enable debug messages on the other side.\n"
      "-p                      Do not unpause domain after migrating it.\n"
      "-D                      Preserve the domain id\n"
      "--live                  Accepted; it always is where the hypervisor can.\n"
      "--rounds=N              Copy at most N times while the domain runs (5; 0: stop it first).\n"
      "--downtime=MS           Stop it when the rest takes no longer than this (300).\n"
      "--bandwidth=MIB         Send at most this many MiB a second.\n"
      "--zstd[=LEVEL]          Compress with zstd (1 to 19); the other end must be this xl too.\n" },
    { "restore", xl_restore, XL_CHANGES, "[options] [<ConfigFile>] <CheckpointFile>",
      "Restore a domain from a saved state",
      "-p                      Do not unpause domain after restoring it.\n"
      "-e                      Do not wait in the background for the death of the domain.\n"
      "-d                      Enable debug messages.\n"
      "-V, -A                  Accepted; there is no VNC display to connect to.\n" },
    { "migrate-receive", xl_migrate_receive, XL_CHANGES, "- for internal use only", "Restore a domain from a saved state",
      NULL },
    { "dump-core", xl_dump_core, XL_CHANGES, "<Domain> <filename>", "Core dump a domain", NULL },
    { "cd-insert", xl_refuse, XL_DRY, "<Domain> <VirtualDevice> <path>", "Insert a cdrom into a guest's cd drive",
      NULL },
    { "cd-eject", xl_refuse, XL_DRY, "<Domain> <VirtualDevice>", "Eject a cdrom from a guest's cd drive", NULL },
    { "mem-max", xl_mem_max, XL_CHANGES, MEMORY, "Set the maximum amount reservation for a domain", NULL },
    { "mem-set", xl_mem_set, XL_CHANGES, MEMORY, "Set the current memory usage for a domain", NULL },
    { "button-press", xl_refuse, XL_CHANGES, "<Domain> <Button>", "Indicate an ACPI button press to the domain", NULL },
    { "vcpu-list", xl_vcpu_list, 0, "[Domain, ...]", "List the VCPUs for all/some domains", JSON },
    { "vcpu-pin", xl_vcpu_pin, XL_DRY,
      "[option] <Domain> <VCPU|all> <Hard affinity|-|all> <Soft affinity|-|all>", "Set which CPUs a VCPU can use",
      "-f, --force             undo an override pinning done by the kernel\n"
      "--ignore-global-affinity-masks\n"
      "                        Ignore global masks in xl.conf\n" },
    { "vcpu-set", xl_vcpu_set, XL_CHANGES, "[option] <Domain> <vCPUs>",
      "Set the number of active VCPUs allowed for the domain",
      "-i, --ignore-host       Don't limit the vCPU based on the host CPU count\n" },
    { "vm-list", xl_vm_list, 0, "", "List guest domains, excluding dom0, stubdoms, etc.", JSON },
    { "info", xl_info, 0, "[-n] [NAME]", "Get information about Xen host",
      "-n, --numa              List host NUMA topology information\n" JSON },
    { "sharing", xl_sharing, 0, "[Domain]", "Get information about page sharing", JSON },
    { "sched-credit", xl_sched_credit, XL_CHANGES,
      "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-t TSLICE] [-r RATELIMIT]] [-p CPUPOOL]",
      "Get/set credit scheduler parameters",
      "-d DOMAIN, --domain=DOMAIN        Domain to modify\n"
      "-w WEIGHT, --weight=WEIGHT        Weight (int)\n"
      "-c CAP, --cap=CAP                 Cap (int)\n"
      "-s         --schedparam           Query / modify scheduler parameters\n"
      "-t TSLICE, --tslice_ms=TSLICE     Set the timeslice, in milliseconds\n"
      "-r RLIMIT, --ratelimit_us=RLIMIT  Set the scheduling rate limit, in microseconds\n"
      "-m DLY, --migration_delay_us=DLY  Set the migration delay, in microseconds\n"
      "-p CPUPOOL, --cpupool=CPUPOOL     Restrict output to CPUPOOL\n"
      "--json                            Print as JSON (docs/json.md)\n" },
    { "sched-credit2", xl_sched_credit2, XL_CHANGES,
      "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-r RATELIMIT]] [-p CPUPOOL]", "Get/set credit2 scheduler parameters",
      "-d DOMAIN, --domain=DOMAIN        Domain to modify\n"
      "-w WEIGHT, --weight=WEIGHT        Weight (int)\n"
      "-c CAP, --cap=CAP                 Cap (int)\n"
      "-s         --schedparam           Query / modify scheduler parameters\n"
      "-r RLIMIT, --ratelimit_us=RLIMIT  Set the scheduling rate limit, in microseconds\n"
      "-p CPUPOOL, --cpupool=CPUPOOL     Restrict output to CPUPOOL\n"
      "--json                            Print as JSON (docs/json.md)\n" },
    { "sched-rtds", xl_sched_rtds, XL_CHANGES,
      "[-d <Domain> [-p[=PERIOD]] [-b[=BUDGET]] [-e[=Extratime]]] [-c CPUPOOL]", "Get/set rtds scheduler parameters",
      "-d DOMAIN, --domain=DOMAIN        Domain to modify\n"
      "-v VCPUID/all, --vcpuid=VCPUID    VCPU to modify or output; only all\n"
      "-p PERIOD, --period=PERIOD        Period (us)\n"
      "-b BUDGET, --budget=BUDGET        Budget (us)\n"
      "-e Extratime, --extratime=Extratime\n"
      "                                  Refused: it is set for each VCPU, which is not supported\n"
      "-c CPUPOOL, --cpupool=CPUPOOL     Restrict output to CPUPOOL\n"
      "--json                            Print as JSON (docs/json.md)\n" },
    { "domid", xl_domid, 0, "<DomainName>", "Convert a domain name to domain id", NULL },
    { "domname", xl_domname, 0, "<DomainId>", "Convert a domain id to domain name", NULL },
    { "rename", xl_rename, XL_CHANGES, "<Domain> <NewDomainName>", "Rename a domain", NULL },
    { "trigger", xl_trigger, XL_CHANGES, "<Domain> <nmi|reset|init|power|sleep|s3resume> [<VCPU>]",
      "Send a trigger to a domain", NULL },
    { "sysrq", xl_sysrq, XL_CHANGES, "<Domain> <letter>", "Send a sysrq to a domain", NULL },
    { "debug-keys", xl_debug_keys, XL_CHANGES, "<Keys>", "Send debug keys to Xen", NULL },
    { "set-parameters", xl_set_parameters, XL_CHANGES, "<Params>", "Set hypervisor parameters", NULL },
    { "dmesg", xl_dmesg, 0, "[-c]", "Read and/or clear dmesg buffer",
      "-c, --clear             Clear dmesg buffer as well as printing it\n" },
    { "network-attach", xl_network_attach, XL_DRY,
      "<Domain> [type=<type>] [mac=<mac>] [bridge=<bridge>] [ip=<ip>] [script=<script>] [backend=<BackDomain>] "
      "[vifname=<name>] [rate=<rate>] [model=<model>] [accel=<accel>]", "Create a new virtual network device", NULL },
    { "network-list", xl_network_list, 0, "<Domain(s)>", "List virtual network interfaces for a domain", JSON },
    { "network-detach", xl_network_detach, XL_CHANGES, "[option] <Domain> <DevId|mac>",
      "Destroy a domain's virtual network device",
      "-f, --force             do not wait for the domain to release the device\n" },
    { "channel-list", xl_channel_list, 0, "<Domain(s)>", "List virtual channel devices for a domain", JSON },
    { "block-attach", xl_block_attach, XL_DRY, "<Domain> <disk-spec-component(s)>...",
      "Create a new virtual block device", NULL },
    { "block-list", xl_block_list, 0, "<Domain(s)>", "List virtual block devices for a domain", JSON },
    { "block-detach", xl_block_detach, XL_CHANGES, "[option] <Domain> <DevId>",
      "Destroy a domain's virtual block device",
      "-f, --force             do not wait for the domain to release the device\n" },
    { "vtpm-attach", xl_refuse, XL_DRY, "<Domain> [uuid=<uuid>] [backend=<BackDomain>]",
      "Create a new virtual TPM device", NULL },
    { "vtpm-list", xl_refuse, 0, "<Domain(s)>", "List virtual TPM devices for a domain", NULL },
    { "vtpm-detach", xl_refuse, XL_CHANGES, "<Domain> <DevId|uuid>", "Destroy a domain's virtual TPM device", NULL },
    { "vkb-attach", xl_refuse, XL_DRY, "<Domain> <vkb-spec-component(s)>...", "Create a new virtual keyboard device",
      NULL },
    { "vkb-list", xl_refuse, 0, "<Domain(s)>", "List virtual keyboard devices for a domain", NULL },
    { "vkb-detach", xl_refuse, XL_CHANGES, "<Domain> <DevId>", "Destroy a domain's virtual keyboard device", NULL },
    { "vdispl-attach", xl_refuse, XL_DRY, "<Domain> [backend=<BackDomain>] [be-alloc=<BackAlloc>] "
      "[connectors='<Connectors>']", "Create a new virtual display device", NULL },
    { "vdispl-list", xl_refuse, 0, "<Domain(s)>", "List virtual display devices for a domain", NULL },
    { "vdispl-detach", xl_refuse, XL_CHANGES, "<Domain> <DevId>", "Destroy a domain's virtual display device", NULL },
    { "vsnd-attach", xl_refuse, XL_DRY, "<Domain> <vsnd-spec-component(s)>...", "Create a new virtual sound device",
      NULL },
    { "vsnd-list", xl_refuse, 0, "<Domain(s)>", "List virtual sound devices for a domain", NULL },
    { "vsnd-detach", xl_refuse, XL_CHANGES, "<Domain> <DevId>", "Destroy a domain's virtual sound device", NULL },
    { "uptime", xl_uptime, 0, "[-s] [Domain]", "Print uptime for all/some domains",
      "-s, --short             Print in the short form\n" JSON },
    { "claims", xl_claims, 0, "", "List outstanding claim information about all domains", JSON },
    { "cpupool-create", xl_cpupool_create, XL_DRY, "[options] [<ConfigFile>] [Variable=value ...]",
      "Create a new CPU pool",
      "-f FILE, --defconfig=FILE    Use the given configuration file.\n"
      "-n, --dryrun                 Only check the configuration, and print it.\n" },
    { "cpupool-list", xl_cpupool_list, 0, "[-c|--cpus] [<CPU Pool>]", "List CPU pools on host",
      "-c, --cpus              Output list of CPUs used by a pool\n" JSON },
    { "cpupool-destroy", xl_cpupool_destroy, XL_CHANGES, "<CPU Pool>", "Deactivates a CPU pool", NULL },
    { "cpupool-rename", xl_cpupool_rename, XL_CHANGES, "<CPU Pool> <new name>", "Renames a CPU pool", NULL },
    { "cpupool-cpu-add", xl_cpupool_cpu_add, XL_CHANGES, "<CPU Pool> <CPU nr>|node:<node nr>",
      "Adds a CPU to a CPU pool", NULL },
    { "cpupool-cpu-remove", xl_cpupool_cpu_remove, XL_CHANGES, "<CPU Pool> <CPU nr>|node:<node nr>",
      "Removes a CPU from a CPU pool", NULL },
    { "cpupool-migrate", xl_cpupool_migrate, XL_CHANGES, "<Domain> <CPU Pool>", "Moves a domain into a CPU pool", NULL },
    { "cpupool-numa-split", xl_cpupool_numa_split, XL_CHANGES, "",
      "Splits up the machine into one CPU pool per NUMA node", NULL },
    { "getenforce", xl_refuse, 0, "", "Returns the current enforcing mode of the Flask Xen security module", NULL },
    { "setenforce", xl_refuse, XL_CHANGES, "<1|0|Enforcing|Permissive>",
      "Sets the current enforcing mode of the Flask Xen security module", NULL },
    { "loadpolicy", xl_refuse, XL_CHANGES, "<policy file>", "Loads a new policy into the Flask Xen security module",
      NULL },
    { "remus", xl_refuse, XL_CHANGES, "[options] <Domain> [<host>]", "Enable Remus HA for domain", NULL },
    { "devd", xl_devd, XL_CHANGES, "[options]", "Daemon that listens for devices and launches backends",
      "-F                      Run in the foreground.\n"
      "-p FILE, --pidfile=FILE Write PID to pidfile when daemonizing.\n" },
    { "psr-hwinfo", xl_refuse, XL_CHANGES, "[options]", "Show hardware information for Platform Shared Resource", NULL },
    { "psr-cmt-attach", xl_refuse, XL_CHANGES, "<Domain>", "Attach Cache Monitoring Technology service to a domain",
      NULL },
    { "psr-cmt-detach", xl_refuse, XL_CHANGES, "<Domain>", "Detach Cache Monitoring Technology service from a domain",
      NULL },
    { "psr-cmt-show", xl_refuse, 0, "<PSR-CMT-Type> <Domain>", "Show Cache Monitoring Technology information", NULL },
    { "psr-cat-set", xl_refuse, XL_CHANGES, "[options] <Domain> <CBM>",
      "Set cache capacity bitmasks(CBM) for a domain", NULL },
    { "psr-cat-show", xl_refuse, 0, "[options] <Domain>", "Show Cache Allocation Technology information", NULL },
    { "psr-mba-set", xl_refuse, XL_CHANGES, "[options] <Domain> <THRTL>", "Set throttling value (THRTL) for a domain",
      NULL },
    { "psr-mba-show", xl_refuse, 0, "[options] <Domain>", "Show Memory Bandwidth Allocation information", NULL },
    { "usbctrl-attach", xl_refuse, XL_DRY, "<Domain> [type=<type>] [version=<version>] [ports=<number>]",
      "Create a virtual USB controller for a domain", NULL },
    { "usbctrl-detach", xl_refuse, XL_CHANGES, "<Domain> <DevId>",
      "Remove the virtual USB controller specified by <DevId> for a domain", NULL },
    { "usbdev-attach", xl_refuse, XL_DRY, "<Domain> hostbus=<hostbus> hostaddr=<hostaddr> [controller=<DevId> "
      "[port=<port>]]", "Attach a USB device to a domain", NULL },
    { "usbdev-detach", xl_refuse, XL_CHANGES, "<Domain> <controller> <port>", "Detach a USB device from a domain", NULL },
    { "usb-list", xl_refuse, 0, "<Domain>", "List information about all USB controllers and devices for a domain",
      NULL },
    { "qemu-monitor-command", xl_refuse, XL_CHANGES, "<Domain> <Command>",
      "Issue a qemu monitor command to the device model of a domain", NULL },
    { "top", xl_helper, 0, "[options]", "Monitor a host and its domains in real time",
      "-b, -i N, -d SECONDS    Print in xentop's columns (see xl top --help)\n"
      "--json                  Print as JSON\n" },
    { "metrics", xl_helper, 0, "[options]", "Serve what the domains use to Prometheus",
      "-p, -a, --once          Port, address; print once (see xl metrics --help)\n" },
    { "domxml", xl_helper, 0, "<File> [vars]", "Print a config file as libvirt's domain XML, or such XML as a config file",
      "What has no equivalent on the other side is listed on standard error.\n" },
    { "events", xl_events, 0, "[--json]", "Show what happens to the domains, as it happens",
      "--json                  One JSON object a line instead of words (docs/vellumd.md)\n" },
    { "kernel-cache", xl_kernel_cache, 0, "[options] [KernelFile|ConfigFile.cfg...]",
      "Expand guests' kernels ahead of their first start, or list what is kept of them",
      "-a, --all               The kernels of all guests that /etc/xen/*.cfg and /etc/xen/auto know.\n"
      "-b, --background        Give way to all other processes.\n"
      "-c, --clear             Forget all that is kept.\n" JSON },
    { "suspend", xl_suspend, XL_CHANGES, "<Domain>", "Suspend a domain to RAM", NULL },
    { "resume", xl_resume, XL_CHANGES, "<Domain>", "Resume a domain from RAM", NULL },
    { "help", xl_help, 0, "[--long] [command]", "Show the commands, or how one is used",
      "--long                  With every command's usage\n" },
    { "document", xl_document, 0, "<keys|keys-pod|commands>", NULL, NULL },
    { "monitor", xl_monitor, 0, "<DomainId>", NULL, NULL },
};

const size_t xl_command_count = sizeof(xl_commands) / sizeof(xl_commands[0]);
