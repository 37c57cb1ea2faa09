/* Following all states of the automaton at once. */
#include "sieve/regex_parts.h"

#define NOWHERE SIZE_MAX

/* The states that are alive at one place of the text, in the order of their preference. */
struct states {
    uint32_t *at;
    size_t count;
    size_t *borders; /* of each, 2 * groups places */
};

/* What is still to be looked at: a step, or a border to be put back. */
struct visit {
    uint32_t at;
    bool restore;
    uint32_t border;
    size_t place;
};

struct following {
    const struct regex *regex;
    struct slice text;
    struct states now;
    struct states then;
    size_t *seen; /* of each step, the place for which it was entered last, plus 1 */
    struct visit *stack;
    size_t *borders; /* of the path at hand */
    size_t *best;    /* of the best match so far */
    bool matched;
    int64_t steps;
};

static size_t border_count(const struct regex *regex)
{
    return 2 * regex->groups;
}

static bool in_ranges(const struct set *set, int32_t c)
{
    for (size_t i = 0; i < set->count; i++)
        if (c >= set->ranges[i].from && c <= set->ranges[i].to)
            return true;
    return false;
}

static bool in_set(const struct regex *regex, const struct set *set, int32_t c)
{
    bool found = in_ranges(set, c);
    if (!found && regex->fold && c < 128 && ascii_is_alpha((char)c))
        found = in_ranges(set, c ^ 32);
    return found != set->but;
}

static void note_match(struct following *f, size_t place)
{
    const size_t *borders = f->borders;
    if (f->matched && (borders[0] > f->best[0] || (borders[0] == f->best[0] && place <= f->best[1])))
        return;
    f->matched = true;
    memcpy(f->best, borders, border_count(f->regex) * sizeof(*borders));
    f->best[1] = place;
}

static void keep_state(struct following *f, struct states *to, uint32_t at)
{
    const size_t borders = border_count(f->regex);
    to->at[to->count] = at;
    memcpy(to->borders + to->count * borders, f->borders, borders * sizeof(*f->borders));
    to->count++;
}

/* Pushes what follows a step that takes no character. */
static size_t go_on(struct following *f, struct states *to, uint32_t at, size_t place, size_t depth)
{
    const struct regex_step *step = &f->regex->steps[at];
    switch (step->code) {
    case REGEX_SET:
        keep_state(f, to, at);
        break;
    case REGEX_MATCH:
        note_match(f, place);
        break;
    case REGEX_JUMP:
        f->stack[depth++] = (struct visit){.at = step->a};
        break;
    case REGEX_SPLIT:
        f->stack[depth++] = (struct visit){.at = step->b};
        f->stack[depth++] = (struct visit){.at = step->a};
        break;
    case REGEX_SAVE:
        f->stack[depth++] = (struct visit){.restore = true, .border = step->a, .place = f->borders[step->a]};
        f->borders[step->a] = place;
        f->stack[depth++] = (struct visit){.at = at + 1};
        break;
    case REGEX_START:
    case REGEX_END:
        if (place == (step->code == REGEX_START ? 0 : f->text.n))
            f->stack[depth++] = (struct visit){.at = at + 1};
        break;
    }
    return depth;
}

/* Enters a step and all that can be reached from it without taking a character. */
static void enter(struct following *f, struct states *to, uint32_t at, size_t place)
{
    size_t depth = 0;
    f->stack[depth++] = (struct visit){.at = at};
    while (depth > 0) {
        const struct visit visit = f->stack[--depth];
        if (visit.restore) {
            f->borders[visit.border] = visit.place;
            continue;
        }
        if (f->seen[visit.at] == place + 1)
            continue;
        f->seen[visit.at] = place + 1;
        f->steps++;
        depth = go_on(f, to, visit.at, place, depth);
    }
}

static void enter_start(struct following *f, size_t place)
{
    for (size_t i = 0; i < border_count(f->regex); i++)
        f->borders[i] = NOWHERE;
    enter(f, &f->now, 0, place);
}

/* All living states take the character. */
static void take_character(struct following *f, int32_t c, size_t place)
{
    const size_t borders = border_count(f->regex);
    f->then.count = 0;
    for (size_t i = 0; i < f->now.count; i++) {
        const struct regex_step *step = &f->regex->steps[f->now.at[i]];
        f->steps++;
        if (!in_set(f->regex, &step->set, c))
            continue;
        memcpy(f->borders, f->now.borders + i * borders, borders * sizeof(*f->borders));
        enter(f, &f->then, f->now.at[i] + 1, place);
    }
    struct states swap = f->now;
    f->now = f->then;
    f->then = swap;
}

static bool make_states(struct arena *arena, const struct regex *regex, struct states *states)
{
    states->at = arena_array(arena, regex->count, sizeof(*states->at));
    states->borders = arena_array(arena, regex->count, border_count(regex) * sizeof(*states->borders));
    return states->at != NULL && states->borders != NULL;
}

static bool make(struct arena *arena, const struct regex *regex, struct following *f)
{
    /* Each step is entered once a place, and leaves at most two visits. */
    f->seen = arena_array(arena, regex->count, sizeof(*f->seen));
    f->stack = arena_array(arena, 2 * regex->count + 2, sizeof(*f->stack));
    f->borders = arena_array(arena, border_count(regex), sizeof(*f->borders));
    f->best = arena_array(arena, border_count(regex), sizeof(*f->best));
    return make_states(arena, regex, &f->now) && make_states(arena, regex, &f->then) && f->seen != NULL &&
           f->stack != NULL && f->borders != NULL && f->best != NULL;
}

static void put_spans(const struct following *f, struct wildcard_span *spans)
{
    for (size_t i = 0; i < f->regex->groups; i++) {
        const size_t from = f->best[2 * i], to = f->best[2 * i + 1];
        const bool took_part = from != NOWHERE && to != NOWHERE && from <= to;
        spans[i] = took_part ? (struct wildcard_span){from, to - from} : (struct wildcard_span){0, 0};
    }
}

bool regex_match(struct arena *arena, const struct regex *regex, struct slice text, int64_t steps_max,
                 struct wildcard_span *spans, struct regex_result *ret)
{
    struct following f = {.regex = regex, .text = text};
    if (!make(arena, regex, &f))
        return false;
    struct cursor c = cursor_of(text);
    for (;;) {
        const size_t place = text.n - cursor_left(&c);
        if (!f.matched)
            enter_start(&f, place);
        if (cursor_done(&c) || (f.matched && f.now.count == 0) || f.steps > steps_max)
            break;
        const int32_t character = regex_next(&c);
        take_character(&f, character, text.n - cursor_left(&c));
    }
    *ret = (struct regex_result){f.matched && f.steps <= steps_max, regex->groups, f.steps};
    if (ret->matched)
        put_spans(&f, spans);
    return true;
}
