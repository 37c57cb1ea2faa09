#include "mime/testing.h"

#include "mime/compose.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "mime/structure.h"

/* CRLF only, 7-bit, lines of at most 998. */
static void assert_clean(const struct buf *out)
{
    size_t column = 0;
    assert_false(buf_failed(out));
    for (size_t i = 0; i < out->n; i++) {
        unsigned char c = (unsigned char)out->p[i];
        assert_true(c < 0x7f && c != 0);
        assert_int_equal(c == '\n', i > 0 && out->p[i - 1] == '\r');
        column = c == '\n' ? 0 : column + 1;
        assert_true(column <= 999);
    }
}

static void test_writes_fields(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100000);
    mime_compose_text_field(&out, "Subject", S("plain"));
    assert_buf(&out, "Subject: plain\r\n");
    mime_compose_mailbox(&out, "From", S("Mail, System"), S("a@b"));
    assert_buf(&out, "From: \"Mail, System\" <a@b>\r\n");
    mime_compose_mailbox(&out, "To", S(""), S("a@b"));
    assert_buf(&out, "To: <a@b>\r\n");
    mime_compose_date(&out, "Date", (struct mime_date){837596665, -420});
    assert_buf(&out, "Date: Wed, 17 Jul 1996 02:44:25 -0700\r\n");
    mime_compose_field(&out, "X", S("a\r\nBcc: evil\0x"));
    assert_buf(&out, "X: a Bcc: evil x\r\n");
    mime_compose_text_field(&out, "Subject", S("a\r\nBcc: evil"));
    assert_clean(&out);
    assert_int_equal(slice_find(buf_slice(&out), S("\nBcc")), -1);
    buf_clear(&out);
    mime_compose_addresses(&out, "To", NULL);
    assert_int_equal(out.n, 0);
}

static void test_writes_address_lists(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100000);
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct mime_addresses list;
    struct error error;
    assert_int_equal(mime_addresses_parse(&arena, S("a@b, g: \"x y\"@c, D E <d@e>;, f@g"), &list, &error),
                     ERR_OK);
    mime_compose_addresses(&out, "To", list.first);
    assert_buf(&out, "To: <a@b>, g: <\"x y\"@c>, D E <d@e>;, <f@g>\r\n");
}

static void test_folds_long_values(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100000);
    CLEANUP(buf_release) struct buf text = BUF(100000);
    CLEANUP(buf_release) struct buf back = BUF(100000);
    for (int i = 0; i < 100; i++)
        buf_put(&text, i == 0 ? S("w\xc3\xbcrde") : S(" w\xc3\xbcrde"));
    mime_compose_text_field(&out, "Subject", buf_slice(&text));
    assert_clean(&out);
    struct slice rest = buf_slice(&out);
    while (rest.n > 0) {
        struct slice line;
        (void)slice_cut(rest, '\n', &line, &rest);
        assert_true(line.n <= 79);
    }
    mime_words_decode(&back, mime_field_value(buf_slice(&out), S("subject")));
    assert_true(slice_eq(buf_slice(&back), buf_slice(&text)));
    buf_clear(&text);
    for (int i = 0; i < 5000; i++)
        buf_putc(&text, 'x');
    buf_clear(&out);
    mime_compose_field(&out, "References", buf_slice(&text));
    mime_compose_text_field(&out, "Subject", buf_slice(&text));
    assert_clean(&out);
}

static void test_message_ids_differ(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf a = BUF(1000);
    CLEANUP(buf_release) struct buf b = BUF(1000);
    mime_message_id_put(&a, S("mail.example.org>\r\n"));
    mime_message_id_put(&b, S("mail.example.org"));
    assert_true(slice_ends(buf_slice(&a), S("@mail.example.org>")));
    assert_int_equal(a.n, b.n);
    assert_false(slice_eq(buf_slice(&a), buf_slice(&b)));
}

/* RFC 6522: a bounce, read back by our own parser. */
static void test_writes_a_report(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100000);
    CLEANUP(buf_release) struct buf text = BUF(1000);
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct mime_composer c = MIME_COMPOSER(&out);
    struct mime_part *root;
    struct error error;
    mime_compose_text_field(&out, "Subject", S("Undelivered"));
    mime_compose_multipart(&c, "report; report-type=delivery-status");
    mime_compose_part(&c);
    mime_compose_text(&c, "plain", S("Nicht zustellbar f\xc3\xbcr dich.\nEnde"));
    mime_compose_part(&c);
    mime_compose_status(&c, "message/delivery-status", S("Reporting-MTA: dns; x\n\nAction: failed\n"));
    mime_compose_part(&c);
    mime_compose_original(&c, S("Subject: x\n\nshort\n"));
    mime_compose_part(&c);
    mime_compose_original(&c, S("Subject: \xc3\xbc\n\n8 bit\n"));
    mime_compose_part(&c);
    mime_compose_original_header(&c, S("Subject: \xc3\xbc\r\n"));
    mime_compose_part(&c);
    mime_compose_attachment(&c, "application/pdf", S("\xc3\xbc.pdf"), slice_of("\0\1\2", 3));
    mime_compose_end(&c);
    assert_clean(&out);
    assert_int_equal(mime_parse(&arena, buf_slice(&out), &root, &error), ERR_OK);
    assert_int_equal(root->child_count, 6);
    assert_slice(root->subtype, "report");
    assert_slice(mime_parameter_raw(root->parameters, S("report-type")), "delivery-status");
    const struct mime_part *part = root->first_child;
    mime_part_decode(&text, part, true);
    assert_buf(&text, "Nicht zustellbar f\xc3\xbcr dich.\r\nEnde\r\n");
    part = part->next;
    assert_slice(part->body, "Reporting-MTA: dns; x\r\n\r\nAction: failed\r\n");
    part = part->next;
    assert_int_equal(part->kind, MIME_MESSAGE);
    assert_slice(part->first_child->body, "short\r\n");
    part = part->next;
    mime_part_decode(&text, part, false);
    assert_buf(&text, "Subject: \xc3\xbc\n\n8 bit\n");
    part = part->next->next;
    assert_true(mime_part_filename(&text, part));
    assert_buf(&text, "\xc3\xbc.pdf");
    mime_part_decode(&text, part, false);
    assert_int_equal(text.n, 3);
}

static void test_plain_message(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100000);
    struct mime_composer c = MIME_COMPOSER(&out);
    mime_compose_text(&c, "plain", S("hello\nworld"));
    assert_buf(&out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                     "Content-Transfer-Encoding: 7bit\r\n\r\nhello\r\nworld\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_fields),     cmocka_unit_test(test_writes_address_lists),
        cmocka_unit_test(test_folds_long_values), cmocka_unit_test(test_message_ids_differ),
        cmocka_unit_test(test_writes_a_report),   cmocka_unit_test(test_plain_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
