#include "rt/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "base/spelling.h"
#include "rt/settings_private.h"

enum {
    ARENA_MAX = 16 * SETTINGS_FILE_MAX, /* every word, however short, takes an aligned piece */
    KEY_MAX = 32,                       /* longest key that is compared for a suggestion */
};

/* ---- protocols ---- */

static const struct {
    const char *name;
    uint16_t port;
    bool tls;
} protocols[] = {
#define X(name, text, port, tls) {text, port, tls},
    LISTEN_PROTOCOL_TABLE(X)
#undef X
};

const char *listen_protocol_name(enum listen_protocol protocol)
{
    must(protocol < LISTEN_PROTOCOLS);
    return protocols[protocol].name;
}

bool listen_protocol_is_apart(enum listen_protocol protocol)
{
    return protocol == LISTEN_HEALTH || protocol == LISTEN_ACME_HTTP || protocol == LISTEN_ACME_TLS;
}

bool listen_protocol_is_tls(enum listen_protocol protocol)
{
    must(protocol < LISTEN_PROTOCOLS);
    return protocols[protocol].tls;
}

uint16_t listen_protocol_port(enum listen_protocol protocol)
{
    must(protocol < LISTEN_PROTOCOLS);
    return protocols[protocol].port;
}

/* ---- keys ---- */

static const struct {
    const char *key;
    setting_read_fn *read;
} keys[] = {
#define X(name, key, preset, help) {key, setting_read_##name},
    SETTING_TABLE(X)
#undef X
};

enum {
#define X(name, key, preset, help) KEY_##name,
    SETTING_TABLE(X)
#undef X
};

static enum err refuse_key(const struct reading *r, struct slice key, struct error *error)
{
    struct spelling spelling = {0};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        spelling_offer(&spelling, key, keys[i].key);
    int shown = (int)MIN(key.n, (size_t)KEY_MAX);
    if (spelling.nearest == NULL)
        return setting_refuse(r, error, "unknown key \"%.*s\"", shown, key.p);
    return setting_refuse(r, error, "unknown key \"%.*s\"; did you mean \"%s\"?", shown, key.p,
                          spelling.nearest);
}

/* ---- lines ---- */

static enum err split_words(const struct reading *r, struct slice value, struct words *ret_words,
                            struct error *error)
{
    struct words words = {.count = 0};
    struct cursor c = cursor_of(value);
    for (;;) {
        (void)cursor_take_while(&c, S(" \t\r"));
        if (cursor_done(&c) || cursor_peek(&c) == '#')
            break;
        if (words.count == SETTING_WORDS_MAX)
            return setting_refuse(r, error, "more than %d words", SETTING_WORDS_MAX);
        struct slice word;
        if (cursor_skip_char(&c, '"')) {
            word = cursor_take_until(&c, S("\""));
            if (!cursor_skip_char(&c, '"'))
                return setting_refuse(r, error, "the closing quote is missing");
        } else {
            word = cursor_take_until(&c, S(" \t\r\""));
        }
        words.at[words.count++] = word;
    }
    if (words.count == 0)
        return setting_refuse(r, error, "the value is missing");
    *ret_words = words;
    return ERR_OK;
}

static bool may_be_repeated(size_t key)
{
    static const size_t keys_of_lines[] = {KEY_listen,     KEY_certificate, KEY_imap_without_for,
                                           KEY_block_list, KEY_domain_list, KEY_milter};
    for (size_t i = 0; i < ARRAY_LEN(keys_of_lines); i++)
        if (keys_of_lines[i] == key)
            return true;
    return false;
}

static enum err read_line(struct reading *r, struct slice line, bool *seen, struct error *error)
{
    struct slice key;
    struct slice value;
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < ' ' && !ascii_is_space(line.p[i])) || line.p[i] == 0x7f)
            return setting_refuse(r, error, "a control character");
    line = slice_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return ERR_OK;
    if (!slice_cut(line, '=', &key, &value))
        return setting_refuse(r, error, "\"key = value\" is expected");
    key = slice_trim(key);
    size_t i = 0;
    while (i < ARRAY_LEN(keys) && !slice_eq(key, slice_cstr(keys[i].key)))
        i++;
    if (i == ARRAY_LEN(keys))
        return refuse_key(r, key, error);
    if (seen[i] && !may_be_repeated(i))
        return setting_refuse(r, error, "\"%s\" is given twice", keys[i].key);
    seen[i] = true;
    struct words words;
    enum err e = split_words(r, value, &words, error);
    return e != ERR_OK ? e : keys[i].read(r, &words, error);
}

/* ---- defaults ---- */

/* The machine's name; when that has no dot, the resolver's idea of it in full, as `hostname -f` has it. */
static enum err default_hostname(struct reading *r, struct error *error)
{
    char name[SETTING_HOSTNAME_MAX + 1] = "";
    if (gethostname(name, sizeof(name)) != 0 || name[SETTING_HOSTNAME_MAX] != 0)
        return setting_refuse(r, error, "the machine's name is unknown: set \"hostname\"");
    struct words words = {{slice_cstr(name)}, 1};
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    if (strchr(name, '.') == NULL && getaddrinfo(name, NULL, &hints, &list) == 0 &&
        list->ai_canonname != NULL && strchr(list->ai_canonname, '.') != NULL)
        words.at[0] = slice_cstr(list->ai_canonname);
    enum err e = setting_read_hostname(r, &words, error);
    if (list != NULL)
        freeaddrinfo(list);
    return e;
}

static enum err default_listens(struct reading *r, struct error *error)
{
    for (unsigned i = 0; i < LISTEN_PROTOCOLS; i++) {
        if (listen_protocol_is_apart((enum listen_protocol)i))
            continue;
        struct listen_setting listen = {(enum listen_protocol)i,
                                        "::", listen_protocol_port((enum listen_protocol)i)};
        enum err e = ERR_OK;
        if (i == LISTEN_LMTP) {
            CLEANUP(buf_release) struct buf path = BUF(SETTINGS_PATH_MAX + 16);
            buf_printf(&path, "%s/lmtp.sock", r->settings->run_directory);
            e = setting_keep(r, buf_slice(&path), &listen.address, error);
        }
        if (e == ERR_OK)
            e = setting_add_listen(r, &listen, error);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* Without those that have a key of their own. */
static size_t count_listens(const struct settings *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->listen_count; i++)
        count += !listen_protocol_is_apart(s->listens[i].protocol);
    return count;
}

static const char *const presets[] = {
#define X(name, key, preset, help) preset,
    SETTING_TABLE(X)
#undef X
};

static enum err fill_defaults(struct reading *r, const bool *seen, struct error *error)
{
    enum err e = ERR_OK;
    r->line = 0;
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(keys); i++) {
        struct words words = {{slice_cstr(presets[i])}, 1};
        if (seen[i] || i == KEY_certificate || i == KEY_listen)
            continue;
        e = i == KEY_hostname ? default_hostname(r, error) : keys[i].read(r, &words, error);
    }
    if (e == ERR_OK && !seen[KEY_listen])
        e = default_listens(r, error);
    else if (e == ERR_OK && r->listen_none && count_listens(r->settings) > 0)
        e = setting_refuse(r, error, "\"listen = none\" stands beside other listeners");
    if (e == ERR_OK)
        e = setting_check_oauth(r, error);
    return e == ERR_OK ? setting_check_acme(r, error) : e;
}

/* ---- the whole ---- */

static enum err parse(struct slice text, const char *name, bool check_files, struct settings **ret_settings,
                      struct error *error)
{
    bool seen[ARRAY_LEN(keys)] = {false};
    struct settings *settings = calloc(1, sizeof(*settings));
    if (settings == NULL)
        return fail_nomem(error);
    settings->arena = ARENA(ARENA_MAX);
    struct reading r = {.settings = settings, .name = name, .check_files = check_files};
    enum err e = ERR_OK;
    if (text.n > SETTINGS_FILE_MAX)
        e = setting_refuse(&r, error, "more than %d bytes", SETTINGS_FILE_MAX);
    for (bool more = true; e == ERR_OK && more;) {
        struct slice line;
        more = slice_cut(text, '\n', &line, &text);
        r.line++;
        e = read_line(&r, line, seen, error);
    }
    if (e == ERR_OK)
        e = fill_defaults(&r, seen, error);
    if (e != ERR_OK) {
        settings_free(settings);
        return e;
    }
    *ret_settings = settings;
    return ERR_OK;
}

enum err settings_parse(struct slice text, const char *name, struct settings **ret_settings,
                        struct error *error)
{
    return parse(text, name, false, ret_settings, error);
}

enum err settings_read(const char *file, struct settings **ret_settings, struct error *error)
{
    CLEANUP(fd_close) int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_plain(error, ERR_NOT_FOUND, "%s: %s", file, strerror(errno));
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_FILE_MAX);
    enum err e = fd_read_all(fd, &text, error);
    if (e != ERR_OK)
        return fail_plain(error, e, "%s: %s", file,
                          e == ERR_LIMIT ? "the file is too large" : "the file cannot be read");
    return parse(buf_slice(&text), file, true, ret_settings, error);
}

static void put_limit(struct buf *out, const char *key, uint32_t limit)
{
    if (limit > 0)
        buf_printf(out, "%s = %u\n", key, limit);
}

void settings_text(const struct settings *s, struct buf *out)
{
    buf_printf(out, "hostname = %s\n", s->hostname);
    buf_printf(out, "data = \"%s\"\n", s->data_directory);
    buf_printf(out, "run = \"%s\"\n", s->run_directory);
    for (size_t i = 0; i < s->listen_count; i++) {
        const struct listen_setting *l = &s->listens[i];
        const char *begin = l->protocol == LISTEN_HEALTH ? "health-listen =" : "listen = ";
        const char *protocol = l->protocol == LISTEN_HEALTH ? "" : listen_protocol_name(l->protocol);
        if (l->protocol == LISTEN_ACME_HTTP || l->protocol == LISTEN_ACME_TLS)
            continue;
        if (l->protocol == LISTEN_LMTP)
            buf_printf(out, "%s%s \"%s\"\n", begin, protocol, l->address);
        else if (strchr(l->address, ':') != NULL)
            buf_printf(out, "%s%s [%s]:%u\n", begin, protocol, l->address, l->port);
        else
            buf_printf(out, "%s%s %s:%u\n", begin, protocol, l->address, l->port);
    }
    if (count_listens(s) == 0)
        buf_put(out, S("listen = none\n"));
    for (size_t i = 0; i < s->certificate_count; i++)
        buf_printf(out, "certificate = \"%s\" \"%s\"\n", s->certificates[i].chain_file,
                   s->certificates[i].key_file);
    setting_put_acme(s, out);
    buf_printf(out, "log-level = %s\n", setting_level_names[s->log_level]);
    buf_printf(out, "log-format = %s\n", setting_format_names[s->log_json]);
    buf_printf(out, "user-store = %s\n", s->user_store);
    buf_printf(out, "user-edge = %s\n", s->user_edge);
    buf_printf(out, "user-relay = %s\n", s->user_relay);
    buf_printf(out, "message-size-max = %llu\n", (unsigned long long)s->message_size_max);
    buf_printf(out, "connections-per-address = %u\n", s->connections_per_address);
    buf_printf(out, "sessions-per-account = %u\n", s->sessions_per_account);
    buf_printf(out, "plaintext-login = %s\n", setting_truth_names[s->plaintext_login]);
    buf_printf(out, "full-mailbox = %s\n", setting_full_names[s->full_mailbox_refuse]);
    setting_put_receiving(s, out);
    setting_put_guards(s, out);
    setting_put_port("outbound-port", s->outbound_port, out);
    setting_put_port("mta-sts-port", s->mta_sts_port, out);
    buf_printf(out, "outbound-private = %s\n", setting_truth_names[s->outbound_private]);
    setting_put_sources(s, out);
    buf_printf(out, "resolver = %s\n", s->resolver[0] != 0 ? s->resolver : "system");
    buf_printf(out, "dnssec-anchor = \"%s\"\n", s->dnssec_anchor);
    buf_printf(out, "ca-file = \"%s\"\n", s->ca_file);
    setting_put_oauth(s, out);
    buf_printf(out, "imap-without = \"%s\"\n", s->imap_without);
    for (size_t i = 0; i < s->imap_client_count; i++)
        buf_printf(out, "imap-without-for = \"%s\" \"%s\"\n", s->imap_clients[i].client,
                   s->imap_clients[i].without);
    put_limit(out, "imap-message-limit", s->imap_message_limit);
    put_limit(out, "imap-save-limit", s->imap_save_limit);
    buf_printf(out, "sasl-without = \"%s\"\n", s->sasl_without);
    buf_printf(out, "client-ca = \"%s\"\n", s->client_ca_file != NULL ? s->client_ca_file : "none");
}

void settings_free(struct settings *settings)
{
    if (settings == NULL)
        return;
    arena_release(&settings->arena);
    free(settings);
}
