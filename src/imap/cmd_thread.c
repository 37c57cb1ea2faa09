#include "imap/search_find.h"
#include "imap/threads.h"

enum { SUBJECT_MAX = 64 * 1024 };

struct threading {
    struct imap_threads threads;
    const struct imap_search *search;
    struct buf folded;
    bool by_uid;
};

static bool add(void *context, const struct message *message, uint32_t seq)
{
    struct threading *threading = context;
    struct imap_threads *threads = &threading->threads;
    buf_clear(&threading->folded);
    if (threads->algorithm != IMAP_THREAD_REFS)
        imap_comparator_key(&threading->folded, threading->search->comparator, message->base_subject);
    imap_threads_add(threads, &(struct imap_threads_message){
                                  .number = threading->by_uid ? message->uid.v : seq,
                                  .date = message->sent_us,
                                  .arrived = message->internal_date_us,
                                  .subject = buf_slice(&threading->folded),
                                  .keys = message->thread_keys,
                              });
    threads->failed |= buf_failed(&threading->folded);
    return !threads->failed;
}

/* RFC 5256 3 THREAD */
void cmd_thread(struct imap_session *s, struct imap_call *call)
{
    struct imap_search *search = &call->command.search;
    struct threading threading = {
        .search = search, .folded = BUF(SUBJECT_MAX), .by_uid = call->command.by_uid};
    search->limit = IMAP_SEARCH_REFUSED;
    imap_threads_init(&threading.threads, search->algorithm);
    bool whole = imap_search_find(call, search, WANT_THREAD_KEYS, add, &threading);
    struct imap_threads *threads = &threading.threads;
    /* When a message could not be read, the others are still told. */
    if (!threads->failed && (whole || threads->count > 1)) {
        CLEANUP(buf_release) struct buf tree = BUF(CONN_OUTPUT_HARD_MAX / 2);
        imap_threads_put(threads, &tree);
        threads->failed |= buf_failed(&tree);
        if (!threads->failed) {
            conn_write(s->conn, S("* THREAD"));
            conn_write(s->conn, buf_slice(&tree));
            conn_write(s->conn, S("\r\n"));
        }
    }
    if (threads->failed)
        imap_call_no(call, "LIMIT", "Too many messages to be threaded");
    imap_threads_release(threads);
    buf_release(&threading.folded);
}
