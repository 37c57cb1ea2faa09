/* The values of keys that say who is kept out at the door. */
#include <arpa/inet.h>

#include "base/clock.h"
#include "base/duration.h"
#include "rt/settings_private.h"

static const char *const action_names[] = {
#define X(name, text) text,
    LIST_ACTION_TABLE(X)
#undef X
};

#define LOOPBACK UINT32_C(0x7f000000)
#define LOOPBACK_MASK UINT32_C(0xff000000)

bool list_answer_parse(struct slice text, struct list_answer *ret)
{
    struct slice address, prefix;
    char plain[INET_ADDRSTRLEN];
    struct in_addr in;
    uint32_t bits = 32;
    if (slice_starts(text, S("&"))) {
        if (!slice_to_u32(slice_from(text, 1), &bits) || bits < 1 || bits > 255)
            return false;
        *ret = (struct list_answer){LOOPBACK, LOOPBACK_MASK, (uint8_t)bits};
        return true;
    }
    bool has_prefix = slice_cut(text, '/', &address, &prefix);
    if (has_prefix && (!slice_to_u32(prefix, &bits) || bits < 8 || bits > 32))
        return false;
    if (address.n >= sizeof(plain))
        return false;
    snprintf(plain, sizeof(plain), "%.*s", SLICE_ARGS(address));
    if (inet_pton(AF_INET, plain, &in) != 1)
        return false;
    uint32_t mask = UINT32_MAX << (32 - bits);
    struct list_answer answer = {ntohl(in.s_addr) & mask, mask, 0};
    if ((answer.network & LOOPBACK_MASK) != LOOPBACK)
        return false;
    *ret = answer;
    return true;
}

/*
 * What is outside of 127.0.0.0/8 is no answer of a list, but of somebody who has bought its name. 127.0.0.1
 * and 127.255.255.x say at those lists that have a word for it that the question was not welcome.
 */
bool list_answer_counts(const struct list_setting *list, uint32_t address)
{
    enum { NOT_WELCOME_MASK = 0xffffff00 };
    if ((address & LOOPBACK_MASK) != LOOPBACK || address == UINT32_C(0x7f000001) ||
        (address & (uint32_t)NOT_WELCOME_MASK) == UINT32_C(0x7fffff00))
        return false;
    for (size_t i = 0; i < list->answer_count; i++) {
        const struct list_answer *answer = &list->answers[i];
        if ((address & answer->mask) == answer->network &&
            (answer->bits == 0 || (address & 0xff & answer->bits) != 0))
            return true;
    }
    return list->answer_count == 0;
}

static bool zone_valid(struct slice zone)
{
    size_t dots = 0;
    if (zone.n > SETTINGS_LIST_ZONE_MAX)
        return false;
    for (bool more = true; more; dots += more) {
        struct slice label;
        more = slice_cut(zone, '.', &label, &zone);
        if (label.n == 0 || label.n > 63)
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
                return false;
    }
    return dots > 0;
}

static bool read_action(struct slice word, struct list_setting *list)
{
    uint32_t points;
    bool minus = slice_starts(word, S("-"));
    for (size_t i = 0; i < ARRAY_LEN(action_names); i++) {
        if (slice_eq(word, slice_cstr(action_names[i]))) {
            list->action = (enum list_action)i;
            return true;
        }
    }
    if (!slice_to_u32(slice_from(word, minus), &points) || points == 0 || points > SETTINGS_POINTS_MAX)
        return false;
    list->action = LIST_POINTS;
    list->points = minus ? -(int)points : (int)points;
    return true;
}

static enum err add_answers(struct reading *r, struct slice word, struct list_setting *list,
                            struct error *error)
{
    struct cursor c = cursor_of(word);
    while (!cursor_done(&c)) {
        struct slice text = cursor_take_until(&c, S(", "));
        (void)cursor_take_while(&c, S(", "));
        if (text.n == 0)
            continue;
        if (list->answer_count == SETTINGS_LIST_ANSWERS_MAX)
            return setting_refuse(r, error, "more than %d answers", SETTINGS_LIST_ANSWERS_MAX);
        if (!list_answer_parse(text, &list->answers[list->answer_count]))
            return setting_refuse(r, error,
                                  "\"%.*s\" is no answer of a list, as 127.0.0.2, 127.0.0.0/24 or &4 are",
                                  SLICE_ARGS(slice_sub(text, 0, 40)));
        list->answer_count++;
    }
    return ERR_OK;
}

/* ZONE ACTION [ANSWER, ANSWER ...] */
static enum err read_list(struct reading *r, const struct words *words, bool of_names, struct error *error)
{
    struct settings *s = r->settings;
    if (words->count == 1 && slice_eq(words->at[0], S("none")))
        return ERR_OK;
    if (s->list_count == SETTINGS_LISTS_MAX)
        return setting_refuse(r, error, "more than %d lists", SETTINGS_LISTS_MAX);
    struct list_setting *list = &s->lists[s->list_count];
    *list = (struct list_setting){.of_names = of_names};
    if (words->count < 2)
        return setting_refuse(r, error, "a list and an action are expected");
    if (!zone_valid(words->at[0]))
        return setting_refuse(r, error, "\"%.*s\" is not a list's name",
                              SLICE_ARGS(slice_sub(words->at[0], 0, 60)));
    if (!read_action(words->at[1], list))
        return setting_refuse(r, error,
                              "\"%.*s\" is not reject, defer, junk, mark, allow or a number of points",
                              SLICE_ARGS(slice_sub(words->at[1], 0, 40)));
    enum err e = setting_keep(r, words->at[0], &list->zone, error);
    for (size_t i = 2; e == ERR_OK && i < words->count; i++)
        e = add_answers(r, words->at[i], list, error);
    s->list_count += e == ERR_OK;
    return e;
}

enum err setting_read_block_list(struct reading *r, const struct words *words, struct error *error)
{
    return read_list(r, words, false, error);
}

enum err setting_read_domain_list(struct reading *r, const struct words *words, struct error *error)
{
    return read_list(r, words, true, error);
}

/* JUNK REJECT */
enum err setting_read_list_points(struct reading *r, const struct words *words, struct error *error)
{
    struct settings *s = r->settings;
    struct slice junk = words->at[0];
    struct slice reject = words->count > 1 ? words->at[1] : slice_none();
    if (words->count == 1) /* the default is one text */
        slice_cut(words->at[0], ' ', &junk, &reject);
    if (words->count > 2 || !slice_to_u32(junk, &s->list_junk_points) ||
        !slice_to_u32(reject, &s->list_reject_points) || s->list_junk_points == 0 ||
        s->list_reject_points == 0 || s->list_junk_points > SETTINGS_POINTS_MAX ||
        s->list_reject_points > SETTINGS_POINTS_MAX)
        return setting_refuse(r, error, "two numbers of points are expected: for Junk, and to be refused");
    return ERR_OK;
}

/* ---- the door itself ---- */

static const char *const helo_names[] = {[HELO_OFF] = "off", [HELO_MARK] = "mark", [HELO_REJECT] = "reject"};

static enum err read_helo(struct reading *r, const struct words *words, enum helo_fault fault,
                          struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, helo_names, ARRAY_LEN(helo_names), &choice, error);
    if (e == ERR_OK)
        r->settings->helo_actions[fault] = (enum helo_action)choice;
    return e;
}

#define X(name, member, key, text)                                                                         \
    enum err setting_read_helo_##member(struct reading *r, const struct words *words, struct error *error) \
    {                                                                                                      \
        return read_helo(r, words, HELO_FAULT_##name, error);                                              \
    }
HELO_FAULT_TABLE(X)
#undef X

/* "300/1m" */
static enum err read_rate(struct reading *r, const struct words *words, struct pace_limit *ret,
                          struct error *error)
{
    struct slice count, time;
    struct pace_limit limit;
    int64_t seconds;
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (slice_eq(words->at[0], S("none"))) {
        *ret = (struct pace_limit){0};
        return ERR_OK;
    }
    if (!slice_cut(words->at[0], '/', &count, &time) || !slice_to_u32(count, &limit.count) ||
        limit.count == 0 || limit.count > SETTINGS_RATE_MAX || !duration_parse(time, &seconds))
        return setting_refuse(r, error, "\"%.*s\" is not COUNT/TIME, as 300/1m, or none",
                              SLICE_ARGS(slice_sub(words->at[0], 0, 40)));
    limit.period_us = seconds * CLOCK_SECOND;
    *ret = limit;
    return ERR_OK;
}

enum err setting_read_connection_rate(struct reading *r, const struct words *words, struct error *error)
{
    return read_rate(r, words, &r->settings->connection_rate, error);
}

enum err setting_read_message_rate(struct reading *r, const struct words *words, struct error *error)
{
    return read_rate(r, words, &r->settings->message_rate, error);
}

enum err setting_read_greeting_delay(struct reading *r, const struct words *words, struct error *error)
{
    uint32_t seconds = 0;
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (!slice_eq(words->at[0], S("none")) &&
        (!slice_to_u32(words->at[0], &seconds) || seconds > SETTINGS_GREETING_DELAY_MAX))
        return setting_refuse(r, error, "\"%.*s\" is not none or seconds, %d at most",
                              SLICE_ARGS(slice_sub(words->at[0], 0, 40)), SETTINGS_GREETING_DELAY_MAX);
    r->settings->greeting_delay_seconds = seconds;
    return ERR_OK;
}

static const char *const greylist_names[] = {
    [GREYLIST_OFF] = "off", [GREYLIST_SUSPICIOUS] = "suspicious", [GREYLIST_ALL] = "all"};

enum err setting_read_greylist(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, greylist_names, ARRAY_LEN(greylist_names), &choice, error);
    if (e == ERR_OK)
        r->settings->greylist = (enum greylist_mode)choice;
    return e;
}

/* Who is told to wait longer than a server tries again would never come in. */
enum err setting_read_greylist_wait(struct reading *r, const struct words *words, struct error *error)
{
    int64_t seconds;
    enum err e = setting_one_word(r, words, error);
    if (e == ERR_OK &&
        (!duration_parse(words->at[0], &seconds) || seconds > SETTINGS_GREYLIST_WAIT_HOURS_MAX * 3600))
        e = setting_refuse(r, error, "\"%.*s\" is not a time from 1m to %dh",
                           SLICE_ARGS(slice_sub(words->at[0], 0, 40)), SETTINGS_GREYLIST_WAIT_HOURS_MAX);
    if (e == ERR_OK)
        r->settings->greylist_wait_seconds = seconds;
    return e;
}

/* ---- milters ---- */

static bool milter_address_valid(struct slice address)
{
    if (address.n > SETTINGS_MILTER_ADDRESS_MAX)
        return false;
    if (slice_starts(address, S("unix:/")))
        return address.n <= S("unix:").n + SETTINGS_PATH_MAX;
    struct slice host = slice_from(address, S("inet:").n);
    /* Names would have to be asked for; the port must be there. */
    return slice_starts(address, S("inet:")) && setting_address_valid(host) &&
           slice_rfind_char(host, ':') > slice_rfind_char(host, ']');
}

static bool read_milter_word(struct slice word, struct milter_setting *milter)
{
    if (slice_eq(word, S("smtp")))
        milter->of_smtp = true;
    else if (slice_eq(word, S("submission")))
        milter->of_submission = true;
    else if (slice_eq(word, S("accept")))
        milter->accepts = true;
    else if (slice_eq(word, S("defer")))
        milter->accepts = false;
    else if (slice_starts(word, S("timeout=")))
        return slice_to_u32(slice_from(word, S("timeout=").n), &milter->seconds) && milter->seconds > 0 &&
               milter->seconds <= SETTINGS_MILTER_SECONDS_MAX;
    else if (slice_starts(word, S("size=")))
        return setting_size(slice_from(word, S("size=").n), &milter->size_max);
    else
        return false;
    return true;
}

/* ADDRESS [smtp] [submission] [defer|accept] [timeout=SECONDS] [size=BYTES] */
enum err setting_read_milter(struct reading *r, const struct words *words, struct error *error)
{
    enum { SECONDS = 60 };
    struct settings *s = r->settings;
    struct milter_setting milter = {.seconds = SECONDS, .size_max = SETTINGS_MESSAGE_SIZE_MOST};
    if (words->count == 1 && slice_eq(words->at[0], S("none")))
        return ERR_OK;
    if (s->milter_count == SETTINGS_MILTERS_MAX)
        return setting_refuse(r, error, "more than %d milters", SETTINGS_MILTERS_MAX);
    if (!milter_address_valid(words->at[0]))
        return setting_refuse(r, error, "\"%.*s\" is not unix:PATH or inet:ADDRESS:PORT",
                              SLICE_ARGS(slice_sub(words->at[0], 0, 80)));
    for (size_t i = 1; i < words->count; i++)
        if (!read_milter_word(words->at[i], &milter))
            return setting_refuse(r, error,
                                  "\"%.*s\" is not smtp, submission, defer, accept, timeout=SECONDS (at most "
                                  "%d) or size=BYTES (64K to 2G)",
                                  SLICE_ARGS(slice_sub(words->at[i], 0, 40)), SETTINGS_MILTER_SECONDS_MAX);
    if (!milter.of_submission)
        milter.of_smtp = true;
    enum err e = setting_keep(r, words->at[0], &milter.address, error);
    if (e == ERR_OK)
        s->milters[s->milter_count++] = milter;
    return e;
}

static void put_milter(struct buf *out, const struct milter_setting *milter)
{
    buf_printf(out, "milter = \"%s\"%s%s %s timeout=%u size=%llu\n", milter->address,
               milter->of_smtp ? " smtp" : "", milter->of_submission ? " submission" : "",
               milter->accepts ? "accept" : "defer", milter->seconds, (unsigned long long)milter->size_max);
}

/* ---- written ---- */

static void put_rate(struct buf *out, const char *key, struct pace_limit limit)
{
    if (limit.count == 0)
        buf_printf(out, "%s = none\n", key);
    else
        buf_printf(out, "%s = %u/%lldm\n", key, limit.count, (long long)(limit.period_us / CLOCK_MINUTE));
}

static void put_answer(struct buf *out, const struct list_answer *answer)
{
    struct in_addr in = {htonl(answer->network)};
    char text[INET_ADDRSTRLEN];
    if (answer->bits != 0)
        buf_printf(out, " &%u", answer->bits);
    else if (inet_ntop(AF_INET, &in, text, sizeof(text)) != NULL)
        buf_printf(out, " %s/%d", text, __builtin_popcount(answer->mask));
}

void setting_put_guards(const struct settings *s, struct buf *out)
{
    for (size_t i = 0; i < s->list_count; i++) {
        const struct list_setting *list = &s->lists[i];
        buf_printf(out, "%s = %s ", list->of_names ? "domain-list" : "block-list", list->zone);
        if (list->action == LIST_POINTS)
            buf_printf(out, "%d", list->points);
        else
            buf_put(out, slice_cstr(action_names[list->action]));
        for (size_t k = 0; k < list->answer_count; k++)
            put_answer(out, &list->answers[k]);
        buf_putc(out, '\n');
    }
    buf_printf(out, "list-points = %u %u\n", s->list_junk_points, s->list_reject_points);
#define X(name, member, key, text) \
    buf_printf(out, "%s = %s\n", key, helo_names[s->helo_actions[HELO_FAULT_##name]]);
    HELO_FAULT_TABLE(X)
#undef X
    put_rate(out, "connection-rate", s->connection_rate);
    put_rate(out, "message-rate", s->message_rate);
    for (size_t i = 0; i < s->milter_count; i++)
        put_milter(out, &s->milters[i]);
    buf_printf(out, "greylist = %s\ngreylist-wait = %lldm\n", greylist_names[s->greylist],
               (long long)s->greylist_wait_seconds / 60);
    if (s->greeting_delay_seconds > 0)
        buf_printf(out, "greeting-delay = %u\n", s->greeting_delay_seconds);
}
