#include "rt/metrics.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test.h"

enum { THREADS = 8, TIMES = 10000 };

static int64_t now(unsigned cell)
{
    struct metrics_sample sample = {0};
    metrics_read(metrics_own(), &sample);
    return sample.cells[cell];
}

static void *count_many(void *unused)
{
    for (int i = 0; i < TIMES; i++)
        metric_count(CONNECTIONS, METRIC_IMAP);
    return unused;
}

static void test_counts_of_all_threads_add_up(void **state UNUSED)
{
    pthread_t threads[THREADS];
    int64_t before = now(METRIC_AT_CONNECTIONS + METRIC_IMAP);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(now(METRIC_AT_CONNECTIONS + METRIC_IMAP) - before, THREADS * TIMES);
}

static void test_labels_do_not_touch_each_other(void **state UNUSED)
{
    metric_set(QUEUE, METRIC_QUEUE_DEFERRED, 7);
    metric_set(QUEUE, METRIC_QUEUE_WAITING, 9);
    metric_set(QUEUE, METRIC_QUEUE_DEFERRED, 8);
    assert_int_equal(now(METRIC_AT_QUEUE + METRIC_QUEUE_FILING), 0);
    assert_int_equal(now(METRIC_AT_QUEUE + METRIC_QUEUE_DEFERRED), 8);
    assert_int_equal(now(METRIC_AT_QUEUE + METRIC_QUEUE_WAITING), 9);
}

static void test_histogram_takes_each_value_once(void **state UNUSED)
{
    metric_observe(SYNC, METRIC_SYNC_QUEUE, 100);      /* the first bound itself */
    metric_observe(SYNC, METRIC_SYNC_QUEUE, 101);      /* just above it */
    metric_observe(SYNC, METRIC_SYNC_QUEUE, 99999999); /* above all */
    unsigned at = METRIC_AT_SYNC + METRIC_SYNC_QUEUE * METRIC_WIDTH_HISTOGRAM;
    assert_int_equal(now(at), 1);
    assert_int_equal(now(at + 1), 1);
    assert_int_equal(now(at + METRIC_BUCKETS), 1);
    assert_int_equal(now(at + METRIC_BUCKETS + 1), 100 + 101 + 99999999);
    assert_int_equal(now(METRIC_AT_SYNC), 0);
}

static void test_families_cover_all_cells_in_order(void **state UNUSED)
{
    size_t count;
    unsigned at = 0;
    const struct metric_family *families = metric_families(&count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(families[i].at, at);
        assert_int_equal(families[i].series, families[i].labels->counts[0] * families[i].labels->counts[1]);
        bool total = slice_ends(slice_cstr(families[i].name), S("_total"));
        assert_int_equal(total, families[i].kind == METRIC_COUNTER);
        at += families[i].width * families[i].series;
    }
    assert_int_equal(at, METRIC_CELLS);
}

static void test_names_protocols_with_and_without_tls(void **state UNUSED)
{
    assert_int_equal(metric_protocol("imap"), METRIC_IMAP);
    assert_int_equal(metric_protocol("imaps"), METRIC_IMAP);
    assert_int_equal(metric_protocol("submissions"), METRIC_SUBMISSION);
    assert_int_equal(metric_protocol("imapss"), METRIC_OTHER_PROTOCOL);
    assert_int_equal(metric_protocol("finger"), METRIC_OTHER_PROTOCOL);
}

static void test_a_shared_page_shows_what_its_owner_counts(void **state UNUSED)
{
    struct error error;
    const struct metrics_page *view;
    int fd;
    assert_int_equal(metrics_share(&fd, &error), ERR_OK);
    assert_int_equal(metrics_view(fd, &view, &error), ERR_OK);
    assert_int_equal(metrics_adopt(fd, &error), ERR_OK);
    metric_add(MESSAGE_BYTES, METRIC_ONE, 4000);
    metric_add(MESSAGE_BYTES, METRIC_ONE, 96);
    struct metrics_sample sample = {0};
    metrics_read(view, &sample);
    assert_int_equal(metric_of(&sample, MESSAGE_BYTES, METRIC_ONE), 4096);
    assert_int_equal(ftruncate(fd, 0), -1); /* nobody can pull it away from under a reader */
    close(fd);
}

static void test_refuses_a_page_of_another_size(void **state UNUSED)
{
    struct error error;
    const struct metrics_page *view = NULL;
    int fd = memfd_create("short", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(metrics_view(fd, &view, &error), ERR_INVALID);
    assert_null(view);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_of_all_threads_add_up),
        cmocka_unit_test(test_labels_do_not_touch_each_other),
        cmocka_unit_test(test_histogram_takes_each_value_once),
        cmocka_unit_test(test_families_cover_all_cells_in_order),
        cmocka_unit_test(test_names_protocols_with_and_without_tls),
        cmocka_unit_test(test_a_shared_page_shows_what_its_owner_counts),
        cmocka_unit_test(test_refuses_a_page_of_another_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
