#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void must_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "posthorn: broken invariant: %s (%s:%d)\n", expression, file, line);
    abort();
}
