#include "people.h"

#include "macros.h"

#include <string.h>

static const char *const american_first_names[] = {
    "Emily",     "James",  "Olivia", "Michael", "Sophia",  "William", "Isabella", "David",
    "Charlotte", "Daniel", "Grace",  "Matthew", "Aaliyah", "Tyrone",  "Hannah",   "Joshua",
    "Mei",       "Carlos", "Nora",   "Andrew",  "Zoë",     "Brandon", "Renée",    "Marcus",
};
static const char *const american_last_names[] = {
    "Davis",  "Johnson",  "Williams", "Brown",  "Garcia", "Miller",  "Wilson", "Anderson",
    "Thomas", "Jackson",  "O'Connor", "Nguyen", "Lee",    "Hall",    "Young",  "Núñez",
    "King",   "Robinson", "Walker",   "Perez",  "Scott",  "Ramírez", "Carter", "Washington",
};
static const struct city american_cities[] = {
    {"New York", "212", "10001"},      {"Boston", "617", "02108"}, {"Chicago", "312", "60601"},
    {"San Francisco", "415", "94102"}, {"Austin", "512", "78701"}, {"Seattle", "206", "98101"},
    {"Miami", "305", "33101"},         {"Denver", "303", "80202"},
};
static const char *const american_streets[] = {
    "Main Street",          "Oak Avenue",    "Maple Drive",
    "Washington Boulevard", "Lakeview Road", "2nd Street",
};

static const char *const british_first_names[] = {
    "Oliver", "Amelia", "George", "Isla",   "Harry",   "Ava",   "Noah",  "Freya",
    "Jack",   "Poppy",  "Arjun",  "Priya",  "Siobhán", "Rhys",  "Chloë", "Callum",
    "Imogen", "Alfie",  "Fatima", "Graham", "Eleanor", "Kwame", "Niamh", "Duncan",
};
static const char *const british_last_names[] = {
    "Smith",  "Jones",  "Taylor",  "Patel",    "Evans",  "Roberts",  "Hughes",   "Edwards",
    "Clarke", "Khan",   "Wright",  "McGregor", "Singh",  "Campbell", "O'Brien",  "Morgan",
    "Ellis",  "Fraser", "Bennett", "Shah",     "Murray", "Wood",     "Harrison", "Okafor",
};
static const struct city british_cities[] = {
    {"London", "20", "EC1A 1BB"},    {"Manchester", "161", "M1 1AE"}, {"Leeds", "113", "LS1 4AP"},
    {"Birmingham", "121", "B1 1AA"}, {"Glasgow", "141", "G1 1XQ"},    {"Cardiff", "29", "CF10 1EP"},
};
static const char *const british_streets[] = {
    "High Street", "Station Road", "Church Lane", "Victoria Road", "Mill Lane", "The Green",
};

static const char *const german_first_names[] = {
    "Anna",   "Lukas",     "Lena",  "Jürgen",  "Jörg", "Sophie", "Maximilian", "Käthe",
    "Felix",  "Marie",     "Björn", "Günther", "Ayşe", "Mehmet", "Katharina",  "Paul",
    "Hannes", "Franziska", "Jonas", "Emma",    "Leon", "Mia",    "Stefan",     "Ursula",
};
static const char *const german_last_names[] = {
    "Müller",   "Schmidt",  "Schneider", "Fischer", "Weber",    "Meyer",   "Wagner", "Becker",
    "Schulz",   "Hoffmann", "Schäfer",   "Koch",    "Bauer",    "Richter", "Klein",  "Wolf",
    "Schröder", "Neumann",  "Krüger",    "Yılmaz",  "Großmann", "Lehmann", "Köhler", "Weiß",
};
static const struct city german_cities[] = {
    {"Berlin", "30", "10115"},      {"Hamburg", "40", "20095"},  {"München", "89", "80331"},
    {"Köln", "221", "50667"},       {"Leipzig", "341", "04109"}, {"Stuttgart", "711", "70173"},
    {"Düsseldorf", "211", "40210"},
};
static const char *const german_streets[] = {
    "Hauptstraße", "Bahnhofstraße", "Gartenweg", "Schulstraße", "Am Markt", "Lindenallee",
};

static const char *const spanish_first_names[] = {
    "José",  "María",      "Lucía", "Álvaro", "Íñigo", "Carmen", "Javier", "Sofía",
    "Pablo", "Martina",    "Diego", "Nuria",  "Jordi", "Begoña", "Andrés", "Elena",
    "Óscar", "Concepción", "Hugo",  "Paula",  "Iván",  "Rocío",  "Manuel", "Ángela",
};
static const char *const spanish_last_names[] = {
    "García", "Fernández", "González", "Rodríguez", "López", "Martínez", "Sánchez",    "Pérez",
    "Muñoz",  "Gómez",     "Jiménez",  "Ruiz",      "Díaz",  "Moreno",   "Ibáñez",     "Álvarez",
    "Romero", "Navarro",   "Peña",     "Castaño",   "Vidal", "Serrano",  "Etxeberria", "Ferrer",
};
static const struct city spanish_cities[] = {
    {"Madrid", "91", "28001"},  {"Barcelona", "93", "08001"}, {"Valencia", "96", "46001"},
    {"Sevilla", "95", "41001"}, {"Bilbao", "94", "48001"},    {"Málaga", "952", "29001"},
};
static const char *const spanish_streets[] = {
    "Calle Mayor",     "Avenida de la Constitución", "Calle del Sol", "Plaza de España",
    "Paseo del Prado",
};

static const char *const polish_first_names[] = {
    "Łukasz",    "Agnieszka", "Paweł",  "Małgorzata", "Piotr",  "Zofia",  "Jakub", "Katarzyna",
    "Stanisław", "Żaneta",    "Michał", "Ewa",        "Tomasz", "Joanna", "Kamil", "Świętosława",
};
static const char *const polish_last_names[] = {
    "Nowak",     "Kowalski",  "Wiśniewski", "Wójcik", "Kamiński", "Zieliński",
    "Szymański", "Dąbrowski", "Kozłowski",  "Mazur",  "Krawczyk", "Zając",
    "Król",      "Wróbel",    "Pawlak",     "Żak",
};
static const struct city polish_cities[] = {
    {"Warszawa", "22", "00-001"}, {"Kraków", "12", "30-001"}, {"Łódź", "42", "90-001"},
    {"Wrocław", "71", "50-001"},  {"Gdańsk", "58", "80-001"},
};
static const char *const polish_streets[] = {
    "ulica Polna", "ulica Leśna", "ulica Słoneczna", "Aleje Jerozolimskie", "ulica Szkolna",
};

#define NAMES(prefix)                                                                              \
    .first_names = prefix##_first_names, .first_name_count = ARRAY_LEN(prefix##_first_names),      \
    .last_names = prefix##_last_names, .last_name_count = ARRAY_LEN(prefix##_last_names),          \
    .cities = prefix##_cities, .city_count = ARRAY_LEN(prefix##_cities),                           \
    .streets = prefix##_streets, .street_count = ARRAY_LEN(prefix##_streets)

/* Offsets are those of summer: a simulated campaign does not change its clock half-way. */
static const struct region regions[] = {
    {.name = "us-1",
     .country = "US",
     .country_code = "1",
     .language = "en",
     .utc_offset_minutes = -240,
     .subscriber_digits = 7,
     NAMES(american)},
    {.name = "eu-1",
     .country = "DE",
     .country_code = "49",
     .language = "de",
     .utc_offset_minutes = 120,
     .subscriber_digits = 7,
     NAMES(german)},
    {.name = "uk-1",
     .country = "GB",
     .country_code = "44",
     .language = "en",
     .utc_offset_minutes = 60,
     .subscriber_digits = 7,
     NAMES(british)},
    {.name = "eu-2",
     .country = "ES",
     .country_code = "34",
     .language = "es",
     .utc_offset_minutes = 120,
     .subscriber_digits = 7,
     NAMES(spanish)},
    {.name = "eu-3",
     .country = "PL",
     .country_code = "48",
     .language = "pl",
     .utc_offset_minutes = 120,
     .subscriber_digits = 7,
     NAMES(polish)},
};

size_t region_count(void)
{
    return ARRAY_LEN(regions);
}

const struct region *region_at(size_t index)
{
    return &regions[index % ARRAY_LEN(regions)];
}

/* Country code (at most 2 digits), area code (at most 3), subscriber number: at most 12 digits. */
static void draw_phone_number(struct person *person, const struct region *region, struct rng *rng)
{
    char *at = stpcpy(person->phone_number, region->country_code);
    at = stpcpy(at, person->city->area_code);
    *at++ = (char)('2' + rng_below(rng, 8));
    for (int i = 1; i < region->subscriber_digits; i++)
        *at++ = (char)('0' + rng_below(rng, 10));
    *at = '\0';
}

static const char *draw_priority(struct rng *rng)
{
    static const char *const priorities[] = {"high", "normal", "low"};
    static const uint32_t weights[] = {20, 55, 25};
    return priorities[rng_weighted(rng, weights, ARRAY_LEN(weights))];
}

void person_init(struct person *person, const struct region *region, struct rng *rng)
{
    person->first_name = region->first_names[rng_below(rng, (uint32_t)region->first_name_count)];
    person->last_name = region->last_names[rng_below(rng, (uint32_t)region->last_name_count)];
    person->city = &region->cities[rng_below(rng, (uint32_t)region->city_count)];
    person->street = region->streets[rng_below(rng, (uint32_t)region->street_count)];
    person->house_number = 1 + rng_below(rng, 180);
    person->account_number = 1000 + rng_below(rng, 9999000);
    person->priority = draw_priority(rng);
    draw_phone_number(person, region, rng);
}
