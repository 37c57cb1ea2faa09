#include "store/registry.h"
#include "store/store.h"
#include "store/volume.h"

enum err store_figures(struct store *store, struct store_figures *ret_figures, struct error *error)
{
    struct statvfs room;
    enum err err = volume_room(store->volume, &room, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&store->mutex);
    uint64_t open = store->accounts.count;
    pthread_mutex_unlock(&store->mutex);
    *ret_figures = (struct store_figures){
        .open_accounts = open,
        .disk_bytes = (uint64_t)room.f_blocks * room.f_frsize,
        .disk_free = (uint64_t)room.f_bavail * room.f_frsize,
        .inodes = room.f_files,
        .inodes_free = room.f_favail,
    };
    return ERR_OK;
}
