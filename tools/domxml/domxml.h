/* SPDX-License-Identifier: MIT */
/*
 * libvirt's domain XML (https://libvirt.org/formatdomain.html) and xl.cfg(5), either made from the other.
 *
 * A program of its own, which xl runs: the XML library comes with shared libraries that xl, which starts in a
 * millisecond, does not want to load, and a document from elsewhere is read by a process that does nothing else.
 */
#ifndef TOOLS_DOMXML_DOMXML_H
#define TOOLS_DOMXML_DOMXML_H

#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

#define DOMXML_MAX (1u << 20)   /* bytes of a document */

/*
 * Read a document and write the configuration it describes. Every element and attribute that has no equivalent is
 * told with its line. 0, or -EINVAL after a told error: no XML, a document type (so no entities), another type of
 * domain, an impossible value.
 */
int domxml_to_config(const char *name, const char *text, size_t len, FILE *to);

/* Write a configuration as a document. What has no equivalent is told. 0 or a told -errno. */
int domxml_from_config(const struct vl_config *config, FILE *to);

#endif
