/* SPDX-License-Identifier: MIT */
/* What the store's unit tests share: a store, three clients, and requests whose answers are looked at. */
#ifndef TESTS_XENSTORE_STORE_H
#define TESTS_XENSTORE_STORE_H

#include "store.h"

#include <check.h>

extern struct store st;
extern struct conn dom0, guest1, guest2;
extern uint32_t last_type;
extern char reply[XENSTORE_PAYLOAD_MAX + 1];
extern size_t reply_len;
extern char events[4096]; /* of the last request: "path|token;" each */

/* One request of C and its answer: the reply in `reply`, the events in `events`. Returns `reply`. */
const char *ask_tx(struct conn *c, uint32_t tx, uint32_t type, const char *data, size_t len);
uint32_t begin(struct conn *c); /* starts a transaction */

/* TEXT is a literal whose inner NULs count; its final one does too for ASK, not for ASK_VALUE. */
#define ASK(c, type, text)           ask_tx(c, 0, type, text, sizeof(text))
#define ASK_VALUE(c, type, text)     ask_tx(c, 0, type, text, sizeof(text) - 1)
#define ASK_TX(c, tx, type, text)    ask_tx(c, tx, type, text, sizeof(text))
#define WRITE_TX(c, tx, text)        ask_tx(c, tx, XS_WRITE, text, sizeof(text) - 1)
#define OK(e)                        ck_assert_str_eq(e, "OK")
#define ERROR(e, name)               do { ck_assert_str_eq(e, name); ck_assert_uint_eq(last_type, XS_ERROR); } while (0)

void guest_home(void); /* guest1 gets one */

void add_path_tests(TCase *tc);   /* xenstore-path.c */
void add_domain_tests(TCase *tc); /* xenstore-domains.c */
void add_model_tests(TCase *tc); /* xenstore-model.c */
void add_limit_tests(TCase *tc); /* xenstore-limits.c */

#endif
