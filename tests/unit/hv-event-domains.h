/* SPDX-License-Identifier: MIT */
/* What hv-event's two files share. */
#ifndef TEST_HV_EVENT_DOMAINS_H
#define TEST_HV_EVENT_DOMAINS_H

#include "hv-event.h"

extern struct domain *d0, *d1, *d2;

void add_domain_tests(TCase *t); /* hv-event-domains.c */

#endif
