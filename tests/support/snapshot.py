"""All that ingest has stored at one moment, read in one transaction, to be judged later.

    snapshot = Snapshot(server, database, group)
    snapshot.offsets                               # {(topic, partition): next offset}
    differences = snapshot.check(model, letters)   # model and letters as checker.py takes them
    differences = snapshot.check_recorded(records) # by the ack log: exactly what stands below the offsets

Rows and offsets commit together, so at *any* moment the rows must be what the messages below the offsets amount to:
neither less (offsets ahead of rows) nor more (rows ahead of offsets, read again and doubled).
"""
import checker
from ack_log import model_of

ALL_BATCHES = "callboard.batch b"
OFFSETS = "SELECT topic, partition, next_offset, epoch FROM callboard.kafka_offset WHERE group_id = '{0}' ORDER BY 1, 2"
# What must never be there, whatever was sent: each row is a description.
VIOLATIONS = """
SELECT 'version is not the number of changes: ' || encode(b.batch_id, 'hex') || ' ' || b.version || ' ' || count(c.version)
  FROM callboard.batch b LEFT JOIN callboard.batch_change c USING (batch_id) GROUP BY b.batch_id HAVING b.version <> count(c.version)
UNION ALL SELECT 'the change log has a gap: ' || encode(batch_id, 'hex') || ' ' || version FROM (
  SELECT batch_id, version, calls_before, lag(calls_after, 1, 0) OVER w AS before, row_number() OVER w AS n
  FROM callboard.batch_change WINDOW w AS (PARTITION BY batch_id ORDER BY version)) q WHERE n <> version OR calls_before <> before
UNION ALL SELECT 'the change log ends elsewhere: ' || encode(b.batch_id, 'hex') FROM callboard.batch b
  JOIN callboard.batch_change c ON c.batch_id = b.batch_id AND c.version = b.version WHERE c.calls_after <> b.calls
UNION ALL SELECT 'a call without a batch: ' || encode(call_id, 'hex') FROM callboard.call c
  WHERE NOT EXISTS (SELECT FROM callboard.batch b WHERE b.batch_id = c.batch_id)
UNION ALL SELECT 'an attempt without a batch: ' || encode(batch_id, 'hex') FROM callboard.attempt a
  WHERE NOT EXISTS (SELECT FROM callboard.batch b WHERE b.batch_id = a.batch_id)
UNION ALL SELECT 'a pending attempt without a batch: ' || encode(batch_id, 'hex') FROM callboard.pending_attempt a
  WHERE NOT EXISTS (SELECT FROM callboard.batch b WHERE b.batch_id = a.batch_id)
UNION ALL SELECT 'a status without a batch: ' || encode(batch_id, 'hex') FROM callboard.batch_status s
  WHERE NOT EXISTS (SELECT FROM callboard.batch b WHERE b.batch_id = s.batch_id)
UNION ALL SELECT 'a negative counter: ' || encode(batch_id, 'hex') || ' ' || call_status FROM callboard.batch_status
  WHERE calls_any < 0 OR calls_latest < 0"""


def _of_every_batch(query):
    """One of checker.py's queries, asked of all batches at once: the batch's id comes first."""
    return f"SELECT encode(b.batch_id, 'hex'), q.* FROM {ALL_BATCHES}, LATERAL ({query.format('#')}) q".replace("'\\x#'", "b.batch_id")


PER_BATCH = {"calls": checker.CALLS, "attempts": checker.ATTEMPTS, "pending": checker.PENDING, "statuses": checker.STATUSES}


class Snapshot:
    """Answers checker.py's queries, from memory."""

    def __init__(self, server, database, group):
        queries = {"batches": checker.BATCHES, "letters": checker.DEAD_LETTERS, "offsets": OFFSETS.format(group), "violations": VIOLATIONS}
        queries.update({name: _of_every_batch(query) for name, query in PER_BATCH.items()})
        script = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n" + "".join(
            f"SELECT '{name}', row_of_query.* FROM ({query}) row_of_query;\n" for name, query in queries.items()) + "COMMIT;"
        rows = {name: [] for name in queries}
        for row in server.sql(script, database):
            rows[row[0]].append(row[1:])
        self._answers = {checker.BATCHES: rows["batches"], checker.DEAD_LETTERS: rows["letters"]}
        for name, query in PER_BATCH.items():
            for row in rows[name]:
                self._answers.setdefault(query.format(row[0]), []).append(row[1:])
        self.offsets = {(row[0], int(row[1])): max(int(row[2]), 0) for row in rows["offsets"]}
        self.epochs = {(row[0], int(row[1])): int(row[3]) for row in rows["offsets"]}
        self.violations = [row[0] for row in rows["violations"]]
        self.batch_ids = {row[0] for row in rows["batches"]}

    def sql(self, query, database=None):
        return self._answers.get(query, [])

    def check(self, model, letters):
        """A list of differences."""
        return self.violations[:20] + checker.check_database(self, model) + checker.check_dead_letters(self, letters)

    def check_recorded(self, records, missing=0):
        """Differences from what the acknowledged messages below the stored offsets amount to; `missing` more were lost by leave."""
        below = [record for record in records if record["offset"] < self.offsets.get((record["topic"], record["partition"]), 0)]
        differences = []
        if len(below) + missing != sum(self.offsets.values()):
            differences.append(f"{sum(self.offsets.values())} messages are stored, of which {len(below)} were acknowledged")
        return differences + self.check(*model_of(below))
