"""What the contract says the answer to a batch-details request is: an independent oracle, written from the contract's text.

    oracle = Oracle(model, {batch_id: [call ids in arrival order]})
    answer = oracle.answer(batch_id, "filter=%7B%22n%22:1%7D&sortBy=n&page=2")
    answer.status, answer.head, answer.has_next, answer.has_prev

Slow and plain, and shares no code with the services. Numbers are decimals, never floats; strings compare by code
point, as Python's own do. README.md lists what the contract leaves open and how it is read here. The methods of
Oracle are small so that test_power.py can break one at a time.
"""
import decimal
import functools
import re
from typing import NamedTuple

from model import Entity, Number, call_json, normalise_status, optional_json, parse_json, parse_time, string_json

MAX_PAGE = 1_000_000_000
MAX_LIMIT = 1000
MAX_FILTER_BYTES = 8192
MAX_CONDITIONS = 32
MAX_DEPTH = 8
MAX_SORT_BY_BYTES = 128
MAX_PATTERN_BYTES = 256
MAX_LIST = 100

ATTEMPT_FIELDS = ("callStatus", "callDuration", "recordingUrl", "transcript")
LOGICAL = ("$and", "$or", "$nor")
PARAMETERS = ("page", "limit", "filter", "sortBy", "sortOrder", "search", "cursor")

MISSING = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
NO_ATTEMPT = Entity()


class BadRequest(Exception):
    """The request is answered 400; the text says why."""


class Unsupported(Exception):
    """A pattern beyond the subset that this oracle understands: the generator must not make it."""


class Answer(NamedTuple):
    """head: all bytes of the body before nextCursor, None on errors. has_next, has_prev: None where the contract does not say."""
    status: int
    head: bytes = None
    has_next: bool = False
    has_prev: bool = False
    reason: str = ""


# Parameters

def percent_decode(text):
    raw = bytearray()
    at = 0
    while at < len(text):
        if text[at] == "%":
            if not re.fullmatch("[0-9A-Fa-f]{2}", text[at + 1:at + 3]):
                raise BadRequest("broken percent-encoding")
            raw.append(int(text[at + 1:at + 3], 16))
            at += 3
        else:
            raw += b" " if text[at] == "+" else text[at].encode()
            at += 1
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("not UTF-8") from None
    if any((ord(c) < 32 and c != "\t") or c == "\x7f" for c in decoded):
        raise BadRequest("a control character")
    return decoded


def read_parameters(query):
    """{name: decoded value} of the known parameters that are given and not empty."""
    seen, given = set(), {}
    for part in query.split("&"):
        raw_name, _, raw_value = part.partition("=")
        name = percent_decode(raw_name)
        if name not in PARAMETERS:
            continue
        if name in seen:
            raise BadRequest(f"{name} twice")
        seen.add(name)
        value = percent_decode(raw_value)
        if value:
            given[name] = value
    return given


def read_count(given, name, default, maximum):
    text = given.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]+", text) or not 1 <= int(text) <= maximum:
        raise BadRequest(f"{name} must be from 1 to {maximum}")
    return int(text)


def read_choice(given, name, choices):
    value = given.get(name, choices[0])
    if value not in choices:
        raise BadRequest(f"{name} must be one of {choices}")
    return value


# Regular expressions: the part of PostgreSQL's ARE that Python's re reads alike, translated

QUANTIFIER = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")


def to_python_pattern(pattern):
    """The same expression for Python's re. BadRequest where ARE refuses it; Unsupported beyond the subset."""
    if pattern.startswith("***"):
        raise Unsupported(pattern)
    out = []
    at = 0
    quantifiers = 0  # on the atom before: one, and ? for the shortest match behind it
    while at < len(pattern):
        c = pattern[at]
        bound = QUANTIFIER.match(pattern, at)
        if bound:
            quantifiers += 1
            if quantifiers > 1 and (quantifiers > 2 or c != "?"):
                raise BadRequest("a quantifier behind a quantifier")
            out.append(bound.group())
            at = bound.end()
            continue
        quantifiers = 0
        if c == "\\":
            out.append(_escape(pattern[at + 1:at + 2]))
            at += 2
        elif c == "[":
            text, at = _bracket(pattern, at)
            out.append(text)
        elif c == "(" and pattern[at + 1:at + 2] == "?":
            if pattern[at + 2:at + 3] != ":":
                raise Unsupported(pattern)
            out.append("(?:")
            at += 3
        elif c in "{}":
            raise Unsupported(pattern)
        else:
            out.append(r"\Z" if c == "$" else c)
            at += 1
    return "".join(out)


def _escape(c):
    if c == "":
        raise BadRequest("a backslash at the end")
    if c.isdigit():
        raise BadRequest("a back-reference")
    if c.isalpha() or ord(c) > 127:
        raise Unsupported(c)
    return re.escape(c)


def _bracket(pattern, at):
    """([...] for Python, where it ends)."""
    match = re.compile(r"\[(\^?)(\]?[^\]\\\[]*)\]").match(pattern, at)
    if not match:
        if "[" in pattern[at + 1:] or "\\" in pattern[at:]:
            raise Unsupported(pattern)
        raise BadRequest("a [ without its ]")
    inside = match.group(2).replace("]", r"\]").replace("&", r"\&").replace("|", r"\|").replace("~", r"\~")
    return f"[{match.group(1)}{inside}]", match.end()


@functools.lru_cache(maxsize=4096)
def compile_pattern(pattern, ignore_case):
    if len(pattern.encode()) > MAX_PATTERN_BYTES:
        raise BadRequest(f"a pattern of more than {MAX_PATTERN_BYTES} bytes")
    try:
        return re.compile(to_python_pattern(pattern), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    except re.error as error:
        raise BadRequest(f"no regular expression: {error}") from None


# Values: MISSING, None, Decimal (times too, as microseconds), str, bool, dict, list

KINDS = {"null": 0, "number": 1, "string": 2, "false": 3, "true": 4, "object": 5, "array": 6}


def kind(value):
    if value is MISSING or value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return {decimal.Decimal: "number", str: "string", dict: "object", list: "array"}[type(value)]


def plain(value):
    """A value of parse_json() as one of the above."""
    if isinstance(value, Number):
        return decimal.Decimal(str(value))
    return value


class Field:
    """What a name means, in sorting and filtering."""

    def __init__(self, name):
        self.name = name
        self.scope, self.key = self._find(name)
        self.is_time = self.key == "createdAt"
        self.is_status = self.scope == "attempt" and self.key == "callStatus"

    @staticmethod
    def _find(name):
        if name in ("_id", "phoneNumber", "createdAt"):
            return "call", name
        if name in ATTEMPT_FIELDS:
            return "attempt", name
        if name == "phoneLogs":
            return "absent", None
        if name.startswith("phoneLogs."):
            behind = name[len("phoneLogs."):]
            return ("attempt", behind) if behind in ATTEMPT_FIELDS + ("createdAt",) else ("absent", None)
        return "dynamic", None


class Condition(NamedTuple):
    field: Field
    holds: object  # value -> bool


class Filter(NamedTuple):
    """One object level. branches: [(operator, [Filter])]."""
    conditions: list
    branches: list


class FilterParser:
    """A filter's JSON, checked against every rule, as a Filter."""

    def __init__(self, oracle):
        self.oracle = oracle
        self.count = 0

    def parse(self, text):
        if len(text.encode()) > MAX_FILTER_BYTES:
            raise BadRequest(f"a filter of more than {MAX_FILTER_BYTES} bytes")
        try:
            tree = parse_json(text)
        except (ValueError, RecursionError):
            raise BadRequest("the filter is no JSON") from None
        return self.level(tree, 1)

    def level(self, tree, depth):
        if not isinstance(tree, dict):
            raise BadRequest("a filter must be an object")
        if depth > MAX_DEPTH:
            raise BadRequest(f"a filter deeper than {MAX_DEPTH}")
        conditions, branches = [], []
        for name, value in tree.items():
            if name in LOGICAL:
                if not isinstance(value, list) or not value:
                    raise BadRequest(f"{name} takes an array of filters")
                branches.append((name, [self.level(item, depth + 1) for item in value]))
            elif name.startswith("$"):
                raise BadRequest(f"unknown operator {name}")
            else:
                field = Field(name)
                conditions.append(Condition(field, self.expression(field, value, depth)))
        return Filter(conditions, branches)

    def counted(self):
        self.count += 1
        if self.count > MAX_CONDITIONS:
            raise BadRequest(f"more than {MAX_CONDITIONS} conditions")

    def expression(self, field, value, depth):
        """What stands behind a field's name: a predicate on the field's value."""
        if isinstance(value, dict):
            return self.operators(field, value, depth)
        self.counted()
        operand = self.scalar(field, value, field.name)
        return lambda found: self.oracle.equals(found, operand)

    def operators(self, field, members, depth):
        if depth > MAX_DEPTH:
            raise BadRequest(f"a filter deeper than {MAX_DEPTH}")
        if not members:
            raise BadRequest(f"an empty object for {field.name}")
        if "$options" in members and "$regex" not in members:
            raise BadRequest("$options without $regex")
        predicates = [self.operator(field, name, value, members, depth) for name, value in members.items() if name != "$options"]
        return lambda found: all(holds(found) for holds in predicates)

    def operator(self, field, name, value, members, depth):
        parse = {"$eq": self.equality, "$ne": self.equality, "$gt": self.order, "$gte": self.order, "$lt": self.order, "$lte": self.order,
                 "$in": self.membership, "$nin": self.membership, "$exists": self.existence, "$regex": self.regex}.get(name)
        if name == "$not":
            if not isinstance(value, dict):
                raise BadRequest("$not takes an object of operators")
            inner = self.operators(field, value, depth + 1)
            return lambda found: self.oracle.negation("$not", inner(found), found)
        if parse is None:
            raise BadRequest(f"unknown operator {name}")
        self.counted()
        return parse(field, name, value, members)

    def scalar(self, field, value, name):
        """An operand of equality, as a value of the field's own kind."""
        if isinstance(value, (dict, list)):
            raise BadRequest(f"{name} takes a scalar")
        if value is None:
            return None
        if field.is_time:
            return time_operand(value, name)
        if field.is_status and kind(plain(value)) == "string":
            return self.oracle.status_operand(value)
        return plain(value)

    def equality(self, field, name, value, members):
        operand = self.scalar(field, value, name)
        if name == "$eq":
            return lambda found: self.oracle.equals(found, operand)
        return lambda found: self.oracle.negation(name, self.oracle.equals(found, operand), found)

    def order(self, field, name, value, members):
        if value is None or kind(plain(value)) not in ("number", "string"):
            raise BadRequest(f"{name} takes a number or a string")
        operand = self.scalar(field, value, name)
        return lambda found: kind(found) == kind(operand) and self.oracle.compares(name, found, operand)

    def membership(self, field, name, value, members):
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LIST:
            raise BadRequest(f"{name} takes an array of 1 to {MAX_LIST} scalars")
        operands = [self.scalar(field, item, name) for item in value]

        def is_in(found):
            return any(self.oracle.equals(found, operand) for operand in operands)

        if name == "$in":
            return is_in
        return lambda found: self.oracle.negation(name, is_in(found), found)

    def existence(self, field, name, value, members):
        if not isinstance(value, bool):
            raise BadRequest("$exists takes true or false")
        return lambda found: self.oracle.exists(field, found) == value

    def regex(self, field, name, value, members):
        if field.is_time:
            raise BadRequest(f"{name} is not for {field.name}")
        if kind(plain(value)) != "string":
            raise BadRequest("$regex takes a string")
        if members.get("$options", "i") != "i":
            raise BadRequest('$options takes "i"')
        pattern = compile_pattern(value, "$options" in members)
        return lambda found: kind(found) == "string" and pattern.search(found) is not None


def time_operand(value, name):
    """A time of a filter, to the millisecond as the stored ones are."""
    if isinstance(value, Number) or not isinstance(value, str):
        raise BadRequest(f"{name} takes a time")
    try:
        return decimal.Decimal(parse_time(value) // 1000 * 1000)
    except (AttributeError, ValueError):
        raise BadRequest(f"{name} takes an RFC 3339 time") from None


class Oracle:
    """Answers requests about the batches of a model."""

    def __init__(self, model, arrival):
        self.model = model
        self.arrival = arrival

    def answer(self, batch_id, query):
        try:
            given = read_parameters(query)
            page = read_count(given, "page", 1, MAX_PAGE)
            limit = read_count(given, "limit", 10, MAX_LIMIT)
            order = read_choice(given, "sortOrder", ("asc", "desc"))
            if len(given.get("sortBy", "").encode()) > MAX_SORT_BY_BYTES:
                raise BadRequest(f"sortBy of more than {MAX_SORT_BY_BYTES} bytes")
            wanted = FilterParser(self).parse(given["filter"]) if "filter" in given else None
            pattern = compile_pattern(given["search"], True) if "search" in given else None
            calls = self.select(batch_id, wanted, pattern)
            self.sort(calls, given.get("sortBy"), order)
        except BadRequest as error:
            return Answer(400, reason=str(error))
        return self.render(batch_id, calls, page, limit)

    # Sorting

    def sort(self, calls, sort_by, order):
        if sort_by is not None:
            field = Field(sort_by)
            calls.sort(key=lambda item: self.sort_key(self.sorted_value(field, *item)))
        if order == "desc":
            calls.reverse()

    def sorted_value(self, field, call_id, call):
        return self.value(field, call_id, call, call.latest() or NO_ATTEMPT)

    def sort_key(self, value):
        rank = KINDS[kind(value)]
        return (rank, value) if kind(value) in ("number", "string") else (rank,)

    # Values

    def value(self, field, call_id, call, attempt):
        """A field's value, for a call as seen with one of its attempts."""
        if field.scope == "attempt":
            found = attempt.get(field.key)
            if found is None:
                return MISSING
            if field.key == "callDuration":
                return decimal.Decimal(found).scaleb(-3)
            return decimal.Decimal(found) if field.is_time else found
        if field.scope == "call":
            found = call_id if field.key == "_id" else call.get(field.key)
            if found is None:
                return MISSING
            return decimal.Decimal(found) if field.is_time else found
        if field.scope == "absent":
            return MISSING
        return plain(self.dynamic(field.name, call.get("fields") or {}))

    def dynamic(self, name, fields):
        """As it stands first, then, if it holds dots, as a path through nested objects."""
        if name in fields:
            return fields[name]
        if "." not in name:
            return MISSING
        found = fields
        for part in name.split("."):
            if not isinstance(found, dict) or part not in found:
                return MISSING
            found = found[part]
        return found

    # Filtering

    def select(self, batch_id, wanted, pattern):
        """[(call id, call)] of what matches, in arrival order."""
        calls = self.model.batches[batch_id].calls
        found = [(call_id, calls[call_id]) for call_id in self.arrival[batch_id]]
        if wanted is not None:
            found = [item for item in found if self.matches(wanted, *item)]
        if pattern is not None:
            found = [item for item in found if self.is_found(pattern, item[1])]
        return found

    def matches(self, wanted, call_id, call):
        """One object level: all its members must hold."""
        of_call = [condition for condition in wanted.conditions if condition.field.scope != "attempt"]
        of_attempt = [condition for condition in wanted.conditions if condition.field.scope == "attempt"]
        return (all(condition.holds(self.value(condition.field, call_id, call, NO_ATTEMPT)) for condition in of_call)
                and (not of_attempt or self.any_attempt(of_attempt, call_id, call))
                and all(self.branch(operator, filters, call_id, call) for operator, filters in wanted.branches))

    def any_attempt(self, conditions, call_id, call):
        """All conditions on one and the same attempt, any attempt."""
        return any(all(condition.holds(self.value(condition.field, call_id, call, attempt)) for condition in conditions)
                   for attempt in self.attempts(call))

    def attempts(self, call):
        return [call.attempts[number] for number in sorted(call.attempts)] or [NO_ATTEMPT]

    def branch(self, operator, filters, call_id, call):
        hold = [self.matches(item, call_id, call) for item in filters]
        return {"$and": all(hold), "$or": any(hold), "$nor": not any(hold)}[operator]

    def equals(self, found, operand):
        return kind(found) == kind(operand) and (operand is None or found == operand)

    def compares(self, operator, found, operand):
        return {"$gt": found > operand, "$gte": found >= operand, "$lt": found < operand, "$lte": found <= operand}[operator]

    def exists(self, field, found):
        return found is not MISSING if field.scope == "dynamic" else kind(found) != "null"

    def negation(self, operator, holds, found):
        """$ne, $nin and $not: exact, whatever is missing."""
        return not holds

    def status_operand(self, text):
        return normalise_status(text)

    # Searching

    def is_found(self, pattern, call):
        return any(pattern.search(text) for text in self.searched(call))

    def searched(self, call):
        """phoneNumber and every dynamic field at top level that is a string."""
        values = [call.get("phoneNumber"), *map(plain, (call.get("fields") or {}).values())]
        return [value for value in values if kind(value) == "string"]

    # The answer

    def render(self, batch_id, calls, page, limit):
        batch = self.model.batches[batch_id]
        total = self.total(batch_id, calls)
        pages = (total + limit - 1) // limit
        rows = calls[(page - 1) * limit:page * limit]
        head = ('{"message":"Calls fetched successfully","status":true,"code":200,"errorMessage":"","data":{"batchId":' + string_json(batch_id)
                + ',"batchName":' + optional_json(batch.get("batchName")) + ',"batchStatus":' + optional_json(batch.get("batchStatus"))
                + f',"page":{page},"limit":{limit},"total":{total},"totalPages":{pages},"data":['
                + ",".join(call_json(call_id, call) for call_id, call in rows) + "]")
        past_the_end = page > max(pages, 1)
        return Answer(200, head.encode(), page < pages, None if past_the_end else page > 1)

    def total(self, batch_id, calls):
        return len(calls)
