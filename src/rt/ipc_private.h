/* Shared by the halves of ipc: ipc.c (records), ipc_client.c, ipc_service.c. */
#ifndef POSTHORN_RT_IPC_PRIVATE_H
#define POSTHORN_RT_IPC_PRIVATE_H

#include "rt/ipc.h"

/* On the main channel: one descriptor, the service's end of a new channel. */
#define IPC_NEW_CHANNEL UINT32_MAX

/* What is there now; *ret_none: nothing yet (and ERR_OK). */
enum err ipc_receive_now(int fd, struct buf *storage, struct ipc_message *ret_message, bool *ret_none,
                         struct error *error) MUST_CHECK;

#endif
