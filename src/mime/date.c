#include "mime/date.h"

enum {
    YEAR_MAX = 9999,
    ZONE_MAX = 1439,
    TEXT_MAX = 1000, /* more of a Date field is not read */
    DAY_SECONDS = 86400,
};

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* RFC 5322 4.3, and names seen in mail that it does not list. Single letters mean +0000 there. */
static const struct {
    char name[6];
    int16_t minutes;
} zones[] = {
    {"UT", 0},     {"UTC", 0},    {"GMT", 0},    {"Z", 0},       {"EST", -300},  {"EDT", -240}, {"CST", -360},
    {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480},  {"PDT", -420},  {"WET", 0},    {"WEST", 60},
    {"BST", 60},   {"CET", 60},   {"MET", 60},   {"MEZ", 60},    {"CEST", 120},  {"MEST", 120}, {"MESZ", 120},
    {"EET", 120},  {"EEST", 180}, {"MSK", 180},  {"JST", 540},   {"KST", 540},   {"AEST", 600}, {"AEDT", 660},
    {"NZST", 720}, {"NZDT", 780}, {"HST", -600}, {"AKST", -540}, {"AKDT", -480},
};

/* A date being read; -1: not seen. */
struct fields {
    int year, month, day; /* month 0 .. 11 */
    int hour, minute, second;
    int zone; /* minutes */
    bool has_zone;
};

/* Days since 1970-01-01 of a proleptic Gregorian date. Years are counted from March, so that the leap day
 * comes last and every month's offset is a linear formula. */
static int64_t days_of(int year, int month, int day)
{
    int from_march = (month + 10) % 12;
    int64_t y = month < 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void civil_of(int64_t days, struct fields *ret)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int from_march = (int)((5 * day_of_year + 2) / 153);
    ret->day = (int)(day_of_year - (153 * from_march + 2) / 5) + 1;
    ret->month = (from_march + 2) % 12;
    ret->year = (int)(year_of_era + era * 400) + (ret->month < 2);
}

static int month_length(int year, int month)
{
    static const char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return lengths[month] + (month == 1 && leap);
}

static bool to_date(const struct fields *f, struct mime_date *ret)
{
    if (f->year < 1 || f->year > YEAR_MAX || f->month < 0 || f->month > 11 || f->day < 1 ||
        f->day > month_length(f->year, f->month) || f->hour > 23 || f->minute > 59 || f->second > 60)
        return false;
    int64_t time = f->hour > 0 ? f->hour * 3600 : 0;
    time += (f->minute > 0 ? f->minute * 60 : 0) + (f->second > 0 ? f->second : 0);
    ret->seconds = days_of(f->year, f->month, f->day) * DAY_SECONDS + time - (int64_t)f->zone * 60;
    ret->zone_minutes = f->zone;
    return true;
}

/* The calendar and clock of the writer; beyond the years we can write, the nearest we can. */
static struct fields of_date(struct mime_date date)
{
    struct fields f = {.zone = MAX(-ZONE_MAX, MIN(ZONE_MAX, date.zone_minutes))};
    int64_t first = days_of(1, 0, 1) * DAY_SECONDS;
    int64_t last = days_of(YEAR_MAX, 11, 31) * DAY_SECONDS + DAY_SECONDS - 1;
    int64_t local = MAX(first - 86400, MIN(last + 86400, date.seconds)) + (int64_t)f.zone * 60;
    local = MAX(first, MIN(last, local));
    int64_t days = floor_div(local, DAY_SECONDS);
    int rest = (int)(local - days * DAY_SECONDS);
    civil_of(days, &f);
    f.hour = rest / 3600;
    f.minute = rest / 60 % 60;
    f.second = rest % 60;
    return f;
}

int32_t mime_date_day(struct mime_date date)
{
    struct fields f = of_date(date);
    return (int32_t)days_of(f.year, f.month, f.day);
}

static int find_name(struct slice word, const char names[][4], int count)
{
    for (int i = 0; word.n >= 3 && i < count; i++)
        if (slice_eq_nocase(slice_sub(word, 0, 3), slice_of(names[i], 3)))
            return i;
    return -1;
}

/* A comment; nested ones too. An open end takes the rest. */
static void skip_comment(struct cursor *c)
{
    int depth = 0;
    while (!cursor_done(c)) {
        int byte = cursor_next(c);
        if (byte == '\\')
            (void)cursor_next(c);
        else if (byte == '(')
            depth++;
        else if (byte == ')' && --depth == 0)
            return;
    }
}

/* Up to `most` digits; -1 when there is none. */
static int take_number(struct cursor *c, int most, int *ret_digits)
{
    int value = 0;
    int digits = 0;
    for (; digits < most && cursor_peek(c) >= '0' && cursor_peek(c) <= '9'; digits++)
        value = value * 10 + (cursor_next(c) - '0');
    *ret_digits = digits;
    return digits > 0 ? value : -1;
}

static bool digit_at(const struct cursor *c, size_t ahead)
{
    int byte = cursor_peek_at(c, ahead);
    return byte >= '0' && byte <= '9';
}

/* ":mm[:ss[.fraction]]" after the hour; dots instead of colons happen. */
static void take_time(struct cursor *c, struct fields *f, int hour)
{
    int digits;
    f->hour = hour;
    c->p++;
    f->minute = take_number(c, 2, &digits);
    if ((cursor_peek(c) == ':' || cursor_peek(c) == '.') && digit_at(c, 1)) {
        c->p++;
        f->second = take_number(c, 2, &digits);
        if (cursor_skip_char(c, '.') || cursor_skip_char(c, ','))
            while (digit_at(c, 0))
                c->p++;
    }
}

/* The digits after a zone's sign: hhmm, hh:mm, hh. One out of range counts as unknown. */
static void take_zone(struct cursor *c, struct fields *f, int sign)
{
    int digits;
    int value = take_number(c, 6, &digits);
    int minutes = digits <= 2 ? value * 60 : value / 100 * 60 + value % 100;
    if (digits <= 2 && cursor_peek(c) == ':' && digit_at(c, 1)) {
        c->p++;
        minutes += take_number(c, 2, &digits);
    }
    f->zone = minutes <= ZONE_MAX ? sign * minutes : 0;
    f->has_zone = true;
}

static void take_day_or_year(struct cursor *c, struct fields *f)
{
    int digits;
    int value = take_number(c, 9, &digits);
    bool clock = cursor_peek(c) == ':' || (cursor_peek(c) == '.' && f->day > 0 && f->year > 0);
    if (clock && f->hour < 0 && digits <= 2 && digit_at(c, 1)) {
        take_time(c, f, value);
    } else if (f->day < 0 && digits <= 2) {
        f->day = value;
    } else if (f->year < 0) {
        /* RFC 5322 4.3: two digits below 50 are 20xx, others and three digits count from 1900. */
        int from = digits == 2 && value < 50 ? 2000 : 1900;
        f->year = digits == 2 || digits == 3 ? from + value : value;
    } else if (f->hour >= 0 && !f->has_zone && digits == 4) {
        f->zone = value / 100 * 60 + value % 100;
        f->zone = f->zone <= ZONE_MAX ? f->zone : 0;
        f->has_zone = true;
    }
}

static void take_word(struct cursor *c, struct fields *f)
{
    const char *from = c->p;
    while (!cursor_done(c) && ascii_is_alpha(*c->p))
        c->p++;
    struct slice word = slice_of(from, (size_t)(c->p - from));
    if (f->hour >= 0) {
        bool noon = slice_eq_nocase(word, S("PM"));
        if (noon || slice_eq_nocase(word, S("AM"))) {
            f->hour = f->hour <= 12 ? f->hour % 12 + (noon ? 12 : 0) : f->hour;
            return;
        }
        for (size_t i = 0; !f->has_zone && i < ARRAY_LEN(zones); i++) {
            if (slice_eq_nocase(word, slice_cstr(zones[i].name))) {
                /* "GMT+0100": the number after it is the zone. */
                f->zone = zones[i].minutes;
                f->has_zone = zones[i].minutes != 0;
                return;
            }
        }
    }
    if (f->month < 0)
        f->month = find_name(word, month_names, 12);
}

bool mime_date_parse(struct slice text, struct mime_date *ret)
{
    struct fields f = {.year = -1, .month = -1, .day = -1, .hour = -1};
    text = slice_sub(slice_trim(text), 0, TEXT_MAX);
    struct cursor c = cursor_of(text);
    if (text.n >= 10 && text.p[4] == '-' && text.p[7] == '-' && mime_date_parse_rfc3339(text, ret))
        return true;
    while (!cursor_done(&c)) {
        int byte = cursor_peek(&c);
        if (byte == '(') {
            skip_comment(&c);
        } else if (byte >= '0' && byte <= '9') {
            take_day_or_year(&c, &f);
        } else if (ascii_is_alpha((char)byte)) {
            take_word(&c, &f);
        } else if ((byte == '+' || byte == '-') && f.hour >= 0 && !f.has_zone && digit_at(&c, 1)) {
            c.p++;
            take_zone(&c, &f, byte == '-' ? -1 : 1);
        } else {
            c.p++;
        }
    }
    return to_date(&f, ret);
}

void mime_date_put(struct buf *out, struct mime_date date)
{
    struct fields f = of_date(date);
    int64_t days = days_of(f.year, f.month, f.day);
    int weekday = (int)((days % 7 + 11) % 7);
    int zone = f.zone < 0 ? -f.zone : f.zone;
    buf_printf(out, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d", day_names[weekday], f.day,
               month_names[f.month], f.year, f.hour, f.minute, f.second, f.zone < 0 ? '-' : '+', zone / 60,
               zone % 60);
}

/* Exactly n digits; false otherwise. */
static bool take_digits(struct cursor *c, int n, int *ret)
{
    int digits;
    int value = take_number(c, n, &digits);
    if (digits != n)
        return false;
    *ret = value;
    return true;
}

/* "d-Mon-yyyy" (RFC 9051 date-text), with ' ' or nothing before a one-digit day. */
static bool take_imap_day(struct cursor *c, struct fields *f)
{
    int digits;
    (void)cursor_skip_char(c, ' ');
    f->day = take_number(c, 2, &digits);
    if (f->day < 0 || !cursor_skip_char(c, '-'))
        return false;
    f->month = find_name(cursor_take(c, 3), month_names, 12);
    return f->month >= 0 && cursor_skip_char(c, '-') && take_digits(c, 4, &f->year);
}

static bool take_clock(struct cursor *c, struct fields *f)
{
    return take_digits(c, 2, &f->hour) && cursor_skip_char(c, ':') && take_digits(c, 2, &f->minute) &&
           cursor_skip_char(c, ':') && take_digits(c, 2, &f->second);
}

/* "+hhmm", with a colon inside for RFC 3339. */
static bool take_strict_zone(struct cursor *c, struct fields *f, bool colon)
{
    int hours;
    int minutes;
    int sign = cursor_next(c);
    if ((sign != '+' && sign != '-') || !take_digits(c, 2, &hours) || (colon && !cursor_skip_char(c, ':')) ||
        !take_digits(c, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    f->zone = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool mime_date_parse_internal(struct slice text, struct mime_date *ret)
{
    struct fields f = {0};
    struct cursor c = cursor_of(text);
    return take_imap_day(&c, &f) && cursor_skip_char(&c, ' ') && take_clock(&c, &f) &&
           cursor_skip_char(&c, ' ') && take_strict_zone(&c, &f, false) && cursor_done(&c) &&
           to_date(&f, ret);
}

void mime_date_put_internal(struct buf *out, struct mime_date date)
{
    struct fields f = of_date(date);
    int zone = f.zone < 0 ? -f.zone : f.zone;
    buf_printf(out, "%2d-%s-%04d %02d:%02d:%02d %c%02d%02d", f.day, month_names[f.month], f.year, f.hour,
               f.minute, f.second, f.zone < 0 ? '-' : '+', zone / 60, zone % 60);
}

bool mime_date_parse_day(struct slice text, int32_t *ret_day)
{
    struct fields f = {0};
    struct mime_date date;
    struct cursor c = cursor_of(text);
    if (slice_starts(text, S(" ")) || !take_imap_day(&c, &f) || !cursor_done(&c) || !to_date(&f, &date))
        return false;
    *ret_day = (int32_t)days_of(f.year, f.month, f.day);
    return true;
}

bool mime_date_parse_rfc3339(struct slice text, struct mime_date *ret)
{
    struct fields f = {0};
    struct cursor c = cursor_of(text);
    if (!take_digits(&c, 4, &f.year) || !cursor_skip_char(&c, '-') || !take_digits(&c, 2, &f.month) ||
        !cursor_skip_char(&c, '-') || !take_digits(&c, 2, &f.day))
        return false;
    f.month--;
    int separator = cursor_next(&c);
    if ((separator != 'T' && separator != 't' && separator != ' ') || !take_clock(&c, &f))
        return false;
    if (cursor_peek(&c) == '.' && digit_at(&c, 1))
        for (c.p++; digit_at(&c, 0);)
            c.p++;
    if (!cursor_skip_char(&c, 'Z') && !cursor_skip_char(&c, 'z') && !take_strict_zone(&c, &f, true))
        return false;
    return cursor_done(&c) && to_date(&f, ret);
}

void mime_date_put_rfc3339(struct buf *out, struct mime_date date)
{
    struct fields f = of_date(date);
    int zone = f.zone < 0 ? -f.zone : f.zone;
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", f.year, f.month + 1, f.day, f.hour, f.minute, f.second);
    if (zone == 0)
        buf_putc(out, 'Z');
    else
        buf_printf(out, "%c%02d:%02d", f.zone < 0 ? '-' : '+', zone / 60, zone % 60);
}
