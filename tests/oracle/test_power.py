"""The generator and the shrinker have teeth: each of these deliberately broken services is caught, and made small.

A broken service is an oracle with one rule changed, behind the interface of the real one. Needs no server.
"""
import json
import os
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]

from answers import KINDS, MISSING, NO_ATTEMPT, Field, Oracle, kind, plain  # noqa: E402
from compare import FEATURES, Run  # noqa: E402
from model import Model, parse_json  # noqa: E402

REQUESTS = 3000
SEED = 5
VERBOSE = "ORACLE_VERBOSE" in os.environ


class NullsLast(Oracle):
    def sort_key(self, value):
        return (9,) if kind(value) == "null" else super().sort_key(value)


class TiesNotReversed(Oracle):
    def sort(self, calls, sort_by, order):
        super().sort(calls, sort_by, order)
        if order == "desc" and sort_by is not None:
            calls.reverse()
            calls.sort(key=lambda item: self.sort_key(self.sorted_value(Field(sort_by), *item)),
                       reverse=True)  # reverse=True keeps equal ones as they are


class NegationMissesTheAbsent(Oracle):
    OPERATOR = "$ne"

    def negation(self, operator, holds, found):
        return not holds and not (operator == self.OPERATOR and found is MISSING)


class NotInMissesTheAbsent(NegationMissesTheAbsent):
    OPERATOR = "$nin"


class NotMissesTheAbsent(NegationMissesTheAbsent):
    OPERATOR = "$not"


class ConditionsOnDifferentAttempts(Oracle):
    def any_attempt(self, conditions, call_id, call):
        return all(super(ConditionsOnDifferentAttempts, self).any_attempt([condition], call_id, call) for condition in conditions)


class OnlyTheLatestAttempt(Oracle):
    def attempts(self, call):
        return [call.latest() or NO_ATTEMPT]


class NoAttemptMatchesNothing(Oracle):
    def attempts(self, call):
        return [call.attempts[number] for number in sorted(call.attempts)]


class SearchAcrossFields(Oracle):
    def searched(self, call):
        return ["\n".join(super().searched(call))]


class SearchMissesThePhoneNumber(Oracle):
    def searched(self, call):
        return super().searched(call)[call.get("phoneNumber") is not None:]


class TotalWithoutTheFilter(Oracle):
    def total(self, batch_id, calls):
        return len(self.arrival[batch_id])


class NumbersAsDoubles(Oracle):
    def equals(self, found, operand):
        same = kind(found) == kind(operand) == "number"
        return float(found) == float(operand) if same else super().equals(found, operand)


class SortsNumbersAsDoubles(Oracle):
    def sort_key(self, value):
        return (KINDS["number"], float(value)) if kind(value) == "number" else super().sort_key(value)


class StringsByUtf16(Oracle):
    def sort_key(self, value):
        return (KINDS["string"], value.encode("utf-16-be", "surrogatepass")) if kind(value) == "string" else super().sort_key(value)


class StringsCaseInsensitive(Oracle):
    def equals(self, found, operand):
        same = kind(found) == kind(operand) == "string"
        return found.lower() == operand.lower() if same else super().equals(found, operand)


class TrueBeforeFalse(Oracle):
    def sort_key(self, value):
        return ({"false": KINDS["true"], "true": KINDS["false"]}[kind(value)],) if isinstance(value, bool) else super().sort_key(value)


class ArraysBeforeObjects(Oracle):
    def sort_key(self, value):
        return ({"object": KINDS["array"],
                 "array": KINDS["object"]}[kind(value)],) if isinstance(value, (dict, list)) else super().sort_key(value)


class PathFirst(Oracle):
    def dynamic(self, name, fields):
        found = fields
        for part in name.split("."):
            found = found.get(part, MISSING) if isinstance(found, dict) else MISSING
        return super().dynamic(name, fields) if found is MISSING else found


class NoPaths(Oracle):
    def dynamic(self, name, fields):
        return fields.get(name, MISSING)


class NullDoesNotExist(Oracle):
    def exists(self, field, found):
        return kind(found) != "null"


class StatusesNotNormalised(Oracle):
    def status_operand(self, text):
        return text


class GreaterOrEqualIsGreater(Oracle):
    def compares(self, operator, found, operand):
        return super().compares({"$gte": "$gt"}.get(operator, operator), found, operand)


class ComparesAcrossTypes(Oracle):
    def equals(self, found, operand):
        return super().equals(found, operand) or (kind(found) == "string" and kind(operand) == "number" and found == str(operand))


class NorIsNotAnd(Oracle):
    def branch(self, operator, filters, call_id, call):
        holds = super().branch(operator, filters, call_id, call)
        return not super().branch("$and", filters, call_id, call) if operator == "$nor" else holds


class SortsByTheFirstAttempt(Oracle):
    def sorted_value(self, field, call_id, call):
        return self.value(field, call_id, call, self.attempts(call)[0])


class DynamicStatusIsReached(Oracle):
    def value(self, field, call_id, call, attempt):
        found = super().value(field, call_id, call, attempt)
        return plain((call.get("fields") or {}).get("callStatus", MISSING)) if found is MISSING and field.name == "callStatus" else found


class SearchesNestedStrings(Oracle):
    def searched(self, call):
        nested = [value for item in (call.get("fields") or {}).values() if isinstance(item, dict) for value in item.values()]
        return super().searched(call) + [value for value in nested if kind(plain(value)) == "string"]


class LosesTheLastCall(Oracle):
    def select(self, batch_id, wanted, pattern):
        return super().select(batch_id, wanted, pattern)[:-1]


class SecondPageSkipsACall(Oracle):
    def render(self, batch_id, calls, page, limit):
        return super().render(batch_id, calls[1:] + calls[:1] if page > 1 else calls, page, limit)


class FakeService:
    """The interface of service.Service; the answers come from another oracle over the same model."""

    def __init__(self, answering):
        self.model = Model()
        self.oracle = Oracle(self.model, {})
        self.answering = answering(self.model, self.oracle.arrival)
        self.fed = 0

    def feed(self, batches):
        self.fed += 1
        for batch in batches:
            for text in batch.events():
                self.model.apply(parse_json(text))
            self.oracle.arrival[batch.batch_id] = [call.call_id for call in batch.calls]

    def ask(self, batch_id, query):
        """Its cursors are the page beside, in plain text."""
        beside = re.search("(?:^|&)cursor=([0-9]+)", query)
        answer = self.answering.answer(batch_id, re.sub("cursor=[0-9]+", f"page={beside.group(1)}", query) if beside else query)
        if answer.status != 200:
            return answer.status, json.dumps({"message": "m", "status": False, "code": answer.status, "errorMessage": "e",
                                              "data": None}).encode()
        page = int(re.search(rb'"page":(\d+)', answer.head).group(1))
        following, previous = (f'"{other}"' if there else "null" for there,
                               other in ((answer.has_next, page + 1), (answer.has_prev, page - 1)))
        return 200, answer.head + f',"nextCursor":{following},"prevCursor":{previous}}}}}'.encode()

    def is_supported(self, query):
        return query in FEATURES.values()


def compare(answering):
    service = FakeService(answering)
    run = Run(SEED, REQUESTS)
    run.prepare(service)
    return run, run.compare(service)


BROKEN = [NullsLast, TiesNotReversed, NegationMissesTheAbsent, NotInMissesTheAbsent, NotMissesTheAbsent, ConditionsOnDifferentAttempts,
          OnlyTheLatestAttempt, NoAttemptMatchesNothing, SearchAcrossFields,
          SearchMissesThePhoneNumber, TotalWithoutTheFilter, NumbersAsDoubles, SortsNumbersAsDoubles, StringsByUtf16,
          StringsCaseInsensitive, TrueBeforeFalse, ArraysBeforeObjects, PathFirst, NoPaths,
          NullDoesNotExist, StatusesNotNormalised, GreaterOrEqualIsGreater, ComparesAcrossTypes, NorIsNotAnd, SortsByTheFirstAttempt,
          DynamicStatusIsReached,
          SearchesNestedStrings, LosesTheLastCall, SecondPageSkipsACall]


class Power(unittest.TestCase):
    def test_the_unbroken_one_agrees(self):
        run, found = compare(Oracle)
        self.assertIsNone(found, f"\n{found}")
        self.assertEqual((run.compared, run.missing()), (REQUESTS, []))
        self.assertGreater(run.rows_some, REQUESTS // 10)
        self.assertGreater(run.refused, REQUESTS // 30)
        self.assertGreater(run.by_cursor, REQUESTS // 30)

    def test_every_broken_one_is_caught_and_made_small(self):
        for broken in BROKEN:
            with self.subTest(broken=broken.__name__):
                _, found = compare(broken)
                self.assertIsNotNone(found, f"not caught in {REQUESTS} requests")
                if VERBOSE:
                    print(f"{broken.__name__}: request {found.number}, {found.query}, {len(found.batch.calls)} calls")
                self.assertLessEqual(len(found.batch.calls), 4, str(found))
                self.assertLessEqual(len(found.query), 250, str(found))


if __name__ == "__main__":
    unittest.main()
