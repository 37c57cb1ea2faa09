/*
 * The tables of the language: each command and each test, its extension, its arguments, and what does it. Of
 * this room only.
 *
 * The compiler checks a script against these tables, the loader checks byte code, the interpreter calls what
 * they name. A new command is a row, its arguments, and a file with its functions.
 */
#ifndef POSTHORN_SIEVE_VERB_H
#define POSTHORN_SIEVE_VERB_H

#include "sieve/program.h"

struct run;
struct compiler;

/* What an action does to the run. ERR_INVALID after run_fail: the script failed. */
typedef enum err action_fn(struct run *run, const struct node *node, struct error *error);
typedef enum err test_fn(struct run *run, const struct node *node, bool *ret, struct error *error);
/* What the compiler looks at beyond the table: complains itself. */
typedef void check_fn(struct compiler *compiler, const struct node *node);

enum verb_kind { VERB_COMMAND, VERB_TEST };

enum verb_shape {
    SHAPE_TEST = 1,  /* one test */
    SHAPE_TESTS = 2, /* a list of tests */
    SHAPE_BLOCK = 4,
    SHAPE_FOLLOWS = 8, /* only after if or elsif */
};

enum argument_flag {
    ARGUMENT_CONSTANT = 1, /* no variables */
    ARGUMENT_MAY_LACK = 2, /* a positional that may be left out, where the others are there */
};

struct argument {
    enum slot slot;
    const char *tag; /* NULL: positional */
    enum value_kind kind;
    uint32_t choice; /* of a tag: the number of its value */
    enum sieve_extension extension;
    unsigned flags;
};

struct verb {
    const char *name;
    enum verb_kind kind;
    enum sieve_extension extension;
    unsigned shape;
    const struct argument *arguments; /* ended by SLOT_NONE */
    check_fn *check;                  /* may be NULL */
    action_fn *act;                   /* NULL: a test, or a control */
    test_fn *test;
};

/* What compiler and interpreter do themselves: X(enumerator, name, shape, arguments). */
/* clang-format off */
#define CONTROL_TABLE(X) \
    X(REQUIRE, "require", 0, require_arguments) \
    X(IF, "if", SHAPE_TEST | SHAPE_BLOCK, no_arguments) \
    X(ELSIF, "elsif", SHAPE_TEST | SHAPE_BLOCK | SHAPE_FOLLOWS, no_arguments) \
    X(ELSE, "else", SHAPE_BLOCK | SHAPE_FOLLOWS, no_arguments)

/* X(enumerator, name, extension, shape, arguments, check, function) */
#define COMMAND_TABLE(X) \
    X(STOP, "stop", BASE, 0, no_arguments, NULL, act_stop) \
    X(KEEP, "keep", BASE, 0, keep_arguments, NULL, act_keep) \
    X(DISCARD, "discard", BASE, 0, no_arguments, NULL, act_discard) \
    X(REDIRECT, "redirect", BASE, 0, redirect_arguments, check_redirect, act_redirect) \
    X(FILEINTO, "fileinto", FILEINTO, 0, fileinto_arguments, check_fileinto, act_fileinto) \
    X(REJECT, "reject", REJECT, 0, reject_arguments, NULL, act_reject) \
    X(EREJECT, "ereject", EREJECT, 0, reject_arguments, NULL, act_ereject) \
    X(SET, "set", VARIABLES, 0, set_arguments, check_set, act_set) \
    X(SETFLAG, "setflag", IMAP4FLAGS, 0, change_flags_arguments, check_flags, act_setflag) \
    X(ADDFLAG, "addflag", IMAP4FLAGS, 0, change_flags_arguments, check_flags, act_addflag) \
    X(REMOVEFLAG, "removeflag", IMAP4FLAGS, 0, change_flags_arguments, check_flags, act_removeflag) \
    X(VACATION, "vacation", VACATION, 0, vacation_arguments, check_vacation, act_vacation) \
    X(ERROR, "error", IHAVE, 0, reject_arguments, NULL, act_error) \
    X(INCLUDE, "include", INCLUDE, 0, include_arguments, check_include, act_include) \
    X(RETURN, "return", INCLUDE, 0, no_arguments, NULL, act_return) \
    X(GLOBAL, "global", INCLUDE, 0, global_arguments, check_global, act_global) \
    X(ADDHEADER, "addheader", EDITHEADER, 0, addheader_arguments, check_addheader, act_addheader) \
    X(DELETEHEADER, "deleteheader", EDITHEADER, 0, deleteheader_arguments, check_deleteheader, act_deleteheader) \
    X(FOREVERYPART, "foreverypart", FOREVERYPART, SHAPE_BLOCK, loop_arguments, NULL, act_foreverypart) \
    X(BREAK, "break", FOREVERYPART, 0, loop_arguments, check_break, act_break) \
    X(EXTRACTTEXT, "extracttext", EXTRACTTEXT, 0, extracttext_arguments, check_extracttext, act_extracttext) \
    X(REPLACE, "replace", REPLACE, 0, replace_arguments, check_replace, act_replace) \
    X(ENCLOSE, "enclose", ENCLOSE, 0, enclose_arguments, NULL, act_enclose) \
    X(NOTIFY, "notify", ENOTIFY, 0, notify_arguments, check_notify, act_notify) \
    X(UNKNOWN, "", BASE, 0, unknown_arguments, NULL, act_unknown)

#define TEST_TABLE(X) \
    X(TRUE, "true", BASE, 0, no_arguments, NULL, test_true) \
    X(FALSE, "false", BASE, 0, no_arguments, NULL, test_false) \
    X(NOT, "not", BASE, SHAPE_TEST, no_arguments, NULL, test_not) \
    X(ALLOF, "allof", BASE, SHAPE_TESTS, no_arguments, NULL, test_allof) \
    X(ANYOF, "anyof", BASE, SHAPE_TESTS, no_arguments, NULL, test_anyof) \
    X(SIZE, "size", BASE, 0, size_arguments, check_size, test_size) \
    X(EXISTS, "exists", BASE, 0, exists_arguments, check_mime, test_exists) \
    X(HEADER, "header", BASE, 0, header_arguments, check_header, test_header) \
    X(ADDRESS, "address", BASE, 0, address_arguments, check_address, test_address) \
    X(ENVELOPE, "envelope", ENVELOPE, 0, envelope_arguments, check_envelope, test_envelope) \
    X(BODY, "body", BODY, 0, body_arguments, check_match, test_body) \
    X(STRING, "string", VARIABLES, 0, string_arguments, check_match, test_string) \
    X(HASFLAG, "hasflag", IMAP4FLAGS, 0, hasflag_arguments, check_hasflag, test_hasflag) \
    X(DATE, "date", DATE, 0, date_arguments, check_date, test_date) \
    X(CURRENTDATE, "currentdate", DATE, 0, currentdate_arguments, check_date, test_currentdate) \
    X(MAILBOXEXISTS, "mailboxexists", MAILBOX, 0, mailboxexists_arguments, NULL, test_mailboxexists) \
    X(MAILBOXIDEXISTS, "mailboxidexists", MAILBOXID, 0, mailboxexists_arguments, NULL, test_mailboxidexists) \
    X(SPECIALUSE_EXISTS, "specialuse_exists", SPECIAL_USE, 0, specialuse_arguments, NULL, test_specialuse) \
    X(METADATA, "metadata", MBOXMETADATA, 0, metadata_arguments, check_match, test_metadata) \
    X(METADATAEXISTS, "metadataexists", MBOXMETADATA, 0, metadataexists_arguments, NULL, test_metadataexists) \
    X(SERVERMETADATA, "servermetadata", SERVERMETADATA, 0, servermetadata_arguments, check_match, test_metadata) \
    X(SERVERMETADATAEXISTS, "servermetadataexists", SERVERMETADATA, 0, servermetadataexists_arguments, NULL, \
      test_metadataexists) \
    X(ENVIRONMENT, "environment", ENVIRONMENT, 0, environment_arguments, check_match, test_environment) \
    X(IHAVE, "ihave", IHAVE, 0, require_arguments, NULL, test_ihave) \
    X(DUPLICATE, "duplicate", DUPLICATE, 0, duplicate_arguments, NULL, test_duplicate) \
    X(SPAMTEST, "spamtest", SPAMTEST, 0, spamtest_arguments, check_match, test_spamtest) \
    X(VIRUSTEST, "virustest", VIRUSTEST, 0, virustest_arguments, check_match, test_virustest) \
    X(VALID_NOTIFY_METHOD, "valid_notify_method", ENOTIFY, 0, valid_method_arguments, NULL, \
      test_valid_notify_method) \
    X(NOTIFY_METHOD_CAPABILITY, "notify_method_capability", ENOTIFY, 0, method_capability_arguments, check_match, \
      test_notify_method_capability) \
    X(UNKNOWN, "", BASE, 0, unknown_arguments, NULL, test_unknown)
/* clang-format on */

enum verb_id {
#define X(name, ...) COMMAND_##name,
    CONTROL_TABLE(X) COMMAND_TABLE(X)
#undef X
#define X(name, ...) TEST_##name,
        TEST_TABLE(X)
#undef X
            VERBS
};

#define X(name, text, extension, shape, arguments, check, function) action_fn function;
COMMAND_TABLE(X)
#undef X
#define X(name, text, extension, shape, arguments, check, function) test_fn function;
TEST_TABLE(X)
#undef X

check_fn check_redirect;
check_fn check_fileinto;
check_fn check_set;
check_fn check_flags;
check_fn check_hasflag;
check_fn check_vacation;
check_fn check_include;
check_fn check_global;
check_fn check_addheader;
check_fn check_deleteheader;
check_fn check_break;
check_fn check_extracttext;
check_fn check_replace;
check_fn check_mime;
check_fn check_notify;
check_fn check_size;
check_fn check_match;
check_fn check_header;
check_fn check_address;
check_fn check_envelope;
check_fn check_date;

const struct verb *verb_get(enum verb_id id);
enum verb_id verb_id(const struct verb *verb);
/* By name, ASCII case ignored; NULL: there is none. */
const struct verb *verb_find(struct slice name, enum verb_kind kind);
/* The argument of a tag, NULL: the verb has none such. */
const struct argument *verb_tag(const struct verb *verb, struct slice tag);
static inline bool verb_is(const struct verb *verb, enum verb_id id)
{
    return verb == verb_get(id);
}
/* A number that is another whenever the tables are others. */
uint64_t verb_fingerprint(void);

/* The choices of tags. */
enum match_choice { MATCH_IS, MATCH_CONTAINS, MATCH_MATCHES, MATCH_COUNT, MATCH_VALUE, MATCH_REGEX };
enum part_choice { PART_ALL, PART_LOCAL, PART_DOMAIN, PART_USER, PART_DETAIL };
enum zone_choice { ZONE_ORIGINAL, ZONE_GIVEN };
enum transform_choice { TRANSFORM_TEXT, TRANSFORM_RAW, TRANSFORM_CONTENT };
enum limit_choice { LIMIT_OVER, LIMIT_UNDER };
enum case_choice { CASE_LOWER, CASE_UPPER };
enum quote_choice { QUOTE_WILDCARD, QUOTE_REGEX };
enum period_choice { PERIOD_DAYS, PERIOD_SECONDS };
enum location_choice { LOCATION_PERSONAL, LOCATION_GLOBAL };
enum mime_piece { PIECE_TYPE, PIECE_SUBTYPE, PIECE_CONTENT_TYPE, PIECE_PARAMETER };
enum unique_choice { UNIQUE_HEADER, UNIQUE_ID };

#endif
