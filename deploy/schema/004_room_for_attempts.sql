-- An attempt is updated two or three times soon after it was stored, and in a catch-up all attempts of a page in one
-- transaction. Room for one more version of each keeps those updates HOT: no index entries, less WAL.
ALTER TABLE callboard.attempt SET (fillfactor = 50);
