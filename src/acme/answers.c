#include "acme/answers.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/must.h"

struct expected {
    char *name, *token, *authorization; /* of a record: its own name, nothing, its value */
    bool is_record, set;
};

struct acme_answers {
    pthread_mutex_t lock;
    struct expected rows[ACME_ANSWERS_MAX];
    size_t count;
    char gave_up[ACME_GAVE_UP_MAX]; /* why; empty: nobody has */
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
    answers->gave_up[0] = 0;
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

static enum err add(struct acme_answers *answers, bool is_record, struct slice name, struct slice token,
                    struct slice authorization, struct error *error)
{
    struct expected row = {.name = slice_to_cstr(name),
                           .token = slice_to_cstr(token),
                           .authorization = slice_to_cstr(authorization),
                           .is_record = is_record};
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

enum err acme_answers_add(struct acme_answers *answers, struct slice name, struct slice token,
                          struct slice authorization, struct error *error)
{
    return add(answers, false, name, token, authorization, error);
}

static bool find(struct acme_answers *answers, struct slice wanted, bool by_name, struct buf *out)
{
    bool found = false;
    pthread_mutex_lock(&answers->lock);
    for (size_t i = answers->count; !found && i-- > 0;) { /* the newest first */
        const struct expected *row = &answers->rows[i];
        if (row->is_record)
            continue;
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

/* --- records in the DNS (RFC 8555 8.4) --- */

enum err acme_answers_add_record(struct acme_answers *answers, struct slice name, struct slice authorization,
                                 struct error *error)
{
    CLEANUP(buf_release) struct buf full = BUF(ACME_RECORD_NAME_MAX + 1);
    CLEANUP(buf_release) struct buf value = BUF(2 * ACME_RECORD_VALUE);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    buf_printf(&full, "_acme-challenge.%.*s", SLICE_ARGS(name));
    if (buf_failed(&full) || full.n > ACME_RECORD_NAME_MAX)
        return fail(error, ERR_INVALID, NULL, "no record can be for a name of %zu bytes", name.n);
    if (EVP_Digest(authorization.p, authorization.n, digest, &n, EVP_sha256(), NULL) != 1)
        return fail_nomem(error);
    base64_encode_url(&value, slice_of(digest, n));
    return buf_failed(&value) ? fail_nomem(error)
                              : add(answers, true, buf_slice(&full), S(""), buf_slice(&value), error);
}

bool acme_answers_record(struct acme_answers *answers, size_t i, struct acme_record *ret_record)
{
    bool found = false;
    pthread_mutex_lock(&answers->lock);
    for (size_t k = 0; !found && k < answers->count; k++) {
        const struct expected *row = &answers->rows[k];
        if (!row->is_record || i-- > 0)
            continue;
        snprintf(ret_record->name, sizeof(ret_record->name), "%s", row->name);
        snprintf(ret_record->value, sizeof(ret_record->value), "%s", row->authorization);
        ret_record->set = row->set;
        found = true;
    }
    pthread_mutex_unlock(&answers->lock);
    return found;
}

void acme_answers_set(struct acme_answers *answers, struct slice value)
{
    pthread_mutex_lock(&answers->lock);
    for (size_t i = 0; i < answers->count; i++) {
        struct expected *row = &answers->rows[i];
        row->set = row->set || (row->is_record && slice_eq(value, slice_cstr(row->authorization)));
    }
    pthread_mutex_unlock(&answers->lock);
}

void acme_answers_give_up(struct acme_answers *answers, struct slice why)
{
    pthread_mutex_lock(&answers->lock);
    if (answers->count > 0) /* else it is about an attempt that has ended */
        snprintf(answers->gave_up, sizeof(answers->gave_up), "%.*s", SLICE_ARGS(why));
    pthread_mutex_unlock(&answers->lock);
}

enum err acme_answers_records(struct acme_answers *answers, bool *ret_all, struct error *error)
{
    bool all = true;
    enum err e = ERR_OK;
    pthread_mutex_lock(&answers->lock);
    for (size_t i = 0; i < answers->count; i++)
        all = all && (!answers->rows[i].is_record || answers->rows[i].set);
    if (answers->gave_up[0] != 0)
        e = fail_plain(error, ERR_UNAVAILABLE, "%s", answers->gave_up);
    pthread_mutex_unlock(&answers->lock);
    if (e == ERR_OK)
        *ret_all = all;
    return e;
}
