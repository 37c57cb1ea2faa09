#include "base/spelling.h"

enum { NEAR_ENOUGH = 2 };

unsigned spelling_distance(struct slice a, struct slice b)
{
    unsigned rows[3][SPELLING_WORD_MAX + 1];
    if (a.n > SPELLING_WORD_MAX || b.n > SPELLING_WORD_MAX)
        return SPELLING_WORD_MAX;
    for (unsigned j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        const unsigned *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned changed = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            row[j] = MIN(changed, MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                row[j] = MIN(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

void spelling_offer(struct spelling *spelling, struct slice word, const char *known)
{
    unsigned distance = spelling_distance(word, slice_cstr(known));
    if (distance > NEAR_ENOUGH || distance >= word.n)
        return;
    if (spelling->nearest == NULL || distance < spelling->distance)
        *spelling = (struct spelling){known, distance};
}
