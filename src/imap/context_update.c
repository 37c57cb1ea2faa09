/* ADDTO and REMOVEFROM (RFC 5267 4.3.2 to 4.3.4). */
#include "imap/context_update.h"

#include <stdlib.h>

/* Which place of the set a member has, counted from 0. */
static size_t place_in(const struct uid_set *set, uint32_t uid)
{
    size_t place = 0;
    for (size_t i = 0; i < set->count && set->ranges[i].first <= uid; i++) {
        if (uid <= set->ranges[i].last)
            return place + uid - set->ranges[i].first;
        place += (size_t)set->ranges[i].last - set->ranges[i].first + 1;
    }
    return place;
}

/* 0: the client has none for it. */
static uint32_t number_of(const struct imap_context_numbers *numbers, uint32_t uid)
{
    uint32_t seq = 0;
    if (numbers->by_uid)
        return uid;
    if (numbers->removed != NULL) {
        /* Each was counted after those before it were gone. */
        size_t place = place_in(&numbers->removed->vanished, uid);
        return numbers->removed->expunged[place] + (uint32_t)place;
    }
    struct imap_call *call = numbers->call;
    if (view_seq(call->session->view, (struct uid){uid}, &seq, &call->error) != ERR_OK)
        return 0;
    return seq;
}

static bool numbers_of(const struct imap_context_numbers *numbers, const struct uid_set *uids,
                       struct uid_set *out)
{
    if (numbers->by_uid) {
        uid_set_union(out, uids);
        return !out->failed;
    }
    for (size_t i = 0; i < uids->count; i++) {
        for (uint64_t uid = uids->ranges[i].first; uid <= uids->ranges[i].last; uid++) {
            uint32_t number = number_of(numbers, (uint32_t)uid);
            if (number == 0)
                return false;
            uid_set_add(out, number, number);
        }
    }
    return !out->failed;
}

static void begin_line(const struct imap_context *context, const struct imap_session *s, struct buf *out,
                       const char *item)
{
    imap_put_esearch_head(s, out, context->tag, &context->about);
    buf_printf(out, "%s %s (", context->by_uid ? " UID" : "", item);
}

static void end_line(struct imap_call *call, struct buf *out)
{
    buf_put(out, S(")\r\n"));
    conn_wrote(call->session->conn);
}

/* Those in mailbox order: the place is 0, which the client finds itself. */
static bool tell_set(const struct imap_context *context, const struct imap_context_numbers *numbers,
                     const char *item, const struct uid_set *uids)
{
    CLEANUP(uid_set_release) struct uid_set told = {0};
    if (!numbers_of(numbers, uids, &told))
        return false;
    struct buf *out = conn_output(numbers->call->session->conn);
    begin_line(context, numbers->call->session, out, item);
    buf_put(out, S("0 "));
    uid_set_print(&told, out);
    end_line(numbers->call, out);
    return true;
}

/* A run of results that stand behind each other. */
struct run {
    struct buf *out;
    const char *space;
    uint32_t *told;
    size_t count;
    size_t at; /* the place of the first, counted from 1 */
};

static void run_end(struct run *run)
{
    if (run->count == 0)
        return;
    const struct imap_order order = {.list = run->told, .count = run->count};
    buf_printf(run->out, "%s%zu ", run->space, run->at);
    imap_order_put(&order, 0, run->count, run->out);
    run->space = " ";
    run->count = 0;
}

static bool run_add(struct run *run, size_t at, uint32_t number)
{
    if (run->count == 0)
        run->at = at;
    run->told[run->count++] = number;
    return number != 0;
}

/* Each place is counted after the removals before it. */
static bool remove_sorted(struct imap_context *context, const struct imap_context_numbers *numbers,
                          const struct uid_set *gone)
{
    CLEANUP(buf_release) struct buf line = BUF(CONN_OUTPUT_HARD_MAX / 2);
    uint32_t *told = calloc(context->count + 1, sizeof(*told));
    struct run run = {.out = &line, .space = "", .told = told};
    bool fine = told != NULL;
    size_t kept = 0;
    begin_line(context, numbers->call->session, &line, "REMOVEFROM");
    for (size_t i = 0; i < context->count && fine; i++) {
        uint32_t uid = context->list[i];
        if (uid_set_has(gone, uid)) {
            fine = run_add(&run, kept + 1, number_of(numbers, uid));
        } else {
            run_end(&run);
            context->list[kept++] = uid;
        }
    }
    if (fine) {
        run_end(&run);
        context->count = kept;
        buf_put(conn_output(numbers->call->session->conn), buf_slice(&line));
        end_line(numbers->call, conn_output(numbers->call->session->conn));
    }
    free(told);
    return fine && !buf_failed(&line);
}

bool imap_context_remove(struct imap_context *context, const struct imap_context_numbers *numbers,
                         const struct uid_set *gone)
{
    if (gone->count == 0)
        return true;
    bool fine = context->sorted ? remove_sorted(context, numbers, gone)
                                : tell_set(context, numbers, "REMOVEFROM", gone);
    uid_set_subtract(&context->uids, gone);
    return fine && !context->uids.failed;
}

bool imap_context_add(struct imap_context *context, const struct imap_context_numbers *numbers,
                      const struct uid_set *came)
{
    if (came->count == 0)
        return true;
    uid_set_union(&context->uids, came);
    return !context->uids.failed && tell_set(context, numbers, "ADDTO", came);
}

/* The values of a message of the result; *ret NULL when it is gone by now. */
static bool values_of(struct imap_call *call, struct imap_sorter *sorter, uint32_t uid,
                      const struct imap_sort_value **ret)
{
    struct imap_session *s = call->session;
    CLEANUP(uid_set_release) struct uid_set one = {0};
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    struct message *messages;
    size_t count;
    uid_set_add(&one, uid, uid);
    if (message_list(s->account, s->folder, &one, imap_sort_wants(sorter->search), 1, &arena, &messages,
                     &count, &call->error) != ERR_OK)
        return false;
    *ret = count > 0 ? imap_sort_values(sorter, &messages[0]) : NULL;
    return !sorter->failed;
}

/* Where it belongs. A message that is gone but not told of says nothing: one behind it is asked. */
static bool find_place(struct imap_context *context, struct imap_call *call, struct imap_sorter *sorter,
                       const struct imap_context_arrival *arrival, size_t *place)
{
    size_t low = *place;
    size_t high = context->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct imap_sort_value *values = NULL;
        size_t at = middle;
        for (; at < high && values == NULL; at++)
            if (!values_of(call, sorter, context->list[at], &values))
                return false;
        if (values == NULL || imap_sort_compare(sorter->search, arrival->values, arrival->uid, values,
                                                context->list[at - 1]) < 0)
            high = middle;
        else
            low = at;
    }
    *place = low;
    return true;
}

static bool make_room(struct imap_context *context, size_t more)
{
    if (context->cap - context->count >= more)
        return true;
    size_t cap = MAX(context->count + more, MIN(2 * context->cap, (size_t)IMAP_CONTEXTS_SORTED_MAX));
    uint32_t *list = cap <= IMAP_CONTEXTS_SORTED_MAX ? realloc(context->list, cap * sizeof(*list)) : NULL;
    if (list == NULL)
        return false;
    context->list = list;
    context->cap = cap;
    return true;
}

bool imap_context_insert(struct imap_context *context, const struct imap_context_numbers *numbers,
                         struct imap_sorter *sorter, const struct imap_context_arrival *arrivals,
                         size_t count)
{
    CLEANUP(buf_release) struct buf line = BUF(CONN_OUTPUT_HARD_MAX / 2);
    uint32_t *told = calloc(count + 1, sizeof(*told));
    struct run run = {.out = &line, .space = "", .told = told};
    bool fine = told != NULL && make_room(context, count);
    size_t place = 0;
    begin_line(context, numbers->call->session, &line, "ADDTO");
    for (size_t i = 0; i < count && fine; i++) {
        uint32_t uid = arrivals[i].uid;
        fine = find_place(context, numbers->call, sorter, &arrivals[i], &place);
        if (run.count > 0 && place + 1 != run.at + run.count)
            run_end(&run);
        fine = fine && run_add(&run, place + 1, number_of(numbers, uid));
        memmove(&context->list[place + 1], &context->list[place],
                (context->count - place) * sizeof(*context->list));
        context->list[place++] = uid;
        context->count++;
        uid_set_add(&context->uids, uid, uid);
    }
    if (fine && count > 0) {
        run_end(&run);
        buf_put(conn_output(numbers->call->session->conn), buf_slice(&line));
        end_line(numbers->call, conn_output(numbers->call->session->conn));
    }
    free(told);
    return fine && !buf_failed(&line) && !context->uids.failed;
}
