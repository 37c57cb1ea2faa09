#include "sieve/complain.h"

#include <stdarg.h>

enum { WORD_MAX = 48 };

static void FORMAT(4, 0)
    add(struct complaining *complaining, struct place at, bool warning, const char *format, va_list args)
{
    struct sieve_complaints *to = complaining->to;
    complaining->wrong = complaining->wrong || !warning;
    if (to->count == SIEVE_COMPLAINTS_MAX)
        return;
    struct sieve_complaint *item = &to->items[to->count++];
    *item = (struct sieve_complaint){.line = at.line, .column = at.column, .warning = warning};
    vsnprintf(item->text, sizeof(item->text), format, args);
}

void complain(struct complaining *complaining, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(complaining, at, false, format, args);
    va_end(args);
}

void warn(struct complaining *complaining, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(complaining, at, true, format, args);
    va_end(args);
}

struct slice complain_word(struct slice word)
{
    size_t n = 0;
    while (n < MIN(word.n, (size_t)WORD_MAX) && (unsigned char)word.p[n] >= ' ' && word.p[n] != 127)
        n++;
    return slice_sub(word, 0, n);
}

void sieve_complaints_put(const struct sieve_complaints *complaints, struct buf *out)
{
    for (size_t i = 0; i < complaints->count; i++) {
        const struct sieve_complaint *item = &complaints->items[i];
        buf_printf(out, "line %u, column %u: %s%s\n", item->line, item->column,
                   item->warning ? "warning: " : "", item->text);
    }
}
