/* SPDX-License-Identifier: MIT */
/* The table of keys as documentation: rows in Markdown for docs/config.md, items in POD for xl.cfg(5). */
#include <stdio.h>
#include <string.h>

#include "config/keys.h"

static const char *type_name(const struct vl_key *k)
{
    switch (k->type) {
    case VL_KEY_STRING: return "string";
    case VL_KEY_PATH: return "path";
    case VL_KEY_INT:
    case VL_KEY_UINT: return "number";
    case VL_KEY_MIB: return "MiB";
    case VL_KEY_BOOL: return "boolean";
    case VL_KEY_WORD: return "word";
    default: return "";
    }
}

/* "1 to 128", or the words that a key takes. */
static void range(const struct vl_key *k, char text[256])
{
    size_t used = 0;

    *text = 0;
    if ((k->type == VL_KEY_INT || k->type == VL_KEY_UINT) && k->max < 1ll << 31 && k->min > -(1ll << 31))
        snprintf(text, 256, "%lld to %lld", k->min, k->max);
    for (int i = 0; k->type == VL_KEY_WORD && k->words[i] && used < 256; i++)
        used += (size_t)snprintf(text + used, 256 - used, "%s%s", i ? ", " : "", k->words[i]);
}

/* A line of documentation: `x` stays in Markdown and becomes C<x> in POD; a bar would end a table's cell. */
static void print_text(const char *s, bool pod)
{
    bool open = false;

    for (; *s; s++) {
        if (*s == '`' && pod) {
            fputs(open ? " >>" : "C<< ", stdout);
            open = !open;
        } else if (*s == '|' && !pod) {
            fputs("\\|", stdout);
        } else {
            putchar(*s);
        }
    }
}

static void print_key(const struct vl_key *k, bool pod)
{
    char allowed[256];

    range(k, allowed);
    if (pod) {
        printf("=item B<%s>%s%s%s%s\n\n", k->name, *type_name(k) ? " I<" : "", type_name(k), *type_name(k) ? ">" : "",
               "");
        print_text(k->doc, true);
        if (*allowed && k->type != VL_KEY_WORD)
            printf(" From %s.", allowed);
        printf("\n\n");
        return;
    }
    printf("| `%s` | %s%s%s | ", k->name, type_name(k), *allowed ? ": " : "", allowed);
    print_text(k->doc, false);
    printf(" |\n");
}

static void print_group(enum vl_key_group group, const char *title, bool pod)
{
    printf(pod ? "=head2 %s\n\n=over 4\n\n" : "### %s\n\n| key | value | meaning |\n| --- | --- | --- |\n", title);
    for (size_t i = 0; i < vl_key_count; i++)
        if (vl_keys[i].group == group)
            print_key(&vl_keys[i], pod);
    printf(pod ? "=back\n\n" : "\n");
}

void vl_config_document(bool pod)
{
    const char *between = "";

    print_group(VL_KEYS_PV, "Keys of PV guests", pod);
    print_group(VL_KEYS_OLD, "Old spellings", pod);
    print_group(VL_KEYS_DEFAULT_ONLY, "Known, but not supported", pod);
    printf(pod ? "=head2 Keys of other guests\n\nAccepted with a note, and without effect on a PV guest: "
               : "### Keys of other guests\n\nAccepted with a note, and without effect on a PV guest:\n");
    for (size_t i = 0; i < vl_key_count; i++)
        if (vl_keys[i].group == VL_KEYS_HVM) {
            printf(pod ? "%s%s" : "%s`%s`", between, vl_keys[i].name);
            between = ", ";
        }
    printf(".\n");
}
