#include "queue/warning.h"

#include "mime/header.h"
#include "queue/testing.h"
#include "queue/warning_text.h"

static struct folder inbox_of(struct house *t, struct account *account)
{
    struct folder inbox = {0};
    ASSERT_OK(t, folder_by_role(account, ROLE_FOLDER_INBOX, &t->arena, &inbox, &t->error));
    return inbox;
}

/* Of ten messages, `count` are in the Inbox; told at 70 and 90. */
static struct account *fill(struct house *t, size_t count)
{
    struct account *account = NULL;
    const struct account_limits limits = {.quota_messages = 10, .warn = {70, 90}};
    store_account_limits(t->store, t->anna, &limits);
    ASSERT_OK(t, store_account(t->store, t->anna, &account, &t->error));
    store_account_limits(t->store, t->anna, &limits);
    for (size_t i = 0; i < count; i++) {
        struct append_result result;
        const struct append_item item = {.folder = inbox_of(t, account).id,
                                         .body = S("Subject: full\r\n\r\nof words\r\n")};
        ASSERT_OK(t, message_append(account, &item, 1, &result, &t->error));
    }
    return account;
}

static struct slice last_message(struct house *t, struct account *account)
{
    CLEANUP(uid_set_release) struct uid_set last = {0};
    struct content content;
    struct message *messages;
    size_t count;
    struct folder inbox = inbox_of(t, account);
    uid_set_add(&last, inbox.uidnext - 1, inbox.uidnext - 1);
    ASSERT_OK(t,
              message_list(account, inbox.id, &last, WANT_FLAGS, 0, &t->arena, &messages, &count, &t->error));
    assert_int_equal(count, 1);
    ASSERT_OK(t, message_read(account, messages[0].object, CONTENT_WHOLE, &content, &t->error));
    struct slice copy = arena_dup(&t->arena, content.whole);
    content_release(&content);
    return copy;
}

static bool holds(struct slice text, const char *words)
{
    return slice_find(text, slice_cstr(words)) >= 0;
}

static void send(struct house *t)
{
    ASSERT_OK(t, warning_send(t->store, t->directory, "mail.example", t->anna, &t->error));
}

static void test_one_message_for_a_step(void **state)
{
    struct house *t = *state;
    struct account *account = fill(t, 7);
    send(t);
    send(t);
    assert_int_equal(inbox_of(t, account).messages, 8);
    struct slice message = last_message(t, account);
    assert_true(holds(message, "Subject: Your mailbox is 70 % full\r\n"));
    assert_true(holds(message, "From: Mail server <postmaster@demo.example>\r\n"));
    assert_true(holds(message, "To: <anna@demo.example>\r\n"));
    assert_true(holds(message, "Auto-Submitted: auto-generated\r\n"));
    assert_true(holds(message, "Message-ID: <") && holds(message, "@mail.example>"));
    assert_true(holds(message, "\r\nDate: "));
    assert_true(holds(message, "7 of 10 messages") && holds(message, "7 messages  INBOX"));
    account_unref(account);
}

static void test_in_the_owner_s_language(void **state)
{
    struct house *t = *state;
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.language = S("de");
    changes.name = S("Änne");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    struct account *account = fill(t, 9);
    send(t);
    struct slice message = last_message(t, account);
    assert_true(holds(message, "Subject: Ihr Postfach ist zu 90 % voll\r\n"));
    assert_true(holds(message, "Content-Transfer-Encoding: quoted-printable\r\n"));
    assert_true(holds(message, "enth=C3=A4lt 9 von 10 Nachrichten"));
    for (size_t i = 0; i < message.n; i++)
        assert_true((unsigned char)message.p[i] < 0x80);
    account_unref(account);
}

static void test_goes_into_a_full_mailbox(void **state)
{
    struct house *t = *state;
    struct account *account = fill(t, 10);
    send(t);
    assert_int_equal(inbox_of(t, account).messages, 11);
    assert_true(holds(last_message(t, account), "Subject: Your mailbox is full\r\n"));
    account_unref(account);
}

static void test_nothing_for_who_has_room_or_is_gone(void **state)
{
    struct house *t = *state;
    struct account *account = fill(t, 6);
    send(t);
    assert_int_equal(inbox_of(t, account).messages, 6);
    account_unref(account);
    ASSERT_OK(t, warning_send(t->store, t->directory, "mail.example", (struct account_id){1}, &t->error));
}

static void test_names_the_ways_to_make_room(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    const struct folder folders[] = {{.path = S("Sent"), .bytes = UINT64_C(3) << 30, .messages = 4},
                                     {.path = S("Papierkörbchen"), .bytes = 1536 << 10, .messages = 2}};
    const struct warning_facts facts = {
        .address = S("anna@demo.example"),
        .state = {.usage = {.bytes = UINT64_C(7) << 30, .limits = {.quota_bytes = UINT64_C(10) << 30}},
                  .percent = 70,
                  .due = 70},
        .pop3 = true,
        .largest = folders,
        .largest_count = 2,
        .trash = &folders[1],
        .sent = &folders[0],
    };
    (void)state;
    warning_body(S("en"), &facts, &text);
    assert_true(holds(buf_slice(&text), "holds 7 GB of 10 GB: it is 70 % full"));
    assert_true(holds(buf_slice(&text), "- Empty the folder Papierkörbchen: 1.5 MB.\n"));
    assert_true(holds(buf_slice(&text), "in the folder Sent: 3 GB"));
    assert_true(holds(buf_slice(&text), "by POP3"));
    buf_clear(&text);
    warning_body(S("de"), &facts, &text);
    assert_true(holds(buf_slice(&text), "- Leeren Sie den Ordner Papierkörbchen: 1,5 MB.\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_message_for_a_step, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_in_the_owner_s_language, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_goes_into_a_full_mailbox, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_nothing_for_who_has_room_or_is_gone, house_make, house_free),
        cmocka_unit_test(test_names_the_ways_to_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
