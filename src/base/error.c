#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"

static const struct {
    const char *name;
    const char *text;
} err_table[] = {
#define X(name, text) {#name, text},
    ERR_TABLE(X)
#undef X
};

const char *err_name(enum err code)
{
    must((size_t)code < ARRAY_LEN(err_table));
    return err_table[code].name;
}

const char *err_text(enum err code)
{
    must((size_t)code < ARRAY_LEN(err_table));
    return err_table[code].text;
}

static void one_line(char *text)
{
    for (; *text != 0; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

/* client may be error->client itself. */
static void set_client(struct error *error, const char *client)
{
    struct slice cut = utf8_cut(slice_cstr(client), sizeof(error->client) - 1);
    memmove(error->client, cut.p, cut.n);
    error->client[cut.n] = 0;
    one_line(error->client);
}

enum err fail(struct error *error, enum err code, const char *client, const char *detail_format, ...)
{
    char detail[ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, detail_format);
    vsnprintf(detail, sizeof(detail), detail_format, args);
    va_end(args);
    error->code = code;
    set_client(error, client != NULL ? client : err_text(code));
    memcpy(error->detail, detail, sizeof(detail));
    return code;
}

enum err fail_plain(struct error *error, enum err code, const char *format, ...)
{
    char text[ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    error->code = code;
    set_client(error, text);
    memcpy(error->detail, text, sizeof(text));
    return code;
}

enum err fail_errno(struct error *error, const char *what_format, ...)
{
    int number = errno;
    char what[ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, what_format);
    vsnprintf(what, sizeof(what), what_format, args);
    va_end(args);
    enum err code = ERR_IO;
    if (number == ENOMEM)
        code = ERR_NOMEM;
    else if (number == EMFILE || number == ENFILE || number == ENOSPC || number == EDQUOT)
        code = ERR_UNAVAILABLE;
    return fail(error, code, NULL, "%s: %s", what, strerror(number));
}

enum err fail_nomem(struct error *error)
{
    return fail(error, ERR_NOMEM, NULL, "out of memory");
}

enum err error_context(struct error *error, const char *format, ...)
{
    char context[ERROR_DETAIL_MAX];
    char joined[2 * ERROR_DETAIL_MAX + 4];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    snprintf(joined, sizeof(joined), "%s: %s", context, error->detail);
    joined[sizeof(error->detail) - 1] = 0;
    memcpy(error->detail, joined, sizeof(error->detail));
    return error->code;
}
