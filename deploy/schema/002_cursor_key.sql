-- The key that pagination cursors are signed with: the same for every query process, and across restarts.
-- Replacing it makes every cursor given out so far invalid, nothing else.
CREATE TABLE callboard.cursor_key (
    only_row boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    key      bytea   NOT NULL CHECK (octet_length(key) = 32)
);

-- 488 bits from the server's strong random source; gen_random_uuid() is what of it is built in.
INSERT INTO callboard.cursor_key (key)
    SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

GRANT SELECT ON callboard.cursor_key TO callboard_reader;
