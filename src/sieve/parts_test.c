/* The parts of a message: mime, foreverypart, extracttext, replace, enclose (RFC 5703). */
#include "sieve/testing.h"

#define REQUIRED                                                                                           \
    "require [\"mime\", \"foreverypart\", \"extracttext\", \"replace\", \"enclose\", \"variables\",\n"     \
    "\"fileinto\", \"copy\", \"relational\", \"comparator-i;ascii-numeric\", \"index\", \"editheader\",\n" \
    "\"body\", \"vacation\", \"include\"];\n"

static const char parts_message[] = "From: Bob <boss@example.org>\r\n"
                                    "To: roadrunner@acme.example.com\r\n"
                                    "Subject: Lunch?\r\n"
                                    "X-Mine: kept\r\n"
                                    "MIME-Version: 1.0\r\n"
                                    "Content-Type: multipart/mixed; boundary=b\r\n"
                                    "\r\n"
                                    "before\r\n"
                                    "--b\r\n"
                                    "Content-Type: text/plain; charset=iso-8859-1\r\n"
                                    "Content-Transfer-Encoding: quoted-printable\r\n"
                                    "\r\n"
                                    "Gr=FC=DFe an alle\r\n"
                                    "--b\r\n"
                                    "Content-Type: message/rfc822\r\n"
                                    "\r\n"
                                    "Subject: inner\r\n"
                                    "Content-Type: multipart/alternative; boundary=c\r\n"
                                    "\r\n"
                                    "--c\r\n"
                                    "\r\n"
                                    "first\r\n"
                                    "--c\r\n"
                                    "Content-Type: text/html\r\n"
                                    "Content-Language: en\r\n"
                                    "\r\n"
                                    "<p>second</p>\r\n"
                                    "--c--\r\n"
                                    "--b\r\n"
                                    "Content-Type: application/octet-stream; name*=utf-8''b%C3%B6se.com\r\n"
                                    "Content-Disposition: attachment; filename=\"run me.exe\"\r\n"
                                    "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
                                    "\r\n"
                                    "MZ\r\n"
                                    "--b--\r\n"
                                    "after\r\n";

static struct sieve_input parts_input(const char *message)
{
    struct sieve_input input = test_input();
    input.message = slice_cstr(message);
    return input;
}

static void expect_parts(const char *script, const char *wanted, const char *file, int line)
{
    CLEANUP(buf_release) struct buf whole = BUF(65536);
    const struct sieve_input input = parts_input(parts_message);
    buf_printf(&whole, "%s%s", REQUIRED, script);
    test_expect_with(&input, buf_cstr(&whole), wanted, file, line);
}
#define EXPECT_PARTS(script, wanted) expect_parts(script, wanted, __FILE__, __LINE__)

/* The message of the action at the given place. */
static void run_parts_on(const char *message, const char *script, size_t action, struct buf *out)
{
    CLEANUP(buf_release) struct buf whole = BUF(65536);
    const struct sieve_input input = parts_input(message);
    buf_printf(&whole, "%s%s", REQUIRED, script);
    struct sieve_result result = test_run(buf_cstr(&whole), &input);
    if (result.failed)
        fail_msg("line %u: %s", result.failure_line, result.failure);
    assert_true(action < result.count);
    buf_put(out, result.actions[action].message);
    sieve_result_release(&result);
}
static void run_parts(const char *script, size_t action, struct buf *out)
{
    run_parts_on(parts_message, script, action, out);
}

#define EXPECT_HAS(buf, text)                                                 \
    do {                                                                      \
        if (slice_find(buf_slice(buf), S(text)) < 0)                          \
            fail_msg("%s:%d: not in: %s", __FILE__, __LINE__, buf_cstr(buf)); \
    } while (0)
#define EXPECT_LACKS(buf, text) assert_true(slice_find(buf_slice(buf), S(text)) < 0)

/* --- foreverypart and break --- */

#define NAME_PARTS                                                   \
    "if header :mime :contenttype :matches \"content-type\" \"*\" {" \
    "  set \"n\" \"${n} ${1}\"; } else { set \"n\" \"${n} none\"; }"

static void test_every_part_comes_in_reading_order(void **state)
{
    (void)state;
    EXPECT_PARTS("set \"n\" \"\"; foreverypart { " NAME_PARTS " } fileinto \"${n}\";",
                 "fileinto  multipart/mixed text/plain message/rfc822 multipart/alternative none text/html "
                 "application/octet-stream");
    EXPECT("require [\"foreverypart\", \"fileinto\", \"copy\"]; foreverypart { fileinto :copy \"once\"; }",
           "fileinto once; keep");
}

static void test_an_inner_loop_goes_through_what_is_in_the_part(void **state)
{
    (void)state;
    EXPECT_PARTS("set \"n\" \"\"; foreverypart { set \"n\" \"${n}(\"; foreverypart { " NAME_PARTS
                 " } set \"n\" \"${n})\"; } fileinto \"${n}\";",
                 "fileinto ( text/plain message/rfc822 multipart/alternative none text/html "
                 "application/octet-stream)()( multipart/alternative none text/html)( none text/html)()()()");
}

static void test_break_ends_the_loop_of_its_name(void **state)
{
    (void)state;
    EXPECT_PARTS("set \"n\" \"\"; foreverypart { set \"n\" \"${n}a\"; break; } fileinto \"${n}\";",
                 "fileinto a");
    EXPECT_PARTS("set \"n\" \"\"; foreverypart :name \"out\" { set \"n\" \"${n}a\"; foreverypart {"
                 " set \"n\" \"${n}b\"; break :name \"out\"; } } fileinto \"${n}\";",
                 "fileinto ab");
    EXPECT_PARTS(
        "set \"n\" \"\"; foreverypart :name \"out\" { set \"n\" \"${n}a\"; foreverypart :name \"out\" {"
        " set \"n\" \"${n}b\"; break :name \"out\"; } } fileinto \"${n}\";",
        "fileinto abaababaaa");
    EXPECT_PARTS("foreverypart { if true { break; } keep; } fileinto \"x\";", "fileinto x");
    EXPECT_PARTS("foreverypart { fileinto \"x\"; stop; } keep;", "fileinto x");
}

static void test_break_needs_its_loop(void **state)
{
    (void)state;
    EXPECT_WRONG("require \"foreverypart\";\nbreak;", 2, 1, "stands in no foreverypart");
    EXPECT_WRONG("require \"foreverypart\";\nforeverypart { break :name \"x\"; }", 2, 16, "of this name");
    EXPECT_WRONG("require \"foreverypart\";\nforeverypart :name \"x\" {}\nif true { break :name \"x\"; }", 3,
                 11, "of this name");
    EXPECT_WRONG("foreverypart {}", 1, 1, "needs require \"foreverypart\"");
    EXPECT_WRONG("require \"foreverypart\"; foreverypart;", 1, 25, "takes a block");
}

static enum err included_script(void *context, struct slice name, bool global,
                                const struct sieve_program **ret, struct error *error)
{
    (void)name, (void)global, (void)error;
    *ret = context;
    return ERR_OK;
}

static void test_an_included_script_looks_at_the_part_of_the_loop(void **state)
{
    (void)state;
    struct sieve_program *program =
        test_compile("require [\"mime\", \"fileinto\", \"include\"];"
                     "if header :mime :type \"content-type\" \"application\" { fileinto \"here\"; } return;");
    const struct sieve_host host = {.context = program, .script = included_script};
    const struct sieve_input input = parts_input(parts_message);
    CLEANUP(buf_release) struct buf got = BUF(65536);
    struct sieve_result result = test_run_on(
        &host, "require [\"foreverypart\", \"include\"]; foreverypart { include \"x\"; }", &input);
    test_put_result(&got, &result);
    assert_string_equal(buf_cstr(&got), "fileinto here");
    sieve_result_release(&result);
    sieve_program_free(program);
}

/* RFC 6609 3.5: the part is the whole message for it. */
static void test_the_part_is_the_message_of_an_included_script(void **state)
{
    (void)state;
    struct sieve_program *program = test_compile(
        "require [\"mime\", \"foreverypart\", \"body\", \"date\", \"fileinto\", \"include\", \"variables\"];"
        "if not header \"subject\" \"inner\" { return; }"
        "if anyof (exists \"from\", size :over 300, not body :contains \"second\", body :raw :contains "
        "\"MZ\","
        " date \"date\" \"year\" \"1997\", exists :mime :anychild \"content-md5\") { return; }"
        "set \"n\" \"\"; foreverypart { " NAME_PARTS
        " if header \"subject\" \"inner\" { set \"n\" \"${n}!\"; } } fileinto \"${n}\";");
    const struct sieve_host host = {.context = program, .script = included_script};
    const struct sieve_input input = parts_input(parts_message);
    CLEANUP(buf_release) struct buf got = BUF(65536);
    struct sieve_result result = test_run_on(
        &host, "require [\"foreverypart\", \"include\"]; foreverypart { include \"x\"; }", &input);
    test_put_result(&got, &result);
    assert_string_equal(buf_cstr(&got), "fileinto  multipart/alternative! none! text/html!");
    sieve_result_release(&result);
    sieve_program_free(program);
}

static void test_a_loop_spends_steps(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf message = BUF(1 << 20);
    buf_put(&message, S("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    for (int i = 0; i < 1000; i++)
        buf_put(&message, S("--b\r\n\r\nx\r\n"));
    const struct sieve_input input = parts_input(buf_cstr(&message));
    EXPECT_WITH(&input, "require \"foreverypart\"; foreverypart {} discard;", "");
    CLEANUP(buf_release) struct buf script = BUF(65536);
    buf_put(&script, S("require \"foreverypart\"; foreverypart {"));
    for (int i = 0; i < 100; i++)
        buf_put(&script, S("if true {}"));
    buf_put(&script, S("} discard;"));
    struct sieve_result result = test_run(buf_cstr(&script), &input);
    assert_true(result.failed);
    sieve_result_release(&result);
}

/* --- :mime --- */

/* RFC 5703 4.1, 4.2, 4.3: their examples. */
static void test_headers_of_parts(void **state)
{
    (void)state;
    struct sieve_input image = parts_input("Content-Type: Image/png; name=x\r\n\r\n");
    struct sieve_input tim = parts_input("Content-From: Tim <tim@example.com>\r\n\r\n");
    EXPECT_WITH(&image,
                "require [\"mime\", \"fileinto\"];\n"
                "if header :mime :type \"Content-Type\" \"image\"\n{\n fileinto \"INBOX.images\";\n}",
                "fileinto INBOX.images");
    EXPECT_PARTS("if header :mime :anychild :contenttype\n \"Content-Type\" \"text/html\"\n"
                 "{\n fileinto \"INBOX.html\";\n}",
                 "fileinto INBOX.html");
    EXPECT_PARTS(
        "foreverypart\n{\n if allof (\n header :mime :param \"filename\" :contains\n"
        "\"Content-Disposition\" \"run\",\n header :mime :subtype \"Content-Type\" \"octet-stream\",\n"
        "size :over 100)\n {\n fileinto \"INBOX.important\";\n break;\n }\n}",
        "fileinto INBOX.important");
    EXPECT_WITH(&tim,
                "require [\"mime\", \"fileinto\"];\n"
                "if address :mime :is :all \"content-from\"\n\"tim@example.com\"\n"
                "{\n fileinto \"INBOX.part-from-tim\";\n}",
                "fileinto INBOX.part-from-tim");
    EXPECT_PARTS("if exists :mime :anychild \"content-md5\"\n{\n fileinto \"INBOX.md5\";\n}",
                 "fileinto INBOX.md5");
    EXPECT_PARTS("if exists :mime \"content-md5\" { discard; }", "keep");
}

static void test_pieces_of_a_field(void **state)
{
    (void)state;
    EXPECT_PARTS("if header :mime :anychild :param \"name\" \"content-type\" \"b\303\266se.com\" {discard;}",
                 "");
    EXPECT_PARTS("if header :mime :anychild :param [\"x\", \"boundary\"] \"content-type\" \"c\" {discard;}",
                 "");
    EXPECT_PARTS("if header :mime :anychild :type \"content-disposition\" \"attachment\" {discard;}", "");
    EXPECT_PARTS("if header :mime :type \"subject\" \"Lunch\" {discard;}", "keep");
    EXPECT_PARTS("if header :mime :type \"missing\" \"\" {discard;}", "keep");
    EXPECT_PARTS("if header :mime :subtype :contains \"content-type\" \"MIX\" {discard;}", "");
    EXPECT_PARTS("if header :mime :anychild \"subject\" \"inner\" {discard;}", "");
    EXPECT_PARTS("if header \"subject\" \"inner\" {discard;}", "keep");
    EXPECT_PARTS(
        "if header :mime :anychild :count \"eq\" :comparator \"i;ascii-numeric\" \"content-type\" \"6\""
        "{discard;}",
        "");
    EXPECT_PARTS(
        "if header :mime :anychild :param [\"name\", \"filename\", \"charset\"] :count \"eq\" :comparator "
        "\"i;ascii-numeric\" [\"content-type\", \"content-disposition\"] \"3\" {discard;}",
        "");
    EXPECT_PARTS("if header :mime :anychild :index 1 :last :subtype \"content-type\" \"html\" {discard;}",
                 "");
}

static void test_without_mime_the_message_itself_is_looked_at(void **state)
{
    (void)state;
    EXPECT_PARTS("set \"n\" \"\"; foreverypart { if header \"subject\" \"Lunch?\" { set \"n\" \"${n}x\"; }"
                 " if exists :mime \"subject\" { set \"n\" \"${n}s\"; } } fileinto \"${n}\";",
                 "fileinto xsxxxsxxx");
    EXPECT_PARTS("addheader \"Content-Language\" \"de\"; foreverypart { if exists :mime \"content-language\""
                 " { discard; } break; }",
                 "");
}

static void test_arguments_of_mime_need_it(void **state)
{
    (void)state;
    EXPECT_WRONG("require \"mime\"; if header :anychild \"a\" \"b\" {}", 1, 27, "needs \":mime\"");
    EXPECT_WRONG("require \"mime\"; if header :type \"a\" \"b\" {}", 1, 27, "needs \":mime\"");
    EXPECT_WRONG("require \"mime\"; if exists :anychild \"a\" {}", 1, 27, "needs \":mime\"");
    EXPECT_WRONG("require \"mime\"; if address :anychild \"to\" \"b\" {}", 1, 28, "needs \":mime\"");
    EXPECT_WRONG("if header :mime \"a\" \"b\" {}", 1, 11, "needs require \"mime\"");
    EXPECT_WRONG("require \"mime\"; if header :mime :type :subtype \"a\" \"b\" {}", 1, 39, "contradicts");
}

/* --- extracttext --- */

static void test_text_is_extracted(void **state)
{
    (void)state;
    /* RFC 5703 9.3 */
    EXPECT_PARTS(
        "if header :contains \"from\" \"boss@example.org\"\n{\n if header :matches \"Subject\" \"*\"\n {\n"
        "set \"subject\" \"${1}\";\n }\n foreverypart\n {\n"
        "if header :mime :type :is \"Content-Type\" \"text\"\n {\n"
        "extracttext :first 100 \"msgcontent\";\n break;\n }\n }\n"
        "if not header :contains \"subject\" \"FYI:\"\n {\n fileinto \"${subject}: ${msgcontent}\";\n }\n}",
        "fileinto Lunch?: Gr\303\274\303\237e an alle");
    EXPECT_PARTS(
        "set \"n\" \"\"; foreverypart { extracttext \"t\"; set \"n\" \"${n}|${t}\"; } fileinto \"${n}\";",
        "fileinto ||Gr\303\274\303\237e an alle|||first|second|");
    EXPECT_PARTS(
        "foreverypart { if header :mime :type \"content-type\" \"text\" {"
        "extracttext :first 4 :upper \"t\"; extracttext :first 5 :length \"l\"; fileinto \"${t}${l}\"; "
        "break; } }",
        "fileinto GR\303\274\303\2375");
    EXPECT_PARTS("foreverypart { if header :mime :type \"content-type\" \"text\" {"
                 "extracttext :first 0 \"t\"; fileinto \"x${t}\"; break; } }",
                 "fileinto x");
}

static void test_text_that_cannot_be_read_is_empty(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "Content-Type: text/plain; charset=x-klingon\r\n\r\n",
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: x-rot13\r\n\r\n",
        "Content-Type: application/pdf\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        CLEANUP(buf_release) struct buf message = BUF(4096);
        buf_printf(&message, "%sabc \303\244\r\n", headers[i]);
        const struct sieve_input input = parts_input(buf_cstr(&message));
        EXPECT_WITH(&input, REQUIRED "foreverypart { extracttext \"t\"; fileinto \"x${t}\"; }", "fileinto x");
    }
    EXPECT_PARTS("set \"t\" \"old\"; extracttext \"t\"; fileinto \"x${t}\";", "fileinto x");
    EXPECT_WRONG("require [\"foreverypart\", \"extracttext\"];\nforeverypart { extracttext \"a\"; }", 2, 16,
                 "needs require \"variables\"");
    EXPECT_WRONG("require [\"extracttext\", \"variables\"]; extracttext \"1a\";", 1, 51,
                 "no name of a variable");
}

/* --- replace --- */

/* RFC 5703 9.1 */
static void test_a_part_is_replaced(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536);
    run_parts("foreverypart\n{\n if anyof (\n header :mime :contenttype :is\n"
              "\"Content-Type\" \"application/exe\",\n header :mime :param \"filename\"\n"
              ":matches [\"Content-Type\", \"Content-Disposition\"] \"*.exe\" )\n {\n"
              "replace \"Executable attachment removed by user filter\";\n }\n}",
              0, &got);
    EXPECT_LACKS(&got, "MZ");
    EXPECT_LACKS(&got, "run me.exe");
    EXPECT_HAS(&got, "<p>second</p>\r\n--c--\r\n--b\r\nContent-Type: text/plain; charset=us-ascii\r\n");
    EXPECT_HAS(&got, "\r\n\r\nExecutable attachment removed by user filter\r\n\r\n--b--\r\nafter\r\n");
    assert_true(slice_starts(buf_slice(&got), slice_of(parts_message, 300)));
}

static void test_the_whole_message_is_replaced(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536);
    run_parts("replace :subject \"Gel\303\266scht\" :from \"Me <me@example.org>\" \"nothing\";", 0, &got);
    assert_string_equal(buf_cstr(&got), "Original-From: Bob <boss@example.org>\r\n"
                                        "To: roadrunner@acme.example.com\r\n"
                                        "Original-Subject: Lunch?\r\n"
                                        "X-Mine: kept\r\n"
                                        "From: Me <me@example.org>\r\n"
                                        "Subject: =?utf-8?b?R2Vsw7ZzY2h0?=\r\n"
                                        "MIME-Version: 1.0\r\n"
                                        "Content-Type: text/plain; charset=us-ascii\r\n"
                                        "Content-Transfer-Encoding: 7bit\r\n"
                                        "\r\n"
                                        "nothing\r\n");
    buf_clear(&got);
    run_parts("replace :mime \"Content-Type: text/html\r\nSubject: no\r\n\r\n<p>\303\244\";", 0, &got);
    EXPECT_HAS(&got,
               "Subject: Lunch?\r\nX-Mine: kept\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>");
    EXPECT_LACKS(&got, "Subject: no");
}

static void test_subject_and_from_are_for_the_whole_message(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536);
    run_parts("foreverypart { if header :mime :subtype \"content-type\" \"plain\" {"
              "replace :subject \"new\" \"gone\"; } }",
              0, &got);
    EXPECT_HAS(&got, "\r\nSubject: Lunch?\r\n");
    EXPECT_LACKS(&got, "Original-Subject");
    EXPECT_LACKS(&got, "Gr=FC");
    EXPECT_WRONG("require \"replace\"; replace :from \"nobody\" \"x\";", 1, 34, "is no list of mailboxes");
    EXPECT("require [\"replace\", \"variables\"]; set \"a\" \"nobody\"; replace :from \"${a}\" \"x\";",
           "failed: line 1: \":from\" is no list of mailboxes");
}

static void test_a_replaced_multipart_is_not_gone_into(void **state)
{
    (void)state;
    EXPECT_PARTS("set \"n\" \"\"; foreverypart { " NAME_PARTS
                 " if header :mime :subtype \"content-type\" \"alternative\" { replace \"flat\"; } }"
                 "set \"n\" \"${n} |\"; foreverypart { " NAME_PARTS " } fileinto \"${n}\";",
                 "fileinto  multipart/mixed text/plain message/rfc822 multipart/alternative "
                 "application/octet-stream | multipart/mixed text/plain message/rfc822 text/plain "
                 "application/octet-stream");
    EXPECT_PARTS(
        "set \"n\" \"\"; foreverypart { " NAME_PARTS
        " if header :mime :subtype \"content-type\" \"plain\" { replace :mime \"Content-Type: "
        "multipart/mixed; boundary=z\r\n\r\n--z\r\n\r\n1\r\n--z\r\n\r\n2\r\n--z--\"; } } fileinto \"${n}\";",
        "fileinto  multipart/mixed text/plain message/rfc822 multipart/alternative none text/html "
        "application/octet-stream");
    /* An inner loop replaces what the outer one then comes to. */
    EXPECT_PARTS(
        "set \"n\" \"\"; foreverypart { " NAME_PARTS
        " foreverypart { if header :mime :type \"content-type\" \"message\" { replace \"flat\"; } } }"
        "fileinto \"${n}\";",
        "fileinto  multipart/mixed text/plain text/plain application/octet-stream");
}

static void test_a_replaced_inner_message_keeps_its_header(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536);
    run_parts("foreverypart { if header :mime \"subject\" \"inner\" { replace \"flat\"; } }", 0, &got);
    EXPECT_HAS(&got, "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nMIME-Version: "
                     "1.0\r\nContent-Type: text/plain;");
}

static void test_a_replacement_cannot_end_the_part_around(void **state)
{
    (void)state;
    EXPECT_PARTS("foreverypart { if header :mime :subtype \"content-type\" \"plain\" {"
                 "replace \"x\n--b--\ny\"; } }",
                 "failed: line 4: the replacement has a line that ends a part of this message");
    EXPECT_PARTS("replace \"x\n--b--\ny\";", "keep");
}

static void test_tests_look_at_the_changed_message(void **state)
{
    (void)state;
    EXPECT_PARTS(
        "replace \"brand new\"; if allof (body :contains \"brand new\", not body :raw :contains \"MZ\","
        "not exists :mime :anychild \"content-md5\", header \"x-mine\" \"kept\") { discard; }",
        "");
    EXPECT_PARTS("fileinto :copy \"before\"; replace \"x\"; keep;", "fileinto before; keep");
    CLEANUP(buf_release) struct buf before = BUF(65536);
    run_parts("fileinto :copy \"before\"; replace \"x\"; keep;", 0, &before);
    assert_string_equal(buf_cstr(&before), parts_message);
    CLEANUP(buf_release) struct buf both = BUF(65536);
    run_parts(
        "addheader \"X-New\" \"1\"; foreverypart { if header :mime :type \"content-type\" \"application\""
        "{ replace \"gone\"; addheader \"X-Newer\" \"2\"; } }",
        0, &both);
    EXPECT_HAS(&both, "X-Newer: 2\r\nX-New: 1\r\nFrom: Bob");
    EXPECT_LACKS(&both, "MZ");
}

/* --- enclose --- */

/* RFC 5703 9.2 */
static void test_a_message_is_enclosed(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536);
    run_parts(
        "foreverypart\n{\n if header :mime :param \"filename\"\n"
        ":matches [\"Content-Type\", \"Content-Disposition\"]\n"
        "[\"*.com\", \"*.exe\", \"*.vbs\", \"*.scr\",\n \"*.pif\", \"*.hta\", \"*.bat\", \"*.zip\" ]\n {\n"
        "# these attachment types are executable\n enclose :subject \"Warning\" text:\n"
        "WARNING! The enclosed message contains executable attachments.\n"
        "These attachment types may contain a computer virus program\n"
        "that can infect your computer and potentially damage your data.\n\n"
        "Before clicking on these message attachments, you should verify\n"
        "with the sender that this message was sent by them and not a\n"
        "computer virus.\n.\n;\n break;\n }\n}",
        0, &got);
    EXPECT_HAS(&got, "Subject: Warning\r\nDate: Fri, 29 Jun 2007 15:00:00 +0200\r\n"
                     "From: Road Runner <roadrunner@acme.example.com>\r\nMessage-ID: <");
    EXPECT_HAS(&got, "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;");
    EXPECT_HAS(&got, "\r\n\r\nWARNING! The enclosed message contains executable attachments.\r\n");
    EXPECT_HAS(&got, "\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nFrom: Bob ");
    assert_true(slice_find(buf_slice(&got), slice_cstr(parts_message)) > 0);
}

static void test_fields_of_the_enclosed_message_are_copied(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536);
    run_parts("enclose :headers [\"From\", \"X-Mine\", \"Content-Type\", \"Date\"] \"see \303\244\";", 0,
              &got);
    assert_true(
        slice_starts(buf_slice(&got),
                     S("From: Bob <boss@example.org>\r\nSubject: Lunch?\r\nX-Mine: kept\r\nDate: Fri, 29")));
    EXPECT_HAS(&got, "see =C3=A4");
    buf_clear(&got);
    run_parts("enclose :subject \"Mine\" :headers \"subject\" \"x\";", 0, &got);
    assert_true(slice_starts(buf_slice(&got), S("Subject: Mine\r\nDate: ")));
}

static void test_what_an_enclosed_message_needs_of_its_carriers(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(65536), wide = BUF(65536);
    run_parts_on("Subject: \303\244\r\n\r\nx\r\n", "enclose \"x\";", 0, &got);
    EXPECT_HAS(&got, "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: \303\244");
    buf_clear(&got);
    buf_put(&wide, S("Subject: x\r\n\r\n"));
    for (int i = 0; i < 999; i++)
        buf_putc(&wide, 'w');
    run_parts_on(buf_cstr(&wide), "enclose \"x\";", 0, &got);
    EXPECT_HAS(&got, "message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nSubject: x");
}

static void test_redirect_sends_the_message_without_its_enclosure(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf sent = BUF(65536), kept = BUF(65536);
    static const char script[] =
        "addheader \"X-A\" \"1\"; enclose \"x\"; enclose \"y\"; addheader \"X-B\" \"2\";"
        "redirect :copy \"a@example.org\";";
    run_parts(script, 0, &sent);
    assert_true(slice_starts(buf_slice(&sent), S("X-A: 1\r\nFrom: Bob ")));
    EXPECT_LACKS(&sent, "X-B");
    run_parts(script, 1, &kept);
    assert_true(slice_starts(buf_slice(&kept), S("X-B: 2\r\n")));
    assert_true(slice_find(buf_slice(&kept), buf_slice(&sent)) > 0);
}

static void test_loops_go_on_in_the_enclosed_message(void **state)
{
    (void)state;
    EXPECT_PARTS("set \"n\" \"\"; foreverypart { " NAME_PARTS
                 " if header :mime :subtype \"content-type\" \"plain\" { enclose \"x\"; } }"
                 "set \"n\" \"${n} |\"; foreverypart { " NAME_PARTS " } fileinto \"${n}\";",
                 "fileinto  multipart/mixed text/plain message/rfc822 multipart/alternative none text/html "
                 "application/octet-stream | multipart/mixed text/plain message/rfc822 multipart/mixed "
                 "text/plain message/rfc822 multipart/alternative none text/html application/octet-stream");
}

static void test_vacation_answers_the_message_that_came(void **state)
{
    (void)state;
    EXPECT_PARTS("enclose :subject \"W\" \"x\"; vacation \"away\";",
                 "vacation coyote@desert.example.org; keep");
}

static void test_too_many_enclosures_fail(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf message = BUF(32 << 20);
    buf_put(&message, S("Subject: x\r\n\r\n"));
    for (int i = 0; i < 200000; i++)
        buf_put(&message, S("01234567890123456789012345678901234567890123456789012345678901234567890123456789"
                            "01234567890\r\n"));
    const struct sieve_input input = parts_input(buf_cstr(&message));
    EXPECT_WITH(&input, "require \"enclose\"; enclose \"1\"; enclose \"2\";", "keep");
    EXPECT_WITH(
        &input,
        "require \"enclose\"; enclose \"1\"; enclose \"2\"; enclose \"3\"; enclose \"4\"; enclose \"5\";"
        "enclose \"6\"; enclose \"7\"; enclose \"8\";",
        "failed: line 1: the script takes too much time or memory with this message");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_comes_in_reading_order),
        cmocka_unit_test(test_an_inner_loop_goes_through_what_is_in_the_part),
        cmocka_unit_test(test_break_ends_the_loop_of_its_name),
        cmocka_unit_test(test_break_needs_its_loop),
        cmocka_unit_test(test_an_included_script_looks_at_the_part_of_the_loop),
        cmocka_unit_test(test_the_part_is_the_message_of_an_included_script),
        cmocka_unit_test(test_a_loop_spends_steps),
        cmocka_unit_test(test_headers_of_parts),
        cmocka_unit_test(test_pieces_of_a_field),
        cmocka_unit_test(test_without_mime_the_message_itself_is_looked_at),
        cmocka_unit_test(test_arguments_of_mime_need_it),
        cmocka_unit_test(test_text_is_extracted),
        cmocka_unit_test(test_text_that_cannot_be_read_is_empty),
        cmocka_unit_test(test_a_part_is_replaced),
        cmocka_unit_test(test_the_whole_message_is_replaced),
        cmocka_unit_test(test_subject_and_from_are_for_the_whole_message),
        cmocka_unit_test(test_a_replaced_multipart_is_not_gone_into),
        cmocka_unit_test(test_a_replaced_inner_message_keeps_its_header),
        cmocka_unit_test(test_a_replacement_cannot_end_the_part_around),
        cmocka_unit_test(test_tests_look_at_the_changed_message),
        cmocka_unit_test(test_a_message_is_enclosed),
        cmocka_unit_test(test_fields_of_the_enclosed_message_are_copied),
        cmocka_unit_test(test_what_an_enclosed_message_needs_of_its_carriers),
        cmocka_unit_test(test_redirect_sends_the_message_without_its_enclosure),
        cmocka_unit_test(test_loops_go_on_in_the_enclosed_message),
        cmocka_unit_test(test_vacation_answers_the_message_that_came),
        cmocka_unit_test(test_too_many_enclosures_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
