#include <arpa/inet.h>
#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/must.h"
#include "base/name_list.h"
#include "rt/settings_private.h"

enum {
    LABEL_MAX = 63, /* RFC 1035 2.3.4 */
    USER_MAX = 32,
    COUNT_MOST = 1000000,
    LIMIT_LEAST = 1000,
};

/* ---- errors ---- */

enum err setting_refuse(const struct reading *r, struct error *error, const char *format, ...)
{
    char text[ERROR_CLIENT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (r->line == 0)
        return fail_plain(error, ERR_INVALID, "%s: %s", r->name, text);
    return fail_plain(error, ERR_INVALID, "%s:%u: %s", r->name, r->line, text);
}

/* ---- values ---- */

enum err setting_keep(struct reading *r, struct slice s, const char **ret, struct error *error)
{
    struct slice copy = arena_dup(&r->settings->arena, s);
    if (copy.p == NULL)
        return fail_nomem(error);
    *ret = copy.p;
    return ERR_OK;
}

enum err setting_one_word(const struct reading *r, const struct words *words, struct error *error)
{
    return words->count == 1 ? ERR_OK : setting_refuse(r, error, "one word is expected");
}

static enum err two_words(const struct reading *r, const struct words *words, struct error *error)
{
    return words->count <= 2
               ? ERR_OK
               : setting_refuse(r, error, "too many words; \"quotes\" keep one with blanks together");
}

static bool hostname_valid(struct slice name)
{
    if (name.n == 0 || name.n > SETTING_HOSTNAME_MAX)
        return false;
    for (bool more = true; more;) {
        struct slice label;
        more = slice_cut(name, '.', &label, &name);
        if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
                return false;
    }
    return true;
}

enum err setting_read_hostname(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice name = words->at[0];
    if (!hostname_valid(name))
        return setting_refuse(r, error, "\"%.*s\" is not a host name", SLICE_ARGS(name));
    char lower[SETTING_HOSTNAME_MAX];
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return setting_keep(r, slice_of(lower, name.n), &r->settings->hostname, error);
}

enum err setting_keep_path(struct reading *r, struct slice path, size_t max, const char **ret,
                           struct error *error)
{
    if (path.n == 0 || path.p[0] != '/')
        return setting_refuse(r, error, "\"%.*s\" is not an absolute path", SLICE_ARGS(path));
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n > max)
        return setting_refuse(r, error, "the path has more than %zu bytes", max);
    return setting_keep(r, path, ret, error);
}

enum err setting_read_data(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    return e != ERR_OK ? e
                       : setting_keep_path(r, words->at[0], SETTING_PATH_BYTES_MAX,
                                           &r->settings->data_directory, error);
}

enum err setting_read_run(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    return setting_keep_path(r, words->at[0], SETTINGS_PATH_MAX, &r->settings->run_directory, error);
}

enum err setting_read_address(struct reading *r, struct slice text, struct listen_setting *listen,
                              struct error *error)
{
    struct slice address = text;
    struct slice port = slice_none();
    bool has_port = false;
    bool six = slice_starts(text, S("["));
    if (six) {
        struct slice rest;
        if (!slice_cut(slice_from(text, 1), ']', &address, &rest) || (rest.n > 0 && rest.p[0] != ':'))
            return setting_refuse(r, error, "\"%.*s\" is not an address", SLICE_ARGS(text));
        has_port = rest.n > 0;
        port = slice_from(rest, 1);
    } else {
        has_port = slice_cut(text, ':', &address, &port);
        if (slice_find_char(port, ':') >= 0)
            return setting_refuse(r, error, "an IPv6 address is written in brackets: [::1]:143");
    }
    uint32_t number = listen->port;
    if (has_port && (!slice_to_u32(port, &number) || number < 1 || number > 65535))
        return setting_refuse(r, error, "\"%.*s\" is not a port", SLICE_ARGS(port));
    listen->port = (uint16_t)number;
    if (!six && (address.n == 0 || slice_eq(address, S("*"))))
        return setting_keep(r, S("::"), &listen->address, error);
    char plain[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[sizeof(struct in6_addr)];
    if (address.n < sizeof(plain))
        snprintf(plain, sizeof(plain), "%.*s", SLICE_ARGS(address));
    int family = six ? AF_INET6 : AF_INET;
    if (inet_pton(family, plain, bytes) != 1)
        return setting_refuse(r, error, "\"%.*s\" is not an address", SLICE_ARGS(text));
    must(inet_ntop(family, bytes, plain, sizeof(plain)) != NULL);
    return setting_keep(r, slice_cstr(plain), &listen->address, error);
}

static bool find_protocol(struct slice name, enum listen_protocol *ret)
{
    for (unsigned i = 0; i < LISTEN_PROTOCOLS; i++) {
        if (!listen_protocol_is_apart((enum listen_protocol)i) &&
            slice_eq(name, slice_cstr(listen_protocol_name((enum listen_protocol)i)))) {
            *ret = (enum listen_protocol)i;
            return true;
        }
    }
    return false;
}

enum err setting_add_listen(struct reading *r, const struct listen_setting *listen, struct error *error)
{
    struct settings *s = r->settings;
    for (size_t i = 0; i < s->listen_count; i++)
        if (strcmp(s->listens[i].address, listen->address) == 0 && s->listens[i].port == listen->port)
            return setting_refuse(r, error, "%s listens on this address and port already",
                                  listen_protocol_name(s->listens[i].protocol));
    if (s->listen_count == SETTINGS_LISTEN_MAX)
        return setting_refuse(r, error, "more than %d listeners", SETTINGS_LISTEN_MAX);
    s->listens[s->listen_count++] = *listen;
    return ERR_OK;
}

enum err setting_read_listen(struct reading *r, const struct words *words, struct error *error)
{
    struct listen_setting listen;
    enum err e = two_words(r, words, error);
    if (e != ERR_OK)
        return e;
    if (words->count == 1 && slice_eq(words->at[0], S("none"))) {
        r->listen_none = true;
        return ERR_OK;
    }
    if (!find_protocol(words->at[0], &listen.protocol))
        return setting_refuse(r, error, "\"%.*s\" is not a protocol", SLICE_ARGS(words->at[0]));
    listen.port = listen_protocol_port(listen.protocol);
    if (listen.protocol != LISTEN_LMTP) {
        e = setting_read_address(r, words->count > 1 ? words->at[1] : slice_none(), &listen, error);
    } else {
        if (words->count < 2)
            return setting_refuse(r, error, "lmtp needs the path of its socket");
        size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
        e = setting_keep_path(r, words->at[1], max, &listen.address, error);
    }
    return e != ERR_OK ? e : setting_add_listen(r, &listen, error);
}

/* Who may read figures is a decision: without an address only this machine, never by chance everybody. */
enum err setting_read_health_listen(struct reading *r, const struct words *words, struct error *error)
{
    struct listen_setting listen = {.protocol = LISTEN_HEALTH, .port = listen_protocol_port(LISTEN_HEALTH)};
    char text[sizeof("127.0.0.1:65535")];
    uint32_t port;
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK || slice_eq(words->at[0], S("none")))
        return e;
    struct slice at = words->at[0];
    if (slice_starts(at, S(":")) || slice_starts(at, S("*")))
        return setting_refuse(r, error, "health-listen needs an address; a port alone is 127.0.0.1's");
    if (at.n <= 5 && slice_to_u32(at, &port)) {
        snprintf(text, sizeof(text), "127.0.0.1:%.*s", SLICE_ARGS(at));
        at = slice_cstr(text);
    }
    e = setting_read_address(r, at, &listen, error);
    return e != ERR_OK ? e : setting_add_listen(r, &listen, error);
}

enum err setting_check_file(const struct reading *r, const char *file, struct error *error)
{
    if (r->check_files && access(file, R_OK) != 0)
        return setting_refuse(r, error, "cannot read %s: %s", file, strerror(errno));
    return ERR_OK;
}

enum err setting_read_certificate(struct reading *r, const struct words *words, struct error *error)
{
    struct settings *s = r->settings;
    struct certificate_setting certificate;
    if (s->certificates == NULL)
        s->certificates = arena_array(&s->arena, SETTINGS_CERTIFICATES_MAX, sizeof(*s->certificates));
    if (s->certificates == NULL)
        return fail_nomem(error);
    if (s->certificate_count == SETTINGS_CERTIFICATES_MAX)
        return setting_refuse(r, error, "more than %d certificates", SETTINGS_CERTIFICATES_MAX);
    enum err e = two_words(r, words, error);
    if (e == ERR_OK)
        e = setting_keep_path(r, words->at[0], SETTING_PATH_BYTES_MAX, &certificate.chain_file, error);
    if (e == ERR_OK)
        e = setting_keep_path(r, words->at[words->count - 1], SETTING_PATH_BYTES_MAX, &certificate.key_file,
                              error);
    if (e == ERR_OK)
        e = setting_check_file(r, certificate.chain_file, error);
    if (e == ERR_OK)
        e = setting_check_file(r, certificate.key_file, error);
    if (e == ERR_OK)
        s->certificates[s->certificate_count++] = certificate;
    return e;
}

/* One of the given names; *ret is its place. */
enum err setting_choice(const struct reading *r, const struct words *words, const char *const *names,
                        size_t count, unsigned *ret, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    for (unsigned i = 0; i < count; i++) {
        if (slice_eq(words->at[0], slice_cstr(names[i]))) {
            *ret = i;
            return ERR_OK;
        }
    }
    CLEANUP(buf_release) struct buf all = BUF(ERROR_CLIENT_MAX);
    for (size_t i = 0; i < count; i++)
        buf_printf(&all, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", names[i]);
    return setting_refuse(r, error, "\"%.*s\" is not %.*s", SLICE_ARGS(words->at[0]),
                          SLICE_ARGS(buf_slice(&all)));
}

const char *const setting_level_names[] = {"debug", "info", "warn", "error"};
const char *const setting_format_names[] = {"text", "json"};
const char *const setting_truth_names[] = {"no", "yes"};
const char *const setting_full_names[] = {"defer", "refuse"};

enum err setting_read_log_level(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e =
        setting_choice(r, words, setting_level_names, ARRAY_LEN(setting_level_names), &choice, error);
    if (e == ERR_OK)
        r->settings->log_level = (enum log_level)choice;
    return e;
}

enum err setting_read_log_format(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e =
        setting_choice(r, words, setting_format_names, ARRAY_LEN(setting_format_names), &choice, error);
    if (e == ERR_OK)
        r->settings->log_json = choice == 1;
    return e;
}

enum err setting_read_plaintext_login(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e =
        setting_choice(r, words, setting_truth_names, ARRAY_LEN(setting_truth_names), &choice, error);
    if (e == ERR_OK)
        r->settings->plaintext_login = choice == 1;
    return e;
}

enum err setting_read_full_mailbox(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, setting_full_names, ARRAY_LEN(setting_full_names), &choice, error);
    if (e == ERR_OK)
        r->settings->full_mailbox_refuse = choice == 1;
    return e;
}

static enum err read_user(struct reading *r, const struct words *words, const char **ret, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice name = words->at[0];
    bool good = name.n > 0 && name.n <= USER_MAX && name.p[0] != '-';
    for (size_t i = 0; good && i < name.n; i++)
        good = ascii_is_alnum(name.p[i]) || strchr("._-", name.p[i]) != NULL;
    if (!good)
        return setting_refuse(r, error, "\"%.*s\" is not a user's name", SLICE_ARGS(name));
    return setting_keep(r, name, ret, error);
}

enum err setting_read_user_store(struct reading *r, const struct words *words, struct error *error)
{
    return read_user(r, words, &r->settings->user_store, error);
}

enum err setting_read_user_edge(struct reading *r, const struct words *words, struct error *error)
{
    return read_user(r, words, &r->settings->user_edge, error);
}

enum err setting_read_user_relay(struct reading *r, const struct words *words, struct error *error)
{
    return read_user(r, words, &r->settings->user_relay, error);
}

bool setting_size(struct slice text, uint64_t *ret)
{
    unsigned shift = 0;
    switch (text.n > 0 ? ascii_upper(text.p[text.n - 1]) : 0) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    uint64_t n;
    if (shift > 0)
        text.n--;
    if (!slice_to_u64(text, &n) || n > (SETTINGS_MESSAGE_SIZE_MOST >> shift) ||
        n << shift < SETTINGS_MESSAGE_SIZE_LEAST)
        return false;
    *ret = n << shift;
    return true;
}

enum err setting_read_message_size_max(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e == ERR_OK && !setting_size(words->at[0], &r->settings->message_size_max))
        e = setting_refuse(r, error, "\"%.*s\" is not a size from 64K to 2G", SLICE_ARGS(words->at[0]));
    return e;
}

static enum err read_count(const struct reading *r, const struct words *words, uint32_t *ret,
                           struct error *error)
{
    uint32_t n;
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (!slice_to_u32(words->at[0], &n) || n < 1 || n > COUNT_MOST)
        return setting_refuse(r, error, "\"%.*s\" is not a number from 1 to %d", SLICE_ARGS(words->at[0]),
                              COUNT_MOST);
    *ret = n;
    return ERR_OK;
}

enum err setting_read_connections_per_address(struct reading *r, const struct words *words,
                                              struct error *error)
{
    return read_count(r, words, &r->settings->connections_per_address, error);
}

enum err setting_read_sessions_per_account(struct reading *r, const struct words *words, struct error *error)
{
    return read_count(r, words, &r->settings->sessions_per_account, error);
}

/* Names, or "none" alone. Which there are, only those know who use them. */
static enum err read_names(struct reading *r, const struct words *words, const char **ret,
                           struct error *error)
{
    CLEANUP(buf_release) struct buf list = BUF(SETTINGS_NAMES_MAX);
    bool none = words->count == 1 && slice_eq_nocase(words->at[0], S("none"));
    for (size_t i = 0; !none && i < words->count; i++)
        if (!name_list_add(&list, words->at[i]))
            return setting_refuse(r, error, "a name is letters, digits and signs");
    if (!none && name_list_has(buf_slice(&list), S("NONE")))
        return setting_refuse(r, error, "\"none\" stands beside names");
    if (buf_failed(&list))
        return setting_refuse(r, error, "more than %d bytes of names", SETTINGS_NAMES_MAX);
    return setting_keep(r, buf_slice(&list), ret, error);
}

enum err setting_read_arc_trusted(struct reading *r, const struct words *words, struct error *error)
{
    return read_names(r, words, &r->settings->arc_trusted, error);
}

enum err setting_read_imap_without(struct reading *r, const struct words *words, struct error *error)
{
    return read_names(r, words, &r->settings->imap_without, error);
}

/* RFC 9738 3: fewer than a thousand should not be announced. */
static enum err read_limit(const struct reading *r, const struct words *words, uint32_t *ret,
                           struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    uint32_t n = 0;
    if (!slice_eq_nocase(words->at[0], S("none")) &&
        (!slice_to_u32(words->at[0], &n) || n < LIMIT_LEAST || n > COUNT_MOST))
        return setting_refuse(r, error, "\"%.*s\" is not none or a number from %d to %d",
                              SLICE_ARGS(words->at[0]), LIMIT_LEAST, COUNT_MOST);
    *ret = n;
    /* A server has one or the other. */
    return r->settings->imap_message_limit > 0 && r->settings->imap_save_limit > 0
               ? setting_refuse(r, error, "imap-message-limit or imap-save-limit, not both")
               : ERR_OK;
}

enum err setting_read_imap_message_limit(struct reading *r, const struct words *words, struct error *error)
{
    return read_limit(r, words, &r->settings->imap_message_limit, error);
}

enum err setting_read_imap_save_limit(struct reading *r, const struct words *words, struct error *error)
{
    return read_limit(r, words, &r->settings->imap_save_limit, error);
}

/* "Some Mail*" NAME, NAME */
enum err setting_read_imap_without_for(struct reading *r, const struct words *words, struct error *error)
{
    struct settings *settings = r->settings;
    struct words names = {.count = words->count - 1};
    if (words->count == 1 && slice_eq_nocase(words->at[0], S("none")))
        return ERR_OK;
    if (words->count < 2)
        return setting_refuse(r, error, "a mail program and capabilities are expected");
    if (words->at[0].n == 0 || words->at[0].n > SETTINGS_CLIENT_NAME_MAX)
        return setting_refuse(r, error, "a mail program's name has 1 to %d bytes", SETTINGS_CLIENT_NAME_MAX);
    if (settings->imap_client_count == SETTINGS_CLIENTS_MAX)
        return setting_refuse(r, error, "more than %d mail programs", SETTINGS_CLIENTS_MAX);
    struct imap_client_setting *client = &settings->imap_clients[settings->imap_client_count];
    memcpy(names.at, words->at + 1, names.count * sizeof(names.at[0]));
    enum err e = setting_keep(r, words->at[0], &client->client, error);
    if (e == ERR_OK)
        e = read_names(r, &names, &client->without, error);
    settings->imap_client_count += e == ERR_OK;
    return e;
}

enum err setting_read_sasl_without(struct reading *r, const struct words *words, struct error *error)
{
    return read_names(r, words, &r->settings->sasl_without, error);
}

enum err setting_read_client_ca(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK || slice_eq(words->at[0], S("none")))
        return e;
    e = setting_keep_path(r, words->at[0], SETTING_PATH_BYTES_MAX, &r->settings->client_ca_file, error);
    return e != ERR_OK ? e : setting_check_file(r, r->settings->client_ca_file, error);
}
