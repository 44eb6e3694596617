/* SPDX-License-Identifier: MIT */
/* Two domains that are to be given one name at the same time. The store is a model in memory that both commands share. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/run-lock.h"
#include "messages.h"

#define vl_store fake_store
#define vl_domains fake_domains
#define vl_domains_free fake_free
#define vl_domain_info fake_info
#define vl_store_read fake_read
#define vl_store_expect fake_expect
#define vl_store_write fake_write
#define vl_store_apply fake_apply
#define vl_userdata_load fake_load
#include "life/preserve.c"
#include "../run-suite.h"

#define DOMAINS 2

static char (*names)[32];       /* in memory that processes share */
static char queued[32], folder[32];
static uint32_t renamed;

struct vl_store *fake_store(struct vl *vl)
{
    return (struct vl_store *)vl;
}

/* A look at all domains takes its time. */
int fake_domains(struct vl *vl, struct vl_domain_list *list, bool with_names)
{
    (void)vl;
    (void)with_names;
    *list = (struct vl_domain_list){ .count = DOMAINS };
    list->all = vl_alloc(&list->arena, DOMAINS * sizeof(*list->all));
    for (uint32_t i = 0; i < DOMAINS; i++)
        list->all[i] = (struct vl_domain){ .info = { .domain = (domid_t)i }, .name = vl_strdup(&list->arena, names[i]) };
    usleep(100000);
    return 0;
}

void fake_free(struct vl_domain_list *list)
{
    vl_arena_free(&list->arena);
}

int fake_info(struct vl *vl, uint32_t domid, xc_domaininfo_t *info)
{
    (void)vl;
    *info = (xc_domaininfo_t){ .domain = (domid_t)domid };
    return 0;
}

char *fake_read(struct vl_store *s, struct vl_arena *arena, const char *fmt, ...)
{
    (void)s;
    (void)arena;
    (void)fmt;
    return NULL;
}

void fake_expect(struct vl_store *s, const char *fmt, ...)
{
    (void)s;
    (void)fmt;
}

void fake_write(struct vl_store *s, const char *value, const char *fmt, ...)
{
    (void)s;
    (void)fmt;
    snprintf(queued, sizeof(queued), "%s", value);
}

int fake_apply(struct vl_store *s)
{
    (void)s;
    strcpy(names[renamed], queued);
    return 0;
}

struct vl_config *fake_load(uint32_t domid, const uint8_t uuid[16])
{
    (void)domid;
    (void)uuid;
    return NULL;
}

static int rename_to(uint32_t domid, const char *name)
{
    struct vl vl = { 0 };

    renamed = domid;
    return vl_domain_rename(&vl, domid, name);
}

START_TEST(two_at_once)
{
    int status, rc;
    pid_t pid = fork();

    if (!pid)
        _exit(rename_to(0, "same") ? 1 : 0);
    rc = rename_to(1, "same");
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(!rc != !status, "one of both: %d %d", rc, status);
    ck_assert_str_ne(names[0], names[1]);
    ck_assert_int_eq(rename_to(0, "other"), 0);
    ck_assert_int_eq(rename_to(1, "other"), -EEXIST);
    ck_assert_int_eq(rename_to(1, "third"), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: names");
    TCase *t = tcase_create("rename");
    char command[64];
    int failed;

    names = mmap(NULL, sizeof(*names) * DOMAINS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strcpy(folder, "/tmp/rename-XXXXXX");
    if (names == MAP_FAILED || !mkdtemp(folder))
        return 1;
    strcpy(names[0], "a");
    strcpy(names[1], "b");
    vl_run_lock_folder(folder);
    tcase_add_test(t, two_at_once);
    suite_add_tcase(s, t);
    failed = run_suite(s);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command) || failed;
}
