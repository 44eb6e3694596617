/* SPDX-License-Identifier: MIT */
/* kernel-cache: what is kept of guests' kernels, so that the first guest of one starts as fast as the next. */
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "build/cache.h"
#include "build/keep.h"
#include "xl/xl.h"

/* The kernel that a guest's configuration names, if it does. What is wrong with the file `xl create` will tell. */
static int keep_of_config(const char *path)
{
    enum vl_level level = vl_log_get_level();
    struct vl_config *config;
    int rc = 0;

    vl_log_level((enum vl_level)-1);
    config = vl_config_load(path, NULL, 0);
    vl_log_level(level);
    if (config && config->kernel)
        rc = vl_keep_kernel(config->kernel);
    vl_config_free(config);
    return rc;
}

static bool is_config(const char *path)
{
    size_t len = strlen(path);

    return len > 4 && !strcmp(path + len - 4, ".cfg");
}

static int keep(const char *path)
{
    int rc = is_config(path) ? keep_of_config(path) : vl_keep_kernel(path);

    if (rc > 0)
        vl_info("%s: kept", path);
    return rc < 0 ? rc : 0;
}

static int keep_all(void)
{
    static const char *const patterns[] = { "/etc/xen/auto/*", "/etc/xen/*.cfg" };
    int result = 0;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        glob_t found;

        if (glob(patterns[i], 0, NULL, &found))
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++) {
            int rc = keep_of_config(found.gl_pathv[k]);

            result = rc < 0 ? rc : result;
        }
        globfree(&found);
    }
    return result;
}

static void print_entry(void *arg, uint64_t source, uint64_t packed, time_t kept)
{
    struct vl_json *json = arg;
    char when[32];
    struct tm tm;

    strftime(when, sizeof(when), "%F %T", localtime_r(&kept, &tm));
    if (!json) {
        printf("%12" PRIu64 " %12" PRIu64 "  %s\n", source, packed, when);
        return;
    }
    vl_json_map(json, NULL);
    vl_json_number(json, "compressed_bytes", (long long)source);
    vl_json_number(json, "expanded_bytes", (long long)packed);
    vl_json_number(json, "kept", (long long)kept);
    vl_json_map_end(json);
}

static int list(bool as_json)
{
    struct vl_json *json = as_json ? xl_json_begin("kernel-cache") : NULL;

    if (!json) {
        printf("  Compressed     Expanded  Kept\n");
        vl_cache_list(print_entry, NULL);
        return 0;
    }
    vl_json_string(json, "folder", vl_cache_folder());
    vl_json_array(json, "kernels");
    vl_cache_list(print_entry, json);
    vl_json_array_end(json);
    return xl_json_end(json);
}

int xl_kernel_cache(int argc, char **argv)
{
    static const struct option longs[] = {
        { "all", no_argument, NULL, 'a' }, { "background", no_argument, NULL, 'b' }, { "clear", no_argument, NULL, 'c' },
        XL_LONG_JSON, XL_LONG_END,
    };
    bool all = false, clear = false, json = false;
    int rc = 0;

    for (int opt; (opt = xl_getopt(argc, argv, "abc", longs, 0, -1)) != -1;) {
        all |= opt == 'a';
        clear |= opt == 'c';
        json |= opt == XL_OPT_JSON;
        if (opt == 'b')
            vl_give_way();
    }
    if (clear)
        vl_cache_clear();
    if (all)
        rc = keep_all();
    for (int i = optind; i < argc; i++)
        if (keep(argv[i]) < 0)
            rc = -1;
    if (!clear && !all && optind == argc)
        return list(json);
    return rc ? 1 : 0;
}
