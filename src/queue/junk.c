#include "queue/junk.h"

#include "base/log.h"
#include "store/junk.h"

bool junk_filing(struct account *account, const struct entry *entry, struct buf *prefix)
{
    CLEANUP(arena_release) struct arena arena = ARENA(JUNK_ARENA_MAX);
    struct junk_opinion opinion;
    struct account_usage usage;
    struct error error;
    if (entry->envelope.ours || entry->envelope.junk)
        return entry->envelope.junk;
    enum err err =
        junk_ask(account, buf_slice(prefix), slice_of(entry->body, entry->size), &arena, &opinion, &error);
    if (err == ERR_OK && opinion.verdict.judged)
        err = account_usage(account, &usage, &error);
    if (err != ERR_OK) {
        LOG(LOG_WARN, entry->envelope.sid, "queue.junk", F_ID("entry", entry->id.v), F_ERR(&error));
        return false;
    }
    if (!opinion.verdict.judged)
        return false;
    /* Who is known is trusted only as himself. */
    opinion.known = opinion.known && !entry_is_forged(entry);
    junk_field_put(prefix, &opinion.verdict, opinion.known);
    return junk_is_junk(&opinion) && usage.limits.junk_filter == JUNK_FILTER_ON;
}
