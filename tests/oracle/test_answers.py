"""The oracle against the contract's sentences, one by one, with results written down by hand. Needs no server."""
import json
import pathlib
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]

from answers import Oracle, Unsupported, compile_pattern  # noqa: E402
from model import Model, parse_json  # noqa: E402

BATCH = "67def9053495307c718d9dfb"


def call_id(number):
    return f"{number:024x}"


def make_oracle(*calls):
    """calls: (fields as JSON text, *attempts as JSON texts, call members as keywords in a last dict); arrival as listed."""
    model = Model()
    events = [("batch", '"ownerId":"o","batchName":"B","batchStatus":"active"')]
    for number, (fields, *attempts) in enumerate(calls, 1):
        members = attempts.pop() if attempts and isinstance(attempts[-1], dict) else {}
        others = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in members.items())
        events.append(("call", f'"callId":"{call_id(number)}","fields":{fields}{others}'))
        events += [("phone-log", f'"callId":"{call_id(number)}","attempt":{at},{text}') for at, text in enumerate(attempts, 1)]
    for number, (kind, members) in enumerate(events):
        model.apply(parse_json(f'{{"id":"{number}","source":"s","type":"dialer.{kind}.upserted","time":"2025-01-01T00:00:00Z","data":{{"batchId":"{BATCH}",{members}}}}}'))
    return Oracle(model, {BATCH: [call_id(number) for number in range(1, len(calls) + 1)]})


def query(**parameters):
    return urllib.parse.urlencode(parameters)


class Case(unittest.TestCase):
    def found(self, oracle, **parameters):
        """The numbers of the calls that the page holds."""
        answer = oracle.answer(BATCH, query(limit="1000", **parameters))
        self.assertEqual(answer.status, 200, f"{parameters}: {answer.reason}")
        return [int(one["_id"], 16) for one in json.loads(answer.head + b"}}")["data"]["data"]]

    def check_filters(self, oracle, cases):
        for text, expected in cases:
            with self.subTest(filter=text):
                self.assertEqual(self.found(oracle, filter=text), expected)

    def check_refused(self, cases, name="filter"):
        oracle = make_oracle(('{"v":1}',))
        for text in cases:
            with self.subTest(**{name: text}):
                self.assertEqual(oracle.answer(BATCH, query(**{name: text})).status, 400)


class Sorting(Case):
    MIXED = make_oracle(*((f'{{"v":{text}}}',) for text in ("[1]", '"b"', "true", "2", "null", "{}", "false", '"B"', "-1", "[]", "1e1",
                                                            '{"z":1}')), ("{}",), ('{"v":2.0}',))

    def test_no_sort_by_is_arrival_order_and_desc_its_exact_reverse(self):
        oracle = make_oracle(("{}",), ("{}",), ("{}",))
        self.assertEqual(self.found(oracle), [1, 2, 3])
        self.assertEqual(self.found(oracle, sortOrder="asc"), [1, 2, 3])
        self.assertEqual(self.found(oracle, sortOrder="desc"), [3, 2, 1])

    def test_missing_and_null_then_numbers_strings_false_true_objects_arrays_ties_by_arrival(self):
        expected = [5, 13, 9, 4, 14, 11, 8, 2, 7, 3, 6, 12, 1, 10]
        self.assertEqual(self.found(self.MIXED, sortBy="v"), expected)
        self.assertEqual(self.found(self.MIXED, sortBy="v", sortOrder="desc"), expected[::-1])

    def test_numbers_by_exact_value(self):
        texts = ["9007199254740993", "9007199254740992", "0.1", "0.10", "1e2", "100", "99.99999999999999999999", "-0", "0", "1e400",
                 "-1e-400"]
        oracle = make_oracle(*((f'{{"v":{text}}}',) for text in texts))
        self.assertEqual(self.found(oracle, sortBy="v"), [11, 8, 9, 3, 4, 7, 5, 6, 2, 1, 10])

    def test_strings_by_code_point(self):
        oracle = make_oracle(*((json.dumps({"v": text}),) for text in ("é", "😀", "\uff5e", "b", "B", "", "ab", "a")))
        self.assertEqual(self.found(oracle, sortBy="v"), [6, 5, 8, 7, 4, 1, 3, 2])

    def test_a_name_is_looked_up_as_it_stands_first_then_as_a_path_through_objects_not_arrays(self):
        oracle = make_oracle(('{"a.b":3,"a":{"b":1}}',), ('{"a":{"b":2}}',), ('{"a":[{"b":1}]}',), ('{"a":{"b":1}}',),
                             ('{"a.b":null,"a":{"b":9}}',))
        self.assertEqual(self.found(oracle, sortBy="a.b"), [3, 5, 4, 2, 1])

    def test_attempt_fields_are_the_latest_attempts(self):
        oracle = make_oracle(("{}", '"callStatus":"busy","callDuration":9', '"callStatus":"completed","callDuration":1'),
                             ("{}", '"callStatus":"failed","callDuration":5'), ("{}",),
                             ("{}", '"callStatus":"busy"', '"callDuration":3'))
        for name in ("callStatus", "phoneLogs.callStatus"):
            self.assertEqual(self.found(oracle, sortBy=name), [3, 4, 1, 2], name)
        for name in ("callDuration", "phoneLogs.callDuration"):
            self.assertEqual(self.found(oracle, sortBy=name), [3, 1, 4, 2], name)

    def test_created_at_is_the_calls_and_behind_phone_logs_the_attempts(self):
        oracle = make_oracle(("{}", '"createdAt":"2025-01-01T00:00:00Z"', {"createdAt": "2025-01-02T00:00:00Z"}),
                             ("{}", '"createdAt":"2025-01-03T00:00:00Z"', {"createdAt": "2025-01-01T00:00:00Z"}),
                             ("{}", {"createdAt": "2025-01-02T01:00:00+02:00"}))
        self.assertEqual(self.found(oracle, sortBy="createdAt"), [2, 3, 1])
        self.assertEqual(self.found(oracle, sortBy="phoneLogs.createdAt"), [3, 1, 2])

    def test_id_and_phone_number(self):
        oracle = make_oracle(("{}", {"phoneNumber": "2"}), ("{}", {"phoneNumber": "10"}), ("{}",))
        self.assertEqual(self.found(oracle, sortBy="phoneNumber"), [3, 2, 1])
        self.assertEqual(self.found(oracle, sortBy="_id", sortOrder="desc"), [3, 2, 1])

    def test_a_dynamic_field_with_an_attempts_name_is_not_reached(self):
        oracle = make_oracle(('{"callStatus":"z"}', '"callStatus":"a"'), ('{"callStatus":"a"}', '"callStatus":"b"'))
        self.assertEqual(self.found(oracle, sortBy="callStatus"), [1, 2])

    def test_phone_logs_and_other_names_behind_it_are_fields_that_every_call_lacks(self):
        oracle = make_oracle(('{"phoneLogs.x":2}',), ('{"phoneLogs.x":1}',))
        for name in ("phoneLogs", "phoneLogs.x", "phoneLogs.", "unknown"):
            self.assertEqual(self.found(oracle, sortBy=name), [1, 2], name)


class Fields(Case):
    CALLS = make_oracle(('{"v":1,"w":"x"}',), ('{"v":"1"}',), ('{"v":null}',), ("{}",), ('{"v":true}',), ('{"v":1.0}',), ('{"v":[1]}',),
                        ('{"v":{"a":1}}',), ('{"v":"One"}',), ('{"v":false}',))

    def test_equality(self):
        self.check_filters(self.CALLS, [
            ("{}", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), ('{"v":1}', [1, 6]), ('{"v":1e0}', [1, 6]), ('{"v":"1"}', [2]), ('{"v":"one"}', []),
            ('{"v":"One"}', [9]), ('{"v":true}', [5]), ('{"v":false}', [10]),
            ('{"v":null}', [3, 4]), ('{"v":{"$eq":1}}', [1, 6]), ('{"v":{"$eq":null}}', [3, 4]), ('{"v.a":1}', [8]),
            ('{"v":1,"w":"x"}', [1]), ('{"v":1,"w":"y"}', [])])

    def test_negations_match_where_the_field_is_missing(self):
        self.check_filters(self.CALLS, [
            ('{"v":{"$ne":1}}', [2, 3, 4, 5, 7, 8, 9, 10]), ('{"v":{"$ne":null}}', [1, 2, 5, 6, 7, 8, 9, 10]),
            ('{"v":{"$nin":[1,"1",true]}}', [3, 4, 7, 8, 9, 10]), ('{"v":{"$nin":[null]}}', [1, 2, 5, 6, 7, 8, 9, 10]),
            ('{"v":{"$not":{"$gt":0}}}', [2, 3, 4, 5, 7, 8, 9, 10]), ('{"v":{"$not":{"$gt":0,"$lt":1}}}', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ('{"v":{"$not":{"$not":{"$eq":1}}}}', [1, 6])])

    def test_comparisons_hold_only_within_one_type(self):
        self.check_filters(self.CALLS, [
            ('{"v":{"$gt":0}}', [1, 6]), ('{"v":{"$gte":1}}', [1, 6]), ('{"v":{"$lt":2}}', [1, 6]),
            ('{"v":{"$lte":0.999999999999999999}}', []), ('{"v":{"$gt":""}}', [2, 9]), ('{"v":{"$gte":"One"}}', [9]),
            ('{"v":{"$lt":"One"}}', [2]), ('{"v":{"$gte":"1","$lte":"1"}}', [2])])

    def test_numbers_are_exact(self):
        oracle = make_oracle(('{"v":9007199254740993}',), ('{"v":9007199254740992}',), ('{"v":1e400}',), ('{"v":-0}',), ('{"v":0.10}',))
        self.check_filters(oracle, [('{"v":9007199254740993}', [1]), ('{"v":{"$gt":9007199254740992}}', [1, 3]), ('{"v":10e399}', [3]),
                                    ('{"v":0}', [4]), ('{"v":0.1}', [5]), ('{"v":0.1000000000000000055}', [])])

    def test_strings_are_exact(self):
        oracle = make_oracle(*((json.dumps({"v": text}),) for text in ("a", "A", "😀", "\uff5e", "a ")))
        self.check_filters(oracle, [('{"v":"a"}', [1]), ('{"v":"\\ud83d\\ude00"}', [3]), ('{"v":{"$gt":"\\uff5e"}}', [3]),
                                    ('{"v":{"$lt":"a"}}', [2])])

    def test_in_takes_scalars_and_null(self):
        self.check_filters(self.CALLS, [('{"v":{"$in":[1]}}', [1, 6]), ('{"v":{"$in":["1",true,null]}}', [2, 3, 4, 5]),
                                        ('{"v":{"$in":[2]}}', []), (json.dumps({"v": {"$in": [1] * 100}}), [1, 6])])

    def test_exists_holds_for_a_dynamic_field_that_is_there_be_it_null_and_for_others_that_are_not_null(self):
        self.check_filters(self.CALLS, [('{"v":{"$exists":true}}', [1, 2, 3, 5, 6, 7, 8, 9, 10]), ('{"v":{"$exists":false}}', [4])])
        oracle = make_oracle(('{"o":{"x":null}}', {"phoneNumber": "1"}), ('{"o":{}}', '"callStatus":"busy"'), ("{}", '"callDuration":1'))
        self.check_filters(oracle, [('{"o.x":{"$exists":true}}', [1]), ('{"phoneNumber":{"$exists":true}}', [1]),
                                    ('{"createdAt":{"$exists":true}}', []), ('{"_id":{"$exists":true}}', [1, 2, 3]),
                                    ('{"callStatus":{"$exists":true}}', [2]), ('{"callStatus":{"$exists":false}}', [1, 3]),
                                    ('{"phoneLogs":{"$exists":true}}', []), ('{"phoneLogs":null}', [1, 2, 3])])

    def test_regex_is_tried_on_strings_case_sensitive_without_i(self):
        self.check_filters(self.CALLS, [('{"v":{"$regex":"one"}}', []), ('{"v":{"$regex":"one","$options":"i"}}', [9]),
                                        ('{"v":{"$options":"i","$regex":"ONE"}}', [9]), ('{"v":{"$regex":"^1$"}}', [2]),
                                        ('{"v":{"$regex":"."}}', [2, 9]), ('{"v":{"$not":{"$regex":"."}}}', [1, 3, 4, 5, 6, 7, 8, 10])])

    def test_names(self):
        oracle = make_oracle(('{"Acct. No":1}',), ('{"":1}',), ("{\"x'); DROP TABLE call; --\":1}",), ('{"a\\"b":1}',),
                             ('{"a.b":{"c":1}}',), ('{"a":{"b":{"c":1}}}',), ('{"":{"":1}}',))
        self.check_filters(oracle, [('{"Acct. No":1}', [1]), ('{"":1}', [2]), ("{\"x'); DROP TABLE call; --\":1}", [3]),
                                    ('{"a\\"b":1}', [4]), ('{"a.b.c":1}', [6]), ('{".":1}', [7])])

    def test_identity_and_phone_number(self):
        oracle = make_oracle(("{}", {"phoneNumber": "+1"}), ("{}",))
        self.check_filters(oracle, [(f'{{"_id":"{call_id(2)}"}}', [2]), ('{"phoneNumber":"+1"}', [1]), ('{"phoneNumber":null}', [2]),
                                    ('{"phoneNumber":1}', []), ('{"phoneNumber":{"$regex":"[+]"}}', [1])])


class Times(Case):
    CALLS = make_oracle(("{}", '"createdAt":"2025-01-05T00:00:00Z"', {"createdAt": "2025-01-01T00:00:00Z"}),
                        ("{}", {"createdAt": "2025-01-02T00:00:00.001Z"}), ("{}",))

    def test_times_with_any_offset(self):
        self.check_filters(self.CALLS, [
            ('{"createdAt":"2025-01-01T02:00:00+02:00"}', [1]), ('{"createdAt":{"$gt":"2025-01-01T00:00:00Z"}}', [2]),
            ('{"createdAt":{"$gte":"2024-12-31T23:59:60Z"}}', [1, 2]), ('{"createdAt":null}', [3]),
            ('{"createdAt":{"$ne":"2025-01-01T00:00:00Z"}}', [2, 3]), ('{"createdAt":{"$in":[null,"2025-01-02t00:00:00.001z"]}}', [2, 3]),
            ('{"createdAt":{"$nin":["2025-01-01T00:00:00.000Z"]}}', [2, 3]),
            ('{"createdAt":{"$exists":false}}', [3]), ('{"createdAt":{"$not":{"$lt":"2025-01-02T00:00:00Z"}}}', [2, 3]),
            ('{"createdAt":"2025-01-02T00:00:00.0019Z"}', [2]), ('{"phoneLogs.createdAt":"2025-01-05T00:00:00Z"}', [1]),
            ('{"phoneLogs.createdAt":null}', [2, 3])])

    def test_anything_else_is_refused(self):
        expressions = ["1", "true", '"2025"', '"2025-01-01"', '"2025-02-30T00:00:00Z"', '{"$regex":"2"}', '{"$gt":1}', '{"$gt":null}',
                       '{"$in":[1]}', '{"$not":{"$regex":"2"}}', '{"$ne":""}', '{"$eq":false}', '{"$in":["x"]}']
        self.check_refused([f'{{"{name}":{text}}}' for name in ("createdAt", "phoneLogs.createdAt") for text in expressions])


class Attempts(Case):
    CALLS = make_oracle(("{}", '"callStatus":"completed","callDuration":30', '"callStatus":"busy","callDuration":90'),
                        ("{}", '"callStatus":"completed","callDuration":60'), ("{}", '"callStatus":"busy"'), ("{}",),
                        ("{}", '"callDuration":7.25', '"callStatus":"in-progress","transcript":"Hi"'))

    def test_all_conditions_of_one_level_hold_on_one_and_the_same_attempt(self):
        self.check_filters(self.CALLS, [
            ('{"callStatus":"completed","callDuration":{"$gte":60}}', [2]),
            ('{"callStatus":"completed","phoneLogs.callDuration":{"$gte":60}}', [2]),
            ('{"$and":[{"callStatus":"completed"},{"callDuration":{"$gte":60}}]}', [1, 2]),
            ('{"callStatus":"completed","$and":[{"callDuration":{"$gte":60}}]}', [1, 2]), ('{"callStatus":"completed"}', [1, 2]),
            ('{"callDuration":7.250}', [5]), ('{"callDuration":7.25,"callStatus":null}', [5]),
            ('{"callDuration":7.25,"callStatus":"in-progress"}', [])])

    def test_any_attempt_also_of_a_negation(self):
        self.check_filters(self.CALLS, [('{"callStatus":{"$ne":"completed"}}', [1, 3, 4, 5]),
                                        ('{"callStatus":{"$nin":["completed","busy"]}}', [4, 5]),
                                        ('{"callStatus":{"$not":{"$regex":"^c"}}}', [1, 3, 4, 5]),
                                        ('{"callStatus":{"$ne":"busy"},"callDuration":{"$gte":60}}', [2]),
                                        ('{"transcript":{"$exists":false}}', [1, 2, 3, 4, 5])])

    def test_no_attempt_is_said_with_nor(self):
        self.check_filters(self.CALLS, [('{"$nor":[{"callStatus":"completed"}]}', [3, 4, 5]),
                                        ('{"$nor":[{"callStatus":{"$ne":"completed"}}]}', [2]),
                                        ('{"$nor":[{"callStatus":"completed"},{"callStatus":"busy"}]}', [4, 5])])

    def test_a_call_without_attempts_has_one_whose_fields_are_all_missing(self):
        self.check_filters(self.CALLS, [('{"callStatus":null}', [4, 5]), ('{"callStatus":null,"callDuration":null}', [4]),
                                        ('{"callStatus":{"$in":[null,"busy"]},"transcript":null}', [1, 3, 4, 5]),
                                        ('{"callDuration":null}', [3, 4, 5])])

    def test_statuses_are_normalised(self):
        self.check_filters(self.CALLS, [('{"callStatus":" Answered "}', [5]), ('{"callStatus":{"$in":["IN_PROGRESS"]}}', [5]),
                                        ('{"callStatus":{"$ne":"In Progress"}}', [1, 2, 3, 4, 5]),
                                        ('{"callStatus":{"$gte":"COMPLETED"}}', [1, 2, 5]),
                                        ('{"callStatus":{"$regex":"IN"}}', []), ('{"callStatus":1}', [])])

    def test_a_dynamic_field_of_that_name_is_not_reached(self):
        oracle = make_oracle(('{"callStatus":"x"}', '"callStatus":"busy"'), ('{"phoneLogs.x":1}',))
        self.check_filters(oracle, [('{"callStatus":"x"}', []), ('{"callStatus":"busy"}', [1]), ('{"phoneLogs.x":1}', []),
                                    ('{"phoneLogs.x":null}', [1, 2])])


class Logic(Case):
    CALLS = make_oracle(('{"a":1}',), ('{"a":1,"b":2}',), ('{"b":2}',), ("{}",))

    def test_and_or_nor(self):
        self.check_filters(self.CALLS, [
            ('{"$and":[{"a":1},{"b":2}]}', [2]), ('{"$or":[{"a":1},{"b":2}]}', [1, 2, 3]), ('{"$nor":[{"a":1},{"b":2}]}', [4]),
            ('{"$nor":[{"a":1,"b":2}]}', [1, 3, 4]), ('{"$and":[{}]}', [1, 2, 3, 4]), ('{"$nor":[{}]}', []),
            ('{"$or":[{"a":1},{"b":2}],"$nor":[{"a":1}]}', [3]), ('{"b":2,"$or":[{"a":1},{"a":null}]}', [2, 3]),
            ('{"$and":[{"$or":[{"a":1}]},{"$nor":[{"b":{"$exists":true}}]}]}', [1])])


class Refused(Case):
    def test_filters_that_break_a_rule(self):
        self.check_refused(["[]", "1", '"x"', "null", "{", '{"v":01}', '{"v":NaN}', '{"v":1}x', "{'v':1}", '{"v":{}}', '{"v":[]}',
                            '{"v":[1]}', '{"v":{"x":1}}', '{"v":{"$foo":1}}', '{"$foo":1}', '{"$not":{"v":1}}', '{"$and":[]}',
                            '{"$or":[]}', '{"$nor":[]}', '{"$and":{}}', '{"$and":[1]}', '{"$or":[{"$nor":[]}]}', '{"v":{"$eq":[]}}',
                            '{"v":{"$ne":{}}}', '{"v":{"$gt":null}}', '{"v":{"$gte":true}}', '{"v":{"$lt":[]}}',
                            '{"v":{"$in":[]}}', '{"v":{"$in":1}}', '{"v":{"$nin":[[]]}}', '{"v":{"$exists":1}}', '{"v":{"$regex":1}}',
                            '{"v":{"$regex":"("}}', '{"v":{"$options":"i"}}', '{"v":{"$regex":"a","$options":"m"}}',
                            '{"v":{"$not":1}}', '{"v":{"$not":{}}}', '{"v":{"$not":{"$and":[]}}}', '{"v":{"$gt":1,"x":2}}',
                            json.dumps({"v": {"$in": [1] * 101}})])

    def test_limits(self):
        thirty_two = {f"f{number}": None for number in range(32)}
        oracle = make_oracle(("{}",))
        self.check_filters(oracle, [(json.dumps(thirty_two), [1]), ('{"v":{"$ne":"' + "a" * (8192 - 16) + '"}}', [1])])
        deep = '{"v":null}'
        for _ in range(7):
            deep = f'{{"$and":[{deep}]}}'
        self.check_filters(oracle, [(deep, [1])])
        self.check_refused([json.dumps({**thirty_two, "f32": None}), '{"v":{"$ne":"' + "a" * (8192 - 15) + '"}}', f'{{"$and":[{deep}]}}',
                            json.dumps({"v": {"$regex": "a" * 257}})])

    def test_parameters(self):
        oracle = make_oracle(("{}",))
        for text in ("page=0", "page=1000000001", "page=x", "page=-1", "page=+1", "limit=0", "limit=1001", "limit=1.0", "sortOrder=ASC",
                     "sortBy=" + "s" * 129, "search=(", "search=(a)%5C1", "search=" + "a" * 257, "page=1&page=1",
                     "search=&search=a", "filter=%7B%7D&filter=%7B%7D", "search=%00", "search=%0A", "search=%FF", "search=%4", "search=%zz",
                     "filter=%0A%7B%7D"):
            self.assertEqual(oracle.answer(BATCH, text).status, 400, text)
        for text in ("", "page=&limit=&filter=&search=&sortBy=&sortOrder=&cursor=", "page=1000000000", "limit=1000", "page=01",
                     "unknown=1&unknown=2", "sortBy=" + "s" * 128, "search=a%09b", "filter=%7B+%7D", "filter=%7b%7d"):
            self.assertEqual(oracle.answer(BATCH, text).status, 200, text)


class Searching(Case):
    CALLS = make_oracle(('{"name":"Emily Davis","n":5}', {"phoneNumber": "12125551234"}),
                        ('{"a":"x","b":"y","o":{"s":"deep"},"l":["deep"]}',), ('{"name":"ÉMILE"}', '"transcript":"spoken"'),
                        ('{"callStatus":"shown"}',),
                        ('{"v":"x\\nz"}', {"phoneNumber": "é"}))

    def test_case_insensitive_on_phone_number_and_top_level_strings_each_by_itself(self):
        for pattern, expected in [("emily", [1]), ("2125", [1]), ("^2125", []), ("^1212.*4$", [1]), ("xy", []), ("^x$", [2]), ("x.*y", []),
                                  ("^y", [2]), ("deep", []), ("émile", [3]), ("É", [3, 5]), ("spoken", []), ("shown", [4]), ("5$", []),
                                  ("x.z", [5]), ("^z", []), ("x$", [2]), ("davis|X", [1, 2, 5]), ("000000000001", []), ("name", [])]:
            with self.subTest(search=pattern):
                self.assertEqual(self.found(self.CALLS, search=pattern), expected)

    def test_with_filter_and_sort(self):
        self.assertEqual(self.found(self.CALLS, search="e", filter='{"name":{"$exists":true}}', sortBy="name", sortOrder="desc"), [3, 1])

    def test_the_end_is_the_very_end(self):
        self.assertIsNone(compile_pattern("a$", False).search("a\n"))

    def test_a_pattern_beyond_the_subset_is_not_guessed_at(self):
        for pattern in (r"\d", r"\y", "[[:alpha:]]", "(?=a)", "(?i)a", "a{", "***=a"):
            with self.subTest(pattern=pattern), self.assertRaises(Unsupported):
                compile_pattern(pattern, False)


class Pages(Case):
    def test_the_envelope_byte_for_byte(self):
        oracle = make_oracle(('{"n":1.50,"s":"\\u00e9\\/"}', '"callStatus":"Answered","callDuration":7.250', {"phoneNumber": "1"}), ("{}",))
        answer = oracle.answer(BATCH, "limit=1")
        self.assertEqual(answer.head.decode(),
                         '{"message":"Calls fetched successfully","status":true,"code":200,"errorMessage":"","data":{"batchId":"67def9053495307c718d9dfb","batchName":"B","batchStatus":"active",'
                         '"page":1,"limit":1,"total":2,"totalPages":2,"data":[{"_id":"000000000000000000000001","phoneNumber":"1","n":1.50,"s":"é/","phoneLogs":[{"callStatus":"in-progress","callDuration":7.25,'
                         '"recordingUrl":null,"transcript":null,"createdAt":null}],"createdAt":null}]')
        self.assertEqual((answer.has_next, answer.has_prev), (True, False))

    def test_pages_and_totals_count_what_matches(self):
        oracle = make_oracle(*((f'{{"v":{number % 2}}}',) for number in range(7)))
        for text, page, total, pages, rows in [("", 1, 7, 1, 7), ("limit=3&page=3", 3, 7, 3, 1), ("limit=3&page=4", 4, 7, 3, 0),
                                               ("limit=7", 1, 7, 1, 7), ("filter=%7B%22v%22:1%7D&limit=2&page=2", 2, 3, 2, 1),
                                               ("filter=%7B%22v%22:9%7D", 1, 0, 0, 0), ("search=x&page=5", 5, 0, 0, 0)]:
            data = json.loads(oracle.answer(BATCH, text).head + b"}}")["data"]
            self.assertEqual((data["page"], data["total"], data["totalPages"], len(data["data"])), (page, total, pages, rows), text)


if __name__ == "__main__":
    unittest.main()
