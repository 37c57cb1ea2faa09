/* A store in a directory of its own, with one account, for this room's tests. */
#ifndef POSTHORN_STORE_TESTING_H
#define POSTHORN_STORE_TESTING_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/must.h"
#include "store/change.h"
#include "store/invariants.h"
#include "store/view.h"

/* After ours: it defines `fail`. */
#include <cmocka.h>

struct fixture {
    char directory[64];
    struct store *store;
    struct account *account;
    struct account_limits limits;
    struct arena arena;
    struct error error;
    struct folder inbox;
};

#define OK(call)                                              \
    do {                                                      \
        if ((call) != ERR_OK)                                 \
            fail_msg("%s: %s", #call, fixture->error.detail); \
    } while (0)

static const struct account_id test_account = {0x1234567890abcdef};

static inline int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void give_limits(void *context, struct account_id id, struct account_limits *ret_limits)
{
    (void)id;
    *ret_limits = ((struct fixture *)context)->limits;
}

static inline void fixture_open(struct fixture *fixture)
{
    struct store_options options = {
        .directory = fixture->directory, .limits = give_limits, .context = fixture};
    OK(store_open(&options, &fixture->store, &fixture->error));
}

static inline void fixture_account(struct fixture *fixture)
{
    OK(store_account(fixture->store, test_account, &fixture->account, &fixture->error));
    OK(folder_find(fixture->account, S("inbox"), &fixture->arena, &fixture->inbox, &fixture->error));
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    must(fixture != NULL);
    fixture->arena = ARENA(256U << 20);
    fixture->limits = ACCOUNT_LIMITS_DEFAULT;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/posthorn-store-XXXXXX");
    must(mkdtemp(fixture->directory) != NULL);
    fixture_open(fixture);
    OK(store_account_create(fixture->store, test_account, &fixture->error));
    fixture_account(fixture);
    *state = fixture;
    return 0;
}

/* Closes and opens again, as after a stop. */
static inline void fixture_again(struct fixture *fixture)
{
    account_unref(fixture->account);
    store_close(fixture->store);
    fixture_open(fixture);
    fixture_account(fixture);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->account != NULL)
        account_unref(fixture->account);
    store_close(fixture->store);
    arena_release(&fixture->arena);
    nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

static inline uint32_t append(struct fixture *fixture, struct folder_id folder, struct slice text)
{
    struct append_item item = {.folder = folder, .body = text};
    struct append_result result;
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
    return result.uid.v;
}

static inline struct folder_id make_folder(struct fixture *fixture, const char *path)
{
    struct folder_id id = {0};
    OK(folder_create(fixture->account, slice_cstr(path), FOLDER_MAIL, ROLE_FOLDER_NONE, &id,
                     &fixture->error));
    return id;
}

static inline struct folder get_folder(struct fixture *fixture, struct folder_id id)
{
    struct folder folder = {0};
    OK(folder_get(fixture->account, id, &fixture->arena, &folder, &fixture->error));
    return folder;
}

static inline struct uid_set range(uint32_t first, uint32_t last)
{
    struct uid_set set = {0};
    uid_set_add(&set, first, last);
    return set;
}

#define SMALL_MESSAGE                                                              \
    "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: Re: Lunch\r\n" \
    "Message-ID: <1@example.org>\r\nDate: Wed, 17 Jul 1996 02:44:25 -0700\r\n\r\n" \
    "Hello, lunch?\r\n"
static const struct slice small_message = {SMALL_MESSAGE, sizeof(SMALL_MESSAGE) - 1};

#endif
