#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

enum { LOG_LINE_MAX = 4000 };

/* Set once by log_open, before threads start; read-only afterwards. */
static struct {
    const char *process;
    enum log_level least;
    bool json;
} settings = {"posthorn", LOG_INFO, false};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_open(const char *process, enum log_level least, bool json)
{
    settings.process = process;
    settings.least = least;
    settings.json = json;
}

bool log_wants(enum log_level level)
{
    return level >= settings.least;
}

static void put_time(struct buf *b)
{
    int64_t now = clock_wall_us();
    time_t seconds = (time_t)(now / CLOCK_SECOND);
    struct tm t;
    gmtime_r(&seconds, &t);
    buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
               t.tm_min, t.tm_sec, (int)(now % CLOCK_SECOND / 1000));
}

/* C0 and C1: what a terminal would obey. */
static bool is_control(int32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/* Valid JSON whatever the bytes. */
static void put_quoted(struct buf *b, struct slice s)
{
    struct cursor c = cursor_of(s);
    buf_putc(b, '"');
    while (!cursor_done(&c) && !buf_failed(b)) {
        int32_t v = utf8_next(&c);
        if (v == '"' || v == '\\')
            buf_printf(b, "\\%c", (char)v);
        else if (v < 0)
            buf_put(b, S("\\ufffd"));
        else if (is_control(v))
            buf_printf(b, "\\u%04x", (unsigned)v);
        else
            utf8_put(b, (uint32_t)v);
    }
    buf_putc(b, '"');
}

static bool is_plain(struct slice s)
{
    struct cursor c = cursor_of(s);
    while (!cursor_done(&c)) {
        int32_t v = utf8_next(&c);
        if (v <= ' ' || v == '"' || v == '\\' || v == '=' || is_control(v))
            return false;
    }
    return s.n > 0;
}

static void put_text_line(struct buf *b, enum log_level level, const char *sid, const char *event,
                          const struct log_field *fields, size_t count)
{
    put_time(b);
    buf_printf(b, " %s %s %s %s", level_names[level], settings.process, sid, event);
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, " %s=", fields[i].key);
        if (fields[i].is_id)
            buf_printf(b, "%016llx", (unsigned long long)fields[i].number);
        else if (!fields[i].is_text)
            buf_printf(b, "%lld", (long long)fields[i].number);
        else if (is_plain(fields[i].text))
            buf_put(b, fields[i].text);
        else
            put_quoted(b, fields[i].text);
    }
}

static void put_json_line(struct buf *b, enum log_level level, const char *sid, const char *event,
                          const struct log_field *fields, size_t count)
{
    buf_put(b, S("{\"time\":\""));
    put_time(b);
    buf_printf(b, "\",\"level\":\"%s\",\"process\":\"%s\",\"session\":\"%s\",\"event\":\"%s\"",
               level_names[level], settings.process, sid, event);
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, ",\"%s\":", fields[i].key);
        if (fields[i].is_id)
            buf_printf(b, "\"%016llx\"", (unsigned long long)fields[i].number);
        else if (fields[i].is_text)
            put_quoted(b, fields[i].text);
        else
            buf_printf(b, "%lld", (long long)fields[i].number);
    }
    buf_putc(b, '}');
}

void log_write(enum log_level level, struct session_id sid, const char *event, const struct log_field *fields,
               size_t count)
{
    char id[ID_TEXT_MAX] = "-";
    CLEANUP(buf_release) struct buf b = BUF(LOG_LINE_MAX);
    if (sid.v != 0)
        id_to_text(sid.v, id);
    if (settings.json)
        put_json_line(&b, level, id, event, fields, count);
    else
        put_text_line(&b, level, id, event, fields, count);
    if (b.failed && settings.json) {
        /* Too long to be whole: say that it happened, as valid JSON. */
        buf_clear(&b);
        put_json_line(&b, level, id, event, NULL, 0);
    }
    b.failed = false;
    b.max++;
    buf_putc(&b, '\n');
    ssize_t written UNUSED = write(STDERR_FILENO, b.p, b.n);
}
