/* Certificates and keys: readable, of each other, in force, vouched for, and of the right name. */
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "rt/tls_client.h"

enum { DAYS_SOON = 14 };

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

static void read_pair(const struct certificate_setting *setting, struct pair *ret)
{
    *ret = (struct pair){.chain = sk_X509_new_null()};
    BIO *chain = BIO_new_file(setting->chain_file, "r");
    BIO *key = BIO_new_file(setting->key_file, "r");
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

static void check_expiry(struct doctor *doctor, const char *file, const X509 *leaf)
{
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
    doctor_cure(doctor, "Renew it (certbot renew), then systemctl reload posthorn");
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
            doctor_cure(doctor,
                        "certbot certonly --standalone -d %s, and in posthorn.conf: certificate = "
                        "/etc/letsencrypt/live/%s/fullchain.pem /etc/letsencrypt/live/%s/privkey.pem",
                        doctor->settings->hostname, doctor->settings->hostname, doctor->settings->hostname);
        }
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(authorities);
}

static void check_pair(struct doctor *doctor, const struct certificate_setting *setting)
{
    CLEANUP(pair_release) struct pair pair = {0};
    read_pair(setting, &pair);
    if (pair.leaf == NULL) {
        doctor_find(doctor, DOCTOR_ERROR, "there is no certificate that can be read in %s",
                    setting->chain_file);
        doctor_cure(doctor,
                    "It must be PEM: the server's own certificate first, then those that vouch for it.");
        return;
    }
    if (pair.key == NULL && access(setting->key_file, R_OK) != 0)
        doctor_find(doctor, DOCTOR_ADVICE, "%s can't be read by this user: run the doctor as root",
                    setting->key_file);
    else if (pair.key == NULL || X509_check_private_key(pair.leaf, pair.key) != 1) {
        doctor_find(doctor, DOCTOR_ERROR, "the key in %s is not that of the certificate in %s",
                    setting->key_file, setting->chain_file);
        doctor_cure(doctor, "Name the key that belongs to it: certificate = CHAIN-FILE KEY-FILE");
    }
    check_expiry(doctor, setting->chain_file, pair.leaf);
    check_trust(doctor, setting->chain_file, &pair);
}

void doctor_check_certificates(struct doctor *doctor)
{
    const struct settings *s = doctor->settings;
    for (size_t i = 0; i < s->certificate_count; i++)
        check_pair(doctor, &s->certificates[i]);
    if (s->certificate_count > 0)
        return;
    doctor_find(doctor, DOCTOR_WARNING,
                "no certificate is set: the server has made one that nobody vouches for");
    doctor_why(doctor, "Mail programs warn of it, or do not connect.");
    doctor_cure(doctor,
                "certbot certonly --standalone -d %s, and in posthorn.conf: certificate = "
                "/etc/letsencrypt/live/%s/fullchain.pem /etc/letsencrypt/live/%s/privkey.pem",
                s->hostname, s->hostname, s->hostname);
}

bool doctor_covered(struct doctor *doctor, const char *name)
{
    const struct settings *s = doctor->settings;
    bool covered = false;
    for (size_t i = 0; i < s->certificate_count && !covered; i++) {
        CLEANUP(pair_release) struct pair pair = {0};
        read_pair(&s->certificates[i], &pair);
        covered = pair.leaf != NULL && X509_check_host(pair.leaf, name, 0, 0, NULL) == 1;
    }
    return covered;
}

/* --- DANE --- */

/* The certificate at `i`, also the one that the server has made itself; false: there is none. */
static bool read_served(const struct settings *s, size_t i, struct pair *ret)
{
    char file[PATH_MAX];
    snprintf(file, sizeof(file), "%s/tls/%s.chain.pem", s->data_directory, s->hostname);
    const struct certificate_setting own = {file, file};
    if (i >= MAX(s->certificate_count, (size_t)1))
        return false;
    read_pair(s->certificate_count > 0 ? &s->certificates[i] : &own, ret);
    return true;
}

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
    bool fits = false;
    for (size_t i = 0; !fits; i++) {
        CLEANUP(pair_release) struct pair pair = {0};
        if (!read_served(settings, i, &pair))
            break;
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
    size_t count = 0;
    for (size_t i = 0; count < max; i++) {
        CLEANUP(pair_release) struct pair pair = {0};
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned char *der = NULL;
        if (!read_served(settings, i, &pair))
            break;
        if (pair.leaf == NULL || X509_check_host(pair.leaf, name, 0, 0, NULL) != 1)
            continue;
        int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(pair.leaf), &der);
        if (n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1) {
            for (size_t k = 0; k < (ZONE_DIGEST_TEXT - 1) / 2; k++)
                snprintf(ret_digests[count] + 2 * k, 3, "%02x", digest[k]);
            count++;
        }
        OPENSSL_free(der);
    }
    return count;
}

void doctor_check_hostname_covered(struct doctor *doctor)
{
    const char *name = doctor->settings->hostname;
    if (doctor->settings->certificate_count == 0 || doctor_covered(doctor, name))
        return;
    spoken_find(doctor, DOCTOR_ERROR, "no certificate is for %s", name);
    spoken_why(doctor, "Mail programs that connect to %s refuse a certificate for something else.", name);
    doctor_cure(doctor, "certbot certonly --standalone -d %s, and a `certificate` line for it", name);
}

void doctor_check_keys(struct doctor *doctor)
{
    const struct settings *s = doctor->settings;
    struct stat st;
    for (size_t i = 0; i < s->certificate_count; i++) {
        const char *file = s->certificates[i].key_file;
        if (stat(file, &st) != 0 || (st.st_mode & 0007) == 0)
            continue;
        doctor_find(doctor, DOCTOR_ERROR, "every user of this machine can read the key %s (mode %03o)", file,
                    st.st_mode & 0777);
        doctor_why(doctor, "Who has the key can pose as this server.");
        doctor_cure(doctor, "chmod o= %s; who may have read it has it still: better get a new one", file);
    }
}
