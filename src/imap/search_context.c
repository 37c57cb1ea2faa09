#include "imap/search_context.h"

#include <stdlib.h>

#include "base/log.h"
#include "imap/context_update.h"
#include "imap/search_find.h"

static void context_free(struct imap_context *context)
{
    if (context == NULL)
        return;
    arena_release(&context->arena);
    uid_set_release(&context->uids);
    free(context->list);
    free(context);
}

static struct imap_context **context_find(struct imap_session *s, struct slice tag)
{
    struct imap_context **link = &s->contexts;
    while (*link != NULL && !slice_eq((*link)->tag, tag))
        link = &(*link)->next;
    return link;
}

static void context_drop(struct imap_context **link)
{
    struct imap_context *context = *link;
    *link = context->next;
    context_free(context);
}

bool imap_context_end(struct imap_session *s, struct slice tag)
{
    struct imap_context **link = context_find(s, tag);
    if (*link == NULL)
        return false;
    context_drop(link);
    return true;
}

void imap_contexts_release(struct imap_session *s)
{
    while (s->contexts != NULL)
        context_drop(&s->contexts);
    uid_set_release(&s->retest);
    s->retest = (struct uid_set){0};
}

bool imap_context_allowed(struct imap_call *call, const struct imap_search *search)
{
    if (!(search->returns & IMAP_RETURN_UPDATE) || *context_find(call->session, call->command.tag) == NULL)
        return true;
    imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "Another search with this tag is kept up to date");
    return false;
}

/* --- sets that mean what they meant when the command came --- */

/* The keys of a search in the order of its text. False: enough. */
typedef bool key_fn(void *state, struct imap_search_key *key);

static bool each_key(struct imap_search_key *key, key_fn *visit, void *state)
{
    if (!visit(state, key))
        return false;
    for (struct imap_search_key *child = key->child; child != NULL; child = child->next)
        if (!each_key(child, visit, state))
            return false;
    return true;
}

static bool is_frozen(const struct imap_search_key *key)
{
    return key->kind == SEARCH_SEQUENCE && (!key->by_uid || key->set.saved);
}

static bool count_frozen(void *state, struct imap_search_key *key)
{
    struct imap_context *context = state;
    context->frozen_count += is_frozen(key);
    context->floats |= key->kind == SEARCH_OLDER || key->kind == SEARCH_YOUNGER;
    for (size_t i = 0; key->kind == SEARCH_SEQUENCE && key->by_uid && i < key->set.count; i++)
        context->floats |= key->set.ranges[i].first == 0 || key->set.ranges[i].last == 0;
    return true;
}

static bool set_of(struct arena *arena, const struct uid_set *uids, struct imap_sequence_set *ret)
{
    struct imap_sequence_range *ranges = arena_array(arena, uids->count + 1, sizeof(*ranges));
    for (size_t i = 0; ranges != NULL && i < uids->count; i++)
        ranges[i] = (struct imap_sequence_range){uids->ranges[i].first, uids->ranges[i].last};
    *ret = (struct imap_sequence_set){.ranges = ranges, .count = uids->count};
    return ranges != NULL && !uids->failed;
}

struct freezing {
    struct imap_call *call;
    struct imap_context *context;
    size_t at;
};

static bool freeze_key(void *state, struct imap_search_key *key)
{
    struct freezing *freezing = state;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    if (!is_frozen(key))
        return true;
    return imap_resolve_search_set(freezing->call, &key->set, key->by_uid, &uids) &&
           set_of(&freezing->context->arena, &uids, &freezing->context->frozen[freezing->at++]);
}

static bool thaw_key(void *state, struct imap_search_key *key)
{
    struct freezing *freezing = state;
    if (!is_frozen(key))
        return true;
    key->set = freezing->context->frozen[freezing->at++];
    key->by_uid = true;
    return true;
}

/* --- beginning --- */

static bool take_result(struct imap_context *context, const struct imap_order *uids)
{
    if (uids->set != NULL) {
        uid_set_union(&context->uids, uids->set);
        return !context->uids.failed;
    }
    context->sorted = true;
    context->count = context->cap = (size_t)uids->count;
    context->list = calloc(context->count + 1, sizeof(*context->list));
    for (size_t i = 0; context->list != NULL && i < context->count; i++) {
        context->list[i] = uids->list[i];
        uid_set_add(&context->uids, uids->list[i], uids->list[i]);
    }
    return context->list != NULL && !context->uids.failed;
}

/* NULL: there is no memory for it. */
static struct imap_context *context_new(struct imap_call *call, const struct imap_search *search,
                                        const struct imap_order *uids)
{
    struct imap_context *context = calloc(1, sizeof(*context));
    if (context == NULL)
        return NULL;
    context->arena = ARENA(IMAP_CONTEXT_ARENA_MAX);
    context->text = arena_dup(&context->arena, imap_reader_text(&call->session->reader));
    context->tag = arena_dup(&context->arena, call->command.tag);
    context->about = search->about;
    if (search->about.mailbox.p != NULL)
        context->about.mailbox = arena_dup(&context->arena, search->about.mailbox);
    context->by_uid = call->command.by_uid;
    context->utf8 = imap_speaks_utf8(call->session);
    context->comparator = search->comparator;
    (void)each_key(search->root, count_frozen, context);
    context->frozen = arena_array(&context->arena, context->frozen_count, sizeof(*context->frozen));
    struct freezing freezing = {.call = call, .context = context};
    if (!arena_failed(&context->arena) && each_key(search->root, freeze_key, &freezing) &&
        take_result(context, uids))
        return context;
    context_free(context);
    return NULL;
}

static bool too_many(const struct imap_session *s, const struct imap_order *uids)
{
    size_t contexts = 0;
    uint64_t sorted = uids->set == NULL ? uids->count : 0;
    for (const struct imap_context *context = s->contexts; context != NULL; context = context->next) {
        contexts++;
        sorted += context->count;
    }
    return contexts >= IMAP_CONTEXTS_MAX || sorted > IMAP_CONTEXTS_SORTED_MAX;
}

/* What it was is not kept of the others. */
static bool by_relevancy(const struct imap_search *search)
{
    for (size_t i = 0; i < search->sort_count; i++)
        if (search->sort[i].criterion == IMAP_SORT_RELEVANCY)
            return true;
    return false;
}

static void refuse(struct imap_session *s, struct slice tag, const char *why)
{
    CLEANUP(buf_release) struct buf code = BUF(IMAP_REPLY_CODE_MAX);
    buf_put(&code, S("[NOUPDATE "));
    imap_put_string(&code, tag);
    buf_putc(&code, ']');
    imap_put_line(s, S("*"), "NO", buf_slice(&code), why);
}

void imap_context_begin(struct imap_call *call, const struct imap_search *search,
                        const struct imap_order *uids)
{
    struct imap_session *s = call->session;
    if (!(search->returns & IMAP_RETURN_UPDATE) || call->reply.status != IMAP_STATUS_OK)
        return;
    if (search->filters) {
        refuse(s, call->command.tag, "A filter may change: what it finds is not kept up to date");
        return;
    }
    if (call->limited_from != 0) {
        refuse(s, call->command.tag, "A search of too many messages is not kept up to date");
        return;
    }
    if (by_relevancy(search)) {
        refuse(s, call->command.tag, "What is sorted by relevancy is not kept up to date");
        return;
    }
    if (too_many(s, uids)) {
        refuse(s, call->command.tag, "Too many searches are kept up to date");
        return;
    }
    struct imap_context *context = context_new(call, search, uids);
    if (context == NULL) {
        refuse(s, call->command.tag, "There is no memory to keep the search up to date");
        return;
    }
    context->next = s->contexts;
    s->contexts = context;
}

void imap_contexts_end_numbers(struct imap_session *s)
{
    struct imap_context **link = &s->contexts;
    while (*link != NULL) {
        if ((*link)->by_uid) {
            link = &(*link)->next;
            continue;
        }
        refuse(s, (*link)->tag, "Message numbers are no longer told");
        context_drop(link);
    }
}

/* --- bringing up to date --- */

void imap_contexts_removed(struct imap_call *call, const struct view_changes *changes)
{
    struct imap_context **link = &call->session->contexts;
    while (*link != NULL) {
        struct imap_context *context = *link;
        CLEANUP(uid_set_release) struct uid_set gone = {0};
        struct imap_context_numbers numbers = {.call = call, .removed = changes, .by_uid = context->by_uid};
        uid_set_union(&gone, &context->uids);
        uid_set_intersect(&gone, &changes->vanished);
        if (!gone.failed && imap_context_remove(context, &numbers, &gone)) {
            link = &context->next;
            continue;
        }
        refuse(call->session, context->tag, "The search can't be kept up to date any longer");
        context_drop(link);
    }
}

/* What the command finds now, among the messages concerned. */
struct evaluation {
    struct imap_context *context;
    struct uid_set matching;
    struct imap_sorter sorter;
    struct imap_context_arrival *arrivals; /* of a sorted one */
    size_t count;
    size_t cap;
};

static void evaluation_release(struct evaluation *evaluation)
{
    uid_set_release(&evaluation->matching);
    imap_sorter_release(&evaluation->sorter);
    free(evaluation->arrivals);
}

static bool found(void *state, const struct message *message, uint32_t seq)
{
    struct evaluation *evaluation = state;
    uint32_t uid = message->uid.v;
    (void)seq;
    uid_set_add(&evaluation->matching, uid, uid);
    if (!evaluation->context->sorted || uid_set_has(&evaluation->context->uids, uid))
        return !evaluation->matching.failed;
    if (evaluation->count == evaluation->cap) {
        size_t cap = MAX(64, 2 * evaluation->cap);
        void *arrivals = cap <= IMAP_CONTEXTS_SORTED_MAX
                             ? realloc(evaluation->arrivals, cap * sizeof(*evaluation->arrivals))
                             : NULL;
        if (arrivals == NULL)
            return false;
        evaluation->arrivals = arrivals;
        evaluation->cap = cap;
    }
    const struct imap_sort_value *values = imap_sort_values(&evaluation->sorter, message);
    evaluation->arrivals[evaluation->count++] = (struct imap_context_arrival){uid, values};
    return values != NULL && !evaluation->matching.failed;
}

/* A search has an AND at its root; one more key narrows it. */
static bool narrow(struct imap_call *call, struct imap_search *search, const struct uid_set *uids)
{
    struct imap_search_key *key = ARENA_NEW(&call->arena, struct imap_search_key);
    if (key == NULL || !set_of(&call->arena, uids, &key->set))
        return false;
    key->kind = SEARCH_SEQUENCE;
    key->by_uid = true;
    key->next = search->root->child;
    search->root->child = key;
    return true;
}

/* concerned NULL: all messages. */
static bool evaluate(struct imap_call *call, struct evaluation *evaluation, const struct uid_set *concerned)
{
    struct imap_context *context = evaluation->context;
    struct imap_parser parser = {
        .text = cursor_of(context->text), .arena = &call->arena, .utf8 = context->utf8};
    struct freezing thawing = {.context = context};
    struct imap_search *search = &call->command.search;
    if (!imap_command_parse(&parser, &call->command))
        return false; /* no memory: it was grammatical */
    evaluation->sorter = IMAP_SORTER(search);
    search->compares = true;
    search->comparator = context->comparator;
    (void)each_key(search->root, thaw_key, &thawing);
    if (concerned != NULL && !narrow(call, search, concerned))
        return false;
    unsigned want = context->sorted ? imap_sort_wants(search) : WANT_FLAGS;
    return imap_search_find(call, search, want, found, evaluation) && !evaluation->matching.failed;
}

static int arrival_order(const void *a, const void *b, void *search)
{
    const struct imap_context_arrival *left = a;
    const struct imap_context_arrival *right = b;
    return imap_sort_compare(search, left->values, left->uid, right->values, right->uid);
}

/* RFC 5465 7: of those that came and are found, what the client asked for, before it hears of their places.
 */
static void tell_arrivals(struct imap_call *call, const struct uid_set *came, const struct uid_set *arrived)
{
    const struct imap_fetch *fetch = &call->command.search.update;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    if (fetch->count == 0)
        return;
    uid_set_union(&uids, came);
    uid_set_intersect(&uids, arrived);
    if (!uids.failed)
        imap_send_arrivals(call, &uids, fetch);
}

static bool tell(struct imap_call *call, struct evaluation *evaluation, const struct uid_set *concerned,
                 const struct uid_set *arrived)
{
    struct imap_context *context = evaluation->context;
    struct imap_context_numbers numbers = {.call = call, .by_uid = context->by_uid};
    CLEANUP(uid_set_release) struct uid_set gone = {0};
    CLEANUP(uid_set_release) struct uid_set came = {0};
    uid_set_union(&gone, &context->uids);
    if (concerned != NULL)
        uid_set_intersect(&gone, concerned);
    uid_set_subtract(&gone, &evaluation->matching);
    uid_set_union(&came, &evaluation->matching);
    uid_set_subtract(&came, &context->uids);
    if (gone.failed || came.failed || !imap_context_remove(context, &numbers, &gone))
        return false;
    tell_arrivals(call, &came, arrived);
    if (!context->sorted)
        return imap_context_add(context, &numbers, &came);
    if (evaluation->count == 0)
        return true;
    qsort_r(evaluation->arrivals, evaluation->count, sizeof(*evaluation->arrivals), arrival_order,
            &call->command.search);
    return imap_context_insert(context, &numbers, &evaluation->sorter, evaluation->arrivals,
                               evaluation->count);
}

static bool bring_up_to_date(struct imap_session *s, struct imap_context *context,
                             const struct uid_set *concerned, const struct uid_set *arrived)
{
    /* A call of its own: nothing of this belongs into the answer of the command that runs. */
    struct imap_call call = {.session = s, .reply = IMAP_REPLY, .arena = ARENA(IMAP_COMMAND_ARENA_MAX)};
    CLEANUP(evaluation_release) struct evaluation evaluation = {.context = context};
    bool fine = evaluate(&call, &evaluation, concerned) && tell(&call, &evaluation, concerned, arrived);
    arena_release(&call.arena);
    buf_release(&call.reply.code);
    return fine;
}

void imap_contexts_changed(struct imap_call *call, const struct uid_set *concerned,
                           const struct uid_set *arrived, bool moved)
{
    struct imap_session *s = call->session;
    struct imap_context **link = &s->contexts;
    while (*link != NULL) {
        struct imap_context *context = *link;
        bool all = context->floats && moved;
        if ((!all && concerned->count == 0) ||
            bring_up_to_date(s, context, all ? NULL : concerned, arrived)) {
            link = &context->next;
            continue;
        }
        if (conn_broken(s->conn))
            return;
        refuse(s, context->tag, "The search can't be kept up to date any longer");
        context_drop(link);
    }
}
