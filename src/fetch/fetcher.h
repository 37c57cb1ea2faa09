/*
 * The fetcher: fetch.h's request made, with libcurl, in the one process that may (relay).
 *
 * fetcher_create reads all files (authorities, name servers) and so comes before the sandbox; fetcher_start
 * makes threads and comes after it. Every fetch is a connection of its own.
 *
 * Errors: fetch.h. A missing file of authorities is none: then no https can be trusted, and each fetch says
 * so. Threads: fetcher_fetch any.
 */
#ifndef POSTHORN_FETCH_FETCHER_H
#define POSTHORN_FETCH_FETCHER_H

#include "fetch/fetch.h"

struct fetcher;

enum err fetcher_create(const char *ca_file, const char *resolver, struct fetcher **ret_fetcher,
                        struct error *error) MUST_CHECK;
enum err fetcher_start(struct fetcher *fetcher, struct error *error) MUST_CHECK;
void fetcher_destroy(struct fetcher *fetcher);
/* A fetch_fn; context is the fetcher. */
fetch_fn fetcher_fetch;
/* Its resolver, for others of the process. */
struct resolver *fetcher_resolver(struct fetcher *fetcher);
/* The authorities that are trusted, for others of the process; the fetcher's. */
struct x509_store_st *fetcher_store(struct fetcher *fetcher);
/* How many authorities are trusted. */
size_t fetcher_authorities(const struct fetcher *fetcher);

#endif
