#include "send/terms.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"

enum { TABLE_ARENA_MAX = 64 * 1024 * 1024 };

struct terms_table {
    struct arena arena;
    struct map rows; /* by pattern */
    atomic_uint users;
};

const struct terms terms_none;

static char *keep(struct arena *arena, struct slice text)
{
    char *kept = arena_alloc(arena, text.n + 1);
    if (kept == NULL)
        return NULL;
    memcpy(kept, text.p, text.n);
    kept[text.n] = 0;
    return kept;
}

static void read_names(struct slice names, struct arena *arena, struct terms *terms)
{
    size_t count = 1;
    for (size_t i = 0; i < names.n; i++)
        count += names.p[i] == ' ';
    const char **each = arena_array(arena, count, sizeof(*each));
    struct cursor c = cursor_of(names);
    while (each != NULL && !cursor_done(&c)) {
        struct slice name = cursor_take_until(&c, S(" "));
        (void)cursor_skip_char(&c, ' ');
        each[terms->name_count++] = keep(arena, name);
    }
    terms->names = each;
}

static bool add_row(struct terms_table *table, const struct destination *row)
{
    struct error ignored;
    struct terms *terms = ARENA_NEW(&table->arena, struct terms);
    if (terms == NULL)
        return false;
    *terms = (struct terms){.pattern = arena_dup(&table->arena, row->pattern),
                            .connections = row->connections,
                            .messages = row->messages,
                            .rate = row->rate,
                            .tls = row->tls};
    read_names(row->names, &table->arena, terms);
    if (own_addresses_parse(row->addresses, &terms->addresses, &ignored) != ERR_OK)
        terms->addresses.count = 0; /* store has read it before */
    return !arena_failed(&table->arena) && map_set(&table->rows, terms->pattern, terms);
}

enum err terms_table_create(const struct destination *rows, size_t count, struct terms_table **ret_table,
                            struct error *error)
{
    struct terms_table *table = calloc(1, sizeof(*table));
    bool good = table != NULL;
    if (good) {
        table->arena = ARENA(TABLE_ARENA_MAX);
        table->users = 1;
    }
    for (size_t i = 0; i < count && good; i++)
        good = add_row(table, &rows[i]);
    if (!good) {
        terms_table_unref(table);
        return fail_nomem(error);
    }
    *ret_table = table;
    return ERR_OK;
}

struct terms_table *terms_table_ref(struct terms_table *table)
{
    if (table != NULL)
        atomic_fetch_add(&table->users, 1);
    return table;
}

void terms_table_unref(struct terms_table *table)
{
    if (table == NULL || atomic_fetch_sub(&table->users, 1) > 1)
        return;
    map_release(&table->rows);
    arena_release(&table->arena);
    free(table);
}

const struct terms *terms_of_domain(const struct terms_table *table, struct slice domain)
{
    const struct terms *found = table != NULL ? map_get(&table->rows, domain) : NULL;
    return found != NULL ? found : &terms_none;
}

const struct terms *terms_of_server(const struct terms_table *table, struct slice host)
{
    char pattern[sizeof(DESTINATION_SERVER) + 2 + SMART_HOST_NAME_MAX];
    if (table == NULL || table->rows.count == 0 || host.n > SMART_HOST_NAME_MAX)
        return &terms_none;
    int n = snprintf(pattern, sizeof(pattern), DESTINATION_SERVER "%.*s", SLICE_ARGS(host));
    for (;;) {
        const struct terms *found = map_get(&table->rows, slice_of(pattern, (size_t)n));
        if (found != NULL)
            return found;
        ssize_t dot = slice_find_char(host, '.');
        if (dot < 0)
            return &terms_none;
        host = slice_from(host, (size_t)dot + 1);
        n = snprintf(pattern, sizeof(pattern), DESTINATION_SERVER "*.%.*s", SLICE_ARGS(host));
    }
}

uint32_t terms_fewer(uint32_t a, uint32_t b)
{
    return a == 0 ? b : b == 0 ? a : MIN(a, b);
}

struct terms terms_both(const struct terms *domain, const struct terms *server)
{
    const struct terms *tls = domain->tls != DESTINATION_TLS_DEFAULT ? domain : server;
    struct terms both = *tls;
    both.messages = terms_fewer(domain->messages, server->messages);
    both.addresses = domain->addresses.count > 0 ? domain->addresses : server->addresses;
    return both;
}
