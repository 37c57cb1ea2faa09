#include "store/derived.h"

#include "base/clock.h"

enum err derived_make(struct arena *arena, struct slice message, int64_t internal_date_us,
                      struct derived *ret_derived, struct error *error)
{
    struct mime_part *root = NULL;
    struct derived derived;
    enum err code = mime_parse(arena, message, &root, error);
    if (code == ERR_OK)
        code = mime_summarize(arena, root, &derived.summary, error);
    if (code != ERR_OK)
        return code;
    const struct mime_summary *summary = &derived.summary;
    derived.sent_us = summary->has_sent ? summary->sent.seconds * CLOCK_SECOND : internal_date_us;
    derived.texts[DERIVED_ENVELOPE] = summary->envelope;
    derived.texts[DERIVED_STRUCTURE] = summary->bodystructure;
    derived.texts[DERIVED_PREVIEW] = summary->preview;
    derived.texts[DERIVED_SUBJECT] = summary->subject;
    derived.texts[DERIVED_BASE_SUBJECT] = summary->base_subject;
    derived.texts[DERIVED_SORT_FROM] = summary->from.local;
    derived.texts[DERIVED_SORT_TO] = summary->to.local;
    derived.texts[DERIVED_SORT_CC] = summary->cc.local;
    derived.texts[DERIVED_MESSAGE_ID] = summary->message_id;
    *ret_derived = derived;
    return ERR_OK;
}

void derived_bind(sqlite3_stmt *statement, struct object_id object, const struct derived *derived)
{
    sqlite3_bind_int64(statement, 1, (int64_t)object.v);
    for (int i = 0; i < DERIVED_TEXTS; i++) {
        struct slice text = derived->texts[i];
        sqlite3_bind_blob64(statement, i + 2, text.n > 0 ? text.p : "", text.n, SQLITE_STATIC);
    }
}
