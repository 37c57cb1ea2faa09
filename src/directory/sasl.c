/*
 * The mechanisms' dialogues. A message comes in, the exchange's state says what it is, and either a challenge
 * goes out and the exchange waits, or the log-in ends here.
 */
#include "directory/sasl.h"

#include <pthread.h>
#include <sodium.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "directory/app_password.h"
#include "directory/credential.h"
#include "directory/exchange.h"
#include "directory/inside.h"
#include "directory/oauth.h"
#include "directory/oauth_message.h"
#include "directory/password_cache.h"
#include "directory/ticket.h"

enum { NONCE_BYTES = 18, PERSON_SCRATCH_MAX = 1024 * 1024 };

struct sasl {
    struct directory *directory;
    struct exchange_table *exchanges;
    struct ticket_table *tickets;
    struct password_cache *passwords;
    pthread_mutex_t lock;        /* client_ca */
    struct client_ca *client_ca; /* NULL: none */
    struct oauth *oauth;         /* NULL: none */
};

static const char *const mechanism_names[] = {
#define X(name, text, tls) text,
    SASL_MECHANISM_TABLE(X)
#undef X
};

bool sasl_mechanism_find(struct slice name, enum sasl_mechanism *ret)
{
    for (unsigned i = 0; i < SASL_MECHANISMS; i++) {
        if (slice_eq_nocase(name, slice_cstr(mechanism_names[i]))) {
            *ret = (enum sasl_mechanism)i;
            return true;
        }
    }
    return false;
}

const char *sasl_mechanism_name(enum sasl_mechanism mechanism)
{
    must(mechanism < SASL_MECHANISMS);
    return mechanism_names[mechanism];
}

const struct sasl_scram *sasl_scram_of(enum sasl_mechanism mechanism)
{
    static const struct sasl_scram pairs[] = {
        {SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_256_PLUS, SCRAM_SHA_256},
        {SASL_SCRAM_SHA_1, SASL_SCRAM_SHA_1_PLUS, SCRAM_SHA_1},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (mechanism == pairs[i].plain || mechanism == pairs[i].plus)
            return &pairs[i];
    return NULL;
}

enum err sasl_create(struct directory *directory, struct sasl **ret_sasl, struct error *error)
{
    struct sasl *sasl = calloc(1, sizeof(*sasl));
    if (sasl == NULL)
        return fail_nomem(error);
    sasl->directory = directory;
    pthread_mutex_init(&sasl->lock, NULL);
    sasl->exchanges = exchange_table_new(SASL_EXCHANGES_MAX);
    sasl->tickets = ticket_table_new(TICKETS_MAX);
    sasl->passwords = password_cache_new(PASSWORD_CACHE_MAX);
    if (sasl->exchanges == NULL || sasl->tickets == NULL || sasl->passwords == NULL) {
        sasl_destroy(sasl);
        return fail_nomem(error);
    }
    *ret_sasl = sasl;
    return ERR_OK;
}

void sasl_use_oauth(struct sasl *sasl, struct oauth *oauth)
{
    sasl->oauth = oauth;
}

void sasl_destroy(struct sasl *sasl)
{
    if (sasl == NULL)
        return;
    exchange_table_free(sasl->exchanges);
    ticket_table_free(sasl->tickets);
    password_cache_free(sasl->passwords);
    client_ca_unref(sasl->client_ca);
    pthread_mutex_destroy(&sasl->lock);
    free(sasl);
}

void sasl_set_client_ca(struct sasl *sasl, struct client_ca *ca)
{
    pthread_mutex_lock(&sasl->lock);
    struct client_ca *old = sasl->client_ca;
    sasl->client_ca = client_ca_ref(ca);
    pthread_mutex_unlock(&sasl->lock);
    client_ca_unref(old);
}

/* --- who --- */

struct person {
    bool known;
    struct account_record record;  /* when known */
    struct app_password_match app; /* which he proved to have; id 0: none */
    struct slice key;              /* the name as it is compared; as sent when it is no address */
    struct slice mailbox;          /* which the name asks for beside (people.h); else empty */
};

enum err login_name_complete(struct directory *directory, struct slice name, struct arena *arena,
                             struct slice *ret_name, struct error *error)
{
    struct slice domain;
    *ret_name = name;
    if (slice_find_char(name, '@') >= 0 || name.n > ADDRESS_LOCAL_MAX)
        return ERR_OK;
    enum err code = lookup_only_domain(directory, arena, &domain, error);
    if (code != ERR_OK || domain.n == 0)
        return code;
    char *whole = arena_alloc(arena, name.n + 1 + domain.n);
    if (whole == NULL)
        return fail_nomem(error);
    if (name.n > 0)
        memcpy(whole, name.p, name.n);
    whole[name.n] = '@';
    memcpy(whole + name.n + 1, domain.p, domain.n);
    *ret_name = slice_of(whole, name.n + 1 + domain.n);
    return ERR_OK;
}

/* Only primary addresses log in. Fails for reasons of ours, never because there is nobody. */
static enum err find_account(struct directory *directory, struct slice name, struct arena *arena,
                             struct person *person, struct error *error)
{
    struct address_parts parts;
    *person = (struct person){.key = name};
    struct slice whole;
    enum err code = login_name_complete(directory, name, arena, &whole, error);
    if (code != ERR_OK)
        return code;
    code = address_parse(whole, arena, &parts, error);
    if (code == ERR_INVALID)
        return ERR_OK;
    if (code != ERR_OK)
        return code;
    person->key = parts.key;
    code = lookup_account_by_key(directory, parts.key, arena, &person->record, error);
    person->known = code == ERR_OK;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* The same of a log-in name, which may say more than who it is. */
static enum err find_person(struct directory *directory, struct slice name, struct arena *arena,
                            struct person *person, struct error *error)
{
    struct slice mailbox;
    struct slice who;
    people_split_name(name, &mailbox, &who);
    enum err code = find_account(directory, who, arena, person, error);
    person->mailbox = mailbox;
    return code;
}

/* --- how it ends --- */

/* Any failure that is the client's or a matter of load, as a result; the rest stays an error. */
static enum err finish_failed(enum err code, struct sasl_result *result)
{
    *result = (struct sasl_result){.code = code};
    switch (code) {
    case ERR_AUTH:
    case ERR_DENIED:
        result->status = SASL_FAILED;
        return ERR_OK;
    case ERR_UNAVAILABLE:
    case ERR_LIMIT:
    case ERR_BUSY:
        result->status = SASL_TEMPORARY;
        return ERR_OK;
    default:
        return code;
    }
}

static enum err deny(enum sasl_denial why, const struct account_entry *entry, struct sasl_result *result)
{
    *result =
        (struct sasl_result){.status = SASL_FAILED, .code = ERR_DENIED, .denial = why, .doors = entry->doors};
    return ERR_OK;
}

/* The account of that name, and what the person may do there: his own, or one that he was let into.
 * *ret_rights PERSON_NONE: neither. */
static enum err find_mailbox(struct sasl *sasl, const struct person *person, struct slice name,
                             struct arena *arena, struct account_record *ret_record,
                             enum person_rights *ret_rights, struct error *error)
{
    struct person other;
    *ret_rights = PERSON_NONE;
    enum err code = find_account(sasl->directory, name, arena, &other, error);
    if (code != ERR_OK || !other.known)
        return code;
    *ret_record = other.record;
    *ret_rights = PERSON_ALL;
    if (other.record.entry.id.v == person->record.entry.id.v)
        return ERR_OK;
    return people_rights(sasl->directory, other.record.entry.id, person->record.entry.id, ret_rights, error);
}

/* Which account is to be opened: by the authorization identity, by the log-in name, else his own. */
static enum err find_wanted(struct sasl *sasl, const struct person *person, struct slice authzid,
                            struct arena *arena, struct account_record *ret_record,
                            enum person_rights *ret_rights, struct error *error)
{
    *ret_record = person->record;
    *ret_rights = PERSON_ALL;
    enum err code = ERR_OK;
    if (person->mailbox.n > 0)
        code = find_mailbox(sasl, person, person->mailbox, arena, ret_record, ret_rights, error);
    if (code != ERR_OK || authzid.n == 0 || *ret_rights == PERSON_NONE)
        return code;
    struct account_id named = ret_record->entry.id;
    code = find_mailbox(sasl, person, authzid, arena, ret_record, ret_rights, error);
    if (code == ERR_OK && person->mailbox.n > 0 && ret_record->entry.id.v != named.v)
        *ret_rights = PERSON_NONE; /* two different ones */
    return code;
}

static enum err admit(struct sasl *sasl, enum door door, const struct person *person,
                      const struct account_entry *mailbox, enum person_rights rights, struct arena *arena,
                      struct sasl_result *result, struct error *error)
{
    const struct account_entry *entry = &person->record.entry;
    struct sasl_holder holder = {.account = mailbox->id, .app_password = person->app.id, .rights = rights};
    struct sasl_result good = {.status = SASL_OK, .account = mailbox->id};
    good.address = arena_dup(arena, mailbox->address);
    if (mailbox->id.v != entry->id.v) {
        holder.person = entry->id;
        good.person = arena_dup(arena, entry->address);
    }
    if (arena_failed(arena))
        return fail_nomem(error);
    app_password_note_use(sasl->directory, &person->app);
    enum err code = ticket_make(sasl->tickets, &holder, door, good.ticket, error);
    if (code == ERR_OK)
        *result = good;
    return code;
}

/* The person is who he says. May he come in by this door, and where he wants to? */
static enum err finish_proved(struct sasl *sasl, enum door door, const struct person *person,
                              struct slice authzid, struct arena *arena, struct sasl_result *result,
                              struct error *error)
{
    struct account_record wanted;
    enum person_rights rights;
    const struct account_entry *entry = &person->record.entry;
    enum err code = find_wanted(sasl, person, authzid, arena, &wanted, &rights, error);
    if (code != ERR_OK)
        return code;
    if (rights == PERSON_NONE)
        return deny(DENIED_NAME, entry, result);
    if (!entry->enabled || !wanted.entry.enabled)
        return deny(DENIED_DISABLED, entry, result);
    if ((entry->doors & wanted.entry.doors & (unsigned)door) == 0)
        return deny(DENIED_BY_PLAN, entry, result);
    if (person->app.doors != 0 && (person->app.doors & (unsigned)door) == 0)
        return deny(DENIED_APP_PASSWORD, entry, result);
    if (door == DOOR_SUBMISSION && rights == PERSON_READ)
        return deny(DENIED_READS_ONLY, entry, result);
    return admit(sasl, door, person, &wanted.entry, rights, arena, result, error);
}

static enum err go_on(struct sasl *sasl, struct exchange **exchange, enum exchange_state next,
                      struct slice challenge, struct arena *arena, struct sasl_result *result,
                      struct error *error)
{
    struct sasl_result waiting = {.status = SASL_CONTINUE, .data = arena_dup(arena, challenge)};
    if (waiting.data.p == NULL)
        return fail_nomem(error);
    (*exchange)->state = next;
    enum err code = exchange_put(sasl->exchanges, take(*exchange), &waiting.exchange, error);
    if (code != ERR_OK)
        return finish_failed(code, result);
    *result = waiting;
    return ERR_OK;
}

/* --- passwords --- */

static enum err check_password(struct sasl *sasl, struct person *person, struct slice password,
                               struct error *error)
{
    const struct account_record *record = &person->record;
    if (password.n > PASSWORD_MAX)
        return fail_plain(error, ERR_AUTH, "wrong name or password");
    struct account_id account = person->known ? record->entry.id : (struct account_id){0};
    enum err code = app_password_verify(sasl->directory, account, password, &person->app, error);
    if (code != ERR_OK || person->app.id != 0)
        return code;
    if (!person->known)
        return credential_verify(sasl->directory, account, 0, password, error);
    if (password_cache_has(sasl->passwords, record->entry.id, record->generation, password))
        return ERR_OK;
    code = credential_verify(sasl->directory, record->entry.id, record->generation, password, error);
    if (code == ERR_OK)
        password_cache_add(sasl->passwords, record->entry.id, record->generation, password);
    return code;
}

static enum err log_in(struct sasl *sasl, enum door door, struct slice authzid, struct slice name,
                       struct slice password, struct arena *arena, struct sasl_result *result,
                       struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(PERSON_SCRATCH_MAX);
    struct person person;
    enum err code = find_person(sasl->directory, name, &scratch, &person, error);
    if (code != ERR_OK)
        return code;
    code = check_password(sasl, &person, password, error);
    if (code != ERR_OK)
        return finish_failed(code, result);
    return finish_proved(sasl, door, &person, authzid, arena, result, error);
}

/* RFC 4616 2: authzid NUL authcid NUL passwd; the last two are not empty. */
static enum err step_plain(struct sasl *sasl, enum door door, struct slice message, struct arena *arena,
                           struct sasl_result *result, struct error *error)
{
    struct slice authzid;
    struct slice name;
    struct slice password;
    struct slice rest;
    if (!slice_cut(message, 0, &authzid, &rest) || !slice_cut(rest, 0, &name, &password) || name.n == 0 ||
        password.n == 0 || slice_find_char(password, 0) >= 0)
        return finish_failed(ERR_AUTH, result);
    return log_in(sasl, door, authzid, name, password, arena, result, error);
}

/* draft-murchison-sasl-login: the name, then the password, each asked for. */
static enum err step_login(struct sasl *sasl, struct exchange **exchange, struct slice message,
                           struct arena *arena, struct sasl_result *result, struct error *error)
{
    if ((*exchange)->state == EXCHANGE_LOGIN_PASS)
        return log_in(sasl, (*exchange)->door, slice_none(), buf_slice(&(*exchange)->user), message, arena,
                      result, error);
    /* A longer name is nobody's; what is kept of it only has to stay so. */
    buf_put(&(*exchange)->user, slice_sub(message, 0, 2 * (ADDRESS_MAX + 1)));
    if (buf_failed(&(*exchange)->user))
        return fail_nomem(error);
    return go_on(sasl, exchange, EXCHANGE_LOGIN_PASS, S("Password:"), arena, result, error);
}

/* --- SCRAM --- */

static enum err scram_failed(const struct buf *answer, struct arena *arena, struct sasl_result *result,
                             struct error *error)
{
    *result = (struct sasl_result){
        .status = SASL_FAILED, .code = ERR_AUTH, .data = arena_dup(arena, buf_slice(answer))};
    return result->data.p != NULL ? ERR_OK : fail_nomem(error);
}

static enum err step_scram_first(struct sasl *sasl, struct exchange **exchange, struct slice message,
                                 struct arena *arena, struct sasl_result *result, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(PERSON_SCRATCH_MAX);
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    CLEANUP(buf_release) struct buf nonce = BUF(SCRAM_NONCE_MAX);
    struct scram_server *scram = &(*exchange)->scram;
    struct person person;
    unsigned char random[NONCE_BYTES];
    if (!scram_first(scram, message, &answer))
        return scram_failed(&answer, arena, result, error);
    enum err code = find_person(sasl->directory, buf_slice(&scram->user), &scratch, &person, error);
    if (code == ERR_OK)
        code =
            credential_scram(sasl->directory, person.known ? person.record.entry.id : (struct account_id){0},
                             person.key, scram->hash, &scram->keys, error);
    if (code != ERR_OK)
        return code;
    if (person.known) {
        (*exchange)->account = person.record.entry.id;
        (*exchange)->generation = person.record.generation;
    }
    randombytes_buf(random, sizeof(random));
    base64_encode(&nonce, slice_of(random, sizeof(random)));
    scram_challenge(scram, buf_slice(&nonce), &answer);
    if (buf_failed(&answer) || buf_failed(&nonce))
        return fail_nomem(error);
    return go_on(sasl, exchange, EXCHANGE_SCRAM_FINAL, buf_slice(&answer), arena, result, error);
}

/* The app passwords whose keys the proof may fit. */
static enum err find_others(struct sasl *sasl, const struct person *person, struct scram_server *scram,
                            struct arena *arena, struct app_password_keys **ret_keys, struct error *error)
{
    size_t count;
    struct account_id account = person->known ? person->record.entry.id : (struct account_id){0};
    enum err code =
        app_password_scram(sasl->directory, account, &scram->keys, arena, ret_keys, &count, error);
    if (code != ERR_OK)
        return code;
    const struct scram_keys **others = arena_array(arena, count, sizeof(*others));
    if (others == NULL && count > 0)
        return fail_nomem(error);
    for (size_t i = 0; i < count; i++)
        others[i] = &(*ret_keys)[i].keys;
    scram->others = others;
    scram->other_count = count;
    return ERR_OK;
}

/* The name is looked up again: the account and its app passwords may have changed since the challenge, and
 * the name may have become another's. */
static enum err step_scram_final(struct sasl *sasl, struct exchange *exchange, struct slice message,
                                 struct arena *arena, struct sasl_result *result, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(PERSON_SCRATCH_MAX);
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    struct scram_server *scram = &exchange->scram;
    struct app_password_keys *apps;
    struct person person;
    enum err code = find_person(sasl->directory, buf_slice(&scram->user), &scratch, &person, error);
    if (code == ERR_OK)
        code = find_others(sasl, &person, scram, &scratch, &apps, error);
    if (code != ERR_OK)
        return code;
    bool proved = scram_final(scram, message, &answer);
    if (proved && scram->matched > 0)
        person.app = apps[scram->matched - 1].match;
    sodium_memzero(apps, scram->other_count * sizeof(*apps));
    if (!proved)
        return scram_failed(&answer, arena, result, error);
    if (!person.known || person.record.entry.id.v != exchange->account.v ||
        person.record.generation != exchange->generation)
        return finish_failed(ERR_AUTH, result);
    struct slice data = arena_dup(arena, buf_slice(&answer));
    if (data.p == NULL || buf_failed(&answer))
        return fail_nomem(error);
    code = finish_proved(sasl, exchange->door, &person, buf_slice(&scram->authzid), arena, result, error);
    if (code == ERR_OK && result->status == SASL_OK)
        result->data = data;
    return code;
}

/* --- EXTERNAL (RFC 4422 A) --- */

static enum err check_certificate(struct sasl *sasl, struct slice chain, struct buf *addresses,
                                  struct error *error)
{
    pthread_mutex_lock(&sasl->lock);
    struct client_ca *ca = client_ca_ref(sasl->client_ca);
    pthread_mutex_unlock(&sasl->lock);
    enum err code = ca != NULL ? client_ca_check(ca, chain, addresses, error)
                               : fail(error, ERR_AUTH, NULL, "EXTERNAL without client-ca");
    client_ca_unref(ca);
    return code;
}

/* The first of the certificate's addresses that is an account; with an authorization identity, the one that
 * is that account. person->known false: none. */
static enum err find_certified(struct sasl *sasl, struct slice addresses, struct slice authzid,
                               struct arena *arena, struct person *person, struct error *error)
{
    struct person wanted = {.known = false};
    struct wire_reader reader = wire_reader_of(addresses);
    enum err code = authzid.n > 0 ? find_account(sasl->directory, authzid, arena, &wanted, error) : ERR_OK;
    *person = (struct person){.known = false};
    while (code == ERR_OK && !cursor_done(&reader.c)) {
        struct slice address = wire_get_slice(&reader);
        struct person found = {.known = false};
        /* A bare name is nobody's here: a certificate says a whole address. */
        if (slice_find_char(address, '@') >= 0)
            code = find_account(sasl->directory, address, arena, &found, error);
        if (code != ERR_OK || !found.known)
            continue;
        if (!person->known || (wanted.known && found.record.entry.id.v == wanted.record.entry.id.v))
            *person = found;
    }
    return code;
}

static enum err log_in_external(struct sasl *sasl, const struct sasl_start *start, struct arena *arena,
                                struct sasl_result *result, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(PERSON_SCRATCH_MAX);
    CLEANUP(buf_release) struct buf addresses = BUF(CLIENT_ADDRESSES_MAX);
    struct person person;
    struct slice authzid = start->initial;
    /* Edge asks the client first, so the exchange is one message. */
    if (!start->has_initial || authzid.n > SASL_MESSAGE_MAX || slice_find_char(authzid, 0) >= 0)
        return finish_failed(ERR_AUTH, result);
    enum err code = check_certificate(sasl, start->certificate, &addresses, error);
    if (code != ERR_OK)
        return finish_failed(code, result);
    code = find_certified(sasl, buf_slice(&addresses), authzid, &scratch, &person, error);
    if (code != ERR_OK)
        return code;
    if (!person.known)
        return finish_failed(ERR_AUTH, result);
    if (!person.record.entry.certificate_login)
        return deny(DENIED_CERTIFICATE, &person.record.entry, result);
    return finish_proved(sasl, start->door, &person, authzid, arena, result, error);
}

/* --- OAuth --- */

/* The client hears why in a challenge, answers with something empty, and then it has failed (RFC 7628 3.2.2,
 * 3.2.3). What exactly was wrong with the token is for the log alone. */
static enum err token_failed(struct sasl *sasl, struct exchange **exchange, const struct error *why,
                             struct arena *arena, struct sasl_result *result, struct error *error)
{
    bool rfc = (*exchange)->state == EXCHANGE_OAUTHBEARER;
    LOG(LOG_INFO, (*exchange)->sid, "login.token_refused", F_CSTR("why", why->detail));
    return go_on(sasl, exchange, EXCHANGE_OAUTH_FAILED,
                 rfc ? S("{\"status\":\"invalid_token\"}") : S("{\"status\":\"401\",\"schemes\":\"bearer\"}"),
                 arena, result, error);
}

static enum err step_oauth(struct sasl *sasl, struct exchange **exchange, struct slice message,
                           struct arena *arena, struct sasl_result *result, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(PERSON_SCRATCH_MAX);
    struct oauth_message parsed;
    struct slice account;
    struct person person = {0};
    bool good = (*exchange)->state == EXCHANGE_OAUTHBEARER
                    ? oauthbearer_parse(message, &(*exchange)->user, &parsed)
                    : xoauth2_parse(message, &parsed);
    if (!good || sasl->oauth == NULL)
        return finish_failed(ERR_AUTH, result);
    enum err code = oauth_check(sasl->oauth, parsed.token, &scratch, &account, error);
    if (code == ERR_UNAVAILABLE)
        LOG(LOG_WARN, (*exchange)->sid, "login.token_unchecked", F_ERR(error));
    if (code == ERR_OK)
        code = find_account(sasl->directory, account, &scratch, &person, error);
    if (code == ERR_OK && !person.known)
        code = fail(error, ERR_AUTH, NULL, "no account %.*s", SLICE_ARGS(account));
    if (code == ERR_AUTH) {
        const struct error why = *error;
        return token_failed(sasl, exchange, &why, arena, result, error);
    }
    if (code != ERR_OK)
        return finish_failed(code, result);
    return finish_proved(sasl, (*exchange)->door, &person, parsed.user, arena, result, error);
}

/* --- the way in --- */

static enum err step(struct sasl *sasl, struct exchange **exchange, struct slice message, struct arena *arena,
                     struct sasl_result *result, struct error *error)
{
    if (message.n > SASL_MESSAGE_MAX)
        return finish_failed(ERR_AUTH, result);
    switch ((*exchange)->state) {
    case EXCHANGE_PLAIN:
        return step_plain(sasl, (*exchange)->door, message, arena, result, error);
    case EXCHANGE_LOGIN_USER:
    case EXCHANGE_LOGIN_PASS:
        return step_login(sasl, exchange, message, arena, result, error);
    case EXCHANGE_SCRAM_FIRST:
        return step_scram_first(sasl, exchange, message, arena, result, error);
    case EXCHANGE_OAUTHBEARER:
    case EXCHANGE_XOAUTH2:
        return step_oauth(sasl, exchange, message, arena, result, error);
    case EXCHANGE_OAUTH_FAILED:
        return finish_failed(ERR_AUTH, result);
    case EXCHANGE_SCRAM_FINAL:
        break;
    }
    return step_scram_final(sasl, *exchange, message, arena, result, error);
}

enum err sasl_begin(struct sasl *sasl, const struct sasl_start *start, struct arena *arena,
                    struct sasl_result *ret_result, struct error *error)
{
    static const enum exchange_state first_state[] = {
        [SASL_PLAIN] = EXCHANGE_PLAIN,
        [SASL_LOGIN] = EXCHANGE_LOGIN_USER,
        [SASL_SCRAM_SHA_256] = EXCHANGE_SCRAM_FIRST,
        [SASL_SCRAM_SHA_256_PLUS] = EXCHANGE_SCRAM_FIRST,
        [SASL_SCRAM_SHA_1] = EXCHANGE_SCRAM_FIRST,
        [SASL_SCRAM_SHA_1_PLUS] = EXCHANGE_SCRAM_FIRST,
        [SASL_OAUTHBEARER] = EXCHANGE_OAUTHBEARER,
        [SASL_XOAUTH2] = EXCHANGE_XOAUTH2,
    };
    /* What the edge says is as foreign as what the client says. */
    if ((unsigned)start->mechanism >= SASL_MECHANISMS)
        return fail_plain(error, ERR_INVALID, "no such log-in mechanism");
    if (start->mechanism == SASL_EXTERNAL)
        return log_in_external(sasl, start, arena, ret_result, error);
    const struct sasl_scram *scram = sasl_scram_of(start->mechanism);
    bool plus_without_binding = scram != NULL && start->mechanism == scram->plus &&
                                (start->binding_type.n == 0 || start->binding.n == 0);
    if (plus_without_binding || start->binding_type.n > SASL_MESSAGE_MAX ||
        start->binding.n > SASL_MESSAGE_MAX)
        return finish_failed(ERR_AUTH, ret_result);
    CLEANUP(exchange_free) struct exchange *exchange = exchange_new(start);
    if (exchange == NULL)
        return fail_nomem(error);
    exchange->state = first_state[start->mechanism];
    if (start->has_initial)
        return step(sasl, &exchange, start->initial, arena, ret_result, error);
    struct slice prompt = start->mechanism == SASL_LOGIN ? S("Username:") : slice_none();
    return go_on(sasl, &exchange, exchange->state, prompt, arena, ret_result, error);
}

enum err sasl_step(struct sasl *sasl, uint64_t id, struct slice response, struct arena *arena,
                   struct sasl_result *ret_result, struct error *error)
{
    CLEANUP(exchange_free) struct exchange *exchange = exchange_take(sasl->exchanges, id);
    if (exchange == NULL)
        return finish_failed(ERR_AUTH, ret_result);
    return step(sasl, &exchange, response, arena, ret_result, error);
}

void sasl_cancel(struct sasl *sasl, uint64_t id)
{
    struct exchange *exchange = exchange_take(sasl->exchanges, id);
    exchange_free(&exchange);
}

/* --- tickets --- */

static bool has_door(struct directory *directory, struct account_id id, enum door door)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(PERSON_SCRATCH_MAX);
    struct account_entry entry;
    struct error error;
    enum err code = account_entry_get(directory, id, &scratch, &entry, &error);
    return code == ERR_OK ? entry.enabled && (entry.doors & (unsigned)door) != 0 : code != ERR_NOT_FOUND;
}

bool sasl_holder_is_welcome(struct directory *directory, const struct sasl_holder *holder, enum door door)
{
    enum person_rights rights = holder->rights;
    struct error error;
    if (!has_door(directory, holder->account, door))
        return false;
    if (holder->person.v != 0 &&
        (!has_door(directory, holder->person, door) ||
         (people_rights(directory, holder->account, holder->person, &rights, &error) == ERR_OK &&
          rights != holder->rights)))
        return false;
    return holder->app_password == 0 || app_password_is_valid(directory, holder->app_password);
}

/* An account that was disabled, removed or lost this door since the log-in has no ticket any more, nor has an
 * app password that was removed or has expired. */
enum err sasl_ticket(struct sasl *sasl, struct slice ticket, enum door door, bool use_up,
                     struct sasl_holder *ret_holder, struct error *error)
{
    struct sasl_holder holder;
    enum err code = ticket_find(sasl->tickets, ticket, door, use_up, &holder, error);
    bool over = code == ERR_OK && !sasl_holder_is_welcome(sasl->directory, &holder, door);
    if (over) {
        ticket_drop(sasl->tickets, ticket);
        return fail_plain(error, ERR_AUTH, "no such log-in, or it has ended");
    }
    if (code == ERR_OK)
        *ret_holder = holder;
    return code;
}

void sasl_ticket_release(struct sasl *sasl, struct slice ticket)
{
    ticket_drop(sasl->tickets, ticket);
}
