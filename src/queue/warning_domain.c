#include "queue/warning_domain.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "queue/warning_message.h"
#include "queue/warning_text.h"

struct telling {
    struct store *store;
    struct directory *directory;
    const char *hostname;
    struct domain domain;
    struct domain_state state;
    struct arena arena;
    size_t told;
};

/* The same for a step of a domain on one day, so that who was told before a crash is not told again. 16
 * bytes, as delivery ids are. */
static void delivery_id_put(const struct telling *telling, struct buf *out)
{
    buf_put(out, S("dq"));
    wire_put_u64(out, telling->domain.id.v);
    wire_put_u8(out, (uint8_t)telling->state.warn);
    wire_put_u32(out, (uint32_t)(clock_wall_us() / CLOCK_DAY));
    wire_put_u8(out, 0);
}

static enum err write_to(struct telling *telling, const struct account_entry *entry, struct error *error)
{
    CLEANUP(buf_release) struct buf subject = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf body = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf message = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf delivery = BUF(16);
    struct account *account = NULL;
    bool duplicate = false;
    warning_domain_subject(entry->language, telling->domain.name, &telling->state, &subject);
    warning_domain_body(entry->language, telling->domain.name, &telling->state, &body);
    delivery_id_put(telling, &delivery);
    const struct warning_message parts = {entry, buf_slice(&subject), buf_slice(&body), telling->hostname};
    warning_compose(&parts, &message);
    if (buf_failed(&message) || buf_failed(&subject) || buf_failed(&body) || buf_failed(&delivery))
        return fail_nomem(error);
    enum err err = store_account_ensure(telling->store, entry->id, &account, error);
    if (err != ERR_OK)
        return err;
    const struct append_item item = {.delivery_id = buf_slice(&delivery)};
    err = warning_file(account, buf_slice(&message), item, &telling->arena, &duplicate, error);
    account_unref(account);
    return err;
}

/* One whose mailbox is damaged keeps nobody else from being told. */
static void tell(struct telling *telling, const struct account_entry *entry)
{
    struct error error;
    if (write_to(telling, entry, &error) == ERR_OK)
        telling->told++;
    else
        LOG(LOG_ERROR, NO_SID, "queue.quota_warning_failed", F_ID("account", entry->id.v), F_ERR(&error));
}

static enum err tell_administrators(struct telling *telling, struct error *error)
{
    struct slice *addresses = NULL;
    size_t count = 0;
    enum err err = domain_administrators(telling->directory, telling->domain.name, &telling->arena,
                                         &addresses, &count, error);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct account_entry entry;
        struct error gone;
        if (account_entry_find(telling->directory, addresses[i], &telling->arena, &entry, &gone) == ERR_OK)
            tell(telling, &entry);
    }
    return err;
}

static enum err tell_postmaster(struct telling *telling, struct error *error)
{
    CLEANUP(buf_release) struct buf address = BUF(ADDRESS_MAX + 1);
    struct route route;
    buf_printf(&address, "postmaster@%.*s", SLICE_ARGS(telling->domain.name));
    if (buf_failed(&address))
        return fail_nomem(error);
    enum err err = directory_route(telling->directory, buf_slice(&address), &telling->arena, &route, error);
    for (size_t i = 0; err == ERR_OK && i < route.account_count; i++) {
        struct account_entry entry;
        struct error gone;
        if (account_entry_get(telling->directory, route.accounts[i].id, &telling->arena, &entry, &gone) ==
            ERR_OK)
            tell(telling, &entry);
    }
    return err;
}

static enum err tell_all(struct telling *telling, struct error *error)
{
    enum err err =
        domain_get(telling->directory, telling->domain.id, &telling->arena, &telling->domain, error);
    if (err == ERR_OK)
        err = tell_administrators(telling, error);
    if (err == ERR_OK && telling->told == 0)
        err = tell_postmaster(telling, error);
    if (err == ERR_OK)
        LOG(LOG_WARN, NO_SID, "queue.domain_quota", F_STR("domain", telling->domain.name),
            F_INT("percent", telling->state.percent), F_INT("told", (int64_t)telling->told));
    return err;
}

enum err warning_domain_send(struct store *store, struct directory *directory, const char *hostname,
                             struct domain_id id, struct error *error)
{
    struct telling telling = {.store = store,
                              .directory = directory,
                              .hostname = hostname,
                              .domain = {.id = id},
                              .arena = ARENA(WARNING_ARENA_MAX)};
    enum err err = store_domain_state(store, id, &telling.state, error);
    if (err == ERR_OK && telling.state.warn > telling.state.warned)
        err = tell_all(&telling, error);
    if (err == ERR_OK && telling.state.warn != telling.state.warned) {
        err = domain_set_warned(directory, id, telling.state.warn, error);
        store_domain_changed(store, id);
    }
    arena_release(&telling.arena);
    return err == ERR_NOT_FOUND ? ERR_OK : err; /* removed meanwhile */
}
