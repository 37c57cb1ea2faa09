#include "admin/inquiry.h"

#include "admin/cli_parts.h"

struct answer {
    struct admin_sink sink;
    struct admin_call *call;
    json_t *rows;
    struct error error;
    bool ok;
};

static void take_line(struct admin_sink *sink, json_t *line)
{
    struct answer *answer = container_of(sink, struct answer, sink);
    json_t *row = json_object_get(line, "row");
    const char *message = json_string_value(json_object_get(line, "message"));
    if (row != NULL && json_array_size(answer->rows) < INQUIRY_ROWS_MAX)
        json_array_append(answer->rows, row);
    if (message != NULL && answer->call != NULL)
        call_message(answer->call, "%s", message);
    if (json_object_get(line, "ok") == NULL)
        return;
    answer->ok = json_is_true(json_object_get(line, "ok"));
    if (!answer->ok)
        cli_error_of(line, &answer->error);
}

enum err inquire(const struct admin_context *context, const struct inquiry *inquiry, json_t *request,
                 json_t **ret_rows, struct error *error)
{
    struct answer answer = {.sink = {.line = take_line}, .call = inquiry->call, .rows = json_array()};
    bool running = false;
    enum err e = ERR_OK;
    (void)fail(&answer.error, ERR_UNAVAILABLE, NULL, "no answer");
    if (context->ask == NULL)
        e = fail_plain(error, ERR_UNSUPPORTED, "this works at the command line only");
    else if (request == NULL || answer.rows == NULL)
        e = fail_nomem(error);
    if (e == ERR_OK)
        e = context->ask(context->owner, request, inquiry->running_only, &answer.sink, &running, error);
    json_decref(request);
    if (e == ERR_OK && !answer.ok) {
        *error = answer.error;
        e = error->code;
    }
    if (e == ERR_OK)
        *ret_rows = answer.rows;
    else
        json_decref(answer.rows);
    return e;
}
