/*
 * Names of one's own for the tests of this room that deal with keys, and the keys and messages of the RFCs.
 */
#ifndef POSTHORN_AUTHRES_DKIM_TESTING_H
#define POSTHORN_AUTHRES_DKIM_TESTING_H

#include "base/test.h"

#include "authres/dns.h"
#include "base/buf.h"

/* One TXT record. */
struct test_name {
    const char *name;
    const char *text; /* NULL: asking fails with `failure` */
    enum err failure;
};

enum { TEST_NAMES_MAX = 16 };
struct test_zone {
    struct test_name names[TEST_NAMES_MAX]; /* to the first without a name */
    size_t asked;
};

static inline struct slice test_txt(struct slice text, struct arena *arena)
{
    CLEANUP(buf_release) struct buf data = BUF(64 << 10);
    do {
        struct slice string = slice_sub(text, 0, 255);
        buf_putc(&data, (char)string.n);
        buf_put(&data, string);
        text = slice_from(text, string.n);
    } while (text.n > 0);
    return arena_dup(arena, buf_slice(&data));
}

static inline enum err test_records(void *context, struct slice name, int type, int64_t deadline_us,
                                    struct arena *arena, struct resolver_records *ret_records,
                                    struct error *error)
{
    struct test_zone *zone = context;
    struct resolver_records records = {.canonical = name, .no_name = true};
    (void)deadline_us;
    assert_int_equal(type, RESOLVER_TXT);
    zone->asked++;
    records.data = arena_array(arena, TEST_NAMES_MAX, sizeof(*records.data));
    for (size_t i = 0; i < TEST_NAMES_MAX && zone->names[i].name != NULL; i++) {
        const struct test_name *row = &zone->names[i];
        if (!slice_eq_nocase(name, slice_cstr(row->name)))
            continue;
        if (row->text == NULL)
            return fail(error, row->failure, NULL, "as the test wants it");
        records.no_name = false;
        records.data[records.count++] = test_txt(slice_cstr(row->text), arena);
    }
    *ret_records = records;
    return ERR_OK;
}

/* RFC 8463 A.2, RFC 6376 C. */
#define TEST_ED25519_RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define TEST_RSA_RECORD "v=DKIM1; k=rsa; " TEST_RSA_DATA
#define TEST_RSA_DATA                                                                                      \
    "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"           \
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3" \
    "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define TEST_OLD_RECORD                                                                            \
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"  \
    "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi" \
    "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"

/* RFC 8463 A.3, its fields one by one, so that tests can change them. */
#define TEST_SIGNATURE_ED25519                                        \
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"   \
    " d=football.example.com; i=@football.example.com;\r\n"           \
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"         \
    " subject : date : message-id : from : subject : date;\r\n"       \
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"           \
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n" \
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
#define TEST_SIGNATURE_RSA                                            \
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"       \
    " d=football.example.com; i=@football.example.com;\r\n"           \
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"   \
    " date : message-id : from : subject : date;\r\n"                 \
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"           \
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n" \
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n" \
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
#define TEST_HEADER                                    \
    "From: Joe SixPack <joe@football.example.com>\r\n" \
    "To: Suzie Q <suzie@shopping.example.net>\r\n"     \
    "Subject: Is dinner ready?\r\n"                    \
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"  \
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
#define TEST_BODY "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

#endif
