/*
 * Inside the junk classifier: its rows. The contract is junk.h.
 *
 * A feature has one slot of JUNK_SLOTS, which belongs to one feature at a time (its tag). Another takes it
 * over when what was counted there is worth no more than one message learnt in this era or has aged to
 * nothing; else the newcomer is not counted. So the table is bounded without ever being searched for what to
 * drop.
 *
 * account->mutex is held for all of these; the writing ones within a transaction (work.h). The model is kept
 * in memory with the account; whoever's transaction fails after it changed it calls junk_model_lost.
 */
#ifndef POSTHORN_STORE_JUNK_MODEL_H
#define POSTHORN_STORE_JUNK_MODEL_H

#include "junk/verdict.h"
#include "store/account.h"

/* Values are on disk. */
enum junk_class {
    JUNK_CLASS_NONE = 0,
    JUNK_CLASS_JUNK = 1,
    JUNK_CLASS_GOOD = 2,
    JUNK_CLASS_MACHINE = 3, /* came into Junk at delivery; teaches nothing */
    JUNK_CLASS_SENT = 4,    /* tells whom the owner knows */
};

struct junk_object {
    uint64_t id;
    enum junk_class wanted, learnt;
    int64_t era;
};

/* Into account->junk; *ret_there false: nothing was ever looked at. */
enum err junk_model_read(struct account *account, bool *ret_there, struct error *error) MUST_CHECK;
enum err junk_model_make(struct account *account, struct error *error) MUST_CHECK;
enum err junk_model_write(struct account *account, struct error *error) MUST_CHECK;
void junk_model_lost(struct account *account);

static inline struct junk_counts junk_model_learnt(const struct account *account)
{
    return (struct junk_counts){(uint32_t)account->junk.junk, (uint32_t)account->junk.good};
}

enum err junk_count_read(struct account *account, uint64_t hash, struct junk_counts *ret_counts,
                         struct error *error) MUST_CHECK;
/* Adds one message of the class, or takes it back as it was learnt in `era`. */
enum err junk_count_change(struct account *account, uint64_t hash, enum junk_class class, bool add,
                           int64_t era, struct error *error) MUST_CHECK;

/* A zeroed one when there is none. */
enum err junk_object_read(struct account *account, uint64_t id, struct junk_object *ret_object,
                          struct error *error) MUST_CHECK;
/* wanted NONE: its row goes. */
enum err junk_object_write(struct account *account, const struct junk_object *object,
                           struct error *error) MUST_CHECK;

#endif
