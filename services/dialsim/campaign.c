#include "campaign.h"

#include "jsontext.h"
#include "macros.h"
#include "rfc3339.h"

#include <stdio.h>
#include <string.h>

/* Streams of random numbers (see rng.h): one for each thing that is drawn. */
enum stream { STREAM_CAMPAIGN = 1, STREAM_PERSON, STREAM_FIELDS };

enum extra_field {
    EXTRA_CITY = 1 << 0,
    EXTRA_BALANCE = 1 << 1,
    EXTRA_DUE_DATE = 1 << 2,
    EXTRA_APPOINTMENT = 1 << 3,
    EXTRA_LANGUAGE = 1 << 4,
    EXTRA_TAGS = 1 << 5,
    EXTRA_ADDRESS = 1 << 6,
    EXTRA_CONSENT = 1 << 7,
};

static const struct campaign_kind kinds[] = {
    {"Marketing Campaign", "our new plans for this season",
     EXTRA_CITY | EXTRA_TAGS | EXTRA_CONSENT},
    {"Payment Reminder", "the open balance on your account",
     EXTRA_BALANCE | EXTRA_DUE_DATE | EXTRA_LANGUAGE},
    {"Appointment Reminder", "your appointment with us", EXTRA_CITY | EXTRA_APPOINTMENT},
    {"Customer Survey", "a short survey about our service", EXTRA_LANGUAGE | EXTRA_TAGS},
    {"Contract Renewal", "the renewal of your contract",
     EXTRA_ADDRESS | EXTRA_BALANCE | EXTRA_TAGS},
    {"Delivery Notice", "the delivery of your order", EXTRA_ADDRESS | EXTRA_CITY},
};

static const char *const month_names[] = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December",
};

static void draw_id(struct object_id *id, struct rng *rng)
{
    uint64_t high = rng_next(rng);
    uint64_t low = rng_next(rng);
    for (size_t i = 0; i < OBJECT_ID_BYTES; i++)
        id->bytes[i] = (uint8_t)(i < 8 ? high >> (8 * i) : low >> (8 * (i - 8)));
    id->bytes[0] = 0x68; /* an id of MongoDB begins with its time; this one is of 2025 */
}

void campaign_init(struct campaign *campaign, const struct campaign_setup *setup, uint32_t number)
{
    struct rng rng;
    rng_init(&rng, setup->seed, STREAM_CAMPAIGN, number);
    *campaign = (struct campaign){.number = number, .calls = setup->calls};
    campaign->seed = rng_next(&rng);
    draw_id(&campaign->id, &rng);
    if (number == 0 && setup->first_id)
        campaign->id = *setup->first_id;
    object_id_format(&campaign->id, campaign->id_hex);
    campaign->owner = setup->owners[number % setup->owner_count];
    campaign->kind = &kinds[rng_below(&rng, ARRAY_LEN(kinds))];
    campaign->region = region_at(rng_below(&rng, (uint32_t)region_count()));
}

void campaign_schedule(struct campaign *campaign, int64_t start_us)
{
    char time[RFC3339_MILLIS_LEN];
    campaign->start_us = start_us;
    rfc3339_format_millis(start_us, time);
    unsigned month = (unsigned)((time[5] - '0') * 10 + (time[6] - '0'));
    (void)snprintf(campaign->name, sizeof(campaign->name), "%s %s %.4s (%s, no. %u)",
                   campaign->kind->title, month_names[(month + 11) % 12], time,
                   campaign->region->country, campaign->number + 1);
}

/* Like an id of MongoDB: a time, five random bytes of the batch, a counter. */
struct object_id campaign_call_id(const struct campaign *campaign, uint32_t call)
{
    struct object_id id = {.bytes = {0x68}};
    memcpy(id.bytes + 1, &campaign->id.bytes[4], 8);
    id.bytes[9] = (uint8_t)(call >> 16);
    id.bytes[10] = (uint8_t)(call >> 8);
    id.bytes[11] = (uint8_t)call;
    return id;
}

void campaign_person(const struct campaign *campaign, uint32_t call, struct person *person)
{
    struct rng rng;
    rng_init(&rng, campaign->seed, STREAM_PERSON, call);
    person_init(person, campaign->region, &rng);
}

static void append_member(struct buf *out, const char *name, const char *value)
{
    buf_append_text(out, ",\"");
    buf_append_text(out, name);
    buf_append_text(out, "\":");
    jsontext_append_string(out, slice_of(value));
}

static void append_city(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)rng;
    append_member(out, "city", person->city->name);
}

/* Always two decimals: `129.50` must come back as it was written. */
static void append_balance(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)person;
    uint32_t cents = 500 + rng_below(rng, 250000);
    buf_append_text(out, ",\"balance\":");
    buf_append_int(out, cents / 100);
    buf_append_char(out, '.');
    buf_append_char(out, (char)('0' + cents / 10 % 10));
    buf_append_char(out, (char)('0' + cents % 10));
}

/* The numbers of a date, each drawn by a statement of its own: the order in which a compiler
 * evaluates arguments is its own choice. */
struct date {
    uint32_t month, day;
};

static struct date draw_date(struct rng *rng)
{
    struct date date;
    date.month = 1 + rng_below(rng, 12);
    date.day = 1 + rng_below(rng, 28);
    return date;
}

static void append_due_date(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)person;
    char text[16];
    struct date date = draw_date(rng);
    (void)snprintf(text, sizeof(text), "2025-%02u-%02u", date.month, date.day);
    append_member(out, "due_date", text);
}

static void append_appointment(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)person;
    char text[24];
    struct date date = draw_date(rng);
    uint32_t hour = 8 + rng_below(rng, 10);
    uint32_t minute = 15 * rng_below(rng, 4);
    (void)snprintf(text, sizeof(text), "2025-%02u-%02uT%02u:%02u", date.month, date.day, hour,
                   minute);
    append_member(out, "appointment", text);
}

static void append_language(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)person;
    static const char *const languages[] = {"en", "de", "es", "pl", "tr", "fr"};
    static const uint32_t weights[] = {40, 20, 16, 12, 6, 6};
    append_member(out, "language", languages[rng_weighted(rng, weights, ARRAY_LEN(weights))]);
}

static void append_tags(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)person;
    static const char *const tags[] = {"vip",      "newsletter", "prepaid",
                                       "business", "trial",      "2nd-line"};
    uint32_t chosen = rng_below(rng, 1U << ARRAY_LEN(tags));
    const char *comma = "";
    buf_append_text(out, ",\"tags\":[");
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        if (!(chosen & (1U << i)))
            continue;
        buf_append_text(out, comma);
        jsontext_append_string(out, slice_of(tags[i]));
        comma = ",";
    }
    buf_append_char(out, ']');
}

static void append_address(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)rng;
    buf_append_text(out, ",\"address\":{\"street\":");
    jsontext_append_string(out, slice_of(person->street));
    buf_append_text(out, ",\"number\":");
    buf_append_int(out, person->house_number);
    append_member(out, "zip", person->city->postal_code);
    append_member(out, "city", person->city->name);
    buf_append_char(out, '}');
}

static void append_consent(struct buf *out, const struct person *person, struct rng *rng)
{
    (void)person;
    static const char *const values[] = {"true", "false", "null"};
    static const uint32_t weights[] = {60, 25, 15};
    buf_append_text(out, ",\"consent\":");
    buf_append_text(out, values[rng_weighted(rng, weights, ARRAY_LEN(weights))]);
}

static const struct {
    enum extra_field field;
    void (*append)(struct buf *out, const struct person *person, struct rng *rng);
} extra_fields[] = {
    {EXTRA_CITY, append_city},         {EXTRA_BALANCE, append_balance},
    {EXTRA_DUE_DATE, append_due_date}, {EXTRA_APPOINTMENT, append_appointment},
    {EXTRA_LANGUAGE, append_language}, {EXTRA_TAGS, append_tags},
    {EXTRA_ADDRESS, append_address},   {EXTRA_CONSENT, append_consent},
};

static void append_name(struct buf *out, const struct person *person)
{
    buf_append_text(out, "{\"name\":\"");
    jsontext_append_escaped(out, slice_of(person->first_name));
    buf_append_char(out, ' ');
    jsontext_append_escaped(out, slice_of(person->last_name));
    buf_append_text(out, "\",\"account_id\":\"ACC-");
    buf_append_int(out, person->account_number);
    buf_append_char(out, '"');
}

void campaign_append_fields(const struct campaign *campaign, uint32_t call, struct buf *out)
{
    struct person person;
    struct rng rng;
    campaign_person(campaign, call, &person);
    rng_init(&rng, campaign->seed, STREAM_FIELDS, call);
    append_name(out, &person);
    append_member(out, "priority", person.priority);
    for (size_t i = 0; i < ARRAY_LEN(extra_fields); i++)
        if (campaign->kind->fields & extra_fields[i].field)
            extra_fields[i].append(out, &person, &rng);
    buf_append_char(out, '}');
}
