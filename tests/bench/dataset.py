"""The batch that is read: calls with seven dynamic fields and one to three attempts, the same for every run.

All of a call follows from its number, so that a smaller batch is the beginning of a larger one. The rows are written
by SQL as ingest would leave them (without versions: nothing updates them but what arrives later).
"""
import hashlib

BATCH = "b" * 24
OWNER = "bench"

_CALLS = r"""
INSERT INTO callboard.batch (batch_id, owner_id, batch_name, batch_status, created_at, version, calls, finished, last_created_at)
    VALUES ('\x{batch}', '{owner}', 'Bench of {count} calls', 'active', '2025-05-15T09:00:00Z', 1, {count}, {count},
            timestamptz '2025-05-15T09:00:00Z' + {count} * interval '5 ms');
INSERT INTO callboard.call (batch_id, call_id, position, created_at, phone_number, fields, versions)
    SELECT '\x{batch}', decode(lpad(to_hex(n), 24, '0'), 'hex'), n, timestamptz '2025-05-15T09:00:00Z' + n * interval '5 ms',
           '1' || (2120000000 + (n::bigint * 7919) % 100000000),
           '{{"name":"' || (ARRAY['Emily','Ana','Bruno','Chidi','Dana','Elif','Farid','Grace','Hugo','Ines'])[1 + n % 10] || ' '
             || (ARRAY['Davis','Okafor','Lindholm','Moreau','Sato','Novak','Costa'])[1 + (n / 10) % 7]
             || '","account_id":"ACC-' || lpad(((n::bigint * 104729) % 1000000)::text, 6, '0')
             || '","priority":"' || (ARRAY['high','low','normal','normal'])[1 + n % 4]
             || '","score":' || ((n::bigint * 31) % 1000) || '.' || n % 10 || ',"city":"'
             || (ARRAY['New York','Lagos','Lisbon','Kyoto','Berlin'])[1 + n % 5] || '","vip":' || (n % 20 = 0)
             || ',"plan":{{"tier":' || n % 3 || '}}}}', ''
    FROM generate_series(1, {count}) n;
"""
_ATTEMPTS = r"""
INSERT INTO callboard.attempt (batch_id, position, attempt, created_at, call_duration_ms, call_status, recording_url, versions, transcript)
    SELECT '\x{batch}', n, a, timestamptz '2025-05-15T10:00:00Z' + n * interval '5 ms' + a * interval '15 min',
           CASE WHEN a = last AND n % 3 = 0 THEN 5000 + (n::bigint * 7907) % 600000 END,
           CASE WHEN a < last THEN 'no-answer'
                ELSE (ARRAY['completed','no-answer','busy','failed','voicemail','completed'])[1 + n % 6] END,
           CASE WHEN a = last AND n % 3 = 0 THEN 'https://recordings.example.com/2025/05/' || n || '.mp3' END, '',
           CASE WHEN a = last AND n % 3 = 0 THEN repeat('Thank you for calling, how can I help you today? ', 4) END
    FROM generate_series(1, {count}) n, LATERAL (SELECT 1 + (n % 4 = 0)::int + (n % 12 = 0)::int AS last) l,
         LATERAL generate_series(1, last) a;
INSERT INTO callboard.batch_status (batch_id, call_status, calls_any, calls_latest)
    SELECT '\x{batch}', call_status, count(DISTINCT position), count(DISTINCT position) FILTER (WHERE is_last)
    FROM (SELECT position, call_status, attempt = max(attempt) OVER (PARTITION BY position) AS is_last
          FROM callboard.attempt WHERE batch_id = '\x{batch}') s GROUP BY call_status;
VACUUM ANALYZE callboard.call, callboard.attempt, callboard.batch, callboard.batch_status;
"""


def fill(sql, count, batch=BATCH):
    """Writes the batch with sql(statements)."""
    for statements in (_CALLS, _ATTEMPTS):
        sql(statements.format(batch=batch, owner=OWNER, count=count))


def token_hash(token):
    return hashlib.sha256(token.encode()).hexdigest()
