#include <unistd.h>

#include "admin/advise.h"
#include "admin/cli_parts.h"
#include "admin/size.h"

/* The questions of `posthorn account advise`, at a terminal. */

enum { ANSWER_MAX = 64, LANGUAGE_AT = 2 /* letters of $LANG */ };

static const struct question {
    const char *name;
    enum argument_kind kind;
    const char *text[2];
} questions[] = {
#define X(name, kind, english, german) {#name, ARGUMENT_##kind, {english, german}},
    ADVISE_QUESTION_TABLE(X)
#undef X
};

static json_t *understand(const struct question *question, struct slice answer)
{
    uint64_t number;
    if (question->kind == ARGUMENT_NUMBER)
        return slice_to_u64(answer, &number) && number <= INT64_MAX ? json_integer((json_int_t)number) : NULL;
    if (question->kind == ARGUMENT_SIZE)
        return size_parse(answer, &number) ? json_integer((json_int_t)number) : NULL;
    bool yes = slice_starts_nocase(S("yes"), answer) || slice_starts_nocase(S("ja"), answer);
    bool no = slice_starts_nocase(S("no"), answer) || slice_starts_nocase(S("nein"), answer);
    return answer.n > 0 && yes != no ? json_boolean(yes) : NULL;
}

/* Until an answer is understood; an empty one leaves it open. False: there are no more answers. */
static bool ask(const struct question *question, bool german, json_t *request)
{
    char line[ANSWER_MAX];
    for (;;) {
        fprintf(stderr, "%s%s ", question->text[german ? 1 : 0],
                question->kind != ARGUMENT_YES_NO ? ""
                : german                          ? " [ja/nein]"
                                                  : " [yes/no]");
        if (fgets(line, sizeof(line), stdin) == NULL)
            return false;
        struct slice answer = slice_trim(slice_cstr(line));
        if (answer.n == 0)
            return true;
        json_t *value = understand(question, answer);
        if (value != NULL)
            return json_object_set_new(request, question->name, value) == 0;
    }
}

enum err cli_advise(struct cli_request *request, struct error *error)
{
    const char *language = getenv("LANG");
    bool given = json_object_get(request->request, "language") != NULL;
    if (!given && language != NULL && strncmp(language, "de", LANGUAGE_AT) == 0 &&
        json_object_set_new(request->request, "language", json_string("de")) != 0)
        return fail_nomem(error);
    bool nothing_said = true;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        nothing_said = nothing_said && json_object_get(request->request, questions[i].name) == NULL;
    const char *chosen = json_string_value(json_object_get(request->request, "language"));
    bool german = chosen != NULL && strcmp(chosen, "de") == 0;
    bool more = nothing_said && isatty(STDIN_FILENO);
    for (size_t i = 0; more && i < ARRAY_LEN(questions); i++)
        more = ask(&questions[i], german, request->request);
    return ERR_OK;
}
