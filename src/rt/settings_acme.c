/* The values of keys about certificates that are fetched by ACME. */
#include "rt/settings_private.h"

enum { ACME_TEXT_MAX = 1024 };

static const struct {
    const char *name;
    const char *url;
} authorities[] = {
    {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
    {"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"},
};

static const char *const challenge_names[] = {
#define X(name, text, listen) text,
    ACME_CHALLENGE_TABLE(X)
#undef X
};

static bool is_visible(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '"' || text.p[i] == '\\')
            return false;
    return text.n > 0 && text.n <= ACME_TEXT_MAX;
}

enum err setting_read_acme(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice url = words->at[0];
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
        if (slice_eq(url, slice_cstr(authorities[i].name)))
            url = slice_cstr(authorities[i].url);
    if (slice_eq(url, S("none")))
        return setting_keep(r, slice_none(), &r->settings->acme, error);
    if (!slice_starts(url, S("https://")) || !is_visible(url))
        return setting_refuse(r, error,
                              "\"%.*s\" is no https URL of an authority's directory; letsencrypt is one",
                              SLICE_ARGS(url));
    return setting_keep(r, url, &r->settings->acme, error);
}

enum err setting_read_acme_contact(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice address = words->at[0];
    if (slice_eq(address, S("none")))
        return setting_keep(r, slice_none(), &r->settings->acme_contact, error);
    if (!is_visible(address) || slice_find_char(address, '@') <= 0 || slice_find_char(address, ',') >= 0 ||
        slice_find_char(address, '?') >= 0)
        return setting_refuse(r, error, "\"%.*s\" is no mail address", SLICE_ARGS(address));
    return setting_keep(r, address, &r->settings->acme_contact, error);
}

enum err setting_read_acme_names(struct reading *r, const struct words *words, struct error *error)
{
    CLEANUP(buf_release) struct buf list = BUF(SETTINGS_FILE_MAX);
    if (words->count == 1 && slice_eq(words->at[0], S("hostname")))
        return setting_keep(r, slice_none(), &r->settings->acme_names, error);
    for (size_t i = 0; i < words->count; i++) {
        struct slice rest = words->at[i];
        struct slice name;
        for (bool more = true; more;) {
            more = slice_cut(rest, ',', &name, &rest);
            if (name.n == 0)
                continue;
            if (!own_name_valid(slice_starts(name, S("*.")) ? slice_from(name, S("*.").n) : name))
                return setting_refuse(r, error, "\"%.*s\" is no name that a certificate could be for",
                                      SLICE_ARGS(name));
            if (list.n > 0)
                buf_putc(&list, ' ');
            for (size_t k = 0; k < name.n; k++)
                buf_putc(&list, ascii_lower(name.p[k]));
        }
    }
    return setting_keep(r, buf_slice(&list), &r->settings->acme_names, error);
}

enum err setting_read_acme_challenge(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, challenge_names, ARRAY_LEN(challenge_names), &choice, error);
    if (e == ERR_OK)
        r->settings->acme_challenge = (enum acme_challenge)choice;
    return e;
}

enum err setting_read_acme_listen(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    return e == ERR_OK ? setting_keep(r, words->at[0], &r->settings->acme_listen, error) : e;
}

enum err setting_read_acme_account(struct reading *r, const struct words *words, struct error *error)
{
    struct settings *s = r->settings;
    if (words->count == 1 && slice_eq(words->at[0], S("none"))) {
        s->acme_kid = s->acme_key_file = "";
        return ERR_OK;
    }
    if (words->count != 2 || !is_visible(words->at[0]))
        return setting_refuse(r, error, "KEY-ID KEY-FILE is expected, as the authority gave them");
    enum err e = setting_keep(r, words->at[0], &s->acme_kid, error);
    if (e == ERR_OK)
        e = setting_keep_path(r, words->at[1], SETTING_PATH_BYTES_MAX, &s->acme_key_file, error);
    return e == ERR_OK ? setting_check_file(r, s->acme_key_file, error) : e;
}

const char *acme_challenge_name(enum acme_challenge challenge)
{
    return challenge_names[challenge];
}

/* The names, the host's own first, each once. */
static enum err complete_names(struct reading *r, struct error *error)
{
    struct settings *s = r->settings;
    CLEANUP(buf_release) struct buf list = BUF(SETTINGS_FILE_MAX);
    struct slice rest = slice_cstr(s->acme_names);
    struct slice name;
    size_t count = 1;
    buf_put(&list, slice_cstr(s->hostname));
    while (rest.n > 0) {
        slice_cut(rest, ' ', &name, &rest);
        if (slice_eq(name, slice_cstr(s->hostname)))
            continue;
        if (slice_starts(name, S("*.")) && s->acme_challenge != ACME_DNS_01)
            return setting_refuse(r, error, "\"%.*s\" can be proven in the DNS only: acme-challenge = dns-01",
                                  SLICE_ARGS(name));
        buf_putc(&list, ' ');
        buf_put(&list, name);
        count++;
    }
    if (count > SETTINGS_ACME_NAMES_MAX)
        return setting_refuse(r, error, "a certificate is for at most %d names", SETTINGS_ACME_NAMES_MAX);
    if (!own_name_valid(slice_cstr(s->hostname)))
        return setting_refuse(r, error, "no authority makes a certificate for \"%s\": set \"hostname\"",
                              s->hostname);
    return setting_keep(r, buf_slice(&list), &s->acme_names, error);
}

enum err setting_check_acme(struct reading *r, struct error *error)
{
    static const enum listen_protocol protocols[] = {
#define X(name, text, listen) listen,
        ACME_CHALLENGE_TABLE(X)
#undef X
    };
    struct settings *s = r->settings;
    struct listen_setting listen = {.protocol = protocols[s->acme_challenge]};
    if (s->acme[0] == 0)
        return ERR_OK;
    enum err e = complete_names(r, error);
    if (e != ERR_OK || listen.protocol == LISTEN_PROTOCOLS || strcmp(s->acme_listen, "none") == 0)
        return e;
    listen.port = listen_protocol_port(listen.protocol);
    struct slice at = strcmp(s->acme_listen, "default") == 0 ? slice_none() : slice_cstr(s->acme_listen);
    e = setting_read_address(r, at, &listen, error);
    return e != ERR_OK ? e : setting_add_listen(r, &listen, error);
}

void setting_put_acme(const struct settings *s, struct buf *out)
{
    buf_printf(out, "acme = %s\n", s->acme[0] != 0 ? s->acme : "none");
    buf_printf(out, "acme-contact = \"%s\"\n", s->acme_contact[0] != 0 ? s->acme_contact : "none");
    buf_printf(out, "acme-names = %s\n", s->acme_names[0] != 0 ? s->acme_names : "hostname");
    buf_printf(out, "acme-challenge = %s\n", challenge_names[s->acme_challenge]);
    buf_printf(out, "acme-listen = \"%s\"\n", s->acme_listen);
    if (s->acme_kid[0] != 0)
        buf_printf(out, "acme-account = \"%s\" \"%s\"\n", s->acme_kid, s->acme_key_file);
}
