#include "acme/message.h"

#include <time.h>

#include "rt/json.h"

#define PROBLEM_PREFIX "urn:ietf:params:acme:error:"

enum { RETRY_MAX = 30 * 24 * 3600 /* seconds; a longer one is cut */, DATE_MAX = 40 };

static struct slice text_of(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);
    return json_is_string(text) ? slice_of(json_string_value(text), json_string_length(text)) : slice_none();
}

static bool is_url(struct slice url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f)
            return false;
    return slice_starts(url, S("https://")) && url.n <= ACME_ANSWER_URL_MAX;
}

/* A URL that must be one; p NULL: it is none. */
static struct slice url_of(const json_t *object, const char *name, struct arena *arena)
{
    struct slice url = text_of(object, name);
    return is_url(url) ? arena_dup(arena, url) : slice_none();
}

static bool status_of(const json_t *object, enum acme_status *ret)
{
    static const char *const names[] = {
#define X(name, text) text,
        ACME_STATUS_TABLE(X)
#undef X
    };
    struct slice status = text_of(object, "status");
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq(status, slice_cstr(names[i]))) {
            *ret = (enum acme_status)i;
            return true;
        }
    return false;
}

static json_t *load(struct slice json)
{
    json_t *object = NULL;
    struct error error;
    if (json_read(json, &object, &error) != ERR_OK)
        return NULL;
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

/* For the log and a terminal: one line of ASCII. */
static struct slice one_line(struct slice text, struct arena *arena)
{
    struct slice copy = arena_dup(arena, slice_sub(text, 0, ACME_DETAIL_MAX));
    char *p = (char *)copy.p; /* ours */
    for (size_t i = 0; copy.p != NULL && i < copy.n; i++)
        if (p[i] < ' ' || p[i] >= 0x7f)
            p[i] = '?';
    return copy.p != NULL ? copy : slice_none();
}

static struct acme_problem problem_of(const json_t *object, struct arena *arena)
{
    struct slice type = text_of(object, "type");
    struct slice detail = text_of(object, "detail");
    const json_t *parts = json_object_get(object, "subproblems");
    if (slice_starts(type, S(PROBLEM_PREFIX)))
        type = slice_from(type, sizeof(PROBLEM_PREFIX) - 1);
    /* RFC 8555 6.7.1: the first of them says more than the whole. */
    if (json_array_size(parts) > 0 && text_of(json_array_get(parts, 0), "detail").n > 0)
        detail = text_of(json_array_get(parts, 0), "detail");
    return (struct acme_problem){one_line(type, arena), one_line(detail, arena)};
}

struct acme_problem acme_read_problem(struct slice json, struct arena *arena)
{
    json_t *object = load(json);
    struct acme_problem problem = problem_of(object, arena);
    json_decref(object);
    return problem;
}

bool acme_read_directory(struct slice json, struct arena *arena, struct acme_directory *ret)
{
    json_t *object = load(json);
    struct acme_directory directory = {
        .new_nonce = url_of(object, "newNonce", arena),
        .new_account = url_of(object, "newAccount", arena),
        .new_order = url_of(object, "newOrder", arena),
        .wants_account =
            json_is_true(json_object_get(json_object_get(object, "meta"), "externalAccountRequired")),
    };
    json_decref(object);
    if (directory.new_nonce.p == NULL || directory.new_account.p == NULL || directory.new_order.p == NULL)
        return false;
    *ret = directory;
    return true;
}

bool acme_read_order(struct slice json, struct arena *arena, struct acme_order *ret)
{
    json_t *object = load(json);
    const json_t *list = json_object_get(object, "authorizations");
    struct acme_order order = {.finalize = url_of(object, "finalize", arena),
                               .certificate = url_of(object, "certificate", arena),
                               .problem = problem_of(json_object_get(object, "error"), arena)};
    bool good = object != NULL && status_of(object, &order.status) && order.finalize.p != NULL &&
                json_array_size(list) <= ACME_AUTHORIZATIONS_MAX;
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct slice url = slice_of(json_string_value(item), json_string_length(item));
        good = is_url(url);
        if (good)
            order.authorizations[order.count++] = arena_dup(arena, url);
    }
    json_decref(object);
    if (!good || arena_failed(arena))
        return false;
    *ret = order;
    return true;
}

bool acme_token_valid(struct slice token)
{
    for (size_t i = 0; i < token.n; i++)
        if (!ascii_is_alnum(token.p[i]) && token.p[i] != '-' && token.p[i] != '_')
            return false;
    return token.n > 0 && token.n <= ACME_TOKEN_MAX;
}

static bool read_offer(const json_t *object, struct arena *arena, struct acme_offer *ret)
{
    struct acme_offer offer = {.type = one_line(text_of(object, "type"), arena),
                               .url = url_of(object, "url", arena),
                               .token = arena_dup(arena, text_of(object, "token")),
                               .problem = problem_of(json_object_get(object, "error"), arena)};
    if (offer.type.n == 0 || offer.url.p == NULL || !acme_token_valid(offer.token))
        return false; /* of a kind that we don't know, perhaps */
    *ret = offer;
    return true;
}

bool acme_read_authorization(struct slice json, struct arena *arena, struct acme_authorization *ret)
{
    json_t *object = load(json);
    const json_t *list = json_object_get(object, "challenges");
    struct acme_authorization authorization = {
        .name = one_line(text_of(json_object_get(object, "identifier"), "value"), arena),
        .wildcard = json_is_true(json_object_get(object, "wildcard"))};
    bool good = object != NULL && status_of(object, &authorization.status) && authorization.name.n > 0;
    for (size_t i = 0; good && i < json_array_size(list) && authorization.count < ACME_OFFERS_MAX; i++)
        authorization.count +=
            read_offer(json_array_get(list, i), arena, &authorization.offers[authorization.count]);
    json_decref(object);
    if (!good || arena_failed(arena))
        return false;
    *ret = authorization;
    return true;
}

/* --- headers --- */

struct slice acme_header(struct slice headers, struct slice name)
{
    struct slice line, key, value;
    struct slice found = slice_none();
    while (headers.n > 0) {
        slice_cut(headers, '\n', &line, &headers);
        if (slice_starts(line, S("HTTP/"))) /* another answer begins: 100 goes before 200 */
            found = slice_none();
        if (slice_cut(line, ':', &key, &value) && slice_eq_nocase(key, name))
            found = slice_trim(value);
    }
    return found;
}

int64_t acme_retry_after(struct slice headers, int64_t now)
{
    struct slice value = acme_header(headers, S("Retry-After"));
    char text[DATE_MAX];
    uint64_t seconds;
    struct tm tm = {0};
    if (slice_to_u64(value, &seconds))
        return (int64_t)MIN(seconds, (uint64_t)RETRY_MAX);
    if (value.n == 0 || value.n >= sizeof(text))
        return 0;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(value));
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (end == NULL || *end != 0)
        return 0;
    int64_t until = (int64_t)timegm(&tm) - now;
    return until < 0 ? 0 : MIN(until, (int64_t)RETRY_MAX);
}
