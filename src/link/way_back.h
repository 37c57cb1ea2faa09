/* Edge's half of the way back, for this room alone. Threads: any. */
#ifndef POSTHORN_LINK_WAY_BACK_H
#define POSTHORN_LINK_WAY_BACK_H

#include "link/link.h"

/* Before a connection in the clear is handed over that may come back; failing is logged. */
void link_ensure_way_back(struct link *link);

#endif
