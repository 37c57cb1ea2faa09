#include "queue/allowance.h"

#include <stdlib.h>

#include "base/language.h"
#include "mime/compose.h"
#include "queue/internal.h"

enum { ALLOWANCE_ARENA_MAX = 1024 * 1024, NOTICE_MAX = 16 * 1024, SENTENCE_MAX = 600 };

static const struct {
    enum option option;
    int64_t span_us;
    bool of_recipients;
} kinds[ALLOWANCES] = {
#define X(option, span, recipients) {OPTION_##option, span, recipients},
    ALLOWANCE_TABLE(X)
#undef X
};

/* --- levels; locked --- */

static struct submitted *find(struct queue *queue, struct account_id account)
{
    struct allowances *allowances = &queue->allowances;
    struct submitted *found = map_get(&allowances->all, map_key_u64(&account.v));
    if (found != NULL)
        return found;
    found = calloc(1, sizeof(*found));
    if (found == NULL)
        return NULL;
    *found = (struct submitted){.account = account, .at_us = clock_wall_us()};
    if (map_set(&allowances->all, map_key_u64(&account.v), found))
        return found;
    free(found);
    return NULL;
}

/* As they are now. A clock that went back lets nothing sink. */
static void sink(struct submitted *submitted, const struct options *options)
{
    int64_t now = clock_wall_us();
    double passed = (double)MAX(now - submitted->at_us, INT64_C(0));
    for (size_t i = 0; i < ALLOWANCES; i++) {
        double most = (double)options->values[kinds[i].option];
        double level = submitted->levels[i] - most * passed / (double)kinds[i].span_us;
        submitted->levels[i] = most > 0 && level > 0 ? level : 0;
    }
    submitted->at_us = now;
}

/* The limit that would be passed, or ALLOWANCES. */
static enum allowance passed_by(const struct submitted *submitted, const struct options *options,
                                size_t recipients)
{
    for (size_t i = 0; i < ALLOWANCES; i++) {
        double most = (double)options->values[kinds[i].option];
        double more = kinds[i].of_recipients ? (double)recipients : 1;
        if (most > 0 && submitted->levels[i] + more > most)
            return (enum allowance)i;
    }
    return ALLOWANCES;
}

static void raise(struct submitted *submitted, size_t recipients)
{
    for (size_t i = 0; i < ALLOWANCES; i++)
        submitted->levels[i] += kinds[i].of_recipients ? (double)recipients : 1;
}

/* --- telling --- */

/* The postmaster of the account's domain, or else who administers it. Empty: nobody. */
static struct slice find_postmaster(struct queue *queue, struct slice address, struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF(ADDRESS_MAX + sizeof("postmaster"));
    struct slice domain = slice_from(address, (size_t)(slice_rfind_char(address, '@') + 1));
    struct route route;
    struct slice *administrators;
    struct error error;
    size_t count = 0;
    buf_printf(&text, "postmaster@%.*s", SLICE_ARGS(domain));
    if (directory_route(queue->directory, buf_slice(&text), arena, &route, &error) == ERR_OK &&
        route.kind == ROUTE_LOCAL)
        return arena_dup(arena, buf_slice(&text));
    if (domain_administrators(queue->directory, domain, arena, &administrators, &count, &error) == ERR_OK &&
        count > 0)
        return administrators[0];
    return slice_none();
}

static struct tongue tongue_of(struct queue *queue, struct slice address, struct arena *arena)
{
    struct account_entry entry;
    struct route route;
    struct error error;
    if (directory_route(queue->directory, address, arena, &route, &error) == ERR_OK &&
        route.account_count == 1 &&
        account_entry_get(queue->directory, route.accounts[0].id, arena, &entry, &error) == ERR_OK)
        return (struct tongue){language_of(entry.language), true};
    return (struct tongue){0};
}

static void put_sentence(struct buf *out, struct tongue tongue, const char *format, ...) FORMAT(3, 4);
static void put_sentence(struct buf *out, struct tongue tongue, const char *format, ...)
{
    CLEANUP(buf_release) struct buf sentence = BUF(SENTENCE_MAX);
    va_list args;
    va_start(args, format);
    buf_vprintf(&sentence, format, args);
    va_end(args);
    language_put(out, tongue, buf_slice(&sentence));
    buf_put(out, S("\n\n"));
}

static void compose(struct queue *queue, const struct account_entry *account, enum allowance which,
                    struct slice to, struct tongue tongue, struct buf *out)
{
    CLEANUP(buf_release) struct buf text = BUF(NOTICE_MAX);
    CLEANUP(buf_release) struct buf from = BUF(NOTICE_MAX);
    struct mime_composer composer = MIME_COMPOSER(out);
    buf_printf(&from, "MAILER-DAEMON@%s", queue->hostname);
    mime_compose_mailbox(out, "From", S("Mail Delivery System"), buf_slice(&from));
    mime_compose_mailbox(out, "To", slice_none(), to);
    language_put(&text, tongue, S("An account may send no more for now"));
    mime_compose_text_field(out, "Subject", buf_slice(&text));
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, slice_cstr(queue->hostname));
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-generated"));
    buf_clear(&text);
    put_sentence(&text, tongue, "The account %.*s has sent as much as it may: %s is %llu.",
                 SLICE_ARGS(account->address), option_name(kinds[which].option),
                 (unsigned long long)account->options.values[kinds[which].option]);
    put_sentence(
        &text, tongue,
        "More is refused until less was sent in the last hour or day. If the person did not send that much, "
        "somebody else may know the password: change it, and hold what waits in the queue.");
    put_sentence(&text, tongue, "If it is in order, give the account a higher limit.");
    mime_compose_text(&composer, "plain", buf_slice(&text));
}

static enum err write_notice(struct queue *queue, const struct account_entry *account, enum allowance which,
                             struct arena *arena, struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(2 * NOTICE_MAX);
    struct queue_recipient to = {.address = find_postmaster(queue, account->address, arena),
                                 .notify = DSN_NEVER};
    const struct queue_envelope envelope = {.sender = S(""),
                                            .recipients = &to,
                                            .recipient_count = 1,
                                            .protocol = S("ESMTP"),
                                            .helo = slice_cstr(queue->hostname)};
    struct queue_id id;
    if (to.address.n == 0)
        return ERR_OK;
    compose(queue, account, which, to.address, tongue_of(queue, to.address, arena), &message);
    if (buf_failed(&message))
        return fail_nomem(error);
    return queue_accept(queue, &envelope, buf_slice(&message), 0, &id, error);
}

static void tell(struct queue *queue, const struct account_entry *account, enum allowance which,
                 struct arena *arena)
{
    struct error error;
    LOG(LOG_WARN, NO_SID, "queue.allowance", F_STR("account", account->address),
        F_CSTR("limit", option_name(kinds[which].option)),
        F_INT("most", account->options.values[kinds[which].option]));
    if (write_notice(queue, account, which, arena, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "queue.allowance", F_ERR(&error));
}

/* --- asking --- */

enum err allowance_take(struct queue *queue, struct account_id account, size_t recipients,
                        struct submitted *ret_row, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ALLOWANCE_ARENA_MAX);
    struct account_entry entry;
    bool due = false;
    enum err err = account_entry_get(queue->directory, account, &arena, &entry, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&queue->allowances.lock);
    struct submitted *submitted = find(queue, account);
    if (submitted == NULL) {
        pthread_mutex_unlock(&queue->allowances.lock);
        return fail_nomem(error);
    }
    sink(submitted, &entry.options);
    enum allowance which = passed_by(submitted, &entry.options, recipients);
    if (which != ALLOWANCES) {
        due = clock_wall_us() - submitted->told_us > CLOCK_DAY;
        submitted->told_us = due ? clock_wall_us() : submitted->told_us;
    } else if (ret_row != NULL) {
        raise(submitted, recipients);
        *ret_row = *submitted;
    }
    pthread_mutex_unlock(&queue->allowances.lock);
    if (which == ALLOWANCES)
        return ERR_OK;
    if (due)
        tell(queue, &entry, which, &arena);
    return fail(error, ERR_BUSY, "you have sent as much as you may for now; please try again later",
                "%s is reached", option_name(kinds[which].option));
}

/* --- beginning and end --- */

enum err allowance_load(struct queue *queue, const struct submitted *row, struct error *error)
{
    pthread_mutex_lock(&queue->allowances.lock);
    struct submitted *submitted = find(queue, row->account);
    if (submitted != NULL)
        *submitted = *row;
    pthread_mutex_unlock(&queue->allowances.lock);
    return submitted != NULL ? ERR_OK : fail_nomem(error);
}

static void free_submitted(void *context, struct slice key, void *value)
{
    (void)context;
    (void)key;
    free(value);
}

void allowance_init(struct queue *queue)
{
    pthread_mutex_init(&queue->allowances.lock, NULL);
}

void allowance_teardown(struct queue *queue)
{
    map_each(&queue->allowances.all, free_submitted, NULL);
    map_release(&queue->allowances.all);
    pthread_mutex_destroy(&queue->allowances.lock);
}
