/*
 * people - the people who are called: names, places, numbers.
 *
 * A region is where a dialer's workers stand and whom they call; a person is drawn from its
 * tables. Phone numbers are E.164 digits without the plus; they have the right form, and belong to
 * nobody in particular.
 */
#ifndef CALLBOARD_DIALSIM_PEOPLE_H
#define CALLBOARD_DIALSIM_PEOPLE_H

#include "rng.h"

#include <stddef.h>
#include <stdint.h>

struct city {
    const char *name;
    const char *area_code; /* as it stands behind the country's code */
    const char *postal_code;
};

struct region {
    const char *name; /* "eu-1" */
    const char *country;
    const char *country_code; /* of phone numbers */
    const char *language;
    int utc_offset_minutes;
    int subscriber_digits; /* of a phone number, behind the area code */
    const char *const *first_names;
    size_t first_name_count;
    const char *const *last_names;
    size_t last_name_count;
    const struct city *cities;
    size_t city_count;
    const char *const *streets;
    size_t street_count;
};

size_t region_count(void);
const struct region *region_at(size_t index);

struct person {
    const char *first_name;
    const char *last_name;
    const struct city *city;
    const char *street;
    uint32_t house_number;
    uint32_t account_number; /* 1000 to 9999999 */
    const char *priority;    /* "high", "normal" or "low" */
    char phone_number[24];
};

void person_init(struct person *person, const struct region *region, struct rng *rng);

#endif
