"""Statements of callboard-ingest whose WHERE is all that keeps them from doing harm, run on rows of the test's own."""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / name) for name in ("support", "query"))]

from query_service import migrated_server  # noqa: E402
from statements import ingest_statements  # noqa: E402


def setUpModule():  # pylint: disable=invalid-name
    global SERVER  # pylint: disable=global-variable-undefined
    SERVER = migrated_server()


def sql(text):
    return SERVER.sql(text, "callboard")


def run(name, *arguments):
    """The statement's rows."""
    given = f"({', '.join(arguments)})" if arguments else ""
    return sql(f"PREPARE s AS {ingest_statements()[name]}; EXECUTE s{given};")


class Fence(unittest.TestCase):
    """An offset moves for its owner alone, and only from where the owner believes it to be: either check stops who lost the partition."""

    def setUp(self):
        sql("INSERT INTO callboard.kafka_offset (group_id, topic, partition, next_offset, epoch, owner) VALUES ('g', 't', 0, 7, 3, 'me'), ('g', 't', 1, 7, 3, 'me')")
        self.addCleanup(sql, "DELETE FROM callboard.kafka_offset")

    def move(self, epoch, expected):
        moved = run("move_offsets", "'g'", "'{t}'", "'{0}'", f"'{{{epoch}}}'", f"'{{{expected}}}'", "'{9}'", "'{5}'")
        stored = [row[0] for row in sql("SELECT next_offset FROM callboard.kafka_offset WHERE group_id = 'g' ORDER BY partition")]
        return len(moved), stored

    def test_the_owner_moves_it(self):
        self.assertEqual(self.move(epoch=3, expected=7), (1, ["9", "7"]))

    def test_an_older_epoch_moves_nothing(self):
        self.assertEqual(self.move(epoch=2, expected=7), (0, ["7", "7"]))

    def test_another_offset_than_expected_moves_nothing(self):
        self.assertEqual(self.move(epoch=3, expected=6), (0, ["7", "7"]))


class Pruning(unittest.TestCase):
    def test_only_what_is_too_old_goes(self):
        """Versions are numbered by batch: the same one of another batch stays."""
        one, other = (f"'\\x{number:024x}'" for number in (0xa1, 0xa2))
        sql("INSERT INTO callboard.batch_change (batch_id, version, calls_before, calls_after, changed, changed_at)"
            f" VALUES ({one}, 1, 0, 1, '{{}}', now() - interval '16 minutes'), ({one}, 2, 1, 2, '{{}}', now() - interval '14 minutes'),"
            f" ({other}, 1, 0, 1, '{{}}', now())")
        run("prune_changes", "100")
        left = sql("SELECT batch_id = " + one + ", version FROM callboard.batch_change ORDER BY 1 DESC, 2")
        sql("DELETE FROM callboard.batch_change")
        self.assertEqual([tuple(row) for row in left], [("t", "2"), ("f", "1")])

    def test_no_more_go_at_once_than_were_asked_for(self):
        batch = f"'\\x{0xa1:024x}'"
        sql("INSERT INTO callboard.batch_change (batch_id, version, calls_before, calls_after, changed, changed_at)"
            " SELECT " + batch + ", n, 0, 1, '{}', now() - interval '16 minutes' FROM generate_series(1, 5) n")
        run("prune_changes", "3")
        left = sql("SELECT count(*) FROM callboard.batch_change")
        sql("DELETE FROM callboard.batch_change")
        self.assertEqual(left[0][0], "2")


if __name__ == "__main__":
    unittest.main()
