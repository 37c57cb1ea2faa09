/*
 * The one reader of JSON.
 *
 * Jansson's own leaves out characters when memory runs out in the middle of a string; here such a text is
 * refused. Ownership: the value is the caller's (json_decref). Errors: ERR_NOMEM; ERR_INVALID when the text
 * is not JSON, or an object has a name twice. Threads: any. Limits: the text's size is the caller's affair.
 */
#ifndef POSTHORN_RT_JSON_H
#define POSTHORN_RT_JSON_H

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"

enum err json_read(struct slice text, json_t **ret_value, struct error *error) MUST_CHECK;

#endif
