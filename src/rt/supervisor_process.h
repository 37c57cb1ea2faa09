/*
 * One worker process as the supervisor sees it. Used by supervisor.c only.
 *
 *   DOWN --spawn--> BOOTING --READY--> READY --STOP--> STOPPING --STOPPED--> STOPPED
 *    ^                 |                 |                |                    |
 *    +-----------------+-----------------+------ death ---+--------------------+
 */
#ifndef POSTHORN_RT_SUPERVISOR_PROCESS_H
#define POSTHORN_RT_SUPERVISOR_PROCESS_H

#include "rt/control.h"

enum process_state { PROCESS_DOWN, PROCESS_BOOTING, PROCESS_READY, PROCESS_STOPPING, PROCESS_STOPPED };

enum { RESTART_DELAY_MAX_SECONDS = 30, RESTART_GOOD_LIFE_SECONDS = 60 };

struct process {
    enum worker_role role;
    enum process_state state;
    pid_t pid;
    int control; /* -1 when DOWN */
    int64_t started_us;
    int64_t restart_us; /* when DOWN: monotonic */
    unsigned deaths;    /* in a row, each soon after its start */
};

/* Forks and executes `posthorn worker ROLE` with the other end of a new control channel as descriptor 3. */
enum err process_spawn(struct process *process, struct error *error) MUST_CHECK;
/* Its death was seen: closes the channel, and says when it is to be started again. */
void process_died(struct process *process, int64_t now_us);
/* How long after its n-th early death in a row a worker rests. */
int64_t process_restart_delay_us(unsigned deaths);

#endif
