#include "base/test.h"

#include "admin/cli_parts.h"

enum { WORDS_MAX = 16 };

/* Blanks separate words. */
static enum err parse(const char *line, struct cli_request *ret, struct error *error)
{
    char text[300];
    char *words[WORDS_MAX];
    int count = 0;
    snprintf(text, sizeof(text), "%s", line);
    for (char *at = text, *word; (word = strsep(&at, " ")) != NULL;)
        words[count++] = word;
    return cli_parse(count, words, ret, error);
}

static void expect(const char *line, const char *wanted)
{
    struct cli_request request;
    struct error error = {0};
    enum err e = parse(line, &request, &error);
    if (e != ERR_OK)
        print_error("%s: %s\n", line, error.client);
    assert_int_equal(e, ERR_OK);
    json_t *json = json_loads(wanted, 0, NULL);
    assert_non_null(json);
    assert_true(json_equal(json, request.request));
    json_decref(json);
    cli_request_release(&request);
}

static void refuse(const char *line, const char *said)
{
    struct cli_request request;
    struct error error;
    assert_int_equal(parse(line, &request, &error), ERR_INVALID);
    if (strstr(error.client, said) == NULL)
        print_error("%s: %s\n", line, error.client);
    assert_non_null(strstr(error.client, said));
}

static void test_makes_requests(void **state)
{
    (void)state;
    expect("domain add a.example", "{\"command\":\"domain.add\",\"domain\":\"a.example\"}");
    expect("account add --quota 1G a@b --plan=pop3",
           "{\"command\":\"account.add\",\"address\":\"a@b\",\"quota\":1073741824,\"plan\":\"pop3\"}");
    expect(
        "account set a@b --enabled no --messages 7 --name=",
        "{\"command\":\"account.set\",\"address\":\"a@b\",\"enabled\":false,\"messages\":7,\"name\":\"\"}");
    expect("account check a@b --repair",
           "{\"command\":\"account.check\",\"address\":\"a@b\",\"repair\":true}");
    expect("group member add g@b x@c y@c",
           "{\"command\":\"group.member.add\",\"address\":\"g@b\",\"members\":[\"x@c\",\"y@c\"]}");
    expect("domain add -- --odd", "{\"command\":\"domain.add\",\"domain\":\"--odd\"}");
}

static void test_reads_what_is_not_sent(void **state)
{
    (void)state;
    struct cli_request request;
    struct error error;
    assert_int_equal(parse("account remove a@b --yes", &request, &error), ERR_OK);
    assert_true(request.yes && !request.json);
    cli_request_release(&request);
    assert_int_equal(parse("account add a@b --password-stdin", &request, &error), ERR_OK);
    assert_true(request.password_stdin);
    cli_request_release(&request);
    assert_int_equal(parse("account import x.csv --json", &request, &error), ERR_OK);
    assert_true(request.json);
    assert_null(json_object_get(request.request, "csv"));
    cli_request_release(&request);
    assert_int_equal(parse("account add --help", &request, &error), ERR_OK);
    assert_true(request.help);
    cli_request_release(&request);
}

static void test_refuses_wrong_words_in_one_line(void **state)
{
    (void)state;
    refuse("account", "a command is missing");
    refuse("account lst", "did you mean \"account list\"?");
    refuse("account frobnicate", "`posthorn account --help`");
    refuse("group member", "unknown command");
    refuse("account list --jsno", "did you mean --json?");
    refuse("account list --frobnicate", "see `posthorn account list --help`");
    refuse("account list --yes", "takes no --yes");
    refuse("account list -x", "options begin with --");
    refuse("account show", "NAME@DOMAIN is missing");
    refuse("account show a@b c@d", "one word too many");
    refuse("account add a@b --quota", "needs a value");
    refuse("account add a@b --quota 10X", "is not a size");
    refuse("account add a@b --password x", "command line");
    refuse("account add a@b --password-stdin=x", "standard input");
    refuse("account set a@b --enabled maybe", "yes or no");
    refuse("account set a@b --messages 1K", "is not a number");
    refuse("account add a@b --name \xff", "not UTF-8");
    refuse("group add g@b", "ADDRESS is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_requests),
        cmocka_unit_test(test_reads_what_is_not_sent),
        cmocka_unit_test(test_refuses_wrong_words_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
