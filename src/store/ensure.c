#include "store/store.h"

/* Two threads may come here at once: whoever loses the race finds the account made. */
enum err store_account_ensure(struct store *store, struct account_id id, struct account **ret_account,
                              struct error *error)
{
    enum err e = store_account(store, id, ret_account, error);
    if (e != ERR_NOT_FOUND)
        return e;
    e = store_account_create(store, id, error);
    if (e != ERR_OK && e != ERR_EXISTS && e != ERR_BUSY)
        return e;
    return store_account(store, id, ret_account, error);
}
