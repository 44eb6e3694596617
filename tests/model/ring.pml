/* SPDX-License-Identifier: MIT */
/*
 * The notification protocol of a shared ring, both directions, as pv-drivers/front/ring.h does it: each side publishes
 * its index, then reads the other's event index to decide whether to notify; each side, before it sleeps, sets its event
 * index and looks once more. The steps between which a CPU's store buffer could reorder are separate here, and the fences
 * of the code keep them in this order; with -DNO_FENCE the model lets the look come before the store, to show that the
 * fences are needed (the test wants an error then).
 *
 * Checked: nobody sleeps for ever with work to do (no invalid end state), a ring never holds more than its size, every
 * answer is to a request that was made.
 */
#define SIZE  2 /* entries */
#define TOTAL 4 /* requests in all */

byte req_prod, req_event = 1, rsp_prod, rsp_event = 1; /* the shared page */
bool front_event, back_event;                          /* pending on the event channel */

/* Did publishing the indices after OLD up to NEW pass the event index? As the ring's RING_PUSH_*: new - event < new - old,
 * modulo the width of an index, here a byte. */
#define PASSED(new, event, old) (((new - event + 256) % 256) < ((new - old + 256) % 256))

active proctype front()
{
    byte made, taken, pushed, waiting;

    do
    :: taken == TOTAL -> break
    :: made < TOTAL && made - taken < SIZE ->
        made++;
        if /* push now, or fill another first */
        :: true
        :: made < TOTAL && made - taken < SIZE -> made++
        fi;
        assert(made - taken <= SIZE);
        req_prod = made;
        /* fence */
        if
        :: PASSED(made, req_event, pushed) -> back_event = true
        :: else
        fi;
        pushed = made
    :: (made == TOTAL || made - taken == SIZE) && taken < TOTAL ->
        waiting = rsp_prod - taken;
        assert(waiting <= made - taken);
        if
        :: waiting > 0 -> taken = taken + waiting
        :: else ->
#ifdef NO_FENCE
            waiting = rsp_prod - taken;
            rsp_event = taken + 1;
#else
            rsp_event = taken + 1;
            /* fence */
            waiting = rsp_prod - taken;
#endif
            if
            :: waiting == 0 -> front_event -> front_event = false
            :: else
            fi
        fi
    od
}

active proctype back()
{
    byte served, published, waiting;


    do
    :: waiting = req_prod - served;
        if
        :: waiting > 0 ->
            served++;
            if /* answer at once, or after the next one */
            :: true ->
                published = rsp_prod;
                rsp_prod = served;
                /* fence */
                if
                :: PASSED(served, rsp_event, published) -> front_event = true
                :: else
                fi
            :: waiting > 1
            fi
        :: else ->
            assert(rsp_prod == served);
            req_event = served + 1;
            /* fence */
            waiting = req_prod - served;
            if
            :: waiting == 0 ->
end_idle:       back_event -> back_event = false
            :: else
            fi
        fi
    od
}
