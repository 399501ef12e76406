-- The whole schema of Callboard.
--
-- Every key begins with the batch's id, no foreign key and no sequence crosses a batch: the tables
-- can be distributed or partitioned by batch_id without a change to the programs. Rows that hang on
-- each other are kept consistent by the one writer that holds the batch row's lock:
--
--   every transaction that touches a batch first locks its row in `batch` (batches in ascending order
--   of id: no deadlocks), then reads, merges and writes the rows of that batch.
--
-- Ids are the 12 bytes that the API writes as 24 hex digits. Times are to the millisecond.

-- A batch, and what is counted of it. It exists for readers once owner_id is known.
CREATE TABLE callboard.batch (
    batch_id         bytea       NOT NULL PRIMARY KEY,
    owner_id         text,
    batch_name       text,
    batch_status     text,
    created_at       timestamptz,
    versions         bytea       NOT NULL DEFAULT '', -- which event set which field; see services/ingest/version.h
    version          bigint      NOT NULL DEFAULT 0,  -- one more with every transaction that changed anything of the batch
    calls            integer     NOT NULL DEFAULT 0,  -- the calls, which are numbered 1 .. calls
    finished         integer     NOT NULL DEFAULT 0,  -- calls whose latest attempt has a final status
    pending_attempts integer     NOT NULL DEFAULT 0,  -- rows of pending_attempt
    created_in_order boolean     NOT NULL DEFAULT true, -- ordering by (created_at NULLS FIRST, position) is ordering by position
    last_created_at  timestamptz,                     -- created_at of the call numbered `calls`
    CHECK (octet_length(batch_id) = 12)
) WITH (fillfactor = 50); -- updated by every transaction: room on the page keeps the updates HOT

-- A call. `position` is its arrival number, dense from 1 within the batch, given when the call was first
-- stored and never changed: page N in arrival order is a range of it.
CREATE TABLE callboard.call (
    batch_id     bytea       NOT NULL,
    call_id      bytea       NOT NULL,
    position     integer     NOT NULL,
    created_at   timestamptz,
    phone_number text,
    fields       text,                 -- the dynamic fields: a JSON object, strings written anew, numbers as they came
    versions     bytea       NOT NULL,
    PRIMARY KEY (batch_id, call_id),
    CONSTRAINT call_position UNIQUE (batch_id, position)
) WITH (fillfactor = 90);

-- An attempt to reach a call, known to the dialer as a phone log. Keyed by the call's number, so that the attempts
-- of a page are one range of one index.
CREATE TABLE callboard.attempt (
    batch_id         bytea       NOT NULL,
    position         integer     NOT NULL,
    attempt          integer     NOT NULL,
    created_at       timestamptz,
    call_duration_ms bigint,
    call_status      text,             -- normalised
    recording_url    text,
    versions         bytea       NOT NULL,
    transcript       text COMPRESSION lz4,
    PRIMARY KEY (batch_id, position, attempt)
) WITH (fillfactor = 80, toast_tuple_target = 128);
-- Only the transcript leaves the row: what is filtered and sorted stays small and inline.
ALTER TABLE callboard.attempt
    ALTER COLUMN call_status SET STORAGE MAIN,
    ALTER COLUMN recording_url SET STORAGE MAIN,
    ALTER COLUMN versions SET STORAGE MAIN;

-- Attempts whose call has not arrived yet. They move to `attempt` in the transaction that stores the call.
CREATE TABLE callboard.pending_attempt (
    batch_id         bytea       NOT NULL,
    call_id          bytea       NOT NULL,
    attempt          integer     NOT NULL,
    created_at       timestamptz,
    call_duration_ms bigint,
    call_status      text,
    recording_url    text,
    versions         bytea       NOT NULL,
    transcript       text COMPRESSION lz4,
    PRIMARY KEY (batch_id, call_id, attempt)
);

-- How many calls of a batch have an attempt with a status (any), and how many have it in their latest attempt.
CREATE TABLE callboard.batch_status (
    batch_id     bytea   NOT NULL,
    call_status  text    NOT NULL,
    calls_any    integer NOT NULL,
    calls_latest integer NOT NULL,
    PRIMARY KEY (batch_id, call_status)
) WITH (fillfactor = 50);

-- What changed with each version of a batch, so that what a reader remembers of version v can be brought up to date.
-- The calls added are numbered calls_before + 1 .. calls_after; `changed` are the earlier ones touched.
-- Pruned by age: a reader that finds a gap starts anew.
CREATE TABLE callboard.batch_change (
    batch_id     bytea       NOT NULL,
    version      bigint      NOT NULL,
    calls_before integer     NOT NULL,
    calls_after  integer     NOT NULL,
    changed      integer[]   NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batch_id, version)
);
-- For pruning; a BRIN costs the writer next to nothing, and rows arrive in the order of changed_at.
CREATE INDEX batch_change_age ON callboard.batch_change USING brin (changed_at) WITH (pages_per_range = 16, autosummarize = on);

-- Where each partition is to be read on, moved in the transaction that stores the effect of what was read.
CREATE TABLE callboard.kafka_offset (
    group_id    text        NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    next_offset bigint      NOT NULL, -- -1: nothing stored yet, read from the beginning
    epoch       bigint      NOT NULL, -- raised with every assignment: who holds an older one is fenced
    owner       text        NOT NULL, -- host, process and member of the last assignment, for people
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 50);

-- Messages that can never be applied, exactly as they came.
CREATE TABLE callboard.dead_letter (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id      text        NOT NULL,
    topic         text        NOT NULL,
    partition     integer     NOT NULL,
    message_offset bigint     NOT NULL,
    message_key   bytea,
    header_names  bytea[]     NOT NULL,
    header_values bytea[]     NOT NULL, -- an element is NULL where the header had no value
    payload       bytea,                -- NULL: a message without a value
    reason        text        NOT NULL,
    detail        text        NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    replayed_at   timestamptz,
    replayed_by   text,
    discarded_at  timestamptz,
    discarded_by  text
);
CREATE INDEX dead_letter_open ON callboard.dead_letter (id) WHERE replayed_at IS NULL AND discarded_at IS NULL;

-- Bearer tokens. Only the SHA-256 of a token is kept.
CREATE TABLE callboard.api_token (
    token_hash bytea       NOT NULL PRIMARY KEY,
    token_id   text        NOT NULL UNIQUE, -- the first characters, to name a token by
    owner_id   text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CHECK (octet_length(token_hash) = 32)
);

-- Rights. The reader can only SELECT, and nothing of what only the ingest needs.
GRANT USAGE ON SCHEMA callboard TO callboard_writer, callboard_reader;
GRANT SELECT ON callboard.batch, callboard.call, callboard.attempt, callboard.batch_status, callboard.batch_change,
    callboard.api_token, callboard.migration TO callboard_reader;
GRANT SELECT, INSERT, UPDATE ON callboard.batch, callboard.call, callboard.attempt, callboard.batch_status,
    callboard.kafka_offset TO callboard_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON callboard.pending_attempt, callboard.batch_change, callboard.dead_letter TO callboard_writer;
GRANT SELECT ON callboard.migration TO callboard_writer;
