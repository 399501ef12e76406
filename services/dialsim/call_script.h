/*
 * call_script - what happens when a number is dialed: the statuses of one attempt, when each comes,
 * how it ends, and whether the number is tried again.
 *
 * Proportions and times are those of outbound dialing of consumers: of ten attempts three to four
 * are answered, as many ring out, two reach a machine. An attempt follows from (seed, call,
 * attempt) alone.
 */
#ifndef CALLBOARD_DIALSIM_CALL_SCRIPT_H
#define CALLBOARD_DIALSIM_CALL_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of their ranks; from DIAL_COMPLETED on they are final, and one attempt has but one
 * of those. */
enum dial_status {
    DIAL_QUEUED,
    DIAL_INITIATED,
    DIAL_RINGING,
    DIAL_IN_PROGRESS,
    DIAL_COMPLETED,
    DIAL_NO_ANSWER,
    DIAL_BUSY,
    DIAL_FAILED,
    DIAL_VOICEMAIL,
    DIAL_CANCELED,
    DIAL_STATUS_COUNT
};
/* As the contract spells it: "in-progress". */
const char *dial_status_name(enum dial_status status);

#define CALL_SCRIPT_STEPS_MAX 5
#define CALL_SCRIPT_ATTEMPTS_MAX 10

struct call_script {
    enum dial_status outcome; /* the last step's status */
    struct {
        enum dial_status status;
        int64_t after_us; /* since the attempt began; ascending; the first is 0 */
    } steps[CALL_SCRIPT_STEPS_MAX];
    int step_count;
    bool is_recorded;            /* somebody or something spoke: duration, recording, transcript */
    int64_t duration_ms;         /* from answered to hung up; 0 where nobody answered */
    int64_t transcript_after_us; /* since the attempt began: transcription takes a while */
    bool is_retried;
    int64_t retry_after_us; /* since the attempt ended */
};

/* `attempt` counts from 1; the attempt numbered `attempts_max` is not retried. */
void call_script_init(struct call_script *script, uint64_t seed, uint32_t call, int attempt,
                      int attempts_max);

#endif
