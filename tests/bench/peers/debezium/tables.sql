-- The rows that the sink writes: what callboard's tables hold of an event, under the same keys, in text where the event has
-- text. One index each: neither arrival numbers, versions of fields nor counters are kept.
CREATE TABLE calls (
    batch_id     text NOT NULL,
    call_id      text NOT NULL,
    phone_number text,
    fields       text,
    created_at   timestamptz,
    PRIMARY KEY (batch_id, call_id)
) WITH (fillfactor = 90);
CREATE TABLE phone_logs (
    batch_id      text    NOT NULL,
    call_id       text    NOT NULL,
    attempt       integer NOT NULL,
    call_status   text,
    call_duration double precision,
    recording_url text,
    created_at    timestamptz,
    PRIMARY KEY (batch_id, call_id, attempt)
) WITH (fillfactor = 50); -- as callboard.attempt: updates stay HOT
