/*
 * What other processes used: CPU time and memory of some processes and all their descendants.
 *
 * Errors: a process that ended meanwhile counts nothing of its own; what it used is in its parent's sum
 * once the parent waited for it. Threads: any.
 */
#ifndef POSTHORN_BENCH_PROCESS_H
#define POSTHORN_BENCH_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { PROCESS_TREE_MAX = 20000 };

/* Microseconds in user and system mode, with those of children that ended. */
int64_t process_cpu_us(const int *pids, size_t count) NONNULL;
/* Bytes of memory, what is shared counted by its part (PSS). */
uint64_t process_memory(const int *pids, size_t count) NONNULL;

#endif
