/* SPDX-License-Identifier: MIT */
/* The requests of the socket, one a line: docs/vellumd.md. Pure parsing. */
#ifndef VELLUMD_PROTO_H
#define VELLUMD_PROTO_H

#include <stddef.h>
#include <stdint.h>

#define PROTO_LINE_MAX 256

enum request_kind { REQUEST_ADOPT, REQUEST_EVENTS, REQUEST_STATUS, REQUEST_SHELL, REQUEST_KEPT };

struct request {
    enum request_kind kind;
    uint32_t domid;             /* adopt, kept */
    uint64_t shape;             /* shell */
};

/* A whole line without its newline. 0, or -EINVAL and what is wrong with it in *why. */
int proto_parse(const char *line, size_t len, struct request *request, const char **why);

#endif
