#include "imap/words.h"

#include "imap/capability.h"

static const struct {
    enum imap_place_of_word place;
    struct slice word;
    struct slice capability;
} words[] = {
#define X(where, text, owner) {IMAP_WORD_##where, {text, sizeof(text) - 1}, {owner, sizeof(owner) - 1}},
    IMAP_WORD_TABLE(X)
#undef X
};

/* Whether rows of this word are there, and whether one of their capabilities is on. */
static bool find(struct slice off, enum imap_place_of_word place, struct slice word, bool *ret_on)
{
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i].place != place || !slice_eq_nocase(words[i].word, word))
            continue;
        *ret_on = (found && *ret_on) || imap_capable(off, words[i].capability);
        found = true;
    }
    return found;
}

bool imap_word_known(struct slice off, enum imap_place_of_word place, struct slice word)
{
    bool on = true;
    if (off.n == 0 || find(off, place, word, &on) || find(off, place, S("*"), &on))
        return on;
    return true;
}
