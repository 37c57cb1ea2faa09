#include "fetch/fetcher.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/must.h"
#include "fetch/resolver.h"

struct fetcher {
    X509_STORE *authorities;
    size_t authority_count;
    struct resolver *resolver;
    atomic_uint under_way;
};

/* One fetch. */
struct fetch {
    struct fetcher *fetcher;
    const struct fetch_request *request;
    CURL *curl;
    struct curl_slist *headers;
    struct curl_slist *addresses; /* for CURLOPT_RESOLVE */
    struct buf body;
    size_t header_bytes;
    struct buf kept; /* headers, where they are wanted */
    bool too_long;
};

/* --- before the sandbox --- */

/* All certificates of the file; *ret_count 0 when there is none, or no file. */
static enum err read_authorities(const char *file, X509_STORE *store, size_t *ret_count, struct error *error)
{
    STACK_OF(X509_INFO) *found = NULL;
    size_t count = 0;
    BIO *in = BIO_new_file(file, "r");
    if (in != NULL)
        found = PEM_X509_INFO_read_bio(in, NULL, NULL, NULL);
    BIO_free(in);
    bool good = true;
    for (int i = 0; good && i < sk_X509_INFO_num(found); i++) {
        X509 *certificate = sk_X509_INFO_value(found, i)->x509;
        if (certificate == NULL)
            continue;
        good = X509_STORE_add_cert(store, certificate) == 1;
        count++;
    }
    sk_X509_INFO_pop_free(found, X509_INFO_free);
    if (!good)
        return fail_nomem(error);
    *ret_count = count;
    return ERR_OK;
}

enum err fetcher_create(const char *ca_file, const char *resolver, struct fetcher **ret_fetcher,
                        struct error *error)
{
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        return fail(error, ERR_NOMEM, NULL, "libcurl does not start");
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
    if (fetcher == NULL)
        return fail_nomem(error);
    fetcher->authorities = X509_STORE_new();
    enum err err = fetcher->authorities != NULL ? ERR_OK : fail_nomem(error);
    if (err == ERR_OK)
        err = read_authorities(ca_file, fetcher->authorities, &fetcher->authority_count, error);
    if (err == ERR_OK)
        err = resolver_create(resolver, &fetcher->resolver, error);
    if (err != ERR_OK) {
        fetcher_destroy(fetcher);
        return err;
    }
    *ret_fetcher = fetcher;
    return ERR_OK;
}

enum err fetcher_start(struct fetcher *fetcher, struct error *error)
{
    return resolver_start(fetcher->resolver, error);
}

void fetcher_destroy(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    resolver_destroy(fetcher->resolver);
    X509_STORE_free(fetcher->authorities);
    free(fetcher);
}

struct resolver *fetcher_resolver(struct fetcher *fetcher)
{
    return fetcher->resolver;
}

X509_STORE *fetcher_store(struct fetcher *fetcher)
{
    return fetcher->authorities;
}

size_t fetcher_authorities(const struct fetcher *fetcher)
{
    return fetcher->authority_count;
}

/* --- where to --- */

struct target {
    bool tls;
    char *host; /* without brackets; curl's */
    char *port; /* curl's */
};

static void target_release(struct target *target)
{
    curl_free(target->host);
    curl_free(target->port);
}

static enum err read_url(const char *url, struct target *target, struct error *error)
{
    char *scheme = NULL;
    CURLU *parts = curl_url();
    if (parts == NULL)
        return fail_nomem(error);
    bool good = curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_HOST, &target->host, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_PORT, &target->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    target->tls = good && strcmp(scheme, "https") == 0;
    good = good && (target->tls || strcmp(scheme, "http") == 0);
    size_t n = good ? strlen(target->host) : 0;
    if (n > 2 && target->host[0] == '[') {
        memmove(target->host, target->host + 1, n - 2);
        target->host[n - 2] = 0;
    }
    curl_free(scheme);
    curl_url_cleanup(parts);
    return good ? ERR_OK : fail(error, ERR_INVALID, NULL, "not a URL that may be asked: %s", url);
}

/* curl is told the addresses, so that it never asks glibc, whose resolver opens files. */
static enum err find_addresses(struct fetch *fetch, const struct target *target, int64_t deadline_us,
                               struct error *error)
{
    struct resolver_address addresses[FETCH_ADDRESSES_MAX];
    size_t count = 0;
    CLEANUP(buf_release) struct buf line = BUF(FETCH_URL_MAX + FETCH_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3));
    enum err err = resolver_addresses(fetch->fetcher->resolver, slice_cstr(target->host), deadline_us,
                                      addresses, ARRAY_LEN(addresses), &count, error);
    if (err != ERR_OK)
        return err;
    buf_printf(&line, "%s:%s:", target->host, target->port);
    for (size_t i = 0; i < count; i++) {
        char text[INET6_ADDRSTRLEN];
        if (!target->tls && !resolver_is_loopback(&addresses[i]))
            return fail(error, ERR_INVALID, NULL, "http only to this machine, not to %s", target->host);
        if (fetch->request->public_only && !resolver_is_public(&addresses[i]))
            return fail(error, ERR_DENIED, NULL, "%s is in a private network", target->host);
        resolver_address_text(&addresses[i], text);
        buf_printf(&line, addresses[i].family == AF_INET6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
    }
    const char *text = buf_cstr(&line);
    fetch->addresses = text != NULL ? curl_slist_append(NULL, text) : NULL;
    return fetch->addresses != NULL ? ERR_OK : fail_nomem(error);
}

/* --- the exchange --- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    buf_put(&fetch->body, slice_of(bytes, size * count));
    fetch->too_long = fetch->too_long || buf_failed(&fetch->body);
    return fetch->too_long ? 0 : size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    fetch->header_bytes += size * count;
    fetch->too_long = fetch->too_long || fetch->header_bytes > FETCH_ANSWER_HEADERS_MAX;
    if (fetch->request->ret_headers != NULL)
        buf_put(&fetch->kept, slice_of(bytes, size * count));
    return fetch->too_long ? 0 : size * count;
}

/* Those read at the start; curl would open a file for each connection. */
static CURLcode trust_authorities(CURL *curl, void *ssl_context, void *context)
{
    struct fetch *fetch = context;
    (void)curl;
    SSL_CTX_set1_cert_store(ssl_context, fetch->fetcher->authorities);
    return SSL_CTX_set_min_proto_version(ssl_context, TLS1_2_VERSION) == 1 ? CURLE_OK
                                                                           : CURLE_SSL_CONNECT_ERROR;
}

static bool add_header(struct fetch *fetch, struct slice line)
{
    char text[FETCH_HEADER_LINE_MAX + 1];
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(line));
    struct curl_slist *longer = curl_slist_append(fetch->headers, text);
    if (longer == NULL)
        return false;
    fetch->headers = longer;
    return true;
}

static enum err set_headers(struct fetch *fetch, struct error *error)
{
    const struct fetch_request *request = fetch->request;
    /* No "Expect: 100-continue": it costs a second with servers that don't know it. */
    bool good = add_header(fetch, S("Expect:"));
    for (size_t i = 0; good && i < request->header_count; i++)
        good = add_header(fetch, request->headers[i]);
    return good ? ERR_OK : fail_nomem(error);
}

/* The first option that is not taken sticks. */
#define SET(option, value) result = result != CURLE_OK ? result : curl_easy_setopt(curl, option, value)

static enum err set_options(struct fetch *fetch, const struct target *target, const char *url,
                            int64_t deadline_us, struct error *error)
{
    CURL *curl = fetch->curl;
    CURLcode result = CURLE_OK;
    long left_ms = (long)MAX((deadline_us - clock_mono_us()) / CLOCK_MS, INT64_C(1));
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, target->tls ? "https" : "http");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_TIMEOUT_MS, left_ms);
    SET(CURLOPT_RESOLVE, fetch->addresses);
    SET(CURLOPT_USERAGENT, "Posthorn");
    SET(CURLOPT_HTTPHEADER, fetch->headers);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSL_CTX_FUNCTION, trust_authorities);
    SET(CURLOPT_SSL_CTX_DATA, fetch);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, fetch);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, fetch);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->request->body_max);
    if (fetch->request->method == FETCH_POST) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->request->body.n);
        SET(CURLOPT_COPYPOSTFIELDS, fetch->request->body.n > 0 ? fetch->request->body.p : "");
    }
    return result == CURLE_OK ? ERR_OK : fail(error, ERR_NOMEM, NULL, "curl: %s", curl_easy_strerror(result));
}

static enum err perform(struct fetch *fetch, const char *url, struct error *error)
{
    char words[CURL_ERROR_SIZE] = "";
    (void)curl_easy_setopt(fetch->curl, CURLOPT_ERRORBUFFER, words);
    CURLcode result = curl_easy_perform(fetch->curl);
    (void)curl_easy_setopt(fetch->curl, CURLOPT_ERRORBUFFER, NULL);
    const char *why = words[0] != 0 ? words : curl_easy_strerror(result);
    if (fetch->too_long || result == CURLE_FILESIZE_EXCEEDED)
        return fail(error, ERR_LIMIT, NULL, "%s: the answer is too long", url);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return fail(error, ERR_TIMEOUT, NULL, "%s: %s", url, why);
    return result == CURLE_OK ? ERR_OK : fail(error, ERR_UNAVAILABLE, NULL, "%s: %s", url, why);
}

static void fetch_release(struct fetch *fetch)
{
    if (fetch->curl != NULL)
        curl_easy_cleanup(fetch->curl);
    curl_slist_free_all(fetch->headers);
    curl_slist_free_all(fetch->addresses);
    buf_release(&fetch->body);
    buf_release(&fetch->kept);
}

static enum err fetch_run(struct fetch *fetch, struct arena *arena, struct fetch_answer *ret_answer,
                          struct error *error)
{
    char url[FETCH_URL_MAX + 1];
    CLEANUP(target_release) struct target target = {0};
    int64_t deadline = clock_mono_us() + fetch->request->timeout_us;
    long status = 0;
    snprintf(url, sizeof(url), "%.*s", SLICE_ARGS(fetch->request->url));
    enum err err = read_url(url, &target, error);
    if (err == ERR_OK && target.tls && fetch->fetcher->authority_count == 0)
        err = fail(error, ERR_UNAVAILABLE, NULL, "%s: no authority is trusted; see ca-file", url);
    if (err == ERR_OK)
        err = find_addresses(fetch, &target, deadline, error);
    if (err == ERR_OK && (fetch->curl = curl_easy_init()) == NULL)
        err = fail_nomem(error);
    if (err == ERR_OK)
        err = set_headers(fetch, error);
    if (err == ERR_OK)
        err = set_options(fetch, &target, url, deadline, error);
    if (err == ERR_OK)
        err = perform(fetch, url, error);
    if (err != ERR_OK)
        return err;
    (void)curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
    char *type = NULL; /* curl's */
    (void)curl_easy_getinfo(fetch->curl, CURLINFO_CONTENT_TYPE, &type);
    struct fetch_answer answer = {(unsigned)status, arena_dup(arena, buf_slice(&fetch->body)),
                                  arena_dup(arena, slice_sub(slice_cstr(type), 0, FETCH_CONTENT_TYPE_MAX))};
    if (fetch->request->ret_headers != NULL)
        *fetch->request->ret_headers = arena_dup(arena, buf_slice(&fetch->kept));
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret_answer = answer;
    return ERR_OK;
}

enum err fetcher_fetch(void *context, const struct fetch_request *request, struct arena *arena,
                       struct fetch_answer *ret_answer, struct error *error)
{
    struct fetcher *fetcher = context;
    enum err err = fetch_check(request, error);
    if (err != ERR_OK)
        return err;
    if (atomic_fetch_add(&fetcher->under_way, 1) >= FETCHES_AT_ONCE) {
        err = fail(error, ERR_BUSY, NULL, "%d fetches are under way", FETCHES_AT_ONCE);
    } else {
        CLEANUP(fetch_release)
        struct fetch fetch = {.fetcher = fetcher,
                              .request = request,
                              .body = BUF(request->body_max),
                              .kept = BUF(FETCH_ANSWER_HEADERS_MAX)};
        err = fetch_run(&fetch, arena, ret_answer, error);
    }
    atomic_fetch_sub(&fetcher->under_way, 1);
    return err;
}
