/*
 * `posthorn serve` and its workers: the room that knows all others and puts them together.
 *
 * Each worker's file (edge.c, relay.c, store.c) supplies the hooks that rt/supervisor.h calls.
 */
#ifndef POSTHORN_SERVE_SERVE_H
#define POSTHORN_SERVE_SERVE_H

#include "rt/supervisor.h"

extern const struct worker_hooks edge_hooks;
extern const struct worker_hooks relay_hooks;
extern const struct worker_hooks store_hooks;

/* Reads the settings and supervises until stopped; the exit status. */
int serve_run(const char *settings_file);
/* One worker, by its role's name; called by the supervisor's exec only. Exit status. */
int serve_worker(const char *role);

#endif
