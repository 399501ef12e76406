# embed_migrations.cmake - writes OUTPUT, a C file that holds the SQL files MIGRATIONS as struct migration.
# usage: cmake -DOUTPUT=migrations.c "-DMIGRATIONS=001_a.sql;002_b.sql" -P embed_migrations.cmake
set(texts "")
set(rows "")
set(expected 0)
foreach(file IN LISTS MIGRATIONS)
    get_filename_component(base "${file}" NAME)
    math(EXPR expected "${expected} + 1")
    if(NOT base MATCHES "^([0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
        message(FATAL_ERROR "${base}: a migration is named NNN_name.sql")
    endif()
    set(digits "${CMAKE_MATCH_1}")
    set(name "${CMAKE_MATCH_2}")
    string(REGEX REPLACE "^0+" "" number "${digits}")
    if(NOT number EQUAL expected)
        message(FATAL_ERROR "${base}: migrations are numbered without gaps, expected ${expected}")
    endif()
    file(SHA256 "${file}" checksum)
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${hex}")
    # Twenty bytes a line; one literal each, so that no escape swallows its neighbour.
    string(REGEX REPLACE "((\\\\x..)(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?)" "    \"\\1\"\n" lines "${bytes}")
    string(APPEND texts "static const char sql_${digits}[] =\n${lines}    \"\"@\n\n")
    string(APPEND rows "    {${number}, \"${name}\",\n     \"${checksum}\",\n     sql_${digits}},\n")
endforeach()
string(REPLACE "\"\"@" "\"\";" texts "${texts}")
file(WRITE "${OUTPUT}" "/* Made from deploy/schema by embed_migrations.cmake. */
#include \"migrations.h\"

${texts}const struct migration migrations[] = {
${rows}};

const size_t migrations_count = sizeof(migrations) / sizeof(migrations[0]);
")
