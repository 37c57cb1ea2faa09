/* What tests find in a message: header, address, envelope, exists, size, body, date, match types,
 * comparators. */
#include "sieve/testing.h"

#define NUMERIC "\"relational\", \"comparator-i;ascii-numeric\""

static void test_header(void **state)
{
    (void)state;
    EXPECT_FALSE("\"copy\"", "header :is \"X-Caffeine\" \"\"");
    EXPECT_TRUE("\"copy\"", "header :contains \"X-Caffeine\" \"\"");
    EXPECT_FALSE("\"copy\"", "header :contains \"X-Missing\" \"\"");
    EXPECT_TRUE("\"copy\"", "not header :matches \"X-Empty\" \"?*\"");
    EXPECT_TRUE("\"copy\"", "header \"subject\" \"i HAVE a pr\xc3\xa9sent for you\"");
    EXPECT_FALSE("\"copy\"",
                 "header :comparator \"i;octet\" \"subject\" \"i HAVE a pr\xc3\xa9sent for you\"");
    EXPECT_TRUE("\"copy\"", "header :contains [\"x-missing\", \"subject\"] [\"zzz\", \"SENT FOR\"]");
    EXPECT_TRUE("\"copy\"", "header :contains \"received\" \"from b.example ([192.0.2.2]) by a\"");
    EXPECT_FALSE("\"copy\"", "header :is \"From:\" \"\"");
}

static void test_wildcards(void **state)
{
    (void)state;
    EXPECT_TRUE("\"copy\"", "header :matches \"x-caffeine\" \"c?h10*\"");
    EXPECT_TRUE("\"copy\"", "header :matches \"x-caffeine\" \"*n4*\"");
    EXPECT_FALSE("\"copy\"", "header :matches \"x-caffeine\" \"c8\"");
    EXPECT_FALSE("\"copy\"", "header :matches \"x-caffeine\" \"*n4\"");
    EXPECT_TRUE("\"variables\"", "string :matches \"a*b\" \"a\\\\*b\"");
    EXPECT_FALSE("\"variables\"", "string :matches \"aXb\" \"a\\\\*b\"");
    EXPECT_TRUE("\"variables\"", "string :matches \"a?\\\\b\" \"a\\\\?\\\\\\\\b\"");
    EXPECT_TRUE("\"variables\"", "string :matches \"\" \"*\"");
    EXPECT_FALSE("\"variables\"", "string :matches \"\" \"?\"");
    EXPECT_TRUE("\"variables\"", "string :matches \"aaab\" \"*ab\"");
    /* A character is a byte here, and a code point there (RFC 5228 2.7.1). */
    EXPECT_FALSE("\"variables\"", "string :matches \"\xc3\xa9\" \"?\"");
    EXPECT_TRUE("\"variables\"", "string :matches \"\xc3\xa9\" \"??\"");
    EXPECT_TRUE("\"variables\", \"comparator-i;unicode-casemap\"",
                "string :matches :comparator \"i;unicode-casemap\" \"a\xc3\xa9z\" \"A?Z\"");
}

static void test_comparators(void **state)
{
    (void)state;
    EXPECT_TRUE("\"variables\", \"comparator-i;unicode-casemap\"",
                "string :comparator \"i;unicode-casemap\" \"\xc3\x89T\xc3\x89\" \"\xc3\xa9t\xc3\xa9\"");
    EXPECT_FALSE("\"variables\"", "string \"\xc3\x89\" \"\xc3\xa9\"");
    EXPECT_TRUE("\"variables\", " NUMERIC, "string :comparator \"i;ascii-numeric\" \"007 bond\" \"7\"");
    EXPECT_TRUE("\"variables\", " NUMERIC, "string :comparator \"i;ascii-numeric\" \"many\" \"none\"");
    EXPECT_TRUE("\"variables\", " NUMERIC,
                "string :value \"gt\" :comparator \"i;ascii-numeric\" \"x\" \"99999999999999999999\"");
    EXPECT_TRUE("\"variables\", " NUMERIC,
                "string :value \"lt\" :comparator \"i;ascii-numeric\" \"9\" \"10\"");
    EXPECT_FALSE("\"variables\", \"relational\"", "string :value \"lt\" \"9\" \"10\"");
    EXPECT_TRUE("\"variables\", \"relational\"", "string :value \"ne\" \"9\" \"10\"");
    EXPECT_WRONG("require \"comparator-i;ascii-numeric\";\nif header :contains :comparator "
                 "\"i;ascii-numeric\" \"a\" \"b\" { }",
                 2, 11, "no substrings");
    EXPECT_WRONG("if header :comparator \"i;ascii-numeric\" \"a\" \"b\" { }", 1, 23, "needs require");
    EXPECT_WRONG("require \"relational\"; if header :count \"xx\" \"a\" \"b\" { }", 1, 40, "none of");
}

/* RFC 5231 6 */
static void test_counting(void **state)
{
    struct sieve_input input = test_input();
    static const char message[] = "received: a\r\nreceived: b\r\nsubject: example\r\n"
                                  "to: foo@example.com, baz@example.com\r\ncc: qux@example.com\r\n\r\n";
    static const struct {
        const char *test;
        bool holds;
    } rows[] = {
        {"address :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] [\"3\"]", true},
        {"anyof (address :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\"] [\"3\"],"
         " address :count \"ge\" :comparator \"i;ascii-numeric\" [\"cc\"] [\"3\"])",
         false},
        {"header :count \"ge\" :comparator \"i;ascii-numeric\" [\"received\"] [\"3\"]", false},
        {"header :count \"ge\" :comparator \"i;ascii-numeric\" [\"received\", \"subject\"] [\"3\"]", true},
        {"header :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] [\"3\"]", false},
        {"envelope :count \"eq\" :comparator \"i;ascii-numeric\" [\"from\", \"to\"] [\"2\"]", true},
        {"string :count \"eq\" :comparator \"i;ascii-numeric\" [\"a\", \"\", \"b\"] [\"2\"]", true},
        {"currentdate :count \"eq\" :comparator \"i;ascii-numeric\" \"year\" [\"1\"]", true},
        {"date :count \"eq\" :comparator \"i;ascii-numeric\" \"date\" \"year\" [\"0\"]", true},
    };
    (void)state;
    input.message = slice_cstr(message);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000);
        buf_printf(&script,
                   "require [\"variables\", \"date\", \"envelope\", " NUMERIC "]; if %s { discard; }",
                   rows[i].test);
        EXPECT_WITH(&input, buf_cstr(&script), rows[i].holds ? "" : "keep");
    }
    input.envelope_from = S("");
    EXPECT_WITH(&input,
                "require [\"envelope\", " NUMERIC "]; if envelope :count \"eq\" :comparator "
                "\"i;ascii-numeric\" \"from\" \"0\" { discard; }",
                "");
}

static void test_addresses(void **state)
{
    (void)state;
    EXPECT_TRUE("\"copy\"", "address :is :all \"from\" \"coyote@desert.example.org\"");
    EXPECT_FALSE("\"copy\"", "address :contains \"from\" \"Coyote <\"");
    EXPECT_TRUE("\"copy\"", "address :domain \"to\" \"acme.example.com\"");
    EXPECT_TRUE("\"copy\"", "address :localpart \"to\" \"wile+acme\"");
    EXPECT_TRUE("\"copy\"", "address \"cc\" \"two@example.com\"");
    EXPECT_FALSE("\"copy\"", "address :contains \"cc\" \"group\"");
    EXPECT_TRUE("\"subaddress\"", "address :user \"to\" \"wile\"");
    EXPECT_TRUE("\"subaddress\"", "address :detail \"to\" \"acme\"");
    EXPECT_TRUE("\"subaddress\"", "address :user \"to\" \"roadrunner\"");
    EXPECT_FALSE("\"subaddress\"", "address :contains :detail \"from\" \"\"");
    EXPECT_WRONG("if address \"subject\" \"a\" { }", 1, 12, "holds addresses");
    EXPECT_WRONG("if address :user \"to\" \"a\" { }", 1, 12, "needs require \"subaddress\"");
}

static void test_envelope(void **state)
{
    (void)state;
    struct sieve_input input = test_input();
    EXPECT_TRUE("\"envelope\"", "envelope :all :is \"from\" \"coyote@desert.example.org\"");
    EXPECT_TRUE("\"envelope\"", "envelope :domain \"TO\" \"acme.example.com\"");
    EXPECT_TRUE("\"envelope\", \"subaddress\"", "envelope :detail \"to\" \"detail\"");
    EXPECT_WRONG("require \"envelope\"; if envelope \"cc\" \"a\" { }", 1, 33, "no part of the envelope");
    input.envelope_from = S("");
    EXPECT_WITH(&input, "require \"envelope\"; if envelope :localpart \"from\" \"\" { discard; }", "");
    input.envelope_from = slice_none();
    EXPECT_WITH(&input, "require \"envelope\"; if envelope \"from\" \"\" { discard; }", "keep");
    EXPECT("require [\"envelope\", \"variables\"]; set \"p\" \"cc\"; if envelope \"${p}\" \"\" { discard; }",
           "failed: line 1: the envelope has no part \"cc\"");
}

static void test_exists_and_size(void **state)
{
    (void)state;
    struct sieve_input input = test_input();
    EXPECT_TRUE("\"copy\"", "exists [\"From\", \"dAte\"]");
    EXPECT_FALSE("\"copy\"", "exists [\"From\", \"X-Missing\"]");
    EXPECT_FALSE("\"copy\"", "exists \"\"");
    input.message = S("A: b\r\n\r\n");
    EXPECT_WITH(&input, "if size :over 7 { discard; }", "");
    EXPECT_WITH(&input, "if size :over 8 { discard; }", "keep");
    EXPECT_WITH(&input, "if size :under 8 { discard; }", "keep");
    EXPECT_WITH(&input, "if size :under 9 { discard; }", "");
}

static void test_index(void **state)
{
    (void)state;
    EXPECT_TRUE("\"index\"", "header :index 1 :contains \"received\" \"b.example (\"");
    EXPECT_FALSE("\"index\"", "header :index 2 :contains \"received\" \"b.example (\"");
    EXPECT_TRUE("\"index\"", "header :index 1 :last :contains \"received\" \"c.example\"");
    EXPECT_TRUE("\"index\"", "header :index 2 :last :contains \"received\" \"b.example (\"");
    EXPECT_FALSE("\"index\"", "header :index 3 :contains \"received\" \"\"");
    EXPECT_TRUE("\"index\"", "header :index 3 :contains [\"received\", \"subject\"] \"for you\"");
}

static void test_dates(void **state)
{
    static const struct {
        const char *part;
        const char *is;
    } rows[] = {
        {"year", "1997"},
        {"month", "04"},
        {"day", "01"},
        {"date", "1997-04-01"},
        {"julian", "50539"},
        {"hour", "09"},
        {"minute", "06"},
        {"second", "31"},
        {"time", "09:06:31"},
        {"iso8601", "1997-04-01T09:06:31-08:00"},
        {"std11", "Tue, 1 Apr 1997 09:06:31 -0800"},
        {"zone", "-0800"},
        {"weekday", "2"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000);
        buf_printf(&script, "require \"date\"; if date :originalzone \"date\" \"%s\" \"%s\" { discard; }",
                   rows[i].part, rows[i].is);
        EXPECT(buf_cstr(&script), "");
    }
    EXPECT_TRUE("\"date\"", "date \"date\" \"hour\" \"19\"");
    EXPECT_TRUE("\"date\"", "date :zone \"-0130\" \"date\" \"time\" \"15:36:31\"");
    EXPECT_TRUE("\"date\"", "date :zone \"+0000\" \"date\" \"iso8601\" \"1997-04-01T17:06:31Z\"");
    EXPECT_TRUE("\"date\"", "date :originalzone \"received\" \"zone\" \"-0800\"");
    EXPECT_TRUE("\"date\", \"index\"", "date :index 2 :originalzone \"received\" \"zone\" \"+0200\"");
    EXPECT_FALSE("\"date\"", "date :contains \"subject\" \"year\" \"\"");
    EXPECT_FALSE("\"date\"", "date :contains \"x-missing\" \"year\" \"\"");
    EXPECT_TRUE("\"date\"", "currentdate \"time\" \"15:00:00\"");
    EXPECT_TRUE("\"date\", \"relational\"", "allof (currentdate :value \"ge\" \"date\" \"2007-06-29\","
                                            " currentdate :value \"lt\" \"date\" \"2007-07-07\")");
    EXPECT("require [\"date\", \"variables\", \"fileinto\"]; if currentdate :matches \"month\" \"*\" {"
           " set \"month\" \"${1}\"; } if currentdate :matches \"year\" \"*\" { set \"year\" \"${1}\"; }"
           " fileinto \"${month}-${year}\";",
           "fileinto 06-2007");
    EXPECT_WRONG("require \"date\"; if currentdate \"century\" \"1\" { }", 1, 32, "no part of a date");
    EXPECT_WRONG("require \"date\"; if currentdate :zone \"CET\" \"day\" \"1\" { }", 1, 38, "no time zone");
    EXPECT_WRONG("require [\"date\", \"index\"]; if date :last \"date\" \"day\" \"1\" { }", 1, 36, "needs");
    EXPECT_WRONG("require \"date\"; if date :zone \"+0100\" :originalzone \"date\" \"day\" \"1\" { }", 1, 39,
                 "contradicts");
}

/* RFC 5173 5.2 */
static const char mime_message[] = "From: Whomever\r\nTo: Someone\r\nDate: Whenever\r\nSubject: whatever\r\n"
                                   "Content-Type: multipart/mixed; boundary=outer\r\n"
                                   "\r\n"
                                   "This is a multi-part message in MIME format.\r\n"
                                   "\r\n"
                                   "--outer\r\n"
                                   "Content-Type: multipart/alternative; boundary=inner\r\n"
                                   "\r\n"
                                   "This is a nested multi-part message in MIME format.\r\n"
                                   "\r\n"
                                   "--inner\r\n"
                                   "Content-Type: text/plain; charset=\"us-ascii\"\r\n"
                                   "\r\n"
                                   "Hello\r\n"
                                   "\r\n"
                                   "--inner\r\n"
                                   "Content-Type: text/html; charset=\"us-ascii\"\r\n"
                                   "Content-Transfer-Encoding: quoted-printable\r\n"
                                   "\r\n"
                                   "<html><body>Hel=6Co &amp; all</body></html>\r\n"
                                   "\r\n"
                                   "--inner--\r\n"
                                   "\r\n"
                                   "This is the end of the inner MIME multipart.\r\n"
                                   "\r\n"
                                   "--outer\r\n"
                                   "Content-Type: message/rfc822\r\n"
                                   "\r\n"
                                   "From: Someone Else\r\n"
                                   "Subject: hello request\r\n"
                                   "\r\n"
                                   "Please say Hello\r\n"
                                   "\r\n"
                                   "--outer--\r\n"
                                   "\r\n"
                                   "This is the end of the outer MIME multipart.\r\n";

static void test_body(void **state)
{
    static const struct {
        const char *test;
        bool holds;
    } rows[] = {
        {":content \"multipart\" :contains \"multi-part\"", true},
        {":content \"multipart\" :contains \"nested\"", true},
        {":content \"multipart\" :contains \"end of the inner\"", true},
        {":content \"multipart\" :contains \"end of the outer\"", true},
        {":content \"multipart\" :contains \"--\"", false},
        {":content \"multipart/mixed\" :contains \"nested\"", false},
        {":content \"multipart\" :contains \"Hello\"", false},
        {":content \"text/plain\" :contains \"Hello\"", true},
        {":content \"text/plain\" :contains \"Please\"", true},
        {":content \"text/plain\" :contains \"<html>\"", false},
        {":content \"text/html\" :contains \"Hello &amp; all\"", true},
        {":content \"text\" :contains \"<html>\"", true},
        {":content \"message/rfc822\" :contains \"hello request\"", true},
        {":content \"message/rfc822\" :contains \"Please\"", false},
        {":content \"/plain\" :contains \"\"", false},
        {":content \"text/\" :contains \"\"", false},
        {":content \"text/plain/x\" :contains \"\"", false},
        {":content \"audio\" :contains \"\"", false},
        {":content \"\" :contains \"hello request\"", true},
        {":raw :contains \"charset=\"", true},
        {":raw :contains \"Whomever\"", false},
        {":raw :contains \"Hel=6Co\"", true},
        {":text :contains \"Hello & all\"", true},
        {":contains \"<body>\"", false},
        {":text :contains \"--inner\"", false},
    };
    struct sieve_input input = test_input();
    (void)state;
    input.message = slice_cstr(mime_message);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000);
        buf_printf(&script, "require \"body\"; if body %s { discard; }", rows[i].test);
        EXPECT_WITH(&input, buf_cstr(&script), rows[i].holds ? "" : "keep");
    }
    EXPECT("require [\"body\", \"variables\"]; if body :matches \"*anvil*\" {"
           " redirect \"a${1}@b.example\"; }",
           "redirect a@b.example");
}

/* On Friday, 29 June 2007, 15:00 local time. */
static void test_examples_of_the_time(void **state)
{
    (void)state;
    static const char july[] = "require [\"date\", \"relational\", \"vacation\"];\n"
                               "if allof(currentdate :value \"ge\" \"date\" \"2007-06-30\",\n"
                               "currentdate :value \"le\" \"date\" \"2007-07-07\")\n"
                               "{ vacation :days 7  \"I'm away during the first week in July.\"; }";
    static const char pager[] = "require [\"date\", \"relational\"];\n"
                                "if anyof(currentdate :is \"weekday\" \"0\",\n"
                                "currentdate :is \"weekday\" \"6\",\n"
                                "currentdate :value \"lt\" \"hour\" \"09\",\n"
                                "currentdate :value \"ge\" \"hour\" \"17\")\n"
                                "{ redirect \"pager@example.com\"; }";
    struct sieve_input input = test_input();
    EXPECT_WITH(&input, pager, "keep"); /* RFC 5260 5.1 example 1 */
    EXPECT_WITH(&input, july, "keep");  /* RFC 5260 5.1 example 2 */
    input.now += 86400;
    EXPECT_WITH(&input, pager, "redirect pager@example.com");
    EXPECT_WITH(&input, july, "vacation coyote@desert.example.org; keep");
    /* RFC 5260 5.1 example 3 */
    EXPECT("require [\"date\", \"variables\", \"fileinto\"];\n"
           "if currentdate :matches \"month\" \"*\" { set \"month\" \"${1}\"; }\n"
           "if currentdate :matches \"year\"  \"*\" { set \"year\"  \"${1}\"; }\n"
           "fileinto \"${month}-${year}\";",
           "fileinto 06-2007");
    /* RFC 5260 5.1 example 4 */
    EXPECT("require [\"variables\", \"date\", \"editheader\", \"fileinto\"];\n"
           "if currentdate :matches \"std11\" \"*\"\n  {addheader \"Processing-date\" \"${0}\";}\n"
           "if header \"processing-date\" \"Fri, 29 Jun 2007 15:00:00 +0200\" { discard; }",
           "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_time),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_comparators),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_exists_and_size),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
