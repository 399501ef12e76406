-- What the message before next_offset was. Offsets alone do not tell a topic from another of its name: one that was
-- deleted and made anew may hold the stored offset, too. Compared when a partition is claimed; whoever sets
-- next_offset by hand need not touch these: they count only while last_offset = next_offset - 1.
ALTER TABLE callboard.kafka_offset
    ADD COLUMN last_offset bigint,       -- of the last message stored
    ADD COLUMN last_fingerprint bigint;  -- of its time stamp, key and value; see services/ingest/fingerprint.h
