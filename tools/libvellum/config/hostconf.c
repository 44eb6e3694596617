/* SPDX-License-Identifier: MIT */
#include "config/hostconf.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "config/keys.h"

static struct vl_hostconf conf;
static bool loaded;

static int take_autoballoon(const struct vl_value *v)
{
    static const char *const words[] = { "auto", "on", "off", "0", "1", NULL };
    int word;

    if (vl_value_word(v, "autoballoon", words, &word))
        return -EINVAL;
    conf.autoballoon = word == 3 ? VL_AUTOBALLOON_OFF : word == 4 ? VL_AUTOBALLOON_ON : (enum vl_autoballoon)word;
    return 0;
}

/* Keys with a value that is kept, and keys that are known and say nothing here. */
static const struct { const char *name; enum { TEXT, NUMBER, BOOLEAN, BALLOON, IGNORED } type; size_t offset; long max; }
keys[] = {
    { "autoballoon", BALLOON, 0, 0 },
    { "vifscript", TEXT, offsetof(struct vl_hostconf, vif_script), 0 },         /* as these two were called once */
    { "defaultbridge", TEXT, offsetof(struct vl_hostconf, vif_bridge), 0 },
    { "vif.default.script", TEXT, offsetof(struct vl_hostconf, vif_script), 0 },
    { "vif.default.bridge", TEXT, offsetof(struct vl_hostconf, vif_bridge), 0 },
    { "vif.default.backend", TEXT, offsetof(struct vl_hostconf, vif_backend), 0 },
    { "vif.default.gatewaydev", TEXT, offsetof(struct vl_hostconf, vif_gatewaydev), 0 },
    { "vm.cpumask", TEXT, offsetof(struct vl_hostconf, cpumask), 0 },
    { "vm.pv.cpumask", TEXT, offsetof(struct vl_hostconf, pv_cpumask), 0 },
    { "max_grant_frames", NUMBER, offsetof(struct vl_hostconf, max_grant_frames), 1 << 20 },
    { "max_maptrack_frames", NUMBER, offsetof(struct vl_hostconf, max_maptrack_frames), 1 << 20 },
    { "max_grant_version", NUMBER, offsetof(struct vl_hostconf, max_grant_version), 2 },
    { "run_hotplug_scripts", BOOLEAN, offsetof(struct vl_hostconf, run_hotplug_scripts), 0 },
    { "vm.hvm.cpumask", IGNORED, 0, 0 }, { "lockfile", IGNORED, 0, 0 }, { "output_format", IGNORED, 0, 0 },
    { "claim_mode", IGNORED, 0, 0 }, { "blkdev_start", IGNORED, 0, 0 }, { "domid_policy", IGNORED, 0, 0 },
    { "bootloader_restrict", IGNORED, 0, 0 }, { "bootloader_user", IGNORED, 0, 0 },
    { "remus.default.netbufscript", IGNORED, 0, 0 }, { "colo.default.proxyscript", IGNORED, 0, 0 },
};

static int take(const struct vl_setting *s)
{
    const char *text;
    long long n;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        void *at = (char *)&conf + keys[i].offset;

        if (strcmp(keys[i].name, s->key))
            continue;
        switch (keys[i].type) {
        case BALLOON:
            return take_autoballoon(s->value);
        case TEXT:
            if (vl_value_string(s->value, s->key, &text))
                return -EINVAL;
            *(char **)at = *text ? vl_strdup(&conf.arena, text) : NULL;
            return 0;
        case NUMBER:
            if (vl_value_number(s->value, s->key, 0, keys[i].max, &n))
                return -EINVAL;
            *(int *)at = (int)n;
            return 0;
        case BOOLEAN:
            if (vl_value_number(s->value, s->key, 0, 1, &n))
                return -EINVAL;
            *(bool *)at = n != 0;
            return 0;
        default:
            return 0;
        }
    }
    vl_place_warn(&s->place, "unknown key '%s'", s->key);
    return 0;
}

const struct vl_hostconf *vl_hostconf_read(const char *path)
{
    struct vl_settings settings = { 0 };
    struct vl_arena arena = { 0 };

    vl_arena_free(&conf.arena);
    conf = (struct vl_hostconf){ .max_grant_frames = VL_UNSET, .max_maptrack_frames = VL_UNSET,
                                 .max_grant_version = VL_UNSET, .run_hotplug_scripts = true };
    loaded = true;
    if (!access(path, F_OK)) {
        vl_settings_parse_file(&settings, &arena, path);
        for (size_t i = 0; i < settings.count; i++)
            take(settings.all[i]);      /* what is wrong has been told */
    }
    vl_arena_free(&arena);
    return &conf;
}

const struct vl_hostconf *vl_hostconf(void)
{
    return loaded ? &conf : vl_hostconf_read("/etc/xen/xl.conf");
}
