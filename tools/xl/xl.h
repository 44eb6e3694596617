/* SPDX-License-Identifier: MIT */
/*
 * xl: commands on domains and the host. Each file here is one family of commands: it parses options, calls libvellum,
 * prints. A command is a row of xl_commands (commands.c) and returns the exit code: 0; 1 when it failed; 2 when it
 * was called in a wrong way.
 */
#ifndef XL_XL_H
#define XL_XL_H

#include <getopt.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/vl.h"
#include "config/config.h"
#include "json/json.h"
#include "life/life.h"

#define XL_CHANGES 1            /* takes the global -f */
#define XL_DRY 3                /* and -N */

struct xl_command {
    const char *name;
    int (*run)(int argc, char **argv);
    int flags;
    const char *args;           /* what follows the name in the usage line */
    const char *summary;        /* NULL: not for people, and found by its whole name only */
    const char *options;        /* lines of help, or NULL */
};

extern const struct xl_command xl_commands[];
extern const size_t xl_command_count;

/* The global options: -N, -f; -t (progress on one line, by carriage returns); -T (time stamps). */
extern bool xl_dry_run, xl_force, xl_progress_cr, xl_timestamps;
extern struct vl xl_vl;         /* the handle that all commands use */
extern const struct xl_command *xl_current;

/* Why a command is refused whatever its arguments are; NULL for one that is not. */
const char *xl_refusal(const struct xl_command *command);

/* "." where the sentence has none at its end, else "". */
const char *xl_full_stop(const char *sentence);

/* Usage of the current command, on standard error; returns 2. */
int xl_usage(void);

/*
 * getopt_long with -h and --help added: returns the option, -1 at the end. On -h prints the usage and exits with 0,
 * on an unknown option with 2. `wanted` and more non-option arguments must be left at the end (optind), else it
 * exits with 2 too; `most` of them at most, when it is not -1.
 */
int xl_getopt(int argc, char **argv, const char *options, const struct option *longs, int wanted, int most);

/* For commands whose only option is --json: their arguments are checked, and whether it was given is the result. */
bool xl_getopt_json(int argc, char **argv, int wanted, int most);
/* In a table of long options: --json, and the end with --help before it. */
#define XL_OPT_JSON 1000
#define XL_LONG_JSON { "json", no_argument, NULL, XL_OPT_JSON }
#define XL_LONG_END { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }

/* The domain an argument names, or exit 1 after telling. */
uint32_t xl_find_domain(const char *text);
/* A domain's name, or "(null)". In the handle's lifetime. */
const char *xl_domain_name(uint32_t domid);
/* A decimal number from min to max; tells what it is when it is not one. */
bool xl_number(const char *what, const char *text, long min, long max, long *out);

/* A listing as JSON: begins with {"schema": "vellum.NAME", "version": 1, …}; xl_json_end prints it, 0 or 1. */
struct vl_json *xl_json_begin(const char *name);
int xl_json_end(struct vl_json *json);

/* The families. */
int xl_block_attach(int argc, char **argv);
int xl_block_detach(int argc, char **argv);
int xl_block_list(int argc, char **argv);
int xl_channel_list(int argc, char **argv);
int xl_claims(int argc, char **argv);
int xl_config_update(int argc, char **argv);
int xl_console(int argc, char **argv);
int xl_cpupool_cpu_add(int argc, char **argv);
int xl_cpupool_cpu_remove(int argc, char **argv);
int xl_cpupool_create(int argc, char **argv);
int xl_cpupool_destroy(int argc, char **argv);
int xl_cpupool_list(int argc, char **argv);
int xl_cpupool_migrate(int argc, char **argv);
int xl_cpupool_numa_split(int argc, char **argv);
int xl_cpupool_rename(int argc, char **argv);
int xl_create(int argc, char **argv);
int xl_debug_keys(int argc, char **argv);
int xl_destroy(int argc, char **argv);
int xl_devd(int argc, char **argv);
int xl_dmesg(int argc, char **argv);
int xl_document(int argc, char **argv);
int xl_domid(int argc, char **argv);
int xl_domname(int argc, char **argv);
int xl_dump_core(int argc, char **argv);
int xl_events(int argc, char **argv);
/* Runs the program xl-NAME of the current command. */
int xl_helper(int argc, char **argv);
/* Does this file hold XML? And such a file as a config file, of which the path is returned: the caller removes it. */
bool xl_is_xml(const char *path);
char *xl_from_xml(const char *path);
int xl_help(int argc, char **argv);
int xl_info(int argc, char **argv);
int xl_kernel_cache(int argc, char **argv);
int xl_list(int argc, char **argv);
int xl_mem_max(int argc, char **argv);
int xl_mem_set(int argc, char **argv);
int xl_migrate(int argc, char **argv);
int xl_migrate_receive(int argc, char **argv);
int xl_monitor(int argc, char **argv);
int xl_network_attach(int argc, char **argv);
int xl_network_detach(int argc, char **argv);
int xl_network_list(int argc, char **argv);
int xl_pause(int argc, char **argv);
int xl_pci_assignable_add(int argc, char **argv);
int xl_pci_assignable_list(int argc, char **argv);
int xl_pci_assignable_remove(int argc, char **argv);
int xl_pci_attach(int argc, char **argv);
int xl_pci_detach(int argc, char **argv);
int xl_pci_list(int argc, char **argv);
int xl_reboot(int argc, char **argv);
int xl_refuse(int argc, char **argv);
int xl_rename(int argc, char **argv);
int xl_restore(int argc, char **argv);
int xl_resume(int argc, char **argv);
int xl_save(int argc, char **argv);
int xl_sched_credit(int argc, char **argv);
int xl_sched_credit2(int argc, char **argv);
int xl_sched_rtds(int argc, char **argv);
int xl_suspend(int argc, char **argv);
int xl_set_parameters(int argc, char **argv);
int xl_sharing(int argc, char **argv);
int xl_shutdown(int argc, char **argv);
int xl_sysrq(int argc, char **argv);
int xl_trigger(int argc, char **argv);
int xl_unpause(int argc, char **argv);
int xl_uptime(int argc, char **argv);
int xl_vcpu_list(int argc, char **argv);
int xl_vcpu_pin(int argc, char **argv);
int xl_vcpu_set(int argc, char **argv);
int xl_vm_list(int argc, char **argv);

#endif
