-- What is asked of a database where pages are counted: the rows before the page are read and thrown away.
SELECT call_id, phone_number, fields, created_at FROM callboard.call WHERE batch_id = :batch::bytea ORDER BY position OFFSET :skip LIMIT 10;
