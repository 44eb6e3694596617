/* SPDX-License-Identifier: MIT */
/* grant/entry: begin and end the use of one grant entry. The shared entry is the guest's memory and may change
 * between any two reads: each field is read once, the flags checked last by the atomic step that sets our bits, and
 * what was read is kept in the active record while the entry is in use. Lock: the granter's table lock, for each
 * step. Version 1 keeps GTF_reading/GTF_writing in the entry: set by compare-and-swap of flags and domid together.
 * Version 2 keeps them in the status array: set first, then the entry is read again; the granter clears the entry
 * first and then reads the status, so one of the two sees the other. */
#include "private.h"

#define MAX_TRIES 8     /* a guest that changes an entry this often while we look at it gets an error */

_Static_assert(sizeof(grant_entry_v1_t) * V1_PER_PAGE == PAGE_SIZE, "entries fill their pages");
_Static_assert(sizeof(grant_entry_v2_t) * V2_PER_PAGE == PAGE_SIZE, "entries fill their pages");
_Static_assert(sizeof(grant_status_t) * STATUS_PER_PAGE == PAGE_SIZE, "entries fill their pages");

union header { uint32_t word; grant_entry_header_t f; };    /* stands first in an entry of either version */

void *entry_at(const struct grant_table *gt, uint32_t ref)
{
    if (gt->version == 1)
        return (grant_entry_v1_t *)gt->frames[ref / V1_PER_PAGE].page + ref % V1_PER_PAGE;
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

static uint16_t pins_of(const struct active *act)
{
    return !act ? 0 : act->writers ? GTF_reading | GTF_writing : act->readers ? GTF_reading : 0;
}

uint16_t entry_pins(const struct grant_table *gt, uint32_t ref) { return pins_of(entry_active(gt, ref)); }

static union header header(const void *entry)
{
    return (union header){ .word = __atomic_load_n((const uint32_t *)entry, __ATOMIC_ACQUIRE) };
}

static bool is_transitive(union header h) { return (h.f.flags & GTF_type_mask) == GTF_transitive; }

static bool allowed(union header h, const struct grant_use *use, uint32_t version)
{
    if (h.f.domid != use->grantee || (use->write && (h.f.flags & GTF_readonly)))
        return false;
    switch (h.f.flags & GTF_type_mask) {
    case GTF_permit_access: return !use->map || version == 1 || !(h.f.flags & GTF_sub_page);
    case GTF_transitive: return version == 2 && !use->map;
    default: return false;
    }
}

/* Sets GTF_reading (and GTF_writing) if the entry allows the use; *h: what it said then. */
static bool mark_v1(grant_entry_v1_t *e, const struct grant_use *use, union header *h)
{
    *h = header(e);
    for (unsigned int i = 0; i < MAX_TRIES && allowed(*h, use, 1); i++) {
        union header new = *h;
        new.f.flags |= GTF_reading | (use->write ? GTF_writing : 0);
        if (__atomic_compare_exchange_n((uint32_t *)e, &h->word, new.word, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

/* As mark_v1. had: bits that were set before, for another use, and stay on failure. */
static bool mark_v2(const grant_entry_v2_t *e, grant_status_t *st, const struct grant_use *use, uint16_t had,
                    union header *h)
{
    uint16_t bits = GTF_reading | (use->write ? GTF_writing : 0);
    *h = header(e);
    if (!allowed(*h, use, 2))
        return false;
    __atomic_fetch_or(st, bits, __ATOMIC_SEQ_CST);
    *h = header(e);
    if (allowed(*h, use, 2))
        return true;
    __atomic_fetch_and(st, (uint16_t)~(bits & ~had), __ATOMIC_SEQ_CST);
    return false;
}

static void unmark(struct grant_table *gt, uint32_t ref, uint16_t bits)
{
    uint16_t *word = gt->version == 1 ? &((grant_entry_v1_t *)entry_at(gt, ref))->flags : entry_status(gt, ref);
    if (bits)
        __atomic_fetch_and(word, (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

/* What the first user of an entry learns from it. */
static bool active_fill(struct active *act, const void *entry, uint32_t version, union header h)
{
    const grant_entry_v1_t *e1 = entry;
    const grant_entry_v2_t *e2 = entry;
    act->start = 0;
    act->length = PAGE_SIZE;
    act->transitive = is_transitive(h);
    act->sub_page = version == 2 && !act->transitive && (h.f.flags & GTF_sub_page);
    act->mfn = version == 1 ? READ_ONCE(e1->frame) : READ_ONCE(e2->full_page.frame);
    if (!act->sub_page)
        return true;
    act->mfn = READ_ONCE(e2->sub_page.frame);
    act->start = READ_ONCE(e2->sub_page.page_off);
    act->length = READ_ONCE(e2->sub_page.length);
    return act->start + act->length <= PAGE_SIZE;
}

/* The shared entry counts when the use is the first, the first to write, or goes on to another entry. */
static bool check_entry(struct grant_table *gt, uint32_t ref, const struct grant_use *use, struct active *act)
{
    void *e = entry_at(gt, ref);
    uint16_t had = pins_of(act);
    union header h;
    if (had && !act->transitive && (!use->write || act->writers))
        return true;
    if (!(gt->version == 1 ? mark_v1(e, use, &h) : mark_v2(e, entry_status(gt, ref), use, had, &h)))
        return false;
    if (had ? act->transitive == is_transitive(h) : active_fill(act, e, gt->version, h))
        return true;
    unmark(gt, ref, (GTF_reading | (use->write ? GTF_writing : 0)) & ~had);
    return false;
}

/* Checks and marks the entry, fills the active record for the first user, and pins it. Lock held. GNTST_*. */
static int16_t pin(struct grant_table *gt, struct grant_use *use)
{
    struct active *act;
    union header h;
    uint32_t ref = use->ref;
    bool pinned;
    if (ref >= table_refs(gt))
        return GNTST_bad_gntref;
    ref = (uint32_t)index_clamp(ref, table_refs(gt));
    h = header(entry_at(gt, ref));
    act = entry_active(gt, ref);
    pinned = pins_of(act) != 0;
    /* Nobody makes a table's owner pay for records of what was not granted to him. */
    if (!pinned && ((h.f.flags & GTF_type_mask) == GTF_invalid || h.f.domid != use->grantee))
        return GNTST_general_error;
    if (!act && !(act = active_make(gt, ref)))
        return GNTST_no_space;
    if (pinned && (act->domid != use->grantee || (use->map && (act->sub_page || act->transitive))))
        return GNTST_general_error;
    if (!check_entry(gt, ref, use, act))
        return GNTST_general_error;
    act->domid = use->grantee;
    act->writers += use->write;
    act->readers += !use->write;
    use->mfn = act->mfn;
    use->start = act->start;
    use->length = act->length;
    use->transitive = act->transitive;
    return GNTST_okay;
}

/* Drops a pin and the bits that nobody needs any more. */
static void unpin(struct grant_table *gt, uint32_t ref, bool write)
{
    struct active *act = entry_active(gt, ref);
    uint16_t before = pins_of(act);
    if (act->readers + act->writers == 1) {     /* nearly always */
        act->readers = act->writers = 0;
        unmark(gt, ref, before);
        return;
    }
    act->writers -= write;
    act->readers -= !write;
    unmark(gt, ref, before & ~pins_of(act));
}

bool take_frame(mfn_t mfn, struct domain *owner, bool write)
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

/* use_begin() for nearly every copy of a back end: a page granted by a version 1 entry that has no other user. False:
 * nothing has changed, and what to say of the entry is for use_begin() to find out. Lock held. */
static bool begin_plain(struct grant_table *gt, struct grant_use *use)
{
    uint32_t ref = (uint32_t)index_clamp(use->ref, table_refs(gt));
    struct active *act;
    grant_entry_v1_t *e;
    union header h;
    if (gt->version != 1 || use->ref >= table_refs(gt) || !(act = entry_active(gt, ref)) || act->readers || act->writers)
        return false;
    e = (grant_entry_v1_t *)gt->frames[ref / V1_PER_PAGE].page + ref % V1_PER_PAGE;
    if (!mark_v1(e, use, &h))
        return false;
    use->mfn = READ_ONCE(e->frame);
    if (!take_frame(use->mfn, use->granter, use->write)) {
        unmark(gt, ref, GTF_reading | GTF_writing);
        return false;
    }
    use->start = 0;
    use->length = PAGE_SIZE;
    *act = (struct active){ .readers = !use->write, .writers = use->write, .mfn = use->mfn, .domid = use->grantee,
                            .length = PAGE_SIZE };
    return true;
}

/* Pins an entry and, unless it is transitive, its frame. Lock held. */
static int16_t use_begin(struct grant_use *use)
{
    int16_t rc = pin(use->granter->grant, use);
    if (rc != GNTST_okay || use->transitive || take_frame(use->mfn, use->granter, use->write))
        return rc;
    unpin(use->granter->grant, use->ref, use->write);
    return use->map ? GNTST_general_error : GNTST_bad_page;
}

int16_t use_map(struct grant_use *use)
{
    struct grant_table *gt = use->granter->grant;
    int16_t rc;
    spin_lock(&gt->lock);
    rc = use_begin(use);
    if (rc == GNTST_okay && gt->nr_mapped++ == 0 && !domain_ref(use->granter)) {
        gt->nr_mapped--;
        unpin(gt, use->ref, use->write);
        drop_frame(use->mfn, use->write);
        rc = GNTST_bad_domain;
    }
    spin_unlock(&gt->lock);
    return rc;
}

void use_map_end(struct domain *granter, uint32_t ref, bool write)
{
    struct grant_table *gt = granter->grant;
    mfn_t mfn;
    bool last;
    spin_lock(&gt->lock);
    mfn = entry_active(gt, ref)->mfn;
    unpin(gt, ref, write);
    last = --gt->nr_mapped == 0;
    spin_unlock(&gt->lock);
    drop_frame(mfn, write);
    if (last)
        domain_put(granter);
}

static void unpin_unlocked(struct domain *granter, uint32_t ref, bool write)
{
    spin_lock(&granter->grant->lock);
    unpin(granter->grant, ref, write);
    spin_unlock(&granter->grant->lock);
}

/* A transitive entry stands for another domain's entry, which must be granted to this granter; one step only, so that
 * a ring of such entries ends at once. `use` becomes that entry's, with this one as `via`. */
static int16_t follow_transitive(struct grant_use *use, domid_t domid, uint32_t ref)
{
    struct grant_use to = { .granter = domain_find(domid), .ref = ref, .grantee = use->granter->id,
                            .write = use->write, .via = use->granter, .via_ref = use->ref };
    int16_t rc = GNTST_general_error;
    if (to.granter && to.granter->grant) {
        spin_lock(&to.granter->grant->lock);
        rc = use_begin(&to);
        if (rc == GNTST_okay && to.transitive) {
            unpin(to.granter->grant, ref, to.write);
            rc = GNTST_general_error;
        }
        spin_unlock(&to.granter->grant->lock);
    }
    if (rc == GNTST_okay)
        *use = to;
    else
        unpin_unlocked(use->granter, use->ref, use->write);
    return rc;
}

static int16_t copy_of_any_entry(struct grant_use *use)
{
    struct grant_table *gt = use->granter->grant;
    uint32_t target = 0;
    domid_t domid = 0;
    int16_t rc;
    spin_lock(&gt->lock);
    rc = use_begin(use);
    if (rc == GNTST_okay && use->transitive) {
        const grant_entry_v2_t *e = entry_at(gt, use->ref);
        domid = READ_ONCE(e->transitive.trans_domid);
        target = READ_ONCE(e->transitive.gref);
    }
    spin_unlock(&gt->lock);
    return rc == GNTST_okay && use->transitive ? follow_transitive(use, domid, target) : rc;
}

int16_t use_copy(struct grant_use *use)
{
    struct grant_table *gt = use->granter->grant;
    bool begun;
    spin_lock(&gt->lock);
    begun = begin_plain(gt, use);
    spin_unlock(&gt->lock);
    return likely(begun) ? GNTST_okay : copy_of_any_entry(use);
}

void use_copy_end(const struct grant_use *use)
{
    drop_frame(use->mfn, use->write);
    if (use->granter)
        unpin_unlocked(use->granter, use->ref, use->write);
    if (use->via)
        unpin_unlocked(use->via, use->via_ref, use->write);
}
