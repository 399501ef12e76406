-- A page of ten calls as three selects, prepared (-M prepared): who asks, which calls, their attempts. Nothing is rendered.
\set page random(1, :pages)
\set low (:page - 1) * 10 + 1
\set high :page * 10
SELECT b.batch_name, b.batch_status, b.calls FROM callboard.api_token t JOIN callboard.batch b ON b.owner_id = t.owner_id
 WHERE t.token_hash = :token_hash::bytea AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND b.batch_id = :batch::bytea;
SELECT call_id, phone_number, fields, created_at FROM callboard.call
 WHERE batch_id = :batch::bytea AND position BETWEEN :low AND :high ORDER BY position;
SELECT position, call_status, call_duration_ms, recording_url, transcript, created_at FROM callboard.attempt
 WHERE batch_id = :batch::bytea AND position BETWEEN :low AND :high ORDER BY position, attempt;
