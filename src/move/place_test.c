#include "base/test.h"

#include "move/place.h"

static struct move_place good(const char *text)
{
    struct move_place place;
    struct error error;
    assert_int_equal(place_parse(slice_cstr(text), &place, &error), ERR_OK);
    return place;
}

static void test_reads_servers(void **state)
{
    (void)state;
    struct move_place place = good("imaps://anna@Mail.Example.org");
    assert_true(place.imap && place.tls && place.port == 993);
    assert_string_equal(place.user, "anna");
    assert_string_equal(place.host, "mail.example.org");
    assert_string_equal(place.name, "imap://anna@mail.example.org");
    place = good("imap://anna%40old.example@127.0.0.1:1143/");
    assert_true(place.imap && !place.tls && place.port == 1143);
    assert_string_equal(place.user, "anna@old.example");
    assert_string_equal(place.name, "imap://anna@old.example@127.0.0.1:1143");
    place = good("imap://a@b.example@[::1]");
    assert_string_equal(place.user, "a@b.example");
    assert_string_equal(place.host, "::1");
    /* One mailbox, however it is reached. */
    assert_string_equal(good("imap://x@h").name, good("imaps://x@h:993").name);
    assert_false(good("/var/mail/anna").imap);
    assert_false(good("Maildir").imap);
}

static void test_refuses_what_is_no_source(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "imaps://host",     "imaps://@host",     "imaps://a@",     "imaps://a:secret@host",
        "imaps://a@host:0", "imaps://a@host:x",  "imaps://a@h/x",  "imaps://a@host:70000",
        "pop3://a@host",    "imaps://a%0d@host", "imaps://a@[::1", "imaps://a@[::1]x",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct move_place place;
        struct error error;
        assert_int_equal(place_parse(slice_cstr(bad[i]), &place, &error), ERR_INVALID);
    }
}

static struct moved_folder folder(const char *path, enum folder_use use)
{
    struct moved_folder folder = {.use = use};
    struct slice rest = slice_cstr(path);
    while (rest.n > 0)
        slice_cut(rest, '/', &folder.parts[folder.part_count++], &rest);
    return folder;
}

static void assert_place(const struct moved_folder *folder, enum folder_role role, const char *path)
{
    CLEANUP(buf_release) struct buf text = BUF(1000);
    place_path(folder, folder->parts_of_role, &text);
    assert_int_equal(folder->role, role);
    assert_string_equal(buf_cstr(&text), path);
}

static void test_gives_roles_by_what_the_server_says_first(void **state)
{
    (void)state;
    struct moved_folder folders[] = {
        folder("INBOX", USE_INBOX),
        folder("Sent", USE_NONE),
        folder("Sent Items", USE_SENT),
        folder("Sent Items/2020/May", USE_NONE),
        folder("papierkorb", USE_NONE),
        folder("Trash", USE_NONE),
        folder("INBOX/below", USE_NONE),
        folder("[Gmail]/All Mail", USE_ALL),
        folder("Archiv", USE_NONE),
        folder("Work/Drafts", USE_NONE),
        folder("[Gmail]/Starred", USE_VIRTUAL),
    };
    place_folders(folders, ARRAY_LEN(folders));
    assert_place(&folders[0], ROLE_FOLDER_INBOX, "");
    assert_place(&folders[1], ROLE_FOLDER_NONE, "Sent");
    assert_place(&folders[2], ROLE_FOLDER_SENT, "");
    assert_place(&folders[3], ROLE_FOLDER_SENT, "2020/May");
    assert_place(&folders[4], ROLE_FOLDER_NONE, "papierkorb");
    assert_place(&folders[5], ROLE_FOLDER_TRASH, "");
    assert_place(&folders[6], ROLE_FOLDER_NONE, "INBOX/below");
    assert_place(&folders[7], ROLE_FOLDER_ARCHIVE, "");
    assert_place(&folders[8], ROLE_FOLDER_ARCHIVE, "");
    assert_place(&folders[9], ROLE_FOLDER_NONE, "Work/Drafts");
    assert_place(&folders[10], ROLE_FOLDER_NONE, "[Gmail]/Starred");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_servers),
        cmocka_unit_test(test_refuses_what_is_no_source),
        cmocka_unit_test(test_gives_roles_by_what_the_server_says_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
