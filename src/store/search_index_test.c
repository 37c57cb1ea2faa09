/*
 * The index may let through what does not match; it must never hide what does. Truth here is what the texts
 * of the message say (mime/search_text.h), as the matcher reads them.
 */
#include "store/search_index.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "mime/fold.h"
#include "store/prune.h"
#include "store/search_build.h"
#include "store/search_check.h"
#include "store/search_database.h"
#include "store/testing.h"

static const atomic_bool go_on = false;

static void build(struct fixture *fixture)
{
    OK(search_build(fixture->account, false, &go_on, NULL, NULL, &fixture->error));
}

struct asked {
    struct mime_search *search;
    struct slice needle;
    bool found;
};

static bool look(void *context, struct mime_search_text text)
{
    struct asked *asked = context;
    struct slice folded = mime_search_indexed(asked->search, text);
    asked->found =
        folded.n >= asked->needle.n && memmem(folded.p, folded.n, asked->needle.p, asked->needle.n) != NULL;
    return !asked->found;
}

/* Whether a search would find the needle in it. */
static bool holds(struct fixture *fixture, struct object_id object, struct slice needle)
{
    CLEANUP(content_release) struct content content = {0};
    CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    CLEANUP(mime_search_release) struct mime_search search = MIME_SEARCH(1 << 28);
    struct mime_part *root;
    struct asked asked = {.search = &search, .needle = needle};
    OK(message_read(fixture->account, object, CONTENT_WHOLE, &content, &fixture->error));
    OK(mime_parse(&arena, content.whole, &root, &fixture->error));
    mime_search_begin(&search);
    return !mime_search_fields(&search, slice_sub(content.whole, 0, content.header_n), look, &asked) ||
           !mime_search_body(&search, root, look, &asked);
}

static struct message *list_all(struct fixture *fixture, struct folder_id folder, size_t *ret_count)
{
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    struct message *messages = NULL;
    OK(message_list(fixture->account, folder, &all, WANT_FLAGS, 0, &fixture->arena, &messages, ret_count,
                    &fixture->error));
    return messages;
}

/* Every message that holds the needle may match, by object and by UID; returns how many may. */
static size_t check_needle(struct fixture *fixture, struct slice asked)
{
    CLEANUP(buf_release) struct buf folded = BUF(1 << 16);
    mime_fold_sort(&folded, asked);
    struct slice needle = buf_slice(&folded);
    size_t count;
    size_t may = 0;
    const struct message *messages = list_all(fixture, fixture->inbox.id, &count);
    struct search_hits hits;
    search_index_ask(fixture->account, &needle, 1, &hits);
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    bool narrowed = search_hits_uids(fixture->account, fixture->inbox.id, &hits, &uids);
    for (size_t i = 0; i < count; i++) {
        bool may_match = search_hits_may_match(&hits, messages[i].object);
        may += may_match;
        if (narrowed)
            assert_int_equal(uid_set_has(&uids, messages[i].uid.v), may_match);
        if (!may_match && holds(fixture, messages[i].object, needle))
            fail_msg("message %u holds \"%.*s\" and was hidden", messages[i].uid.v, SLICE_ARGS(needle));
    }
    search_hits_release(&hits);
    return may;
}

/* --- random messages and needles --- */

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

static const char *const words[] = {
    "lunch",
    "Meeting",
    "r\xc3\xa9sum\xc3\xa9",
    "Stra\xc3\x9f"
    "e",
    "aaaaaaa",
    "<b>x</b>",
    "&auml;",
    "\xff\xfe",
    "\xe4\xf6\xfc",
    "\xe6\x97\xa5\xe6\x9c\xac",
    "=?utf-8?q?caf=C3=A9?=",
    "100%",
    "a",
    "xy",
    "\xef\xac\x81sh",
    "=C3=BC",
    "\xcc\x88",
    "Kelvin\xe2\x84\xaa",
    "\r\n--b\r\n",
    "nothing",
};

static void put_words(struct buf *out, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        buf_put(out, slice_cstr(words[draw(ARRAY_LEN(words))]));
        buf_put(out, draw(4) == 0 ? S("") : draw(6) == 0 ? S("\r\n") : S(" "));
    }
}

static void put_message(struct buf *out)
{
    static const char *const types[] = {
        "text/plain",
        "text/html; charset=utf-8",
        "text/plain; charset=iso-8859-1",
        "multipart/mixed; boundary=b",
        "message/rfc822",
        "image/png; name=lunch.png",
        "text/plain; charset=utf-16",
        "text/plain; charset=utf-8",
        "text/html; charset=x-nope",
    };
    static const char *const encodings[] = {"8bit", "quoted-printable", "base64"};
    buf_printf(out, "Subject: %u ", draw(1000));
    for (unsigned i = draw(4); i > 0; i--) {
        const char *word = words[draw(ARRAY_LEN(words))];
        if (strchr(word, '\n') == NULL)
            buf_printf(out, "%s ", word);
    }
    buf_printf(out, "\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
               types[draw(ARRAY_LEN(types))], encodings[draw(ARRAY_LEN(encodings))]);
    put_words(out, draw(30));
}

static void append_random(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf text = BUF(1 << 20);
        put_message(&text);
        append(fixture, fixture->inbox.id, buf_slice(&text));
    }
}

static void check_random_needles(struct fixture *fixture, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        CLEANUP(buf_release) struct buf text = BUF(1 << 16);
        put_words(&text, 1 + draw(3));
        check_needle(fixture, slice_sub(buf_slice(&text), draw(3), 1 + draw(30)));
    }
}

/* --- tests --- */

static void test_index_hides_no_match(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 6; i++) {
        append_random(fixture, 45 + draw(60));
        build(fixture);
        check_random_needles(fixture, 25);
    }
    fixture_again(fixture);
    check_random_needles(fixture, 25);
}

/* The index is good for something: what is nowhere is asked of no message, what is once of few. */
static void test_index_tells_messages_apart(void **state)
{
    struct fixture *fixture = *state;
    append_random(fixture, 200);
    append(fixture, fixture->inbox.id, S("Subject: one\r\n\r\nAn unmistakable Haystack\r\n"));
    assert_int_equal(check_needle(fixture, S("haystack")), 201); /* no index yet */
    build(fixture);
    assert_int_equal(check_needle(fixture, S("haystack")), 1);
    assert_int_equal(check_needle(fixture, S("haystuck")), 0);
    assert_int_equal(check_needle(fixture, S("subject: ")), 201);
    assert_int_equal(check_needle(fixture, S("subject: one")), 1);
    assert_int_equal(check_needle(fixture, S("ha")), 201); /* too short to be asked */
    append(fixture, fixture->inbox.id, S("Subject: new\r\n\r\nOther\r\n"));
    assert_int_equal(check_needle(fixture, S("haystuck")), 1); /* what is new may match */
}

static size_t segments(struct fixture *fixture)
{
    struct search *search = fixture->account->search;
    OK(search_begin(search, false, &fixture->error));
    size_t count = search->segment_count;
    search_end(search);
    return count;
}

/* Numbered on from what the folder has. */
static void append_many(struct fixture *fixture, unsigned count)
{
    unsigned from = (unsigned)get_folder(fixture, fixture->inbox.id).messages;
    for (unsigned done = 0; done < count; done += 500) {
        static char texts[500][80];
        static struct append_item items[500];
        static struct append_result results[500];
        for (unsigned i = 0; i < 500; i++) {
            int n = snprintf(texts[i], sizeof(texts[i]), "Subject: number %u.\r\n\r\nword%u text\r\n",
                             from + done + i, draw(50));
            items[i] =
                (struct append_item){.folder = fixture->inbox.id, .body = slice_of(texts[i], (size_t)n)};
        }
        OK(message_append(fixture->account, items, 500, results, &fixture->error));
    }
}

static void test_segments_are_merged_and_tell_the_same(void **state)
{
    struct fixture *fixture = *state;
    append_many(fixture, 1000);
    build(fixture);
    assert_int_equal(segments(fixture), 1);
    append_many(fixture, 500);
    build(fixture);
    assert_int_equal(segments(fixture), 2);
    append_many(fixture, 3500);
    build(fixture);
    assert_int_equal(segments(fixture), 3); /* 2048, 2048, the rest */
    assert_int_equal(check_needle(fixture, S("number 1234.")), 1);
    assert_int_equal(check_needle(fixture, S("number 4999.")), 1);
    assert_int_equal(check_needle(fixture, S("number 5000.")), 0);
    assert_in_range(check_needle(fixture, S("word17 ")), 50, 250);
    append_many(fixture, 12000);
    build(fixture);
    assert_int_equal(segments(fixture), 2); /* 16384, the rest */
    assert_int_equal(check_needle(fixture, S("number 4999.")), 1);
    assert_int_equal(check_needle(fixture, S("number 11999.")), 1);
    fixture_again(fixture);
    assert_int_equal(segments(fixture), 2);
    assert_int_equal(check_needle(fixture, S("number 11998.")), 1);
}

static void test_few_messages_get_no_index(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(search_grams_release) struct search_grams grams;
    bool more;
    OK(search_grams_init(&grams, &fixture->error));
    for (int i = 0; i < SEARCH_WORTH - 1; i++)
        append(fixture, fixture->inbox.id, small_message);
    OK(search_build_step(fixture->account, &grams, false, &go_on, &more, &fixture->error));
    assert_int_equal(search_begin(fixture->account->search, false, &fixture->error), ERR_NOT_FOUND);
    append(fixture, fixture->inbox.id, small_message);
    OK(search_build_step(fixture->account, &grams, false, &go_on, &more, &fixture->error));
    assert_true(more);
    assert_int_equal(segments(fixture), 1);
    for (int i = 0; i < SEARCH_TAIL - 1; i++)
        append(fixture, fixture->inbox.id, small_message);
    for (more = true; more;)
        OK(search_build_step(fixture->account, &grams, false, &go_on, &more, &fixture->error));
    assert_int_equal(check_needle(fixture, S("nowhere")), SEARCH_TAIL - 1);
    append(fixture, fixture->inbox.id, small_message);
    OK(search_build_step(fixture->account, &grams, false, &go_on, &more, &fixture->error));
    assert_int_equal(check_needle(fixture, S("nowhere")), 0);
}

static void test_copies_are_found_without_being_indexed(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id other = make_folder(fixture, "Other");
    append_random(fixture, 40);
    uint32_t uid = append(fixture, fixture->inbox.id, S("Subject: x\r\n\r\nhaystack\r\n"));
    build(fixture);
    CLEANUP(uid_set_release) struct uid_set which = range(uid, uid);
    struct copy_result copied;
    OK(message_copy(fixture->account, fixture->inbox.id, &which, other, true, &copied, &fixture->error));
    CLEANUP(uid_set_release) struct uid_set found = {0};
    struct search_hits hits;
    search_index_ask(fixture->account, &S("HAYSTACK"), 1, &hits);
    assert_true(search_hits_uids(fixture->account, other, &hits, &found));
    assert_int_equal(uid_set_size(&found), 1);
    assert_true(uid_set_has(&found, copied.to.ranges[0].first));
    search_hits_release(&hits);
    copy_result_release(&copied);
}

static void test_what_is_pruned_leaves_the_index(void **state)
{
    struct fixture *fixture = *state;
    append_many(fixture, 500);
    build(fixture);
    CLEANUP(uid_set_release) struct uid_set most = range(1, 400);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, fixture->inbox.id, &most, false, &removed, &fixture->error));
    clock_shift((CHANGE_KEEP_DAYS + 1) * CLOCK_DAY);
    OK(account_prune(fixture->account, &fixture->error));
    clock_shift(-(CHANGE_KEEP_DAYS + 1) * CLOCK_DAY);
    build(fixture);
    assert_int_equal(fixture->account->search->segments[0].objects, 100);
    struct search_hits hits;
    search_index_ask(fixture->account, &S("number 5."), 1, &hits);
    assert_true(hits.known);
    assert_int_equal(hits.count, 0);
    search_hits_release(&hits);
    assert_int_equal(check_needle(fixture, S("number 450.")), 1);
}

static void test_what_cannot_be_told_may_hold_anything(void **state)
{
    struct fixture *fixture = *state;
    append_random(fixture, 40);
    CLEANUP(buf_release) struct buf text = BUF(SEARCH_MESSAGE_MAX + 100);
    buf_put(&text, S("Subject: diverse\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"));
    for (uint32_t i = 0; i < 3 * SEARCH_GRAMS_MESSAGE_MAX; i++)
        utf8_put(&text, draw(2) == 0 ? 0x21 + draw(0x5e) : 0x400 + draw(0x400));
    append(fixture, fixture->inbox.id, buf_slice(&text));
    build(fixture);
    assert_int_equal(check_needle(fixture, S("surely not there")), 1);
    buf_clear(&text);
    buf_put(&text, S("Subject: large\r\n\r\n"));
    char *at = buf_reserve(&text, SEARCH_MESSAGE_MAX);
    assert_non_null(at);
    memset(at, 'a', SEARCH_MESSAGE_MAX);
    buf_grew(&text, SEARCH_MESSAGE_MAX - text.n);
    append(fixture, fixture->inbox.id, buf_slice(&text));
    build(fixture);
    /* At the limit it is read; but the text of one part is more than is decoded for an index. */
    assert_int_equal(check_needle(fixture, S("surely not there")), 2);
    buf_grew(&text, 1);
    append(fixture, fixture->inbox.id, buf_slice(&text));
    build(fixture);
    assert_int_equal(check_needle(fixture, S("surely not there")), 3);
}

/* --- trouble --- */

static void sql(struct fixture *fixture, const char *text)
{
    struct search *search = fixture->account->search;
    OK(search_begin(search, false, &fixture->error));
    if (sqlite3_exec(search->database.sqlite, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(search->database.sqlite));
    search_end(search);
}

static void test_damage_hides_nothing_and_is_mended(void **state)
{
    static const char *const damages[] = {
        "UPDATE block SET data = CAST(substr(data, 1, 40) || x'00' || substr(data, 42) AS BLOB)",
        "DELETE FROM block WHERE key = (SELECT max(key) FROM block WHERE key <= (1 << 25) + 0x6c756e)",
        "DELETE FROM block WHERE key = 1 << 25",
    };
    struct fixture *fixture = *state;
    append_random(fixture, 300);
    append(fixture, fixture->inbox.id, S("Subject: x\r\n\r\nhaystack\r\n"));
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        build(fixture);
        sql(fixture, damages[i]);
        assert_int_equal(check_needle(fixture, S("\r\nlunch")),
                         301); /* grams of the first block and others */
        assert_int_equal(check_needle(fixture, S("haystack")), 301);
        build(fixture);
        assert_int_equal(check_needle(fixture, S("haystack")), 1);
    }
}

static void test_check_finds_what_is_hidden_and_repairs(void **state)
{
    static const char *const damages[] = {
        "UPDATE block SET data = CAST(substr(data, 1, 40) || x'00' || substr(data, 42) AS BLOB)",
        "UPDATE segment SET first = first + 1",                                    /* shifts the places */
        "UPDATE segment SET first = 1, last = 1 WHERE first = 1; VACUUM",          /* a gap */
        "UPDATE block SET key = key + 1 WHERE key = (SELECT max(key) FROM block)", /* the block's gram */
    };
    struct fixture *fixture = *state;
    const char *problem = "";
    append_random(fixture, 300);
    OK(search_check(fixture->account, false, &problem, &fixture->error)); /* there is none */
    assert_null(problem);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        build(fixture);
        OK(search_check(fixture->account, false, &problem, &fixture->error));
        assert_null(problem);
        sql(fixture, damages[i]);
        fixture_again(fixture);
        OK(search_check(fixture->account, false, &problem, &fixture->error));
        assert_non_null(problem);
        OK(search_check(fixture->account, true, &problem, &fixture->error));
        assert_non_null(problem);
        OK(search_check(fixture->account, false, &problem, &fixture->error));
        assert_null(problem);
        check_random_needles(fixture, 10);
    }
}

/* As `posthorn account check` does it. */
static void test_check_of_the_account_tells_of_its_index(void **state)
{
    struct fixture *fixture = *state;
    struct check_result result;
    append_random(fixture, 50);
    build(fixture);
    sql(fixture, "UPDATE segment SET last = 10");
    account_unref(take(fixture->account));
    const struct check_options look = {0};
    const struct check_options repair = {.repair = true};
    OK(check_account(fixture->store, test_account, &look, &result, &fixture->error));
    assert_int_equal(result.findings, 1);
    OK(check_account(fixture->store, test_account, &repair, &result, &fixture->error));
    assert_int_equal(result.repaired, 1);
    OK(check_account(fixture->store, test_account, &look, &result, &fixture->error));
    assert_int_equal(result.findings, 0);
    fixture_account(fixture);
}

static void test_index_of_another_reading_is_made_anew(void **state)
{
    static const char *const changes[] = {
        "UPDATE meta SET reading = 'old'",
        "UPDATE meta SET epoch = epoch + 1",
        "PRAGMA user_version = 99",
        "UPDATE meta SET indexed = 1000000",
        "DROP TABLE meta",
    };
    struct fixture *fixture = *state;
    append_random(fixture, 50);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        build(fixture);
        assert_int_equal(check_needle(fixture, S("nowhere")), 0);
        sql(fixture, changes[i]);
        fixture_again(fixture);
        assert_int_equal(check_needle(fixture, S("nowhere")), 50);
    }
    build(fixture);
    assert_int_equal(check_needle(fixture, S("nowhere")), 0);
}

static void test_index_may_be_removed_at_any_time(void **state)
{
    struct fixture *fixture = *state;
    char path[200];
    append_random(fixture, 50);
    build(fixture);
    account_unref(fixture->account);
    store_close(fixture->store);
    snprintf(path, sizeof(path), "%s/accounts/12/1234567890abcdef/search.db", fixture->directory);
    assert_int_equal(unlink(path), 0); /* its log stays */
    fixture_open(fixture);
    fixture_account(fixture);
    assert_int_equal(check_needle(fixture, S("nowhere")), 50);
    build(fixture);
    assert_int_equal(check_needle(fixture, S("nowhere")), 0);
    check_random_needles(fixture, 10);
}

/* Builds until it is killed, from nothing each time it was done. */
static void child_run(const char *directory, int out)
{
    struct store_options options = {.directory = directory};
    struct store *store;
    struct account *account;
    struct error error;
    if (store_open(&options, &store, &error) != ERR_OK ||
        store_account(store, test_account, &account, &error) != ERR_OK || write(out, "", 1) != 1)
        _exit(1);
    for (bool fresh = false;; fresh = true)
        if (search_build(account, fresh, &go_on, NULL, NULL, &error) != ERR_OK)
            _exit(1);
}

static void test_kill_leaves_an_index_that_tells_the_truth(void **state)
{
    struct fixture *fixture = *state;
    append_many(fixture, 3000);
    append_random(fixture, 100);
    for (int round = 0; round < 10; round++) {
        int ends[2];
        char byte;
        account_unref(fixture->account);
        store_close(fixture->store);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            child_run(fixture->directory, ends[1]);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        usleep(draw(60000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(ends[0]);
        close(ends[1]);
        fixture_open(fixture);
        fixture_account(fixture);
        check_random_needles(fixture, 2);
        assert_true(check_needle(fixture, S("number 2345.")) > 0);
    }
    build(fixture);
    assert_int_equal(check_needle(fixture, S("number 2345.")), 1);
}

/* --- together with others --- */

struct crowd {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_bool failed;
};

static void *crowd_build(void *context)
{
    struct crowd *crowd = context;
    struct error error;
    for (unsigned i = 0; !atomic_load(&crowd->stop); i++)
        if (search_build(crowd->fixture->account, i % 4 == 3, &crowd->stop, NULL, NULL, &error) != ERR_OK &&
            error.code != ERR_CLOSED)
            atomic_store(&crowd->failed, true);
    return NULL;
}

static void *crowd_search(void *context)
{
    struct crowd *crowd = context;
    while (!atomic_load(&crowd->stop)) {
        struct search_hits hits[2];
        const struct slice needles[] = {S("haystack"), S("nowhere at all")};
        search_index_ask(crowd->fixture->account, needles, 2, hits);
        if (!search_hits_may_match(&hits[0], (struct object_id){1}))
            atomic_store(&crowd->failed, true);
        search_hits_release(&hits[0]);
        search_hits_release(&hits[1]);
    }
    return NULL;
}

static void test_building_searching_and_adding_go_together(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = {.fixture = fixture};
    pthread_t threads[2];
    append(fixture, fixture->inbox.id, S("Subject: x\r\n\r\nhaystack\r\n"));
    assert_int_equal(pthread_create(&threads[0], NULL, crowd_build, &crowd), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, crowd_search, &crowd), 0);
    append_random(fixture, 200);
    append_many(fixture, 500);
    atomic_store(&crowd.stop, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_false(atomic_load(&crowd.failed));
    build(fixture);
    assert_int_equal(check_needle(fixture, S("haystack")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_index_hides_no_match),
        STORE_TEST(test_index_tells_messages_apart),
        STORE_TEST(test_segments_are_merged_and_tell_the_same),
        STORE_TEST(test_few_messages_get_no_index),
        STORE_TEST(test_copies_are_found_without_being_indexed),
        STORE_TEST(test_what_is_pruned_leaves_the_index),
        STORE_TEST(test_what_cannot_be_told_may_hold_anything),
        STORE_TEST(test_damage_hides_nothing_and_is_mended),
        STORE_TEST(test_check_finds_what_is_hidden_and_repairs),
        STORE_TEST(test_check_of_the_account_tells_of_its_index),
        STORE_TEST(test_index_of_another_reading_is_made_anew),
        STORE_TEST(test_index_may_be_removed_at_any_time),
        STORE_TEST(test_kill_leaves_an_index_that_tells_the_truth),
        STORE_TEST(test_building_searching_and_adding_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
