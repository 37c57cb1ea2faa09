/* A directory in a scratch folder, and short ways to fill it, for the tests of this room. */
#ifndef POSTHORN_DIRECTORY_TEST_H
#define POSTHORN_DIRECTORY_TEST_H

#include "base/test.h"

#include <ftw.h>
#include <unistd.h>

#include "base/must.h"
#include "directory/directory.h"
#include "store/volume.h"

struct fixture {
    char path[64];
    struct volume *volume;
    struct directory *directory;
    struct arena arena;
    struct error error;
};

#define ASSERT_OK(t, call) assert_string_equal((call) == ERR_OK ? "" : (t)->error.detail, "")
#define ASSERT_SLICE(s, text)                                       \
    do {                                                            \
        struct slice got_ = (s);                                    \
        char shown_[512];                                           \
        snprintf(shown_, sizeof(shown_), "%.*s", SLICE_ARGS(got_)); \
        assert_string_equal(shown_, (text));                        \
    } while (0)

static inline int fixture_remove(const char *path, const struct stat *status UNUSED, int type UNUSED,
                                 struct FTW *ftw UNUSED)
{
    return remove(path);
}

static inline int fixture_make(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));
    snprintf(t->path, sizeof(t->path), "/tmp/directory-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    t->arena = ARENA(64 * 1024 * 1024);
    ASSERT_OK(t, volume_open_local(t->path, &t->volume, &t->error));
    ASSERT_OK(t, directory_open(t->volume, &t->directory, &t->error));
    *state = t;
    return 0;
}

static inline int fixture_free(void **state)
{
    struct fixture *t = *state;
    directory_close(t->directory);
    volume_close(t->volume);
    arena_release(&t->arena);
    nftw(t->path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

static inline void fixture_reopen(struct fixture *t)
{
    directory_close(t->directory);
    t->directory = NULL;
    ASSERT_OK(t, directory_open(t->volume, &t->directory, &t->error));
}

static inline void make_domain(struct fixture *t, const char *name)
{
    struct domain_id id;
    ASSERT_OK(t, domain_add(t->directory, slice_cstr(name), &id, &t->error));
    assert_int_not_equal(id.v, 0);
}

/* quick: tests need no argon2id for each account. */
static inline struct account_id make_account(struct fixture *t, const char *address, const char *password)
{
    struct account_new account = {
        .address = slice_cstr(address), .password = slice_cstr(password), .quick_hash = true};
    struct account_id id = {0};
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    assert_int_not_equal(id.v, 0);
    return id;
}

static inline enum err set_alias(struct fixture *t, const char *address, bool group, const char *first,
                                 const char *second)
{
    struct slice targets[] = {slice_cstr(first), slice_cstr(second != NULL ? second : "")};
    struct alias alias = {.address = slice_cstr(address),
                          .targets = targets,
                          .target_count = second != NULL ? 2 : 1,
                          .group = group};
    return alias_set(t->directory, &alias, true, &t->error);
}

#endif
