/*
 * posthorn.conf: what must be known before the databases open. Immutable once read; a reload reads a new one.
 *
 * Lines of `key = value`; `#` starts a comment. A value is one or two words, or a list of names; "a word in
 * quotes" may hold blanks and `#`. Unknown keys, bad values and missing files are errors that name file and
 * line. Everything else lives in the directory and is changed by commands.
 *
 * Ownership: a struct settings owns all its strings. Threads: any may read it. Limits: SETTINGS_*.
 */
#ifndef POSTHORN_RT_SETTINGS_H
#define POSTHORN_RT_SETTINGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "rt/own_address.h"
#include "rt/settings_guards.h"

/* name in the file, protocol's default port, TLS from the first byte */
#define LISTEN_PROTOCOL_TABLE(X)                                          \
    X(SMTP, "smtp", 25, false)                                            \
    X(SUBMISSION, "submission", 587, false)                               \
    X(SUBMISSIONS, "submissions", 465, true)                              \
    X(LMTP, "lmtp", 0, false)                                             \
    X(IMAP, "imap", 143, false)                                           \
    X(IMAPS, "imaps", 993, true)                                          \
    X(POP3, "pop3", 110, false)                                           \
    X(POP3S, "pop3s", 995, true)                                          \
    X(MANAGESIEVE, "managesieve", 4190, false)                            \
    X(HEALTH, "health", 9420, false)     /* by `health-listen` */         \
    X(ACME_HTTP, "acme-http", 80, false) /* these two by `acme-listen` */ \
    X(ACME_TLS, "acme-tls", 443, true)

enum listen_protocol {
#define X(name, text, port, tls) LISTEN_##name,
    LISTEN_PROTOCOL_TABLE(X)
#undef X
        LISTEN_PROTOCOLS
};

/* The keys: parser's name, key, default as a person would write it, what it is for. */
#define SETTING_TABLE(X)                                                                                     \
    X(hostname, "hostname", "the machine's full name", "the name this server gives itself in SMTP and IMAP") \
    X(data, "data", "/var/lib/posthorn/data", "directory of all mailboxes and databases")                    \
    X(run, "run", "/run/posthorn", "directory of the sockets for commands and LMTP")                         \
    X(listen, "listen", "every protocol on its port",                                                        \
      "PROTOCOL [ADDRESS][:PORT], lmtp PATH, or none; one line each")                                        \
    X(health_listen, "health-listen", "none", "ADDRESS:PORT or PORT of /metrics and /health, by HTTP")       \
    X(certificate, "certificate", "a self-signed one in the data directory",                                 \
      "CHAIN-FILE [KEY-FILE] in PEM; one line each, the first is the default")                               \
    X(acme, "acme", "none",                                                                                  \
      "letsencrypt, or the URL of an authority's directory: certificates come by themselves")                \
    X(acme_names, "acme-names", "hostname", "NAME, NAME ...: for which names, besides the host's own")       \
    X(acme_contact, "acme-contact", "none", "mail address that the authority writes to")                     \
    X(acme_challenge, "acme-challenge", "http-01",                                                           \
      "how the names are proven: http-01, tls-alpn-01 or dns-01")                                            \
    X(acme_listen, "acme-listen", "default",                                                                 \
      "[ADDRESS][:PORT] of the door for that; default: port 80 or 443; none")                                \
    X(acme_account, "acme-account", "none", "KEY-ID KEY-FILE of an account that the authority has given")    \
    X(log_level, "log-level", "info", "least level that is logged: debug, info, warn or error")              \
    X(log_format, "log-format", "text", "text or json")                                                      \
    X(user_store, "user-store", "posthorn", "user that owns the mailboxes")                                  \
    X(user_edge, "user-edge", "posthorn-edge", "user of the process that faces strangers")                   \
    X(user_relay, "user-relay", "posthorn-relay", "user of the process that sends mail out")                 \
    X(message_size_max, "message-size-max", "100M", "largest message that is accepted, with K, M or G")      \
    X(connections_per_address, "connections-per-address", "100", "connections at once from one address")     \
    X(sessions_per_account, "sessions-per-account", "100", "sessions at once of one account")                \
    X(plaintext_login, "plaintext-login", "no", "yes: log-in without TLS from anywhere, not only loopback")  \
    X(full_mailbox, "full-mailbox", "defer", "mail for a full mailbox: defer (452) or refuse (552)")         \
    X(trusted_networks, "trusted-networks", "private",                                                       \
      "NETWORK, NETWORK ...: who sends on port 25 unjudged; private: this machine and private networks; "    \
      "none")                                                                                                \
    X(spf_policy, "spf-policy", "mark", "what SPF says fails: mark, or refuse it")                           \
    X(dmarc_policy, "dmarc-policy", "enforce", "do as a domain's DMARC policy says: enforce, or mark only")  \
    X(arc_trusted, "arc-trusted", "none", "DOMAIN, DOMAIN ...: whose ARC seals override DMARC")              \
    X(block_list, "block-list", "none",                                                                      \
      "ZONE ACTION [ANSWER, ANSWER ...]: a list of addresses in the DNS; one line each")                     \
    X(domain_list, "domain-list", "none",                                                                    \
      "ZONE ACTION [ANSWER, ANSWER ...]: a list of domains in the DNS; one line each")                       \
    X(list_points, "list-points", "5 10", "JUNK REJECT: points of lists from which mail is junk, refused")   \
    X(helo_own_name, "helo-own-name", "mark", "who calls himself by our name or address: off, mark, reject") \
    X(helo_bare_address, "helo-bare-address", "mark",                                                        \
      "who calls himself by an address without brackets: off, mark, reject")                                 \
    X(helo_no_domain, "helo-no-domain", "mark", "who calls himself by one word: off, mark, reject")          \
    X(connection_rate, "connection-rate", "300/1m", "COUNT/TIME: connections from one address, or none")     \
    X(message_rate, "message-rate", "none", "COUNT/TIME: messages from one address, or none")                \
    X(greeting_delay, "greeting-delay", "none",                                                              \
      "seconds; who speaks before the greeting is turned away; none: no wait")                               \
    X(greylist, "greylist", "off",                                                                           \
      "who must come again before mail is taken: off, suspicious clients, or all")                           \
    X(greylist_wait, "greylist-wait", "5m", "how long, at most 12h")                                         \
    X(milter, "milter", "none",                                                                              \
      "ADDRESS [smtp] [submission] [defer|accept] [timeout=SECONDS] [size=BYTES]; one line each")            \
    X(dmarc_reports, "dmarc-reports", "no", "yes: tell domains once a day who sent in their name")           \
    X(tls_reports, "tls-reports", "no", "yes: tell domains once a day how mail to them was secured")         \
    X(outbound_port, "outbound-port", "25", "port of other servers; off: mail for them waits")               \
    X(outbound_private, "outbound-private", "no", "yes: mail also goes to private and loopback addresses")   \
    X(source_addresses, "source-addresses", "none",                                                          \
      "ADDRESS[=NAME] ...: where mail leaves from, IPv4, IPv6, and what it calls itself there")              \
    X(resolver, "resolver", "system", "ADDRESS[:PORT] of the name server, or system: /etc/resolv.conf")      \
    X(dnssec_anchor, "dnssec-anchor", "root", "FILE with the keys where DNSSEC begins, root, or none")       \
    X(mta_sts_port, "mta-sts-port", "443", "port of the servers of MTA-STS policies; off: not asked for")    \
    X(oauth_jwks, "oauth-jwks", "none", "URL of the keys that verify tokens: log-in by OAuth")               \
    X(oauth_introspection, "oauth-introspection", "none", "URL that is asked about each token instead")      \
    X(oauth_client, "oauth-client", "none", "ID SECRET-FILE: who we are to it")                              \
    X(oauth_issuer, "oauth-issuer", "none", "who makes the tokens")                                          \
    X(oauth_audience, "oauth-audience", "none", "for whom they must be made")                                \
    X(oauth_claim, "oauth-claim", "email", "what in a token names the account")                              \
    X(ca_file, "ca-file", "/etc/ssl/certs/ca-certificates.crt", "PEM of the authorities that are trusted")   \
    X(imap_without, "imap-without", "none", "NAME, NAME ...: IMAP capabilities that nobody gets")            \
    X(imap_without_for, "imap-without-for", "none",                                                          \
      "CLIENT NAME, NAME ...: IMAP capabilities that a mail program does not get; one line each")            \
    X(imap_message_limit, "imap-message-limit", "none",                                                      \
      "messages that one IMAP command may work on (MESSAGELIMIT), 1000 or more")                             \
    X(imap_save_limit, "imap-save-limit", "none",                                                            \
      "messages that one COPY or APPEND may bring (SAVELIMIT), 1000 or more")                                \
    X(sasl_without, "sasl-without", "none", "NAME, NAME ...: log-in mechanisms that are not offered")        \
    X(client_ca, "client-ca", "none", "FILE in PEM: who vouches for clients that log in by certificate")

struct listen_setting {
    enum listen_protocol protocol;
    const char
        *address; /* "0.0.0.0", "::1", or a path for lmtp; "::" is IPv4 too where nothing else is there */
    uint16_t port;
};

/* RFC 8555 8, RFC 8737: name, as it is written, through which door */
#define ACME_CHALLENGE_TABLE(X)                    \
    X(HTTP_01, "http-01", LISTEN_ACME_HTTP)        \
    X(TLS_ALPN_01, "tls-alpn-01", LISTEN_ACME_TLS) \
    X(DNS_01, "dns-01", LISTEN_PROTOCOLS /* no door */)
enum acme_challenge {
#define X(name, text, listen) ACME_##name,
    ACME_CHALLENGE_TABLE(X)
#undef X
};
const char *acme_challenge_name(enum acme_challenge challenge);

struct certificate_setting {
    const char *chain_file;
    const char *key_file;
};

/* What a mail program does not get that names itself so by ID; `*` in `client` is anything. */
struct imap_client_setting {
    const char *client;
    const char *without; /* base/name_list.h */
};

struct network_setting {
    int family; /* AF_INET, AF_INET6 */
    unsigned char address[16];
    unsigned prefix; /* bits */
};

enum {
    SETTINGS_NETWORKS_MAX = 64,
    SETTINGS_LISTEN_MAX = 64,
    SETTINGS_CLIENTS_MAX = 64,
    SETTINGS_CLIENT_NAME_MAX = 200, /* bytes */
    SETTINGS_CERTIFICATES_MAX = 1000,
    SETTINGS_FILE_MAX = 1024 * 1024,
    SETTINGS_NAMES_MAX = 1000, /* bytes of a list of names */
    SETTINGS_ACME_NAMES_MAX = 64,
    SETTINGS_PATH_MAX = 90, /* bytes of the run directory: a socket's path in it must fit sun_path */
};
/* Every server takes 64K octets (RFC 5321 4.5.3.1.7); the top keeps sizes within IMAP4rev1's 32 bits. */
#define SETTINGS_MESSAGE_SIZE_LEAST UINT64_C(65536)
#define SETTINGS_MESSAGE_SIZE_MOST UINT64_C(2147483648)

struct settings {
    struct arena arena; /* holds all strings */
    const char *hostname;
    const char *data_directory;
    const char *run_directory;
    struct listen_setting listens[SETTINGS_LISTEN_MAX];
    size_t listen_count;
    struct certificate_setting *certificates;
    size_t certificate_count;
    const char *acme;         /* `acme`: URL of the directory; empty: none */
    const char *acme_names;   /* `acme-names`: with blanks between them, the host's own first */
    const char *acme_contact; /* `acme-contact`; empty: none */
    enum acme_challenge acme_challenge;
    const char *acme_listen;    /* `acme-listen` as it is written; what it comes to is among `listens` */
    const char *acme_kid;       /* `acme-account`; empty: none */
    const char *acme_key_file;  /* its key in base64url */
    struct slice acme_material; /* in relay, what it needs of files: rt/acme_material.h */
    enum log_level log_level;
    bool log_json;
    const char *user_store;
    const char *user_edge;
    const char *user_relay;
    uint64_t message_size_max;        /* `message-size-max`, bytes, default 100 MiB */
    uint32_t connections_per_address; /* `connections-per-address`, default 100 */
    uint32_t sessions_per_account;    /* `sessions-per-account`, default 100 */
    bool plaintext_login; /* `plaintext-login = yes|no`, default no: log-in without TLS only from loopback */
    const char *imap_without; /* `imap-without`: capabilities switched off for all, as base/name_list.h */
    struct imap_client_setting imap_clients[SETTINGS_CLIENTS_MAX]; /* `imap-without-for` */
    size_t imap_client_count;
    /* `imap-message-limit`, `imap-save-limit`, at most one of them; 0, the default: any number */
    uint32_t imap_message_limit;
    uint32_t imap_save_limit;
    const char *sasl_without;   /* `sasl-without`: SASL mechanisms switched off, the same way */
    const char *client_ca_file; /* `client-ca`; NULL: none */
    struct slice client_ca;     /* in workers, what is in that file */
    bool full_mailbox_refuse;   /* `full-mailbox = defer|refuse`, default defer: 452 or 552 at RCPT */
    struct network_setting trusted_networks[SETTINGS_NETWORKS_MAX]; /* `trusted-networks` */
    size_t trusted_network_count;
    bool trusts_private;                           /* `private` is among them */
    bool spf_refuses;                              /* `spf-policy = mark|refuse`, default mark */
    bool dmarc_reports;                            /* `dmarc-reports = yes|no`, default no */
    const char *arc_trusted;                       /* `arc-trusted`: domains, as base/name_list.h */
    bool tls_reports;                              /* `tls-reports = yes|no`, default no */
    bool dmarc_enforced;                           /* `dmarc-policy = enforce|mark`, default enforce */
    uint16_t outbound_port;                        /* `outbound-port`, default 25; 0: off */
    bool outbound_private;                         /* `outbound-private = yes|no`, default no */
    struct own_addresses sources;                  /* `source-addresses`, default none */
    struct list_setting lists[SETTINGS_LISTS_MAX]; /* `block-list`, `domain-list` */
    size_t list_count;
    uint32_t list_junk_points;
    uint32_t list_reject_points;
    enum helo_action helo_actions[HELO_FAULTS];          /* `helo-...`, default mark */
    struct pace_limit connection_rate;                   /* `connection-rate`, of a stranger's address */
    struct pace_limit message_rate;                      /* `message-rate` */
    struct milter_setting milters[SETTINGS_MILTERS_MAX]; /* `milter`, in the order of the file */
    size_t milter_count;
    enum greylist_mode greylist;     /* `greylist`, default off */
    int64_t greylist_wait_seconds;   /* `greylist-wait`, default 5 minutes */
    uint32_t greeting_delay_seconds; /* `greeting-delay`, default 0: none */
    const char *resolver;      /* `resolver`: an address, "[::1]:53"; empty: what /etc/resolv.conf says */
    uint16_t mta_sts_port;     /* `mta-sts-port`, default 443; 0: off */
    const char *dnssec_anchor; /* `dnssec-anchor`: "root", "none", or a file */
    const char *ca_file;       /* `ca-file`: whom outgoing TLS trusts */
    /* `oauth-...`; empty: none. At most one of the two URLs; with neither there is no log-in by OAuth. */
    const char *oauth_jwks;
    const char *oauth_introspection;
    const char *oauth_client;      /* to the introspection, by HTTP Basic */
    const char *oauth_secret_file; /* its password; read by store */
    const char *oauth_issuer;
    const char *oauth_audience;
    const char *oauth_claim;
    bool oauth; /* one of the URLs is there */
};

/* Errors' client text is the one line for the person: "posthorn.conf:12: unknown key \"hostnam\"; did you
 * mean ...". */
enum err settings_read(const char *file, struct settings **ret_settings, struct error *error) MUST_CHECK;
/* From text, for workers, which may not open files: what settings_text wrote. */
enum err settings_parse(struct slice text, const char *name, struct settings **ret_settings,
                        struct error *error) MUST_CHECK;
void settings_text(const struct settings *settings, struct buf *out);
void settings_free(struct settings *settings);
/* A client's address as text is in one of `trusted-networks`. What is no address (a socket of this machine)
 * is too. */
bool settings_trust(const struct settings *settings, const char *peer);
const char *listen_protocol_name(enum listen_protocol protocol);
bool listen_protocol_is_tls(enum listen_protocol protocol);
/* Not by `listen`, but by a key of its own. */
bool listen_protocol_is_apart(enum listen_protocol protocol);

#endif
