#include "sieve/parser.h"

#include "sieve/lexer.h"

struct parser {
    struct lexer lexer;
    struct token token; /* the next one */
    struct complaining *complaining;
    size_t depth;
};

static void next(struct parser *parser)
{
    parser->token = lexer_next(&parser->lexer);
}

static bool at_sign(const struct parser *parser, char sign)
{
    return parser->token.kind == TOKEN_SIGN && parser->token.sign == sign;
}

static bool skip_sign(struct parser *parser, char sign)
{
    if (!at_sign(parser, sign))
        return false;
    next(parser);
    return true;
}

/* False, always: what stands here should have been something else. */
static bool expected(struct parser *parser, const char *what)
{
    const struct token *token = &parser->token;
    if (token->kind == TOKEN_BAD)
        complain(parser->complaining, token->at, "%s", parser->lexer.wrong);
    else if (token->kind == TOKEN_END)
        complain(parser->complaining, token->at, "the script ends where %s should stand", what);
    else if (token->kind == TOKEN_SIGN)
        complain(parser->complaining, token->at, "%s should stand here, not '%c'", what, token->sign);
    else if (token->kind == TOKEN_IDENTIFIER)
        complain(parser->complaining, token->at, "%s should stand before \"%.*s\"", what,
                 SLICE_ARGS(complain_word(token->text)));
    else
        complain(parser->complaining, token->at, "%s should stand here", what);
    return false;
}

static void *new_item(struct parser *parser, size_t size)
{
    void *item = arena_alloc(parser->lexer.arena, size);
    parser->lexer.failed = parser->lexer.failed || item == NULL;
    return item;
}

/* --- arguments --- */

static bool string_into(struct parser *parser, struct tree_argument *argument, struct tree_string ***last)
{
    struct tree_string *string = new_item(parser, sizeof(*string));
    if (string == NULL || parser->lexer.failed)
        return false;
    string->at = parser->token.at;
    string->text = parser->token.text;
    **last = string;
    *last = &string->next;
    argument->count++;
    next(parser);
    return true;
}

static bool string_list(struct parser *parser, struct tree_argument *argument)
{
    struct tree_string **last = &argument->strings;
    argument->kind = TREE_LIST;
    next(parser);
    if (at_sign(parser, ']'))
        return expected(parser, "a string");
    do {
        if (parser->token.kind != TOKEN_STRING)
            return expected(parser, "a string");
        if (!string_into(parser, argument, &last))
            return false;
    } while (skip_sign(parser, ','));
    return skip_sign(parser, ']') || expected(parser, "a comma or ']'");
}

/* *ret_done: there is no further argument here. */
static bool one_argument(struct parser *parser, struct tree_argument *argument, bool *ret_done)
{
    struct tree_string **last = &argument->strings;
    argument->at = parser->token.at;
    switch (parser->token.kind) {
    case TOKEN_NUMBER:
        argument->kind = TREE_NUMBER;
        argument->number = parser->token.number;
        next(parser);
        return true;
    case TOKEN_TAG:
        argument->kind = TREE_TAG;
        argument->tag = parser->token.text;
        next(parser);
        return true;
    case TOKEN_STRING:
        argument->kind = TREE_STRING;
        return string_into(parser, argument, &last);
    default:
        if (at_sign(parser, '['))
            return string_list(parser, argument);
        *ret_done = true;
        return true;
    }
}

static bool arguments(struct parser *parser, struct tree_node *node)
{
    struct tree_argument **last = &node->arguments;
    for (;;) {
        bool done = false;
        struct tree_argument *argument = new_item(parser, sizeof(*argument));
        if (argument == NULL || !one_argument(parser, argument, &done))
            return false;
        if (done)
            return true;
        *last = argument;
        last = &argument->next;
    }
}

/* --- tests, commands, blocks --- */

static bool deeper(struct parser *parser)
{
    if (parser->depth == SIEVE_NESTING_MAX) {
        complain(parser->complaining, parser->token.at, "blocks and tests are nested more than %d deep",
                 SIEVE_NESTING_MAX);
        return false;
    }
    parser->depth++;
    return true;
}

static bool node_start(struct parser *parser, struct tree_node **ret, const char *what);

static bool test_list(struct parser *parser, struct tree_node *node)
{
    struct tree_node **last = &node->tests;
    node->test_list = true;
    next(parser);
    do {
        if (!node_start(parser, last, "a test"))
            return false;
        last = &(*last)->next;
    } while (skip_sign(parser, ','));
    return skip_sign(parser, ')') || expected(parser, "a comma or ')'");
}

/* The name, the arguments and the tests of a command or of a test. */
static bool node_start(struct parser *parser, struct tree_node **ret, const char *what)
{
    if (parser->token.kind != TOKEN_IDENTIFIER)
        return expected(parser, what);
    struct tree_node *node = new_item(parser, sizeof(*node));
    if (node == NULL || !deeper(parser))
        return false;
    node->at = parser->token.at;
    node->name = parser->token.text;
    next(parser);
    bool ok = arguments(parser, node);
    if (ok && parser->token.kind == TOKEN_IDENTIFIER)
        ok = node_start(parser, &node->tests, "a test");
    else if (ok && at_sign(parser, '('))
        ok = test_list(parser, node);
    parser->depth--;
    *ret = node;
    return ok;
}

static bool commands(struct parser *parser, struct tree_node **ret);

static bool block(struct parser *parser, struct tree_node *node)
{
    node->has_block = true;
    if (!deeper(parser))
        return false;
    next(parser);
    bool ok = commands(parser, &node->block);
    parser->depth--;
    return ok && (skip_sign(parser, '}') || expected(parser, "a command or '}'"));
}

static bool commands(struct parser *parser, struct tree_node **ret)
{
    struct tree_node **last = ret;
    while (parser->token.kind == TOKEN_IDENTIFIER) {
        if (!node_start(parser, last, "a command"))
            return false;
        struct tree_node *node = *last;
        last = &node->next;
        if (at_sign(parser, '{') ? !block(parser, node)
                                 : !skip_sign(parser, ';') && !expected(parser, "';' or '{'"))
            return false;
    }
    return true;
}

enum err sieve_parse(struct arena *arena, struct slice script, struct complaining *complaining,
                     struct tree_node **ret, struct error *error)
{
    struct parser parser = {.lexer = lexer_of(arena, script), .complaining = complaining};
    struct tree_node *first = NULL;
    next(&parser);
    bool ok = commands(&parser, &first) && (parser.token.kind == TOKEN_END || expected(&parser, "a command"));
    if (parser.lexer.failed)
        return fail_plain(error, ERR_LIMIT, "the script needs too much memory");
    if (!ok)
        return fail_plain(error, ERR_INVALID, "the script does not follow the grammar of Sieve");
    *ret = first;
    return ERR_OK;
}
