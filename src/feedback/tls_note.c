#include "feedback/tls_note.h"

#include "base/wire.h"

const char *tls_result_name(enum tls_result result)
{
    static const char *const names[] = {
#define X(name, text) text,
        TLS_RESULT_TABLE(X)
#undef X
    };
    return names[result];
}

const char *tls_policy_name(enum tls_policy policy)
{
    static const char *const names[] = {
#define X(name, text) text,
        TLS_POLICY_TABLE(X)
#undef X
    };
    return names[policy];
}

void tls_note_put(struct buf *out, const struct tls_note *note)
{
    wire_put_u8(out, (uint8_t)note->policy);
    wire_put_slice(out, slice_sub(note->lines, 0, TLS_NOTE_POLICY_MAX));
    wire_put_slice(out, slice_sub(note->hosts, 0, TLS_NOTE_POLICY_MAX / 2));
    wire_put_u8(out, (uint8_t)note->result);
    wire_put_slice(out, note->local);
    wire_put_slice(out, note->host);
    wire_put_slice(out, note->address);
}

bool tls_note_get(struct slice bytes, struct tls_note *ret_note)
{
    struct wire_reader r = wire_reader_of(bytes);
    struct tls_note note = {.policy = (enum tls_policy)wire_get_u8(&r)};
    note.lines = wire_get_slice(&r);
    note.hosts = wire_get_slice(&r);
    note.result = (enum tls_result)wire_get_u8(&r);
    note.local = wire_get_slice(&r);
    note.host = wire_get_slice(&r);
    note.address = wire_get_slice(&r);
    if (!wire_end(&r) || (unsigned)note.policy >= TLS_POLICIES || (unsigned)note.result >= TLS_RESULTS)
        return false;
    *ret_note = note;
    return true;
}

/* --- the record --- */

static bool is_uri(struct slice uri)
{
    for (size_t i = 0; i < uri.n; i++)
        if (uri.p[i] <= ' ' || uri.p[i] >= 0x7f || uri.p[i] == '<' || uri.p[i] == '>' || uri.p[i] == '"')
            return false;
    return uri.n <= TLS_NOTE_ADDRESS_MAX;
}

/* What a report can be sent to: an address without further fields, or a page. */
static bool is_served(struct slice uri)
{
    if (!is_uri(uri))
        return false;
    if (slice_starts_nocase(uri, S("https://")))
        return uri.n > S("https://").n;
    return slice_starts_nocase(uri, S("mailto:")) && slice_find_char(uri, '@') > (ssize_t)S("mailto:").n &&
           slice_find_char(uri, '?') < 0 && slice_find_char(uri, '%') < 0;
}

static void put_addresses(struct slice list, struct buf *out)
{
    bool more = true;
    for (unsigned count = 0; more && count < TLS_NOTE_ADDRESSES_MAX;) {
        struct slice uri = list;
        struct slice rest = slice_none();
        more = slice_cut(list, ',', &uri, &rest);
        list = rest;
        uri = slice_trim(uri);
        if (!is_served(uri))
            continue;
        if (out->n > 0)
            buf_putc(out, ',');
        buf_put(out, uri);
        count++;
    }
}

/* RFC 8460 3: "v=TLSRPTv1" first and exactly so; then fields, of which only rua has a meaning. */
static bool take_version(struct slice *text)
{
    struct slice first = *text;
    struct slice rest = slice_none();
    if (!slice_cut(*text, ';', &first, &rest) || !slice_eq(slice_trim(first), S("v=TLSRPTv1")))
        return false;
    *text = rest;
    return true;
}

bool tls_note_addresses(const struct slice *records, size_t count, struct buf *out)
{
    struct slice text = slice_none();
    unsigned found = 0;
    size_t before = out->n;
    for (size_t i = 0; i < count; i++) {
        struct slice record = records[i];
        if (!take_version(&record))
            continue;
        text = record;
        found++;
    }
    if (found != 1)
        return false;
    for (bool more = true; more;) {
        struct slice field = text;
        struct slice rest = slice_none();
        struct slice name, value;
        more = slice_cut(text, ';', &field, &rest);
        text = rest;
        if (!slice_cut(field, '=', &name, &value) || !slice_eq(slice_trim(name), S("rua")))
            continue;
        put_addresses(value, out);
        break;
    }
    return out->n > before && !buf_failed(out);
}
