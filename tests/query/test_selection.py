"""Filters, sorting, searching and cursors, as a black box: each sentence of the contract is a case.

    CALLBOARD_BIN=build python3 -m unittest discover -s tests/query -v
"""
import base64
import http.client
import json
import random
import time
import unittest
import urllib.parse

from query_service import Lock, QueryService, Rows, migrated_server

server = None
rows = None
service = None


def setUpModule():
    global server, rows, service
    # A locale that knows nothing of É: the answers must not depend on it.
    server = migrated_server()
    rows = Rows(server, "callboard")
    service = QueryService(server.url("callboard", "callboard_reader"))
    unittest.addModuleCleanup(service.end)
    service.start()


def encode(**parameters):
    return urllib.parse.urlencode({name: value if isinstance(value, (str, int)) else json.dumps(value, ensure_ascii=False)
                                   for name, value in parameters.items()})


def call(fields=None, **others):
    return {"fields": fields if isinstance(fields, (str, type(None))) else json.dumps(fields, ensure_ascii=False), **others}


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.token = rows.token("o")

    def data(self, batch, **parameters):
        answer = service.page(batch, self.token, encode(**parameters))
        self.assertEqual(answer.status, 200, (parameters, answer.body))
        return json.loads(answer.body)["data"]

    def found(self, batch, **parameters):
        """The numbers (from 0, by arrival) of the calls on the first large page, in its order."""
        data = self.data(batch, **{"limit": 1000, **parameters})
        self.assertEqual(data["total"], len(data["data"]), parameters)
        return [int(item["_id"], 16) - 1 for item in data["data"]]

    def refused(self, hint, **parameters):
        answer = service.page(self.batch, self.token, encode(**parameters))
        self.assertEqual(answer.status, 400, (parameters, answer.body))
        self.assertIn(hint, json.loads(answer.body)["errorMessage"], parameters)


class Filters(Case):
    VALUES = ["1", "1.0", "1.5", '"1"', '"a"', '"A"', "true", "false", "null", None, "[1]", '{"y":1}',
              "9007199254740993", "9007199254740992", '"\\ud83d\\ude00"', '"\\uffff"', "-0", "1e3"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.batch = rows.batch("o", [call(None if value is None else '{"x":%s}' % value) for value in cls.VALUES])

    def test_conditions_on_a_dynamic_field(self):
        everything = range(len(self.VALUES))
        cases = [
            ("1", [0, 1]), ('"1"', [3]), ('"a"', [4]), ("true", [6]), ("false", [7]), ("null", [8, 9]), ("9007199254740993", [12]),
            ("0", [16]), ("1000", [17]), ("1000.0", [17]), ('{"$eq":1}', [0, 1]), ('{"$eq":null}', [8, 9]),
            ('{"$ne":1}', [n for n in everything if n not in (0, 1)]), ('{"$ne":null}', [n for n in everything if n not in (8, 9)]),
            ('{"$gt":1}', [2, 12, 13, 17]), ('{"$gte":1}', [0, 1, 2, 12, 13, 17]), ('{"$lt":1}', [16]), ('{"$lte":1,"$gt":0}', [0, 1]),
            ('{"$gt":9007199254740992}', [12]), ('{"$gt":"A"}', [4, 14, 15]), ('{"$gt":"\\uffff"}', [14]), ('{"$lt":"A"}', [3]),
            ('{"$in":[1,"a",null]}', [0, 1, 4, 8, 9]), ('{"$nin":[1,"a",null]}', [n for n in everything if n not in (0, 1, 4, 8, 9)]),
            ('{"$in":[true]}', [6]), ('{"$exists":true}', [n for n in everything if n != 9]), ('{"$exists":false}', [9]),
            ('{"$regex":"^a$"}', [4]), ('{"$regex":"a","$options":"i"}', [4, 5]), ('{"$options":"i","$regex":"^A"}', [4, 5]),
            ('{"$regex":""}', [3, 4, 5, 14, 15]), ('{"$not":{"$gt":1}}', [n for n in everything if n not in (2, 12, 13, 17)]),
            ('{"$not":{"$not":{"$eq":"a"}}}', [4]), ('{"$not":{"$gte":1,"$lte":1}}', [n for n in everything if n not in (0, 1)]),
        ]
        for condition, wanted in cases:
            with self.subTest(condition):
                self.assertEqual(self.found(self.batch, filter='{"x":%s}' % condition), list(wanted))

    def test_combinations(self):
        everything = list(range(len(self.VALUES)))
        cases = [
            ("{}", everything), ('{"x":1,"y":null}', [0, 1]), ('{"$and":[{"x":{"$gt":0}},{"x":{"$lt":2}}]}', [0, 1, 2]),
            ('{"$or":[{"x":"a"},{"x":"A"}]}', [4, 5]), ('{"$nor":[{"x":{"$exists":true}}]}', [9]),
            ('{"$or":[{"x":"a"}],"x":"A"}', []), ('{"$and":[{}]}', everything), ('{"$nor":[{}]}', []),
            ('{"x":{"$gt":0},"x":{"$lt":2}}', [0, 1, 2]), ('{"x.y":1}', [11]), ('{"phoneLogs":null}', everything),
            ('{"phoneLogs":{"$exists":true}}', []), ('{"phoneLogs.x":{"$ne":1}}', everything), ('{"phoneLogs.x":1}', []),
        ]
        for text, wanted in cases:
            with self.subTest(text):
                self.assertEqual(self.found(self.batch, filter=text), wanted)

    def test_names(self):
        batch = rows.batch("o", [
            call('{"a.b":1,"a":{"b":2}}'), call('{"a":{"b":1}}'), call('{"a":[{"b":1}]}'), call('{"a.b":null,"a":{"b":1}}'),
            call('{"a":{"b.c":1}}'), call('{"it\'s \\"q\\" -- $1":1}'), call('{"callStatus":"x","phoneLogs.y":1,"a":["z"]}'), call('{"":1}')])
        cases = [("a.b", "1", [0, 1]), ("a.b", "2", []), ("a.b", "null", [2, 3, 4, 5, 6, 7]), ("a.0", '"z"', []), ("a.b.c", "1", []),
                 ("it's \"q\" -- $1", "1", [5]), ("callStatus", '"x"', []), ("phoneLogs.y", "1", []), ("", "1", [7])]
        for name, value, wanted in cases:
            with self.subTest(name):
                self.assertEqual(self.found(batch, filter='{%s:%s}' % (json.dumps(name), value)), wanted)

    def test_the_calls_own_fields(self):
        batch = rows.batch("o", [
            {"phone": "123", "created": "2025-05-15T14:00:00Z", "call_id": "%024x" % 1}, {"phone": "Abc", "call_id": "%024x" % 2},
            {"created": "2025-05-15T15:00:00.5Z", "call_id": "%024x" % 3}])
        cases = [
            ({"phoneNumber": "123"}, [0]), ({"phoneNumber": 123}, []), ({"phoneNumber": None}, [2]), ({"phoneNumber": {"$ne": 123}}, [0, 1, 2]),
            ({"phoneNumber": {"$gt": "123"}}, [1]), ({"phoneNumber": {"$regex": "b"}}, [1]), ({"phoneNumber": {"$gt": 1}}, []),
            ({"_id": "%024x" % 2}, [1]), ({"_id": {"$gte": "%024x" % 2}}, [1, 2]), ({"_id": {"$exists": True}}, [0, 1, 2]),
            ({"createdAt": "2025-05-15T16:00:00+02:00"}, [0]), ({"createdAt": None}, [1]), ({"createdAt": {"$gt": "2025-05-15T14:00:00Z"}}, [2]),
            ({"createdAt": {"$in": [None, "2025-05-15T15:00:00.5Z"]}}, [1, 2]), ({"createdAt": {"$not": {"$lt": "2025-05-15T15:00:00Z"}}}, [1, 2]),
            ({"createdAt": {"$exists": False}}, [1]), ({"createdAt": "2025-05-15T15:00:00.500999Z"}, [2]),
            ({"phoneLogs.createdAt": None}, [0, 1, 2]),
        ]
        for wanted_filter, wanted in cases:
            with self.subTest(wanted_filter):
                self.assertEqual(self.found(batch, filter=wanted_filter), wanted)

    def test_attempt_conditions_of_one_level_hold_on_one_attempt(self):
        batch = rows.batch("o", [
            {"attempts": [{"status": "completed", "ms": 59999}, {"status": "busy", "ms": 90000}]},
            {"attempts": [{"status": "busy"}, {"status": "completed", "ms": 60000}]},
            {}, {"attempts": [{}]}, {"attempts": [{"status": "no-answer", "created": "2025-05-15T14:00:00Z", "url": "U", "transcript": "T"}]}])
        cases = [
            ({"callStatus": "completed", "callDuration": {"$gte": 60}}, [1]),
            ({"$and": [{"callStatus": "completed"}, {"callDuration": {"$gte": 60}}]}, [0, 1]),
            ({"phoneLogs.callStatus": "completed", "callDuration": {"$gte": 60}}, [1]),
            ({"$nor": [{"callStatus": "completed"}]}, [2, 3, 4]), ({"callStatus": {"$ne": "completed"}}, [0, 1, 2, 3, 4]),
            ({"callStatus": None}, [2, 3]), ({"callStatus": {"$exists": False}}, [2, 3]), ({"callDuration": 59.999}, [0]),
            ({"callDuration": {"$in": [60, "60"]}}, [1]), ({"callDuration": "60"}, []), ({"callStatus": " Un_Answered"}, []),
            ({"callStatus": "UNANSWERED "}, [4]), ({"callStatus": {"$nin": ["BUSY", "completed"]}}, [2, 3, 4]),
            ({"phoneLogs.createdAt": {"$gte": "2025-01-01T00:00:00Z"}}, [4]), ({"recordingUrl": "U", "transcript": {"$regex": "^T"}}, [4]),
            ({"callStatus": {"$not": {"$eq": "completed"}}, "callDuration": 90}, [0]), ({"callDuration": {"$regex": "6"}}, []),
        ]
        for wanted_filter, wanted in cases:
            with self.subTest(wanted_filter):
                self.assertEqual(self.found(batch, filter=wanted_filter), wanted)

    def test_a_search_beside_conditions_on_attempts(self):
        busy, done = {"status": "busy", "ms": 1000}, {"status": "completed", "ms": 2000}
        batch = rows.batch("o", [{"phone": phone, "fields": json.dumps({"name": name}), "attempts": attempts} for phone, name, attempts in (
            ("1", "Ann", [busy, busy]), ("2", "ann", [done]), ("3", "Bob", [busy]), ("7ann", "x", [done, busy]), ("5", "Ann", []), ("6", "Joann", [{}]))])
        for search, wanted_filter, wanted in [
            ("ann", {"callStatus": "busy"}, [0, 3]), ("^ann", {"callStatus": "busy"}, [0]), ("ann", {"callStatus": {"$ne": "busy"}}, [1, 3, 4, 5]),
            ("ann", {"callStatus": "busy", "name": {"$ne": "x"}}, [0]), ("ann", {"callStatus": None}, [4, 5]), ("^j", {"callStatus": "busy"}, []),
            ("ann", {"$or": [{"callStatus": "busy"}, {"name": "Joann"}]}, [0, 3, 5]), ("ann", {"callStatus": {"$in": ["busy", "completed"]}}, [0, 1, 3]),
        ]:
            with self.subTest(search=search, filter=wanted_filter):
                self.assertEqual(self.found(batch, filter=wanted_filter, search=search), wanted)

    def test_durations_are_compared_exactly_with_bounds_between_milliseconds(self):
        batch = rows.batch("o", [{"attempts": [{"ms": ms}]} for ms in (0, 59999, 60000, 60001)] + [{}])
        cases = [
            ("$gt", "59.9985", [1, 2, 3]), ("$gt", "59.999", [2, 3]), ("$gt", "59.9995", [2, 3]), ("$gte", "59.9985", [1, 2, 3]), ("$gte", "59.999", [1, 2, 3]),
            ("$gte", "59.9995", [2, 3]), ("$lt", "59.9985", [0]), ("$lt", "59.999", [0]), ("$lt", "59.9995", [0, 1]), ("$lte", "59.9985", [0]),
            ("$lte", "59.999", [0, 1]), ("$lte", "59.9995", [0, 1]), ("$gt", "-0.0001", [0, 1, 2, 3]), ("$lt", "-0.0001", []), ("$lt", "-0", []), ("$gte", "-0", [0, 1, 2, 3]),
            ("$gt", "1e9000", []), ("$lt", "1e9000", [0, 1, 2, 3]), ("$gt", "-1e9000", [0, 1, 2, 3]), ("$lte", "-1e9000", []), ("$gt", "1e-9000", [1, 2, 3]),
        ]
        for operator, bound, wanted in cases:
            with self.subTest(operator=operator, bound=bound):
                self.assertEqual(self.found(batch, filter='{"callDuration":{"%s":%s}}' % (operator, bound)), wanted)

    def test_refusals_name_what_is_wrong(self):
        nested = "{}"
        for _ in range(8):
            nested = '{"$and":[%s]}' % nested
        cases = [
            ("[]", "JSON object"), ("{", "byte"), ('{"a":1} x', "byte"), ('{"a":[1]}', '"a"'), ('{"a":{}}', '"a"'), ('{"a":{"b":1}}', '"b"'),
            ('{"$where":1}', "$where"), ('{"$and":[]}', "$and"), ('{"$or":{}}', "$or"), ('{"$nor":[1]}', "$nor"), ('{"a":{"$gt":null}}', "$gt"),
            ('{"a":{"$lt":true}}', "$lt"), ('{"a":{"$eq":[]}}', "$eq"), ('{"a":{"$in":1}}', "$in"), ('{"a":{"$in":[]}}', "$in"),
            ('{"a":{"$nin":[[1]]}}', "$nin"), ('{"a":{"$in":[%s]}}' % ",".join("1" * 101), "$in"), ('{"a":{"$exists":1}}', "$exists"),
            ('{"a":{"$regex":1}}', "$regex"), ('{"a":{"$regex":"a","$options":"x"}}', "$options"), ('{"a":{"$options":"i"}}', "$options"),
            ('{"a":{"$not":1}}', "$not"), ('{"a":{"$not":{}}}', '"a"'), ('{"createdAt":1}', "createdAt"), ('{"createdAt":"yesterday"}', "createdAt"),
            ('{"createdAt":{"$regex":"2"}}', "$regex"), ('{"phoneLogs.createdAt":{"$gt":1}}', "phoneLogs.createdAt"), (nested, "deeper"),
            ('{"a":{"$regex":"(a)\\\\1"}}', "back-reference"), ('{"a":{"$regex":"("}}', "regular expression"),
            ('{"callDuration":{"$regex":"("}}', "regular expression"), ('{"a":1e10000}', "out of range"),
            ("{%s}" % ",".join('"f%d":1' % n for n in range(33)), "32"), ('{"a":"%s"}' % ("x" * 8190), "8192")]
        for text, hint in cases:
            with self.subTest(text[:80]):
                self.refused(hint, filter=text)
        nested = nested[len('{"$and":['):-2]
        self.assertEqual(service.page(self.batch, self.token, encode(filter=nested)).status, 200)
        full = "{%s}" % ",".join('"f%d":{"$in":[%s]}' % (n, ",".join(["null"] * 40)) for n in range(32))
        self.assertEqual(service.page(self.batch, self.token, encode(filter=full)).status, 200)


class Sorting(Case):
    def expect(self, batch, wanted, **parameters):
        self.assertEqual(self.found(batch, **parameters), wanted, parameters)
        self.assertEqual(self.found(batch, sortOrder="desc", **parameters), wanted[::-1], parameters)

    def test_the_total_order_of_values(self):
        values = [None, "null", "-1", "1", "1.0", "9007199254740992", "9007199254740993", "1e20", '""', '"A"', '"a"', '"\\u00c9"', '"\\uffff"',
                  '"\\ud83d\\ude00"', "false", "true", '{"a":1}', "{}", "[2]", "[]"]
        order = list(range(len(values)))
        random.Random(1).shuffle(order)
        batch = rows.batch("o", [call(None if values[n] is None else '{"v":%s}' % values[n]) for n in order])
        groups = [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 14, 15, 15]
        wanted = sorted(range(len(values)), key=lambda place: (groups[order[place]], place))
        self.expect(batch, wanted, sortBy="v")

    def test_fields_of_calls_and_of_the_latest_attempt(self):
        batch = rows.batch("o", [
            {"phone": "b", "created": "2025-05-15T14:00:00Z", "attempts": [{"status": "z", "ms": 1}, {"status": "b", "ms": 10000, "url": "u"}]},
            {"phone": "B"}, {"phone": "a", "created": "2024-05-15T14:00:00Z", "attempts": [{"status": "a", "ms": 9000, "created": "2025-01-01T00:00:00Z"}]},
            {"attempts": [{"status": "c", "transcript": "t"}, {}]}], in_order=False)
        for name, wanted in [("phoneNumber", [3, 1, 2, 0]), ("createdAt", [1, 3, 2, 0]), ("_id", [0, 1, 2, 3]), ("callStatus", [1, 3, 2, 0]),
                             ("phoneLogs.callDuration", [1, 3, 2, 0]), ("phoneLogs.createdAt", [0, 1, 3, 2]), ("recordingUrl", [1, 2, 3, 0]),
                             ("transcript", [0, 1, 2, 3]), ("nothing", [0, 1, 2, 3]), ("phoneLogs", [0, 1, 2, 3]), ("phoneLogs.x", [0, 1, 2, 3])]:
            with self.subTest(name):
                self.expect(batch, wanted, sortBy=name)

    def test_paths(self):
        batch = rows.batch("o", [call('{"a":{"b":3}}'), call('{"a.b":1,"a":{"b":9}}'), call('{"a":[2]}'), call('{"a":{"b":2}}')])
        self.expect(batch, [2, 1, 3, 0], sortBy="a.b")

    def test_pages_of_a_filtered_sorted_search(self):
        batch = rows.batch("o", [call({"n": n % 7, "name": "Anna" if n % 2 else "Otto"}) for n in range(50)])
        wanted = sorted((n for n in range(50) if n % 2 and n % 7 > 2), key=lambda n: (n % 7, n))
        query = {"filter": {"n": {"$gt": 2}}, "search": "ANN", "sortBy": "n"}
        self.assertEqual(self.found(batch, **query), wanted)
        for page in range(1, 6):
            data = self.data(batch, page=page, limit=4, **query)
            self.assertEqual([int(item["_id"], 16) - 1 for item in data["data"]], wanted[4 * page - 4:4 * page])
            self.assertEqual((data["total"], data["totalPages"]), (len(wanted), -(-len(wanted) // 4)))


class Searching(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.batch = rows.batch("o", [
            call({"name": "Émilie", "n": 42}, phone="+49123"), call({"a": "foo", "b": "bar"}), call({"o": {"deep": "foo"}, "l": ["foo"]}),
            call({"é": "x"}, phone="é"), call({"name": "42%_\\d"}), call({"k": "K"}), {}])

    def test_what_is_found(self):
        for pattern, wanted in [("émilie", [0]), ("ÉMILIE", [0]), ("^foo$", [1]), ("foobar", []), ("foo.*bar", []), ("FOO", [1]), ("42", [4]),
                                ("49123", [0]), (r"^\+49", [0]), ("%_", [4]), ("é", [0, 3]), ("^(foo|42)", [1, 4]), ("[[:digit:]]+", [0, 4]),
                                ("k", [5]), ("^$", []), (r"[\\]d", [4])]:
            with self.subTest(pattern):
                self.assertEqual(self.found(self.batch, search=pattern), wanted)

    def test_what_is_refused(self):
        for pattern in ("(", "[", "a**", "a{2,1}", r"(a)\1", "x" * 257, "***=a", "(?i)a", "***:a"):
            with self.subTest(pattern):
                self.refused("", search=pattern)
        self.refused("regular expression", search="(")
        empty = rows.batch("o", [])
        answer = service.page(empty, self.token, encode(search="("))
        self.assertEqual(answer.status, 400, "whatever the batch holds")

    def test_refused_patterns_disturb_nobody_who_asks_at_the_same_time(self):
        targets = [f"/api/call/batch-details/{self.batch}?" + encode(search="(" if n % 3 else f"foo|{n}") for n in range(60)]
        socks = [service.start_request(target, self.token) for target in targets]
        statuses = [service.read_answer(sock).status for sock in socks]
        self.assertEqual(statuses, [400 if n % 3 else 200 for n in range(60)])

    def test_a_foreign_batch_is_not_found(self):
        answer = service.page(self.batch, rows.token("stranger"), encode(search="foo"))
        self.assertEqual(answer.status, 404)
        self.assertEqual(service.page(self.batch, self.token[:-1] + "!", encode(search="foo")).status, 401)


class Cursors(Case):
    ORDERS = [{}, {"sortBy": "v"}, {"sortBy": "createdAt"}, {"filter": {"keep": 1}}, {"search": "yes", "sortBy": "phoneLogs.callDuration"},
              {"sortBy": "phoneNumber", "filter": {"keep": 1}}, {"sortBy": "callStatus"}, {"sortBy": "phoneLogs.createdAt"}, {"sortBy": "long"}]

    def make(self, count=40):
        rng = random.Random(count)
        values = ["1", "1.0", "2", '"a"', '"b"', "null", "true", "[1]", "{}", '"%s"' % ("é" * 700)]
        return rows.batch("o", [
            call('{"v":%s,"keep":%d,"yes":"yes","long":"%s"}' % (rng.choice(values), rng.randrange(2), "x" * 1500 + rng.choice("abc")),
                 phone=rng.choice(["a", "b", None]), created=rng.choice([None, "2025-05-15T14:00:00Z", "2025-05-16T14:00:00.123Z"]),
                 attempts=[{"status": rng.choice(["s", "t"]), "ms": rng.choice([1, 2, None]), "created": rng.choice([None, "2025-05-15T14:00:00.001Z"])}
                           for _ in range(rng.randrange(3))]) for _ in range(count)], in_order=False)

    def walk(self, batch, first, between=lambda step: None, direction="nextCursor", **query):
        """Pages from `first` on, as lists of ids; `between` runs before each further request."""
        pages, data = [], first
        while True:
            pages.append([item["_id"] for item in data["data"]])
            if data[direction] is None:
                return pages, data
            between(len(pages))
            page = data["page"]
            data = self.data(batch, cursor=data[direction], **query)
            self.assertEqual(data["page"], page + 1 if direction == "nextCursor" else max(page - 1, 1))

    def test_walking_there_and_back_is_what_pages_show(self):
        batch = self.make()
        for order in self.ORDERS:
            for direction in ("asc", "desc"):
                with self.subTest(order=order, direction=direction):
                    query = {"limit": 7, "sortOrder": direction, **order}
                    first = self.data(batch, **query)
                    there, last = self.walk(batch, first, **query)
                    by_page = [[item["_id"] for item in self.data(batch, page=n, **query)["data"]] for n in range(1, first["totalPages"] + 1)]
                    self.assertEqual(there, by_page)
                    self.assertIsNone(first["prevCursor"])
                    back, _ = self.walk(batch, last, direction="prevCursor", **query)
                    seen = [item for page in reversed(back) for item in page]
                    self.assertEqual(seen, [item for page in there for item in page])

    def test_calls_added_and_changed_meanwhile_shift_nothing(self):
        for order in self.ORDERS:
            for direction in ("nextCursor", "prevCursor"):
                for way in ("asc", "desc"):
                    with self.subTest(order=order, direction=direction, way=way):
                        batch = self.make(30)
                        query = {"limit": 4, "sortOrder": way, **order}
                        steady = [item["_id"] for item in self.data(batch, **{**query, "limit": 1000})["data"]]
                        changed = set(steady[1::5])  # among them the calls at boundaries: each page's first is a multiple of 4
                        first = self.data(batch, **query)
                        if direction == "prevCursor":
                            first = self.data(batch, page=first["totalPages"], **query)
                        pages, _ = self.walk(batch, first, lambda step: self.disturb(batch, step, changed, order), direction, **query)
                        seen = [item for page in (pages if direction == "nextCursor" else pages[::-1]) for item in page]
                        kept = [item for item in seen if item in steady and item not in changed]
                        self.assertEqual(kept, [item for item in steady if item not in changed])

    def disturb(self, batch, step, changed, order):
        number = 1000 + step
        lines = [f"UPDATE callboard.batch SET calls = calls + 1, version = version + 1 WHERE batch_id = '\\x{batch}';"]
        position = int(server.sql(f"SELECT calls + 1 FROM callboard.batch WHERE batch_id = '\\x{batch}'", "callboard")[0][0])
        lines += rows._call(batch, position, call('{"v":%s,"keep":1,"yes":"yes"}' % random.choice(["0", "5", '"aa"']), call_id="%024x" % number,
                                                  phone=random.choice("aab"), attempts=[{"ms": 1, "status": "s"}]))
        if order.get("sortBy") != "long":  # a long key is carried as a digest: a change at the boundary is refused, see below
            lines += [f"UPDATE callboard.call SET fields = '{{\"v\":{random.choice([0, 9])},\"keep\":1,\"yes\":\"yes\"}}', phone_number = 'c'"
                      f" WHERE batch_id = '\\x{batch}' AND call_id = '\\x{item}';" for item in random.sample(sorted(changed), 1)]
        rows.sql("BEGIN;" + "\n".join(lines) + "COMMIT;")

    def test_a_long_sort_key_that_changed_is_refused(self):
        batch = rows.batch("o", [call({"t": "x" * 5000 + str(n)}) for n in range(6)])
        data = self.data(batch, limit=2, sortBy="t")
        self.assertLess(len(data["nextCursor"]), 200)
        self.assertEqual([item["t"][-1] for item in self.data(batch, limit=2, sortBy="t", cursor=data["nextCursor"])["data"]], ["2", "3"])
        rows.change(batch, f"UPDATE callboard.call SET fields = '{{}}' WHERE batch_id = '\\x{batch}' AND position = 2")
        answer = service.page(batch, self.token, encode(limit=2, sortBy="t", cursor=data["nextCursor"]))
        self.assertEqual(answer.status, 400)
        self.assertIn("begin anew", json.loads(answer.body)["errorMessage"])

    def test_a_cursor_is_bound_to_its_query_and_cannot_be_altered(self):
        self.batch = self.make(20)
        query = {"limit": 3, "sortBy": "v", "sortOrder": "desc", "search": "y", "filter": '{"keep":{"$gte":0}}'}
        cursor = self.data(self.batch, **query)["nextCursor"]
        self.data(self.batch, **query, cursor=cursor)
        for name, other in [("limit", 4), ("sortBy", "w"), ("sortOrder", "asc"), ("search", "ye"), ("filter", '{"keep":{"$gte":-1}}')]:
            self.refused("cursor", cursor=cursor, **{**query, name: other})
            self.refused("cursor", cursor=cursor, **{key: value for key, value in query.items() if key != name})
        self.refused("cursor", cursor=cursor, page=1, **query)
        for altered in (cursor[:-1], cursor + "A", cursor[:5] + ("A" if cursor[5] != "A" else "B") + cursor[6:], "x", cursor + "="):
            self.refused("cursor", cursor=altered, **query)
        answer = service.page(self.make(20), self.token, encode(cursor=cursor, **query))
        self.assertEqual(answer.status, 400, "another batch")

    def test_a_cursor_with_any_bit_flipped_is_refused(self):
        batch = self.make(20)
        conn = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self.addCleanup(conn.close)
        for query in ({"limit": 3}, {"limit": 3, "sortBy": "v", "sortOrder": "desc"}):
            cursor = self.data(batch, **query)["nextCursor"]
            raw = int.from_bytes(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), "big")
            length = len(cursor) * 6 // 8
            for bit in range(8 * length):
                flipped = base64.urlsafe_b64encode((raw ^ 1 << bit).to_bytes(length, "big")).decode().rstrip("=")
                target = f"/api/call/batch-details/{batch}?" + encode(cursor=flipped, **query)
                self.assertEqual(service.request(target, self.token, conn=conn).status, 400, (query, bit))

    def test_another_process_takes_it(self):
        batch = self.make(20)
        cursor = self.data(batch, limit=3)["nextCursor"]
        with QueryService(server.url("callboard", "callboard_reader")) as other:
            answer = other.page(batch, self.token, encode(cursor=cursor, limit=3))
        self.assertEqual(answer.status, 200)
        self.assertEqual(json.loads(answer.body)["data"], self.data(batch, cursor=cursor, limit=3))


class Expensive(Case):
    def test_a_query_past_its_time_is_503_and_others_do_not_notice(self):
        batch = rows.batch("o", [call({"a": "a" * 3000 + "b" * (n % 3)}) for n in range(300)])
        with QueryService(server.url("callboard", "callboard_reader"), QUERY_TIMEOUT_MS="300", HTTP_WORKERS="1") as running:
            evil = f"/api/call/batch-details/{batch}?" + encode(search="^(a*)*(a*)*(a*)*[bc]?d$")
            sock = running.start_request(evil, self.token)
            self.assertEqual(running.page(batch, self.token).status, 200)
            answer = running.read_answer(sock)
            self.assertIn(answer.status, (200, 503))

    def test_a_statement_whose_client_left_is_ended(self):
        batch = rows.batch("o", [call({"a": n}) for n in range(3)])
        with QueryService(server.url("callboard", "callboard_reader"), QUERY_TIMEOUT_MS="60000", HTTP_WORKERS="1") as running:
            with Lock(server, "callboard") as lock:
                sock = running.start_request(f"/api/call/batch-details/{batch}?sortBy=a", self.token)
                lock.wait_for_waiters(1)
                sock.close()
                deadline = time.monotonic() + 30
                while server.sql("SELECT 1 FROM pg_locks WHERE NOT granted", "callboard"):
                    self.assertLess(time.monotonic(), deadline, "the statement still waits")
                    time.sleep(0.02)
            self.assertEqual(running.page(batch, self.token, "sortBy=a").status, 200)


if __name__ == "__main__":
    unittest.main()
