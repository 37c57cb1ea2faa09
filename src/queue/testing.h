/* A queue with a real store and directory in a scratch folder: demo.example with anna, otto and small. */
#ifndef POSTHORN_QUEUE_TESTING_H
#define POSTHORN_QUEUE_TESTING_H

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "queue/internal.h"

enum { HOUSE_MESSAGES_MAX = 100000 };

struct house {
    char path[64];
    struct store *store;
    struct directory *directory;
    struct queue *queue;
    struct arena arena;
    struct error error;
    struct account_id anna, otto, small; /* small: at most two messages */
    uint64_t seen;                       /* the last batch for the relay */
};

#define ASSERT_OK(t, call) assert_string_equal((call) == ERR_OK ? "" : (t)->error.detail, "")

static inline int house_remove(const char *path, const struct stat *status UNUSED, int type UNUSED,
                               struct FTW *ftw UNUSED)
{
    return remove(path);
}

static inline void house_open(struct house *t)
{
    ASSERT_OK(t, store_open(&(struct store_options){.directory = t->path}, &t->store, &t->error));
    ASSERT_OK(t, directory_open(store_volume(t->store), &t->directory, &t->error));
    struct queue_options options = {.store = t->store, .directory = t->directory, .hostname = "mail.example"};
    ASSERT_OK(t, queue_open(&options, &t->queue, &t->error));
}

static inline void house_close(struct house *t)
{
    queue_close(t->queue);
    directory_close(t->directory);
    store_close(t->store);
}

static inline struct account_id house_account(struct house *t, const char *address)
{
    struct account_new account = {.address = slice_cstr(address)};
    struct account_id id = {0};
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    ASSERT_OK(t, store_account_create(t->store, id, &t->error));
    return id;
}

static inline int house_make(void **state)
{
    struct house *t = calloc(1, sizeof(*t));
    struct domain_id domain;
    assert_non_null(t);
    snprintf(t->path, sizeof(t->path), "/tmp/queue-test-XXXXXX");
    assert_non_null(mkdtemp(t->path));
    t->arena = ARENA(256 * 1024 * 1024);
    house_open(t);
    ASSERT_OK(t, domain_add(t->directory, S("demo.example"), &domain, &t->error));
    t->anna = house_account(t, "anna@demo.example");
    t->otto = house_account(t, "otto@demo.example");
    t->small = house_account(t, "small@demo.example");
    *state = t;
    return 0;
}

static inline int house_free(void **state)
{
    struct house *t = *state;
    house_close(t);
    arena_release(&t->arena);
    nftw(t->path, house_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

static inline void house_settle(struct house *t)
{
    assert_true(queue_idle(t->queue, clock_mono_us() + 30 * CLOCK_SECOND));
}

static inline void house_alias(struct house *t, const char *address, struct slice *targets, size_t count,
                               bool group)
{
    struct alias alias = {
        .address = slice_cstr(address), .targets = targets, .target_count = count, .group = group};
    ASSERT_OK(t, alias_set(t->directory, &alias, true, &t->error));
}

/* Accepts a message from sender to the recipients. */
static inline struct queue_id house_send_to(struct house *t, const char *sender,
                                            struct queue_recipient *recipients, size_t count,
                                            struct slice body)
{
    struct queue_envelope envelope = {.sender = slice_cstr(sender),
                                      .recipients = recipients,
                                      .recipient_count = count,
                                      .protocol = S("ESMTP"),
                                      .helo = S("client.example"),
                                      .peer = S("192.0.2.1")};
    struct queue_id id = {0};
    ASSERT_OK(t, queue_accept(t->queue, &envelope, body, 0, &id, &t->error));
    assert_int_not_equal(id.v, 0);
    return id;
}

#define MESSAGE S("Subject: x\r\n\r\nhello\r\n")

static inline struct queue_id house_send(struct house *t, const char *sender, const char *recipient)
{
    struct queue_recipient to = {.address = slice_cstr(recipient)};
    return house_send_to(t, sender, &to, 1, MESSAGE);
}

/* The Inbox's messages, oldest first. */
static inline size_t house_inbox(struct house *t, struct account_id id, struct message **ret_messages)
{
    CLEANUP(uid_set_release) struct uid_set all = {0};
    struct account *account;
    struct folder inbox;
    size_t count;
    uid_set_add(&all, 1, UINT32_MAX);
    ASSERT_OK(t, store_account(t->store, id, &account, &t->error));
    ASSERT_OK(t, folder_by_role(account, ROLE_FOLDER_INBOX, &t->arena, &inbox, &t->error));
    ASSERT_OK(t, message_list(account, inbox.id, &all, WANT_FLAGS, HOUSE_MESSAGES_MAX, &t->arena,
                              ret_messages, &count, &t->error));
    account_unref(account);
    return count;
}

static inline size_t house_count(struct house *t, struct account_id id)
{
    struct message *messages;
    return house_inbox(t, id, &messages);
}

/* The newest message's text. */
static inline const char *house_read(struct house *t, struct account_id id)
{
    CLEANUP(content_release) struct content content = {0};
    struct message *messages;
    struct account *account;
    size_t count = house_inbox(t, id, &messages);
    assert_true(count > 0);
    ASSERT_OK(t, store_account(t->store, id, &account, &t->error));
    ASSERT_OK(t, message_read(account, messages[count - 1].object, CONTENT_WHOLE, &content, &t->error));
    account_unref(account);
    char *text = arena_alloc(&t->arena, content.whole.n + 1);
    assert_non_null(text);
    memcpy(text, content.whole.p, content.whole.n);
    text[content.whole.n] = 0;
    return text;
}

#define ASSERT_HAS(text, part)                                  \
    do {                                                        \
        if (strstr((text), (part)) == NULL) {                   \
            print_error("no \"%s\" in:\n%s\n", (part), (text)); \
            assert_true(false);                                 \
        }                                                       \
    } while (0)

static inline size_t house_list(struct house *t, struct queue_entry **ret_entries)
{
    size_t count;
    struct queue_id first = {0};
    ASSERT_OK(t, queue_list(t->queue, first, 1000, &t->arena, ret_entries, &count, &t->error));
    return count;
}

static inline size_t house_left(struct house *t)
{
    struct queue_entry *entries;
    return house_list(t, &entries);
}

#endif
