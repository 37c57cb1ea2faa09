/*
 * The words of commands and answers (RFC 5804 4): strings quoted or as literals, numbers, answers.
 *
 * Ownership: results live in the arena given. Errors: false, and the cursor stands somewhere. Threads: any.
 */
#ifndef POSTHORN_MANAGESIEVE_WORDS_H
#define POSTHORN_MANAGESIEVE_WORDS_H

#include "base/arena.h"
#include "base/language.h"
#include "rt/conn.h"

/* The command's name, up to a blank or the end. */
struct slice words_verb(struct cursor *c) NONNULL;
/* A blank and a string. What it holds is borrowed where it can be. */
bool words_string(struct cursor *c, struct arena *arena, struct slice *ret) NONNULL MUST_CHECK;
/* A blank and a number. */
bool words_number(struct cursor *c, uint64_t *ret) NONNULL MUST_CHECK;

/* A string as we say it: quoted, or as a literal where it must be. */
void words_put_string(struct buf *out, struct slice text) NONNULL;

enum words_status { WORDS_OK, WORDS_NO, WORDS_BYE };
/* "NO (QUOTA) "text"": code is NULL for none; the text in the person's language. */
void words_answer(struct conn *conn, enum words_status status, const char *code, struct tongue tongue,
                  struct slice text);
/* NOOP, in both halves (RFC 5804 2.13): the tag that the client gave comes back. */
void words_noop(struct conn *conn, struct tongue tongue, struct cursor *arguments,
                struct arena *arena) NONNULL;

#endif
