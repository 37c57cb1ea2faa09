#include "bench/stats.h"

#include <math.h>

void samples_release(struct samples *samples)
{
    free(samples->values);
    *samples = (struct samples){0};
}

void samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->room) {
        size_t room = samples->room == 0 ? 256 : samples->room * 2;
        double *values = reallocarray(samples->values, room, sizeof(*values));
        if (values == NULL) {
            samples->failed = true;
            return;
        }
        samples->values = values;
        samples->room = room;
    }
    samples->values[samples->count++] = value;
}

void samples_join(struct samples *samples, const struct samples *more)
{
    for (size_t i = 0; i < more->count; i++)
        samples_add(samples, more->values[i]);
    samples->failed |= more->failed;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double samples_percentile(struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->values, samples->count, sizeof(*samples->values), compare);
    double rank = ceil(percent / 100 * (double)samples->count);
    size_t place = rank < 1 ? 0 : (size_t)rank - 1;
    return samples->values[MIN(place, samples->count - 1)];
}
