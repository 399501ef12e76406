#include "store_sql.h"

#define MOVE_OFFSETS                                                                               \
    "UPDATE callboard.kafka_offset o SET next_offset = u.next_offset, "                            \
    "last_offset = u.next_offset - 1, last_fingerprint = u.fingerprint, updated_at = now() "       \
    "FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], "            \
    "$7::bigint[]) "                                                                               \
    "  u(topic, partition, epoch, expected, next_offset, fingerprint) "                            \
    "WHERE o.group_id = $1::text AND o.topic = u.topic AND o.partition = u.partition "             \
    "AND o.epoch = u.epoch AND o.next_offset = u.expected "                                        \
    "RETURNING o.topic, o.partition"

/* Fails when there are fewer rows than expected, with `text` in the message: what stands behind it
 * in the pipeline, COMMIT included, is not executed then. */
#define ALL_OR_ERROR(expected, text)                                                               \
    "CASE WHEN count(*) = " expected " THEN 0 ELSE ('" text ": ' || count(*))::integer END"

/*
 * Arrays come sorted by key, and every statement takes its rows by nested loops in that order (the
 * session turns the other joins off): so rows are locked in one order everywhere, and answers come
 * in the order of the question.
 *
 * Masks say which fields an update replaces; their bits are the enums of entity.h.
 *
 * Arrays are unnested in a SELECT list: unnest() of several arrays in FROM keeps each column in a
 * tuple store of its own first (figures: the README of this folder).
 */
const struct db_statement store_statements[SQL_COUNT] = {
    [SQL_BEGIN] = {"begin", "BEGIN"},
    [SQL_COMMIT] = {"commit", "COMMIT"},
    [SQL_ROLLBACK] = {"rollback", "ROLLBACK"},

    [SQL_CLAIM] = {"claim", "INSERT INTO callboard.kafka_offset AS o (group_id, topic, partition, "
                            "next_offset, epoch, owner) "
                            "SELECT $1::text, u.topic, u.partition, -1, 1, $4::text "
                            "FROM unnest($2::text[], $3::integer[]) u(topic, partition) "
                            "ON CONFLICT (group_id, topic, partition) DO UPDATE "
                            "SET epoch = o.epoch + 1, owner = excluded.owner, updated_at = now() "
                            "RETURNING o.topic, o.partition, o.epoch, o.next_offset, "
                            "CASE WHEN o.last_offset = o.next_offset - 1 THEN o.last_fingerprint "
                            "ELSE 0 END"},

    [SQL_READ_OFFSETS] = {"read_offsets",
                          "SELECT o.topic, o.partition, o.epoch, o.next_offset, 0::bigint "
                          "FROM unnest($2::text[], $3::integer[]) u(topic, partition) "
                          "JOIN callboard.kafka_offset o ON o.group_id = $1::text AND o.topic = "
                          "u.topic AND o.partition = u.partition"},

    [SQL_MOVE_OFFSETS] = {"move_offsets", MOVE_OFFSETS},
    [SQL_MOVE_ALL_OFFSETS] = {"move_all_offsets",
                              "WITH moved AS (" MOVE_OFFSETS ") "
                              "SELECT " ALL_OR_ERROR("cardinality($2)",
                                                     "a partition was taken over") " FROM moved"},

    /* The lock is an update that changes nothing: it waits for another writer and then returns what
     * that one left, makes the row where there is none, and works on tables distributed over
     * shards, which SELECT FOR UPDATE does not. */
    [SQL_LOCK_BATCHES] = {"lock_batches",
                          "INSERT INTO callboard.batch AS b (batch_id) SELECT u.batch_id FROM "
                          "unnest($1::bytea[]) u(batch_id) "
                          "ON CONFLICT (batch_id) DO UPDATE SET version = b.version "
                          "RETURNING b.batch_id, b.version, b.versions, b.calls, "
                          "b.pending_attempts, b.created_in_order, b.last_created_at"},

    [SQL_LOCK_UNCHANGED] =
        {"lock_unchanged",
         "WITH locked AS ("
         "UPDATE callboard.batch b SET version = b.version "
         "FROM (SELECT unnest($1::bytea[]) AS batch_id, unnest($2::bigint[]) AS version) u "
         "WHERE b.batch_id = u.batch_id AND b.version = u.version RETURNING b.batch_id) "
         "SELECT " ALL_OR_ERROR("cardinality($1)",
                                "a batch was changed by another process") " FROM locked"},

    [SQL_READ_CALLS] =
        {"read_calls",
         "SELECT k.n, c.position, c.created_at, c.versions, a.attempt, a.call_status, a.versions "
         "FROM (SELECT unnest($1::integer[]) AS n, unnest($2::bytea[]) AS batch_id, "
         "unnest($3::bytea[]) AS call_id, unnest($4::boolean[]) AS with_attempts) k "
         "JOIN callboard.call c ON c.batch_id = k.batch_id AND c.call_id = k.call_id "
         "LEFT "
         "JOIN callboard.attempt a ON k.with_attempts AND a.batch_id = c.batch_id AND a.position = "
         "c.position"},

    [SQL_READ_PENDING] =
        {"read_pending",
         "SELECT k.n, p.attempt, p.versions, p.call_status, p.call_duration_ms, p.recording_url, "
         "p.transcript, p.created_at "
         "FROM (SELECT unnest($1::integer[]) AS n, unnest($2::bytea[]) AS batch_id, "
         "unnest($3::bytea[]) AS call_id) k "
         "JOIN callboard.pending_attempt p ON p.batch_id = k.batch_id AND p.call_id = k.call_id"},

    [SQL_WRITE_BATCHES] =
        {"write_batches",
         "UPDATE callboard.batch b SET "
         "owner_id = CASE WHEN u.mask & 1 <> 0 THEN u.owner_id ELSE b.owner_id END, "
         "batch_name = CASE WHEN u.mask & 2 <> 0 THEN u.batch_name ELSE b.batch_name END, "
         "batch_status = CASE WHEN u.mask & 4 <> 0 THEN u.batch_status ELSE b.batch_status END, "
         "created_at = CASE WHEN u.mask & 8 <> 0 THEN u.created_at ELSE b.created_at END, "
         "versions = u.versions, version = u.version, calls = u.calls, finished = b.finished + "
         "u.finished, "
         "pending_attempts = b.pending_attempts + u.pending_attempts, "
         "created_in_order = u.created_in_order, last_created_at = u.last_created_at "
         "FROM unnest($1::bytea[], $2::integer[], $3::text[], $4::text[], $5::text[], "
         "$6::timestamptz[], $7::bytea[], "
         "  $8::bigint[], $9::integer[], $10::integer[], $11::integer[], $12::boolean[], "
         "$13::timestamptz[]) "
         "  u(batch_id, mask, owner_id, batch_name, batch_status, created_at, versions, version, "
         "calls, finished, "
         "    pending_attempts, created_in_order, last_created_at) "
         "WHERE b.batch_id = u.batch_id"},

    /* The changed positions of all batches come in one array, each row names its part of it. */
    [SQL_LOG_CHANGES] = {"log_changes",
                         "INSERT INTO callboard.batch_change (batch_id, version, calls_before, "
                         "calls_after, changed) "
                         "SELECT u.batch_id, u.version, u.calls_before, u.calls_after, "
                         "($7::integer[])[u.first:u.last] "
                         "FROM unnest($1::bytea[], $2::bigint[], $3::integer[], $4::integer[], "
                         "$5::integer[], $6::integer[]) "
                         "  u(batch_id, version, calls_before, calls_after, first, last)"},

    [SQL_INSERT_CALLS] =
        {"insert_calls",
         "INSERT INTO callboard.call (batch_id, call_id, position, phone_number, fields, "
         "created_at, versions) "
         "SELECT unnest($1::bytea[]), unnest($2::bytea[]), unnest($3::integer[]), "
         "unnest($4::text[]), unnest($5::text[]), unnest($6::timestamptz[]), unnest($7::bytea[])"},

    [SQL_UPDATE_CALLS] =
        {"update_calls",
         "UPDATE callboard.call c "
         "SET "
         "phone_number = CASE WHEN u.mask & 1 <> 0 THEN u.phone_number ELSE c.phone_number END, "
         "fields = CASE WHEN u.mask & 2 <> 0 THEN u.fields ELSE c.fields END, "
         "created_at = CASE WHEN u.mask & 4 <> 0 THEN u.created_at ELSE c.created_at END, "
         "versions = u.versions "
         "FROM (SELECT unnest($1::bytea[]) AS batch_id, unnest($2::bytea[]) AS call_id, "
         "unnest($3::integer[]) AS mask, unnest($4::text[]) AS phone_number, unnest($5::text[]) AS "
         "fields, unnest($6::timestamptz[]) AS created_at, unnest($7::bytea[]) AS versions) u "
         "WHERE c.batch_id = u.batch_id AND c.call_id = u.call_id"},

    [SQL_INSERT_ATTEMPTS] =
        {"insert_attempts",
         "INSERT INTO callboard.attempt (batch_id, position, attempt, call_status, "
         "call_duration_ms, recording_url, transcript, created_at, versions) "
         "SELECT unnest($1::bytea[]), unnest($2::integer[]), unnest($3::integer[]), "
         "unnest($4::text[]), unnest($5::bigint[]), unnest($6::text[]), unnest($7::text[]), "
         "unnest($8::timestamptz[]), unnest($9::bytea[])"},

    [SQL_UPDATE_ATTEMPTS] =
        {"update_attempts",
         "UPDATE callboard.attempt a "
         "SET "
         "call_status = CASE WHEN u.mask & 1 <> 0 THEN u.call_status ELSE a.call_status END, "
         "call_duration_ms = CASE WHEN u.mask & 2 <> 0 THEN u.call_duration_ms ELSE "
         "a.call_duration_ms END, "
         "recording_url = CASE WHEN u.mask & 4 <> 0 THEN u.recording_url ELSE a.recording_url END, "
         "transcript = CASE WHEN u.mask & 8 <> 0 THEN u.transcript ELSE a.transcript END, "
         "created_at = CASE WHEN u.mask & 16 <> 0 THEN u.created_at ELSE a.created_at END, "
         "versions = u.versions "
         "FROM (SELECT unnest($1::bytea[]) AS batch_id, unnest($2::integer[]) AS position, "
         "unnest($3::integer[]) AS attempt, unnest($4::integer[]) AS mask, unnest($5::text[]) AS "
         "call_status, unnest($6::bigint[]) AS call_duration_ms, unnest($7::text[]) AS "
         "recording_url, unnest($8::text[]) AS transcript, unnest($9::timestamptz[]) AS "
         "created_at, unnest($10::bytea[]) AS versions) u "
         "WHERE a.batch_id = u.batch_id AND a.position = u.position AND a.attempt = u.attempt"},

    [SQL_INSERT_PENDING] =
        {"insert_pending",
         "INSERT INTO callboard.pending_attempt (batch_id, call_id, attempt, call_status, "
         "call_duration_ms, recording_url, transcript, created_at, versions) "
         "SELECT unnest($1::bytea[]), unnest($2::bytea[]), unnest($3::integer[]), "
         "unnest($4::text[]), unnest($5::bigint[]), unnest($6::text[]), unnest($7::text[]), "
         "unnest($8::timestamptz[]), unnest($9::bytea[])"},

    [SQL_UPDATE_PENDING] =
        {"update_pending",
         "UPDATE callboard.pending_attempt p "
         "SET call_status = u.call_status, call_duration_ms = u.call_duration_ms, recording_url = "
         "u.recording_url, transcript = u.transcript, created_at = u.created_at, "
         "versions = u.versions "
         "FROM (SELECT unnest($1::bytea[]) AS batch_id, unnest($2::bytea[]) AS call_id, "
         "unnest($3::integer[]) AS attempt, unnest($4::text[]) AS call_status, "
         "unnest($5::bigint[]) AS call_duration_ms, unnest($6::text[]) AS recording_url, "
         "unnest($7::text[]) AS transcript, unnest($8::timestamptz[]) AS created_at, "
         "unnest($9::bytea[]) AS versions) u "
         "WHERE p.batch_id = u.batch_id AND p.call_id = u.call_id AND p.attempt = u.attempt"},

    [SQL_DELETE_PENDING] =
        {"delete_pending",
         "DELETE FROM callboard.pending_attempt p "
         "USING (SELECT unnest($1::bytea[]) AS batch_id, unnest($2::bytea[]) AS call_id, "
         "unnest($3::integer[]) AS attempt) u "
         "WHERE p.batch_id = u.batch_id AND p.call_id = u.call_id AND p.attempt = u.attempt"},

    [SQL_COUNT_STATUSES] =
        {"count_statuses",
         "INSERT INTO callboard.batch_status AS s (batch_id, call_status, calls_any, calls_latest) "
         "SELECT * FROM unnest($1::bytea[], $2::text[], $3::integer[], $4::integer[]) "
         "ON CONFLICT (batch_id, call_status) DO UPDATE "
         "SET calls_any = s.calls_any + excluded.calls_any, calls_latest = s.calls_latest + "
         "excluded.calls_latest"},

    /* Headers of all letters come in two arrays, each row names its part of them. */
    [SQL_INSERT_DEAD_LETTERS] = {"insert_dead_letters",
                                 "INSERT INTO callboard.dead_letter (group_id, topic, partition, "
                                 "message_offset, message_key, payload, reason, detail, "
                                 "  header_names, header_values) "
                                 "SELECT $1::text, u.topic, u.partition, u.message_offset, "
                                 "u.message_key, u.payload, u.reason, u.detail, "
                                 "  ($11::bytea[])[u.first:u.last], ($12::bytea[])[u.first:u.last] "
                                 "FROM unnest($2::text[], $3::integer[], $4::bigint[], "
                                 "$5::bytea[], $6::bytea[], $7::text[], $8::text[], "
                                 "  $9::integer[], $10::integer[]) "
                                 "  u(topic, partition, message_offset, message_key, payload, "
                                 "reason, detail, first, last)"},

    [SQL_PRUNE_CHANGES] = {"prune_changes",
                           "DELETE FROM callboard.batch_change c USING ("
                           "SELECT batch_id, version FROM callboard.batch_change "
                           "WHERE changed_at < now() - interval '15 minutes' LIMIT $1::bigint) old "
                           "WHERE c.batch_id = old.batch_id AND c.version = old.version"},
};
