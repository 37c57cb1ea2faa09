#include "admin/csv.h"
#include "base/buf.h"
#include "base/must.h"

/* Reads it, writes what was read with every field quoted, and reads that: the same must come again. */
enum { ARENA_MAX = 64 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_record(struct buf *out, const struct csv_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        buf_put(out, i > 0 ? S(",\"") : S("\""));
        for (size_t k = 0; k < record->fields[i].n; k++) {
            if (record->fields[i].p[k] == '"')
                buf_putc(out, '"');
            buf_putc(out, record->fields[i].p[k]);
        }
        buf_putc(out, '"');
    }
    buf_put(out, S("\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_MAX);
    CLEANUP(buf_release) struct buf text = BUF(ARENA_MAX);
    struct csv csv;
    struct csv_record record;
    csv_init(&csv, slice_of(data, size));
    for (enum csv_status status; (status = csv_next(&csv, &arena, &record)) != CSV_END;) {
        must(record.line >= 1 && record.count <= CSV_FIELDS_MAX);
        if (status == CSV_BAD)
            continue;
        buf_clear(&text);
        write_record(&text, &record);
        struct csv again;
        struct csv_record same;
        csv_init(&again, buf_slice(&text));
        must(csv_next(&again, &arena, &same) == CSV_RECORD && same.count == record.count);
        for (size_t i = 0; i < record.count; i++)
            must(slice_eq(same.fields[i], record.fields[i]));
    }
    return 0;
}
