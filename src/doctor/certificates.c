/* Certificates and keys: readable, of each other, in force, vouched for, and of the right name. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "rt/tls_client.h"

enum { DAYS_SOON = 14, SECONDS_OVERDUE = 2 * 86400 };

struct pair {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

static void pair_release(struct pair *pair)
{
    X509_free(pair->leaf);
    sk_X509_pop_free(pair->chain, X509_free);
    EVP_PKEY_free(pair->key);
}

bool doctor_served(const struct settings *settings, size_t i, struct served *ret)
{
    struct served own;
    snprintf(own.chain_file, sizeof(own.chain_file), "%s/tls/%s.acme.pem", settings->data_directory,
             settings->hostname);
    snprintf(own.key_file, sizeof(own.key_file), "%s/tls/%s.key.pem", settings->data_directory,
             settings->hostname);
    own.source = SERVED_ACME;
    bool has_own = settings->acme[0] != 0 && access(own.chain_file, F_OK) == 0;
    if (!has_own && settings->certificate_count == 0) {
        own.source = SERVED_SELF_SIGNED;
        snprintf(own.chain_file, sizeof(own.chain_file), "%s/tls/%s.chain.pem", settings->data_directory,
                 settings->hostname);
        has_own = true;
    }
    if (has_own && i == 0) {
        *ret = own;
        return true;
    }
    i -= has_own;
    if (i >= settings->certificate_count)
        return false;
    ret->source = SERVED_FILE;
    snprintf(ret->chain_file, sizeof(ret->chain_file), "%s", settings->certificates[i].chain_file);
    snprintf(ret->key_file, sizeof(ret->key_file), "%s", settings->certificates[i].key_file);
    return true;
}

static void read_pair(const struct served *served, struct pair *ret)
{
    *ret = (struct pair){.chain = sk_X509_new_null()};
    BIO *chain = BIO_new_file(served->chain_file, "r");
    BIO *key = BIO_new_file(served->key_file, "r");
    if (chain != NULL && ret->chain != NULL) {
        ret->leaf = PEM_read_bio_X509(chain, NULL, NULL, NULL);
        for (X509 *next; ret->leaf != NULL && (next = PEM_read_bio_X509(chain, NULL, NULL, NULL)) != NULL;)
            if (sk_X509_push(ret->chain, next) == 0)
                X509_free(next);
    }
    if (key != NULL)
        ret->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    BIO_free(chain);
    BIO_free(key);
}

static void check_expiry(struct doctor *doctor, const struct served *served, const X509 *leaf)
{
    const char *file = served->chain_file;
    int days = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
        return;
    if (days < 0 || seconds < 0)
        doctor_find(doctor, DOCTOR_ERROR, "the certificate in %s has expired", file);
    else if (days < DAYS_SOON)
        doctor_find(doctor, DOCTOR_WARNING, "the certificate in %s expires in %d day%s", file, days,
                    days == 1 ? "" : "s");
    else
        return;
    doctor_why(doctor, "Mail programs refuse to connect, or frighten people, once it has.");
    doctor_cure(
        doctor,
        served->source == SERVED_ACME
            ? "posthorn certificate renew; it says why it did not come by itself"
            : "Renew it (certbot renew), then systemctl reload posthorn; or set acme in posthorn.conf");
}

static void cure_by_acme(struct doctor *doctor)
{
    if (doctor->settings->acme_challenge == ACME_DNS_01) {
        doctor_cure(doctor, "posthorn certificate renew --hook PROGRAM; then every day with --if-due");
        return;
    }
    doctor_cure(
        doctor,
        "In posthorn.conf: acme = letsencrypt; port 80 of %s must be reachable. Then systemctl restart "
        "posthorn",
        doctor->settings->hostname);
}

/* As a mail program does, by the authorities that the settings name. */
static void check_trust(struct doctor *doctor, const char *file, const struct pair *pair)
{
    X509_STORE *authorities = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (authorities != NULL && context != NULL &&
        X509_STORE_load_file(authorities, doctor->settings->ca_file) == 1 &&
        X509_STORE_CTX_init(context, authorities, pair->leaf, pair->chain) == 1) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME); /* said by check_expiry */
        if (X509_verify_cert(context) != 1) {
            doctor_find(doctor, DOCTOR_WARNING, "the certificate in %s can't be verified: %s", file,
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
            doctor_why(doctor, "Mail programs warn of it, or do not connect.");
            cure_by_acme(doctor);
        }
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(authorities);
}

static void check_pair(struct doctor *doctor, const struct served *served)
{
    CLEANUP(pair_release) struct pair pair = {0};
    read_pair(served, &pair);
    if (pair.leaf == NULL) {
        doctor_find(doctor, DOCTOR_ERROR, "there is no certificate that can be read in %s",
                    served->chain_file);
        doctor_cure(doctor,
                    "It must be PEM: the server's own certificate first, then those that vouch for it.");
        return;
    }
    if (pair.key == NULL && access(served->key_file, R_OK) != 0)
        doctor_find(doctor, DOCTOR_ADVICE, "%s can't be read by this user: run the doctor as root",
                    served->key_file);
    else if (pair.key == NULL || X509_check_private_key(pair.leaf, pair.key) != 1) {
        doctor_find(doctor, DOCTOR_ERROR, "the key in %s is not that of the certificate in %s",
                    served->key_file, served->chain_file);
        doctor_cure(doctor, "Name the key that belongs to it: certificate = CHAIN-FILE KEY-FILE");
    }
    check_expiry(doctor, served, pair.leaf);
    check_trust(doctor, served->chain_file, &pair);
}

/* By DNS-01 nothing comes by itself: something has to run the command. */
static void check_overdue(struct doctor *doctor)
{
    const struct settings *s = doctor->settings;
    int64_t overdue = clock_wall_us() / CLOCK_SECOND - doctor->acme_next;
    if (s->acme[0] == 0 || s->acme_challenge != ACME_DNS_01 || doctor->acme_next == 0 ||
        overdue < SECONDS_OVERDUE)
        return;
    doctor_find(doctor, DOCTOR_WARNING,
                "a new certificate has been due for %d days, and nothing has asked for it",
                (int)(overdue / 86400));
    doctor_why(doctor, "Its names are proven in the DNS, by a program that is to be run every day.");
    doctor_cure(doctor, "From cron or a systemd timer: posthorn certificate renew --if-due --hook PROGRAM");
}

void doctor_check_certificates(struct doctor *doctor)
{
    struct served served;
    for (size_t i = 0; doctor_served(doctor->settings, i, &served); i++) {
        if (served.source != SERVED_SELF_SIGNED) {
            check_pair(doctor, &served);
            continue;
        }
        doctor_find(doctor, DOCTOR_WARNING,
                    "no certificate is set: the server has made one that nobody vouches for");
        doctor_why(doctor, "Mail programs warn of it, or do not connect.");
        cure_by_acme(doctor);
    }
    check_overdue(doctor);
    if (doctor->acme_error == NULL)
        return;
    doctor_find(doctor, DOCTOR_WARNING, "no new certificate could be had, %u times in a row: %s",
                doctor->acme_failures, doctor->acme_error);
    doctor_why(doctor, "The one that is served expires one day.");
    doctor_cure(doctor, "When it is mended: posthorn certificate renew. The log has more (acme.failed).");
}

bool doctor_covered(struct doctor *doctor, const char *name)
{
    struct served served;
    bool covered = false;
    for (size_t i = 0; !covered && doctor_served(doctor->settings, i, &served); i++) {
        CLEANUP(pair_release) struct pair pair = {0};
        if (served.source == SERVED_SELF_SIGNED)
            continue;
        read_pair(&served, &pair);
        covered = pair.leaf != NULL && X509_check_host(pair.leaf, name, 0, 0, NULL) == 1;
    }
    return covered;
}

/* --- facts, for `posthorn certificate list` --- */

/* 3 1 1 (RFC 6698 2.1). */
static bool put_digest(const X509 *leaf, char ret_digest[static ZONE_DIGEST_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    bool good = n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1;
    for (size_t k = 0; good && k < (ZONE_DIGEST_TEXT - 1) / 2; k++)
        snprintf(ret_digest + 2 * k, 3, "%02x", digest[k]);
    OPENSSL_free(der);
    return good;
}

static struct slice keep_line(struct arena *arena, BIO *bio)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    struct slice kept = n > 0 ? arena_dup(arena, slice_of(text, (size_t)n)) : slice_none();
    (void)BIO_reset(bio);
    return kept;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void put_names(BIO *bio, const X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            BIO_printf(bio, "%s%.*s", BIO_pending(bio) > 0 ? " " : "", ASN1_STRING_length(name->d.dNSName),
                       (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
}

bool doctor_certificate(const struct served *served, struct arena *arena, struct certificate_facts *ret)
{
    CLEANUP(pair_release) struct pair pair = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    read_pair(served, &pair);
    bool there = pair.leaf != NULL && bio != NULL;
    if (there) {
        put_names(bio, pair.leaf);
        ret->names = keep_line(arena, bio);
        X509_NAME_print_ex(bio, X509_get_issuer_name(pair.leaf), 0, XN_FLAG_RFC2253);
        ret->issuer = keep_line(arena, bio);
        ret->from = seconds_of(X509_get0_notBefore(pair.leaf));
        ret->until = seconds_of(X509_get0_notAfter(pair.leaf));
        there = put_digest(pair.leaf, ret->digest);
    }
    BIO_free(bio);
    return there;
}

/* --- DANE --- */

/* RFC 6698 2.1.2, 2.1.3: the certificate or its key, whole or as a digest. */
static bool matches(const struct tlsa *record, const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    unsigned n = 0;
    int whole = record->selector == 0 ? i2d_X509(certificate, &der)
                                      : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    const EVP_MD *function = record->matching == 1 ? EVP_sha256() : EVP_sha512();
    struct slice value = slice_of(der, whole > 0 ? (size_t)whole : 0);
    if (value.n > 0 && record->matching != 0 && EVP_Digest(der, value.n, digest, &n, function, NULL) == 1)
        value = slice_of(digest, n);
    bool same = value.n > 0 && slice_eq(value, record->data);
    OPENSSL_free(der);
    return same;
}

bool doctor_tlsa_fits(const struct settings *settings, const struct tlsa *record)
{
    struct served served;
    bool fits = false;
    for (size_t i = 0; !fits && doctor_served(settings, i, &served); i++) {
        CLEANUP(pair_release) struct pair pair = {0};
        read_pair(&served, &pair);
        if (record->usage == 3 && pair.leaf != NULL)
            fits = matches(record, pair.leaf);
        for (int k = 0; record->usage == 2 && k < sk_X509_num(pair.chain) && !fits; k++)
            fits = matches(record, sk_X509_value(pair.chain, k));
    }
    return fits;
}

size_t doctor_key_digests(const struct settings *settings, const char *name, size_t max,
                          char (*ret_digests)[ZONE_DIGEST_TEXT])
{
    struct served served;
    size_t count = 0;
    for (size_t i = 0; count < max && doctor_served(settings, i, &served); i++) {
        CLEANUP(pair_release) struct pair pair = {0};
        read_pair(&served, &pair);
        if (pair.leaf != NULL && X509_check_host(pair.leaf, name, 0, 0, NULL) == 1)
            count += put_digest(pair.leaf, ret_digests[count]);
    }
    return count;
}

void doctor_check_hostname_covered(struct doctor *doctor)
{
    const char *name = doctor->settings->hostname;
    struct served first;
    bool self_signed = doctor_served(doctor->settings, 0, &first) && first.source == SERVED_SELF_SIGNED;
    if (self_signed || doctor_covered(doctor, name)) /* `certificates` says what is wrong with that one */
        return;
    spoken_find(doctor, DOCTOR_ERROR, "no certificate is for %s", name);
    spoken_why(doctor, "Mail programs that connect to %s refuse a certificate for something else.", name);
    cure_by_acme(doctor);
}

void doctor_check_keys(struct doctor *doctor)
{
    struct served served;
    struct stat st;
    for (size_t i = 0; doctor_served(doctor->settings, i, &served); i++) {
        const char *file = served.key_file;
        if (stat(file, &st) != 0 || (st.st_mode & 0007) == 0)
            continue;
        doctor_find(doctor, DOCTOR_ERROR, "every user of this machine can read the key %s (mode %03o)", file,
                    st.st_mode & 0777);
        doctor_why(doctor, "Who has the key can pose as this server.");
        doctor_cure(doctor, "chmod o= %s; who may have read it has it still: better get a new one", file);
    }
}
