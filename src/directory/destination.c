#include "directory/destination.h"

#include "directory/inside.h"
#include "rt/own_address.h"

const char *destination_tls_name(enum destination_tls tls)
{
    static const char *const names[] = {
#define X(name, number, text) [DESTINATION_TLS_##name] = (text),
        DESTINATION_TLS_TABLE(X)
#undef X
    };
    return names[tls];
}

bool destination_tls_find(struct slice name, enum destination_tls *ret_tls)
{
    for (int i = 0; i < DESTINATION_TLS_KINDS; i++)
        if (slice_eq(name, slice_cstr(destination_tls_name((enum destination_tls)i)))) {
            *ret_tls = (enum destination_tls)i;
            return true;
        }
    return false;
}

/* --- what may be set --- */

enum err destination_normalise(struct slice pattern, struct arena *arena, struct slice *ret_pattern,
                               struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(SMART_HOST_NAME_MAX + 16);
    struct cursor c = cursor_of(pattern);
    struct slice name;
    if (cursor_skip_nocase(&c, S(DESTINATION_SERVER))) {
        buf_put(&text, S(DESTINATION_SERVER));
        if (cursor_skip(&c, S("*.")))
            buf_put(&text, S("*."));
    }
    enum err code = domain_normalise(cursor_rest(&c), arena, &name, error);
    if (code == ERR_INVALID)
        return fail_plain(error, ERR_INVALID,
                          "a destination is written example.org, mx:mail.example.net or "
                          "mx:*.example.net");
    if (code != ERR_OK)
        return code;
    buf_put(&text, name);
    *ret_pattern = arena_dup(arena, buf_slice(&text));
    return buf_failed(&text) || ret_pattern->p == NULL ? fail_nomem(error) : ERR_OK;
}

/* "mail.example.net .example.net": lower case, a blank between them. */
static enum err read_names(struct slice text, struct arena *arena, struct slice *ret_names,
                           struct error *error)
{
    CLEANUP(buf_release) struct buf names = BUF(DESTINATION_TEXT_MAX);
    struct cursor c = cursor_of(text);
    for (;;) {
        struct slice name;
        (void)cursor_take_while(&c, S(" ,"));
        struct slice word = cursor_take_until(&c, S(" ,"));
        bool below = slice_starts(word, S("."));
        if (word.n == 0)
            break;
        enum err code = domain_normalise(slice_from(word, below), arena, &name, error);
        if (code != ERR_OK)
            return fail_plain(error, code,
                              "a certificate's name is written mail.example.net, or "
                              ".example.net for all below it");
        buf_printf(&names, "%s%s%.*s", names.n > 0 ? " " : "", below ? "." : "", SLICE_ARGS(name));
    }
    *ret_names = arena_dup(arena, buf_slice(&names));
    if (buf_failed(&names) && !buf_no_memory(&names))
        return fail_plain(error, ERR_INVALID, "names have at most %d bytes together", DESTINATION_TEXT_MAX);
    return ret_names->p == NULL || buf_failed(&names) ? fail_nomem(error) : ERR_OK;
}

static enum err read_addresses(struct slice text, struct arena *arena, struct slice *ret_text,
                               struct error *error)
{
    CLEANUP(buf_release) struct buf written = BUF(OWN_ADDRESSES_TEXT_MAX);
    struct own_addresses addresses;
    enum err code = own_addresses_parse(text, &addresses, error);
    if (code != ERR_OK)
        return code;
    own_addresses_put(&addresses, &written);
    *ret_text = arena_dup(arena, buf_slice(&written));
    return buf_failed(&written) || ret_text->p == NULL ? fail_nomem(error) : ERR_OK;
}

static enum err check(const struct destination *d, struct error *error)
{
    bool server = slice_starts(d->pattern, S(DESTINATION_SERVER));
    if (d->connections > DESTINATION_CONNECTIONS_MAX || d->messages > DESTINATION_MESSAGES_MAX ||
        d->rate > DESTINATION_RATE_MAX)
        return fail_plain(error, ERR_INVALID,
                          "at most %d connections, %d messages over each, and %d messages a minute",
                          DESTINATION_CONNECTIONS_MAX, DESTINATION_MESSAGES_MAX, DESTINATION_RATE_MAX);
    if (server && d->host.n > 0)
        return fail_plain(error, ERR_INVALID, "a host is for a domain's mail; %.*s names servers",
                          SLICE_ARGS(d->pattern));
    if (d->names.n > 0 && d->tls != DESTINATION_TLS_VERIFY)
        return fail_plain(error, ERR_INVALID, "names are for TLS of the kind verify");
    if (server && d->tls == DESTINATION_TLS_VERIFY && d->names.n == 0)
        return fail_plain(error, ERR_INVALID, "verify by %.*s needs names", SLICE_ARGS(d->pattern));
    return ERR_OK;
}

/* --- changing --- */

static enum err write(struct directory *directory, const struct destination *d, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code =
        sql_start(directory, STATEMENT_DESTINATION_COUNT, PARAMETERS(TEXT(d->pattern)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && sql_number(row, 0) >= DESTINATIONS_MAX)
        code = fail_plain(error, ERR_LIMIT, "there are %d destinations already", DESTINATIONS_MAX);
    if (code != ERR_OK)
        return code;
    return sql_run(directory, STATEMENT_DESTINATION_SET,
                   PARAMETERS(TEXT(d->pattern), NUMBER(d->connections), NUMBER(d->messages), NUMBER(d->rate),
                              NUMBER(d->tls), TEXT(d->names), TEXT(d->addresses), TEXT(d->host),
                              NUMBER(d->port)),
                   error);
}

enum err destination_set(struct directory *directory, const struct destination *destination,
                         struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct destination d = *destination;
    enum err code = destination_normalise(d.pattern, &scratch, &d.pattern, error);
    if (code == ERR_OK)
        code = read_names(d.names, &scratch, &d.names, error);
    if (code == ERR_OK)
        code = read_addresses(d.addresses, &scratch, &d.addresses, error);
    if (code == ERR_OK)
        code = check(&d, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    code = change_end(directory, write(directory, &d, error), error);
    atomic_fetch_add(&directory->destinations, 1);
    return code;
}

static enum err take_away(struct directory *directory, struct slice pattern, struct error *error)
{
    enum err code = sql_run(directory, STATEMENT_DESTINATION_REMOVE, PARAMETERS(TEXT(pattern)), error);
    if (code == ERR_OK && sqlite3_changes(directory->database.sqlite) == 0)
        code = fail_plain(error, ERR_NOT_FOUND, "nothing is set for %.*s", SLICE_ARGS(pattern));
    return code;
}

enum err destination_remove(struct directory *directory, struct slice pattern, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice name;
    enum err code = destination_normalise(pattern, &scratch, &name, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    code = change_end(directory, take_away(directory, name, error), error);
    atomic_fetch_add(&directory->destinations, 1);
    return code;
}

/* --- reading --- */

static struct destination read_row(sqlite3_stmt *row, struct arena *arena)
{
    return (struct destination){
        .pattern = arena_dup(arena, sql_bytes(row, 0)),
        .connections = (uint32_t)sql_number(row, 1),
        .messages = (uint32_t)sql_number(row, 2),
        .rate = (uint32_t)sql_number(row, 3),
        .tls = (enum destination_tls)MIN(sql_number(row, 4), (uint64_t)DESTINATION_TLS_VERIFY),
        .names = arena_dup(arena, sql_bytes(row, 5)),
        .addresses = arena_dup(arena, sql_bytes(row, 6)),
        .host = arena_dup(arena, sql_bytes(row, 7)),
        .port = (uint16_t)sql_number(row, 8),
    };
}

/* The pattern is as it is kept. *ret_found is false where nothing is set. */
static enum err find(struct directory *directory, struct slice pattern, struct arena *arena,
                     struct destination *ret_destination, bool *ret_found, struct error *error)
{
    sqlite3_stmt *row = NULL;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_DESTINATION_GET, PARAMETERS(TEXT(pattern)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, ret_found, error);
    if (code == ERR_OK && *ret_found)
        *ret_destination = read_row(row, arena);
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    return code == ERR_OK && arena_failed(arena) ? fail_nomem(error) : code;
}

enum err destination_find(struct directory *directory, struct slice pattern, struct arena *arena,
                          struct destination *ret_destination, struct error *error)
{
    struct slice name;
    bool found = false;
    enum err code = destination_normalise(pattern, arena, &name, error);
    if (code == ERR_OK)
        code = find(directory, name, arena, ret_destination, &found, error);
    if (code == ERR_OK && !found)
        code = fail_plain(error, ERR_NOT_FOUND, "nothing is set for %.*s", SLICE_ARGS(name));
    return code;
}

enum err destination_list(struct directory *directory, struct arena *arena, struct destination **ret_rows,
                          size_t *ret_count, struct error *error)
{
    sqlite3_stmt *row = NULL;
    bool more = true;
    size_t count = 0;
    struct destination *rows = NULL;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_DESTINATION_COUNT, PARAMETERS(TEXT(S(""))), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    if (code == ERR_OK)
        rows = arena_array(arena, sql_number(row, 0) + 1, sizeof(*rows));
    size_t room = code == ERR_OK ? sql_number(row, 0) : 0;
    sql_release(&row);
    row = NULL;
    if (code == ERR_OK)
        code = sql_start(directory, STATEMENT_DESTINATION_LIST, NULL, 0, &row, error);
    while (code == ERR_OK && rows != NULL && count < room &&
           (code = sql_step(directory, row, &more, error)) == ERR_OK && more)
        rows[count++] = read_row(row, arena);
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK && arena_failed(arena))
        code = fail_nomem(error);
    if (code != ERR_OK)
        return code;
    *ret_rows = rows;
    *ret_count = count;
    return ERR_OK;
}

enum err destination_route(struct directory *directory, struct slice domain, struct arena *arena,
                           struct smart_host *ret_host, struct error *error)
{
    struct destination d = {.host = S("")};
    bool found = false;
    enum err code = find(directory, domain, arena, &d, &found, error);
    if (code == ERR_OK)
        *ret_host = (struct smart_host){.host = d.host, .port = d.port, .tls = SMART_HOST_TLS_OFFERED};
    return code;
}

uint64_t destination_generation(struct directory *directory)
{
    return directory->destinations;
}

/* --- from where a domain's mail is sent --- */

static enum err write_addresses(struct directory *directory, struct slice name, struct slice addresses,
                                struct error *error)
{
    struct domain_row row;
    enum err code = domain_row_need(directory, name, &row, error);
    if (code != ERR_OK)
        return code;
    cache_drop(directory->cache, CACHE_DOMAIN, name);
    return sql_run(directory, STATEMENT_DOMAIN_SET_ADDRESSES, PARAMETERS(NUMBER(row.id.v), TEXT(addresses)),
                   error);
}

enum err domain_addresses_set(struct directory *directory, struct slice domain, struct slice addresses,
                              struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice name, written;
    enum err code = domain_normalise(domain, &scratch, &name, error);
    if (code == ERR_OK)
        code = read_addresses(addresses, &scratch, &written, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, write_addresses(directory, name, written, error), error);
    return code;
}

enum err domain_addresses(struct directory *directory, struct slice domain, struct arena *arena,
                          struct slice *ret_addresses, struct error *error)
{
    struct domain_record record;
    enum err code = lookup_domain(directory, domain, arena, &record, error);
    if (code == ERR_OK)
        *ret_addresses = record.addresses;
    return code;
}
