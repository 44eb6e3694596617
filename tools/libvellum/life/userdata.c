/* SPDX-License-Identifier: MIT */
#include "life/userdata.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "json/domain.h"

#define FOLDER "/var/lib/xen"
#define FILE_MAX (1 << 20)

static void file_name(uint32_t domid, const uint8_t uuid[16], char path[128])
{
    char text[VL_UUID_TEXT];

    vl_uuid_format(uuid, text);
    snprintf(path, 128, FOLDER "/userdata-d.%u.%s.libxl-json", domid, text);
}

static int write_file(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return -errno;
    while (len) {
        n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int err = errno;

            close(fd);
            return -err;
        }
        text += n;
        len -= (size_t)n;
    }
    return close(fd) ? -errno : 0;
}

int vl_userdata_save(uint32_t domid, const struct vl_config *config)
{
    struct vl_json *json = vl_json_new(true);
    char path[128], fresh[140];
    const char *text;
    size_t len;
    int rc;

    vl_json_config(json, NULL, config, VL_JSON_KEPT, NULL);
    text = vl_json_text(json, &len);
    file_name(domid, config->uuid, path);
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    if (mkdir(FOLDER, 0700) && errno != EEXIST)
        vl_debug(FOLDER ": %s", strerror(errno));
    rc = write_file(fresh, text, len);
    if (!rc && rename(fresh, path))
        rc = -errno;
    if (rc) {
        unlink(fresh);
        vl_fail(rc, "%s: %s", path, strerror(-rc));
    }
    vl_json_free(json);
    return rc;
}

struct vl_config *vl_userdata_load(uint32_t domid, const uint8_t uuid[16])
{
    struct vl_config *config = NULL;
    char path[128], *text;
    struct stat st;
    ssize_t n;
    int fd;

    file_name(domid, uuid, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) || st.st_size > FILE_MAX) {
        close(fd);
        return NULL;
    }
    text = malloc((size_t)st.st_size + 1);
    n = text ? read(fd, text, (size_t)st.st_size) : -1;
    if (n == st.st_size) {
        /* libxl ends its files with a NUL. */
        while (n && !text[n - 1])
            n--;
        config = vl_json_config_read(path, text, (size_t)n);
    }
    free(text);
    close(fd);
    return config;
}

void vl_userdata_remove(uint32_t domid)
{
    static const char kinds[] = { 'd', 'n', 'l' };
    char prefix[3][32], path[512];
    struct dirent *e;
    DIR *dir = opendir(FOLDER);

    if (!dir)
        return;
    for (int i = 0; i < 3; i++)
        snprintf(prefix[i], sizeof(prefix[i]), "userdata-%c.%u.", kinds[i], domid);
    while ((e = readdir(dir)))
        for (int i = 0; i < 3; i++)
            if (!strncmp(e->d_name, prefix[i], strlen(prefix[i]))) {
                snprintf(path, sizeof(path), FOLDER "/%s", e->d_name);
                unlink(path);
            }
    closedir(dir);
}
