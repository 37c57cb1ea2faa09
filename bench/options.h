/*
 * What a person asked posthorn-load to do: the server's doors, the accounts, how much of what.
 *
 * Ownership: text is borrowed from argv. Threads: read by all workers, changed by none.
 * Limits: OPTION_*_MAX; more is refused when the command line is read.
 */
#ifndef POSTHORN_BENCH_OPTIONS_H
#define POSTHORN_BENCH_OPTIONS_H

#include <openssl/ssl.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    OPTION_HOST_MAX = 200,
    OPTION_ADDRESS_MAX = 320,
    OPTION_NUMBER_MAX = 12, /* digits of an account, with room */
    OPTION_CONNECTIONS_MAX = 100000,
    OPTION_WORKERS_MAX = 2000, /* connections that work at the same time, each with a thread */
    OPTION_PIDS_MAX = 32,
    OPTION_COMMANDS_MAX = 8,
    OPTION_RECIPIENTS_MAX = 1000,
    OPTION_SIZE_MAX = 64 * 1024 * 1024,
};

enum door { DOOR_SMTP, DOOR_LMTP, DOOR_IMAP, DOOR_POP3 };
enum door_tls { DOOR_PLAIN, DOOR_STARTTLS, DOOR_TLS };

struct endpoint {
    enum door door;
    enum door_tls tls;
    char host[OPTION_HOST_MAX]; /* or the socket's path, when port is 0 */
    uint16_t port;
};

struct options {
    struct endpoint server;
    struct endpoint watch; /* IMAP, to see delivered mail by */
    bool has_watch;
    const char *user; /* `%d` becomes the account's number, 1 to accounts */
    const char *password;
    const char *sender;
    const char *mailbox;
    const char *word;                          /* to search for */
    const char *file;                          /* to be written by `disk` */
    const char *commands[OPTION_COMMANDS_MAX]; /* for `command`, which takes turns */
    size_t command_count;
    uint32_t accounts;
    uint32_t connections;
    uint32_t recipients;  /* of each message */
    uint32_t per_session; /* messages sent before the connection is opened anew; 0: all */
    uint32_t repeat;
    uint32_t warm_up; /* operations of each connection that don't count */
    uint32_t seed;
    uint32_t timeout; /* seconds */
    uint64_t count;   /* 0: until `seconds` are over */
    uint32_t seconds;
    uint64_t size; /* bytes of a message, about */
    int pids[OPTION_PIDS_MAX];
    size_t pid_count;
    bool mixed; /* messages with alternatives and attachments, not text alone */
    bool authenticate;
    bool latency;
    bool json;
    SSL_CTX *tls;
};

/* "imap://127.0.0.1:143", "imaps://...", "smtp+starttls://...", "lmtp:///path/of/a.sock". */
enum err endpoint_parse(const char *text, struct endpoint *ret, struct error *error) NONNULL MUST_CHECK;
/* The rest of the command line, after the subcommand's name. */
enum err options_parse(int argc, const char **argv, struct options *ret,
                       struct error *error) NONNULL MUST_CHECK;
/* The user name of the account with this number, counted from 0 and round. */
void options_user(const struct options *options, uint64_t number,
                  char ret_user[static OPTION_ADDRESS_MAX]) NONNULL;
void options_help(void);

#endif
