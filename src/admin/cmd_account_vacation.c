/* Out of office: what is answered while an account's owner is away. */
#include <time.h>

#include "admin/targets.h"
#include "store/away.h"

enum { DAY_TEXT_MAX = 32 };

static const struct admin_argument arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address"},
    {"from", ARGUMENT_TEXT, false, false, "DAY", "the first day, as 2026-12-24; at once when not given"},
    {"until", ARGUMENT_TEXT, false, false, "DAY", "the last day; until --off when not given"},
    {"subject", ARGUMENT_TEXT, false, false, "TEXT", "of the reply; else the message's, after \"Auto: \""},
    {"text", ARGUMENT_FILE, false, false, "FILE", "what the reply says; - is standard input"},
    {"days", ARGUMENT_NUMBER, false, false, "N", "each sender is answered once in so many days (7)"},
    {"off", ARGUMENT_FLAG, false, false, NULL, "nothing is answered any more; the words are kept"},
    {0},
};

static const struct admin_column columns[] = {
    {"address", "Address", COLUMN_TEXT}, {"state", "State", COLUMN_TEXT},
    {"from", "From", COLUMN_TEXT},       {"until", "Until", COLUMN_TEXT},
    {"days", "Days", COLUMN_NUMBER},     {"subject", "Subject", COLUMN_TEXT},
    {"text", "Text", COLUMN_TEXT},       {0},
};

/* --- days of this machine's time zone --- */

/* Absent: as it is. The day's first moment, or that of the day after. */
static enum err read_day(const struct admin_call *call, const char *name, int days_after, int64_t *ret_us,
                         struct error *error)
{
    const struct slice text = call_text(call, name);
    struct tm tm = {.tm_isdst = -1};
    char copy[DAY_TEXT_MAX];
    if (text.p == NULL)
        return ERR_OK;
    snprintf(copy, sizeof(copy), "%.*s", SLICE_ARGS(slice_sub(text, 0, sizeof(copy) - 1)));
    const char *end = strptime(copy, "%Y-%m-%d", &tm);
    tm.tm_mday += days_after;
    const int64_t seconds = end != NULL && *end == 0 ? (int64_t)mktime(&tm) : 0;
    if (seconds <= 0)
        return fail_plain(error, ERR_INVALID, "--%s takes a day like 2026-12-24, not \"%s\"", name, copy);
    *ret_us = seconds * CLOCK_SECOND;
    return ERR_OK;
}

/* The day in which that moment is; 0: "-". */
static void put_day(int64_t us, char ret[DAY_TEXT_MAX])
{
    const time_t seconds = (time_t)(us / CLOCK_SECOND);
    struct tm tm;
    snprintf(ret, DAY_TEXT_MAX, "-");
    if (us > 0 && localtime_r(&seconds, &tm) != NULL)
        (void)strftime(ret, DAY_TEXT_MAX, "%Y-%m-%d", &tm);
}

/* --- the command --- */

static bool is_over(const struct away *away)
{
    return away->until_us != 0 && away->until_us <= clock_wall_us();
}

static const char *state_of(const struct away *away)
{
    return !away->on ? "off" : is_over(away) ? "over" : away->from_us > clock_wall_us() ? "later" : "on";
}

static bool changes(const struct admin_call *call)
{
    static const char *const words[] = {"from", "until", "subject", "text", "days"};
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        any = any || json_object_get(call->request, words[i]) != NULL;
    return any;
}

static enum err change(struct admin_call *call, struct account *account, struct away *away,
                       struct error *error)
{
    const uint64_t days = call_number(call, "days", away->days);
    if (!away->on || is_over(away)) /* another absence: its days are not those of the last one */
        away->from_us = away->until_us = 0;
    enum err err = read_day(call, "from", 0, &away->from_us, error);
    if (err == ERR_OK)
        err = read_day(call, "until", 1, &away->until_us, error);
    if (err != ERR_OK)
        return err;
    if (call_text(call, "subject").p != NULL)
        away->subject = call_text(call, "subject");
    if (call_text(call, "text").p != NULL)
        away->text = call_text(call, "text");
    if (away->text.n == 0)
        return fail_plain(error, ERR_INVALID, "say what is answered with --text");
    away->on = true;
    away->days = (uint32_t)MIN(days, (uint64_t)UINT32_MAX);
    return away_set(account, away, error);
}

static enum err switch_off(struct admin_call *call, struct account *account, struct away *away,
                           struct error *error)
{
    if (changes(call))
        return fail_plain(error, ERR_INVALID, "--off goes alone: nothing is answered any more");
    away->on = false;
    return away_set(account, away, error);
}

static enum err tell(struct admin_call *call, const struct away *away, struct error *error)
{
    char from[DAY_TEXT_MAX], until[DAY_TEXT_MAX];
    put_day(away->from_us, from);
    put_day(away->until_us > 0 ? away->until_us - 1 : 0, until);
    return call_row(call,
                    json_pack("{s:o,s:s,s:s,s:s,s:I,s:o,s:o}", "address",
                              json_text(call_text(call, "address")), "state", state_of(away), "from", from,
                              "until", until, "days", (json_int_t)away->days, "subject",
                              json_text(away->subject), "text", json_text(away->text)),
                    error);
}

static enum err show_or_set(struct admin_call *call, struct account *account, struct error *error)
{
    struct away away;
    enum err err = away_get(account, &call->arena, &away, error);
    if (err == ERR_OK && call_flag(call, "off"))
        err = switch_off(call, account, &away, error);
    else if (err == ERR_OK && changes(call))
        err = change(call, account, &away, error);
    return err == ERR_OK ? tell(call, &away, error) : err;
}

static enum err vacation(struct admin_call *call, struct error *error)
{
    struct account *account;
    enum err err = target_open(call, &account, error);
    if (err != ERR_OK)
        return err;
    err = show_or_set(call, account, error);
    account_unref(account);
    return err;
}

const struct admin_command admin_account_vacation = {
    .name = "account.vacation",
    .run = vacation,
    .arguments = arguments,
    .columns = columns,
    .flags = COMMAND_ONE,
    .summary = "answer mail while an account's owner is away",
    .about =
        "Shows what is answered while the owner is away, or sets it: what is not given stays as it was. Each "
        "sender is answered once in a period, and again in another absence; lists, programs, junk and forged "
        "senders never. Mail is filed as ever. What the account's own script rejects, throws away or answers "
        "is not answered.",
    .example =
        "posthorn account vacation anna@example.org --from 2026-12-24 --until 2027-01-06 --text away.txt",
};
