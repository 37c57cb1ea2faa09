/* Names for tests of this room: a table instead of the DNS. */
#ifndef POSTHORN_AUTHRES_ZONE_TESTING_H
#define POSTHORN_AUTHRES_ZONE_TESTING_H

#include <arpa/inet.h>

#include "authres/dns.h"
#include "base/buf.h"
#include "base/test.h"

struct zone_row {
    const char *name;
    int type;
    const char *value; /* an address, a name, "10 a.example", a text; NULL: nobody answers */
};

struct zone {
    const struct zone_row *rows;
    size_t count;
    unsigned asked;
};

#define ZONE_OF(table) ((struct zone){(table), ARRAY_LEN(table), 0})

static inline void zone_put_name(struct slice name, struct buf *out)
{
    struct slice label;
    while (name.n > 0) {
        slice_cut(name, '.', &label, &name);
        buf_putc(out, (char)label.n);
        buf_put(out, label);
    }
    buf_putc(out, 0);
}

static inline void zone_put(const struct zone_row *row, struct buf *out)
{
    struct slice value = slice_cstr(row->value);
    struct slice preference;
    unsigned char address[16];
    switch (row->type) {
    case RESOLVER_A:
    case RESOLVER_AAAA:
        assert_int_equal(inet_pton(row->type == RESOLVER_A ? AF_INET : AF_INET6, row->value, address), 1);
        buf_put(out, slice_of(address, row->type == RESOLVER_A ? 4 : 16));
        break;
    case RESOLVER_MX:
        slice_cut(value, ' ', &preference, &value);
        buf_put(out, slice_of("\0\12", 2));
        zone_put_name(value, out);
        break;
    case RESOLVER_PTR:
        zone_put_name(value, out);
        break;
    default:
        for (; value.n > 0; value = slice_from(value, 255)) {
            struct slice part = slice_sub(value, 0, 255);
            buf_putc(out, (char)part.n);
            buf_put(out, part);
        }
    }
}

static inline enum err zone_records(void *context, struct slice name, int type, int64_t deadline_us,
                                    struct arena *arena, struct resolver_records *ret_records,
                                    struct error *error)
{
    struct zone *zone = context;
    struct resolver_records records = {.canonical = name, .no_name = true};
    (void)deadline_us;
    zone->asked++;
    records.data = arena_array(arena, RESOLVER_RECORDS_MAX, sizeof(*records.data));
    assert_non_null(records.data);
    for (size_t i = 0; i < zone->count; i++) {
        const struct zone_row *row = &zone->rows[i];
        if (!slice_eq_nocase(name, slice_cstr(row->name)))
            continue;
        records.no_name = false;
        if (row->type != type)
            continue;
        if (row->value == NULL)
            return fail(error, ERR_TIMEOUT, NULL, "as the test wants");
        CLEANUP(buf_release) struct buf data = BUF(65535);
        zone_put(row, &data);
        records.data[records.count++] = arena_dup(arena, buf_slice(&data));
    }
    *ret_records = records;
    return ERR_OK;
}

#endif
