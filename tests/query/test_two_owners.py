"""What a caller can learn of a batch that is not theirs: nothing. A foreign batch, an absent one and nobody's are one case,
in every byte of the answer and in what PostgreSQL is asked to do for it.

    CALLBOARD_BIN=build python3 -m unittest discover -s tests/query -v
"""
import json
import pathlib
import re
import unittest
import urllib.parse

from query_service import QueryService, Rows, migrated_server, new_token
from stack import wait_for

PATH = "/api/call/batch-details/"
ABSENT = "f" * 24
CALLS = 2000
EXPLAIN = {"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_analyze": "on",
           "auto_explain.log_buffers": "on", "auto_explain.log_timing": "off", "auto_explain.log_format": "json"}

server = None
rows = None
service = None
foreign = None


def setUpModule():
    global server, rows, service, foreign
    server = migrated_server(settings=EXPLAIN)
    rows = Rows(server, "callboard")
    foreign = rows.many_calls("ab" * 12, "owner", CALLS)
    rows.sql(f"UPDATE callboard.batch SET created_in_order = false WHERE batch_id = '\\x{foreign}'; VACUUM ANALYZE callboard.batch;")
    service = QueryService(server.url("callboard", "callboard_reader"), HTTP_WORKERS="1")
    unittest.addModuleCleanup(service.end)
    service.start()


def encode(**parameters):
    return urllib.parse.urlencode({name: json.dumps(value) if isinstance(value, dict) else value for name, value in parameters.items()})


# Every way to ask: by arrival, by selection, with what is refused before and behind the look at the batch.
QUERIES = [encode(**parameters) for parameters in (
    {}, {"page": 3, "limit": 7}, {"page": 1000000000}, {"sortOrder": "desc"}, {"sortBy": "createdAt"}, {"sortBy": "n", "sortOrder": "desc"},
    {"sortBy": "callStatus"}, {"sortBy": "phoneLogs.x"}, {"search": "n1"}, {"search": "^n[12]"}, {"filter": {}},
    {"filter": {"n": 5}}, {"filter": {"callStatus": "completed", "n": {"$gt": 3}}}, {"filter": {"$nor": [{"callStatus": "busy"}]}},
    {"filter": {"n": 5}, "search": "n", "sortBy": "n", "page": 2}, {"search": "("}, {"page": 0}, {"cursor": "AQAA"}, {"filter": "["})]


BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'callboard-query' AND state <> 'idle'"


def wait_until_idle():
    """A statement is in the log once its transaction has ended, which may be after the answer."""
    wait_for("idle sessions", lambda: rows.sql(BUSY) == [("0",)])


def blocks(plan):
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


class Log:
    """What PostgreSQL's log says was done since."""

    def __init__(self):
        self.start = pathlib.Path(server.log_path).stat().st_size

    def statements(self):
        """(text, blocks touched, tables touched) of each."""
        with open(server.log_path, "rb") as log:
            log.seek(self.start)
            text = log.read().decode()
        plans = [json.loads(found.replace("\t", "")) for found in re.findall(r"plan:\n(\t\{.*?\n\t\})", text, re.S)]
        return [(plan["Query Text"], blocks(plan["Plan"]), self.tables(plan["Plan"])) for plan in plans if BUSY not in plan["Query Text"]]

    @classmethod
    def tables(cls, plan):
        """Those of which anything was read."""
        own = {plan["Relation Name"]} if "Relation Name" in plan and blocks(plan) else set()
        return own.union(*(cls.tables(child) for child in plan.get("Plans", ())))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.own = rows.token("owner")
        cls.stranger = rows.token("stranger")
        rows.batch("stranger", [{"phone": "1"}])
        rows.sql("VACUUM ANALYZE callboard.api_token")

    @staticmethod
    def ask(batch, token, query="", method="GET", headers=()):
        return service.request(PATH + batch + "?" + query, token, method, headers)

    def cost(self, batch, token, query):
        """What the second of two equal requests makes PostgreSQL do: the first may fill caches."""
        self.ask(batch, token, query)
        wait_until_idle()
        log = Log()
        self.ask(batch, token, query)
        wait_until_idle()
        return log.statements()


class Answers(Case):
    def test_foreign_absent_and_nobodys_are_the_same_to_the_byte(self):
        nobodys = rows.batch(None, [{"phone": "1"}])
        tag = self.ask(foreign, self.own).header("ETag")
        conditions = [(), [("If-None-Match", tag)], [("If-None-Match", "*")], [("If-Match", tag)], [("If-Match", '"x"')]]
        for query in QUERIES:
            for method in ("GET", "HEAD"):
                for headers in conditions:
                    with self.subTest(query=query, method=method, headers=headers):
                        answers = [self.ask(batch, self.stranger, query, method, headers).without_date() for batch in (ABSENT, foreign, nobodys)]
                        self.assertEqual(answers[0], answers[1])
                        self.assertEqual(answers[0], answers[2])
                        self.assertIn(answers[0][0], (400, 404))

    def test_without_a_valid_token_all_batches_are_the_same(self):
        revoked, expired = rows.token("owner", revoked="now()"), rows.token("owner", expires="now() - interval '1 ms'")
        for query in QUERIES:
            for token in (None, "x", new_token(), revoked, expired):
                with self.subTest(query=query, token=token):
                    answers = [self.ask(batch, token, query).without_date() for batch in (ABSENT, foreign)]
                    self.assertEqual(answers[0], answers[1])
                    self.assertIn(answers[0][0], (400, 401))

    def test_a_cursor_opens_nothing_and_a_stranger_cannot_make_one(self):
        for query in ({"limit": 3}, {"limit": 3, "sortBy": "n"}, {"limit": 3, "filter": {"n": {"$gt": 4}}, "sortBy": "callStatus"}):
            with self.subTest(query):
                cursor = json.loads(self.ask(foreign, self.own, encode(**query)).body)["data"]["nextCursor"]
                again = encode(**query, cursor=cursor)
                self.assertEqual(self.ask(foreign, self.own, again).status, 200)
                self.assertEqual(self.ask(foreign, rows.token("owner"), again).status, 200, "another token of the owner")
                self.assertEqual(self.ask(foreign, self.stranger, again).without_date(),
                                 self.ask(ABSENT, self.stranger, encode(**query)).without_date())
                self.assertEqual(self.ask(foreign, new_token(), again).status, 401)
                forged = encode(**query, cursor=cursor[:-2] + "AA")
                self.assertEqual(self.ask(foreign, self.stranger, forged).without_date(), self.ask(ABSENT, self.stranger, forged).without_date())

    def test_a_tag_is_of_what_is_seen_and_not_of_who_sees_it(self):
        other = rows.token("owner")
        for query in ("", encode(sortBy="n"), encode(search="n1")):
            with self.subTest(query):
                tag = self.ask(foreign, self.own, query).header("ETag")
                self.assertEqual(self.ask(foreign, other, query).header("ETag"), tag)
                self.assertEqual(self.ask(foreign, other, query, headers=[("If-None-Match", tag)]).status, 304)
                self.assertEqual(self.ask(foreign, self.stranger, query, headers=[("If-None-Match", tag)]).status, 404)
                self.assertEqual(self.ask(foreign, new_token(), query, headers=[("If-None-Match", tag)]).status, 401)

    def test_a_batch_that_changes_hands_is_gone_for_the_old_owner_at_once(self):
        batch = rows.batch("owner", [{"phone": "1"}])
        for query in ("", encode(search="1")):
            tag = self.ask(batch, self.own, query).header("ETag")
            rows.sql(f"UPDATE callboard.batch SET owner_id = 'stranger' WHERE batch_id = '\\x{batch}'")
            answer = self.ask(batch, self.own, query, headers=[("If-None-Match", tag)])
            self.assertEqual(answer.without_date(), self.ask(ABSENT, self.own, query).without_date())
            self.assertEqual(self.ask(batch, self.stranger, query, headers=[("If-None-Match", tag)]).status, 304)
            rows.sql(f"UPDATE callboard.batch SET owner_id = 'owner' WHERE batch_id = '\\x{batch}'")


class Costs(Case):
    """Counted in statements and blocks, for time says little on a busy machine."""

    BATCH_ROW_BLOCKS = 1  # the row of a foreign batch is looked at, to see whose it is

    def test_a_foreign_batch_costs_what_an_absent_one_does(self):
        for query in QUERIES:
            with self.subTest(query):
                absent, other = self.cost(ABSENT, self.stranger, query), self.cost(foreign, self.stranger, query)
                self.assertEqual([text for text, _, _ in other], [text for text, _, _ in absent])
                for (_, touched, tables), (_, more_touched, more_tables) in zip(absent, other):
                    self.assertLessEqual(abs(more_touched - touched), self.BATCH_ROW_BLOCKS)
                    self.assertEqual(more_tables, tables)
                    self.assertLessEqual(tables, {"api_token", "batch"})

    def test_an_invalid_token_costs_a_look_up(self):
        for query in QUERIES:
            with self.subTest(query):
                statements = self.cost(foreign, new_token(), query)
                self.assertLessEqual(sum(touched > 0 for _, touched, _ in statements), 1)
                for _, touched, tables in statements:
                    self.assertLessEqual(touched, 3)
                    self.assertLessEqual(tables, {"api_token", "batch"})

    def test_an_own_batch_is_what_costs(self):
        """Else the figures above would say nothing."""
        self.ask(foreign, self.own, encode(sortBy="n"))
        log = Log()
        self.ask(foreign, self.own, encode(sortBy="n", filter={"n": {"$gt": 7}}))
        wait_until_idle()
        self.assertGreater(max(touched for _, touched, _ in log.statements()), CALLS / 100)


if __name__ == "__main__":
    unittest.main()
