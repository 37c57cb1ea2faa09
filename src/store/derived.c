#include "store/derived.h"

#include <sodium.h>

#include "base/clock.h"
#include "mime/header.h"

int64_t derived_id_hash(struct slice message_id)
{
    unsigned char bytes[crypto_generichash_BYTES_MIN];
    uint64_t hash;
    crypto_generichash(bytes, sizeof(bytes), (const unsigned char *)message_id.p, message_id.n, NULL, 0);
    memcpy(&hash, bytes, sizeof(hash));
    hash &= INT64_MAX;
    return hash != 0 ? (int64_t)hash : 1;
}

static void put_key(char *to, uint64_t hash)
{
    for (int i = 0; i < 8; i++)
        to[i] = (char)(hash >> (8 * i));
}

struct slice derived_thread_keys(struct arena *arena, const struct mime_summary *summary)
{
    const struct slice *ids = summary->references;
    size_t count = summary->references_count;
    if (count == 0) {
        ids = summary->in_reply_to;
        count = MIN(summary->in_reply_to_count, 1);
    }
    size_t n = 1 + (1 + count) * 8;
    char *keys = arena_alloc(arena, n);
    if (keys == NULL)
        return slice_none();
    keys[0] = summary->is_reply_or_forward ? 1 : 0;
    put_key(keys + 1, summary->message_id.n > 0 ? (uint64_t)derived_id_hash(summary->message_id) : 0);
    for (size_t i = 0; i < count; i++)
        put_key(keys + 1 + (1 + i) * 8, (uint64_t)derived_id_hash(ids[i]));
    return slice_of(keys, n);
}

static enum err from_parts(struct arena *arena, const struct mime_part *root, int64_t internal_date_us,
                           struct derived *ret_derived, struct error *error)
{
    struct derived derived = {.header_n = root->header.n};
    enum err code = mime_summarize(arena, root, &derived.summary, error);
    if (code != ERR_OK)
        return code;
    const struct mime_summary *summary = &derived.summary;
    derived.sent_us = summary->has_sent ? summary->sent.seconds * CLOCK_SECOND : internal_date_us;
    derived.texts[DERIVED_ENVELOPE] = summary->envelope;
    derived.texts[DERIVED_STRUCTURE] = summary->bodystructure;
    derived.texts[DERIVED_PREVIEW] = summary->preview;
    derived.texts[DERIVED_SUBJECT] = summary->subject;
    derived.texts[DERIVED_BASE_SUBJECT] = summary->base_subject;
    derived.texts[DERIVED_SORT_FROM] = summary->from.local_key;
    derived.texts[DERIVED_SORT_TO] = summary->to.local_key;
    derived.texts[DERIVED_SORT_CC] = summary->cc.local_key;
    derived.texts[DERIVED_MESSAGE_ID] = summary->message_id;
    derived.texts[DERIVED_DISPLAY_FROM] = summary->from.display_key;
    derived.texts[DERIVED_DISPLAY_TO] = summary->to.display_key;
    derived.texts[DERIVED_THREAD_KEYS] = derived_thread_keys(arena, summary);
    if (derived.texts[DERIVED_THREAD_KEYS].p == NULL)
        return fail_nomem(error);
    *ret_derived = derived;
    return ERR_OK;
}

enum err derived_make(struct arena *arena, struct slice message, int64_t internal_date_us,
                      struct derived *ret_derived, struct error *error)
{
    struct mime_part *root = NULL;
    enum err code = mime_parse(arena, message, &root, error);
    return code == ERR_OK ? from_parts(arena, root, internal_date_us, ret_derived, error) : code;
}

static struct slice join(struct arena *arena, struct slice first, struct slice second)
{
    char *joined = arena_alloc(arena, first.n + second.n + 1);
    if (joined == NULL)
        return slice_none();
    memcpy(joined, first.p, first.n);
    memcpy(joined + first.n, second.p, second.n);
    return slice_of(joined, first.n + second.n);
}

/* Whether the body begins with a field: then its header is parsed alike with other fields before it. */
static bool starts_with_field(struct slice body)
{
    struct slice line, rest;
    slice_cut(body, '\n', &line, &rest);
    return mime_line_kind(slice_trim(line)) == MIME_LINE_FIELD && !ascii_is_space(line.p[0]);
}

/*
 * A large body is parsed by itself, and its header then replaced by the joined one. Parts' offsets are not
 * stored, so nothing else tells the difference.
 */
enum err derived_make_joined(struct arena *arena, struct slice prefix, struct slice body,
                             int64_t internal_date_us, struct derived *ret_derived, struct error *error)
{
    if (prefix.n == 0)
        return derived_make(arena, body, internal_date_us, ret_derived, error);
    if (prefix.n + body.n <= DERIVED_JOIN_MAX || !starts_with_field(body)) {
        struct slice joined = join(arena, prefix, body);
        if (joined.p == NULL)
            return fail_nomem(error);
        return derived_make(arena, joined, internal_date_us, ret_derived, error);
    }
    struct mime_part *root = NULL;
    enum err code = mime_parse(arena, body, &root, error);
    if (code != ERR_OK)
        return code;
    root->header = join(arena, prefix, root->header);
    if (root->header.p == NULL)
        return fail_nomem(error);
    return from_parts(arena, root, internal_date_us, ret_derived, error);
}

void derived_bind(sqlite3_stmt *statement, struct object_id object, const struct derived *derived)
{
    sqlite3_bind_int64(statement, 1, (int64_t)object.v);
    for (int i = 0; i < DERIVED_TEXTS; i++) {
        struct slice text = derived->texts[i];
        sqlite3_bind_blob64(statement, i + 2, text.n > 0 ? text.p : "", text.n, SQLITE_STATIC);
    }
}
