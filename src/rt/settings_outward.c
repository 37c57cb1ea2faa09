/* The values of keys that say whom this server asks on the internet. */
#include <arpa/inet.h>

#include "rt/settings_private.h"

enum { OAUTH_TEXT_MAX = 1024 };

/* "ADDRESS", "ADDRESS:PORT", "[ADDRESS6]", "[ADDRESS6]:PORT". */
bool setting_address_valid(struct slice text)
{
    struct slice address = text;
    struct slice port = slice_none();
    char plain[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[sizeof(struct in6_addr)];
    uint32_t number;
    bool six = slice_starts(text, S("["));
    bool has_port;
    if (six) {
        struct slice rest;
        if (!slice_cut(slice_from(text, 1), ']', &address, &rest) || (rest.n > 0 && rest.p[0] != ':'))
            return false;
        has_port = rest.n > 0;
        port = slice_from(rest, 1);
    } else {
        has_port = slice_cut(text, ':', &address, &port);
    }
    if (has_port && (!slice_to_u32(port, &number) || number < 1 || number > 65535))
        return false;
    if (address.n >= sizeof(plain))
        return false;
    snprintf(plain, sizeof(plain), "%.*s", SLICE_ARGS(address));
    return inet_pton(six ? AF_INET6 : AF_INET, plain, bytes) == 1;
}

/* 0 is "off". */
static enum err read_port(struct reading *r, const struct words *words, uint16_t *ret, struct error *error)
{
    uint32_t port = 0;
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (!slice_eq(words->at[0], S("off")) && (!slice_to_u32(words->at[0], &port) || port < 1 || port > 65535))
        return setting_refuse(r, error, "\"%.*s\" is not a port", SLICE_ARGS(words->at[0]));
    *ret = (uint16_t)port;
    return ERR_OK;
}

void setting_put_port(const char *key, uint16_t port, struct buf *out)
{
    if (port == 0)
        buf_printf(out, "%s = off\n", key);
    else
        buf_printf(out, "%s = %u\n", key, (unsigned)port);
}

enum err setting_read_outbound_port(struct reading *r, const struct words *words, struct error *error)
{
    return read_port(r, words, &r->settings->outbound_port, error);
}

enum err setting_read_mta_sts_port(struct reading *r, const struct words *words, struct error *error)
{
    return read_port(r, words, &r->settings->mta_sts_port, error);
}

enum err setting_read_outbound_private(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, setting_truth_names, 2, &choice, error);
    if (e == ERR_OK)
        r->settings->outbound_private = choice == 1;
    return e;
}

enum err setting_read_source_addresses(struct reading *r, const struct words *words, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_FILE_MAX);
    struct error why;
    for (size_t i = 0; i < words->count; i++)
        buf_printf(&text, "%s%.*s", i > 0 ? " " : "", SLICE_ARGS(words->at[i]));
    if (buf_failed(&text))
        return fail_nomem(error);
    if (own_addresses_parse(buf_slice(&text), &r->settings->sources, &why) == ERR_OK)
        return ERR_OK;
    return setting_refuse(r, error, "%s", why.client);
}

void setting_put_sources(const struct settings *s, struct buf *out)
{
    buf_put(out, S("source-addresses = "));
    own_addresses_put(&s->sources, out);
    buf_put(out, s->sources.count > 0 ? S("\n") : S("none\n"));
}

enum err setting_read_resolver(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (slice_eq(words->at[0], S("system")))
        return setting_keep(r, slice_none(), &r->settings->resolver, error);
    if (!setting_address_valid(words->at[0]))
        return setting_refuse(r, error, "\"%.*s\" is not the address of a name server",
                              SLICE_ARGS(words->at[0]));
    return setting_keep(r, words->at[0], &r->settings->resolver, error);
}

enum err setting_read_dnssec_anchor(struct reading *r, const struct words *words, struct error *error)
{
    const char **anchor = &r->settings->dnssec_anchor;
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (slice_eq(words->at[0], S("none")) || slice_eq(words->at[0], S("root")))
        return setting_keep(r, words->at[0], anchor, error);
    e = setting_keep_path(r, words->at[0], SETTING_PATH_BYTES_MAX, anchor, error);
    return e == ERR_OK ? setting_check_file(r, *anchor, error) : e;
}

enum err setting_read_ca_file(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e == ERR_OK)
        e = setting_keep_path(r, words->at[0], SETTING_PATH_BYTES_MAX, &r->settings->ca_file, error);
    /* A machine without ca-certificates may never ask anybody; one that was told a file must have it. */
    return e == ERR_OK && r->line != 0 ? setting_check_file(r, r->settings->ca_file, error) : e;
}

/* ---- OAuth ---- */

/* https, or http to this machine alone. What else makes a URL, relay will say when it asks. */
static bool url_valid(struct slice url)
{
    struct slice host;
    struct cursor c = cursor_of(url);
    bool tls = cursor_skip(&c, S("https://"));
    if (!tls && !cursor_skip(&c, S("http://")))
        return false;
    if (cursor_skip(&c, S("[::1]")))
        host = S("localhost");
    else
        host = cursor_take_until(&c, S(":/?#"));
    bool here = slice_eq(host, S("localhost")) || slice_eq(host, S("127.0.0.1"));
    bool good = host.n > 0 &&
                (tls || (here && (cursor_done(&c) || cursor_peek(&c) == ':' || cursor_peek(&c) == '/')));
    for (size_t i = 0; good && i < url.n; i++)
        good = url.p[i] > ' ' && url.p[i] < 0x7f;
    return good && url.n <= OAUTH_TEXT_MAX;
}

/* "none" is kept as an empty text. */
static enum err keep_text(struct reading *r, struct slice text, const char **ret, struct error *error)
{
    if (slice_eq(text, S("none")))
        text.n = 0;
    else if (text.n == 0 || text.n > OAUTH_TEXT_MAX)
        return setting_refuse(r, error, "a text of 1 to %d bytes is expected", OAUTH_TEXT_MAX);
    return setting_keep(r, text, ret, error);
}

static enum err read_text(struct reading *r, const struct words *words, const char **ret, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    return e == ERR_OK ? keep_text(r, words->at[0], ret, error) : e;
}

static enum err read_url(struct reading *r, const struct words *words, const char **ret, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e == ERR_OK && !slice_eq(words->at[0], S("none")) && !url_valid(words->at[0]))
        e = setting_refuse(r, error, "\"%.*s\" is no https URL", SLICE_ARGS(words->at[0]));
    return e == ERR_OK ? keep_text(r, words->at[0], ret, error) : e;
}

enum err setting_read_oauth_jwks(struct reading *r, const struct words *words, struct error *error)
{
    return read_url(r, words, &r->settings->oauth_jwks, error);
}

enum err setting_read_oauth_introspection(struct reading *r, const struct words *words, struct error *error)
{
    return read_url(r, words, &r->settings->oauth_introspection, error);
}

enum err setting_read_oauth_issuer(struct reading *r, const struct words *words, struct error *error)
{
    return read_text(r, words, &r->settings->oauth_issuer, error);
}

enum err setting_read_oauth_audience(struct reading *r, const struct words *words, struct error *error)
{
    return read_text(r, words, &r->settings->oauth_audience, error);
}

enum err setting_read_oauth_claim(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = read_text(r, words, &r->settings->oauth_claim, error);
    if (e == ERR_OK && r->settings->oauth_claim[0] == 0)
        e = setting_refuse(r, error, "a claim is needed: its account is all that a token is for");
    return e;
}

enum err setting_read_oauth_client(struct reading *r, const struct words *words, struct error *error)
{
    struct settings *s = r->settings;
    if (words->count == 1 && slice_eq(words->at[0], S("none"))) {
        s->oauth_client = s->oauth_secret_file = "";
        return ERR_OK;
    }
    if (words->count != 2)
        return setting_refuse(r, error, "ID SECRET-FILE is expected");
    enum err e = keep_text(r, words->at[0], &s->oauth_client, error);
    if (e == ERR_OK)
        e = setting_keep_path(r, words->at[1], SETTING_PATH_BYTES_MAX, &s->oauth_secret_file, error);
    return e == ERR_OK ? setting_check_file(r, s->oauth_secret_file, error) : e;
}

enum err setting_check_oauth(struct reading *r, struct error *error)
{
    struct settings *s = r->settings;
    bool jwks = s->oauth_jwks[0] != 0;
    bool introspection = s->oauth_introspection[0] != 0;
    if (jwks && introspection)
        return setting_refuse(r, error, "oauth-jwks or oauth-introspection, not both");
    /* Else whoever has a token of that provider, for whatever it was made, would come in (RFC 8725 3.8). */
    if (jwks && (s->oauth_issuer[0] == 0 || s->oauth_audience[0] == 0))
        return setting_refuse(r, error, "oauth-jwks needs oauth-issuer and oauth-audience");
    if (!introspection && s->oauth_client[0] != 0)
        return setting_refuse(r, error, "oauth-client is for oauth-introspection, which is not set");
    s->oauth = jwks || introspection;
    return ERR_OK;
}

static void put_text(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, "%s = \"%s\"\n", key, value[0] != 0 ? value : "none");
}

void setting_put_oauth(const struct settings *s, struct buf *out)
{
    put_text(out, "oauth-jwks", s->oauth_jwks);
    put_text(out, "oauth-introspection", s->oauth_introspection);
    put_text(out, "oauth-issuer", s->oauth_issuer);
    put_text(out, "oauth-audience", s->oauth_audience);
    put_text(out, "oauth-claim", s->oauth_claim);
    if (s->oauth_client[0] != 0)
        buf_printf(out, "oauth-client = \"%s\" \"%s\"\n", s->oauth_client, s->oauth_secret_file);
}
