#include "rt/json.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

/* The reading that this thread is in; NULL: none. */
static _Thread_local jmp_buf *way_out;

/*
 * Jansson's reader passes over a lack of memory: it leaves out a character, also the quotation mark that ends
 * a string, and reads on behind its buffer. So it is left at once. What it had taken is lost: no more than a
 * few times the text's size, when there is no memory anyway.
 */
static void *take_or_leave(size_t size)
{
    void *p = malloc(size);
    if (p == NULL && way_out != NULL)
        longjmp(*way_out, 1);
    return p;
}

static void install(void)
{
    json_set_alloc_funcs(take_or_leave, free);
}

enum err json_read(struct slice text, json_t **ret_value, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    jmp_buf out;
    json_error_t where;
    pthread_once(&once, install);
    if (setjmp(out) != 0) {
        way_out = NULL;
        return fail_nomem(error);
    }
    way_out = &out;
    json_t *value = json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &where);
    way_out = NULL;
    if (value == NULL)
        return fail(error, ERR_INVALID, NULL, "JSON, line %d: %s", where.line, where.text);
    *ret_value = value;
    return ERR_OK;
}
