#include "rt/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "base/spelling.h"

enum {
    ARENA_MAX = 16 * SETTINGS_FILE_MAX, /* every word, however short, takes an aligned piece */
    WORDS_MAX = 2,
    KEY_MAX = 32,       /* longest key that is compared for a suggestion */
    HOSTNAME_MAX = 253, /* RFC 1035 3.1, as text without the last dot */
    LABEL_MAX = 63,
    USER_MAX = 32,
    COUNT_MOST = 1000000,
};

/* A file while it is read. */
struct reading {
    struct settings *settings;
    const char *name;
    unsigned line;
    bool check_files;
    bool listen_none;
};

struct words {
    struct slice at[WORDS_MAX];
    size_t count;
};

typedef enum err read_fn(struct reading *r, const struct words *words, struct error *error);

/* ---- errors ---- */

static enum err refuse(const struct reading *r, struct error *error, const char *format, ...) FORMAT(3, 4);
static enum err refuse(const struct reading *r, struct error *error, const char *format, ...)
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

bool listen_protocol_is_tls(enum listen_protocol protocol)
{
    must(protocol < LISTEN_PROTOCOLS);
    return protocols[protocol].tls;
}

/* ---- values ---- */

static enum err keep(struct reading *r, struct slice s, const char **ret, struct error *error)
{
    struct slice copy = arena_dup(&r->settings->arena, s);
    if (copy.p == NULL)
        return fail_nomem(error);
    *ret = copy.p;
    return ERR_OK;
}

static enum err one_word(const struct reading *r, const struct words *words, struct error *error)
{
    return words->count == 1 ? ERR_OK : refuse(r, error, "one word is expected");
}

static bool hostname_valid(struct slice name)
{
    if (name.n == 0 || name.n > HOSTNAME_MAX)
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

static enum err read_hostname(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice name = words->at[0];
    if (!hostname_valid(name))
        return refuse(r, error, "\"%.*s\" is not a host name", SLICE_ARGS(name));
    char lower[HOSTNAME_MAX];
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return keep(r, slice_of(lower, name.n), &r->settings->hostname, error);
}

/* An absolute path, without slashes at its end. */
static enum err read_path(struct reading *r, struct slice path, size_t max, const char **ret,
                          struct error *error)
{
    if (path.n == 0 || path.p[0] != '/')
        return refuse(r, error, "\"%.*s\" is not an absolute path", SLICE_ARGS(path));
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n > max)
        return refuse(r, error, "the path has more than %zu bytes", max);
    return keep(r, path, ret, error);
}

static enum err read_data(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = one_word(r, words, error);
    return e != ERR_OK ? e : read_path(r, words->at[0], 1024, &r->settings->data_directory, error);
}

static enum err read_run(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    return read_path(r, words->at[0], SETTINGS_PATH_MAX, &r->settings->run_directory, error);
}

/* "ADDRESS", "ADDRESS:PORT", "[ADDRESS6]:PORT", ":PORT", "*". */
static enum err read_address(struct reading *r, struct slice text, struct listen_setting *listen,
                             struct error *error)
{
    struct slice address = text;
    struct slice port = slice_none();
    bool has_port = false;
    bool six = slice_starts(text, S("["));
    if (six) {
        struct slice rest;
        if (!slice_cut(slice_from(text, 1), ']', &address, &rest) || (rest.n > 0 && rest.p[0] != ':'))
            return refuse(r, error, "\"%.*s\" is not an address", SLICE_ARGS(text));
        has_port = rest.n > 0;
        port = slice_from(rest, 1);
    } else {
        has_port = slice_cut(text, ':', &address, &port);
        if (slice_find_char(port, ':') >= 0)
            return refuse(r, error, "an IPv6 address is written in brackets: [::1]:143");
    }
    uint32_t number = listen->port;
    if (has_port && (!slice_to_u32(port, &number) || number < 1 || number > 65535))
        return refuse(r, error, "\"%.*s\" is not a port", SLICE_ARGS(port));
    listen->port = (uint16_t)number;
    if (!six && (address.n == 0 || slice_eq(address, S("*"))))
        return keep(r, S("::"), &listen->address, error);
    char plain[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[sizeof(struct in6_addr)];
    if (address.n < sizeof(plain))
        snprintf(plain, sizeof(plain), "%.*s", SLICE_ARGS(address));
    int family = six ? AF_INET6 : AF_INET;
    if (inet_pton(family, plain, bytes) != 1)
        return refuse(r, error, "\"%.*s\" is not an address", SLICE_ARGS(text));
    must(inet_ntop(family, bytes, plain, sizeof(plain)) != NULL);
    return keep(r, slice_cstr(plain), &listen->address, error);
}

static bool find_protocol(struct slice name, enum listen_protocol *ret)
{
    for (unsigned i = 0; i < LISTEN_PROTOCOLS; i++) {
        if (slice_eq(name, slice_cstr(protocols[i].name))) {
            *ret = (enum listen_protocol)i;
            return true;
        }
    }
    return false;
}

static enum err add_listen(struct reading *r, const struct listen_setting *listen, struct error *error)
{
    struct settings *s = r->settings;
    for (size_t i = 0; i < s->listen_count; i++)
        if (strcmp(s->listens[i].address, listen->address) == 0 && s->listens[i].port == listen->port)
            return refuse(r, error, "%s listens on this address and port already",
                          listen_protocol_name(s->listens[i].protocol));
    if (s->listen_count == SETTINGS_LISTEN_MAX)
        return refuse(r, error, "more than %d listeners", SETTINGS_LISTEN_MAX);
    s->listens[s->listen_count++] = *listen;
    return ERR_OK;
}

static enum err read_listen(struct reading *r, const struct words *words, struct error *error)
{
    struct listen_setting listen;
    if (words->count == 1 && slice_eq(words->at[0], S("none"))) {
        r->listen_none = true;
        return ERR_OK;
    }
    if (!find_protocol(words->at[0], &listen.protocol))
        return refuse(r, error, "\"%.*s\" is not a protocol", SLICE_ARGS(words->at[0]));
    listen.port = protocols[listen.protocol].port;
    enum err e;
    if (listen.protocol != LISTEN_LMTP) {
        e = read_address(r, words->count > 1 ? words->at[1] : slice_none(), &listen, error);
    } else {
        if (words->count < 2)
            return refuse(r, error, "lmtp needs the path of its socket");
        size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
        e = read_path(r, words->at[1], max, &listen.address, error);
    }
    return e != ERR_OK ? e : add_listen(r, &listen, error);
}

static enum err check_file(const struct reading *r, const char *file, struct error *error)
{
    if (r->check_files && access(file, R_OK) != 0)
        return refuse(r, error, "cannot read %s: %s", file, strerror(errno));
    return ERR_OK;
}

static enum err read_certificate(struct reading *r, const struct words *words, struct error *error)
{
    struct settings *s = r->settings;
    struct certificate_setting certificate;
    if (s->certificates == NULL)
        s->certificates = arena_array(&s->arena, SETTINGS_CERTIFICATES_MAX, sizeof(*s->certificates));
    if (s->certificates == NULL)
        return fail_nomem(error);
    if (s->certificate_count == SETTINGS_CERTIFICATES_MAX)
        return refuse(r, error, "more than %d certificates", SETTINGS_CERTIFICATES_MAX);
    enum err e = read_path(r, words->at[0], 1024, &certificate.chain_file, error);
    if (e == ERR_OK)
        e = read_path(r, words->at[words->count - 1], 1024, &certificate.key_file, error);
    if (e == ERR_OK)
        e = check_file(r, certificate.chain_file, error);
    if (e == ERR_OK)
        e = check_file(r, certificate.key_file, error);
    if (e == ERR_OK)
        s->certificates[s->certificate_count++] = certificate;
    return e;
}

/* One of the given names; *ret is its place. */
static enum err read_choice(const struct reading *r, const struct words *words, const char *const *names,
                            size_t count, unsigned *ret, struct error *error)
{
    enum err e = one_word(r, words, error);
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
    return refuse(r, error, "\"%.*s\" is not %.*s", SLICE_ARGS(words->at[0]), SLICE_ARGS(buf_slice(&all)));
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"text", "json"};
static const char *const truth_names[] = {"no", "yes"};

static enum err read_log_level(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = read_choice(r, words, level_names, ARRAY_LEN(level_names), &choice, error);
    if (e == ERR_OK)
        r->settings->log_level = (enum log_level)choice;
    return e;
}

static enum err read_log_format(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = read_choice(r, words, format_names, ARRAY_LEN(format_names), &choice, error);
    if (e == ERR_OK)
        r->settings->log_json = choice == 1;
    return e;
}

static enum err read_plaintext_login(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = read_choice(r, words, truth_names, ARRAY_LEN(truth_names), &choice, error);
    if (e == ERR_OK)
        r->settings->plaintext_login = choice == 1;
    return e;
}

static enum err read_user(struct reading *r, const struct words *words, const char **ret, struct error *error)
{
    enum err e = one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice name = words->at[0];
    bool good = name.n > 0 && name.n <= USER_MAX && name.p[0] != '-';
    for (size_t i = 0; good && i < name.n; i++)
        good = ascii_is_alnum(name.p[i]) || strchr("._-", name.p[i]) != NULL;
    if (!good)
        return refuse(r, error, "\"%.*s\" is not a user's name", SLICE_ARGS(name));
    return keep(r, name, ret, error);
}

static enum err read_user_store(struct reading *r, const struct words *words, struct error *error)
{
    return read_user(r, words, &r->settings->user_store, error);
}

static enum err read_user_edge(struct reading *r, const struct words *words, struct error *error)
{
    return read_user(r, words, &r->settings->user_edge, error);
}

static enum err read_user_relay(struct reading *r, const struct words *words, struct error *error)
{
    return read_user(r, words, &r->settings->user_relay, error);
}

static enum err read_message_size_max(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    struct slice text = words->at[0];
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
        return refuse(r, error, "\"%.*s\" is not a size from 64K to 2G", SLICE_ARGS(words->at[0]));
    r->settings->message_size_max = n << shift;
    return ERR_OK;
}

static enum err read_count(const struct reading *r, const struct words *words, uint32_t *ret,
                           struct error *error)
{
    uint32_t n;
    enum err e = one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (!slice_to_u32(words->at[0], &n) || n < 1 || n > COUNT_MOST)
        return refuse(r, error, "\"%.*s\" is not a number from 1 to %d", SLICE_ARGS(words->at[0]),
                      COUNT_MOST);
    *ret = n;
    return ERR_OK;
}

static enum err read_connections_per_address(struct reading *r, const struct words *words,
                                             struct error *error)
{
    return read_count(r, words, &r->settings->connections_per_address, error);
}

static enum err read_sessions_per_account(struct reading *r, const struct words *words, struct error *error)
{
    return read_count(r, words, &r->settings->sessions_per_account, error);
}

/* ---- keys ---- */

static const struct {
    const char *key;
    read_fn *read;
} keys[] = {
#define X(name, key, preset, help) {key, read_##name},
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
        return refuse(r, error, "unknown key \"%.*s\"", shown, key.p);
    return refuse(r, error, "unknown key \"%.*s\"; did you mean \"%s\"?", shown, key.p, spelling.nearest);
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
        if (words.count == WORDS_MAX)
            return refuse(r, error, "too many words; \"quotes\" keep one with blanks together");
        struct slice word;
        if (cursor_skip_char(&c, '"')) {
            word = cursor_take_until(&c, S("\""));
            if (!cursor_skip_char(&c, '"'))
                return refuse(r, error, "the closing quote is missing");
        } else {
            word = cursor_take_until(&c, S(" \t\r\""));
        }
        words.at[words.count++] = word;
    }
    if (words.count == 0)
        return refuse(r, error, "the value is missing");
    *ret_words = words;
    return ERR_OK;
}

static enum err read_line(struct reading *r, struct slice line, bool *seen, struct error *error)
{
    struct slice key;
    struct slice value;
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < ' ' && !ascii_is_space(line.p[i])) || line.p[i] == 0x7f)
            return refuse(r, error, "a control character");
    line = slice_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return ERR_OK;
    if (!slice_cut(line, '=', &key, &value))
        return refuse(r, error, "\"key = value\" is expected");
    key = slice_trim(key);
    size_t i = 0;
    while (i < ARRAY_LEN(keys) && !slice_eq(key, slice_cstr(keys[i].key)))
        i++;
    if (i == ARRAY_LEN(keys))
        return refuse_key(r, key, error);
    if (seen[i] && i != KEY_listen && i != KEY_certificate)
        return refuse(r, error, "\"%s\" is given twice", keys[i].key);
    seen[i] = true;
    struct words words;
    enum err e = split_words(r, value, &words, error);
    return e != ERR_OK ? e : keys[i].read(r, &words, error);
}

/* ---- defaults ---- */

/* The machine's name; when that has no dot, the resolver's idea of it in full, as `hostname -f` has it. */
static enum err default_hostname(struct reading *r, struct error *error)
{
    char name[HOSTNAME_MAX + 1] = "";
    if (gethostname(name, sizeof(name)) != 0 || name[HOSTNAME_MAX] != 0)
        return refuse(r, error, "the machine's name is unknown: set \"hostname\"");
    struct words words = {{slice_cstr(name)}, 1};
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    if (strchr(name, '.') == NULL && getaddrinfo(name, NULL, &hints, &list) == 0 &&
        list->ai_canonname != NULL && strchr(list->ai_canonname, '.') != NULL)
        words.at[0] = slice_cstr(list->ai_canonname);
    enum err e = read_hostname(r, &words, error);
    if (list != NULL)
        freeaddrinfo(list);
    return e;
}

static enum err default_listens(struct reading *r, struct error *error)
{
    for (unsigned i = 0; i < LISTEN_PROTOCOLS; i++) {
        struct listen_setting listen = {(enum listen_protocol)i, "::", protocols[i].port};
        enum err e = ERR_OK;
        if (i == LISTEN_LMTP) {
            CLEANUP(buf_release) struct buf path = BUF(SETTINGS_PATH_MAX + 16);
            buf_printf(&path, "%s/lmtp.sock", r->settings->run_directory);
            e = keep(r, buf_slice(&path), &listen.address, error);
        }
        if (e == ERR_OK)
            e = add_listen(r, &listen, error);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
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
    else if (e == ERR_OK && r->listen_none && r->settings->listen_count > 0)
        e = refuse(r, error, "\"listen = none\" stands beside other listeners");
    return e;
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
        e = refuse(&r, error, "more than %d bytes", SETTINGS_FILE_MAX);
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

void settings_text(const struct settings *s, struct buf *out)
{
    buf_printf(out, "hostname = %s\n", s->hostname);
    buf_printf(out, "data = \"%s\"\n", s->data_directory);
    buf_printf(out, "run = \"%s\"\n", s->run_directory);
    for (size_t i = 0; i < s->listen_count; i++) {
        const struct listen_setting *l = &s->listens[i];
        const char *protocol = listen_protocol_name(l->protocol);
        if (l->protocol == LISTEN_LMTP)
            buf_printf(out, "listen = %s \"%s\"\n", protocol, l->address);
        else if (strchr(l->address, ':') != NULL)
            buf_printf(out, "listen = %s [%s]:%u\n", protocol, l->address, l->port);
        else
            buf_printf(out, "listen = %s %s:%u\n", protocol, l->address, l->port);
    }
    if (s->listen_count == 0)
        buf_put(out, S("listen = none\n"));
    for (size_t i = 0; i < s->certificate_count; i++)
        buf_printf(out, "certificate = \"%s\" \"%s\"\n", s->certificates[i].chain_file,
                   s->certificates[i].key_file);
    buf_printf(out, "log-level = %s\n", level_names[s->log_level]);
    buf_printf(out, "log-format = %s\n", format_names[s->log_json]);
    buf_printf(out, "user-store = %s\n", s->user_store);
    buf_printf(out, "user-edge = %s\n", s->user_edge);
    buf_printf(out, "user-relay = %s\n", s->user_relay);
    buf_printf(out, "message-size-max = %llu\n", (unsigned long long)s->message_size_max);
    buf_printf(out, "connections-per-address = %u\n", s->connections_per_address);
    buf_printf(out, "sessions-per-account = %u\n", s->sessions_per_account);
    buf_printf(out, "plaintext-login = %s\n", truth_names[s->plaintext_login]);
}

void settings_free(struct settings *settings)
{
    if (settings == NULL)
        return;
    arena_release(&settings->arena);
    free(settings);
}
