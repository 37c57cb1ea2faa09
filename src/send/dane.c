#include "send/dane.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/buf.h"

enum { SHA256_BYTES = 32, SHA512_BYTES = 64, HEAD_BYTES = 3 };

/* Whole certificate or key (matching type 0): what OpenSSL can't read, it can't compare. */
static bool is_whole(uint8_t selector, struct slice data)
{
    const unsigned char *at = (const unsigned char *)data.p;
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    if (selector == 0)
        certificate = d2i_X509(NULL, &at, (long)data.n);
    else
        key = d2i_PUBKEY(NULL, &at, (long)data.n);
    bool good = (certificate != NULL || key != NULL) && at == (const unsigned char *)data.p + data.n;
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return good;
}

bool dane_read(struct slice data, struct tlsa *ret)
{
    if (data.n <= HEAD_BYTES || data.n > HEAD_BYTES + TLSA_DATA_MAX)
        return false;
    struct tlsa record = {.usage = (uint8_t)data.p[0],
                          .selector = (uint8_t)data.p[1],
                          .matching = (uint8_t)data.p[2],
                          .data = slice_from(data, HEAD_BYTES)};
    /* Usages 0 and 1 need authorities that both sides trust, and mail has none (RFC 7672 3.1.3). */
    if ((record.usage != 2 && record.usage != 3) || record.selector > 1)
        return false;
    bool good = (record.matching == 0 && is_whole(record.selector, record.data)) ||
                (record.matching == 1 && record.data.n == SHA256_BYTES) ||
                (record.matching == 2 && record.data.n == SHA512_BYTES);
    if (good)
        *ret = record;
    return good;
}

/* The records at one name. DANE_NONE: there are none that are proven. */
static enum err find_at(struct resolver *resolver, struct slice base, uint16_t port, int64_t deadline_us,
                        struct arena *arena, struct dane *dane, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX + 1);
    struct resolver_records found;
    buf_printf(&name, "_%u._tcp.%.*s", (unsigned)port, SLICE_ARGS(base));
    if (buf_failed(&name)) /* too long a name has no records */
        return ERR_OK;
    enum err err =
        resolver_records(resolver, buf_slice(&name), RESOLVER_TLSA, deadline_us, arena, &found, error);
    if (err == ERR_INVALID)
        return ERR_OK;
    if (err != ERR_OK)
        return error_context(error, "TLSA records");
    if (!found.secure || found.count == 0)
        return ERR_OK;
    struct dane at = {.level = DANE_ENCRYPTED, .base = arena_dup(arena, base)};
    at.records = arena_array(arena, TLSA_MAX, sizeof(*at.records));
    if (arena_failed(arena))
        return fail_nomem(error);
    for (size_t i = 0; i < found.count && at.count < TLSA_MAX; i++)
        at.count += dane_read(found.data[i], &at.records[at.count]);
    if (at.count > 0)
        at.level = DANE_PROVEN;
    *dane = at;
    return ERR_OK;
}

/* The name is proven to be another name for something, though that something's addresses are not. */
static enum err alias_is_proven(struct resolver *resolver, struct slice name, int64_t deadline_us,
                                struct arena *arena, bool *ret, struct error *error)
{
    struct resolver_records found;
    enum err err = resolver_records(resolver, name, RESOLVER_CNAME, deadline_us, arena, &found, error);
    if (err != ERR_OK)
        return error_context(error, "CNAME record");
    *ret = found.secure;
    return ERR_OK;
}

enum err dane_find(struct resolver *resolver, struct slice name, const struct resolver_host *host,
                   uint16_t port, int64_t deadline_us, struct arena *arena, struct dane *ret_dane,
                   struct error *error)
{
    struct dane dane = {.level = DANE_NONE};
    struct slice canonical = slice_cstr(host->canonical);
    bool alias = !slice_eq_nocase(canonical, name);
    bool proven = host->secure;
    enum err err = ERR_OK;
    /* RFC 7672 2.2.3: first where the alias leads to, if all of the way is proven, then the name itself. */
    if (proven && alias)
        err = find_at(resolver, canonical, port, deadline_us, arena, &dane, error);
    else if (alias)
        err = alias_is_proven(resolver, name, deadline_us, arena, &proven, error);
    if (err == ERR_OK && proven && dane.level == DANE_NONE)
        err = find_at(resolver, name, port, deadline_us, arena, &dane, error);
    if (err == ERR_OK)
        *ret_dane = dane;
    return err;
}
