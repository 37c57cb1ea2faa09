#include "bench/options.h"

/* name, kind, member, what it is for */
#define OPTION_TABLE(X)                                                                                     \
    X("server", ENDPOINT, server, "URL", "smtp:, smtps:, lmtp:, imap:, imaps:, pop3: or pop3s://HOST:PORT") \
    X("watch", ENDPOINT, watch, "URL", "IMAP server where delivered mail becomes visible")                  \
    X("user", TEXT, user, "NAME", "log-in name and address; %d becomes the account's number")               \
    X("password", TEXT, password, "TEXT", "of all accounts")                                                \
    X("sender", TEXT, sender, "ADDRESS", "envelope sender")                                                 \
    X("mailbox", TEXT, mailbox, "NAME", "folder to work on")                                                \
    X("word", TEXT, word, "TEXT", "what search-body looks for")                                             \
    X("command", COMMANDS, commands, "TEXT", "what command sends; given again, they take turns")            \
    X("file", TEXT, file, "PATH", "what disk writes, a new file")                                           \
    X("accounts", NUMBER, accounts, "N", "accounts to spread over")                                         \
    X("connections", NUMBER, connections, "N", "connections at the same time")                              \
    X("recipients", NUMBER, recipients, "N", "recipients of each message")                                  \
    X("per-session", NUMBER, per_session, "N", "messages in one SMTP session; 0: all")                      \
    X("repeat", NUMBER, repeat, "N", "times a mailbox operation runs")                                      \
    X("warm-up", NUMBER, warm_up, "N", "operations of each connection that don't count")                    \
    X("seed", NUMBER, seed, "N", "of the messages' text")                                                   \
    X("timeout", NUMBER, timeout, "S", "seconds to wait for the server")                                    \
    X("count", COUNT, count, "N", "operations in all")                                                      \
    X("seconds", NUMBER, seconds, "S", "how long, where no count is given")                                 \
    X("size", COUNT, size, "BYTES", "of a message")                                                         \
    X("pid", PIDS, pids, "P,...", "processes (with their children) whose CPU time and memory count")        \
    X("mixed", FLAG, mixed, "", "messages with alternatives and attachments")                               \
    X("auth", FLAG, authenticate, "", "log in before sending (submission)")                                 \
    X("latency", FLAG, latency, "", "deliver: time from the end of DATA to EXISTS in IDLE")                 \
    X("json", FLAG, json, "", "results as JSON")

enum option_kind { KIND_ENDPOINT, KIND_TEXT, KIND_NUMBER, KIND_COUNT, KIND_PIDS, KIND_COMMANDS, KIND_FLAG };

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset;
    const char *value;
    const char *help;
};

static const struct option_row rows[] = {
#define X(name, kind, member, value, help) {name, KIND_##kind, offsetof(struct options, member), value, help},
    OPTION_TABLE(X)
#undef X
};

struct scheme {
    const char *name;
    enum door door;
    enum door_tls tls;
};

static const struct scheme schemes[] = {
    {"smtp", DOOR_SMTP, DOOR_PLAIN},
    {"smtps", DOOR_SMTP, DOOR_TLS},
    {"smtp+starttls", DOOR_SMTP, DOOR_STARTTLS},
    {"lmtp", DOOR_LMTP, DOOR_PLAIN},
    {"imap", DOOR_IMAP, DOOR_PLAIN},
    {"imaps", DOOR_IMAP, DOOR_TLS},
    {"imap+starttls", DOOR_IMAP, DOOR_STARTTLS},
    {"pop3", DOOR_POP3, DOOR_PLAIN},
    {"pop3s", DOOR_POP3, DOOR_TLS},
    {"pop3+starttls", DOOR_POP3, DOOR_STARTTLS},
};

static enum err endpoint_place(struct slice place, struct endpoint *endpoint, struct error *error)
{
    struct slice host = place;
    uint32_t port = 0;
    if (!slice_starts(place, S("/"))) {
        ssize_t colon = slice_rfind_char(place, ':');
        if (colon <= 0 || !slice_to_u32(slice_from(place, (size_t)colon + 1), &port) || port == 0 ||
            port > UINT16_MAX)
            return fail_plain(error, ERR_INVALID, "no port in \"%.*s\"", SLICE_ARGS(place));
        host.n = (size_t)colon;
    }
    if (host.n >= sizeof(endpoint->host))
        return fail_plain(error, ERR_LIMIT, "host or path is too long");
    memcpy(endpoint->host, host.p, host.n);
    endpoint->host[host.n] = '\0';
    endpoint->port = (uint16_t)port;
    return ERR_OK;
}

enum err endpoint_parse(const char *text, struct endpoint *ret, struct error *error)
{
    struct slice url = slice_cstr(text);
    ssize_t end = slice_find(url, S("://"));
    struct slice name = slice_sub(url, 0, end < 0 ? 0 : (size_t)end);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!slice_eq(name, slice_cstr(schemes[i].name)))
            continue;
        struct endpoint endpoint = {.door = schemes[i].door, .tls = schemes[i].tls};
        enum err err = endpoint_place(slice_from(url, (size_t)end + 3), &endpoint, error);
        if (err == ERR_OK)
            *ret = endpoint;
        return err;
    }
    return fail_plain(error, ERR_INVALID, "\"%s\" is no URL of a mail server", text);
}

static enum err pids_parse(struct slice text, struct options *options, struct error *error)
{
    struct slice pid, rest = text;
    while (rest.n > 0) {
        uint32_t number;
        (void)slice_cut(rest, ',', &pid, &rest);
        if (!slice_to_u32(pid, &number) || number == 0 || number > INT32_MAX)
            return fail_plain(error, ERR_INVALID, "\"%.*s\" is no process", SLICE_ARGS(pid));
        if (options->pid_count == OPTION_PIDS_MAX)
            return fail_plain(error, ERR_LIMIT, "more than %d processes", OPTION_PIDS_MAX);
        options->pids[options->pid_count++] = (int)number;
    }
    return ERR_OK;
}

static enum err option_set(const struct option_row *row, const char *value, struct options *options,
                           struct error *error)
{
    void *place = (char *)options + row->offset;
    struct slice text = slice_cstr(value);
    switch (row->kind) {
    case KIND_ENDPOINT:
        return endpoint_parse(value, place, error);
    case KIND_TEXT:
        *(const char **)place = value;
        return ERR_OK;
    case KIND_NUMBER:
        if (slice_to_u32(text, place))
            return ERR_OK;
        break;
    case KIND_COUNT:
        if (slice_to_u64(text, place))
            return ERR_OK;
        break;
    case KIND_PIDS:
        return pids_parse(text, options, error);
    case KIND_COMMANDS:
        if (options->command_count == OPTION_COMMANDS_MAX)
            return fail_plain(error, ERR_LIMIT, "more than %d commands", OPTION_COMMANDS_MAX);
        options->commands[options->command_count++] = value;
        return ERR_OK;
    case KIND_FLAG:
        *(bool *)place = true;
        return ERR_OK;
    }
    return fail_plain(error, ERR_INVALID, "--%s: \"%s\" is no number", row->name, value);
}

static const struct option_row *option_find(const char *argument)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, rows[i].name) == 0)
            return &rows[i];
    return NULL;
}

static enum err options_check(const struct options *options, struct error *error)
{
    if (options->server.host[0] == 0 && options->file == NULL)
        return fail_plain(error, ERR_INVALID, "--server is missing");
    if (options->accounts == 0 || options->connections == 0 || options->recipients == 0 ||
        options->repeat == 0)
        return fail_plain(error, ERR_INVALID, "accounts, connections, recipients and repeat begin at 1");
    if (options->connections > OPTION_CONNECTIONS_MAX || options->recipients > OPTION_RECIPIENTS_MAX ||
        options->size > OPTION_SIZE_MAX)
        return fail_plain(error, ERR_LIMIT, "at most %d connections, %d recipients, %d bytes",
                          OPTION_CONNECTIONS_MAX, OPTION_RECIPIENTS_MAX, OPTION_SIZE_MAX);
    if (strlen(options->user) + OPTION_NUMBER_MAX > OPTION_ADDRESS_MAX)
        return fail_plain(error, ERR_LIMIT, "the user name is too long");
    return ERR_OK;
}

enum err options_parse(int argc, const char **argv, struct options *ret, struct error *error)
{
    struct options options = {
        .user = "user%d@bench.example",
        .password = "secret",
        .sender = "sender@elsewhere.example",
        .mailbox = "INBOX",
        .word = "needle",
        .accounts = 1,
        .connections = 1,
        .recipients = 1,
        .repeat = 3,
        .seed = 1,
        .timeout = 60,
        .seconds = 5,
        .size = 4096,
    };
    for (int i = 0; i < argc; i++) {
        const struct option_row *row = option_find(argv[i]);
        if (row == NULL)
            return fail_plain(error, ERR_INVALID, "unknown option \"%s\"", argv[i]);
        const char *value = "";
        if (row->kind != KIND_FLAG) {
            if (i + 1 == argc)
                return fail_plain(error, ERR_INVALID, "%s wants a value", argv[i]);
            value = argv[++i];
        }
        enum err err = option_set(row, value, &options, error);
        if (err != ERR_OK)
            return err;
    }
    enum err err = options_check(&options, error);
    if (err != ERR_OK)
        return err;
    options.has_watch = options.watch.host[0] != '\0';
    *ret = options;
    return ERR_OK;
}

void options_user(const struct options *options, uint64_t number, char ret_user[static OPTION_ADDRESS_MAX])
{
    struct slice pattern = slice_cstr(options->user);
    ssize_t at = slice_find(pattern, S("%d"));
    if (at < 0) {
        (void)snprintf(ret_user, OPTION_ADDRESS_MAX, "%s", options->user);
        return;
    }
    (void)snprintf(ret_user, OPTION_ADDRESS_MAX, "%.*s%u%s", (int)at, options->user,
                   (unsigned)(number % options->accounts) + 1, options->user + at + 2);
}

void options_help(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        printf("  --%-11s %-8s %s\n", rows[i].name, rows[i].value, rows[i].help);
    printf("The URL's scheme may end in +starttls; lmtp:///PATH is a socket in the file system.\n");
}
