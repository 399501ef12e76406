#include "campaign.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

static const char *const owners[] = {"acme", "globex"};

static struct campaign_setup setup_of(uint64_t seed)
{
    return (struct campaign_setup){
        .seed = seed, .calls = 1000, .owners = owners, .owner_count = ARRAY_LEN(owners)};
}

/* 2025-05-15T07:30:00Z */
#define START_US INT64_C(1747294200000000)

static void assert_first_three(struct json_object *fields)
{
    static const char *const names[] = {"name", "account_id", "priority"};
    size_t at = 0;
    json_object_object_foreach(fields, name, value)
    {
        if (at < ARRAY_LEN(names)) {
            cr_assert_str_eq(name, names[at]);
            cr_assert(json_object_is_type(value, json_type_string));
        }
        at++;
    }
    cr_assert_gt(at, ARRAY_LEN(names), "nothing but name, account and priority");
}

Test(campaign, gives_every_call_its_fields_in_order)
{
    struct campaign_setup setup = setup_of(5);
    struct buf text;
    buf_init(&text, 10000);
    for (uint32_t number = 0; number < 60; number++) {
        struct campaign campaign;
        campaign_init(&campaign, &setup, number);
        buf_reset(&text);
        campaign_append_fields(&campaign, 7, &text);
        struct json_object *fields = json_tokener_parse(buf_text(&text));
        cr_assert_not_null(fields, "%s", buf_text(&text));
        assert_first_three(fields);
        json_object_put(fields);
    }
    buf_done(&text);
}

/* Decimals, arrays, nested objects, booleans and null are what makes the fields worth keeping
 * exactly. */
Test(campaign, has_fields_of_every_kind_among_its_kinds)
{
    static const char *const texts[] = {
        ",\"balance\":",     ",\"tags\":[",           ",\"address\":{\"street\":",
        ",\"city\":\"",      ",\"language\":\"",      ",\"consent\":null",
        ",\"consent\":true", ",\"due_date\":\"2025-", ",\"appointment\":\"2025-"};
    struct campaign_setup setup = setup_of(5);
    struct buf text;
    buf_init(&text, 1 << 20);
    for (uint32_t number = 0; number < 60; number++) {
        struct campaign campaign;
        campaign_init(&campaign, &setup, number);
        for (uint32_t call = 0; call < 20; call++)
            campaign_append_fields(&campaign, call, &text);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        cr_expect_not_null(strstr(buf_text(&text), texts[i]), "%s never comes", texts[i]);
    buf_done(&text);
}

Test(campaign, writes_balances_with_two_decimals)
{
    struct campaign_setup setup = setup_of(5);
    struct buf text;
    int zeros = 0;
    buf_init(&text, 10000);
    for (uint32_t number = 0; number < 200; number++) {
        struct campaign campaign;
        campaign_init(&campaign, &setup, number);
        buf_reset(&text);
        campaign_append_fields(&campaign, 0, &text);
        const char *balance = strstr(buf_text(&text), "\"balance\":");
        if (!balance)
            continue;
        const char *point = strchr(balance, '.');
        cr_assert_eq(strspn(point + 1, "0123456789"), 2, "%s", balance);
        zeros += point[2] == '0';
    }
    cr_expect_gt(zeros, 0, "none with a trailing zero, which is the one that matters");
    buf_done(&text);
}

Test(campaign, has_phone_numbers_of_digits_alone)
{
    struct campaign_setup setup = setup_of(6);
    for (uint32_t number = 0; number < 20; number++) {
        struct campaign campaign;
        campaign_init(&campaign, &setup, number);
        for (uint32_t call = 0; call < 200; call++) {
            struct person person;
            campaign_person(&campaign, call, &person);
            size_t len = strlen(person.phone_number);
            cr_assert_eq(strspn(person.phone_number, "0123456789"), len);
            cr_assert(len >= 10 && len <= 15, "E.164 has at most 15: %s", person.phone_number);
            cr_assert_neq(person.phone_number[0], '0');
        }
    }
}

Test(campaign, gives_every_call_an_id_of_its_own)
{
    struct campaign_setup setup = setup_of(7);
    struct campaign campaign, other;
    struct object_id last = {{0}};
    campaign_init(&campaign, &setup, 0);
    campaign_init(&other, &setup, 1);
    cr_expect_neq(object_id_compare(&campaign.id, &other.id), 0);
    for (uint32_t call = 0; call < 100000; call++) {
        struct object_id id = campaign_call_id(&campaign, call);
        cr_assert_gt(object_id_compare(&id, &last), 0, "they ascend");
        last = id;
    }
    last = campaign_call_id(&campaign, CAMPAIGN_CALLS_MAX);
    struct object_id first = campaign_call_id(&campaign, 0);
    struct object_id foreign = campaign_call_id(&other, 0);
    cr_expect_neq(object_id_compare(&last, &first), 0);
    cr_expect_neq(object_id_compare(&foreign, &first), 0);
}

Test(campaign, takes_the_id_that_the_first_batch_is_given)
{
    struct object_id id;
    struct campaign campaign;
    struct campaign_setup setup = setup_of(8);
    cr_assert(object_id_parse(SLICE("67DEF9053495307C718D9DFB"), &id));
    setup.first_id = &id;
    campaign_init(&campaign, &setup, 0);
    cr_expect_str_eq(campaign.id_hex, "67def9053495307c718d9dfb");
    campaign_init(&campaign, &setup, 1);
    cr_expect_str_neq(campaign.id_hex, "67def9053495307c718d9dfb");
}

Test(campaign, goes_to_the_owners_in_turn)
{
    struct campaign campaign;
    struct campaign_setup setup = setup_of(9);
    for (uint32_t number = 0; number < 6; number++) {
        campaign_init(&campaign, &setup, number);
        cr_expect_str_eq(campaign.owner, owners[number % 2]);
    }
}

Test(campaign, is_named_after_its_month)
{
    struct campaign campaign;
    struct campaign_setup setup = setup_of(10);
    campaign_init(&campaign, &setup, 3);
    campaign_schedule(&campaign, START_US);
    cr_expect_not_null(strstr(campaign.name, " May 2025 ("), "%s", campaign.name);
    cr_expect_not_null(strstr(campaign.name, "no. 4"), "%s", campaign.name);
}

Test(campaign, begins_with_the_same_calls_whatever_its_length)
{
    struct campaign_setup setup = setup_of(11);
    struct campaign shorter, longer;
    struct buf a, b;
    buf_init(&a, 10000);
    buf_init(&b, 10000);
    campaign_init(&shorter, &setup, 2);
    setup.calls = 1000000;
    campaign_init(&longer, &setup, 2);
    campaign_append_fields(&shorter, 5, &a);
    campaign_append_fields(&longer, 5, &b);
    cr_expect_str_eq(buf_text(&a), buf_text(&b));
    cr_expect_str_eq(shorter.id_hex, longer.id_hex);
    buf_done(&a);
    buf_done(&b);
}

Test(people, differ_in_every_region)
{
    for (size_t i = 0; i < region_count(); i++) {
        const struct region *region = region_at(i);
        struct rng rng;
        struct person first, second;
        rng_init(&rng, 1, 1, i);
        person_init(&first, region, &rng);
        person_init(&second, region, &rng);
        cr_expect_str_neq(first.phone_number, second.phone_number, "%s", region->name);
        cr_expect_eq(
            strncmp(first.phone_number, region->country_code, strlen(region->country_code)), 0);
    }
}
