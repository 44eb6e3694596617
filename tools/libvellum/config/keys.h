/* SPDX-License-Identifier: MIT */
/*
 * The table of all keys of xl.cfg(5): what type each has, where its value goes, and what the documentation says.
 * The parser, the messages and docs/config.md all use this one table. Private to config/.
 */
#ifndef VL_CONFIG_KEYS_H
#define VL_CONFIG_KEYS_H

#include <stddef.h>

#include "config/config.h"

enum vl_key_type {
    VL_KEY_STRING,              /* char * */
    VL_KEY_PATH,                /* char *, not empty */
    VL_KEY_INT,                 /* int, min to max */
    VL_KEY_UINT,                /* unsigned, min to max */
    VL_KEY_MIB,                 /* uint64_t in KiB, from a number in MiB */
    VL_KEY_BOOL,                /* bool */
    VL_KEY_WORD,                /* int: the number of a word in `words` */
    VL_KEY_CUSTOM,              /* `take` does it */
    VL_KEY_NOTED,               /* no value is kept; `group` says what the note is */
};

enum vl_key_group {
    VL_KEYS_PV,                 /* means something for a PV guest, and does it */
    VL_KEYS_HVM,                /* only HVM and PVH guests know it: accepted with a note */
    VL_KEYS_DEFAULT_ONLY,       /* known, not supported: refused unless it asks for nothing */
    VL_KEYS_OLD,                /* an old spelling of another key */
};

/* What a load shares while it goes through the settings. Private to load.c and its helpers. */
struct vl_loading {
    struct vl_config *config;
    int errors;
    const char *root, *extra;
    const char *type;
    bool has_cmdline, has_uuid;
    int old_cpu_cap;
};

struct vl_key {
    const char *name;
    enum vl_key_group group;
    enum vl_key_type type;
    size_t offset;
    long long min, max;
    const char *const *words;
    int (*take)(struct vl_loading *load, const struct vl_setting *setting);
    const char *doc;
};

extern const struct vl_key vl_keys[];
extern const size_t vl_key_count;

const struct vl_key *vl_key_find(const char *name);
/* The known key that looks most like `name`, or NULL when none is near. */
const struct vl_key *vl_key_nearest(const char *name);

/* Typed access to a value; each tells what is wrong with its place and returns -EINVAL. */
int vl_value_number(const struct vl_value *value, const char *key, long long min, long long max, long long *out);
int vl_value_string(const struct vl_value *value, const char *key, const char **out);
int vl_value_word(const struct vl_value *value, const char *key, const char *const *words, int *out);

/* The keys whose values are more than a scalar (custom.c, devices.c). */
int vl_take_uuid(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_type(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_builder(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_cmdline(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_root(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_extra(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_cpus(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_cpus_soft(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_bootloader_args(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_disk(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_vif(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_channel(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_pci(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_ioports(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_iomem(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_irqs(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_tsc_mode(struct vl_loading *load, const struct vl_setting *setting);
int vl_take_passthrough(struct vl_loading *load, const struct vl_setting *setting);

#endif
