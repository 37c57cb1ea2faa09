#include "directory/smart_host.h"

#include <arpa/inet.h>

#include "base/wire.h"
#include "directory/inside.h"
#include "directory/option_set.h"

enum { SECRET_MAX = 4096 };

const char *smart_host_tls_name(enum smart_host_tls tls)
{
    static const char *const names[] = {
#define X(name, text) [SMART_HOST_TLS_##name] = (text),
        SMART_HOST_TLS_TABLE(X)
#undef X
    };
    return names[tls];
}

/* --- as it is typed --- */

static bool is_address(struct slice text)
{
    unsigned char address[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];
    if (text.n >= sizeof(copy))
        return false;
    snprintf(copy, sizeof(copy), "%.*s", SLICE_ARGS(text));
    return inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
}

/* Into host and what stands behind the colon. */
static bool split(struct slice text, struct slice *ret_host, struct slice *ret_port)
{
    ssize_t bracket = slice_find_char(text, ']');
    *ret_port = slice_none();
    if (!slice_starts(text, S("["))) {
        if (slice_cut(text, ':', ret_host, ret_port) && ret_port->n == 0)
            return false;
        return true;
    }
    *ret_host = slice_sub(text, 0, (size_t)(bracket + 1));
    struct slice rest = slice_from(text, (size_t)(bracket + 1));
    if (bracket < 0 || (rest.n > 0 && (rest.p[0] != ':' || rest.n == 1)))
        return false;
    *ret_port = rest.n > 0 ? slice_from(rest, 1) : slice_none();
    return is_address(slice_sub(*ret_host, 1, ret_host->n - 2));
}

enum err smart_host_parse(struct slice text, struct arena *arena, struct smart_host *ret_host,
                          struct error *error)
{
    struct slice name, port;
    uint32_t number = 0;
    struct smart_host host = {.host = S("")};
    if (slice_eq(text, S("direct"))) {
        *ret_host = host;
        return ERR_OK;
    }
    bool good = split(text, &name, &port) && name.n > 0 && name.n <= SMART_HOST_NAME_MAX &&
                (port.n == 0 || (slice_to_u32(port, &number) && number > 0 && number <= UINT16_MAX));
    if (!good)
        return fail_plain(
            error, ERR_INVALID,
            "a server is written mail.example.net, mail.example.net:587 or [192.0.2.1]:25; direct: "
            "none");
    host.port = (uint16_t)number;
    host.host = name;
    enum err code = ERR_OK;
    if (name.p[0] != '[')
        code = domain_normalise(name, arena, &host.host, error);
    if (code == ERR_OK)
        *ret_host = host;
    return code;
}

/* --- the log-in, sealed --- */

/* What belongs to the place comes first, so that a secret of another one does not open as this one's. */
static void put_place(struct buf *out, enum option_level level, const struct parameter *owner)
{
    wire_put_u8(out, (uint8_t)level);
    wire_put_u64(out, owner->number);
    wire_put_slice(out, owner->bytes);
}

static enum err seal(const struct directory *directory, enum option_level level,
                     const struct parameter *owner, const struct smart_host *host, struct buf *out,
                     struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(SECRET_MAX);
    unsigned char sealed[SECRET_MAX + crypto_secretbox_MACBYTES];
    unsigned char nonce[crypto_secretbox_NONCEBYTES];
    put_place(&text, level, owner);
    wire_put_slice(&text, host->password);
    if (buf_failed(&text))
        return fail(error, ERR_LIMIT, NULL, "the secret is too long");
    randombytes_buf(nonce, sizeof(nonce));
    crypto_secretbox_easy(sealed, (const unsigned char *)text.p, text.n, nonce, directory->key);
    buf_put(out, slice_of(nonce, sizeof(nonce)));
    buf_put(out, slice_of(sealed, text.n + crypto_secretbox_MACBYTES));
    sodium_memzero(text.p, text.n);
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

static enum err unseal(const struct directory *directory, enum option_level level,
                       const struct parameter *owner, struct slice secret, struct arena *arena,
                       struct slice *ret_password, struct error *error)
{
    CLEANUP(buf_release) struct buf place = BUF(SECRET_MAX);
    unsigned char text[SECRET_MAX];
    const size_t around = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    const unsigned char *from = (const unsigned char *)secret.p;
    put_place(&place, level, owner);
    if (secret.n < around || secret.n - around > sizeof(text) || buf_failed(&place) ||
        crypto_secretbox_open_easy(text, from + crypto_secretbox_NONCEBYTES,
                                   secret.n - crypto_secretbox_NONCEBYTES, from, directory->key) != 0)
        return fail(error, ERR_CORRUPT, NULL, "a smart host's password does not open");
    struct slice opened = slice_of(text, secret.n - around);
    struct wire_reader r = wire_reader_of(slice_from(opened, place.n));
    struct slice password = arena_dup(arena, wire_get_slice(&r));
    bool good = slice_starts(opened, buf_slice(&place)) && wire_end(&r);
    sodium_memzero(text, sizeof(text));
    if (password.p == NULL)
        return fail_nomem(error);
    if (!good)
        return fail(error, ERR_CORRUPT, NULL, "a smart host's password is another one's");
    *ret_password = password;
    return ERR_OK;
}

/* --- changing --- */

static enum err write(struct directory *directory, enum option_level level, struct slice name,
                      const struct smart_host *host, struct error *error)
{
    CLEANUP(buf_release) struct buf secret = BUF(2 * SECRET_MAX);
    struct parameter owner;
    enum err code = option_owner_find(directory, level, name, &owner, error);
    if (code != ERR_OK)
        return code;
    if (host == NULL) {
        code = sql_run(directory, STATEMENT_SMART_HOST_REMOVE, PARAMETERS(NUMBER(level), owner), error);
        if (code == ERR_OK && sqlite3_changes(directory->database.sqlite) == 0)
            code = fail_plain(error, ERR_NOT_FOUND, "no smart host is set there");
        return code;
    }
    if (host->user.n > 0)
        code = seal(directory, level, &owner, host, &secret, error);
    if (code != ERR_OK)
        return code;
    return sql_run(directory, STATEMENT_SMART_HOST_SET,
                   PARAMETERS(NUMBER(level), owner, TEXT(host->host), NUMBER(host->port), NUMBER(host->tls),
                              TEXT(host->user), BLOB(buf_slice(&secret))),
                   error);
}

static enum err change(struct directory *directory, enum option_level level, struct slice owner,
                       const struct smart_host *host, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice name;
    enum err code = option_owner_normalise(level, owner, &scratch, &name, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, write(directory, level, name, host, error), error);
    return code;
}

enum err smart_host_set(struct directory *directory, enum option_level level, struct slice owner,
                        const struct smart_host *host, struct error *error)
{
    if (host->user.n > 0 && host->tls == SMART_HOST_TLS_OFFERED)
        return fail_plain(error, ERR_INVALID, "a password is sent over required or implicit TLS only");
    if (host->user.n > SMART_HOST_USER_MAX || host->password.n > SMART_HOST_PASSWORD_MAX)
        return fail_plain(error, ERR_INVALID, "a name to log in with has at most %d bytes, a password %d",
                          SMART_HOST_USER_MAX, SMART_HOST_PASSWORD_MAX);
    if (slice_find_char(host->user, 0) >= 0 || slice_find_char(host->password, 0) >= 0)
        return fail_plain(error, ERR_INVALID, "names and passwords hold no NUL");
    return change(directory, level, owner, host, error);
}

enum err smart_host_remove(struct directory *directory, enum option_level level, struct slice owner,
                           struct error *error)
{
    return change(directory, level, owner, NULL, error);
}

/* --- reading --- */

/* Columns from `first`: host, port, tls, user. */
static struct smart_host read_host(sqlite3_stmt *row, int first, struct arena *arena)
{
    return (struct smart_host){
        .host = arena_dup(arena, sql_bytes(row, first)),
        .port = (uint16_t)sql_number(row, first + 1),
        .tls = (enum smart_host_tls)MIN(sql_number(row, first + 2), (uint64_t)SMART_HOST_TLS_IMPLICIT),
        .user = arena_dup(arena, sql_bytes(row, first + 3)),
    };
}

enum err smart_host_list(struct directory *directory, struct arena *arena, struct smart_host_row **ret_rows,
                         size_t *ret_count, struct error *error)
{
    sqlite3_stmt *row = NULL;
    bool more = false;
    struct smart_host_row *rows = NULL;
    size_t count = 0;
    size_t room = 0;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_SMART_HOST_LIST, NULL, 0, &row, error);
    while (code == ERR_OK && (code = sql_step(directory, row, &more, error)) == ERR_OK && more) {
        if (count == room) {
            room = MAX(2 * room, (size_t)16);
            struct smart_host_row *larger = arena_array(arena, room, sizeof(*larger));
            if (larger != NULL && count > 0)
                memcpy(larger, rows, count * sizeof(*rows));
            rows = larger;
        }
        if (rows != NULL)
            rows[count++] = (struct smart_host_row){.level = (enum option_level)sql_number(row, 0),
                                                    .owner = arena_dup(arena, sql_bytes(row, 1)),
                                                    .host = read_host(row, 2, arena)};
        if (arena_failed(arena))
            code = fail_nomem(error);
    }
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_rows = rows;
    *ret_count = count;
    return ERR_OK;
}

/* A SMART_HOST_FOR row: level, owner, host, port, tls, user, secret. Locked. */
static enum err read_found(struct directory *directory, sqlite3_stmt *row, struct arena *arena,
                           struct smart_host *ret_host, struct error *error)
{
    struct smart_host host = read_host(row, 2, arena);
    enum option_level level = (enum option_level)sql_number(row, 0);
    bool by_name = level == LEVEL_BUILT_IN || level == LEVEL_PLAN;
    struct parameter owner = by_name ? TEXT(arena_dup(arena, sql_bytes(row, 1))) : NUMBER(sql_number(row, 1));
    enum err code = arena_failed(arena) ? fail_nomem(error) : ERR_OK;
    if (code == ERR_OK && host.user.n > 0)
        code = unseal(directory, level, &owner, sql_bytes(row, 6), arena, &host.password, error);
    if (code == ERR_OK)
        *ret_host = host;
    return code;
}

enum err smart_host_for(struct directory *directory, struct account_id account, struct slice sender,
                        struct arena *arena, struct smart_host *ret_host, struct error *error)
{
    struct address_parts parts = {.domain = S("")};
    struct error ignored;
    sqlite3_stmt *row = NULL;
    bool found = false;
    struct smart_host host = {.host = S("")};
    if (sender.n > 0 && address_parse(sender, arena, &parts, &ignored) != ERR_OK)
        parts.domain = S("");
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_SMART_HOST_FOR,
                              PARAMETERS(NUMBER(account.v), TEXT(parts.domain)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        code = read_found(directory, row, arena, &host, error);
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK)
        *ret_host = host;
    return code;
}
