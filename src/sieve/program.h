/*
 * A compiled script in memory: what the compiler makes and the interpreter runs. Of this room only.
 *
 * Invariants, which compile.c and code.c both keep:
 * 1. Each value of a node stands in an argument of its verb with the same slot and kind; no slot stands
 * twice; all that the verb demands are there.
 * 2. A verb with a test, tests or a block has them, another has none; nesting is at most 2 *
 * SIEVE_NESTING_MAX.
 * 3. A PIECE_VARIABLE is below variable_count, a PIECE_MATCH below SIEVE_MATCH_VARIABLES.
 * What a text means (a comparator, a header's name) is not among them: the interpreter takes any.
 *
 * Ownership: all of it lives in the program's arena. Threads: it never changes.
 */
#ifndef POSTHORN_SIEVE_PROGRAM_H
#define POSTHORN_SIEVE_PROGRAM_H

#include "sieve/sieve.h"

enum { PROGRAM_MEMORY_MAX = 64 << 20, PROGRAM_NESTING_MAX = 2 * SIEVE_NESTING_MAX };

enum piece_kind {
    PIECE_TEXT,
    PIECE_VARIABLE, /* number: which of the program's names */
    PIECE_MATCH,    /* number: ${1} ... */
    PIECE_KINDS
};

struct piece {
    enum piece_kind kind;
    uint32_t number;
    struct slice text;
};

/* A string of the script; no piece: the empty one. */
struct text {
    const struct piece *pieces;
    uint32_t count;
};

/* What an argument is for. One number for all verbs, so that what they share is read by shared code. */
enum slot {
    SLOT_NONE, /* ends a table */
    SLOT_COMPARATOR,
    SLOT_MATCH,
    SLOT_PART,
    SLOT_HEADERS,
    SLOT_KEYS,
    SLOT_INDEX,
    SLOT_LAST,
    SLOT_ZONE,
    SLOT_DATE_PART,
    SLOT_TRANSFORM,
    SLOT_NAME,
    SLOT_VALUE,
    SLOT_VARIABLES,
    SLOT_LIMIT,
    SLOT_COPY,
    SLOT_FLAGS,
    SLOT_ADDRESS,
    SLOT_REASON,
    SLOT_PERIOD,
    SLOT_SUBJECT,
    SLOT_FROM,
    SLOT_ADDRESSES,
    SLOT_MIME,
    SLOT_HANDLE,
    SLOT_CASE,
    SLOT_FIRST_LETTER,
    SLOT_QUOTE,
    SLOT_LENGTH,
    SLOT_CREATE,
    SLOT_MAILBOX_ID,
    SLOT_SPECIAL_USE,
    SLOT_FCC,
    SLOT_ENTRY,
    SLOT_UNIQUE,
    SLOT_TOUCH,
    SLOT_LOCATION,
    SLOT_ONCE,
    SLOT_OPTIONAL,
    SLOT_PERCENT,
    SLOT_ANY_CHILD,
    SLOT_MIME_PIECE,
    SLOT_FIRST,
    SLOT_ENCODE_URL,
    SLOT_METHOD,
    SLOT_IMPORTANCE,
    SLOT_OPTIONS,
    SLOT_TEST,
    SLOT_TESTS,
    SLOT_BLOCK,
    SLOTS
};

enum value_kind {
    VALUE_FLAG,
    VALUE_NUMBER,
    VALUE_TEXT, /* texts[0] */
    VALUE_TEXTS,
    VALUE_NODES, /* tests or commands */
    VALUE_KINDS
};

struct value {
    enum slot slot;
    enum value_kind kind;
    uint32_t choice; /* which of the tags of this slot; 0 without a tag */
    uint64_t number; /* VALUE_NUMBER: what was written */
    const struct text *texts;
    uint32_t count;
    const struct node *nodes; /* in order through next */
};

struct verb;

/* A command or a test. */
struct node {
    const struct verb *verb;
    const struct node *next;
    const struct value *values;
    uint32_t count;
    uint32_t line;
    uint64_t needs; /* extensions that only a successful `ihave` can bring (RFC 5463 4) */
};

struct sieve_program {
    struct arena arena;
    uint64_t extensions;           /* that the script requires */
    uint64_t allowed;              /* that it might, for `ihave` */
    const struct slice *variables; /* their names in lower case; "global.x" is shared among scripts */
    uint32_t variable_count;
    const struct node *commands;
};

/* NULL: the argument was not given. */
const struct value *node_value(const struct node *node, enum slot slot);
static inline bool node_has(const struct node *node, enum slot slot)
{
    return node_value(node, slot) != NULL;
}
/* `absent` when it was not given. */
static inline uint32_t node_choice(const struct node *node, enum slot slot, uint32_t absent)
{
    const struct value *value = node_value(node, slot);
    return value != NULL ? value->choice : absent;
}
static inline uint64_t node_number(const struct node *node, enum slot slot, uint64_t absent)
{
    const struct value *value = node_value(node, slot);
    return value != NULL ? value->number : absent;
}
static inline const struct node *node_nodes(const struct node *node, enum slot slot)
{
    const struct value *value = node_value(node, slot);
    return value != NULL ? value->nodes : NULL;
}

static inline bool text_is_constant(const struct text *text)
{
    return text->count == 0 || (text->count == 1 && text->pieces[0].kind == PIECE_TEXT);
}
static inline struct slice text_constant(const struct text *text)
{
    return text->count == 0 ? S("") : text->pieces[0].text;
}

#endif
