#include "base/must.h"
#include "mime/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf out = BUF(100);
    struct slice text = slice_of(data, size);
    struct mime_date date;
    struct mime_date again;
    int32_t day;
    (void)mime_date_parse_day(text, &day);
    (void)mime_date_parse_rfc3339(text, &date);
    (void)mime_date_parse_internal(text, &date);
    if (!mime_date_parse(text, &date))
        return 0;
    must(date.zone_minutes > -1440 && date.zone_minutes < 1440);
    mime_date_put(&out, date);
    must(mime_date_parse(buf_slice(&out), &again));
    must(again.seconds == date.seconds && again.zone_minutes == date.zone_minutes);
    buf_clear(&out);
    mime_date_put_internal(&out, date);
    must(mime_date_parse_internal(buf_slice(&out), &again));
    must(again.seconds == date.seconds && again.zone_minutes == date.zone_minutes);
    buf_clear(&out);
    mime_date_put_rfc3339(&out, date);
    must(mime_date_parse_rfc3339(buf_slice(&out), &again));
    must(again.seconds == date.seconds);
    return 0;
}
