/* directory.db's tables; errors and threads as in store/migrate.h. */
#ifndef POSTHORN_DIRECTORY_SCHEMA_H
#define POSTHORN_DIRECTORY_SCHEMA_H

#include "store/volume.h"

enum err directory_schema_migrate(struct database *database, struct error *error) MUST_CHECK;

#endif
