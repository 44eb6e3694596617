/* SPDX-License-Identifier: MIT */
/* What the files of request handlers share; private to request.c and request-domain.c. */
#ifndef XENSTORE_REQUEST_H
#define XENSTORE_REQUEST_H

#include "store.h"

/* Replies "OK"; returns 0. */
int request_ok(struct store *st, struct request *rq);
/* The decimal number that is the string at *AT of the payload, *AT moved behind it; false if it is none, or above MAX.
 */
bool request_number(const struct request *rq, size_t *at, uint64_t max, uint64_t *out);

int request_introduce(struct store *st, struct request *rq);
int request_release(struct store *st, struct request *rq);
int request_resume(struct store *st, struct request *rq);
int request_set_target(struct store *st, struct request *rq);
int request_is_introduced(struct store *st, struct request *rq);
int request_get_domain_path(struct store *st, struct request *rq);

#endif
