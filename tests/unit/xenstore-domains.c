/* SPDX-License-Identifier: MIT */
/* Domains that end, and others that come by their numbers. */
#include <errno.h>

#include "store.h"

#include "xenstore-store.h"

static bool no_domain(void *arg, unsigned domid)
{
    (void)arg;
    (void)domid;
    return false;
}

/* Who is not there gets no permission, for the next domain by its number would have it. */
START_TEST(permissions_of_nobody)
{
    static const struct store_host host = { .domain_exists = no_domain };
    static struct conn next;

    st.host = &host;
    OK(ASK(&dom0, XS_MKDIR, "/secret"));
    OK(ASK(&dom0, XS_SET_PERMS, "/secret\0n0\0r6\0w7"));
    ck_assert_str_eq(ASK(&dom0, XS_GET_PERMS, "/secret"), "n0");
    ck_assert_uint_eq(reply_len, 3);
    ERROR(ASK(&dom0, XS_SET_PERMS, "/secret\0n6"), "ENOENT");
    OK(ASK(&dom0, XS_SET_PERMS, "@releaseDomain\0n0\0r6"));
    ck_assert_uint_eq(st.release_perms->count, 1);
    memset(&next, 0, sizeof(next));
    conn_init(&st, &next, CONN_SOCKET, 6);
    ERROR(ASK(&next, XS_READ, "/secret"), "EACCES");
    conn_fini(&st, &next);
    st.host = NULL;
}
END_TEST

START_TEST(domains)
{
    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    ck_assert_str_eq(ASK(&dom0, XS_IS_DOMAIN_INTRODUCED, "5"), "T");
    OK(ASK(&dom0, XS_WATCH, "@releaseDomain\0r"));
    OK(ASK(&dom0, XS_MKDIR, "/local/domain/5/x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/local/domain/5\0n5"));
    OK(ASK(&dom0, XS_MKDIR, "/else/a"));
    OK(ASK(&dom0, XS_SET_PERMS, "/else/a\0n5"));
    OK(ASK(&dom0, XS_MKDIR, "/else/b"));
    OK(ASK(&dom0, XS_SET_PERMS, "/else/b\0n0\0r5"));
    OK(ASK(&dom0, XS_RELEASE, "5"));
    ck_assert_str_eq(events, "@releaseDomain|r;");
    ERROR(ASK(&dom0, XS_READ, "/local/domain/5"), "ENOENT"); /* its nodes went with it, wherever they were */
    ERROR(ASK(&dom0, XS_READ, "/else/a"), "ENOENT");
    ck_assert_str_eq(ASK(&dom0, XS_IS_DOMAIN_INTRODUCED, "5"), "F");
    ERROR(ASK(&dom0, XS_RELEASE, "5"), "ENOENT");
    ERROR(ASK(&dom0, XS_RELEASE, "0"), "EINVAL");
    ERROR(ASK(&dom0, XS_INTRODUCE, "40000\0001\0001"), "EINVAL");
    ck_assert_uint_eq(perms_access(st.root->perms, 5, st.died[5]), PERM_NONE);
    {
        static struct conn next; /* a new domain by the same number inherits no right */

        memset(&next, 0, sizeof(next));
        conn_init(&st, &next, CONN_SOCKET, 5);
        ERROR(ASK(&next, XS_READ, "/else/b"), "EACCES");
        conn_fini(&st, &next);
    }
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

static int no_ring(void *arg, struct domain *d, uint64_t gfn, uint32_t port)
{
    struct conn *ring = arg; /* what the daemon does: the ring is made, found to lead nowhere, and let go */

    (void)gfn;
    (void)port;
    memset(ring, 0, sizeof(*ring));
    conn_init(&st, ring, CONN_RING, d->domid);
    d->conn = ring;
    conn_fini(&st, ring);
    return -ENOENT;
}

/* Domains that end before they are introduced, or while they are: their creation was refused and taken back. */
START_TEST(no_longer_there)
{
    static const struct store_host host = { .introduce = no_ring };
    static struct conn ring;

    OK(ASK(&dom0, XS_WATCH, "@releaseDomain\0r"));
    OK(ASK(&dom0, XS_MKDIR, "/local/domain/7/device"));
    OK(ASK(&dom0, XS_SET_PERMS, "/local/domain/7/device\0n7"));
    OK(ASK(&dom0, XS_MKDIR, "/vm/x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/vm/x\0n7"));
    domain_release(&st, st.domain[7]); /* as for one that is gone from the hypervisor */
    ck_assert_ptr_null(st.domain[7]);
    OK(ASK(&dom0, XS_MKDIR, "/x"));
    ck_assert_str_eq(events, "@releaseDomain|r;");
    ERROR(ASK(&dom0, XS_READ, "/local/domain/7/device"), "ENOENT");
    ERROR(ASK(&dom0, XS_READ, "/vm/x"), "ENOENT");

    st.host = &host;
    st.host_arg = &ring;
    ERROR(ASK(&dom0, XS_INTRODUCE, "8\0001\0001"), "ENOENT"); /* one of whom nothing was known */
    ck_assert_ptr_null(st.domain[8]);
    OK(ASK(&dom0, XS_MKDIR, "/vm/y"));
    OK(ASK(&dom0, XS_SET_PERMS, "/vm/y\0n8"));
    ERROR(ASK(&dom0, XS_INTRODUCE, "8\0001\0001"), "ENOENT"); /* and one that owns something */
    ck_assert_str_eq(ASK(&dom0, XS_IS_DOMAIN_INTRODUCED, "8"), "F");
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/vm/y"), "");
    st.host = NULL;
    OK(ASK(&dom0, XS_INTRODUCE, "8\0001\0001"));
    st.host = &host;
    ERROR(ASK(&dom0, XS_INTRODUCE, "8\0001\0002"), "ENOENT"); /* and one whose new ring is none */
    ERROR(ASK(&dom0, XS_READ, "/vm/y"), "ENOENT");
    ck_assert_ptr_null(st.domain[8]);
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

/* What a new domain makes is its own, also where its predecessor was named, and to that one's rights it does not come. */
START_TEST(reborn_owner)
{
    static struct conn next;

    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    OK(ASK(&dom0, XS_INTRODUCE, "6\0001\0001"));
    OK(ASK(&dom0, XS_MKDIR, "/shared"));
    OK(ASK(&dom0, XS_SET_PERMS, "/shared\0w0\0b5\0r6"));
    OK(ASK(&dom0, XS_RELEASE, "5"));
    OK(ASK(&dom0, XS_RELEASE, "6"));
    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    OK(ASK(&dom0, XS_INTRODUCE, "6\0001\0001"));
    memset(&next, 0, sizeof(next));
    conn_init(&st, &next, CONN_SOCKET, 5);
    ERROR(ASK(&next, XS_READ, "/shared"), "EACCES");
    OK(ASK_VALUE(&next, XS_WRITE, "/shared/mine\0x"));
    ck_assert_str_eq(ASK(&next, XS_READ, "/shared/mine"), "x");
    OK(ASK(&next, XS_SET_PERMS, "/shared/mine\0n5"));
    OK(ASK_VALUE(&next, XS_WRITE, "/shared/more/deep\0x"));
    ck_assert_str_eq(ASK(&next, XS_READ, "/shared/more/deep"), "x");
    conn_fini(&st, &next);
    memset(&next, 0, sizeof(next)); /* the node that 5 made does not give the new 6 what the list gave the old one */
    conn_init(&st, &next, CONN_SOCKET, 6);
    ERROR(ASK(&next, XS_READ, "/shared/more/deep"), "EACCES");
    conn_fini(&st, &next);
    OK(ASK(&dom0, XS_RELEASE, "5"));
    ERROR(ASK(&dom0, XS_READ, "/shared/more"), "ENOENT");
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

/* The same below a node that its predecessor owned, which --keep-orphans leaves. */
START_TEST(reborn_among_orphans)
{
    static struct conn next;

    st.keep_orphans = true;
    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    OK(ASK(&dom0, XS_MKDIR, "/left"));
    OK(ASK(&dom0, XS_SET_PERMS, "/left\0w5"));
    OK(ASK(&dom0, XS_RELEASE, "5"));
    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    memset(&next, 0, sizeof(next));
    conn_init(&st, &next, CONN_SOCKET, 5);
    ERROR(ASK(&next, XS_READ, "/left"), "EACCES");
    OK(ASK_VALUE(&next, XS_WRITE, "/left/mine\0x"));
    ck_assert_str_eq(ASK(&next, XS_READ, "/left/mine"), "x");
    conn_fini(&st, &next);
}
END_TEST

/* A domain that ends before it is introduced, and of which only permissions speak, is known: its end must be noticed. */
START_TEST(named_only)
{
    static struct conn next;

    OK(ASK(&dom0, XS_WATCH, "@releaseDomain\0r"));
    OK(ASK(&dom0, XS_MKDIR, "/backend"));
    OK(ASK(&dom0, XS_SET_PERMS, "/backend\0n0\0r7"));
    ck_assert_ptr_nonnull(st.domain[7]);
    ck_assert(st.domain[7]->named);
    domain_recount(&st);
    ck_assert_ptr_nonnull(st.domain[7]);
    domain_release(&st, st.domain[7]);
    ck_assert_ptr_null(st.domain[7]);
    OK(ASK(&dom0, XS_MKDIR, "/x"));
    ck_assert_str_eq(events, "");
    domain_recount(&st);
    ck_assert_ptr_null(st.domain[7]);
    memset(&next, 0, sizeof(next));
    conn_init(&st, &next, CONN_SOCKET, 7);
    ERROR(ASK(&next, XS_READ, "/backend"), "EACCES");
    conn_fini(&st, &next);
}
END_TEST

/* What a transaction grants it grants to whom it named, not to who has the number when it ends. */
START_TEST(granted_before_rebirth)
{
    static struct conn next;
    uint32_t grants, gives;

    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    OK(ASK(&dom0, XS_INTRODUCE, "6\0001\0001"));
    OK(ASK(&dom0, XS_MKDIR, "/secret"));
    OK(ASK(&dom0, XS_MKDIR, "/gift"));
    for (unsigned i = 0; i < 2; i++) { /* with the tree changed meanwhile, and without */
        grants = begin(&dom0);
        gives = begin(&dom0);
        OK(ASK_TX(&dom0, grants, XS_SET_PERMS, "/secret\0n0\0r5\0r6"));
        OK(ASK_TX(&dom0, gives, XS_SET_PERMS, "/gift\0n5"));
        OK(ASK(&dom0, XS_RELEASE, "5"));
        OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
        if (i > 0)
            OK(ASK(&dom0, XS_MKDIR, "/other"));
        ERROR(ASK_TX(&dom0, gives, XS_TRANSACTION_END, "T"), "EAGAIN");
        OK(ASK_TX(&dom0, grants, XS_TRANSACTION_END, "T"));
        ASK(&dom0, XS_GET_PERMS, "/secret");
        ck_assert(reply_len == 6 && !memcmp(reply, "n0\0r6", 6));
        memset(&next, 0, sizeof(next));
        conn_init(&st, &next, CONN_SOCKET, 5);
        ERROR(ASK(&next, XS_READ, "/secret"), "EACCES");
        conn_fini(&st, &next);
    }
    gives = begin(&dom0);
    OK(ASK_TX(&dom0, gives, XS_SET_PERMS, "/gift\0n5"));
    OK(ASK_TX(&dom0, gives, XS_TRANSACTION_END, "T"));
    ck_assert_str_eq(ASK(&dom0, XS_GET_PERMS, "/gift"), "n5");
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

void add_domain_tests(TCase *tc)
{
    tcase_add_test(tc, permissions_of_nobody);
    tcase_add_test(tc, domains);
    tcase_add_test(tc, no_longer_there);
    tcase_add_test(tc, reborn_owner);
    tcase_add_test(tc, reborn_among_orphans);
    tcase_add_test(tc, named_only);
    tcase_add_test(tc, granted_before_rebirth);
}
