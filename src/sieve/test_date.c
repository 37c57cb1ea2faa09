/* Dates of the header, and the time of the run (RFC 5260). */
#include "mime/date.h"
#include "mime/header.h"
#include "sieve/date.h"
#include "sieve/loop.h"
#include "sieve/match.h"

enum { DATE_TEXT_MAX = 64, MJD_OF_1970 = 40587 };

bool zone_parse(struct slice text, int32_t *ret_minutes)
{
    uint32_t number;
    if (text.n != 5 || (text.p[0] != '+' && text.p[0] != '-') ||
        !slice_to_u32(slice_from(text, 1), &number) || number / 100 > 23 || number % 100 > 59)
        return false;
    int32_t minutes = (int32_t)(number / 100 * 60 + number % 100);
    *ret_minutes = text.p[0] == '-' ? -minutes : minutes;
    return true;
}

/* --- parts --- */

static int64_t local_day(struct mime_date date)
{
    const int64_t seconds = date.seconds + (int64_t)date.zone_minutes * 60, day = 86400;
    return seconds >= 0 ? seconds / day : -((day - 1 - seconds) / day);
}

static void put_zone(struct buf *out, struct mime_date date)
{
    const int minutes = date.zone_minutes < 0 ? -date.zone_minutes : date.zone_minutes;
    buf_printf(out, "%c%02d%02d", date.zone_minutes < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

/* 1970-01-01 was a Thursday. */
static void put_weekday(struct buf *out, struct mime_date date)
{
    buf_printf(out, "%d", (int)(((local_day(date) + 4) % 7 + 7) % 7));
}

static void put_julian(struct buf *out, struct mime_date date)
{
    buf_printf(out, "%lld", (long long)(local_day(date) + MJD_OF_1970));
}

/* A piece of the RFC 3339 text. */
struct cut_part {
    struct slice name;
    size_t from;
    size_t n;
};
static const struct cut_part cut_parts[] = {
    {{"year", 4}, 0, 4},    {{"month", 5}, 5, 2}, {{"day", 3}, 8, 2},
    {{"date", 4}, 0, 10},   {{"hour", 4}, 11, 2}, {{"minute", 6}, 14, 2},
    {{"second", 6}, 17, 2}, {{"time", 4}, 11, 8}, {{"iso8601", 7}, 0, DATE_TEXT_MAX},
};

struct made_part {
    struct slice name;
    void (*put)(struct buf *out, struct mime_date date);
};
static const struct made_part made_parts[] = {
    {{"julian", 6}, put_julian},
    {{"std11", 5}, mime_date_put},
    {{"zone", 4}, put_zone},
    {{"weekday", 7}, put_weekday},
};

bool date_part_put(struct slice name, struct mime_date date, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(cut_parts); i++) {
        if (!slice_eq_nocase(cut_parts[i].name, name))
            continue;
        CLEANUP(buf_release) struct buf whole = BUF(DATE_TEXT_MAX);
        mime_date_put_rfc3339(&whole, date);
        buf_put(out, slice_sub(buf_slice(&whole), cut_parts[i].from, cut_parts[i].n));
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(made_parts); i++)
        if (slice_eq_nocase(made_parts[i].name, name)) {
            made_parts[i].put(out, date);
            return true;
        }
    return false;
}

/* --- the tests --- */

static enum err read_zone(struct run *run, const struct node *node, struct mime_date *date,
                          struct error *error)
{
    const struct value *zone = node_value(node, SLOT_ZONE);
    struct slice text;
    if (zone == NULL)
        date->zone_minutes = run->input->zone_minutes;
    if (zone == NULL || zone->choice == ZONE_ORIGINAL)
        return ERR_OK;
    enum err e = run_argument(run, node, SLOT_ZONE, &text, error);
    if (e == ERR_OK && !zone_parse(text, &date->zone_minutes))
        return run_fail(run, error, "\"%.*s\" is no time zone", SLICE_ARGS(slice_sub(text, 0, 20)));
    return e;
}

static enum err try_date(struct run *run, const struct node *node, struct match *match, struct mime_date date,
                         bool *ret, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF(DATE_TEXT_MAX);
    struct slice part;
    enum err e = read_zone(run, node, &date, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_DATE_PART, &part, error);
    if (e != ERR_OK)
        return e;
    if (!date_part_put(part, date, &value))
        return run_fail(run, error, "a date has no part \"%.*s\"", SLICE_ARGS(slice_sub(part, 0, 20)));
    return match_try(match, buf_slice(&value), ret, error);
}

static enum err close_date(struct match *match, enum err e, bool found, bool *ret, struct error *error)
{
    if (e == ERR_OK && !found)
        e = match_close(match, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

/* The whole value, or what follows its last semicolon. */
static bool read_date(struct run *run, struct slice raw, struct mime_date *ret)
{
    buf_clear(&run->decoded);
    mime_unfold(&run->decoded, raw);
    struct slice text = buf_slice(&run->decoded);
    ssize_t semicolon = slice_rfind_char(text, ';');
    return mime_date_parse(semicolon < 0 ? text : slice_from(text, (size_t)semicolon + 1), ret);
}

static enum err try_field(struct run *run, const struct node *node, struct match *match, bool *ret,
                          struct error *error)
{
    const struct slice *values;
    struct mime_date date;
    size_t count;
    struct slice header;
    enum err e = loop_header(run, &header, error);
    if (e == ERR_OK)
        e = run_fields(run, node, header, &values, &count, error);
    if (e == ERR_OK && count > 0 && read_date(run, values[0], &date))
        e = try_date(run, node, match, date, ret, error);
    return e;
}

enum err test_date(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    bool found = false;
    enum err e = match_open(run, node, &match, error);
    if (e == ERR_OK)
        e = try_field(run, node, &match, &found, error);
    return close_date(&match, e, found, ret, error);
}

enum err test_currentdate(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    const struct mime_date now = {run->input->now, 0};
    bool found = false;
    enum err e = match_open(run, node, &match, error);
    if (e == ERR_OK)
        e = try_date(run, node, &match, now, &found, error);
    return close_date(&match, e, found, ret, error);
}
