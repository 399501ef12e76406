"""Remembered pages: spared work, never a stale or a foreign answer. As a black box, with the rows that the ingest leaves.

    CALLBOARD_BIN=build python3 -m unittest discover -s tests/query -v
"""
import gzip
import itertools
import re
import threading
import time
import unittest

from query_service import Lock, QueryService, Rows, migrated_server

PATH = "/api/call/batch-details/"

server = None
rows = None


def setUpModule():
    global server, rows
    server = migrated_server()
    rows = Rows(server, "callboard")


def calls(count):
    return [{"phone": str(n), "fields": '{"n":%d}' % n, "attempts": [{"status": "completed", "ms": n}]} for n in range(1, count + 1)]


class Remembered(unittest.TestCase):
    """One worker, so that all requests meet one memory."""

    unasked = itertools.count(1000)

    @classmethod
    def setUpClass(cls):
        cls.service = QueryService(server.url("callboard", "callboard_reader"), HTTP_WORKERS="1")
        cls.addClassCleanup(cls.service.end)
        cls.service.start()
        cls.token = rows.token("owner")

    def setUp(self):
        self.batch = rows.batch("owner", calls(25))

    def sources(self):
        """How many pages came from where, so far."""
        text = self.service.admin("/metrics")[1]
        return {name: float(value) for name, value in re.findall(r'^callboard_pages_total\{source="(\w+)"\} (\S+)$', text, re.M)}

    def since(self, before):
        return {name: value - before[name] for name, value in self.sources().items() if value != before[name]}

    def ask_together(self, targets, coding="identity"):
        """The answers to (target, token) that gathered while both connections were busy."""
        with Lock(server, "callboard", "callboard.batch") as lock:
            socks = []
            for _ in range(2):  # pages that nobody has asked for: each is a statement of its own
                socks.append(self.service.start_request(f"{PATH}{self.batch}?page={next(self.unasked)}", self.token))
                lock.wait_for_waiters(len(socks))
            socks += [self.service.start_request(target, token, coding) for target, token in targets]
            pattern = re.compile(rf"^callboard_requests_waiting {len(socks)}$", re.M)
            self.service.wait_admin(lambda *_: pattern.search(self.service.admin("/metrics")[1]))
        return [self.service.read_answer(sock) for sock in socks][2:]

    def test_a_page_that_has_not_changed_is_confirmed_and_the_same(self):
        for query in ("", "page=2", "page=2&limit=7&sortOrder=desc", "sortBy=createdAt", "limit=5&sortBy=phoneLogs.nothing"):
            first = self.service.page(self.batch, self.token, query)
            before = self.sources()
            for _ in range(3):  # by the whole question, and then by the version alone
                again = self.service.page(self.batch, self.token, query)
                self.assertEqual(again.without_date(), first.without_date(), query)
            self.assertEqual(self.since(before), {"remembered": 3}, query)

    def coded(self):
        """How many bodies were compressed, and how many sent as they had been compressed before."""
        text = self.service.admin("/metrics")[1]
        found = dict(re.findall(r'^callboard_coded_bodies_total\{source="(\w+)"\} (\S+)$', text, re.M))
        return int(found["compressed"]), int(found["remembered"])

    def ask_coded(self, coding, query, method="GET"):
        """The answer, and by how much coded() has grown."""
        before = self.coded()
        answer = self.service.request(f"{PATH}{self.batch}?{query}", self.token, method, [("Accept-Encoding", coding)])
        self.assertEqual(answer.header("Content-Encoding"), coding)
        return answer, tuple(now - then for now, then in zip(self.coded(), before))

    def test_a_remembered_page_is_compressed_once_for_each_coding(self):
        for coding in ("gzip", "zstd"):
            first, grown = self.ask_coded(coding, "limit=20")
            self.assertEqual(grown, (1, 0))
            for method in ("GET", "HEAD", "GET"):
                again, grown = self.ask_coded(coding, "limit=20", method)
                self.assertEqual(grown, (0, 1))
                self.assertEqual(again.without_date()[1], first.without_date()[1])
            self.assertEqual(again.body, first.body)
        rows.change(self.batch, f"UPDATE callboard.call SET phone_number = 'new' WHERE batch_id = '\\x{self.batch}' AND position = 1")
        changed, grown = self.ask_coded("gzip", "limit=20")
        self.assertEqual(grown, (1, 0))
        plain = self.service.page(self.batch, self.token, "limit=20")
        self.assertIn(b'"phoneNumber":"new"', plain.body)
        self.assertEqual(gzip.decompress(changed.body), plain.body)

    def test_coded_bodies_are_shared_by_those_who_wait(self):
        before = self.coded()
        targets = [(f"{PATH}{self.batch}?limit=19", self.token)] * 4
        answers = self.ask_together(targets, "zstd")
        self.assertEqual({answer.header("Content-Encoding") for answer in answers}, {"zstd"})
        self.assertEqual(len({answer.body for answer in answers}), 1)
        self.assertEqual(tuple(now - then for now, then in zip(self.coded(), before)), (1, 3))

    def test_where_nothing_is_remembered_a_page_is_compressed_each_time(self):
        with QueryService(server.url("callboard", "callboard_reader"), HTTP_WORKERS="1", QUERY_CACHE_BYTES="0") as service:
            bodies = [service.request(f"{PATH}{self.batch}?limit=20", self.token, headers=[("Accept-Encoding", "gzip")]).body for _ in range(3)]
            self.assertEqual(len(set(bodies)), 1)
            self.assertIn('\ncallboard_coded_bodies_total{source="compressed"} 3\n', service.admin("/metrics")[1])

    def test_a_cursor_is_confirmed_too(self):
        cursor = re.search(rb'"nextCursor":"([^"]+)"', self.service.page(self.batch, self.token, "limit=5").body).group(1).decode()
        first = self.service.page(self.batch, self.token, f"limit=5&cursor={cursor}")
        again = self.service.page(self.batch, self.token, f"limit=5&cursor={cursor}")
        self.assertEqual((first.status, again.without_date()), (200, first.without_date()))

    def test_what_was_committed_before_the_request_is_in_its_answer(self):
        changes = [
            ("UPDATE callboard.call SET phone_number = 'new number' WHERE batch_id = '\\x%s' AND position = 3", b"new number"),
            ("UPDATE callboard.call SET fields = '{\"n\":\"new field\"}' WHERE batch_id = '\\x%s' AND position = 4", b"new field"),
            ("UPDATE callboard.attempt SET call_status = 'newstatus' WHERE batch_id = '\\x%s' AND position = 5", b"newstatus"),
            ("UPDATE callboard.batch SET batch_name = 'New name' WHERE batch_id = '\\x%s'", b"New name"),
        ]
        for asks, (statement, shown) in zip((1, 2, 3, 4), changes):
            before = [self.service.page(self.batch, self.token) for _ in range(asks)][-1]
            rows.change(self.batch, statement % self.batch)
            after = self.service.page(self.batch, self.token)
            self.assertNotIn(shown, before.body)
            self.assertIn(shown, after.body)
            self.assertNotEqual(before.header("ETag"), after.header("ETag"))

    def test_answers_under_load_are_never_older_than_their_request(self):
        """A writer counts up; each reader knows what had been committed when it asked."""
        committed, failures, done = [0], [], threading.Event()

        def write():
            try:
                for n in range(1, 51):
                    rows.change(self.batch, f"UPDATE callboard.batch SET batch_name = 'n{n}' WHERE batch_id = '\\x{self.batch}'")
                    committed[0] = n
            finally:
                done.set()

        def read():
            while not done.is_set():
                known = committed[0]
                shown = int(re.search(rb'"batchName":"n(\d+)"', self.service.page(self.batch, self.token).body).group(1))
                if shown < known:
                    failures.append((known, shown))

        rows.change(self.batch, f"UPDATE callboard.batch SET batch_name = 'n0' WHERE batch_id = '\\x{self.batch}'")
        before = self.sources()
        threads = [threading.Thread(target=each) for each in [write] + [read] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(self.since(before).get("remembered", 0), 0, "nothing was ever remembered")

    def test_a_remembered_page_is_given_to_nobody_else(self):
        stranger = rows.token("stranger")
        for _ in range(3):
            mine = self.service.page(self.batch, self.token)
            answer = self.service.page(self.batch, stranger)
            self.assertEqual(answer.status, 404)
            tagged = self.service.request(PATH + self.batch, stranger, headers=[("If-None-Match", mine.header("ETag"))])
            self.assertEqual(tagged.status, 404)
        self.assertEqual(self.service.page(self.batch, rows.token("owner")).without_date(), mine.without_date())

    def test_a_token_that_is_revoked_or_has_expired_gets_no_remembered_page(self):
        for column, asks in (("revoked_at", 1), ("revoked_at", 4), ("expires_at", 2), ("expires_at", 3)):
            token = rows.token("owner")
            self.assertEqual([self.service.page(self.batch, token).status for _ in range(asks)], [200] * asks)
            rows.sql(f"UPDATE callboard.api_token SET {column} = now() WHERE token_id = '{token[:12]}'")
            self.assertEqual(self.service.page(self.batch, token).status, 401, column)

    def test_a_batch_that_changes_hands_takes_its_pages_with_it(self):
        tokens = {"owner": self.token, "heir": rows.token("heir")}
        for asks, owner, other in ((2, "owner", "heir"), (4, "heir", "owner")):
            self.assertEqual([self.service.page(self.batch, tokens[owner]).status for _ in range(asks)], [200] * asks)
            rows.sql(f"UPDATE callboard.batch SET owner_id = '{other}' WHERE batch_id = '\\x{self.batch}'")
            self.assertEqual(self.service.page(self.batch, tokens[owner]).status, 404)
            self.assertEqual(self.service.page(self.batch, tokens[other]).status, 200)

    def test_many_who_ask_together_share_one_page_and_each_is_judged_alone(self):
        target = PATH + self.batch
        revoked, stranger = rows.token("owner", revoked="now()"), rows.token("stranger")
        others = [rows.token("owner") for _ in range(3)]
        tokens = [revoked, stranger] + [self.token, *others] * 5
        for is_remembered in (False, True, True):
            before = self.sources()
            answers = self.ask_together([(target, token) for token in tokens])
            self.assertEqual([answer.status for answer in answers], [401, 404] + [200] * 20)
            self.assertEqual(len({answer.body for answer in answers[2:]}), 1)
            self.assertIn(b'"total":25', answers[2].body)
            found = self.since(before)
            if is_remembered:
                self.assertGreaterEqual(found["remembered"], 20)
            else:
                self.assertEqual(found["shared"], 19)

    def test_different_pages_asked_together_are_told_apart(self):
        targets = [f"{PATH}{self.batch}?limit=5&page={page}&sortOrder={order}" for page in range(1, 7) for order in ("asc", "desc")]
        alone = [self.service.request(target, self.token) for target in targets]
        rows.change(self.batch, "SELECT 1")
        for _ in range(3):  # first all are stale, then all are confirmed, in both ways
            together = self.ask_together([(target, self.token) for target in targets] * 2)
            self.assertEqual([answer.body for answer in together], [answer.body for answer in alone] * 2)

    def test_a_server_that_came_back_is_asked_anew(self):
        """It may have lost transactions, and given their version to others."""
        self.assertEqual([self.service.page(self.batch, self.token).status for _ in range(3)], [200] * 3)
        rows.sql(f"UPDATE callboard.batch SET batch_name = 'Other past' WHERE batch_id = '\\x{self.batch}'")
        self.assertNotIn(b"Other past", self.service.page(self.batch, self.token).body, "the version has not changed")
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callboard-query'")
        deadline = time.monotonic() + 30
        while (answer := self.service.page(self.batch, self.token)).status != 200:
            self.assertLess(time.monotonic(), deadline)
        self.assertIn(b"Other past", answer.body)


class Bounds(unittest.TestCase):
    def test_memory_stays_within_the_option_and_nothing_is_kept_at_0(self):
        batch, token = rows.batch("owner", calls(2000)), rows.token("owner")
        for limit_bytes in (100000, 0):
            with QueryService(server.url("callboard", "callboard_reader"), HTTP_WORKERS="1", QUERY_CACHE_BYTES=str(limit_bytes)) as service:
                for page in range(1, 121):
                    self.assertEqual(service.page(batch, token, f"page={page}").status, 200)
                held = re.compile(r'^callboard_remembered_bytes\{worker="0"\} (\S+)$', re.M)
                service.wait_admin(lambda *_, limit=limit_bytes: (float(held.search(service.admin("/metrics")[1]).group(1)) > 0) == (limit > 0))
                self.assertLessEqual(float(held.search(service.admin("/metrics")[1]).group(1)), limit_bytes)


if __name__ == "__main__":
    unittest.main()
