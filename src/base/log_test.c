#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/test.h"
#include "base/utf8.h"

enum { LONG = 10000 };

/* What a call writes to standard error, caught in a file. */
struct caught {
    int file;
    int saved_stderr;
    struct buf text;
};

static void catch_begin(struct caught *caught)
{
    caught->file = memfd_create("log_test", MFD_CLOEXEC);
    caught->saved_stderr = dup(STDERR_FILENO);
    caught->text = BUF(100000);
    dup2(caught->file, STDERR_FILENO);
}

/* The lines, without their time. */
static const char *catch_end(struct caught *caught)
{
    struct error error;
    dup2(caught->saved_stderr, STDERR_FILENO);
    fd_close(&caught->saved_stderr);
    lseek(caught->file, 0, SEEK_SET);
    assert_int_equal(fd_read_all(caught->file, &caught->text, &error), ERR_OK);
    fd_close(&caught->file);
    return buf_cstr(&caught->text);
}

static void assert_logs(const char *wanted, bool json, struct log_field field)
{
    struct caught caught;
    log_open("edge", LOG_INFO, json);
    catch_begin(&caught);
    log_write(LOG_INFO, (struct session_id){0xc0ffee}, "smtp.accepted", &field, 1);
    const char *line = catch_end(&caught);
    size_t skip =
        json ? strlen("{\"time\":\"2026-11-22T10:00:00.123Z\",") : strlen("2026-11-22T10:00:00.123Z ");
    assert_true(strlen(line) > skip);
    assert_string_equal(line + skip, wanted);
    assert_true(utf8_valid(buf_slice(&caught.text)));
    buf_release(&caught.text);
}

static void test_text_line(void **state UNUSED)
{
    assert_logs("info edge 0000000000c0ffee smtp.accepted from=a@b.example\n", false,
                F_STR("from", S("a@b.example")));
    assert_logs("info edge 0000000000c0ffee smtp.accepted bytes=-5\n", false, F_INT("bytes", -5));
    assert_logs("info edge 0000000000c0ffee smtp.accepted entry=00000000000000ff\n", false,
                F_ID("entry", 255));
    assert_logs("info edge 0000000000c0ffee smtp.accepted name=\"\"\n", false, F_STR("name", slice_none()));
}

static void test_text_values_cannot_forge_fields_or_lines(void **state UNUSED)
{
    assert_logs("info edge 0000000000c0ffee smtp.accepted v=\"a b=c\"\n", false, F_STR("v", S("a b=c")));
    assert_logs("info edge 0000000000c0ffee smtp.accepted v=\"a\\u000a\\u000d\\\"\\\\\"\n", false,
                F_STR("v", S("a\n\r\"\\")));
    assert_logs("info edge 0000000000c0ffee smtp.accepted v=\"\\u001b[2J\\u0000\"\n", false,
                F_STR("v", S("\x1b[2J\0")));
}

static void test_text_values_cannot_command_a_terminal(void **state UNUSED)
{
    /* U+009B is ESC [ in one character; a bad byte could be read as anything. */
    assert_logs("info edge 0000000000c0ffee smtp.accepted v=\"\\u009b2J\"\n", false,
                F_STR("v", S("\xc2\x9b"
                             "2J")));
    assert_logs("info edge 0000000000c0ffee smtp.accepted v=\"\\ufffd2J\"\n", false,
                F_STR("v", S("\x9b"
                             "2J")));
    assert_logs("info edge 0000000000c0ffee smtp.accepted v=gr\xc3\xbc\xc3\x9f\n", false,
                F_STR("v", S("gr\xc3\xbc\xc3\x9f")));
}

static void test_json_line(void **state UNUSED)
{
    assert_logs("\"level\":\"info\",\"process\":\"edge\",\"session\":\"0000000000c0ffee\","
                "\"event\":\"smtp.accepted\",\"v\":\"a\\\"\\u000ab\"}\n",
                true, F_STR("v", S("a\"\nb")));
    assert_logs("\"level\":\"info\",\"process\":\"edge\",\"session\":\"0000000000c0ffee\","
                "\"event\":\"smtp.accepted\",\"v\":7}\n",
                true, F_INT("v", 7));
}

static void test_json_stays_valid_with_bad_bytes(void **state UNUSED)
{
    assert_logs("\"level\":\"info\",\"process\":\"edge\",\"session\":\"0000000000c0ffee\","
                "\"event\":\"smtp.accepted\",\"v\":\"gr\\ufffd\\ufffd\"}\n",
                true, F_STR("v", S("gr\xfc\xdf")));
}

static void test_long_line_is_cut_or_left_out(void **state UNUSED)
{
    static char bytes[LONG];
    memset(bytes, 'x', sizeof(bytes));
    assert_logs("\"level\":\"info\",\"process\":\"edge\",\"session\":\"0000000000c0ffee\","
                "\"event\":\"smtp.accepted\"}\n",
                true, F_STR("v", slice_of(bytes, LONG)));
    struct caught caught;
    log_open("edge", LOG_INFO, false);
    catch_begin(&caught);
    LOG(LOG_ERROR, NO_SID, "a.b", F_STR("v", slice_of(bytes, LONG)), F_INT("n", 1));
    const char *line = catch_end(&caught);
    assert_true(strlen(line) < LONG);
    assert_non_null(strstr(line, " error edge - a.b v="));
    assert_int_equal(line[strlen(line) - 1], '\n');
    buf_release(&caught.text);
}

static void test_level_decides(void **state UNUSED)
{
    struct caught caught;
    log_open("edge", LOG_WARN, false);
    catch_begin(&caught);
    LOG(LOG_INFO, NO_SID, "not.wanted");
    LOG(LOG_WARN, NO_SID, "is.wanted");
    const char *line = catch_end(&caught);
    assert_null(strstr(line, "not.wanted"));
    assert_non_null(strstr(line, " warn edge - is.wanted\n"));
    assert_false(log_wants(LOG_INFO));
    assert_true(log_wants(LOG_ERROR));
    buf_release(&caught.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_text_values_cannot_forge_fields_or_lines),
        cmocka_unit_test(test_text_values_cannot_command_a_terminal),
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_json_stays_valid_with_bad_bytes),
        cmocka_unit_test(test_long_line_is_cut_or_left_out),
        cmocka_unit_test(test_level_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
