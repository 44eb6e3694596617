/* SPDX-License-Identifier: MIT */
/*
 * grant/entry: begin and end the use of one grant entry. The shared entry is the guest's memory and may change
 * between any two reads: each field is read once, the flags checked last by the atomic step that sets our bits, and
 * what was read is kept in the active record while the entry is in use. Lock: the granter's table lock, for each
 * step; never while data is copied or page tables change.
 *
 * Version 1 keeps GTF_reading/GTF_writing in the entry: set by compare-and-swap of flags and domid together. Version
 * 2 keeps them in the status array: set first, then the entry is read again; the granter clears the entry first and
 * then reads the status, so one of the two sees the other.
 */
#include "private.h"

#define MAX_TRIES 8     /* a guest that changes an entry this often while we look at it gets an error */

_Static_assert(sizeof(grant_entry_v1_t) * V1_PER_PAGE == PAGE_SIZE, "entries fill their pages");
_Static_assert(sizeof(grant_entry_v2_t) * V2_PER_PAGE == PAGE_SIZE, "entries fill their pages");
_Static_assert(sizeof(grant_status_t) * STATUS_PER_PAGE == PAGE_SIZE, "entries fill their pages");

grant_entry_v1_t *entry_v1(const struct grant_table *gt, uint32_t ref)
{
    return (grant_entry_v1_t *)gt->frames[ref / V1_PER_PAGE].page + ref % V1_PER_PAGE;
}

grant_entry_v2_t *entry_v2(const struct grant_table *gt, uint32_t ref)
{
    return (grant_entry_v2_t *)gt->frames[ref / V2_PER_PAGE].page + ref % V2_PER_PAGE;
}

grant_status_t *entry_status(const struct grant_table *gt, uint32_t ref)
{
    return gt->status[ref / STATUS_PER_PAGE] + ref % STATUS_PER_PAGE;
}

struct active *entry_active(const struct grant_table *gt, uint32_t ref)
{
    struct active **chunks = gt->frames[ref / V1_PER_PAGE].chunk;
    struct active *c = chunks ? chunks[ref / CHUNK_ENTRIES % CHUNKS_PER_PAGE] : NULL;

    return c ? &c[ref % CHUNK_ENTRIES] : NULL;
}

bool entry_pinned(const struct grant_table *gt, uint32_t ref)
{
    const struct active *act = entry_active(gt, ref);

    return act && (act->readers || act->writers);
}

static struct active *active_make(struct grant_table *gt, uint32_t ref)
{
    struct grant_frame *f = &gt->frames[ref / V1_PER_PAGE];
    struct active **slot;

    if (!f->chunk && !(f->chunk = hv_alloc(CHUNKS_PER_PAGE * sizeof(f->chunk[0]))))
        return NULL;
    slot = &f->chunk[ref / CHUNK_ENTRIES % CHUNKS_PER_PAGE];
    if (!*slot && !(*slot = hv_alloc(CHUNK_ENTRIES * sizeof(**slot))))
        return NULL;
    return *slot + ref % CHUNK_ENTRIES;
}

/* --- the shared entry ---------------------------------------- */
/* Do these flags and this domid allow the use? 1: yes; 2: yes, transitively; 0: no. */
static int allowed(uint16_t flags, domid_t named, domid_t grantee, bool write, bool map, uint32_t version)
{
    if (named != grantee || (write && (flags & GTF_readonly)))
        return 0;
    switch (flags & GTF_type_mask) {
    case GTF_permit_access: return !map || version == 1 || !(flags & GTF_sub_page);
    case GTF_transitive: return version == 2 && !map ? 2 : 0;
    default: return 0;
    }
}

/* Sets GTF_reading (and GTF_writing) if the entry allows the use; *flags: the entry's flags when it did. */
static bool mark_v1(grant_entry_v1_t *e, domid_t grantee, bool write, bool map)
{
    union { uint32_t word; struct { uint16_t flags; domid_t domid; } f; } old, new;

    old.word = __atomic_load_n((uint32_t *)e, __ATOMIC_ACQUIRE);
    for (unsigned int i = 0; i < MAX_TRIES; i++) {
        if (!allowed(old.f.flags, old.f.domid, grantee, write, map, 1))
            return false;
        new = old;
        new.f.flags |= GTF_reading | (write ? GTF_writing : 0);
        if (__atomic_compare_exchange_n((uint32_t *)e, &old.word, new.word, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

/* Reads flags and domid, which stand first in an entry of either version, as one. */
static uint16_t header(const void *e, domid_t *domid)
{
    uint32_t word = __atomic_load_n((const uint32_t *)e, __ATOMIC_ACQUIRE);

    *domid = (domid_t)(word >> 16);
    return (uint16_t)word;
}

/* As mark_v1; *flags are the entry's, as checked. `had`: bits that were set before, for another use, and stay on
 * failure. */
static bool mark_v2(const grant_entry_v2_t *e, grant_status_t *st, domid_t grantee, bool write, bool map, uint16_t had,
                    uint16_t *flags)
{
    uint16_t bits = GTF_reading | (write ? GTF_writing : 0);
    domid_t named;

    *flags = header(e, &named);
    if (!allowed(*flags, named, grantee, write, map, 2))
        return false;
    __atomic_fetch_or(st, bits, __ATOMIC_SEQ_CST);
    *flags = header(e, &named);
    if (allowed(*flags, named, grantee, write, map, 2))
        return true;
    __atomic_fetch_and(st, (uint16_t)~(bits & ~had), __ATOMIC_SEQ_CST);
    return false;
}

static uint16_t bits_of(const struct active *act)
{
    return act->writers ? GTF_reading | GTF_writing : act->readers ? GTF_reading : 0;
}

/* What the first user of an entry learns from it. */
static bool active_fill_v2(struct active *act, const grant_entry_v2_t *e, uint16_t flags)
{
    act->start = 0;
    act->length = PAGE_SIZE;
    act->transitive = (flags & GTF_type_mask) == GTF_transitive;
    act->sub_page = !act->transitive && (flags & GTF_sub_page);
    act->mfn = act->transitive ? INVALID_MFN : READ_ONCE(e->full_page.frame);
    if (!act->sub_page)
        return true;
    act->mfn = READ_ONCE(e->sub_page.frame);
    act->start = READ_ONCE(e->sub_page.page_off);
    act->length = READ_ONCE(e->sub_page.length);
    return act->start + act->length <= PAGE_SIZE;
}

static void active_fill_v1(struct active *act, const grant_entry_v1_t *e)
{
    *act = (struct active){ .mfn = READ_ONCE(e->frame), .length = PAGE_SIZE };
}

static void unmark(struct grant_table *gt, uint32_t ref, uint16_t bits)
{
    uint16_t *word = gt->version == 1 ? &entry_v1(gt, ref)->flags : entry_status(gt, ref);

    if (bits)
        __atomic_fetch_and(word, (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

/* A first look, which decides nothing more: is the entry this domain's at all? Both versions start alike. */
static bool granted(const struct grant_table *gt, uint32_t ref, domid_t grantee)
{
    const void *e = gt->version == 1 ? (const void *)entry_v1(gt, ref) : entry_v2(gt, ref);
    domid_t named;

    return (header(e, &named) & GTF_type_mask) != GTF_invalid && named == grantee;
}

/* Drops a pin and the bits that nobody needs any more. */
static void unpin(struct grant_table *gt, uint32_t ref, struct active *act, bool write)
{
    uint16_t before = bits_of(act);

    if (write)
        act->writers--;
    else
        act->readers--;
    unmark(gt, ref, before & ~bits_of(act));
}

/* Checks and marks the entry, fills the active record for the first user, and pins it. Lock held. GNTST_*. */
static int16_t pin(struct grant_table *gt, uint32_t ref, domid_t grantee, bool write, bool map, struct active **out)
{
    struct active *act;
    uint16_t had, flags = 0;
    bool fresh, ok;

    if (ref >= table_refs(gt))
        return GNTST_bad_gntref;
    ref = (uint32_t)index_clamp(ref, table_refs(gt));
    /* Nobody makes a table's owner pay for records of what was not granted to him. */
    if (!entry_pinned(gt, ref) && !granted(gt, ref, grantee))
        return GNTST_general_error;
    if (!(act = active_make(gt, ref)))
        return GNTST_no_space;
    had = bits_of(act);
    fresh = had == 0;
    if (!fresh && (act->domid != grantee || (map && (act->sub_page || act->transitive))))
        return GNTST_general_error;

    /* The shared entry counts when the use is the first, the first to write, or goes on to another entry. */
    if (fresh || (write && !act->writers) || act->transitive) {
        if (gt->version == 1) {
            if (!mark_v1(entry_v1(gt, ref), grantee, write, map))
                return GNTST_general_error;
            if (fresh)
                active_fill_v1(act, entry_v1(gt, ref));
        } else {
            grant_entry_v2_t *e = entry_v2(gt, ref);
            if (!mark_v2(e, entry_status(gt, ref), grantee, write, map, had, &flags))
                return GNTST_general_error;
            ok = fresh ? active_fill_v2(act, e, flags) : act->transitive == ((flags & GTF_type_mask) == GTF_transitive);
            if (!ok) {
                unmark(gt, ref, (GTF_reading | (write ? GTF_writing : 0)) & ~had);
                return GNTST_general_error;
            }
        }
        act->domid = grantee;
    }
    if (write)
        act->writers++;
    else
        act->readers++;
    *out = act;
    return GNTST_okay;
}

static bool take_frame(mfn_t mfn, struct domain *owner, bool write)
{
    if (!mfn_valid(mfn))
        return false;
    return write ? frame_get_and_type(mfn_to_frame(mfn), owner, TYPE_WRITABLE) : frame_get(mfn_to_frame(mfn), owner);
}

static void drop_frame(mfn_t mfn, bool write)
{
    if (write)
        frame_put_and_type(mfn_to_frame(mfn));
    else
        frame_put(mfn_to_frame(mfn));
}

/* Pins a plain entry and its frame. Lock held. */
static int16_t use_begin(struct domain *granter, uint32_t ref, domid_t grantee, bool write, bool map,
                         struct grant_use *use, struct active **act)
{
    struct grant_table *gt = granter->grant;
    int16_t rc = pin(gt, ref, grantee, write, map, act);

    if (rc != GNTST_okay)
        return rc;
    *use = (struct grant_use){ .granter = granter, .ref = ref, .write = write, .mfn = (*act)->mfn,
                               .start = (*act)->start, .length = (*act)->length };
    if ((*act)->transitive || take_frame(use->mfn, granter, write))
        return GNTST_okay;
    unpin(gt, ref, *act, write);
    return map ? GNTST_general_error : GNTST_bad_page;
}

int16_t entry_use_map(struct domain *granter, uint32_t ref, domid_t grantee, bool write, struct grant_use *use)
{
    struct grant_table *gt = granter->grant;
    struct active *act;
    int16_t rc;

    spin_lock(&gt->lock);
    rc = use_begin(granter, ref, grantee, write, true, use, &act);
    if (rc == GNTST_okay && gt->nr_mapped++ == 0 && !domain_ref(granter)) {
        gt->nr_mapped--;
        unpin(gt, ref, act, write);
        drop_frame(use->mfn, write);
        rc = GNTST_bad_domain;
    }
    spin_unlock(&gt->lock);
    return rc;
}

void entry_end_map(struct domain *granter, uint32_t ref, bool write)
{
    struct grant_table *gt = granter->grant;
    struct active *act;
    mfn_t mfn;
    bool last;

    spin_lock(&gt->lock);
    act = entry_active(gt, ref);
    mfn = act->mfn;
    unpin(gt, ref, act, write);
    last = --gt->nr_mapped == 0;
    spin_unlock(&gt->lock);
    drop_frame(mfn, write);
    if (last)
        domain_put(granter);
}

static void end_copy_one(struct domain *granter, uint32_t ref, bool write)
{
    struct grant_table *gt = granter->grant;

    spin_lock(&gt->lock);
    unpin(gt, ref, entry_active(gt, ref), write);
    spin_unlock(&gt->lock);
}

/* Reads where a transitive entry points. Lock held. */
static void transitive_target(const struct grant_table *gt, uint32_t ref, domid_t *domid, uint32_t *target)
{
    const grant_entry_v2_t *e = entry_v2(gt, ref);

    *domid = READ_ONCE(e->transitive.trans_domid);
    *target = READ_ONCE(e->transitive.gref);
}

/*
 * A transitive entry stands for another domain's entry, which must be granted to this granter; one step only, so
 * that a ring of such entries ends at once. `use` becomes that entry's, with this one as `via`.
 */
static int16_t follow_transitive(struct domain *granter, uint32_t ref, domid_t domid, uint32_t target, bool write,
                                 struct grant_use *use)
{
    struct domain *td = domain_find(domid);
    struct active *act;
    int16_t rc = GNTST_general_error;

    if (td && td->grant) {
        spin_lock(&td->grant->lock);
        rc = use_begin(td, target, granter->id, write, false, use, &act);
        if (rc == GNTST_okay && act->transitive) {
            unpin(td->grant, target, act, write);
            rc = GNTST_general_error;
        }
        spin_unlock(&td->grant->lock);
    }
    if (rc == GNTST_okay) {
        use->via = granter;
        use->via_ref = ref;
    } else {
        end_copy_one(granter, ref, write);
    }
    return rc;
}

int16_t entry_use_copy(struct domain *granter, uint32_t ref, domid_t grantee, bool write, struct grant_use *use)
{
    struct grant_table *gt = granter->grant;
    bool transitive = false;
    struct active *act;
    uint32_t target = 0;
    domid_t domid = 0;
    int16_t rc;

    spin_lock(&gt->lock);
    rc = use_begin(granter, ref, grantee, write, false, use, &act);
    if (rc == GNTST_okay && (transitive = act->transitive))
        transitive_target(gt, ref, &domid, &target);
    spin_unlock(&gt->lock);
    return transitive ? follow_transitive(granter, ref, domid, target, write, use) : rc;
}

void entry_end_copy(const struct grant_use *use)
{
    drop_frame(use->mfn, use->write);
    end_copy_one(use->granter, use->ref, use->write);
    if (use->via)
        end_copy_one(use->via, use->via_ref, use->write);
}
