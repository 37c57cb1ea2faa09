/*
 * What the house counts: one table of metrics, in each process a page of memory that holds its numbers.
 *
 * A counter costs one relaxed addition: the page has METRIC_SHARDS copies of every cell, and a thread adds to
 * that of the CPU it runs on; who reads sums them. The supervisor makes the pages and shares each with its
 * process (metrics_adopt); store maps all of them to read. So a process that died keeps its counts, one that
 * hangs can still be looked at, and nobody is asked. Before metrics_adopt the numbers go to a page of the
 * process's own, so that tests and commands need nothing.
 *
 * What another process wrote is a number and nothing else: any value is possible, and harms nobody.
 *
 * Threads: any; metrics_adopt before others start. Limits: METRIC_CELLS, fixed by the table.
 */
#ifndef POSTHORN_RT_METRICS_H
#define POSTHORN_RT_METRICS_H

#include "base/error.h"
#include "base/slice.h"

/* --- the values of labels --- */

#define METRIC_ONE_TABLE(X) X(METRIC_ONE, "")
#define METRIC_PROCESS_TABLE(X)        \
    X(METRIC_SUPERVISOR, "supervisor") \
    X(METRIC_EDGE, "edge")             \
    X(METRIC_RELAY, "relay")           \
    X(METRIC_STORE, "store")
#define METRIC_PROTOCOL_TABLE(X)         \
    X(METRIC_SMTP, "smtp")               \
    X(METRIC_SUBMISSION, "submission")   \
    X(METRIC_LMTP, "lmtp")               \
    X(METRIC_IMAP, "imap")               \
    X(METRIC_POP3, "pop3")               \
    X(METRIC_MANAGESIEVE, "managesieve") \
    X(METRIC_OTHER_PROTOCOL, "other")
#define METRIC_TLS_TABLE(X)  \
    X(METRIC_IN_CLEAR, "no") \
    X(METRIC_IN_TLS, "yes")
#define METRIC_LOGIN_TABLE(X)                                          \
    X(METRIC_LOGIN_OK, "ok")                                           \
    X(METRIC_LOGIN_WRONG, "wrong")   /* name, password or token */     \
    X(METRIC_LOGIN_CLOSED, "closed") /* right, but not through here */ \
    X(METRIC_LOGIN_SLOWED, "slowed") /* after too many wrong ones */   \
    X(METRIC_LOGIN_UNAVAILABLE, "unavailable")
#define METRIC_REFUSAL_TABLE(X)                      \
    X(METRIC_REFUSED_RECIPIENT, "unknown-recipient") \
    X(METRIC_REFUSED_RELAY, "no-relay")              \
    X(METRIC_REFUSED_FULL, "mailbox-full")           \
    X(METRIC_REFUSED_SIZE, "too-large")              \
    X(METRIC_REFUSED_LOGIN, "login")                 \
    X(METRIC_REFUSED_ADDRESS, "bad-address")         \
    X(METRIC_REFUSED_PROTOCOL, "protocol")           \
    X(METRIC_REFUSED_TOO_MANY, "too-many")           \
    X(METRIC_REFUSED_UNAVAILABLE, "unavailable")     \
    X(METRIC_REFUSED_GUARD, "unwanted")              \
    X(METRIC_REFUSED_OTHER, "other")
#define METRIC_DELIVERY_TABLE(X)            \
    X(METRIC_DELIVERY_FILED, "filed")       \
    X(METRIC_DELIVERY_DEFERRED, "deferred") \
    X(METRIC_DELIVERY_FAILED, "failed")
#define METRIC_SEND_TABLE(X)        \
    X(METRIC_SENT, "relayed")       \
    X(METRIC_SEND_FAILED, "failed") \
    X(METRIC_SEND_DEFERRED, "deferred")
#define METRIC_QUEUE_TABLE(X)            \
    X(METRIC_QUEUE_FILING, "filing")     \
    X(METRIC_QUEUE_DEFERRED, "deferred") \
    X(METRIC_QUEUE_WAITING, "waiting")   \
    X(METRIC_QUEUE_HELD, "held")         \
    X(METRIC_QUEUE_SCHEDULED, "scheduled")
#define METRIC_DIRECTION_TABLE(X) \
    X(METRIC_BYTES_IN, "in")      \
    X(METRIC_BYTES_OUT, "out")
#define METRIC_SYNC_TABLE(X)            \
    X(METRIC_SYNC_ACCOUNTS, "accounts") \
    X(METRIC_SYNC_QUEUE, "queue")

/* --- sets of labels: name, first label and its values, second label and its values --- */

#define METRIC_LABELS_TABLE(X)                      \
    X(NONE, "", ONE, "", ONE)                       \
    X(PROCESS, "process", PROCESS, "", ONE)         \
    X(SESSION, "protocol", PROTOCOL, "tls", TLS)    \
    X(PROTOCOL, "protocol", PROTOCOL, "", ONE)      \
    X(LOGIN, "protocol", PROTOCOL, "result", LOGIN) \
    X(REFUSAL, "reason", REFUSAL, "", ONE)          \
    X(DELIVERY, "result", DELIVERY, "", ONE)        \
    X(SEND, "result", SEND, "", ONE)                \
    X(QUEUE, "state", QUEUE, "", ONE)               \
    X(DIRECTION, "direction", DIRECTION, "", ONE)   \
    X(SYNC, "of", SYNC, "", ONE)

/*
 * The metrics: name here, kind, set of labels, name outside, what it is. Counters only grow, and their names
 * end in _total; times are seconds outside, in histograms microseconds here.
 */
#define METRIC_TABLE(X)                                                                                      \
    X(CONNECTIONS, COUNTER, PROTOCOL, "posthorn_connections_total", "Connections that were accepted.")       \
    X(CONNECTIONS_REFUSED, COUNTER, NONE, "posthorn_connections_refused_total",                              \
      "Connections closed at once, since their address had too many.")                                       \
    X(SESSIONS, GAUGE, SESSION, "posthorn_sessions", "Sessions that are open now.")                          \
    X(BYTES, COUNTER, DIRECTION, "posthorn_network_bytes_total", "Bytes of sessions, without those of TLS.") \
    X(TLS_FAILURES, COUNTER, NONE, "posthorn_tls_failures_total", "TLS handshakes that failed.")             \
    X(LOGINS, COUNTER, LOGIN, "posthorn_logins_total", "Attempts to log in.")                                \
    X(MESSAGES, COUNTER, PROTOCOL, "posthorn_messages_total", "Messages taken in.")                          \
    X(MESSAGE_BYTES, COUNTER, NONE, "posthorn_message_bytes_total", "Bytes of messages taken in.")           \
    X(REFUSALS, COUNTER, REFUSAL, "posthorn_smtp_refusals_total", "Commands and mail that SMTP refused.")    \
    X(DELIVERIES, COUNTER, DELIVERY, "posthorn_deliveries_total", "Attempts to file mail into a mailbox.")   \
    X(SENDS, COUNTER, SEND, "posthorn_sends_total", "What became of recipients at other servers.")           \
    X(QUEUE, GAUGE, QUEUE, "posthorn_queue_messages", "Messages in flight.")                                 \
    X(QUEUE_OLDEST, GAUGE, QUEUE, "posthorn_queue_oldest_seconds", "Age of the oldest message in flight.")   \
    X(SYNC, HISTOGRAM, SYNC, "posthorn_sync_seconds", "How long bringing data to the disk took.")            \
    X(SYNC_FAILURES, COUNTER, SYNC, "posthorn_sync_failures_total",                                          \
      "Times that bringing data to the disk failed.")                                                        \
    X(ACCOUNTS_BROKEN, GAUGE, NONE, "posthorn_accounts_broken",                                              \
      "Accounts closed to everybody until a restart, since a sync of theirs failed.")                        \
    X(QUEUE_BROKEN, GAUGE, NONE, "posthorn_queue_broken",                                                    \
      "1: the queue takes nothing until a restart, since a sync of it failed.")                              \
    X(ACCOUNTS_OPEN, GAUGE, NONE, "posthorn_accounts_open", "Accounts whose database is open.")              \
    X(DISK_SIZE, GAUGE, NONE, "posthorn_disk_size_bytes", "Size of the data directory's file system.")       \
    X(DISK_FREE, GAUGE, NONE, "posthorn_disk_free_bytes", "Space there that the server may use.")            \
    X(DISK_INODES, GAUGE, NONE, "posthorn_disk_inodes", "Inodes of the data directory's file system.")       \
    X(DISK_INODES_FREE, GAUGE, NONE, "posthorn_disk_inodes_free", "Inodes there that are free.")             \
    X(CERTIFICATE_END, GAUGE, NONE, "posthorn_certificate_expiry_timestamp_seconds",                         \
      "When the first of the certificates expires.")                                                         \
    X(ACME_FAILURES, GAUGE, NONE, "posthorn_acme_failures",                                                  \
      "Attempts in a row to get a certificate that failed.")                                                 \
    X(PROCESS_START, GAUGE, PROCESS, "posthorn_process_start_time_seconds", "When the process was started.") \
    X(PROCESS_ID, GAUGE, PROCESS, "posthorn_process_id", "The process's id; 0: it does not run.")            \
    X(PROCESS_MEMORY, GAUGE, PROCESS, "posthorn_process_resident_memory_bytes", "Its memory.")               \
    X(PROCESS_DEATHS, COUNTER, PROCESS, "posthorn_process_deaths_total", "Times that it ended unasked.")

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Upper bounds of a histogram's buckets in microseconds; one more takes the rest. */
/* clang-format off */
#define METRIC_BUCKET_TABLE(X) \
    X(100) X(250) X(500) X(1000) X(2500) X(5000) X(10000) X(25000) X(50000) X(100000) X(250000) X(500000) \
    X(1000000) X(2500000) X(5000000) X(10000000)
/* clang-format on */
enum {
#define X(bound) +1
    METRIC_BUCKETS = METRIC_BUCKET_TABLE(X),
#undef X
    METRIC_SHARDS = 8,
    METRIC_PROCESSES = 4,
};

#define X(name, text) name,
enum metric_one { METRIC_ONE_TABLE(X) METRIC_ONE_COUNT };
enum metric_process { METRIC_PROCESS_TABLE(X) METRIC_PROCESS_COUNT };
enum metric_protocol { METRIC_PROTOCOL_TABLE(X) METRIC_PROTOCOL_COUNT };
enum metric_tls { METRIC_TLS_TABLE(X) METRIC_TLS_COUNT };
enum metric_login { METRIC_LOGIN_TABLE(X) METRIC_LOGIN_COUNT };
enum metric_refusal { METRIC_REFUSAL_TABLE(X) METRIC_REFUSAL_COUNT };
enum metric_delivery { METRIC_DELIVERY_TABLE(X) METRIC_DELIVERY_COUNT };
enum metric_send { METRIC_SEND_TABLE(X) METRIC_SEND_COUNT };
enum metric_queue { METRIC_QUEUE_TABLE(X) METRIC_QUEUE_COUNT };
enum metric_direction { METRIC_DIRECTION_TABLE(X) METRIC_DIRECTION_COUNT };
enum metric_sync { METRIC_SYNC_TABLE(X) METRIC_SYNC_COUNT };
#undef X

enum {
    /* Cells of one series by its kind: a histogram has its buckets, the one for the rest, and the sum. */
    METRIC_WIDTH_COUNTER = 1,
    METRIC_WIDTH_GAUGE = 1,
    METRIC_WIDTH_HISTOGRAM = METRIC_BUCKETS + 2,
#define X(name, key, first, key2, second) \
    METRIC_SERIES_##name = METRIC_##first##_COUNT * METRIC_##second##_COUNT,
    METRIC_LABELS_TABLE(X)
#undef X
};

/* Where each metric's cells begin. */
enum {
#define X(name, kind, labels, outside, help) \
    METRIC_AT_##name,                        \
        METRIC_LAST_##name = METRIC_AT_##name + METRIC_WIDTH_##kind * METRIC_SERIES_##labels - 1,
    METRIC_TABLE(X)
#undef X
        METRIC_CELLS
};

/* --- counting: `label` is one of the first label's values, or METRIC_LABELS(of two) --- */

#define METRIC_LABELS(first, second, count_of_second) \
    ((unsigned)(first) * (unsigned)(count_of_second) + (second))
#define METRIC_SESSION(protocol, tls) METRIC_LABELS(protocol, tls, METRIC_TLS_COUNT)

#define metric_count(name, label) metric_cell_add(METRIC_AT_##name + (unsigned)(label), 1)
#define metric_add(name, label, by) metric_cell_add(METRIC_AT_##name + (unsigned)(label), (int64_t)(by))
/* For gauges that one thread at a time tells the whole of. */
#define metric_set(name, label, value) metric_cell_set(METRIC_AT_##name + (unsigned)(label), (int64_t)(value))
#define metric_observe(name, label, us) \
    metric_cell_observe(METRIC_AT_##name + (unsigned)(label)*METRIC_WIDTH_HISTOGRAM, (us))

void metric_cell_add(unsigned cell, int64_t by);
void metric_cell_set(unsigned cell, int64_t value);
void metric_cell_observe(unsigned cell, int64_t us);

/* The label for a protocol's name, "imap" or (with TLS from the first byte) "imaps". */
enum metric_protocol metric_protocol(const char *name);

/* --- reading --- */

struct metrics_page;

/* The numbers of one moment. */
struct metrics_sample {
    int64_t cells[METRIC_CELLS];
};
/* Adds a page's numbers. */
void metrics_read(const struct metrics_page *page, struct metrics_sample *sample) NONNULL;
/* This process's own page. */
const struct metrics_page *metrics_own(void);

#define metric_of(sample, name, label) ((sample)->cells[METRIC_AT_##name + (unsigned)(label)])

/* A metric as data, for those that show all of them. */
struct metric_labels {
    const char *keys[2]; /* empty: no such label */
    const char *const *values[2];
    unsigned counts[2];
};
struct metric_family {
    const char *name; /* outside */
    const char *help;
    enum metric_kind kind;
    unsigned at;     /* its first cell */
    unsigned width;  /* cells of one series */
    unsigned series; /* how many */
    const struct metric_labels *labels;
};
const struct metric_family *metric_families(size_t *ret_count);
int64_t metric_bucket_bound_us(unsigned bucket);

/* --- sharing --- */

/* A new page as a memfd that nobody can cut short. */
enum err metrics_share(int *ret_fd, struct error *error) MUST_CHECK;
/* The numbers go there from now on; gauges begin at 0, counters where they were. Does not take fd. */
enum err metrics_adopt(int fd, struct error *error) MUST_CHECK;
/* Another process's page, for as long as this process lives. Does not take fd. */
enum err metrics_view(int fd, const struct metrics_page **ret_page, struct error *error) MUST_CHECK;

#endif
