#include "directory/srs.h"

#include <sodium.h>

#include "base/buf.h"
#include "base/clock.h"
#include "directory/directory.h"

enum { HASH_SIGNS = 8, DAY_SIGNS = 2, DAYS = 1 << (5 * DAY_SIGNS), TAG = 4 /* "SRS0" */ };

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* "SRS0" or "SRS1" and one of the separators that forwarders use after it. */
static bool has_tag(struct slice local, struct slice tag)
{
    return slice_starts_nocase(local, tag) && local.n > tag.n &&
           (local.p[tag.n] == '=' || local.p[tag.n] == '+' || local.p[tag.n] == '-');
}

bool srs_is_form(struct slice local)
{
    return has_tag(local, S("SRS0")) || has_tag(local, S("SRS1"));
}

/* --- hash and day --- */

static void put_number(struct buf *out, uint64_t number, unsigned signs)
{
    for (unsigned i = signs; i > 0; i--)
        buf_putc(out, alphabet[number >> (5 * (i - 1)) & 31]);
}

/* Of what the tag says and what comes behind the hash. */
static void put_hash(struct buf *out, const unsigned char key[static SRS_KEY_SIZE], char tag,
                     struct slice rest)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char lower[ADDRESS_MAX + 1];
    uint64_t bits = 0;
    size_t n = MIN(rest.n, (size_t)ADDRESS_MAX);
    lower[0] = tag;
    for (size_t i = 0; i < n; i++)
        lower[i + 1] = ascii_lower(rest.p[i]);
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, SRS_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)lower, n + 1);
    crypto_auth_hmacsha256_final(&state, mac);
    for (size_t i = 0; i < 5; i++)
        bits = bits << 8 | mac[i];
    put_number(out, bits, HASH_SIGNS);
}

static bool hash_fits(const unsigned char key[static SRS_KEY_SIZE], char tag, struct slice hash,
                      struct slice rest)
{
    CLEANUP(buf_release) struct buf right = BUF(HASH_SIGNS);
    char given[HASH_SIGNS];
    if (hash.n != HASH_SIGNS || rest.n > ADDRESS_MAX)
        return false;
    for (size_t i = 0; i < HASH_SIGNS; i++)
        given[i] = ascii_lower(hash.p[i]);
    put_hash(&right, key, tag, rest);
    return !buf_failed(&right) && sodium_memcmp(right.p, given, HASH_SIGNS) == 0;
}

static uint64_t day_of(int64_t now_us)
{
    return (uint64_t)(now_us / CLOCK_DAY) % DAYS;
}

static bool day_is_recent(struct slice day, int64_t now_us)
{
    uint64_t number = 0;
    for (size_t i = 0; i < day.n; i++) {
        const char *sign = day.p[i] != 0 ? strchr(alphabet, ascii_lower(day.p[i])) : NULL;
        if (sign == NULL)
            return false;
        number = number << 5 | (uint64_t)(sign - alphabet);
    }
    return day.n == DAY_SIGNS && (day_of(now_us) + DAYS - number) % DAYS <= SRS_DAYS;
}

/* --- there --- */

static enum err no_form(struct error *error)
{
    return fail_plain(error, ERR_INVALID, "the address can't be rewritten");
}

/* What stands behind the hash. */
static void put_rest(struct buf *out, struct slice local, struct slice domain, int64_t now_us, char *ret_tag)
{
    struct slice first = domain;
    *ret_tag = '1';
    if (has_tag(local, S("SRS1"))) {
        /* "=hash=first==...": what is behind the hash stays; a stranger's may be anything. */
        struct slice hash;
        if (slice_cut(slice_from(local, TAG + 1), '=', &hash, &first)) {
            buf_put(out, first);
            return;
        }
    } else if (has_tag(local, S("SRS0"))) {
        buf_put(out, first);
        buf_putc(out, '=');
        buf_put(out, slice_from(local, TAG));
        return;
    }
    *ret_tag = '0';
    put_number(out, day_of(now_us), DAY_SIGNS);
    buf_putc(out, '=');
    buf_put(out, domain);
    buf_putc(out, '=');
    buf_put(out, local);
}

enum err srs_encode(const unsigned char key[static SRS_KEY_SIZE], struct slice sender, struct slice domain,
                    int64_t now_us, struct arena *arena, struct slice *ret_sender, struct error *error)
{
    CLEANUP(buf_release) struct buf rest = BUF(ADDRESS_MAX);
    CLEANUP(buf_release) struct buf out = BUF(ADDRESS_MAX);
    char tag;
    ssize_t at = slice_rfind_char(sender, '@');
    struct slice far = slice_from(sender, (size_t)(at + 1));
    if (at <= 0 || sender.p[0] == '"' || far.n == 0 || slice_find_char(far, '=') >= 0)
        return no_form(error);
    put_rest(&rest, slice_sub(sender, 0, (size_t)at), far, now_us, &tag);
    if (buf_failed(&rest))
        return no_form(error);
    buf_put(&out, S("SRS"));
    buf_putc(&out, tag);
    buf_putc(&out, '=');
    put_hash(&out, key, tag, buf_slice(&rest));
    buf_putc(&out, '=');
    buf_put(&out, buf_slice(&rest));
    buf_putc(&out, '@');
    buf_put(&out, domain);
    if (buf_failed(&out))
        return no_form(error);
    *ret_sender = arena_dup(arena, buf_slice(&out));
    return ret_sender->p != NULL ? ERR_OK : fail_nomem(error);
}

/* --- and back --- */

/* "day=domain=local" */
static bool read_first(struct slice rest, int64_t now_us, struct buf *out)
{
    struct slice day, domain, local;
    if (!slice_cut(rest, '=', &day, &rest) || !slice_cut(rest, '=', &domain, &local) || domain.n == 0 ||
        local.n == 0 || !day_is_recent(day, now_us))
        return false;
    buf_put(out, local);
    buf_putc(out, '@');
    buf_put(out, domain);
    return true;
}

/* "first=" and what stood behind the first forwarder's "SRS0", its separator too */
static bool read_later(struct slice rest, struct buf *out)
{
    struct slice first, tail;
    if (!slice_cut(rest, '=', &first, &tail) || first.n == 0)
        return false;
    buf_put(out, S("SRS0"));
    if (!has_tag(tail, slice_none()))
        return false;
    buf_put(out, tail);
    buf_putc(out, '@');
    buf_put(out, first);
    return true;
}

enum err srs_decode(const unsigned char key[static SRS_KEY_SIZE], struct slice local, int64_t now_us,
                    struct arena *arena, struct slice *ret_address, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(ADDRESS_MAX);
    struct slice hash, rest;
    if (!srs_is_form(local) || !slice_cut(slice_from(local, TAG + 1), '=', &hash, &rest))
        return no_form(error);
    char tag = local.p[TAG - 1];
    bool right = hash_fits(key, tag, hash, rest) &&
                 (tag == '0' ? read_first(rest, now_us, &out) : read_later(rest, &out));
    if (!right || buf_failed(&out))
        return fail_plain(error, ERR_INVALID, "the address is not one of ours, or too old");
    *ret_address = arena_dup(arena, buf_slice(&out));
    return ret_address->p != NULL ? ERR_OK : fail_nomem(error);
}
