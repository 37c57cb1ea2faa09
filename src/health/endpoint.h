/*
 * The session behind `health-listen`, in the edge process: one GET, one answer, goodbye.
 *
 *   /metrics       what Prometheus reads
 *   /health        200 or 503, and what is wrong as JSON
 *   /health/live   200 as long as edge answers at all
 *   /health/ready  200 when store answers too
 */
#ifndef POSTHORN_HEALTH_ENDPOINT_H
#define POSTHORN_HEALTH_ENDPOINT_H

#include "link/guest.h"

#define ENDPOINT_IDLE_US (10 * CLOCK_SECOND) /* for the whole request */

/* Takes the guest. */
void endpoint_start(struct guest *guest);

#endif
