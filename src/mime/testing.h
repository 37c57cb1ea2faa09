/*
 * Small helpers that the tests of this room share.
 */
#ifndef POSTHORN_MIME_TESTING_H
#define POSTHORN_MIME_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* Before cmocka.h, which makes a macro of fail. */
#include "base/buf.h"
#include "base/error.h"

#include <cmocka.h>

/* These fail at the caller's test, with what was got. */
static inline void assert_slice(struct slice got, const char *wanted)
{
    if (got.n != strlen(wanted) || (got.n > 0 && memcmp(got.p, wanted, got.n) != 0))
        fail_msg("got \"%.*s\", wanted \"%s\"", SLICE_ARGS(got), wanted);
}

static inline void assert_buf(struct buf *got, const char *wanted)
{
    assert_false(buf_failed(got));
    assert_slice(buf_slice(got), wanted);
    buf_clear(got);
}

#endif
