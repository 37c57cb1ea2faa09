/*
 * Threading (RFC 5256 3 THREAD): messages in, the tree of the response out. Knows nothing of a session.
 *
 * Invariants of the links: a node's parent chain never comes back to it (links that would are not made), and
 * a dummy is in the answer only at the top, with two or more children.
 *
 * Ownership: imap_threads_release. Errors: `failed`, sticky: memory, or a limit. Threads: one at a time.
 * Limits: IMAP_THREADS_NODES_MAX messages and message ids; IMAP_THREADS_WALK_MAX.
 */
#ifndef POSTHORN_IMAP_THREADS_H
#define POSTHORN_IMAP_THREADS_H

#include "base/arena.h"
#include "base/buf.h"
#include "imap/search.h"

enum {
    IMAP_THREADS_NODES_MAX = 4 * 1024 * 1024, /* the root is one of them */
    /* Ancestors looked at before a link is made; where there are more, it counts as a loop and is left out,
     * so that no choice of references costs more than this a link. */
    IMAP_THREADS_WALK_MAX = 20000,
    IMAP_THREADS_TEXT_MAX = 512 * 1024 * 1024, /* bytes of subjects */
};

struct imap_threads_message {
    uint32_t number;      /* as the response names it; ascending from one to the next */
    int64_t date;         /* when it was sent */
    int64_t arrived;      /* REFS sorts threads by the latest of these */
    struct slice subject; /* base subject, folded for comparison; copied */
    struct slice keys; /* as the store keeps them: derived_thread_keys; others are read as far as they go */
};

struct imap_threads_node;
struct imap_threads_slot;
struct imap_threads {
    enum imap_thread_algorithm algorithm;
    struct imap_threads_node *nodes;
    size_t count;
    size_t cap;
    struct imap_threads_slot *slots; /* message id hash -> node */
    size_t slot_count;
    size_t slots_used;
    struct arena arena;
    bool failed;
};

void imap_threads_init(struct imap_threads *t, enum imap_thread_algorithm algorithm);
void imap_threads_release(struct imap_threads *t);
void imap_threads_add(struct imap_threads *t, const struct imap_threads_message *message);
/* " (1)(2 3)", or nothing for no messages. Called once, last. */
void imap_threads_put(struct imap_threads *t, struct buf *out);

#endif
