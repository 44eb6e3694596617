/* SPDX-License-Identifier: MIT */
/* What the files of request handlers share; private to request.c, request-list.c and request-domain.c. */
#ifndef XENSTORE_REQUEST_H
#define XENSTORE_REQUEST_H

#include "store.h"

/* Replies "OK"; returns 0. */
int request_ok(struct store *st, struct request *rq);
/* The decimal number that is the string at *AT of the payload, *AT moved behind it; false if it is none, or above MAX.
 */
bool request_number(const struct request *rq, size_t *at, uint64_t max, uint64_t *out);

/* "path\0" and nothing else, into rq->path. 0 or -EINVAL. */
int request_only_path(const struct store *st, struct request *rq);
/* "path\0" first, into rq->path; *AT behind it. 0 or -EINVAL. */
int request_first_path(const struct store *st, struct request *rq, size_t *at);
/* The node of rq->path, which the sender may read, TOUCHed in its transaction. 0, -EACCES, -ENOENT or -ENOSPC. */
int request_read_node(struct store *st, struct request *rq, unsigned touch, struct node **out);

int request_directory(struct store *st, struct request *rq);
int request_directory_part(struct store *st, struct request *rq);
int request_introduce(struct store *st, struct request *rq);
int request_release(struct store *st, struct request *rq);
int request_resume(struct store *st, struct request *rq);
int request_set_target(struct store *st, struct request *rq);
int request_is_introduced(struct store *st, struct request *rq);
int request_get_domain_path(struct store *st, struct request *rq);

#endif
