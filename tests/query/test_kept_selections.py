"""Selections that are kept in memory answer as if each request were asked of PostgreSQL alone: a second service, which keeps
none, is the measure, byte for byte, while the batch changes as ingest changes it.

    CALLBOARD_BIN=build python3 -m unittest discover -s tests/query -v
"""
import json
import random
import re
import threading
import unittest
import urllib.parse

from query_service import Lock, QueryService, Rows, migrated_server
from stack import wait_for

SEED = random.SystemRandom().randrange(10**6)

server = None
rows = None
plain = None


def setUpModule():
    global server, rows, plain
    server = migrated_server()
    rows = Rows(server, "callboard")
    plain = QueryService(server.url("callboard", "callboard_reader"), HTTP_WORKERS="1", QUERY_SELECTION_BYTES="0")
    unittest.addModuleCleanup(plain.end)
    plain.start()


def encode(parameters):
    return urllib.parse.urlencode({name: value if isinstance(value, (str, int)) else json.dumps(value) for name, value in parameters.items()})


def metric(service, name):
    return float(re.search(rf"^{name} (\S+)$", service.admin("/metrics")[1], re.M).group(1))


class Writer:
    """Changes a batch at random, as ingest does: rows, counters, version and what changed, in one transaction."""

    VALUES = ("null", "true", "false", "0", "-0", "1", "1.0", "10", "2", "-3.5", "1e3", "1000", "12345678901234567890", '""', '"a"', '"A"', '"é"',
              '"ab\\"c"', '"\\\\"', '"10"', "{}", '{"x":1}', '{"x":"a"}', "[]", "[1]")
    STATUSES = ("queued", "ringing", "completed", "busy", "failed")

    def __init__(self, batch, dice):
        self.batch, self.dice, self.calls, self.version = batch, dice, 0, 1

    def fields(self):
        names = self.dice.sample(("v", "w", "a.b", "o"), self.dice.randrange(4))
        return None if not names and self.dice.random() < 0.5 else (
            "{" + ",".join(f'"{name}":{self.dice.choice(self.VALUES)}' for name in names) + "}")

    def call(self, number):
        attempts = [{"status": self.dice.choice(self.STATUSES), "ms": self.dice.choice((None, 1000, 2500)),
                     "created": self.dice.choice((None, "2025-05-15T10:00:00Z", "2025-05-15T11:00:00.5Z"))} for _ in range(self.dice.randrange(3))]
        return {"call_id": "%024x" % (number * 7919 % 2**40), "phone": self.dice.choice((None, "1", "12", "3")), "fields": self.fields(),
                "created": self.dice.choice((None, "2025-05-15T09:00:00Z", "2025-05-16T09:00:00.001Z")), "attempts": attempts}

    def added(self, count):
        lines = []
        for number in range(self.calls + 1, self.calls + count + 1):
            lines += rows._call(self.batch, number, self.call(number))
        return lines

    def touched(self, position):
        new = self.call(position)
        yield f"DELETE FROM callboard.attempt WHERE batch_id = '\\x{self.batch}' AND position = {position};"
        yield f"DELETE FROM callboard.call WHERE batch_id = '\\x{self.batch}' AND position = {position};"
        yield from rows._call(self.batch, position, new)

    def write(self, adding, touching, leaves_trace=True):
        changed = self.dice.sample(range(1, self.calls + 1), min(touching, self.calls))
        lines = ["BEGIN;", *self.added(adding)]
        for position in changed:
            lines += self.touched(position)
        before, self.calls, self.version = self.calls, self.calls + adding, self.version + 1
        lines.append(f"UPDATE callboard.batch SET version = {self.version}, calls = {self.calls} WHERE batch_id = '\\x{self.batch}';")
        if leaves_trace:
            lines.append("INSERT INTO callboard.batch_change (batch_id, version, calls_before, calls_after, changed) VALUES "
                         f"('\\x{self.batch}', {self.version}, {before}, {self.calls}, ARRAY[{','.join(map(str, changed))}]::int4[]);")
        rows.sql("\n".join([*lines, "COMMIT;"]))


SELECTIONS = [
    {"sortBy": "v"}, {"sortBy": "a.b"}, {"sortBy": "phoneNumber"}, {"sortBy": "_id"}, {"sortBy": "createdAt"}, {"sortBy": "callStatus"},
    {"sortBy": "callDuration"}, {"sortBy": "phoneLogs.createdAt"}, {"filter": {"v": "a"}}, {"filter": {"v": {"$ne": "a"}}}, {"filter": {"v": {"$gt": 0}}},
    {"filter": {"callStatus": "completed"}}, {"filter": {"$nor": [{"callStatus": "busy"}]}, "sortBy": "w"}, {"filter": {"o.x": {"$exists": True}}},
    {"search": "a"}, {"search": "^a"}, {"search": '"'}, {"search": "1", "filter": {"callDuration": {"$gte": 1}}, "sortBy": "v"},
    {"filter": {"v": None}, "sortBy": "phoneLogs.nothing"}]


class Case(unittest.TestCase):
    settings = {}

    def setUp(self):
        self.dice = random.Random(SEED)
        self.token = rows.token("owner")
        self.batch = rows.batch("owner", in_order=False)
        self.writer = Writer(self.batch, self.dice)
        self.service = QueryService(server.url("callboard", "callboard_reader"), **{"HTTP_WORKERS": "2", **self.settings})
        self.addCleanup(self.service.end)
        self.service.start()

    def must_agree(self, parameters):
        query = encode(parameters)
        kept, asked = (service.page(self.batch, self.token, query) for service in (self.service, plain))
        self.assertEqual(kept.without_date(), asked.without_date(), f"{query} (seed {SEED}, version {self.writer.version})")
        return json.loads(kept.body)["data"]

    def compare(self, count):
        for _ in range(count):
            parameters = {**self.dice.choice(SELECTIONS), "limit": self.dice.choice((1, 3, 10)), "sortOrder": self.dice.choice(("asc", "desc"))}
            data = self.must_agree({**parameters, "page": self.dice.randrange(1, 12)})
            for name in ("nextCursor", "prevCursor"):
                if data[name]:
                    self.must_agree({**parameters, "cursor": data[name]})


class WhileTheBatchChanges(Case):
    def test_every_answer_is_that_of_a_statement_of_its_own(self):
        self.writer.write(300, 0)
        self.compare(20)
        for _ in range(40):
            self.writer.write(self.dice.randrange(4), self.dice.randrange(6))
            self.compare(10)
        self.assertGreater(metric(self.service, "callboard_selection_patched_calls_total"), 100)
        self.assertLessEqual(metric(self.service, "callboard_selections_made_total"), len(SELECTIONS), "what was made is only patched")

    def test_cursors_walk_on_over_changes(self):
        self.writer.write(200, 0)
        for parameters in ({"sortBy": "v", "limit": 7}, {"search": "a", "sortOrder": "desc", "limit": 4}):
            data = self.must_agree(parameters)
            while data["nextCursor"]:
                self.writer.write(1, 3)
                data = self.must_agree({**parameters, "cursor": data["nextCursor"]})

    def test_a_version_that_left_no_trace_makes_it_anew(self):
        self.writer.write(50, 0)
        self.compare(20)
        for _ in range(5):
            self.writer.write(2, 5, leaves_trace=False)
            self.writer.write(1, 1)
            self.compare(20)

    def test_so_many_changes_that_it_is_made_anew(self):
        self.writer.write(3000, 0)
        self.must_agree({"sortBy": "v"})
        made = metric(self.service, "callboard_selections_made_total")
        self.writer.write(0, 1000)
        self.must_agree({"sortBy": "v"})
        self.assertEqual(metric(self.service, "callboard_selections_made_total"), made + 1)

    def test_many_changes_of_a_large_batch_are_patched(self):
        self.writer.write(40000, 0)
        for parameters in ({"sortBy": "v"}, {"filter": {"callStatus": "completed"}}):
            self.must_agree(parameters)
        made = metric(self.service, "callboard_selections_made_total")
        self.writer.write(1000, 4000)
        for parameters in ({"sortBy": "v", "page": 700}, {"filter": {"callStatus": "completed"}, "page": 300}):
            self.must_agree(parameters)
        self.assertEqual(metric(self.service, "callboard_selections_made_total"), made)

    def test_a_server_that_lost_versions_is_believed(self):
        """As after a crash with synchronous_commit off: the same version number, other rows; the sessions ended in between."""
        self.writer.write(30, 0)
        before = self.must_agree({"sortBy": "v", "limit": 50})
        self.writer.write(0, 10)
        self.must_agree({"sortBy": "v", "limit": 50})
        rows.sql(f"DELETE FROM callboard.batch_change WHERE batch_id = '\\x{self.batch}' AND version = {self.writer.version}")
        self.writer.version -= 1
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callboard-query'")
        self.writer.write(0, 20)
        wait_for("both services", lambda: all(service.page(self.batch, self.token, "sortBy=v").status == 200 for service in (self.service, plain)))
        self.service.wait_ready()  # its other worker, too
        self.assertNotEqual(self.must_agree({"sortBy": "v", "limit": 50}), before)

    def test_a_reader_never_sees_less_than_was_committed_when_it_asked(self):
        committed, failures, done = [0], [], threading.Event()
        self.writer.write(20, 0)

        def write():
            try:
                for n in range(1, 61):
                    self.writer.write(1, 2)
                    committed[0] = n
            finally:
                done.set()

        def read(parameters):
            while not done.is_set():
                known = committed[0]
                total = json.loads(self.service.page(self.batch, self.token, encode(parameters)).body)["data"]["total"]
                if total < 20 + known:
                    failures.append((parameters, known, total))

        threads = [threading.Thread(target=write), *(threading.Thread(target=read, args=(parameters,)) for parameters in
                                                     ({"sortBy": "v"}, {"sortBy": "callStatus", "sortOrder": "desc"}, {"filter": {"v": {"$ne": "no"}}}))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class WhileNobodyAsks(Case):
    def settled(self, refreshed):
        """Waits until selections have been brought up to date so often, and no more is to be patched."""
        wait_for("selections are refreshed", lambda: metric(self.service, "callboard_selections_refreshed_total") >= refreshed)
        return metric(self.service, "callboard_selection_patched_calls_total")

    def test_what_was_asked_for_lately_follows_the_batch(self):
        self.writer.write(400, 0)
        self.must_agree({"sortBy": "v"})
        self.writer.write(7, 20)
        self.assertEqual(self.settled(1), 27)
        self.must_agree({"sortBy": "v"})
        self.assertEqual(metric(self.service, "callboard_selection_patched_calls_total"), 27, "nothing was left to be done")
        self.writer.write(3, 0)
        self.must_agree({"sortBy": "v"})
        self.assertEqual(metric(self.service, "callboard_selection_patched_calls_total"), 30)
        self.assertEqual(metric(self.service, "callboard_selections_made_total"), 1)

    def test_what_can_not_be_patched_is_forgotten_and_made_for_who_asks(self):
        self.writer.write(400, 0)
        self.must_agree({"filter": {"callStatus": "completed"}})
        self.writer.write(0, 5, leaves_trace=False)
        self.writer.write(0, 5)
        self.settled(1)
        self.assertEqual(metric(self.service, "callboard_selection_bytes"), 0)
        self.must_agree({"filter": {"callStatus": "completed"}})
        self.assertEqual(metric(self.service, "callboard_selections_made_total"), 2)


class Sharing(Case):
    settings = {"QUERY_TIMEOUT_MS": "60000"}

    def test_many_who_ask_for_the_same_have_it_made_once(self):
        self.writer.write(100, 0)
        target = f"/api/call/batch-details/{self.batch}?sortBy=v"
        with Lock(server, "callboard") as lock:
            first = self.service.start_request(target, self.token)
            lock.wait_for_waiters(1)
            others = [self.service.start_request(f"{target}&sortOrder={order}&page={page}", self.token) for order in ("asc", "desc") for page in range(1, 11)]
            pattern = re.compile(r"^callboard_requests_waiting 21$", re.M)
            self.service.wait_admin(lambda *_: pattern.search(self.service.admin("/metrics")[1]))
        for sock in (first, *others):
            self.assertEqual(self.service.read_answer(sock).status, 200)
        self.assertEqual(metric(self.service, "callboard_selections_made_total"), 1)

    def test_what_is_quick_does_not_wait_for_what_is_made(self):
        self.writer.write(100, 0)
        self.must_agree({"sortBy": "w"})
        foreign = rows.batch("owner", [{"fields": '{"v":1}'}])
        # A selection that needs attempts waits for the lock; one that does not is answered meanwhile.
        with Lock(server, "callboard", "callboard.attempt") as lock:
            slow = [self.service.start_request(f"/api/call/batch-details/{self.batch}?{query}", self.token) for query in
                    ("filter=%7B%22callStatus%22%3A%22busy%22%7D", "sortBy=callStatus", "sortBy=callDuration")]
            lock.wait_for_waiters(2)
            self.assertEqual(self.service.page(self.batch, "cbt_unknown", "sortBy=recordingUrl").status, 401)
            self.assertEqual(self.service.page("f" * 24, self.token, "sortBy=recordingUrl").status, 404)
        for sock in slow:
            self.assertEqual(self.service.read_answer(sock).status, 200)
        self.assertEqual(self.service.page(foreign, self.token, "sortBy=v").status, 200)

    def test_one_who_leaves_takes_nothing_from_those_who_stay(self):
        self.writer.write(100, 0)
        target = f"/api/call/batch-details/{self.batch}?sortBy=v"
        with Lock(server, "callboard") as lock:
            leaving = self.service.start_request(target, self.token)
            lock.wait_for_waiters(1)
            staying = self.service.start_request(target, self.token)
            pattern = re.compile(r"^callboard_requests_waiting (\d)$", re.M)
            self.service.wait_admin(lambda *_: pattern.search(self.service.admin("/metrics")[1]).group(1) == "2")
            leaving.close()
            self.service.wait_admin(lambda *_: pattern.search(self.service.admin("/metrics")[1]).group(1) == "1")
        self.assertEqual(self.service.read_answer(staying).status, 200)


class Room(Case):
    settings = {"QUERY_SELECTION_BYTES": "3MiB"}

    def test_what_does_not_fit_is_answered_all_the_same(self):
        self.writer.write(2000, 0)
        self.compare(60)
        self.writer.write(5, 20)
        self.compare(60)
        self.assertLessEqual(metric(self.service, "callboard_selection_bytes"), 3 << 20)
        self.assertGreater(metric(self.service, "callboard_selections_made_total"), 3)

    def test_long_sort_keys_are_not_kept(self):
        self.writer.write(20, 0)
        rows.change(self.batch, f"UPDATE callboard.call SET fields = '{{\"v\":\"' || repeat('x', 5000) || position || '\"}}' WHERE batch_id = '\\x{self.batch}'")
        self.writer.version += 1
        data = self.must_agree({"sortBy": "v", "limit": 3})
        self.must_agree({"sortBy": "v", "limit": 3, "cursor": data["nextCursor"]})
        self.assertEqual(metric(self.service, "callboard_selections_made_total"), 0)

    def test_a_key_that_grows_too_long_is_not_kept_any_more(self):
        self.writer.write(20, 0)
        self.must_agree({"sortBy": "v"})
        self.writer.write(0, 1)
        rows.sql(f"UPDATE callboard.call SET fields = '{{\"v\":\"' || repeat('x', 5000) || '\"}}' WHERE batch_id = '\\x{self.batch}' AND position ="
                 f" (SELECT changed[1] FROM callboard.batch_change WHERE batch_id = '\\x{self.batch}' AND version = {self.writer.version})")
        self.must_agree({"sortBy": "v"})
        self.must_agree({"sortBy": "v", "sortOrder": "desc"})


if __name__ == "__main__":
    unittest.main()
