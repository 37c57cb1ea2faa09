#include "rt/metrics.h"
#include "smtp/session.h"

/* By the status that a reply begins with (RFC 3463); the first that fits. */
static const struct {
    const char *status;
    enum metric_refusal reason;
} reasons[] = {
    {"450 4.7.1 ", METRIC_REFUSED_TOO_MANY}, {"554 5.7.1 ", METRIC_REFUSED_GUARD},
    {"451 4.7.1 ", METRIC_REFUSED_GUARD},    {".1.1 ", METRIC_REFUSED_RECIPIENT},
    {".7.1 ", METRIC_REFUSED_RELAY},         {".2.2 ", METRIC_REFUSED_FULL},
    {".3.4 ", METRIC_REFUSED_SIZE},          {".7.8 ", METRIC_REFUSED_LOGIN},
    {"530 5.7.0 ", METRIC_REFUSED_LOGIN},    {".7.0 ", METRIC_REFUSED_TOO_MANY},
    {".5.3 ", METRIC_REFUSED_TOO_MANY},      {".3.", METRIC_REFUSED_UNAVAILABLE},
    {".1.", METRIC_REFUSED_ADDRESS},         {".5.", METRIC_REFUSED_PROTOCOL},
};

void smtp_count_refusal(struct slice reply)
{
    enum { STATUS_BYTES = 10 }; /* "550 5.7.1 " */
    if (reply.n == 0 || (reply.p[0] != '4' && reply.p[0] != '5'))
        return;
    struct slice status = slice_sub(reply, 0, STATUS_BYTES);
    enum metric_refusal reason = METRIC_REFUSED_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(reasons) && reason == METRIC_REFUSED_OTHER; i++)
        if (slice_find(status, slice_cstr(reasons[i].status)) >= 0)
            reason = reasons[i].reason;
    metric_count(REFUSALS, reason);
}
