/* What a script asks of its host: mailboxes, annotations, environment, duplicates, other scripts, scores. */
#include "sieve/testing.h"

/* --- a small world --- */

struct world {
    struct sieve_host host;
    const char *known[4]; /* what duplicate remembers; NULL: nothing */
    struct sieve_program *programs[8];
    size_t programs_count;
};

static enum err has_mailbox(void *context, struct slice mailbox, bool *ret, struct error *error)
{
    (void)context, (void)error;
    *ret = slice_eq(mailbox, S("INBOX")) || slice_eq(mailbox, S("Spam"));
    return ERR_OK;
}

static enum err has_id(void *context, struct slice id, bool *ret, struct error *error)
{
    (void)context, (void)error;
    *ret = slice_eq(id, S("F1"));
    return ERR_OK;
}

static enum err has_use(void *context, struct slice mailbox, struct slice use, bool *ret, struct error *error)
{
    (void)context, (void)error;
    *ret = slice_eq_nocase(use, S("\\Junk")) && (mailbox.p == NULL || slice_eq(mailbox, S("Spam")));
    return ERR_OK;
}

static enum err metadata(void *context, struct slice mailbox, struct slice entry, struct buf *out,
                         bool *ret_found, struct error *error)
{
    (void)context, (void)error;
    *ret_found =
        mailbox.p == NULL ? slice_eq(entry, S("/private/vendor/x")) : slice_eq(entry, S("/private/comment"));
    buf_put(out, mailbox.p == NULL ? S("server") : S("a comment"));
    return ERR_OK;
}

static enum err environment(void *context, struct slice item, struct buf *out, bool *ret_found,
                            struct error *error)
{
    (void)context, (void)error;
    *ret_found = slice_eq(item, S("remote-ip"));
    buf_put(out, S("192.0.2.1"));
    return ERR_OK;
}

static enum err is_known(void *context, struct slice id, bool *ret, struct error *error)
{
    const struct world *world = context;
    (void)error;
    *ret = false;
    for (size_t i = 0; i < ARRAY_LEN(world->known); i++)
        *ret = *ret || (world->known[i] != NULL && slice_eq(id, slice_cstr(world->known[i])));
    return ERR_OK;
}

struct script {
    const char *name;
    const char *text;
};
static const struct script scripts[] = {
    {"a", "redirect \"a@b.example\";"},
    {"deep", "require \"include\"; include \"deep\";"},
    {"stops", "stop;"},
    {"returns", "require \"include\"; if true { return; } discard;"},
    {"other", "require \"include\"; include \"loop\";"},
    {"loop", "require \"include\"; include \"other\";"},
    {"sets", "require [\"include\", \"variables\"]; global \"g\"; set \"g\" \"from g\"; set \"own\" \"x\";"},
    {"spaced", "require [\"include\", \"variables\"]; set \"global.g\" \"${global.g}+\";"},
};

static enum err find_script(void *context, struct slice name, bool global, const struct sieve_program **ret,
                            struct error *error)
{
    struct world *world = context;
    if (slice_eq(name, S("broken")))
        return fail_plain(error, ERR_INVALID, "it is broken");
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (!global && slice_eq(name, slice_cstr(scripts[i].name))) {
            struct sieve_program **program = &world->programs[i];
            if (*program == NULL)
                *program = test_compile(scripts[i].text);
            *ret = *program;
            return ERR_OK;
        }
    *ret = NULL;
    return ERR_OK;
}

static void make_world(struct world *world)
{
    *world = (struct world){.host = {.context = world,
                                     .mailbox_exists = has_mailbox,
                                     .mailbox_id_exists = has_id,
                                     .special_use = has_use,
                                     .metadata = metadata,
                                     .environment = environment,
                                     .duplicate = is_known,
                                     .script = find_script}};
}

static void expect(struct world *world, const struct sieve_input *input, const char *script,
                   const char *wanted, int line)
{
    CLEANUP(buf_release) struct buf got = BUF(65536);
    struct sieve_result result = test_run_on(&world->host, script, input);
    test_put_result(&got, &result);
    sieve_result_release(&result);
    for (size_t i = 0; i < ARRAY_LEN(world->programs); i++) {
        sieve_program_free(world->programs[i]);
        world->programs[i] = NULL;
    }
    if (!slice_eq(buf_slice(&got), slice_cstr(wanted)))
        fail_msg("line %d: got \"%s\", wanted \"%s\"", line, buf_cstr(&got), wanted);
}

#define WORLD(script, wanted)                               \
    do {                                                    \
        struct world world_;                                \
        const struct sieve_input input_ = test_input();     \
        make_world(&world_);                                \
        expect(&world_, &input_, script, wanted, __LINE__); \
    } while (0)

#define WORLD_TEST(required, test, wanted) \
    WORLD("require [\"fileinto\", " required "]; if " test " { discard; }", (wanted) ? "" : "keep")

/* --- mailboxes --- */

static void test_mailboxes(void **state)
{
    (void)state;
    WORLD_TEST("\"mailbox\"", "mailboxexists [\"INBOX\", \"Spam\"]", true);
    WORLD_TEST("\"mailbox\"", "mailboxexists [\"INBOX\", \"Other\"]", false);
    WORLD_TEST("\"mailboxid\"", "mailboxidexists \"F1\"", true);
    WORLD_TEST("\"mailboxid\"", "mailboxidexists [\"F1\", \"F2\"]", false);
    WORLD_TEST("\"special-use\"", "specialuse_exists \"\\\\Junk\"", true);
    WORLD_TEST("\"special-use\"", "specialuse_exists \"INBOX\" \"\\\\Junk\"", false);
    WORLD_TEST("\"special-use\"", "specialuse_exists \"Spam\" [\"\\\\junk\"]", true);
    WORLD_TEST("\"special-use\"", "specialuse_exists [\"\\\\Junk\", \"\\\\Sent\"]", false);
    /* Without a host nothing exists. */
    EXPECT_FALSE("\"mailbox\"", "mailboxexists \"INBOX\"");
    EXPECT_FALSE("\"special-use\"", "specialuse_exists \"\\\\Junk\"");
    EXPECT_WRONG("if mailboxexists \"a\" { }", 1, 4, "needs require \"mailbox\"");
}

static void test_filing_arguments(void **state)
{
    struct sieve_input input = test_input();
    (void)state;
    struct sieve_result result = test_run(
        "require [\"fileinto\", \"mailbox\", \"mailboxid\", \"special-use\"];\n"
        "fileinto :create :mailboxid \"F1\" \"A\"; fileinto :specialuse \"\\\\Junk\" \"A\"; fileinto \"A\";",
        &input);
    assert_int_equal(result.count, 3);
    assert_true(result.actions[0].create);
    assert_true(slice_eq(result.actions[0].mailbox_id, S("F1")));
    assert_null(result.actions[0].special_use.p);
    assert_true(slice_eq(result.actions[1].special_use, S("\\Junk")));
    assert_false(result.actions[1].create);
    assert_int_equal(result.actions[1].line, 2);
    assert_null(result.actions[2].mailbox_id.p);
    sieve_result_release(&result);
    EXPECT_WRONG(
        "require [\"fileinto\", \"mailboxid\", \"special-use\"]; fileinto :mailboxid \"a\" :specialuse \"b\" "
        "\"c\";",
        1, 71, "exclude each other");
}

static void test_copies_of_replies(void **state)
{
    struct sieve_input input = test_input();
    (void)state;
    struct sieve_result result = test_run("require [\"vacation\", \"fcc\", \"mailbox\", \"imap4flags\"];\n"
                                          "vacation :fcc \"Sent\" :create :flags \"\\\\Seen\" \"away\";",
                                          &input);
    assert_int_equal(result.count, 2);
    assert_int_equal(result.actions[0].kind, SIEVE_ACTION_VACATION);
    assert_true(slice_eq(result.actions[0].mailbox, S("Sent")));
    assert_true(result.actions[0].create);
    assert_int_equal(result.actions[0].flag_count, 1);
    sieve_result_release(&result);
    EXPECT_WRONG("require [\"vacation\", \"fcc\", \"mailbox\"]; vacation :create \"away\";", 1, 50,
                 "\":fcc\"");
    EXPECT_WRONG("require \"vacation\"; vacation :fcc \"Sent\" \"away\";", 1, 30, "needs require \"fcc\"");
}

static void test_metadata(void **state)
{
    (void)state;
    WORLD_TEST("\"mboxmetadata\"", "metadata \"INBOX\" \"/private/comment\" \"A comment\"", true);
    WORLD_TEST("\"mboxmetadata\"", "metadata :contains \"INBOX\" \"/private/other\" \"\"", false);
    WORLD_TEST("\"mboxmetadata\"", "metadataexists \"INBOX\" \"/private/comment\"", true);
    WORLD_TEST("\"mboxmetadata\"", "metadataexists \"INBOX\" [\"/private/comment\", \"/x\"]", false);
    WORLD_TEST("\"servermetadata\"", "servermetadata \"/private/vendor/x\" \"server\"", true);
    WORLD_TEST("\"servermetadata\"", "servermetadataexists \"/private/vendor/x\"", true);
    WORLD_TEST("\"servermetadata\"", "servermetadataexists \"/private/vendor/y\"", false);
}

static void test_environment(void **state)
{
    (void)state;
    WORLD_TEST("\"environment\"", "environment \"name\" \"posthorn\"", true);
    WORLD_TEST("\"environment\"", "environment \"version\" \"" POSTHORN_VERSION "\"", true);
    WORLD_TEST("\"environment\"", "environment \"host\" \"mail.example.com\"", true);
    WORLD_TEST("\"environment\"", "environment \"domain\" \"example.com\"", true);
    WORLD_TEST("\"environment\"", "environment :matches \"remote-ip\" \"192.0.2.*\"", true);
    WORLD_TEST("\"environment\"", "environment :contains \"vnd.unknown\" \"\"", false);
}

/* --- ihave (RFC 5463) --- */

static void test_ihave(void **state)
{
    (void)state;
    EXPECT("require \"ihave\"; if ihave \"fileinto\" { fileinto \"A\"; } else { discard; }", "fileinto A");
    EXPECT("require \"ihave\"; if ihave \"nonsense\" { nonsense \"A\"; } else { discard; }", "");
    EXPECT("require \"ihave\"; if ihave [\"fileinto\", \"nonsense\"] { fileinto \"A\"; } keep;", "keep");
    EXPECT("require \"ihave\"; if ihave \"fileinto\" { } fileinto \"A\";", "fileinto A");
    EXPECT("require \"ihave\";\nfileinto \"A\";",
           "failed: line 2: \"fileinto\" needs require \"fileinto\", or an ihave that succeeded before");
    EXPECT("require \"ihave\";\nnonsense \"A\";", "failed: line 2: there is no command \"nonsense\"");
    EXPECT("require \"ihave\"; if not ihave \"copy\" { discard; } redirect :copy \"a@b.example\";",
           "redirect a@b.example; keep");
    EXPECT("require \"ihave\"; if allof (false, ihave \"copy\") { } redirect :copy \"a@b.example\";",
           "failed: line 1: \"redirect\" needs require \"copy\", or an ihave that succeeded before");
    EXPECT("require \"ihave\"; if ihave \"comparator-i;ascii-numeric\" { if header :comparator "
           "\"i;ascii-numeric\" "
           "\"subject\" \"x\" { discard; } }",
           "");
    /* What changes how a script is read can't come late. */
    EXPECT("require \"ihave\"; if ihave \"variables\" { discard; }", "keep");
    EXPECT("require [\"ihave\", \"variables\"]; if ihave \"variables\" { discard; }", "");
    EXPECT("require \"ihave\";\nerror \"no way\";", "failed: line 2: no way");
    EXPECT_WRONG("error \"x\";", 1, 1, "needs require \"ihave\"");
    EXPECT("require \"ihave\"; if nonsense { }", "failed: line 1: there is no test \"nonsense\"");
}

/* --- duplicate (RFC 7352) --- */

static void id_of(const char *script, char ret_id[static 65], uint64_t *ret_seconds)
{
    struct sieve_input input = test_input();
    struct sieve_result result = test_run(script, &input);
    assert_int_equal(result.tracked_count, 1);
    assert_int_equal(result.tracked[0].id.n, 64);
    memcpy(ret_id, result.tracked[0].id.p, 64);
    ret_id[64] = 0;
    *ret_seconds = result.tracked[0].seconds;
    sieve_result_release(&result);
}

#define SEES "require [\"duplicate\", \"variables\"]; if duplicate "

static void test_duplicate_ids(void **state)
{
    static const char *const same[] = {
        SEES "{ }",
        SEES ":header \"message-id\" { }",
        SEES ":uniqueid \"<1@desert.example.org>\" { }",
        "require [\"duplicate\", \"variables\"]; if header :matches \"message-id\" \"*\" { if duplicate "
        ":uniqueid "
        "\"${0}\" { } }",
    };
    char first[65], other[65];
    uint64_t seconds;
    (void)state;
    id_of(same[0], first, &seconds);
    assert_int_equal(seconds, SIEVE_TRACKED_SECONDS);
    for (size_t i = 1; i < ARRAY_LEN(same); i++) {
        id_of(same[i], other, &seconds);
        assert_string_equal(first, other);
    }
    id_of(SEES ":handle \"h\" { }", other, &seconds);
    assert_string_not_equal(first, other);
    id_of(SEES ":seconds 60 :header \"subject\" { }", other, &seconds);
    assert_string_not_equal(first, other);
    assert_int_equal(seconds, 60);
    id_of(SEES ":seconds 1G { }", other, &seconds);
    assert_int_equal(seconds, SIEVE_TRACKED_SECONDS_MAX);
}

static size_t tracked(struct world *world, const char *script)
{
    struct sieve_input input = test_input();
    struct sieve_result result = test_run_on(&world->host, script, &input);
    size_t count = result.tracked_count;
    sieve_result_release(&result);
    return count;
}

static void test_duplicates(void **state)
{
    struct sieve_input input = test_input();
    struct world world;
    char id[65];
    uint64_t seconds;
    (void)state;
    make_world(&world);
    id_of(SEES "{ }", id, &seconds);
    expect(&world, &input, SEES "{ discard; }", "keep", __LINE__);
    world.known[0] = id;
    expect(&world, &input, SEES "{ discard; }", "", __LINE__);
    expect(&world, &input, SEES ":seconds 0 { discard; }", "keep", __LINE__);
    expect(&world, &input, SEES ":handle \"h\" { discard; }", "keep", __LINE__);
    expect(&world, &input, SEES ":header \"x-missing\" { discard; }", "keep", __LINE__);
    assert_int_equal(tracked(&world, SEES "{ }"), 0);
    assert_int_equal(tracked(&world, SEES ":last { }"), 1);
    assert_int_equal(tracked(&world, SEES ":header \"x-missing\" { }"), 0);
    assert_int_equal(tracked(&world, SEES ":uniqueid \"x\" { } redirect \"${x}\";"), 0);
    EXPECT_WRONG("require \"duplicate\"; if duplicate :header \"a\" :uniqueid \"b\" { }", 1, 47,
                 "contradicts");
}

static void test_tracked_ids_have_a_limit(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(100000);
        buf_put(&script, S("require \"duplicate\";"));
        for (int i = 0; i < SIEVE_TRACKED_MAX + more; i++)
            buf_printf(&script, "if duplicate :uniqueid \"%d\" { }", i);
        EXPECT(buf_cstr(&script),
               more == 0 ? "keep" : "failed: line 1: more than 32 different duplicate tests");
    }
}

/* --- include (RFC 6609) --- */

#define INCLUDES "require [\"include\", \"variables\", \"reject\"]; "

static void test_include(void **state)
{
    (void)state;
    WORLD(INCLUDES "include \"a\";", "redirect a@b.example");
    WORLD(INCLUDES "include :global \"a\";", "failed: line 1: there is no script \"a\"");
    WORLD(INCLUDES "include :optional \"missing\"; keep;", "keep");
    WORLD(INCLUDES "include \"broken\";", "failed: line 1: the script \"broken\" has errors");
    WORLD(INCLUDES "include \"stops\"; discard;", "keep");
    WORLD(INCLUDES "include \"returns\"; redirect \"x@y.example\";", "redirect x@y.example");
    WORLD(INCLUDES "return; discard;", "keep");
    WORLD(INCLUDES "include \"deep\";", "failed: line 1: the script \"deep\" includes itself");
    WORLD(INCLUDES "include \"loop\";", "failed: line 1: the script \"loop\" includes itself");
    WORLD(INCLUDES "include :once \"a\"; include :once \"a\";", "redirect a@b.example");
    EXPECT_WRONG(INCLUDES "include \"../etc/passwd\";", 1, 53, "no name of a script");
    EXPECT_WRONG(INCLUDES "include \"${a}\";", 1, 53, "can't stand here");
    EXPECT("require \"include\"; include \"a\";", "failed: line 1: there is no script \"a\"");
}

static void test_shared_variables(void **state)
{
    (void)state;
    WORLD(INCLUDES "global \"g\"; include \"sets\"; reject \"${g}|${own}\";", "reject from g|");
    WORLD(INCLUDES "include \"sets\"; reject \"${g}\";", "reject ");
    WORLD(INCLUDES "set \"global.g\" \"1\"; include \"spaced\"; include \"spaced\"; reject \"${global.g}\";",
          "reject 1++");
    WORLD(INCLUDES "global \"g\"; set \"g\" \"1\"; reject \"${global.g}\";", "reject 1");
    WORLD(INCLUDES "set \"g\" \"1\"; global \"g\";",
          "failed: line 1: the variable \"g\" was set before it became global");
    EXPECT_WRONG("require \"include\"; global \"g\";", 1, 20, "needs require \"variables\"");
    EXPECT_WRONG(INCLUDES "set \"global.a.b\" \"1\";", 1, 49, "no name of a variable");
    EXPECT_WRONG(INCLUDES "set \"global.12\" \"1\";", 1, 49, "no name of a variable");
    EXPECT_WRONG("require \"variables\"; set \"global.a\" \"1\";", 1, 26, "no name of a variable");
}

/* --- scores (RFC 5235) --- */

static void test_scores(void **state)
{
    static const struct {
        bool tested;
        unsigned percent;
        unsigned virus;
        const char *test;
        bool holds;
    } rows[] = {
        {true, 0, 0, "spamtest :value \"eq\" :comparator \"i;ascii-numeric\" \"1\"", true},
        {true, 100, 0, "spamtest :value \"eq\" :comparator \"i;ascii-numeric\" \"10\"", true},
        {true, 50, 0, "spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"5\"", true},
        {true, 50, 0, "spamtest :percent :value \"eq\" :comparator \"i;ascii-numeric\" \"50\"", true},
        {false, 50, 0, "spamtest :value \"eq\" :comparator \"i;ascii-numeric\" \"0\"", true},
        {false, 0, 0, "spamtest :percent :count \"eq\" :comparator \"i;ascii-numeric\" \"0\"", true},
        {true, 0, 0, "spamtest :percent :count \"eq\" :comparator \"i;ascii-numeric\" \"0\"", false},
        {false, 0, 0, "virustest :value \"eq\" :comparator \"i;ascii-numeric\" \"0\"", true},
        {false, 0, 5, "virustest :value \"ge\" :comparator \"i;ascii-numeric\" \"4\"", true},
        {false, 0, 1, "virustest \"1\"", true},
    };
    struct sieve_input input = test_input();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000);
        input.spam_tested = rows[i].tested;
        input.spam_percent = rows[i].percent;
        input.virus = rows[i].virus;
        buf_printf(
            &script,
            "require [\"spamtestplus\", \"virustest\", \"relational\", \"comparator-i;ascii-numeric\"];"
            "if %s { discard; }",
            rows[i].test);
        EXPECT_WITH(&input, buf_cstr(&script), rows[i].holds ? "" : "keep");
    }
    EXPECT_WRONG("require \"spamtest\"; if spamtest :percent \"1\" { }", 1, 33,
                 "needs require \"spamtestplus\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_filing_arguments),
        cmocka_unit_test(test_copies_of_replies),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_ihave),
        cmocka_unit_test(test_duplicate_ids),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_tracked_ids_have_a_limit),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_shared_variables),
        cmocka_unit_test(test_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
