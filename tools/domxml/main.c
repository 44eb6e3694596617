/* SPDX-License-Identifier: MIT */
/* domxml FILE: prints a configuration file as libvirt's XML, an XML file as a configuration. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxml/parser.h>

#include "base/arena.h"
#include "base/log.h"
#include "domxml/domxml.h"

static const char help[] =
    "Usage: xl domxml FILE [key=value]...\n"
    "Prints a configuration file (xl.cfg) as libvirt's domain XML, or a file of such XML as a\n"
    "configuration. What has no equivalent on the other side is listed on standard error.\n";

/* The whole file, NUL-terminated; NULL after a told error. */
static char *read_file(const char *path, size_t *len)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0;
    char *text = vl_xmalloc(DOMXML_MAX + 1);
    ssize_t n = 1;

    *len = 0;
    while (fd >= 0 && *len < DOMXML_MAX && (n = read(fd, text + *len, DOMXML_MAX - *len)) > 0)
        *len += (size_t)n;
    if (fd < 0 || n < 0)
        vl_fail_errno("%s", path);
    else if (*len == DOMXML_MAX)
        vl_fail(-EFBIG, "%s: a document may have at most %u bytes", path, DOMXML_MAX);
    if (fd > 0)
        close(fd);
    if (fd < 0 || n < 0 || *len == DOMXML_MAX) {
        free(text);
        return NULL;
    }
    text[*len] = 0;
    return text;
}

static int print_xml(const char *path, char *const *arguments, size_t n)
{
    struct vl_config *config = vl_config_load(path, arguments, n);
    int rc = config ? domxml_from_config(config, stdout) : -EINVAL;

    vl_config_free(config);
    return rc;
}

/* A configuration is only printed when all of the document was in order. */
static int print_config(const char *path, const char *text, size_t len)
{
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    int rc = to ? domxml_to_config(path, text, len, to) : -ENOMEM;

    if (to)
        fclose(to);
    if (!rc && (fwrite(out, 1, size, stdout) != size || fflush(stdout)))
        rc = vl_fail(-EIO, "cannot write the configuration");
    free(out);
    return rc;
}

int main(int argc, char **argv)
{
    size_t len, at = 0;
    char *text;
    int rc;

    vl_log_name("xl");
    if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
        fputs(help, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    text = read_file(argv[1], &len);
    if (!text)
        return 1;
    while (isspace((unsigned char)text[at]))
        at++;
    if (text[at] == '<')
        rc = print_config(argv[1], text, len);
    else
        rc = print_xml(argv[1], argv + 2, (size_t)(argc - 2));
    free(text);
    xmlCleanupParser();
    return rc ? 1 : 0;
}
