#include "authres/dkim_key.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "authres/tags.h"
#include "base/must.h"

enum { ANSWER_ARENA_MAX = 256 << 10 };

void dkim_key_release(struct dkim_key *key)
{
    EVP_PKEY_free(key->public);
    key->public = NULL;
}

static bool no_key(struct dkim_outcome *why, enum dkim_result result, const char *reason)
{
    *why = (struct dkim_outcome){result, reason};
    return false;
}

/* --- the key itself --- */

/* What RFC 6376 3.6.1 says (RSAPublicKey) and what everybody publishes (SubjectPublicKeyInfo, appendix C). */
static EVP_PKEY *read_rsa(struct slice der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.n);
    if (key == NULL) {
        p = (const unsigned char *)der.p;
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.n);
    }
    ERR_clear_error();
    if (key != NULL &&
        (p != (const unsigned char *)der.p + der.n || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static EVP_PKEY *read_ed25519(struct slice raw)
{
    if (raw.n != DKIM_ED25519_SIZE)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)raw.p, raw.n);
}

static bool read_key(struct slice data, enum dkim_algorithm algorithm, struct dkim_key *key,
                     struct dkim_outcome *why)
{
    CLEANUP(buf_release) struct buf bytes = BUF(DKIM_KEY_RECORD_MAX);
    if (!tag_base64(data, &bytes))
        return no_key(why, DKIM_PERMERROR, "key syntax error");
    key->public =
        algorithm == DKIM_RSA_SHA256 ? read_rsa(buf_slice(&bytes)) : read_ed25519(buf_slice(&bytes));
    if (key->public == NULL)
        return no_key(why, DKIM_PERMERROR, "key syntax error");
    key->bits = (unsigned)EVP_PKEY_get_bits(key->public);
    if (algorithm == DKIM_RSA_SHA256 && key->bits < DKIM_RSA_BITS_MIN)
        return no_key(why, DKIM_POLICY, "key too short");
    if (algorithm == DKIM_RSA_SHA256 && key->bits > DKIM_RSA_BITS_MAX)
        return no_key(why, DKIM_POLICY, "key too long");
    return true;
}

/* --- the record --- */

bool dkim_key_parse(struct slice record, enum dkim_algorithm algorithm, struct dkim_key *ret_key,
                    struct dkim_outcome *ret_why)
{
    struct tag_list tags;
    if (record.n > DKIM_KEY_RECORD_MAX || !tag_list_parse(record, &tags))
        return no_key(ret_why, DKIM_PERMERROR, "key syntax error");
    const struct tag *version = tag_list_find(&tags, S("v"));
    const struct tag *data = tag_list_find(&tags, S("p"));
    const struct tag *type = tag_list_find(&tags, S("k"));
    const struct tag *hashes = tag_list_find(&tags, S("h"));
    const struct tag *services = tag_list_find(&tags, S("s"));
    if (version != NULL && (version != tags.tags || !slice_eq(version->value, S("DKIM1"))))
        return no_key(ret_why, DKIM_PERMERROR, "incompatible key version");
    if (data == NULL)
        return no_key(ret_why, DKIM_PERMERROR, "key syntax error");
    if (services != NULL && !tag_items_have(services->value, S("*")) &&
        !tag_items_have(services->value, S("email")))
        return no_key(ret_why, DKIM_PERMERROR, "key is not for mail");
    if (hashes != NULL && !tag_items_have(hashes->value, S("sha256")))
        return no_key(ret_why, DKIM_PERMERROR, "inappropriate hash algorithm");
    if (data->value.n == 0)
        return no_key(ret_why, DKIM_PERMERROR, "key revoked");
    if (!slice_eq_nocase(type != NULL ? type->value : S("rsa"),
                         algorithm == DKIM_RSA_SHA256 ? S("rsa") : S("ed25519")))
        return no_key(ret_why, DKIM_PERMERROR, "inappropriate key algorithm");
    struct slice flags = tag_list_value(&tags, S("t"));
    struct dkim_key key = {.testing = tag_items_have(flags, S("y")), .strict = tag_items_have(flags, S("s"))};
    if (!read_key(data->value, algorithm, &key, ret_why)) {
        dkim_key_release(&key);
        return false;
    }
    *ret_key = key;
    return true;
}

/* The strings of a TXT record, joined (3.6.2.2). False: no such record, or too long. */
static bool join_strings(struct slice data, struct buf *out)
{
    while (data.n > 0) {
        size_t n = (unsigned char)data.p[0];
        if (n > data.n - 1)
            return false;
        buf_put(out, slice_sub(data, 1, n));
        data = slice_from(data, 1 + n);
    }
    return !buf_failed(out);
}

static bool choose_record(const struct resolver_records *records, enum dkim_algorithm algorithm,
                          struct dkim_key *ret_key, struct dkim_outcome *ret_why)
{
    /* 6.1.2 step 4: one after the other, until one can be used. */
    no_key(ret_why, DKIM_PERMERROR, "no key for signature");
    for (size_t i = 0; i < records->count; i++) {
        CLEANUP(buf_release) struct buf text = BUF(DKIM_KEY_RECORD_MAX);
        if (!join_strings(records->data[i], &text))
            no_key(ret_why, DKIM_PERMERROR, "key syntax error");
        else if (dkim_key_parse(buf_slice(&text), algorithm, ret_key, ret_why))
            return true;
    }
    return false;
}

static bool ask(const struct authres_dns *dns, struct slice domain, struct slice selector,
                int64_t deadline_us, struct arena *arena, struct resolver_records *ret_records,
                struct dkim_outcome *ret_why)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX);
    struct error error;
    buf_put(&name, selector);
    buf_put(&name, S("._domainkey."));
    buf_put(&name, domain);
    if (buf_failed(&name))
        return no_key(ret_why, DKIM_PERMERROR, "no key for signature");
    switch (
        dns->records(dns->context, buf_slice(&name), RESOLVER_TXT, deadline_us, arena, ret_records, &error)) {
    case ERR_OK:
        return true;
    case ERR_INVALID:
        return no_key(ret_why, DKIM_PERMERROR, "no key for signature");
    default:
        return no_key(ret_why, DKIM_TEMPERROR, "key unavailable");
    }
}

bool dkim_key_fetch(const struct authres_dns *dns, struct slice domain, struct slice selector,
                    enum dkim_algorithm algorithm, int64_t deadline_us, struct dkim_key *ret_key,
                    struct dkim_outcome *ret_why)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ANSWER_ARENA_MAX);
    struct resolver_records records = {0};
    return ask(dns, domain, selector, deadline_us, &arena, &records, ret_why) &&
           choose_record(&records, algorithm, ret_key, ret_why);
}

/* p= of a record, decoded. */
static bool read_data(struct slice record, struct buf *out)
{
    struct tag_list tags;
    return tag_list_parse(record, &tags) && tag_base64(tag_list_value(&tags, S("p")), out) && out->n > 0;
}

bool dkim_key_is_published(const struct authres_dns *dns, struct slice domain, struct slice selector,
                           struct slice record, int64_t deadline_us, struct dkim_outcome *ret_why)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ANSWER_ARENA_MAX);
    CLEANUP(buf_release) struct buf wanted = BUF(DKIM_KEY_RECORD_MAX);
    struct resolver_records records = {0};
    if (!read_data(record, &wanted))
        return no_key(ret_why, DKIM_PERMERROR, "key syntax error");
    if (!ask(dns, domain, selector, deadline_us, &arena, &records, ret_why))
        return no_key(ret_why, ret_why->result, "the DNS does not answer");
    for (size_t i = 0; i < records.count; i++) {
        CLEANUP(buf_release) struct buf text = BUF(DKIM_KEY_RECORD_MAX);
        CLEANUP(buf_release) struct buf there = BUF(DKIM_KEY_RECORD_MAX);
        if (join_strings(records.data[i], &text) && read_data(buf_slice(&text), &there) &&
            slice_eq(buf_slice(&there), buf_slice(&wanted)))
            return true;
    }
    return no_key(ret_why, DKIM_PERMERROR,
                  records.count > 0 ? "the DNS has another record" : "the DNS has no such record");
}

/* --- checking --- */

static bool verify_rsa(const struct dkim_key *key, const unsigned char *hash, struct slice signature)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->public, NULL);
    bool good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                EVP_PKEY_verify(context, (const unsigned char *)signature.p, signature.n, hash, 32) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

/* RFC 8463 3: the hash is what is signed, with PureEdDSA. */
static bool verify_ed25519(const struct dkim_key *key, const unsigned char *hash, struct slice signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->public) == 1 &&
                EVP_DigestVerify(context, (const unsigned char *)signature.p, signature.n, hash, 32) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

bool dkim_key_verify(const struct dkim_key *key, const unsigned char hash[static 32], struct slice signature)
{
    bool good = EVP_PKEY_get_base_id(key->public) == EVP_PKEY_ED25519 ? verify_ed25519(key, hash, signature)
                                                                      : verify_rsa(key, hash, signature);
    ERR_clear_error();
    return good;
}
