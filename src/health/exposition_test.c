#include "health/exposition.h"

#include "base/test.h"

static const char *text_of(const struct metrics_sample *sample, struct buf *out)
{
    exposition_put(sample, out);
    const char *text = buf_cstr(out);
    assert_non_null(text);
    return text;
}

static void test_writes_series_with_their_labels(void **state UNUSED)
{
    static struct metrics_sample sample;
    CLEANUP(buf_release) struct buf out = BUF(EXPOSITION_MAX);
    sample.cells[METRIC_AT_SESSIONS + METRIC_SESSION(METRIC_IMAP, METRIC_IN_TLS)] = 3;
    sample.cells[METRIC_AT_CONNECTIONS_REFUSED] = 7;
    const char *text = text_of(&sample, &out);
    assert_non_null(strstr(text, "\nposthorn_sessions{protocol=\"imap\",tls=\"yes\"} 3\n"));
    assert_non_null(strstr(text, "\nposthorn_sessions{protocol=\"imap\",tls=\"no\"} 0\n"));
    assert_non_null(strstr(text, "\n# TYPE posthorn_connections_refused_total counter\n"
                                 "posthorn_connections_refused_total 7\n"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_buckets_of_a_histogram_add_up(void **state UNUSED)
{
    static struct metrics_sample sample;
    CLEANUP(buf_release) struct buf out = BUF(EXPOSITION_MAX);
    int64_t *cells = &sample.cells[METRIC_AT_SYNC + METRIC_SYNC_QUEUE * METRIC_WIDTH_HISTOGRAM];
    cells[0] = 2;
    cells[1] = 3;
    cells[METRIC_BUCKETS] = 1;
    cells[METRIC_BUCKETS + 1] = 12345678;
    const char *text = text_of(&sample, &out);
    assert_non_null(strstr(text, "posthorn_sync_seconds_bucket{of=\"queue\",le=\"0.0001\"} 2\n"
                                 "posthorn_sync_seconds_bucket{of=\"queue\",le=\"0.00025\"} 5\n"));
    assert_non_null(strstr(text, "posthorn_sync_seconds_bucket{of=\"queue\",le=\"10\"} 5\n"
                                 "posthorn_sync_seconds_bucket{of=\"queue\",le=\"+Inf\"} 6\n"
                                 "posthorn_sync_seconds_sum{of=\"queue\"} 12.345678\n"
                                 "posthorn_sync_seconds_count{of=\"queue\"} 6\n"));
}

static void test_fits_whatever_the_numbers_are(void **state UNUSED)
{
    static struct metrics_sample sample;
    CLEANUP(buf_release) struct buf out = BUF(EXPOSITION_MAX);
    for (size_t i = 0; i < METRIC_CELLS; i++)
        sample.cells[i] = INT64_MIN;
    (void)text_of(&sample, &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_series_with_their_labels),
        cmocka_unit_test(test_buckets_of_a_histogram_add_up),
        cmocka_unit_test(test_fits_whatever_the_numbers_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
