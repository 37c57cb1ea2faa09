/*
 * What the tests of this room share: a script runs over a message, and what comes of it is one line of text.
 */
#ifndef POSTHORN_SIEVE_TESTING_H
#define POSTHORN_SIEVE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* Before cmocka.h, which makes a macro of fail. */
#include "base/buf.h"
#include "sieve/sieve.h"

#include <cmocka.h>

static const char test_message[] =
    "Return-Path: <coyote@desert.example.org>\r\n"
    "Received: from b.example ([192.0.2.2]) by a.example;\r\n"
    " Tue, 1 Apr 1997 09:06:31 -0800\r\n"
    "Received: from c.example by b.example; Tue, 1 Apr 1997 07:00:00 +0200\r\n"
    "Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)\r\n"
    "From: Coyote <coyote@desert.example.org>\r\n"
    "To: roadrunner@acme.example.com, \"Wile\" <wile+acme@ACME.Example.COM>\r\n"
    "Cc: group: one@example.com, two@example.com;\r\n"
    "Subject: I have a =?utf-8?q?pr=C3=A9sent?= for you\r\n"
    "Message-ID: <1@desert.example.org>\r\n"
    "X-Caffeine: C8H10N4O2\r\n"
    "X-Empty:\r\n"
    "\r\n"
    "Look, I'm sorry about the whole anvil thing.\r\n";

static const struct slice test_owner_addresses[] = {{"roadrunner@acme.example.com", 27}};

/* What every test starts from. */
static inline struct sieve_input test_input(void)
{
    return (struct sieve_input){
        .message = {test_message, sizeof(test_message) - 1},
        .envelope_from = S("coyote@desert.example.org"),
        .envelope_to = S("roadrunner+detail@acme.example.com"),
        .owner_name = S("Road Runner"),
        .owner_address = S("roadrunner@acme.example.com"),
        .addresses = test_owner_addresses,
        .address_count = 1,
        .hostname = S("mail.example.com"),
        .now = 1183122000, /* Fri, 29 Jun 2007 13:00:00 +0000 */
        .zone_minutes = 120,
    };
}

static inline struct sieve_program *test_compile(const char *script)
{
    struct sieve_program *program = NULL;
    struct sieve_complaints complaints;
    struct error error;
    if (sieve_compile(slice_cstr(script), SIEVE_ALL, &program, &complaints, &error) != ERR_OK)
        fail_msg("line %u, column %u: %s", complaints.items[0].line, complaints.items[0].column,
                 complaints.items[0].text);
    return program;
}

static inline void test_put_action(struct buf *out, const struct sieve_action *action)
{
    buf_printf(out, "%s", sieve_action_name(action->kind));
    if (action->mailbox.p != NULL)
        buf_printf(out, " %.*s", SLICE_ARGS(action->mailbox));
    if (action->address.p != NULL)
        buf_printf(out, " %.*s", SLICE_ARGS(action->address));
    for (size_t i = 0; i < action->recipient_count; i++)
        buf_printf(out, " %.*s", SLICE_ARGS(action->recipients[i]));
    if (action->reason.p != NULL)
        buf_printf(out, " %.*s", SLICE_ARGS(action->reason));
    for (size_t i = 0; i < action->flag_count; i++)
        buf_printf(out, "%s%.*s%s", i == 0 ? " [" : " ", SLICE_ARGS(action->flags[i]),
                   i + 1 == action->flag_count ? "]" : "");
}

/* "fileinto A [\Seen]; keep", "failed: line 3: ...", or "" when the message is thrown away. */
static inline void test_put_result(struct buf *out, const struct sieve_result *result)
{
    if (result->failed)
        buf_printf(out, "failed: line %u: %s", result->failure_line, result->failure);
    for (size_t i = 0; !result->failed && i < result->count; i++) {
        buf_printf(out, "%s", i > 0 ? "; " : "");
        test_put_action(out, &result->actions[i]);
    }
}

/* Compiles, goes through the byte code, and runs. */
static inline struct sieve_result test_run_on(const struct sieve_host *host, const char *script,
                                              const struct sieve_input *input)
{
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    struct sieve_result result = {0};
    struct error error;
    struct sieve_program *program = test_compile(script);
    sieve_program_put(program, &code);
    sieve_program_free(program);
    assert_int_equal(sieve_program_load(buf_slice(&code), &program, &error), ERR_OK);
    assert_int_equal(sieve_run(program, input, host, &result, &error), ERR_OK);
    sieve_program_free(program);
    return result;
}

static inline struct sieve_result test_run(const char *script, const struct sieve_input *input)
{
    const struct sieve_host host = {0};
    return test_run_on(&host, script, input);
}

static inline void test_expect_with(const struct sieve_input *input, const char *script, const char *wanted,
                                    const char *file, int line)
{
    CLEANUP(buf_release) struct buf got = BUF(65536);
    struct sieve_result result = test_run(script, input);
    test_put_result(&got, &result);
    sieve_result_release(&result);
    if (!slice_eq(buf_slice(&got), slice_cstr(wanted)))
        fail_msg("%s:%d: got \"%s\", wanted \"%s\"", file, line, buf_cstr(&got), wanted);
}

#define EXPECT_WITH(input, script, wanted) test_expect_with(input, script, wanted, __FILE__, __LINE__)

/* On the message above. */
#define EXPECT(script, wanted)                          \
    do {                                                \
        const struct sieve_input input_ = test_input(); \
        EXPECT_WITH(&input_, script, wanted);           \
    } while (0)

/* Whether a test is true, given what it requires: `"envelope", "date"`. */
#define EXPECT_TEST(required, test, wanted) \
    EXPECT("require [\"fileinto\", " required "]; if " test " { discard; }", (wanted) ? "" : "keep")
#define EXPECT_TRUE(required, test) EXPECT_TEST(required, test, true)
#define EXPECT_FALSE(required, test) EXPECT_TEST(required, test, false)

/* The first complaint is there and says so. */
static inline void test_expect_wrong(const char *script, unsigned at_line, unsigned at_column,
                                     const char *says, const char *file, int line)
{
    struct sieve_program *program = NULL;
    struct sieve_complaints complaints;
    struct error error;
    enum err e = sieve_compile(slice_cstr(script), SIEVE_ALL, &program, &complaints, &error);
    const struct sieve_complaint *first = &complaints.items[0];
    if (e != ERR_INVALID || complaints.count == 0) {
        sieve_program_free(e == ERR_OK ? program : NULL);
        fail_msg("%s:%d: it compiles", file, line);
    }
    if (first->line != at_line || first->column != at_column || strstr(first->text, says) == NULL)
        fail_msg("%s:%d: got line %u, column %u: %s", file, line, first->line, first->column, first->text);
}

#define EXPECT_WRONG(script, line, column, says) \
    test_expect_wrong(script, line, column, says, __FILE__, __LINE__)

#endif
