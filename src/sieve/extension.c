#include "sieve/extension.h"

struct row {
    struct slice name;
    bool fixed;
};

static const struct row rows[] = {[SIEVE_BASE] = {{"", 0}, false},
#define X(name, text, fixed) {{text, sizeof(text) - 1}, fixed},
                                  SIEVE_EXTENSION_TABLE(X)
#undef X
};

const char *sieve_extension_name(enum sieve_extension extension)
{
    return rows[extension].name.p;
}

bool sieve_extension_find(struct slice name, enum sieve_extension *ret)
{
    for (size_t i = SIEVE_BASE + 1; i < ARRAY_LEN(rows); i++)
        if (slice_eq(rows[i].name, name)) {
            *ret = (enum sieve_extension)i;
            return true;
        }
    return false;
}

bool sieve_extension_is_fixed(enum sieve_extension extension)
{
    return rows[extension].fixed;
}

void sieve_extensions_put(uint64_t set, struct buf *out)
{
    bool first = true;
    for (size_t i = SIEVE_BASE + 1; i < ARRAY_LEN(rows); i++) {
        if ((set & SIEVE_BIT(i)) == 0)
            continue;
        if (!first)
            buf_putc(out, ' ');
        buf_put(out, rows[i].name);
        first = false;
    }
}
