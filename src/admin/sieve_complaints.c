#include "admin/sieve_complaints.h"

const struct admin_column sieve_complaint_columns[] = {
    {"line", "LINE", COLUMN_NUMBER},
    {"column", "COLUMN", COLUMN_NUMBER},
    {"level", "LEVEL", COLUMN_TEXT},
    {"what", "WHAT", COLUMN_TEXT},
    {0},
};

enum err sieve_complaints_tell(struct admin_call *call, const struct sieve_complaints *complaints,
                               struct error *error)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < complaints->count && e == ERR_OK; i++) {
        const struct sieve_complaint *item = &complaints->items[i];
        call->unclean = call->unclean || !item->warning;
        e = call_row(call,
                     json_pack("{s:I,s:I,s:s,s:o}", "line", (json_int_t)item->line, "column",
                               (json_int_t)item->column, "level", item->warning ? "warning" : "error", "what",
                               json_text(slice_cstr(item->text))),
                     error);
    }
    return e;
}

void sieve_line_show(const json_t *row)
{
    json_int_t line = json_integer_value(json_object_get(row, "line"));
    if (line > 0)
        printf("line %-4lld ", (long long)line);
    else
        printf("          ");
}

void sieve_complaint_show(const json_t *row)
{
    sieve_line_show(row);
    if (json_object_get(row, "column") != NULL)
        printf("column %-4lld ", (long long)json_integer_value(json_object_get(row, "column")));
    printf("%s: %s\n", json_string_value(json_object_get(row, "level")),
           json_string_value(json_object_get(row, "what")));
}
