#include "acme/answers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/must.h"

struct expected {
    char *name, *token, *authorization;
};

struct acme_answers {
    pthread_mutex_t lock;
    struct expected rows[ACME_ANSWERS_MAX];
    size_t count;
};

enum err acme_answers_create(struct acme_answers **ret_answers, struct error *error)
{
    struct acme_answers *answers = calloc(1, sizeof(*answers));
    if (answers == NULL)
        return fail_nomem(error);
    must(pthread_mutex_init(&answers->lock, NULL) == 0);
    *ret_answers = answers;
    return ERR_OK;
}

static void expected_release(struct expected *row)
{
    free(row->name);
    free(row->token);
    free(row->authorization);
}

void acme_answers_clear(struct acme_answers *answers)
{
    pthread_mutex_lock(&answers->lock);
    while (answers->count > 0)
        expected_release(&answers->rows[--answers->count]);
    pthread_mutex_unlock(&answers->lock);
}

void acme_answers_destroy(struct acme_answers *answers)
{
    if (answers == NULL)
        return;
    acme_answers_clear(answers);
    pthread_mutex_destroy(&answers->lock);
    free(answers);
}

enum err acme_answers_add(struct acme_answers *answers, struct slice name, struct slice token,
                          struct slice authorization, struct error *error)
{
    struct expected row = {slice_to_cstr(name), slice_to_cstr(token), slice_to_cstr(authorization)};
    enum err e = ERR_OK;
    if (row.name == NULL || row.token == NULL || row.authorization == NULL)
        e = fail_nomem(error);
    pthread_mutex_lock(&answers->lock);
    if (e == ERR_OK && answers->count == ACME_ANSWERS_MAX)
        e = fail(error, ERR_LIMIT, NULL, "more than %d names are being proven", ACME_ANSWERS_MAX);
    if (e == ERR_OK)
        answers->rows[answers->count++] = row;
    pthread_mutex_unlock(&answers->lock);
    if (e != ERR_OK)
        expected_release(&row);
    return e;
}

static bool find(struct acme_answers *answers, struct slice wanted, bool by_name, struct buf *out)
{
    bool found = false;
    pthread_mutex_lock(&answers->lock);
    for (size_t i = answers->count; !found && i-- > 0;) { /* the newest first */
        const struct expected *row = &answers->rows[i];
        found = by_name ? slice_eq_nocase(wanted, slice_cstr(row->name))
                        : slice_eq(wanted, slice_cstr(row->token));
        if (found)
            buf_put(out, slice_cstr(row->authorization));
    }
    pthread_mutex_unlock(&answers->lock);
    return found;
}

bool acme_answers_by_token(struct acme_answers *answers, struct slice token, struct buf *out)
{
    return find(answers, token, false, out);
}

bool acme_answers_by_name(struct acme_answers *answers, struct slice name, struct buf *out)
{
    return find(answers, name, true, out);
}
