#include <unistd.h>
#include <utf8proc.h>

#include "admin/cli_parts.h"
#include "admin/size.h"
#include "base/must.h"
#include "base/utf8.h"

enum { CELL_MAX = 16 * 1024 * 1024, BAR_WIDTH = 40, GAP = 2, ERROR_LINE_MAX = 1000 };

/* --- one value as text --- */

/* What people put into names must not steer the terminal. */
static void put_safe(struct buf *out, struct slice text, bool lines)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        int32_t code = utf8_next(&c);
        if (code == '\n' && lines)
            buf_put(out, S("\n  "));
        else if (code == '\r' && lines)
            continue;
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            buf_putc(out, '?');
        else
            utf8_put(out, (uint32_t)code);
    }
}

void cli_put_safe(struct buf *out, struct slice text)
{
    put_safe(out, text, false);
}

static void put_json_text(struct buf *out, const json_t *text, bool lines)
{
    put_safe(out, slice_of(json_string_value(text), json_string_length(text)), lines);
}

static void put_time(struct buf *out, int64_t seconds)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)seconds;
    if (seconds > 0 && localtime_r(&t, &tm) != NULL && strftime(text, sizeof(text), "%F %T", &tm) > 0)
        buf_put(out, slice_cstr(text));
    else
        buf_putc(out, '-');
}

static void put_value(struct buf *out, const struct admin_column *column, const json_t *value, bool lines)
{
    char size[SIZE_TEXT_MAX];
    switch (column->kind) {
    case COLUMN_TEXT:
        put_json_text(out, value, lines);
        break;
    case COLUMN_SIZE:
        size_text((uint64_t)json_integer_value(value), size);
        buf_put(out, slice_cstr(size));
        break;
    case COLUMN_NUMBER:
        buf_put_u64(out, (uint64_t)json_integer_value(value));
        break;
    case COLUMN_TIME:
        put_time(out, json_integer_value(value));
        break;
    case COLUMN_YES_NO:
        buf_put(out, json_is_true(value) ? S("yes") : S("no"));
        break;
    case COLUMN_OPTION:
        put_json_text(out, json_object_get(value, "value"), lines);
        buf_put(out, S(" ("));
        put_json_text(out, json_object_get(value, "from"), lines);
        buf_putc(out, ')');
        break;
    case COLUMN_LIST:
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0)
                buf_put(out, S(", "));
            put_json_text(out, json_array_get(value, i), lines);
        }
        break;
    }
    if (out->n == 0)
        buf_putc(out, '-');
}

/* Places on a terminal. */
static int width_of(struct slice text)
{
    int width = 0;
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c))
        width += utf8proc_charwidth(utf8_next(&c));
    return width;
}

static bool is_number(const struct admin_column *column)
{
    return column->kind == COLUMN_SIZE || column->kind == COLUMN_NUMBER;
}

/* --- tables --- */

static void put_cell(struct cli_show *show, size_t i, const struct admin_column *column, struct slice text)
{
    int pad = MAX(show->widths[i] - width_of(text), 0);
    if (is_number(column))
        printf("%*s%.*s", pad, "", SLICE_ARGS(text));
    else if (column[1].name == NULL)
        printf("%.*s", SLICE_ARGS(text));
    else
        printf("%.*s%*s", SLICE_ARGS(text), pad, "");
    printf("%*s", column[1].name == NULL ? 0 : GAP, "");
}

static void find_widths(struct cli_show *show)
{
    const struct admin_column *columns = show->request->command->columns;
    CLEANUP(buf_release) struct buf cell = BUF(CELL_MAX);
    for (size_t i = 0; columns[i].name != NULL; i++) {
        must(i < CLI_COLUMNS_MAX);
        show->widths[i] = width_of(slice_cstr(columns[i].heading));
        for (size_t k = 0; k < json_array_size(show->rows); k++) {
            buf_clear(&cell);
            put_value(&cell, &columns[i], json_object_get(json_array_get(show->rows, k), columns[i].name),
                      false);
            show->widths[i] = MAX(show->widths[i], width_of(buf_slice(&cell)));
        }
    }
}

/* The rows held back so far; the widths of the first lot hold for all. */
static void print_table(struct cli_show *show)
{
    const struct admin_column *columns = show->request->command->columns;
    CLEANUP(buf_release) struct buf cell = BUF(CELL_MAX);
    if (json_array_size(show->rows) == 0)
        return;
    if (!show->headed) {
        find_widths(show);
        for (size_t i = 0; columns[i].name != NULL; i++)
            put_cell(show, i, &columns[i], slice_cstr(columns[i].heading));
        putchar('\n');
        show->headed = true;
    }
    for (size_t k = 0; k < json_array_size(show->rows); k++) {
        for (size_t i = 0; columns[i].name != NULL; i++) {
            buf_clear(&cell);
            put_value(&cell, &columns[i], json_object_get(json_array_get(show->rows, k), columns[i].name),
                      false);
            put_cell(show, i, &columns[i], buf_slice(&cell));
        }
        putchar('\n');
    }
    json_array_clear(show->rows);
}

/* One row, a field a line. */
static void print_fields(struct cli_show *show, const json_t *row)
{
    const struct admin_column *columns = show->request->command->columns;
    CLEANUP(buf_release) struct buf cell = BUF(CELL_MAX);
    int width = 0;
    for (size_t i = 0; columns[i].name != NULL; i++)
        width = MAX(width, width_of(slice_cstr(columns[i].heading)));
    for (size_t i = 0; columns[i].name != NULL; i++) {
        buf_clear(&cell);
        put_value(&cell, &columns[i], json_object_get(row, columns[i].name), true);
        bool many = slice_find_char(buf_slice(&cell), '\n') >= 0;
        printf("%-*s%s%.*s\n", width + GAP, columns[i].heading, many ? "\n  " : "",
               SLICE_ARGS(buf_slice(&cell)));
    }
}

/* --- the lines of an answer --- */

static void wipe_progress(struct cli_show *show)
{
    if (show->progress_shown)
        fprintf(stderr, "\r%*s\r", BAR_WIDTH + 8, "");
    show->progress_shown = false;
}

static void show_progress(struct cli_show *show, const json_t *progress)
{
    double done = (double)json_integer_value(json_object_get(progress, "done"));
    double total = (double)json_integer_value(json_object_get(progress, "total"));
    if (!isatty(STDERR_FILENO) || total <= 0)
        return;
    double part = MIN(done / total, 1.0);
    int filled = (int)(part * BAR_WIDTH);
    fputs("\r[", stderr);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : ' ', stderr);
    fprintf(stderr, "] %3d %%", (int)(part * 100));
    fflush(stderr);
    show->progress_shown = true;
}

static void show_row(struct cli_show *show, json_t *row)
{
    if (show->request->json) {
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (show->request->command->show != NULL) {
        show->request->command->show(row);
    } else if ((show->request->command->flags & COMMAND_ONE) != 0) {
        print_fields(show, row);
    } else {
        json_array_append(show->rows, row);
        if (json_array_size(show->rows) == CLI_HELD_ROWS)
            print_table(show);
    }
}

static void show_message(struct cli_show *show, const json_t *message)
{
    CLEANUP(buf_release) struct buf text = BUF(CELL_MAX);
    print_table(show);
    put_safe(&text, slice_of(json_string_value(message), json_string_length(message)), false);
    fprintf(show->request->json ? stderr : stdout, "%.*s\n", SLICE_ARGS(buf_slice(&text)));
}

static bool is_own_mistake(enum err code)
{
    return code == ERR_INVALID || code == ERR_NOT_FOUND || code == ERR_EXISTS || code == ERR_LIMIT;
}

int cli_show_error(const struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(ERROR_LINE_MAX);
    put_safe(&text, slice_cstr(error->client), false);
    if (!is_own_mistake(error->code) && strcmp(error->client, error->detail) != 0 && error->detail[0] != 0) {
        buf_put(&text, S(" ("));
        put_safe(&text, slice_cstr(error->detail), false);
        buf_putc(&text, ')');
    }
    fprintf(stderr, "posthorn: %.*s\n", SLICE_ARGS(buf_slice(&text)));
    return is_own_mistake(error->code) ? 2 : 1;
}

static enum err code_of(const char *name)
{
    static const char *const names[] = {
#define X(code, text) #code,
        ERR_TABLE(X)
#undef X
    };
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum err)i;
    return ERR_IO;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "";
}

void cli_error_of(const json_t *line, struct error *ret_error)
{
    *ret_error = (struct error){.code = code_of(text_of(line, "code"))};
    snprintf(ret_error->client, sizeof(ret_error->client), "%s", text_of(line, "error"));
    snprintf(ret_error->detail, sizeof(ret_error->detail), "%s", text_of(line, "detail"));
}

static void show_end(struct cli_show *show, const json_t *line)
{
    print_table(show);
    show->ended = true;
    if (json_is_true(json_object_get(line, "ok"))) {
        show->status = json_is_false(json_object_get(line, "clean")) ? 1 : 0;
        return;
    }
    struct error error;
    cli_error_of(line, &error);
    fflush(stdout);
    show->status = cli_show_error(&error);
}

static void show_line(struct admin_sink *sink, json_t *line)
{
    struct cli_show *show = container_of(sink, struct cli_show, sink);
    wipe_progress(show);
    json_t *row = json_object_get(line, "row");
    json_t *progress = json_object_get(line, "progress");
    json_t *message = json_object_get(line, "message");
    if (row != NULL && show->request->command->columns != NULL)
        show_row(show, row);
    else if (progress != NULL)
        show_progress(show, progress);
    else if (message != NULL)
        show_message(show, message);
    else if (json_object_get(line, "ok") != NULL)
        show_end(show, line);
}

void cli_show_init(struct cli_show *show, const struct cli_request *request)
{
    *show = (struct cli_show){.sink = {show_line}, .request = request, .rows = json_array(), .status = 1};
}

int cli_show_end(struct cli_show *show)
{
    wipe_progress(show);
    json_decref(take(show->rows));
    if (show->ended)
        return show->status;
    struct error error;
    fail_plain(&error, ERR_CLOSED, "the answer broke off; the server's log may say why");
    return cli_show_error(&error);
}
