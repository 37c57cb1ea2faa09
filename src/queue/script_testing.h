/* Scripts of the accounts of testing.h's house, and what comes of them. */
#ifndef POSTHORN_QUEUE_SCRIPT_TESTING_H
#define POSTHORN_QUEUE_SCRIPT_TESTING_H

#include "queue/testing.h"
#include "store/script.h"

#define FROM_OUTSIDE "sender@outside.example"

static inline struct account *open_account(struct house *t, struct account_id id)
{
    struct account *account = NULL;
    ASSERT_OK(t, store_account(t->store, id, &account, &t->error));
    return account;
}

/* It becomes active. */
static inline void give(struct house *t, struct account_id id, const char *text)
{
    struct sieve_complaints complaints;
    struct account *account = open_account(t, id);
    ASSERT_OK(t, script_put(account, S("filter"), slice_cstr(text), &complaints, &t->error));
    ASSERT_OK(t, script_activate(account, S("filter"), &t->error));
    account_unref(account);
}

static inline void make_folder(struct house *t, struct account_id id, const char *path)
{
    struct folder_id folder;
    struct account *account = open_account(t, id);
    ASSERT_OK(t, folder_create(account, slice_cstr(path), FOLDER_MAIL, ROLE_FOLDER_NONE, &folder, &t->error));
    account_unref(account);
}

static inline size_t count_in(struct house *t, struct account_id id, const char *path)
{
    struct folder folder = {0};
    struct account *account = open_account(t, id);
    enum err err = folder_find(account, slice_cstr(path), &t->arena, &folder, &t->error);
    account_unref(account);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK ? folder.messages : 0;
}

static inline void send_text(struct house *t, const char *sender, const char *recipient, struct slice message)
{
    struct queue_recipient to = {.address = slice_cstr(recipient)};
    house_send_to(t, sender, &to, 1, message);
    house_settle(t);
}

static inline void send(struct house *t, const char *sender, const char *recipient)
{
    send_text(t, sender, recipient,
              S("From: a@outside.example\r\nTo: anna@demo.example\r\nSubject: x\r\n\r\nhello\r\n"));
}

/* The message of the only entry that waits, and its sender and recipient. */
static inline const char *waiting(struct house *t, const char *sender, const char *recipient)
{
    struct queue_entry *entries, entry;
    char *body;
    assert_int_equal(house_list(t, &entries), 1);
    ASSERT_OK(t, queue_get(t->queue, entries[0].id, &t->arena, &entry, &body, &t->error));
    const char *text = arena_dup(&t->arena, slice_of(body, entry.size)).p;
    free(body);
    assert_non_null(text);
    assert_true(slice_eq(entry.sender, slice_cstr(sender)));
    assert_int_equal(entry.recipient_count, 1);
    assert_true(slice_eq(entry.recipients[0], slice_cstr(recipient)));
    return text;
}

#endif
