"""callboard-query as a black box: a real PostgreSQL, rows written by SQL, everything else over HTTP.

    CALLBOARD_BIN=build python3 -m unittest discover -s tests/query -v
"""
import json
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from postgres import Postgres  # noqa: E402
from query_service import Lock, QueryService, Rows, migrate, migrated_server, new_token, program  # noqa: E402

PATH = "/api/call/batch-details/"
UNKNOWN_ID = "ffffffffffffffffffffffff"

# The answer that the API's description publishes, written compactly, with the two cursor members.
PUBLISHED = (
    '{"message":"Calls fetched successfully","status":true,"code":200,"errorMessage":"","data":{'
    '"batchId":"67def9053495307c718d9dfb","batchName":"Marketing Campaign May 2025","batchStatus":"active",'
    '"page":1,"limit":10,"total":150,"totalPages":15,"data":[{"_id":"64e5f12345abcdef11111111",'
    '"phoneNumber":"12125551234","name":"Emily Davis","account_id":"ACC-5678","priority":"high","phoneLogs":['
    '{"callStatus":"completed","callDuration":120,"recordingUrl":"https://example.com/recording.mp3",'
    '"transcript":"Call transcript here...","createdAt":"2025-05-15T14:30:00.000Z"}],'
    '"createdAt":"2025-05-15T14:00:00.000Z"}],"nextCursor":"*","prevCursor":null}}')

server = None
rows = None
service = None


def setUpModule():
    global server, rows, service
    server = migrated_server()
    rows = Rows(server, "callboard")
    service = QueryService(server.url("callboard", "callboard_reader"))
    unittest.addModuleCleanup(service.end)
    service.start()


def numbered(count):
    """Calls whose phone numbers count from 1."""
    return [{"phone": str(n)} for n in range(1, count + 1)]


def phones(answer):
    return [call["phoneNumber"] for call in json.loads(answer.body)["data"]["data"]]


def wait_waiting(running, count):
    """Until so many requests wait for the database."""
    pattern = re.compile(rf"^callboard_requests_waiting {count}$", re.M)
    running.wait_admin(lambda *_: pattern.search(running.admin("/metrics")[1]))


def links(answer):
    """The Link header as {relation: target}."""
    return {rel: target for target, rel in re.findall(r'<([^>]*)>; rel="([a-z]+)"', answer.header("Link"))}


class AnswerTest(unittest.TestCase):
    def assert_error(self, answer, code, message, hint=""):
        """The envelope of the contract, member by member in its order."""
        body = json.loads(answer.body)
        self.assertEqual(answer.status, code, answer.body)
        self.assertEqual(list(body), ["message", "status", "code", "errorMessage", "data"])
        self.assertEqual((body["message"], body["status"], body["code"], body["data"]), (message, False, code, None))
        self.assertIn(hint, body["errorMessage"])
        self.assertNotEqual(body["errorMessage"], "")
        self.assertEqual(answer.header("Content-Type"), "application/json")


class Page(AnswerTest):
    def test_the_published_request_gets_the_published_answer(self):
        # The description shows one call of a page of ten: so the batch is told that it has 150, and one is stored.
        call = {"call_id": "64e5f12345abcdef11111111", "phone": "12125551234", "created": "2025-05-15T14:00:00Z",
                "fields": '{"name":"Emily Davis","account_id":"ACC-5678","priority":"high"}', "position": 150,
                "attempts": [{"status": "completed", "ms": 120000, "url": "https://example.com/recording.mp3",
                              "transcript": "Call transcript here...", "created": "2025-05-15T14:30:00Z"}]}
        rows.batch("published", [call], "Marketing Campaign May 2025", total=150, batch_id="67def9053495307c718d9dfb")
        answer = service.page("67def9053495307c718d9dfb", rows.token("published"),
                              "page=1&limit=10&sortBy=createdAt&sortOrder=desc")
        self.assertEqual(answer.status, 200)
        self.assertEqual(re.sub('"nextCursor":"[^"]+"', '"nextCursor":"*"', answer.body.decode()), PUBLISHED)

    def test_a_page_carries_the_headers_of_the_contract(self):
        answer = service.page(rows.batch("o", numbered(1)), rows.token("o"))
        self.assertEqual(answer.header("Content-Type"), "application/json")
        self.assertEqual(answer.header("Cache-Control"), "private, no-cache")
        self.assertEqual(answer.header("Vary"), "Authorization, Accept-Encoding")
        self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
        self.assertRegex(answer.header("ETag"), r'^"[0-9a-f]{32}"$')
        self.assertEqual(int(answer.header("Content-Length")), len(answer.body))

    def test_what_is_not_known_is_null_and_a_call_without_attempts_has_an_empty_list(self):
        batch = rows.batch("o", [{}, {"attempts": [{}]}], name=None, status=None)
        data = json.loads(service.page(batch, rows.token("o")).body)["data"]
        self.assertEqual((data["batchName"], data["batchStatus"]), (None, None))
        log = {"callStatus": None, "callDuration": None, "recordingUrl": None, "transcript": None, "createdAt": None}
        self.assertEqual(data["data"], [
            {"_id": "%024x" % 1, "phoneNumber": None, "phoneLogs": [], "createdAt": None},
            {"_id": "%024x" % 2, "phoneNumber": None, "phoneLogs": [log], "createdAt": None}])

    def test_dynamic_fields_come_byte_for_byte_and_strings_are_escaped(self):
        fields = '{"n":1.50e+3,"big":123456789012345678901234567890,"":{"a":[1,null]},"\\"":"\\u0001é😀"}'
        calls = [{"phone": 'a"b\\c\n\x01é', "fields": fields}]
        body = service.page(rows.batch("o", calls), rows.token("o")).body.decode()
        self.assertIn('"phoneNumber":"a\\"b\\\\c\\n\\u0001é",' + fields[1:-1] + ',"phoneLogs":[]', body)

    def test_attempts_come_in_ascending_order_whatever_the_order_of_calls(self):
        attempts = [{"attempt": 3, "status": "completed", "ms": 7250}, {"attempt": 1, "status": "busy", "ms": 0},
                    {"attempt": 2, "status": "no-answer"}]
        batch = rows.batch("o", [{"attempts": attempts}, {}, {"attempts": attempts[:1]}])
        for order, positions in (("asc", (0, 2)), ("desc", (2, 0))):
            calls = json.loads(service.page(batch, rows.token("o"), "sortOrder=" + order).body)["data"]["data"]
            statuses = [[log["callStatus"] for log in call["phoneLogs"]] for call in calls]
            self.assertEqual(statuses[positions[0]], ["busy", "no-answer", "completed"], order)
            self.assertEqual(statuses[positions[1]], ["completed"], order)
            self.assertEqual([log["callDuration"] for log in calls[positions[0]]["phoneLogs"]], [0, None, 7.25])

    def test_a_page_of_many_megabytes_arrives_whole(self):
        transcript = "0123456789" * 2000
        calls = [{"phone": str(n), "attempts": [{"transcript": transcript}]} for n in range(400)]
        batch, token = rows.batch("large", calls), rows.token("large")
        for _ in range(2):
            data = json.loads(service.page(batch, token, "limit=400").body)["data"]["data"]
            self.assertEqual([call["phoneNumber"] for call in data], [str(n) for n in range(400)])
            self.assertEqual({call["phoneLogs"][0]["transcript"] for call in data}, {transcript})
        self.assertEqual(phones(service.page(batch, token, "limit=2")), ["0", "1"])

    def test_an_empty_batch_has_no_pages(self):
        answer = service.page(rows.batch("o"), rows.token("o"))
        data = json.loads(answer.body)["data"]
        self.assertEqual((data["total"], data["totalPages"], data["data"]), (0, 0, []))
        self.assertEqual(sorted(links(answer)), ["first", "last"])

    def test_a_batch_id_may_be_in_upper_case(self):
        batch = rows.batch("o", numbered(1), batch_id="abcdefabcdefabcdefabcd01")
        answer = service.page(batch.upper(), rows.token("o"))
        self.assertEqual(json.loads(answer.body)["data"]["batchId"], batch)


class Paging(AnswerTest):
    @classmethod
    def setUpClass(cls):
        cls.batch = rows.batch("paging", numbered(25))
        cls.token = rows.token("paging")

    def test_pages_at_both_ends_and_beyond(self):
        cases = [
            ("", range(1, 11)), ("page=1", range(1, 11)), ("page=2", range(11, 21)), ("page=3", range(21, 26)),
            ("page=4", ()), ("page=1000000000&limit=1000", ()), ("limit=25", range(1, 26)), ("limit=1000", range(1, 26)),
            ("limit=1&page=25", (25,)), ("sortOrder=asc", range(1, 11)),
            ("sortOrder=desc", range(25, 15, -1)), ("sortOrder=desc&page=3", range(5, 0, -1)),
            ("sortOrder=desc&page=4", ()), ("sortOrder=desc&page=1000000000&limit=1000", ()),
            ("sortOrder=desc&limit=7&page=4", range(4, 0, -1)),
            ("page=&limit=&search=&unknown=1&unknown=2", range(1, 11)),
        ]
        for query, wanted in cases:
            with self.subTest(query):
                answer = service.page(self.batch, self.token, query)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(phones(answer), [str(n) for n in wanted])
                data = json.loads(answer.body)["data"]
                self.assertEqual((data["total"], data["totalPages"]), (25, -(-25 // data["limit"])))

    def test_following_next_meets_every_call_once_and_prev_leads_back(self):
        for order in ("asc", "desc"):
            target = f"{PATH}{self.batch}?limit=4&sortOrder={order}"
            seen, pages = [], []
            while target:
                answer = service.request(target, self.token)
                seen += phones(answer)
                pages.append(answer)
                target = links(answer).get("next")
            wanted = [str(n) for n in range(1, 26)]
            self.assertEqual(seen, wanted if order == "asc" else wanted[::-1])
            back = service.request(links(pages[-1])["prev"], self.token)
            self.assertEqual(back.body, pages[-2].body)
            self.assertNotIn("prev", links(pages[0]))
            self.assertEqual(service.request(links(pages[2])["first"], self.token).body, pages[0].body)
            self.assertEqual(service.request(links(pages[2])["last"], self.token).body, pages[-1].body)

    def test_links_keep_the_parameters_encoded_anew(self):
        answer = service.page(self.batch, self.token, "sort%4Frder=d%65sc&limit=%35&page=2")
        self.assertEqual(links(answer)["next"], f"{PATH}{self.batch}?page=3&limit=5&sortOrder=desc")

    def test_behind_the_end_prev_is_the_last_page(self):
        answer = service.page(self.batch, self.token, "page=99")
        self.assertTrue(links(answer)["prev"].endswith("?page=3"))
        self.assertNotIn("next", links(answer))


class SortByCreatedAt(AnswerTest):
    def test_a_batch_in_order_is_answered_by_arrival(self):
        calls = [{"phone": str(n), "created": f"2025-05-15T14:00:{n:02}Z"} for n in range(1, 13)]
        batch, token = rows.batch("o", calls), rows.token("o")
        self.assertEqual(phones(service.page(batch, token, "sortBy=createdAt&limit=5&page=2")), list("6789") + ["10"])
        self.assertEqual(phones(service.page(batch, token, "sortBy=createdAt&sortOrder=desc&limit=5&page=3")), ["2", "1"])

    def test_a_batch_out_of_order_is_sorted_missing_first_and_ties_by_arrival(self):
        seconds = [5, None, 3, 5, 1, None, 3, 5, 9, 0]
        calls = [{"phone": str(n), "attempts": [{"status": f"s{n}"}, {"status": "x"}],
                  "created": None if second is None else f"2025-05-15T14:00:{second:02}Z"}
                 for n, second in enumerate(seconds)]
        batch, token = rows.batch("o", calls, in_order=False), rows.token("o")
        wanted = [str(n) for n in sorted(range(len(seconds)), key=lambda n: (-1 if seconds[n] is None else seconds[n], n))]
        for order, expected in (("asc", wanted), ("desc", wanted[::-1])):
            for limit in (1, 3, 10, 1000):
                for page in range(1, 12 // limit + 3):
                    query = f"sortBy=createdAt&sortOrder={order}&limit={limit}&page={page}"
                    answer = service.page(batch, token, query)
                    self.assertEqual(phones(answer), expected[(page - 1) * limit:page * limit], query)
                    data = json.loads(answer.body)["data"]
                    self.assertEqual((data["total"], data["totalPages"]), (10, -(-10 // limit)), query)
                    for call in data["data"]:
                        self.assertEqual([log["callStatus"] for log in call["phoneLogs"]],
                                         ["s" + call["phoneNumber"], "x"], query)
        self.assertEqual(phones(service.page(batch, token, "sortOrder=desc&limit=2")), ["9", "8"], "no sortBy: arrival")

    def test_a_foreign_batch_out_of_order_is_not_found_either(self):
        batch = rows.batch("o", numbered(3), in_order=False)
        self.assert_error(service.page(batch, rows.token("p"), "sortBy=createdAt"), 404, "Batch not found")


class Refusals(AnswerTest):
    @classmethod
    def setUpClass(cls):
        cls.batch = rows.batch("refusals", numbered(1))
        cls.token = rows.token("refusals")

    def test_no_credentials(self):
        for headers in ((), [("Authorization", "Basic YTpi")], [("Authorization", "Digest x")]):
            answer = service.request(PATH + self.batch, headers=headers)
            self.assert_error(answer, 401, "Authentication required", "Authorization: Bearer")
            self.assertEqual(answer.header("WWW-Authenticate"), 'Bearer realm="callboard"')

    def test_a_token_that_is_not_valid(self):
        tokens = [
            "nonsense", "", self.token[:-1] + ("a" if self.token[-1] != "a" else "b"), new_token(),
            rows.token("refusals", revoked="now()"), rows.token("refusals", expires="now() - interval '1 ms'")]
        for token in tokens:
            answer = service.page(self.batch, token)
            self.assert_error(answer, 401, "Invalid token")
            self.assertEqual(answer.header("WWW-Authenticate"), 'Bearer realm="callboard", error="invalid_token"')

    def test_a_token_that_expires_later_is_valid(self):
        self.assertEqual(service.page(self.batch, rows.token("refusals", expires="now() + interval '1 hour'")).status, 200)

    def test_a_revoked_token_stops_working_at_once(self):
        token = rows.token("refusals")
        self.assertEqual(service.page(self.batch, token).status, 200)
        rows.sql(f"UPDATE callboard.api_token SET revoked_at = now() WHERE token_id = '{token[:12]}'")
        self.assert_error(service.page(self.batch, token), 401, "Invalid token")

    def test_a_foreign_batch_an_absent_one_and_nobodys_are_the_same(self):
        stranger = rows.token("stranger")
        foreign = service.page(self.batch, stranger, "page=2&limit=3")
        self.assert_error(foreign, 404, "Batch not found")
        absent = service.page(UNKNOWN_ID, stranger, "page=2&limit=3")
        nobodys = service.page(rows.batch(None, numbered(1)), stranger, "page=2&limit=3")
        self.assertEqual(foreign.without_date(), absent.without_date())
        self.assertEqual(foreign.without_date(), nobodys.without_date())

    def test_bad_parameters(self):
        cases = [("page=0", "page"), ("page=x", "page"), ("page=1000000001", "page"), ("limit=0", "limit"),
                 ("limit=1001", "limit"), ("sortOrder=down", "sortOrder"), ("page=1&page=2", "page"),
                 ("search=%zz", "search"), ("search=%ff", "search"), ("search=%00", "search"),
                 ("sortBy=" + "x" * 129, "sortBy"), ("filter=%5B%5D", "filter"), ("search=(a)%5C1", "back-reference"),
                 ("search=(a", "invalid regular expression"), ("cursor=x", "cursor is not one that was given")]
        for query, hint in cases:
            with self.subTest(query):
                self.assert_error(service.page(self.batch, self.token, query), 400, "Invalid query parameter", hint)

    def test_bad_batch_ids(self):
        for batch_id in ("1", "67def9053495307c718d9dfg", self.batch + "0", "", "%7Bid%7D"):
            with self.subTest(batch_id):
                self.assert_error(service.page(batch_id, self.token), 400, "Invalid batch id", "24 hexadecimal")

    def test_credentials_are_looked_at_before_parameters_and_parameters_before_the_database(self):
        self.assertEqual(service.request(PATH + "x?page=0").status, 401)
        self.assertEqual(service.page("x", "nonsense", "page=0").status, 401)
        self.assertEqual(service.page(UNKNOWN_ID, new_token(), "page=0").status, 400)
        self.assertEqual(service.page(UNKNOWN_ID, new_token()).status, 401)
        self.assertEqual(service.page(UNKNOWN_ID, self.token).status, 404)

    def test_unknown_paths_and_other_methods(self):
        for path in ("/", "/api", PATH[:-1], PATH + self.batch + "/", PATH + self.batch + "/x"):
            self.assert_error(service.request(path, self.token), 404, "Not Found", "batch-details")
        for method in ("POST", "DELETE", "PUT", "OPTIONS"):
            answer = service.request(PATH + self.batch, self.token, method)
            self.assert_error(answer, 405, "Method Not Allowed")
            self.assertEqual(answer.header("Allow"), "GET, HEAD")

    def test_errors_of_the_http_layer_have_the_envelope_too(self):
        long_line = service.request(PATH + self.batch + "?x=" + "a" * 40000, self.token)
        self.assert_error(long_line, 414, "URI Too Long")
        large_header = service.request(PATH + self.batch, self.token, headers=[("X", "a" * 40000)])
        self.assert_error(large_header, 431, "Request Header Fields Too Large")


class Conditional(AnswerTest):
    def setUp(self):
        self.batch = rows.batch("conditional", numbered(3))
        self.token = rows.token("conditional")

    def get(self, tag, query="", token=None):
        return service.request(f"{PATH}{self.batch}?{query}", token or self.token, headers=[("If-None-Match", tag)])

    def test_304_exactly_while_the_body_is_the_same(self):
        first = service.page(self.batch, self.token)
        tag = first.header("ETag")
        for value in (tag, "W/" + tag, '"x", ' + tag, "*"):
            answer = self.get(value)
            self.assertEqual((answer.status, answer.body), (304, b""), value)
            for name in ("ETag", "Cache-Control", "Link", "Vary"):
                self.assertEqual(answer.header(name), first.header(name), value)
        self.assertEqual(self.get('"x"').status, 200)
        self.assertEqual(self.get(tag, "limit=2").status, 200, "another page, another body")
        rows.change(self.batch, f"UPDATE callboard.call SET phone_number = '9' WHERE batch_id = '\\x{self.batch}' AND position = 2")
        changed = self.get(tag)
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.header("ETag"), tag)
        self.assertEqual(phones(changed), ["1", "9", "3"])

    def test_the_tag_does_not_depend_on_the_token(self):
        tag = service.page(self.batch, self.token).header("ETag")
        self.assertEqual(self.get(tag, token=rows.token("conditional")).status, 304)
        self.assertEqual(self.get(tag, token=rows.token("another")).status, 404)
        self.assertEqual(self.get("*", token=rows.token("another")).status, 404)

    def test_head_is_get_without_a_body(self):
        targets = [PATH + self.batch, PATH + self.batch + "?page=0", PATH + UNKNOWN_ID, "/"]
        for target in targets:
            get, head = service.request(target, self.token), service.request(target, self.token, "HEAD")
            self.assertEqual(head.body, b"", target)
            self.assertEqual(head.without_date()[:2], get.without_date()[:2], target)
        answer = service.request(targets[0], self.token, "HEAD", [("If-None-Match", "*")])
        self.assertEqual(answer.status, 304)


class ManyAtOnce(AnswerTest):
    def test_questions_that_gather_are_answered_each_with_its_own_page(self):
        owners = ["many1", "many2"]
        tokens = [rows.token(owner) for owner in owners]
        batches = [rows.many_calls("%024x" % (0xa0 + i), owner, 100) for i, owner in enumerate(owners)]
        before = self.pages_per_statement()
        cases, socks = [], []
        with Lock(server, "callboard") as lock:
            for n in range(60):
                who, whose, page = n % 2, (n // 2) % 3 == 0, n % 12 + 1
                batch = batches[who] if not whose else batches[1 - who]
                cases.append((who, batch == batches[who], page, "desc" if n % 5 == 0 else "asc"))
                socks.append(service.start_request(f"{PATH}{batch}?page={page}&limit=9&sortOrder={cases[-1][3]}", tokens[who]))
                if n == 0:
                    lock.wait_for_waiters(1)
        for (who, own, page, order), sock in zip(cases, socks):
            answer = service.read_answer(sock)
            if not own:
                self.assert_error(answer, 404, "Batch not found")
                continue
            numbers = list(range(1, 101))[::-1 if order == "desc" else 1]
            self.assertEqual(phones(answer), [f"n{n}" for n in numbers[(page - 1) * 9:page * 9]])
        pages, statements = (now - then for now, then in zip(self.pages_per_statement(), before))
        self.assertLessEqual(pages, 60, "those who ask the same ask together")
        self.assertLess(statements, pages, "no statement asked for more than one page")

    @staticmethod
    def pages_per_statement():
        text = service.admin("/metrics")[1]
        return [float(re.search(rf"^callboard_pages_per_statement_{part} (\S+)$", text, re.M).group(1))
                for part in ("sum", "count")]

    def test_a_client_that_leaves_while_it_waits_disturbs_nobody(self):
        batch, token = rows.batch("leaver", numbered(3)), rows.token("leaver")
        with Lock(server, "callboard") as lock:
            socks = [service.start_request(PATH + batch, token) for _ in range(20)]
            lock.wait_for_waiters(1)
            wait_waiting(service, 20)
            for sock in socks[::2]:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # ends by a reset
                sock.close()
            wait_waiting(service, 10)
        for sock in socks[1::2]:
            self.assertEqual(phones(service.read_answer(sock)), ["1", "2", "3"])
        self.assertEqual(service.page(batch, token).status, 200)

    def test_requests_of_one_connection_are_answered_in_order(self):
        batch, token = rows.batch("pipeline", numbered(9)), rows.token("pipeline")
        sock = service.start_request(f"{PATH}{batch}?limit=1&page=1", token)
        for page in range(2, 10):
            sock.sendall(f"GET {PATH}{batch}?limit=1&page={page} HTTP/1.1\r\nHost: t\r\n"
                         f"Authorization: Bearer {token}\r\n{'Connection: close' if page == 9 else 'X: y'}\r\n\r\n".encode())
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
        sock.close()
        self.assertEqual(re.findall(rb'"phoneNumber":"(\d)"', received), [b"%d" % n for n in range(1, 10)])


class Plans(unittest.TestCase):
    """What PostgreSQL does for a page, as auto_explain logs it."""

    def test_a_page_is_read_by_indexes_alone_and_a_deep_one_costs_what_the_first_does(self):
        explain = {"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0",
                   "auto_explain.log_analyze": "on", "auto_explain.log_buffers": "on", "auto_explain.log_format": "json"}
        with Postgres(settings=explain) as own:
            migrate(own, "plans")
            own_rows = Rows(own, "plans")
            with QueryService(own.url("plans"), HTTP_WORKERS="1") as running:
                # Planned while the tables are empty, as on a fresh installation, and not planned anew.
                batch, token = "ab" * 12, own_rows.token("plans")
                self.assertEqual(running.page(batch, token).status, 404)
                own_rows.many_calls(batch, "plans", 20000)
                for query in ("page=1", "page=1990", "page=1990&sortOrder=desc", "page=2&limit=7"):
                    self.assertEqual(running.page(batch, token, query).status, 200)
            plans = [json.loads(text) for text in self.plans(own)]
        self.assertEqual(len(plans), 5)
        costs = []
        for plan in plans:
            scans = [node for node in self.nodes(plan["Plan"]) if "Relation Name" in node]
            self.assertEqual({(node["Relation Name"], node["Node Type"]) for node in scans},
                             {(name, "Index Scan") for name in ("api_token", "batch", "call", "attempt")})
            self.assertLessEqual(sum(node.get("Rows Removed by Filter", 0) for node in scans), 0)
            costs.append(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
        self.assertLessEqual(max(costs[2:4]), costs[1] + 4, costs)

    @staticmethod
    def plans(own):
        """The JSON texts of the log that are plans of the page statement."""
        with open(own.log_path) as log:
            texts = re.findall(r"plan:\n(\t\{.*?\n\t\})", log.read(), re.S)
        return [text.replace("\t", "") for text in texts if "ask AS MATERIALIZED" in text]

    @classmethod
    def nodes(cls, plan):
        yield plan
        for child in plan.get("Plans", ()):
            yield from cls.nodes(child)


class Failures(AnswerTest):
    """Each with a service of its own."""

    def test_a_query_past_its_time_is_503_and_the_next_one_is_answered(self):
        batch, token = rows.batch("slow", numbered(1)), rows.token("slow")
        with QueryService(server.url("callboard"), QUERY_TIMEOUT_MS="200") as running:
            with Lock(server, "callboard"):
                answer = running.page(batch, token)
                self.assert_error(answer, 503, "Service Unavailable", "retry")
                self.assertRegex(answer.header("Retry-After"), r"^[1-9]\d*$")
            self.assertEqual(running.page(batch, token).status, 200)

    def test_a_database_that_restarts_is_503_and_then_answers_again(self):
        with Postgres() as own:
            migrate(own, "restart")
            own_rows = Rows(own, "restart")
            batch, token = own_rows.batch("o", numbered(2)), own_rows.token("o")
            with QueryService(own.url("restart")) as running:
                self.assertEqual(running.page(batch, token).status, 200)
                own.stop()
                running.wait_admin(lambda status, text: status == 503 and text.startswith("postgresql: "))
                answer = running.page(batch, token)
                self.assert_error(answer, 503, "Service Unavailable")
                self.assertRegex(answer.header("Retry-After"), r"^[1-9]\d*$")
                self.assertEqual(running.admin("/livez")[0], 200)
                own.start()
                running.wait_ready()
                self.assertEqual(phones(running.page(batch, token)), ["1", "2"])
                self.assertEqual(running.end(), 0, running.log())

    def test_sessions_that_are_terminated_are_made_anew(self):
        with QueryService(server.url("callboard"), HTTP_WORKERS="1") as running:
            batch, token = rows.batch("kill", numbered(1)), rows.token("kill")
            for _ in range(3):
                server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callboard-query'")
                deadline = time.monotonic() + 30
                while running.page(batch, token).status != 200:
                    self.assertLess(time.monotonic(), deadline)
        service.wait_ready()

    def test_a_database_that_was_not_migrated_is_named_as_such(self):
        server.create_database("unmigrated")
        running = QueryService(server.url("unmigrated"))
        running.start(wait_ready=False)
        try:
            running.wait_admin(lambda status, text: status == 503 and "migrate" in text)
            self.assert_error(running.page(UNKNOWN_ID, new_token()), 503, "Service Unavailable")
            running.wait_log("migrate")
        finally:
            self.assertEqual(running.end(), 0, running.log())

    def test_a_missing_database_is_a_clear_line_and_a_retry(self):
        running = QueryService(server.url("not_there_yet"))
        running.start(wait_ready=False)
        try:
            running.wait_admin(lambda status, text: status == 503 and "not_there_yet" in text)
            migrate(server, "not_there_yet")
            running.wait_ready()
        finally:
            self.assertEqual(running.end(), 0, running.log())

    def test_a_role_without_rights_is_500(self):
        server.sql("CREATE ROLE powerless LOGIN; GRANT USAGE ON SCHEMA callboard TO powerless;"
                   "GRANT SELECT ON callboard.migration, callboard.batch, callboard.call, callboard.attempt TO powerless;"
                   "GRANT SELECT ON callboard.api_token, callboard.cursor_key TO powerless", "callboard")
        batch, token = rows.batch("o", numbered(1)), rows.token("o")
        with QueryService(server.url("callboard", "powerless")) as running:
            self.assertEqual(running.page(batch, token).status, 200)
            server.sql("REVOKE SELECT ON callboard.attempt FROM powerless", "callboard")
            answer = running.page(batch, token)
            self.assert_error(answer, 500, "Failed to aggregate batch data")
            running.wait_log("sqlstate=42501")


class Stopping(AnswerTest):
    def test_sigterm_finishes_what_is_under_way(self):
        batch, token = rows.batch("drain", numbered(2)), rows.token("drain")
        running = QueryService(server.url("callboard"))
        running.start()
        try:
            with Lock(server, "callboard") as lock:
                socks = [running.start_request(PATH + batch, token) for _ in range(5)]
                lock.wait_for_waiters(1)
                wait_waiting(running, 5)
                running.terminate()
                running.wait_log("msg=\"?draining")
                self.assertEqual(running.admin("/readyz"), (503, "service: is stopping\n"))
            for sock in socks:
                answer = running.read_answer(sock)
                self.assertEqual(phones(answer), ["1", "2"])
                self.assertEqual(answer.header("Connection"), "close")
        finally:
            self.assertEqual(running.end(), 0, running.log())
        self.assertNotIn("level=error", running.log())

    def test_an_idle_service_stops_at_once_with_0(self):
        for number in (2, 15):
            running = QueryService(server.url("callboard"))
            running.start()
            running.terminate(number)
            self.assertEqual(running.end(), 0, running.log())


class Operations(AnswerTest):
    def test_metrics_count_requests_by_route_and_code(self):
        batch, token = rows.batch("metrics", numbered(1)), rows.token("metrics")
        before = self.series()
        service.page(batch, token)
        service.page(UNKNOWN_ID, token)
        service.request("/nowhere")
        after = self.series()
        for labels in ('route="batch_details",code="200"', 'route="batch_details",code="404"', 'route="none",code="404"'):
            name = "callboard_http_requests_total{%s}" % labels
            self.assertEqual(after[name] - before.get(name, 0), 1, name)
        self.assertGreaterEqual(after['callboard_http_request_seconds_count{route="batch_details"}'], 2)
        self.assertGreaterEqual(after["callboard_query_seconds_count"], 2)
        self.assertGreaterEqual(after['callboard_db_connections{state="ready"}'], 4)
        self.assertEqual(after["callboard_requests_waiting"], 0)
        self.assertTrue(any(name.startswith("callboard_build_info{") for name in after), sorted(after))

    @staticmethod
    def series():
        text = service.admin("/metrics")[1]
        return {name: float(value) for name, value in re.findall(r"^(\S+?(?:\{.*?\})?) (\S+)$", text, re.M)}

    def test_the_admin_port_answers(self):
        self.assertEqual(service.admin("/livez")[0], 200)
        self.assertEqual(service.admin("/readyz")[0], 200)

    def test_wrong_options_exit_with_2_and_one_line(self):
        for arguments in (["--no-such-flag"], ["--http-max-limit", "0"], ["--http-workers=many"], ["surplus"]):
            done = subprocess.run([program("callboard-query"), *arguments], capture_output=True, timeout=30)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_help_and_version_exit_with_0(self):
        for argument, hint in (("--help", b"HTTP_LISTEN"), ("--version", b"callboard-query")):
            done = subprocess.run([program("callboard-query"), argument], capture_output=True, timeout=30)
            self.assertEqual((done.returncode, hint in done.stdout), (0, True), done)

    def test_a_port_in_use_is_a_clear_line_and_status_1(self):
        for name, port in (("HTTP_LISTEN", service.admin_port), ("ADMIN_LISTEN", service.admin_port)):
            running = QueryService(server.url("callboard"), **{name: f"127.0.0.1:{port}"})
            done = subprocess.run([program("callboard-query")], env=running.environment, capture_output=True, timeout=30)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(str(port).encode(), done.stderr, name)

    def test_the_largest_limit_is_configuration(self):
        batch, token = rows.batch("limits", numbered(8)), rows.token("limits")
        with QueryService(server.url("callboard"), HTTP_MAX_LIMIT="7") as running:
            self.assertEqual(len(phones(running.page(batch, token))), 7)
            self.assert_error(running.page(batch, token, "limit=8"), 400, "Invalid query parameter", "from 1 to 7")

    def test_tokens_never_reach_the_log(self):
        batch, token = rows.batch("quiet", numbered(1)), rows.token("quiet")
        with QueryService(server.url("callboard"), LOG_LEVEL="debug") as running:
            running.page(batch, token)
            running.page(batch, token, "access_token=" + urllib.parse.quote(token))
            running.end()
            self.assertNotIn(token, running.log())


if __name__ == "__main__":
    unittest.main()
