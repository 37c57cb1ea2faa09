/* What is learnt of what is done with mail, and what is made of it. */
#include "store/junk.h"

#include "base/clock.h"
#include "store/junk_learn.h"
#include "store/junk_model.h"
#include "store/statements.h"
#include "store/testing.h"
#include "store/work.h"

#define PILLS "cheap pills casino bonus winner lottery unlimited offer click guaranteed"
#define WORK "meeting minutes project quarterly budget review colleague attached schedule office"

static void open_quietly(struct fixture *fixture)
{
    struct store_options options = {.directory = fixture->directory,
                                    .limits = give_limits,
                                    .context = fixture,
                                    .without_index = true,
                                    .without_learning = true};
    account_unref(fixture->account);
    store_close(fixture->store);
    OK(store_open(&options, &fixture->store, &fixture->error));
    fixture_account(fixture);
}

static int setup(void **state)
{
    (void)fixture_setup(state);
    open_quietly(*state);
    return 0;
}

#define JUNK_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

static struct folder_id role(struct fixture *fixture, enum folder_role which)
{
    struct folder folder;
    OK(folder_by_role(fixture->account, which, &fixture->arena, &folder, &fixture->error));
    return folder.id;
}

static struct slice message(struct fixture *fixture, const char *from, const char *words, int number)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "From: %s\r\nTo: me@example.org\r\nSubject: about %d\r\nMessage-ID: <%d@x>\r\n\r\n%s\r\n", from,
             number, number, words);
    struct slice kept = arena_dup(&fixture->arena, slice_cstr(text));
    assert_non_null(kept.p);
    return kept;
}

static void learn(struct fixture *fixture)
{
    static const atomic_bool stopping = false;
    bool more = true;
    while (more)
        OK(junk_learn_step(fixture->account, &stopping, &more, &fixture->error));
}

static uint32_t put(struct fixture *fixture, struct folder_id folder, const char *words, int number)
{
    return append(fixture, folder, message(fixture, "a@b.example", words, number));
}

static uint32_t bring(struct fixture *fixture, struct folder_id from, uint32_t uid, struct folder_id to,
                      bool move)
{
    CLEANUP(uid_set_release) struct uid_set one = range(uid, uid);
    CLEANUP(copy_result_release) struct copy_result result = {0};
    clock_shift(CLOCK_SECOND); /* a person takes a while */
    OK(message_copy(fixture->account, from, &one, to, move, &result, &fixture->error));
    assert_int_equal(uid_set_size(&result.to), 1);
    return result.to.ranges[0].first;
}

static uint32_t move(struct fixture *fixture, struct folder_id from, uint32_t uid, struct folder_id to)
{
    return bring(fixture, from, uid, to, true);
}

static void flag(struct fixture *fixture, struct folder_id folder, uint32_t uid, const char *keyword,
                 unsigned bit)
{
    CLEANUP(uid_set_release) struct uid_set one = range(uid, uid);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    struct flagset flags = {{0}};
    if (keyword != NULL)
        OK(keyword_bit(fixture->account, slice_cstr(keyword), true, &bit, &fixture->error));
    flag_set(&flags, bit);
    OK(message_flags(fixture->account, folder, &one, FLAGS_ADD, &flags, (struct change_no){0}, &result,
                     &fixture->error));
}

static struct junk_figures figures(struct fixture *fixture)
{
    struct junk_figures figures;
    learn(fixture);
    OK(junk_figures(fixture->account, &figures, &fixture->error));
    return figures;
}

static void expect(struct fixture *fixture, uint64_t junk, uint64_t good)
{
    struct junk_figures now = figures(fixture);
    assert_int_equal(now.junk, junk);
    assert_int_equal(now.good, good);
    assert_int_equal(now.due, 0);
}

static struct junk_opinion ask(struct fixture *fixture, const char *from, const char *words)
{
    struct junk_opinion opinion;
    OK(junk_ask(fixture->account, slice_none(), message(fixture, from, words, 7777), &fixture->arena,
                &opinion, &fixture->error));
    return opinion;
}

/* --- what teaches --- */

static void test_moving_to_junk_teaches(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    uint32_t uid = put(fixture, fixture->inbox.id, PILLS, 1);
    expect(fixture, 0, 0);
    (void)move(fixture, fixture->inbox.id, uid, junk);
    expect(fixture, 1, 0);
    assert_true(figures(fixture).features > 10);
}

static void test_moving_back_unlearns(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    uint32_t uid = move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 1), junk);
    expect(fixture, 1, 0);
    uint64_t features = figures(fixture).features;
    uid = move(fixture, junk, uid, fixture->inbox.id);
    expect(fixture, 0, 1);
    assert_int_equal(figures(fixture).features, features);
    (void)move(fixture, fixture->inbox.id, uid, junk);
    expect(fixture, 1, 0);
}

static void test_moved_there_and_back_at_once_is_learnt_once(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    uint32_t uid = move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 1), junk);
    (void)move(fixture, junk, uid, fixture->inbox.id);
    expect(fixture, 0, 1);
}

static void test_a_copy_that_is_deleted_at_once_teaches_too(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    uint32_t uid = put(fixture, fixture->inbox.id, PILLS, 1);
    uint32_t copy = bring(fixture, fixture->inbox.id, uid, junk, false);
    CLEANUP(uid_set_release) struct uid_set there = range(uid, uid);
    CLEANUP(uid_set_release) struct uid_set copied = range(copy, copy);
    OK(message_expunge(fixture->account, fixture->inbox.id, &there, false, &removed, &fixture->error));
    uid_set_release(&removed);
    OK(message_expunge(fixture->account, junk, &copied, false, &removed, &fixture->error));
    expect(fixture, 1, 0);
}

static void test_what_came_into_junk_by_itself_teaches_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    struct folder_id other = make_folder(fixture, "Other");
    uint32_t uid = put(fixture, junk, PILLS, 1);
    expect(fixture, 0, 0);
    flag(fixture, junk, uid, "$Junk", 0); /* a program confirms it */
    expect(fixture, 0, 0);
    uint32_t twin = bring(fixture, junk, uid, junk, false);
    expect(fixture, 0, 0);
    (void)move(fixture, junk, twin, other); /* a false alarm */
    expect(fixture, 0, 1);
}

static void test_keywords_teach(void **state)
{
    struct fixture *fixture = *state;
    uint32_t uid = put(fixture, fixture->inbox.id, PILLS, 1);
    flag(fixture, fixture->inbox.id, uid, "$junk", 0);
    expect(fixture, 1, 0);
    flag(fixture, fixture->inbox.id, uid, "$NotJunk", 0); /* both: it says nothing new */
    expect(fixture, 1, 0);
    uid = put(fixture, fixture->inbox.id, WORK, 2);
    flag(fixture, fixture->inbox.id, uid, "$NotJunk", 0);
    expect(fixture, 1, 1);
}

static void test_answering_and_flagging_are_for_good_mail(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    flag(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, WORK, 1), NULL, FLAG_ANSWERED);
    flag(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, WORK, 2), NULL, FLAG_FLAGGED);
    flag(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, WORK, 3), NULL, FLAG_SEEN);
    expect(fixture, 0, 2);
    uint32_t uid = move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 4), junk);
    flag(fixture, junk, uid, NULL, FLAG_FLAGGED); /* it stays what it is */
    expect(fixture, 1, 2);
}

static void test_filing_is_for_good_mail_but_not_throwing_away(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id other = make_folder(fixture, "Other");
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, WORK, 1), other);
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, WORK, 2),
               role(fixture, ROLE_FOLDER_TRASH));
    expect(fixture, 0, 1);
}

static void test_read_and_kept_is_good_once_there_is_junk(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    for (int i = 0; i < 30; i++) {
        uint32_t uid = put(fixture, fixture->inbox.id, WORK, i);
        if (i % 10 != 0)
            flag(fixture, fixture->inbox.id, uid, NULL, FLAG_SEEN);
    }
    clock_shift(2 * CLOCK_DAY);
    expect(fixture, 0, 0);
    uint32_t young = put(fixture, fixture->inbox.id, WORK, 99);
    flag(fixture, fixture->inbox.id, young, NULL, FLAG_SEEN);
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 100), junk);
    expect(fixture, 1, 22); /* twice the junk and JUNK_ENOUGH are of use */
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 101), junk);
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 102), junk);
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 103), junk);
    expect(fixture, 4, 27); /* not the three unread, nor the young one */
}

static void test_a_large_move_is_looked_at_up_to_the_limit(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    enum { MANY = JUNK_UIDS_MAX + 1 };
    struct append_item *items = calloc(MANY, sizeof(*items));
    struct append_result *results = calloc(MANY, sizeof(*results));
    assert_true(items != NULL && results != NULL);
    for (int i = 0; i < MANY; i++)
        items[i] = (struct append_item){.folder = fixture->inbox.id, .body = S("Subject: x\r\n\r\n")};
    OK(message_append(fixture->account, items, APPEND_ITEMS_MAX, results, &fixture->error));
    OK(message_append(fixture->account, items, MANY - APPEND_ITEMS_MAX, results, &fixture->error));
    free(items);
    free(results);
    CLEANUP(uid_set_release) struct uid_set all = range(1, MANY);
    CLEANUP(copy_result_release) struct copy_result result = {0};
    clock_shift(CLOCK_SECOND);
    OK(message_copy(fixture->account, fixture->inbox.id, &all, junk, true, &result, &fixture->error));
    expect(fixture, JUNK_UIDS_MAX, 0);
}

/* --- what it is good for --- */

static void teach(struct fixture *fixture, int messages)
{
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    struct folder_id other = make_folder(fixture, "Filed");
    for (int i = 0; i < messages; i++) {
        (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, i), junk);
        (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, WORK, 1000 + i), other);
    }
    learn(fixture);
}

static void test_nothing_is_said_before_enough_is_learnt(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, JUNK_ENOUGH - 1);
    assert_false(ask(fixture, "x@y.example", PILLS).verdict.judged);
}

static void test_what_was_learnt_tells_junk(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, JUNK_ENOUGH);
    struct junk_opinion opinion = ask(fixture, "x@y.example", PILLS);
    assert_true(junk_is_junk(&opinion));
    opinion = ask(fixture, "x@y.example", WORK);
    assert_true(opinion.verdict.judged && !junk_is_junk(&opinion));
    fixture_again(fixture); /* it is kept */
    opinion = ask(fixture, "x@y.example", PILLS);
    assert_true(junk_is_junk(&opinion));
}

static void test_whom_the_owner_wrote_to_is_never_junk(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, JUNK_ENOUGH);
    (void)append(
        fixture, role(fixture, ROLE_FOLDER_SENT),
        S("From: me@example.org\r\nTo: Friend <Friend@Y.example>, g: a@b.example;\r\nCc: c@d.example\r\n"
          "\r\nhi\r\n"));
    assert_int_equal(figures(fixture).known, 3);
    struct junk_opinion opinion = ask(fixture, "friend@y.example", PILLS);
    assert_true(opinion.known && opinion.verdict.junk);
    assert_false(junk_is_junk(&opinion));
    opinion = ask(fixture, "foe@y.example", PILLS);
    assert_true(junk_is_junk(&opinion));
    /* who writes as several is nobody */
    opinion = ask(fixture, "friend@y.example, foe@y.example", PILLS);
    assert_true(junk_is_junk(&opinion));
}

static void test_people_known_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(buf_release) struct buf sql = BUF(1024);
    learn(fixture);
    buf_printf(&sql,
               "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
               "INSERT INTO junk_known SELECT i, i FROM n",
               JUNK_KNOWN_MAX);
    assert_int_equal(sqlite3_exec(fixture->account->database.sqlite, buf_cstr(&sql), NULL, NULL, NULL),
                     SQLITE_OK);
    (void)append(fixture, role(fixture, ROLE_FOLDER_SENT), S("To: one@more.example\r\n\r\nhi\r\n"));
    assert_int_equal(figures(fixture).known, JUNK_KNOWN_MAX - JUNK_KNOWN_MAX / 8);
}

static void test_off_means_off(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, JUNK_ENOUGH);
    fixture->limits.junk_filter = JUNK_FILTER_OFF;
    store_account_limits(fixture->store, test_account, &fixture->limits);
    assert_false(ask(fixture, "x@y.example", PILLS).verdict.judged);
    (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 500),
               role(fixture, ROLE_FOLDER_JUNK));
    expect(fixture, JUNK_ENOUGH, JUNK_ENOUGH);
}

static void test_what_is_forgotten_stays_forgotten(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, JUNK_ENOUGH);
    clock_shift(2 * CLOCK_DAY);
    OK(junk_forget(fixture->account, &fixture->error));
    expect(fixture, 0, 0);
    assert_int_equal(figures(fixture).features, 0);
    open_quietly(fixture);
    expect(fixture, 0, 0);
    assert_false(ask(fixture, "x@y.example", PILLS).verdict.judged);
}

static void test_nothing_is_learnt_twice_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, 3);
    struct junk_figures before = figures(fixture);
    OK(sqlite3_exec(fixture->account->database.sqlite, "UPDATE junk_model SET change = 0", NULL, NULL,
                    NULL) == SQLITE_OK
           ? ERR_OK
           : ERR_IO);
    open_quietly(fixture);
    expect(fixture, before.junk, before.good);
    assert_int_equal(figures(fixture).features, before.features);
}

static void test_another_reading_learns_anew(void **state)
{
    struct fixture *fixture = *state;
    teach(fixture, 3);
    struct junk_figures before = figures(fixture);
    OK(sqlite3_exec(fixture->account->database.sqlite, "UPDATE junk_model SET reading = 0", NULL, NULL,
                    NULL) == SQLITE_OK
           ? ERR_OK
           : ERR_IO);
    open_quietly(fixture);
    expect(fixture, before.junk, before.good);
    assert_int_equal(figures(fixture).features, before.features);
}

static void *learn_on(void *context)
{
    struct fixture *fixture = context;
    static const atomic_bool stopping = false;
    struct error error;
    for (int i = 0; i < 20; i++) {
        bool more = true;
        while (more)
            assert_int_equal(junk_learn_step(fixture->account, &stopping, &more, &error), ERR_OK);
    }
    return NULL;
}

static void test_is_asked_while_it_learns(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id junk = role(fixture, ROLE_FOLDER_JUNK);
    pthread_t learners[2];
    teach(fixture, JUNK_ENOUGH);
    for (int i = 0; i < 30; i++)
        (void)move(fixture, fixture->inbox.id, put(fixture, fixture->inbox.id, PILLS, 3000 + i), junk);
    for (size_t i = 0; i < ARRAY_LEN(learners); i++)
        assert_int_equal(pthread_create(&learners[i], NULL, learn_on, fixture), 0);
    for (int i = 0; i < 50; i++) {
        struct junk_opinion opinion = ask(fixture, "x@y.example", PILLS);
        assert_true(junk_is_junk(&opinion));
    }
    for (size_t i = 0; i < ARRAY_LEN(learners); i++)
        pthread_join(learners[i], NULL);
    expect(fixture, JUNK_ENOUGH + 30, JUNK_ENOUGH);
}

/* --- the rows --- */

static void change(struct fixture *fixture, uint64_t hash, enum junk_class kind, bool add)
{
    OK(account_lock(fixture->account, &fixture->error));
    OK(junk_count_change(fixture->account, hash, kind, add, fixture->account->junk.era, &fixture->error));
    account_unlock(fixture->account);
}

static struct junk_counts counts(struct fixture *fixture, uint64_t hash)
{
    struct junk_counts counts;
    OK(account_lock(fixture->account, &fixture->error));
    OK(junk_count_read(fixture->account, hash, &counts, &fixture->error));
    account_unlock(fixture->account);
    return counts;
}

static void test_a_slot_belongs_to_one_feature(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t first = 5;
    const uint64_t second = 5 + JUNK_SLOTS; /* the same slot */
    learn(fixture);
    change(fixture, first, JUNK_CLASS_JUNK, true);
    change(fixture, second, JUNK_CLASS_GOOD, true); /* worth one message: it gives way */
    assert_int_equal(counts(fixture, first).junk, 0);
    assert_int_equal(counts(fixture, second).good, JUNK_WEIGHT);
    change(fixture, second, JUNK_CLASS_GOOD, true);
    change(fixture, first, JUNK_CLASS_JUNK, true); /* worth two: it stays */
    assert_int_equal(counts(fixture, first).junk, 0);
    assert_int_equal(counts(fixture, second).good, 2 * JUNK_WEIGHT);
    change(fixture, first, JUNK_CLASS_JUNK, false); /* not its own */
    assert_int_equal(counts(fixture, second).good, 2 * JUNK_WEIGHT);
    assert_int_equal(figures(fixture).features, 1);
    change(fixture, second, JUNK_CLASS_GOOD, false);
    change(fixture, second, JUNK_CLASS_GOOD, false);
    assert_int_equal(figures(fixture).features, 0);
}

static void test_counts_fade_with_the_eras(void **state)
{
    struct fixture *fixture = *state;
    learn(fixture);
    change(fixture, 1, JUNK_CLASS_JUNK, true);
    fixture->account->junk.era++;
    assert_int_equal(counts(fixture, 1).junk, JUNK_WEIGHT / 2);
    change(fixture, 1, JUNK_CLASS_JUNK, true);
    assert_int_equal(counts(fixture, 1).junk, JUNK_WEIGHT + JUNK_WEIGHT / 2);
    fixture->account->junk.era += 40;
    assert_int_equal(counts(fixture, 1).junk, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        JUNK_TEST(test_moving_to_junk_teaches),
        JUNK_TEST(test_moving_back_unlearns),
        JUNK_TEST(test_moved_there_and_back_at_once_is_learnt_once),
        JUNK_TEST(test_a_copy_that_is_deleted_at_once_teaches_too),
        JUNK_TEST(test_what_came_into_junk_by_itself_teaches_nothing),
        JUNK_TEST(test_keywords_teach),
        JUNK_TEST(test_answering_and_flagging_are_for_good_mail),
        JUNK_TEST(test_filing_is_for_good_mail_but_not_throwing_away),
        JUNK_TEST(test_read_and_kept_is_good_once_there_is_junk),
        JUNK_TEST(test_a_large_move_is_looked_at_up_to_the_limit),
        JUNK_TEST(test_nothing_is_said_before_enough_is_learnt),
        JUNK_TEST(test_what_was_learnt_tells_junk),
        JUNK_TEST(test_whom_the_owner_wrote_to_is_never_junk),
        JUNK_TEST(test_people_known_are_bounded),
        JUNK_TEST(test_off_means_off),
        JUNK_TEST(test_what_is_forgotten_stays_forgotten),
        JUNK_TEST(test_nothing_is_learnt_twice_after_a_restart),
        JUNK_TEST(test_another_reading_learns_anew),
        JUNK_TEST(test_is_asked_while_it_learns),
        JUNK_TEST(test_a_slot_belongs_to_one_feature),
        JUNK_TEST(test_counts_fade_with_the_eras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
