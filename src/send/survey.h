/* The lanes of a schedule, for people: link/lanes.h. Takes the schedule's lock. */
#ifndef POSTHORN_SEND_SURVEY_H
#define POSTHORN_SEND_SURVEY_H

#include "link/lanes.h"
#include "send/schedule.h"

void schedule_survey(struct schedule *schedule, struct slice after, struct arena *arena,
                     struct lane_state ret_rows[static LANES_PAGE_MAX], size_t *ret_count);

#endif
