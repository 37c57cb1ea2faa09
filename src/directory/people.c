#include "directory/people.h"

#include "directory/inside.h"
#include "store/share.h"

static const struct {
    enum person_rights rights;
    const char *word;
} words[] = {
#define X(name, number, word) {PERSON_##name, word},
    PERSON_RIGHTS_TABLE(X)
#undef X
};

bool person_rights_find(struct slice word, enum person_rights *ret_rights)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_nocase(word, slice_cstr(words[i].word))) {
            *ret_rights = words[i].rights;
            return true;
        }
    }
    return false;
}

const char *person_rights_word(enum person_rights rights)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].rights == rights)
            return words[i].word;
    return "none";
}

unsigned person_rights_mask(enum person_rights rights)
{
    const unsigned reads = RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN;
    switch (rights) {
    case PERSON_READ:
        return reads;
    case PERSON_WRITE:
        return RIGHTS_ALL & ~(unsigned)RIGHT_ADMINISTER;
    case PERSON_ALL:
        return RIGHTS_ALL;
    case PERSON_NONE:
        break;
    }
    return 0;
}

void people_split_name(struct slice name, struct slice *ret_mailbox, struct slice *ret_person)
{
    ssize_t at = slice_find_char(name, '@');
    ssize_t star = at > 0 ? slice_find_char(slice_from(name, (size_t)at), '*') : -1;
    *ret_mailbox = slice_none();
    *ret_person = name;
    /* In quotes an '@' and a '*' may stand in an address. */
    if (star < 0 || name.p[0] == '"')
        return;
    *ret_mailbox = slice_sub(name, 0, (size_t)(at + star));
    *ret_person = slice_from(name, (size_t)(at + star + 1));
}

/* --- who --- */

/* Locked. */
static enum err need_room(struct directory *directory, struct account_id mailbox, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_PERSON_COUNT, PARAMETERS(NUMBER(mailbox.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK || !found || sql_number(row, 0) < PEOPLE_MAX)
        return code;
    return fail_plain(error, ERR_LIMIT, "at most %d people share a mailbox", PEOPLE_MAX);
}

/* Locked. */
static enum err write_person(struct directory *directory, const struct address_parts *mailbox,
                             const struct address_parts *person, enum person_rights rights,
                             struct arena *arena, struct error *error)
{
    struct account_record at;
    struct account_record who;
    enum err code = account_row_need(directory, mailbox, arena, &at, error);
    if (code == ERR_OK)
        code = account_row_need(directory, person, arena, &who, error);
    if (code == ERR_OK && at.entry.id.v == who.entry.id.v)
        code = fail_plain(error, ERR_INVALID, "this mailbox is the person's own");
    if (code == ERR_OK && rights != PERSON_NONE)
        code = need_room(directory, at.entry.id, error);
    if (code != ERR_OK)
        return code;
    if (rights != PERSON_NONE)
        return sql_run(directory, STATEMENT_PERSON_SET,
                       PARAMETERS(NUMBER(at.entry.id.v), NUMBER(who.entry.id.v), NUMBER(rights)), error);
    code = sql_run(directory, STATEMENT_PERSON_REMOVE,
                   PARAMETERS(NUMBER(at.entry.id.v), NUMBER(who.entry.id.v)), error);
    if (code == ERR_OK && sqlite3_changes(directory->database.sqlite) == 0)
        code = fail_plain(error, ERR_NOT_FOUND, "%.*s may not open %.*s anyway", SLICE_ARGS(person->key),
                          SLICE_ARGS(mailbox->key));
    return code;
}

enum err people_set(struct directory *directory, struct slice mailbox, struct slice person,
                    enum person_rights rights, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts at;
    struct address_parts who;
    enum err code = address_parse(mailbox, &scratch, &at, error);
    if (code == ERR_OK)
        code = address_parse(person, &scratch, &who, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    return change_end(directory, write_person(directory, &at, &who, rights, &scratch, error), error);
}

/* Locked. */
static enum err read_all(struct directory *directory, struct account_id mailbox, struct person_entry *people,
                         size_t *ret_count, struct arena *arena, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    size_t count = 0;
    enum err code = sql_start(directory, STATEMENT_PERSON_LIST, PARAMETERS(NUMBER(mailbox.v)), &row, error);
    while (code == ERR_OK && count < PEOPLE_MAX &&
           (code = sql_step(directory, row, &found, error)) == ERR_OK && found) {
        people[count] = (struct person_entry){arena_dup(arena, sql_bytes(row, 0)),
                                              (enum person_rights)sql_number(row, 1)};
        if (people[count++].address.p == NULL)
            code = fail_nomem(error);
    }
    *ret_count = count;
    return code;
}

enum err people_list(struct directory *directory, struct slice mailbox, struct arena *arena,
                     struct person_entry **ret_people, size_t *ret_count, struct error *error)
{
    struct account_entry entry;
    struct person_entry *people = arena_array(arena, PEOPLE_MAX, sizeof(*people));
    size_t count = 0;
    if (people == NULL)
        return fail_nomem(error);
    enum err code = account_entry_find(directory, mailbox, arena, &entry, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = read_all(directory, entry.id, people, &count, arena, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_people = people;
    *ret_count = count;
    return ERR_OK;
}

enum err people_rights(struct directory *directory, struct account_id mailbox, struct account_id person,
                       enum person_rights *ret_rights, struct error *error)
{
    sqlite3_stmt *row = NULL;
    bool found = false;
    enum person_rights rights = PERSON_NONE;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_PERSON_GET,
                              PARAMETERS(NUMBER(mailbox.v), NUMBER(person.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        rights = (enum person_rights)sql_number(row, 0);
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK)
        *ret_rights = rights;
    return code;
}
