"""The tables can be distributed by batch: no key, sequence or foreign key crosses batches, and no statement joins or reads across them.

The schema is read from the catalog. What statements do is read from their plans: callboard-ingest's are planned as they stand in its table of
statements, callboard-query's as the server planned them while it answered (auto_explain). Wherever a table of batches is
read, its batch_id must be compared with something: by the scan itself, or by a join above it. Each checker is shown, too, what it has to find.

Not seen: statements that the requests below do not provoke, and those of callboard-ctl, which an operator runs by hand.
"""
import json
import pathlib
import re
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), *(str(ROOT / "tests" / name) for name in ("support", "query", "bench"))]

import dataset  # noqa: E402
import question_lines  # noqa: E402
from query_service import QueryService, Rows, migrated_server  # noqa: E402
from statements import ingest_statements  # noqa: E402

# Tables that are not a batch's, and why they need not be.
SHARED = {
    "kafka_offset": "a row for each partition of a consumer group; a partition may hold many batches, and its offset moves in their transaction",
    "dead_letter": "what cannot be decoded has no batch; written where something is wrong, not on the hot path",
    "api_token": "a token is its owner's, whatever the number of batches; written by an operator, small enough to be on every node",
    "cursor_key": "one row, the same for all; small enough to be on every node",
    "migration": "written by callboard-ctl migrate alone",
}
SEQUENCES = {"dead_letter_id_seq": "numbers dead letters, which are not the hot path"}
# Statements that read across batches, and why they may.
ACROSS = {"prune_changes": "deletes what is too old of all batches: on shards it is asked of each of them"}
EXPLAIN = {"shared_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_format": "json",
           "auto_explain.log_verbose": "on", "log_line_prefix": "%u "}


def setUpModule():  # pylint: disable=invalid-name
    global SERVER  # pylint: disable=global-variable-undefined
    SERVER = migrated_server(settings=EXPLAIN)
    SERVER.sql("ALTER ROLE callboard_reader SET auto_explain.log_min_duration = 0")


def sql(text):
    return SERVER.sql(text, "callboard")


# --- the schema ---------------------------------------------------------------------------------

def batch_tables():
    """All tables but the shared ones: a table that is added is a batch's until somebody says why not."""
    return {name for (name,) in sql("SELECT relname FROM pg_class WHERE relnamespace = 'callboard'::regnamespace AND relkind IN ('r', 'p')")} - set(SHARED)


def unique_keys_across():
    """Unique indexes (those of primary keys are among them) of tables of batches that do not begin with batch_id."""
    rows = sql("SELECT c.relname, i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
               " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
               " WHERE c.relnamespace = 'callboard'::regnamespace AND i.indisunique AND a.attname IS DISTINCT FROM 'batch_id'")
    return [f"{table}: {index}" for table, index in rows if table in batch_tables()]


def tables_without_key():
    rows = sql("SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'callboard'::regnamespace AND c.relkind IN ('r', 'p')"
               " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)")
    return [table for (table,) in rows if table in batch_tables()]


def foreign_keys_across():
    """Foreign keys that do not hold the batch_id of both sides."""
    rows = sql("SELECT n.conname FROM pg_constraint n WHERE n.contype = 'f' AND n.connamespace = 'callboard'::regnamespace AND NOT EXISTS"
               " (SELECT FROM unnest(n.conkey, n.confkey) k(mine, theirs) JOIN pg_attribute a ON a.attrelid = n.conrelid AND a.attnum = k.mine"
               " JOIN pg_attribute b ON b.attrelid = n.confrelid AND b.attnum = k.theirs WHERE a.attname = 'batch_id' AND b.attname = 'batch_id')")
    return [name for (name,) in rows]


def sequences():
    return {name for (name,) in sql("SELECT relname FROM pg_class WHERE relnamespace = 'callboard'::regnamespace AND relkind = 'S'")} - set(SEQUENCES)


class Schema(unittest.TestCase):
    def test_every_unique_key_begins_with_the_batch(self):
        self.assertEqual(unique_keys_across(), [])
        self.assertEqual(tables_without_key(), [])

    def test_no_foreign_key_crosses_batches(self):
        self.assertEqual(foreign_keys_across(), [])

    def test_no_sequence_is_shared_by_batches(self):
        self.assertEqual(sequences(), set())

    def test_the_exceptions_are_there(self):
        there = {name for (name,) in sql("SELECT relname FROM pg_class WHERE relnamespace = 'callboard'::regnamespace")}
        self.assertEqual((set(SHARED) | set(SEQUENCES)) - there, set())

    def test_what_crosses_batches_is_found(self):
        sql("CREATE TABLE callboard.crossing (id bigserial, batch_id bytea, other bytea UNIQUE REFERENCES callboard.batch)")
        try:
            self.assertEqual(unique_keys_across(), ["crossing: callboard.crossing_other_key"])
            self.assertEqual(tables_without_key(), ["crossing"])
            self.assertEqual(foreign_keys_across(), ["crossing_other_fkey"])
            self.assertEqual(sequences(), {"crossing_id_seq"})
        finally:
            sql("DROP TABLE callboard.crossing")


# --- plans --------------------------------------------------------------------------------------

CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond", "Conflict Filter")


def conditions_of(node):
    """Of the node and, where it is a bitmap scan, of the index scans that make the bitmap."""
    found = [node[name] for name in CONDITIONS if name in node]
    for child in node.get("Plans", ()):
        if child["Node Type"].startswith("Bitmap"):
            found += conditions_of(child)
    return found


def is_by_batch(alias, conditions):
    names = "|".join(rf"{re.escape(name)}\.batch_id" for name in (alias, f'"{alias}"'))
    bare = r"(?<![\w.\"])batch_id"  # an index condition may leave the table's name out
    pattern = rf"(?:(?:{names}|{bare}) = |= (?:{names}|{bare})(?!\w))"
    return any(re.search(pattern, condition) for condition in conditions)


def crossing_scans(node, tables, above=()):
    """Scans of tables of batches that nothing holds to a batch: their tables."""
    own = conditions_of(node)
    if node["Node Type"] != "ModifyTable" and node.get("Relation Name") in tables and not is_by_batch(node["Alias"], [*own, *above]):
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from crossing_scans(child, tables, [*above, *own])


# --- statements of ingest -----------------------------------------------------------------------

def plan_of(statement):
    """As a generic plan, which knows nothing of the parameters."""
    count = max(map(int, re.findall(r"\$(\d+)", statement)), default=0)
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    rows = sql(f"SET plan_cache_mode = force_generic_plan; PREPARE s AS {statement}; EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE s{arguments};")
    return json.loads(rows[0][0])[0]["Plan"]


class IngestStatements(unittest.TestCase):
    def test_every_statement_stays_within_batches(self):
        tables, planned = batch_tables(), 0
        for name, statement in ingest_statements().items():
            if name in ("begin", "commit", "rollback"):
                continue
            planned += 1
            found = list(crossing_scans(plan_of(statement), tables))
            with self.subTest(name):
                self.assertEqual(bool(found), name in ACROSS, found)
        self.assertGreater(planned, 10)

    def test_what_crosses_batches_is_found(self):
        tables = batch_tables()
        for statement in ("SELECT FROM callboard.call c JOIN callboard.attempt a ON a.position = c.position WHERE c.batch_id = $1::bytea",
                          "UPDATE callboard.call c SET fields = u.f FROM unnest($1::bytea[], $2::text[]) u(id, f) WHERE c.call_id = u.id",
                          "SELECT FROM callboard.call WHERE call_id = $1::bytea", "DELETE FROM callboard.batch_change WHERE version < $1::bigint"):
            self.assertTrue(list(crossing_scans(plan_of(statement), tables)), statement)


# --- statements of query ------------------------------------------------------------------------

def logged_plans():
    """Of the reader's statements, in the server's log so far: (text, plan)."""
    log = pathlib.Path(SERVER.log_path).read_text(errors="replace")
    for block in re.findall(r"^callboard_reader LOG:  duration: \S+ ms  plan:\n((?:\t.*\n)+)", log, flags=re.M):
        found = json.loads(re.sub(r"^\t", "", block, flags=re.M))
        yield found["Query Text"], found["Plan"]


class QueryStatements(unittest.TestCase):
    def ask(self, service, token, more=""):
        """Follows the answer's cursor, too."""
        answer = service.page(dataset.BATCH, token, "limit=10" + more)
        self.assertEqual(answer.status, 200, answer.body)
        cursor = json.loads(answer.body)["data"]["nextCursor"]
        without_order = more if "page=" not in more else ""
        if cursor:
            self.assertEqual(service.page(dataset.BATCH, token, f"limit=10&cursor={cursor}{without_order}").status, 200)

    def ask_everything(self, service, token):
        for more in ("", "&page=20", "&sortOrder=desc", "&sortBy=createdAt", "&sortBy=_id&sortOrder=desc", "&sortBy=phoneLogs.createdAt"):
            self.ask(service, token, more)
        for question in question_lines.QUESTIONS:
            self.ask(service, token, "&" + urllib.parse.urlencode(question.parameters))

    def test_every_statement_stays_within_a_batch(self):
        rows, tables = Rows(SERVER, "callboard"), batch_tables()
        dataset.fill(rows.sql, 500)
        token = rows.token(dataset.OWNER)
        with QueryService(SERVER.url("callboard", "callboard_reader"), HTTP_WORKERS="1") as service:
            self.ask_everything(service, token)
            rows.change(dataset.BATCH, f"UPDATE callboard.batch SET created_in_order = false WHERE batch_id = '\\x{dataset.BATCH}'")
            self.ask_everything(service, token)
        plans = list(logged_plans())
        touched = {name for _, plan in plans for name in self.relations(plan)}
        self.assertLessEqual({"batch", "call", "attempt"}, touched, "the plans were not seen")
        for text, plan in plans:
            self.assertEqual(list(crossing_scans(plan, tables)), [], text)

    def relations(self, node):
        if "Relation Name" in node:
            yield node["Relation Name"]
        for child in node.get("Plans", ()):
            yield from self.relations(child)


if __name__ == "__main__":
    unittest.main()
