-- Attempts that wait for their call are updated as often as others, when calls and phone logs are read from topics of their own.
ALTER TABLE callboard.pending_attempt SET (fillfactor = 50);
