/*
 * All of it as JSON: what `posthorn status` shows, and what /health answers. Threads: any.
 */
#ifndef POSTHORN_HEALTH_STATUS_H
#define POSTHORN_HEALTH_STATUS_H

#include <jansson.h>

#include "health/gather.h"

enum { HEALTH_ANSWER_MAX = 8 * 1024 };

/* {"version": ..., "processes": [...], ...}; NULL: memory is out. */
json_t *status_json(struct gatherer *gatherer) MUST_CHECK;
/* {"status": "ok", "problems": [...]} into out; *ret_well: it does not fail. */
void status_put_health(struct gatherer *gatherer, struct buf *out, bool *ret_well);

#endif
