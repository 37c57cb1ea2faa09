/* notify, and the tests of its methods (RFC 5435); the one method is mailto (RFC 5436). */
#include "sieve/notify.h"

#include "mime/compose.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "sieve/deliver.h"
#include "sieve/hash.h"
#include "sieve/letter.h"
#include "sieve/mailto.h"
#include "sieve/match.h"

enum { NOTIFICATION_MAX = 1 << 20, SUBJECT_MAX = 1000, SPEC_MAX = 2000, SHOWN_MAX = 100 };

/* The arguments, with their variables. p NULL: not given. */
struct notification {
    struct slice method;
    struct slice from;
    struct slice importance;
    struct slice message;
    struct mailto mailto;
    struct slice author;            /* the address in From */
    const struct slice *recipients; /* who was not told before, in the result */
    size_t recipient_count;
};

bool notify_from_valid(struct slice from)
{
    return address_valid(from);
}

bool notify_importance_valid(struct slice importance)
{
    return importance.n == 1 && importance.p[0] >= '1' && importance.p[0] <= '3';
}

bool notify_option_valid(struct slice option)
{
    struct slice name, value;
    if (!slice_cut(option, '=', &name, &value) || name.n == 0 || !ascii_is_alnum(name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && slice_find_char(S(".-_"), name.p[i]) < 0)
            return false;
    return slice_find_char(value, 0) < 0 && slice_find_char(value, '\r') < 0 &&
           slice_find_char(value, '\n') < 0;
}

bool notify_method_valid(struct slice method)
{
    CLEANUP(arena_release) struct arena arena = ARENA(MAILTO_ARENA_MAX);
    struct mailto ignored;
    return mailto_parse(&arena, method, &ignored);
}

/* --- the arguments --- */

static enum err check_options(struct run *run, const struct node *node, struct error *error)
{
    const struct value *options = node_value(node, SLOT_OPTIONS);
    const struct slice *texts;
    enum err e = options != NULL ? run_texts(run, options, &texts, error) : ERR_OK;
    for (uint32_t i = 0; e == ERR_OK && options != NULL && i < options->count; i++)
        if (!notify_option_valid(texts[i]))
            e = run_fail(run, error, "\":options\" are \"name=value\"");
    return e;
}

static enum err read_arguments(struct run *run, const struct node *node, struct notification *notification,
                               struct error *error)
{
    enum err e = run_argument(run, node, SLOT_METHOD, &notification->method, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_FROM, &notification->from, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_IMPORTANCE, &notification->importance, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_REASON, &notification->message, error);
    if (e == ERR_OK)
        e = check_options(run, node, error);
    if (e != ERR_OK)
        return e;
    if (notification->from.p != NULL && !notify_from_valid(notification->from))
        return run_fail(run, error, "\":from\" is no address");
    if (notification->importance.p != NULL && !notify_importance_valid(notification->importance))
        return run_fail(run, error, "\":importance\" is \"1\", \"2\" or \"3\"");
    if (!mailto_parse(&run->scratch, notification->method, &notification->mailto))
        return run_fail(run, error, "nobody can be notified by \"%.*s\"",
                        SLICE_ARGS(slice_sub(notification->method, 0, SHOWN_MAX)));
    return ERR_OK;
}

/* --- who --- */

static bool is_told(const struct run *run, struct slice address)
{
    for (size_t i = 0; i < run->action_count; i++)
        for (size_t k = 0; k < run->actions[i].recipient_count; k++)
            if (slice_eq_nocase(run->actions[i].recipients[k], address))
                return true;
    return false;
}

static bool is_listed(const struct notification *notification, struct slice address)
{
    for (size_t i = 0; i < notification->recipient_count; i++)
        if (slice_eq_nocase(notification->recipients[i], address))
            return true;
    return false;
}

/* Each once, and nobody twice by one run (RFC 5436 2.7). */
static enum err add_recipients(struct run *run, const struct mime_address *list, struct slice *recipients,
                               struct notification *notification, struct error *error)
{
    enum err e = ERR_OK;
    for (const struct mime_address *a = list; a != NULL && e == ERR_OK; a = a->next) {
        CLEANUP(buf_release) struct buf spec = BUF(SPEC_MAX);
        mime_address_put_spec(&spec, a);
        if (buf_failed(&spec))
            return run_fail(run, error, "an address is too long");
        if (is_told(run, buf_slice(&spec)) || is_listed(notification, buf_slice(&spec)))
            continue;
        e = run_keep_text(run, buf_slice(&spec), &recipients[notification->recipient_count], error);
        notification->recipient_count += e == ERR_OK;
    }
    return e;
}

static enum err find_recipients(struct run *run, struct notification *notification, struct error *error)
{
    struct slice *recipients =
        arena_array(&run->result->arena, MAILTO_RECIPIENTS_MAX + 1, sizeof(*recipients));
    if (recipients == NULL)
        return run_too_much(run, error);
    notification->recipients = recipients;
    enum err e = add_recipients(run, notification->mailto.to, recipients, notification, error);
    if (e == ERR_OK)
        e = add_recipients(run, notification->mailto.cc, recipients, notification, error);
    return e;
}

/* :from where it is the owner's, else the address that was written to (RFC 5435 3.3, RFC 5436 2.7). */
static enum err find_author(struct run *run, struct notification *notification, struct error *error)
{
    CLEANUP(buf_release) struct buf spec = BUF(SPEC_MAX);
    const struct sieve_input *input = run->input;
    struct mime_address address;
    struct slice author = input->envelope_to.n > 0 ? input->envelope_to : input->owner_address;
    if (notification->from.p != NULL && mime_address_parse_one(&run->scratch, notification->from, &address)) {
        mime_address_put_spec(&spec, &address);
        if (!buf_failed(&spec) && letter_is_own(run, buf_slice(&spec)))
            author = buf_slice(&spec);
    }
    return run_keep_text(run, author, &notification->author, error);
}

/* --- the message --- */

static void put_owner(struct buf *out, struct slice address)
{
    buf_put(out, S("auto-notified; owner-email=\""));
    for (size_t i = 0; i < address.n; i++) {
        if (address.p[i] == '"' || address.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, address.p[i]);
    }
    buf_putc(out, '"');
}

/* RFC 5436 2.7.1: whose script this is; an address that ASCII can't say is a token. */
static enum err put_trace(struct run *run, struct buf *out, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF(2 * SPEC_MAX);
    struct cursor c = cursor_of(letter_cause(run));
    struct mime_field field;
    if (slice_is_ascii(run->input->owner_address))
        put_owner(&value, run->input->owner_address);
    else {
        crypto_generichash_state state;
        struct slice token;
        hash_start(&state);
        hash_text(&state, 'O', run->input->owner_address);
        enum err e = hash_end(&state, run, &token, error);
        if (e != ERR_OK)
            return e;
        buf_printf(&value, "auto-notified; owner-token=%.*s", SLICE_ARGS(token));
    }
    mime_compose_field(out, "Auto-Submitted", buf_slice(&value));
    while (mime_field_next(&c, &field))
        if (slice_eq_nocase(field.name, S("received")))
            buf_put(out, field.whole);
    return ERR_OK;
}

static void put_subject(struct run *run, const struct notification *notification, struct buf *out)
{
    struct slice subject = notification->message;
    struct mime_field field;
    if (subject.p == NULL)
        subject = notification->mailto.subject;
    buf_clear(&run->decoded);
    if (subject.p == NULL && mime_field_find(letter_cause(run), S("subject"), &field)) {
        mime_words_decode(&run->decoded, field.value);
        subject = buf_slice(&run->decoded);
    }
    mime_compose_text_field(out, "Subject", slice_sub(subject, 0, SUBJECT_MAX));
}

/* As they are commonly written: the first letter of each word is a capital one (RFC 5436 2.7). */
static void put_fields(const struct notification *notification, struct buf *out)
{
    for (size_t i = 0; i < notification->mailto.field_count; i++) {
        const struct mailto_field *field = &notification->mailto.fields[i];
        char name[200];
        snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(slice_sub(field->name, 0, sizeof(name) - 1)));
        name[0] = ascii_upper(name[0]);
        mime_compose_text_field(out, name, field->value);
    }
    if (notification->importance.p != NULL && notification->importance.p[0] != '2')
        mime_compose_field(out, "Importance", notification->importance.p[0] == '1' ? S("high") : S("low"));
}

/* What the URI says; without it and without :message, what came (RFC 5435 3.6). */
static void put_body(struct run *run, const struct notification *notification, struct buf *out)
{
    static const char *const names[] = {"From", "Subject"};
    CLEANUP(buf_release) struct buf text = BUF(NOTIFICATION_MAX);
    struct mime_composer composer = MIME_COMPOSER(out);
    struct mime_field field;
    if (notification->mailto.body.p != NULL)
        buf_put(&text, notification->mailto.body);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (notification->mailto.body.p == NULL && notification->message.p == NULL &&
            mime_field_find(letter_cause(run), slice_cstr(names[i]), &field)) {
            buf_printf(&text, "%s: ", names[i]);
            mime_words_decode(&text, slice_sub(field.value, 0, SUBJECT_MAX));
            buf_put(&text, S("\r\n"));
        }
    out->failed = out->failed || buf_failed(&text);
    mime_compose_text(&composer, "plain", buf_slice(&text));
}

static enum err compose(struct run *run, const struct notification *notification, struct slice *ret,
                        struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(NOTIFICATION_MAX);
    enum err e = put_trace(run, &out, error);
    if (e != ERR_OK)
        return e;
    letter_put_date(run, &out);
    letter_put_id(run, &out);
    mime_compose_mailbox(&out, "From", run->input->owner_name, notification->author);
    mime_compose_addresses(&out, "To", notification->mailto.to);
    mime_compose_addresses(&out, "Cc", notification->mailto.cc);
    put_subject(run, notification, &out);
    put_fields(notification, &out);
    put_body(run, notification, &out);
    return buf_failed(&out) ? run_too_much(run, error) : run_keep_text(run, buf_slice(&out), ret, error);
}

/* --- the command --- */

/* Why nobody is told; NULL: somebody is. */
static const char *refusal(const struct run *run, const struct notification *notification)
{
    struct slice automatic = mime_field_value(letter_cause(run), S("auto-submitted"));
    if (automatic.n > 0 && !slice_starts_nocase(automatic, S("no")))
        return "a program wrote the message"; /* RFC 5436 2.7 */
    return notification->recipient_count == 0 ? "there is nobody who was not told before" : NULL;
}

static enum err check_count(struct run *run, struct error *error)
{
    const size_t wanted = run->input->notifications_max;
    const size_t most = wanted > 0 ? wanted : (size_t)SIEVE_NOTIFICATIONS_MAX;
    size_t count = 0;
    for (size_t i = 0; i < run->action_count; i++)
        count += run->actions[i].kind == SIEVE_ACTION_NOTIFY;
    return count < most ? ERR_OK : run_fail(run, error, "more than %zu notifications", most);
}

static enum err notify(struct run *run, const struct notification *notification, struct error *error)
{
    struct sieve_action action = {.kind = SIEVE_ACTION_NOTIFY,
                                  .recipients = notification->recipients,
                                  .recipient_count = notification->recipient_count,
                                  .sender = notification->author};
    /* No sender, no sender: else two servers could notify each other for ever. */
    if (run->input->envelope_from.p != NULL && run->input->envelope_from.n == 0)
        action.sender = S("");
    enum err e = check_count(run, error);
    if (e == ERR_OK)
        e = compose(run, notification, &action.reply, error);
    return e == ERR_OK ? run_act(run, action, error) : e;
}

enum err act_notify(struct run *run, const struct node *node, struct error *error)
{
    struct notification notification = {0};
    enum err e = read_arguments(run, node, &notification, error);
    if (e == ERR_OK)
        e = find_recipients(run, &notification, error);
    if (e == ERR_OK)
        e = find_author(run, &notification, error);
    if (e != ERR_OK)
        return e;
    const char *why = refusal(run, &notification);
    if (why == NULL)
        return notify(run, &notification, error);
    snprintf(run->result->note, sizeof(run->result->note), "line %u: no notification: %s", node->line, why);
    run_trace(run, S("no notification"), "%s", why);
    return ERR_OK;
}

/* --- the tests --- */

enum err test_valid_notify_method(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct value *methods = node_value(node, SLOT_METHOD);
    const struct slice *texts;
    bool valid = true;
    enum err e = run_texts(run, methods, &texts, error);
    for (uint32_t i = 0; e == ERR_OK && valid && i < methods->count; i++) {
        valid = notify_method_valid(texts[i]);
        e = run_spend(run, texts[i].n, error);
    }
    if (e == ERR_OK)
        *ret = valid;
    return e;
}

/* Nobody here knows whether who reads a mailbox is online: "maybe" (RFC 5436 2.2). */
static enum err try_capability(struct run *run, const struct node *node, struct match *match, bool *ret,
                               struct error *error)
{
    struct slice method, capability;
    bool found = false;
    enum err e = run_argument(run, node, SLOT_METHOD, &method, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_NAME, &capability, error);
    *ret = false;
    if (e != ERR_OK || !notify_method_valid(method) || !slice_eq_nocase(capability, S("online")))
        return e;
    e = match_try(match, S("maybe"), &found, error);
    if (e == ERR_OK && !found)
        e = match_close(match, &found, error);
    *ret = found;
    return e;
}

enum err test_notify_method_capability(struct run *run, const struct node *node, bool *ret,
                                       struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_capability(run, node, &match, ret, error) : e;
}
