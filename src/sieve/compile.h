/*
 * What the parts of the compiler share. Of this room only.
 *
 * compile.c goes over the tree by the tables; text.c makes strings; check.c looks at what the tables can't
 * say.
 */
#ifndef POSTHORN_SIEVE_COMPILE_H
#define POSTHORN_SIEVE_COMPILE_H

#include "sieve/complain.h"
#include "sieve/verb.h"

struct compiler {
    struct sieve_program *program;
    struct complaining complaining;
    uint64_t allowed;
    uint64_t enabled;           /* required so far */
    uint64_t needs;             /* of the node at hand: what an `ihave` must bring first */
    struct place at;            /* of the command or test at hand */
    struct place places[SLOTS]; /* of its arguments */
    struct slice names[SIEVE_VARIABLES_MAX];
    const struct node *loops[SIEVE_NESTING_MAX]; /* the foreverypart around, the outermost first */
    size_t loop_count;
    bool failed; /* memory is out */
};

static inline bool compiler_has(const struct compiler *compiler, enum sieve_extension extension)
{
    return (compiler->enabled & SIEVE_BIT(extension)) != 0 || extension == SIEVE_BASE;
}
/* The same for what a command, a tag or a comparator needs: with `ihave`, an extension may come at run time.
 */
bool compiler_needs(struct compiler *compiler, enum sieve_extension extension);
/* The extension and those that it brings along. */
uint64_t compile_implied(enum sieve_extension extension);
void *compiler_room(struct compiler *compiler, size_t count, size_t size);
/* At an argument of the node at hand. */
void check_complain(struct compiler *compiler, enum slot slot, const char *format, ...) FORMAT(3, 4);

/* A string as it was written becomes a text: encoded characters and variables, where they are required. */
struct text compile_text(struct compiler *compiler, struct slice written, struct place at);
/* The number of a variable's name in this program. False: there are too many; was complained of. */
bool compile_variable(struct compiler *compiler, struct slice name, struct place at,
                      uint32_t *ret) MUST_CHECK;
/* An identifier in the sense of RFC 5229 3. */
bool variable_name_valid(struct slice name);
/* Without "global." (RFC 6609 3.4.2). */
struct slice variable_local_name(struct slice name);
bool variable_is_global(struct slice name);

/* For check functions: is said of each constant text of the argument that is not `ok`. */
typedef bool text_ok_fn(struct slice text);
void check_texts(struct compiler *compiler, const struct node *node, enum slot slot, text_ok_fn *ok,
                 const char *wrong);

#endif
