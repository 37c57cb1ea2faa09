/*
 * SPF for a test in another language: each line of standard input is a JSON object with the records of the
 * world and questions, each line of output the answers.
 *
 *   {"zone": {"a.example": {"TXT": ["hex of a record", ...], "A": "TIMEOUT"},
 *             "b.example": {"CNAME": "a.example"}},
 *    "queries": [{"ip": "192.0.2.1", "from": "x@a.example", "helo": "h.example"}]}
 *   [["pass", "explanation", "reason"], ...]
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "authres/spf.h"

enum { ARENA_BYTES = 16 * 1024 * 1024, NAME_TEXT_MAX = 512, CHAIN_MAX = 8 };

static const char *type_name(int type)
{
    switch (type) {
    case RESOLVER_A:
        return "A";
    case RESOLVER_AAAA:
        return "AAAA";
    case RESOLVER_MX:
        return "MX";
    case RESOLVER_PTR:
        return "PTR";
    default:
        return "TXT";
    }
}

static struct slice from_hex(const char *hex, struct arena *arena)
{
    size_t n = strlen(hex) / 2;
    char *bytes = arena_alloc(arena, n + 1);
    for (size_t i = 0; bytes != NULL && i < n; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (char)strtoul(digits, NULL, 16);
    }
    return slice_of(bytes, n);
}

static enum err records(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                        struct resolver_records *ret_records, struct error *error)
{
    const json_t *zone = context;
    char key[NAME_TEXT_MAX];
    (void)deadline_us;
    *ret_records = (struct resolver_records){.canonical = name};
    for (size_t i = 0; i < name.n && i < sizeof(key); i++)
        key[i] = ascii_lower(name.p[i]);
    const json_t *host = json_object_getn(zone, key, MIN(name.n, sizeof(key)));
    for (unsigned hops = 0; json_object_get(host, "CNAME") != NULL && hops < CHAIN_MAX; hops++)
        host = json_object_get(zone, json_string_value(json_object_get(host, "CNAME")));
    ret_records->no_name = host == NULL;
    const json_t *list = json_object_get(host, type_name(type));
    if (list == NULL)
        list = json_object_get(host, "ANY");
    if (json_is_string(list))
        return fail(error, ERR_TIMEOUT, NULL, "as the test wants");
    ret_records->count = json_array_size(list);
    ret_records->data = arena_array(arena, ret_records->count + 1, sizeof(*ret_records->data));
    for (size_t i = 0; ret_records->data != NULL && i < ret_records->count; i++)
        ret_records->data[i] = from_hex(json_string_value(json_array_get(list, i)), arena);
    return ERR_OK;
}

static struct slice text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return slice_of(json_string_value(value), json_string_length(value));
}

static json_t *answer(json_t *zone, const json_t *asked)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_BYTES);
    const struct authres_dns dns = {records, zone};
    struct spf_query query = {.client.family = AF_INET,
                              .sender = text_of(asked, "from"),
                              .helo = text_of(asked, "helo"),
                              .receiver = text_of(asked, "receiver")};
    const char *ip = text_of(asked, "ip").p;
    if (inet_pton(AF_INET, ip, &query.client.v4) != 1) {
        query.client.family = AF_INET6;
        if (inet_pton(AF_INET6, ip, &query.client.v6) != 1)
            return json_null();
    }
    struct spf_answer found = spf_check(&dns, &query, &arena);
    return json_pack("[s s% s%]", spf_result_name(found.result),
                     found.explanation.p != NULL ? found.explanation.p : "", found.explanation.n,
                     found.reason.p != NULL ? found.reason.p : "", found.reason.n);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        json_t *input = json_loads(line, 0, NULL);
        json_t *output = json_array();
        json_t *zone = json_object_get(input, "zone");
        json_t *queries = json_object_get(input, "queries");
        for (size_t i = 0; i < json_array_size(queries); i++)
            json_array_append_new(output, answer(zone, json_array_get(queries, i)));
        json_dumpf(output, stdout, JSON_COMPACT);
        printf("\n");
        fflush(stdout);
        json_decref(output);
        json_decref(input);
    }
    free(line);
    return 0;
}
