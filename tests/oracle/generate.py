"""Seeded random batches and random requests, made to collide: few names, few values, ties everywhere.

    rng = random.Random(7)
    batch = make_batch(rng, 30)          # a BatchSpec; batch.events() are the JSON texts of its events
    request = make_request(rng, batch)   # a dict of parameters; encode(request, rng) is its query string

Every request is one whose answer the contract settles (README.md: the open corners), and every pattern one that
Python's re and PostgreSQL read alike.
"""
import copy
import json
import urllib.parse
from dataclasses import dataclass, field

from model import Number, parse_json, string_json, to_json

N = Number
ATTEMPT_NAMES = ["callStatus", "callDuration", "recordingUrl", "transcript"]
TIME_NAMES = ["createdAt", "phoneLogs.createdAt"]
LONG_128, LONG_129, LONG_1000 = "l" * 128, "é" * 64 + "x", "n" * 1000

# Dynamic names. A value of any type may stand under each; "v" has one in nearly every call.
NAMES = ["v", "V", "n", "s", "flag", "name", "a.b", "Acct. No", "with space", 'quo"te', "it's", "x'); DROP TABLE callboard.call; --",
         "$start", "$and", "callStatus",
         "callDuration", "transcript", "phoneLogs.callStatus", "phoneLogs.x", "createdAt.x", "callStatus.x", "back\\slash", "", ".", "é",
         "É", "😀", "\uff5e", "tab\there",
         "line\nbreak", "%", "%s", "a%62", "{}", "{v}", "$1", "?", "&=+#;", "null", "0", LONG_128, LONG_129, LONG_1000, "_id ", "total",
         "constructor"]
NESTED = ["a", "o", "x"]
PATHS = ["a.b", "a.b", "a.b", "a.b.c", "a.x", "o.v", "o.n.v", "o.", "o..v", "x.0", "x.a.b", ".", "..", "o.a.b", "a.", "o._id",
         "o.phoneNumber", "v.v"]
NOWHERE = ["phoneLogs", "phoneLogs.", "phoneLogs.x", "phoneLogs.0.callStatus", "phoneLogs.phoneLogs.callStatus", "unknown", "un.known",
           "phonelogs.callStatus", "_ID",
           "_id.x", "phoneNumber.x", "createdat"]
SORTABLE = ["_id", "phoneNumber", "createdAt"] + ATTEMPT_NAMES + [f"phoneLogs.{name}" for name in ATTEMPT_NAMES + ["createdAt"]]

NUMBERS = ["0", "-0", "0.0", "0e5", "0.10", "0.1", "1", "1.0", "1e2", "100", "100.00", "1E+2", "10e1", "9007199254740992",
           "9007199254740993", "9007199254740992.0", "-9007199254740993",
           "12345678901234567890", "12345678901234567891", "0.1000000000000000055511151231257827", "0.30000000000000004", "0.3", "1e400",
           "1.0e400", "-1e400", "1e-400",
           "-1e-400", "2", "2.5", "2.50", "-1", "-1.5", "60", "120", "7.25", "1e22", "1e23", "99999999999999991611392"]
STRINGS = ["", "a", "A", "b", "B", "ab", "aB", "AB", "abc", "é", "É", "e", "éa", "ÉA", " a", "a ", "1", "100", "1e2", "true", "null", "日本",
           "日", "\uff5e", "😀", "😀a",
           "\U00010400", "\U00010428", "д", "Д", "a\nb", "a\tb", "a\\b", 'a"b', "a'b", "'; DROP TABLE callboard.call; --", "%", "_", "$1",
           "\x7f", "\x01", "zz", "ZZ", "zZ",
           "2025-05-15T14:00:00Z", "completed", "Emily Davis", "emily davis", "ab\nab", "a.b", "a|b", "[a]", "(a)", "{}", "[]", "\\d"]
STATUSES = ["completed", "Completed", " COMPLETED ", "in_progress", "in progress", "answered", "In-Progress", "cancelled", "Canceled",
            "canceled", "NoAnswer", "no-answer", "no answer",
            "unanswered", "busy", "BUSY", "STARTED", "initiated", "queued", "ringing", "left voice_mail", "Été", "été", "failed", "x'; --",
            "😀", "a.b"]
DURATIONS = ["0", "120", "120.0", "7.25", "7.2504", "7.2496", "60", "59.999", "59.9995", "59.9994", "1e2", "100", "0.001", "0.0005",
             "0.0004", "2147483647", "1"]
TIMES = ["2025-05-15T14:00:00Z", "2025-05-15T16:00:00.000+02:00", "2025-05-15T14:00:00.001Z", "2025-05-15T14:00:00.0019Z",
         "2025-05-15t14:00:00z", "2025-01-01T00:00:00Z",
         "2024-12-31T23:59:60Z", "2024-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
         "2024-02-29T12:00:00-23:59"]
PHONES = ["12125551234", "+1 212 555 1234", "12125551235", "1", "anonymous", "Été 😀", "0", "a\nb"]
URLS = ["https://example.com/1.mp3", "https://example.com/2.mp3", "", "a", "É"]
TRANSCRIPTS = ["Hello", "hello", "a\nb", "", "I am not\tinterested", "日本 😀", "ab"]

PATTERNS = ["a", "A", "ab", "^a", "a$", "^a$", "^$", "b|c", "^(a|b)$", "a.b", "a.*b", "[a-c]", "[^a]", "^[^a]+$", "a+b?", "é", "É", "^É",
            "^é.?$", "д", "\U00010400", "😀", "^.$", "^..$", "日.",
            "1", "^1", "0+$", "^[0-9]+$", "555", r"\+1 212", r"\.", r"a\.b", r"\|", r"\(a\)", r"\[", r"\\", r"\$1", r"\$", "'", '"', "--",
            "%", "_", "DROP TABLE", "emily", "Davis$", "(ab)+", "(ab|zz)$",
            "(?:a|é)b?", "z*", "^z*$", "x{0,1}", "^a{1}$", "z{2}", "a*?b", "a??", "[]a]", "[.]", "[a-]", "^\ta", "a\tb", " ", "completed",
            "ress$", "^in-", "not", "example.com", "[ab][bc]", "(a)(b)", "$", "^"]
BAD_PATTERNS = ["(", "a)", "[a", "*a", "+", "a**", "a*+", "a|*b", "(*a)", "a\\", r"(a)\1", r"(a)(b)\2", "[b-a]", "a{2}{3}", "a{3,2}",
                "a" * 257, "é" * 129]


# JSON texts that a careless comparison takes for each other.
CLOSE_STRINGS = ['""', '"1"', '"true"', '"null"', '"a"', '"A"', '"é"', '"É"', '"\uff5e"', '"😀"', '"\U00010400"', '"100"']
CLOSE = ["0", "-0", "0.0", "false", "false", "null", "1", "1.0", "true", "true", "9007199254740992", "9007199254740993", "100", "1e2",
         *CLOSE_STRINGS]


@dataclass
class CallSpec:
    """attempts: {number: {member of the event's data: its JSON text}}; early: the numbers that come before the call does."""
    call_id: str
    phone: str = None
    fields: list = None  # [(name, JSON text)], None: not given
    created: str = None
    attempts: dict = field(default_factory=dict)
    early: set = field(default_factory=set)


@dataclass
class BatchSpec:
    batch_id: str
    owner: str
    name: str  # comes with the last event: who sees it sees them all
    status: str
    calls: list

    def events(self):
        """The JSON texts of its events, in the order in which they are to be sent."""
        bodies = [("batch", self._members(ownerId=self.owner, batchStatus=self.status))]
        for call in self.calls:
            bodies += [self._attempt(call, number) for number in call.attempts if number in call.early]
            bodies.append(("call", self._call(call)))
            bodies += [self._attempt(call, number) for number in call.attempts if number not in call.early]
        bodies.append(("batch", self._members(batchName=self.name)))
        return [self._event(number, *body) for number, body in enumerate(bodies)]

    def _members(self, **members):
        """JSON texts of strings, without those that are None."""
        return {"batchId": string_json(self.batch_id), **{name: string_json(text) for name, text in members.items() if text is not None}}

    def _call(self, call):
        members = self._members(callId=call.call_id, phoneNumber=call.phone, createdAt=call.created)
        if call.fields is not None:
            members["fields"] = object_text(call.fields)
        return members

    def _attempt(self, call, number):
        return "phone-log", {**self._members(callId=call.call_id), "attempt": str(number), **call.attempts[number]}

    def _event(self, number, kind, members):
        time = f"2025-05-15T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        return object_text([("specversion", '"1.0"'), ("id", f'"{self.batch_id}-{number}"'), ("source", '"/oracle"'),
                            ("type", f'"dialer.{kind}.upserted"'), ("time", f'"{time}"'),
                            ("data", object_text(members.items()))])


def object_text(members):
    return "{" + ",".join(f"{string_json(name)}:{text}" for name, text in members) + "}"


# Batches

def random_id(rng):
    return f"{rng.getrandbits(96):024x}"


def scalar_text(rng):
    if rng.random() < 0.4:
        return rng.choice(CLOSE)
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(NUMBERS)
    if kind < 0.8:
        return string_json(rng.choice(STRINGS))
    return rng.choice(["true", "false", "null"])


def value_text(rng, depth=0):
    kind = rng.random()
    if depth == 3 or kind < 0.75:
        return scalar_text(rng)
    if kind < 0.88:
        return "[" + ",".join(value_text(rng, depth + 1) for _ in range(rng.randrange(3))) + "]"
    return nested_text(rng, depth)


def nested_text(rng, depth=0):
    names = rng.sample(["b", "b", "a", "c", "v", "n", "x", "", "_id", "phoneNumber"], rng.randrange(5))
    return object_text((name, value_text(rng, depth + 1) if rng.random() < 0.5 else scalar_text(rng)) for name in names)


def make_fields(rng):
    if rng.random() < 0.05:
        return None
    fields = [(name, value_text(rng)) for name in rng.sample(NAMES, rng.randrange(6))]
    if rng.random() < 0.9:
        fields.append(("v", value_text(rng)))
    if rng.random() < 0.5:
        fields.append(("n", rng.choice(NUMBERS)))
    if rng.random() < 0.5:
        fields.append(("s", rng.choice(CLOSE_STRINGS) if rng.random() < 0.5 else string_json(rng.choice(STRINGS))))
    if rng.random() < 0.3:
        fields.append(("a.b", scalar_text(rng)))
    fields += [(name, nested_text(rng)) for name in NESTED if rng.random() < 0.4]
    rng.shuffle(fields)
    return fields  # a name may come twice: the last value counts


def make_attempt(rng):
    members = {}
    if rng.random() < 0.85:
        members["callStatus"] = string_json(rng.choice(STATUSES[:6] if rng.random() < 0.5 else STATUSES))
    if rng.random() < 0.7:
        members["callDuration"] = rng.choice(DURATIONS)
    for name, pool in (("recordingUrl", URLS), ("transcript", TRANSCRIPTS), ("createdAt", TIMES)):
        if rng.random() < 0.5:
            members[name] = string_json(rng.choice(pool))
    return members


def make_call(rng):
    numbers = rng.sample([1, 2, 3, 10, 11, 1000000], rng.choice([0, 0, 1, 1, 2, 3, 4]))
    return CallSpec(random_id(rng), rng.choice(PHONES) if rng.random() < 0.9 else None, make_fields(rng),
                    rng.choice(TIMES) if rng.random() < 0.85 else None,
                    {number: make_attempt(rng) for number in numbers}, {number for number in numbers if rng.random() < 0.3})


def make_batch(rng, calls, owner="owner-1"):
    status = rng.choice(["active", "completed", None, "é😀\n"])
    return BatchSpec(random_id(rng), owner, f"Batch \"{rng.randrange(10)}\" é😀", status, [make_call(rng) for _ in range(calls)])


# Requests: {"filter": a tree or a text, "search", "sortBy", "sortOrder", "page", "limit": texts}

def pick_name(rng, for_sort=False):
    pools = [["v"], ["v"], ["n", "s"], NAMES, PATHS, SORTABLE, SORTABLE, ATTEMPT_NAMES]
    while True:
        name = rng.choice(NOWHERE if rng.random() < 0.04 else rng.choice(pools))
        if for_sort and 1 <= len(name.encode()) <= 128 and "\n" not in name:
            return name
        if not for_sort and not name.startswith("$"):
            return name


def operand(rng, name, batch):
    """A scalar that has a chance to be what a call holds under the name."""
    base = name.removeprefix("phoneLogs.")
    if name in TIME_NAMES:
        return rng.choice(TIMES)
    if rng.random() < 0.1:
        return scalar(rng)
    if name == "_id":
        call_id = rng.choice(batch.calls).call_id if batch.calls else random_id(rng)
        return rng.choice([call_id, call_id, call_id.upper(), call_id[:5]])
    if base == "callDuration":
        return N(rng.choice(DURATIONS))
    pool = {"callStatus": STATUSES, "recordingUrl": URLS, "transcript": TRANSCRIPTS, "phoneNumber": PHONES}.get(base)
    return rng.choice(pool) if pool else stored(rng, name, batch)


def stored(rng, name, batch):
    """What some call holds under a dynamic name, where it is a scalar; else any."""
    call = rng.choice(batch.calls) if batch.calls else None
    value = parse_json(dict(call.fields or []).get(name, "null")) if call and rng.random() < 0.5 else None
    return scalar(rng) if value is None or isinstance(value, (dict, list)) else value


def scalar(rng):
    while True:
        value = parse_json(scalar_text(rng))
        if value is not None:
            return value


def nullable(rng, name, batch):
    return None if rng.random() < 0.15 else operand(rng, name, batch)


def ordered(rng, name, batch):
    while True:
        value = operand(rng, name, batch)
        if not isinstance(value, bool):
            return value


def some(rng, name, batch):
    return [nullable(rng, name, batch) for _ in range(rng.choice([1, 1, 2, 3, 5]))]


OPERATORS = {
    "$eq": nullable, "$ne": nullable, "$gt": ordered, "$gte": ordered, "$lt": ordered, "$lte": ordered, "$in": some, "$nin": some,
    "$exists": lambda rng, name, batch: rng.random() < 0.5,
    "$regex": lambda rng, name, batch: rng.choice(PATTERNS),
}


def make_operators(rng, name, batch, depth=1):
    members = {}
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        operator = rng.choice(list(OPERATORS))
        if operator == "$regex" and name in TIME_NAMES:
            continue
        members[operator] = OPERATORS[operator](rng, name, batch)
    if "$regex" in members and rng.random() < 0.5:
        members["$options"] = "i"
    if depth and rng.random() < 0.15 or not members:
        members["$not"] = make_operators(rng, name, batch, depth - 1)
    return members


def make_expression(rng, name, batch):
    kind = rng.random()
    if kind < 0.08:
        return None
    return operand(rng, name, batch) if kind < 0.35 else make_operators(rng, name, batch)


def make_filter(rng, batch, depth=2):
    tree = {}
    for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 1, 2, 2, 3]) if depth else 1):
        name = pick_name(rng)
        tree[name] = make_expression(rng, name, batch)
    if rng.random() < 0.15:
        for name in rng.sample(ATTEMPT_NAMES + ["phoneLogs.createdAt", "phoneLogs.callStatus"], 2):
            tree[name] = make_expression(rng, name, batch)
    if depth and rng.random() < 0.25:
        for operator in rng.sample(["$and", "$or", "$nor"], rng.choice([1, 1, 2])):
            tree[operator] = [make_filter(rng, batch, depth - 1) for _ in range(rng.choice([1, 2, 2, 3]))]
    members = list(tree.items())
    rng.shuffle(members)
    return dict(members)


def counted(tree):
    """Everything that anybody could count as a condition."""
    if isinstance(tree, dict):
        return sum(1 + counted(value) for value in tree.values())
    return sum(counted(item) for item in tree if isinstance(item, dict)) if isinstance(tree, list) else 0


def nesting(tree):
    """The depth of the JSON: more than anybody's depth of a filter."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return 1 + max(map(nesting, tree), default=0) if isinstance(tree, list) else 0


def make_clear_filter(rng, batch):
    """A filter that is within the limits however they are counted."""
    while True:
        tree = make_filter(rng, batch)
        if counted(tree) <= 32 and nesting(tree) <= 8:
            return tree


def make_request(rng, batch, kinds=("filter", "search", "sort")):
    """One in twelve is one that must be refused."""
    request = {}
    if "filter" in kinds and rng.random() < 0.65:
        request["filter"] = make_clear_filter(rng, batch)
    if "search" in kinds and rng.random() < 0.2:
        request["search"] = rng.choice(PATTERNS)
    if rng.random() < 0.6:
        request["sortBy"] = pick_name(rng, True) if "sort" in kinds and rng.random() < 0.95 else "createdAt"
    if rng.random() < 0.5:
        request["sortOrder"] = rng.choice(["asc", "desc", "desc"])
    add_page(rng, request, len(batch.calls))
    if rng.random() < 1 / 12:
        spoil(rng, request, batch, kinds)
    return request


def add_page(rng, request, calls):
    limit = 10
    if rng.random() < 0.6:
        limit = rng.choice([1, 2, 3, 5, 7, 10, 50, 1000, max(calls, 1), max(calls - 1, 1)])
        request["limit"] = str(limit) if rng.random() < 0.95 else f"00{limit}"
    if rng.random() < 0.5:
        page = rng.choice([1, 2, 3, calls // limit, calls // limit + 1, calls // limit + 2, 1_000_000_000])
        request["page"] = str(max(page, 1))


BAD_EXPRESSIONS = [{}, [], [N("1")], {"x": N("1")}, {"$foo": N("1")}, {"$eq": []}, {"$eq": {}}, {"$ne": [N("1")]}, {"$gt": None},
                   {"$gt": True}, {"$gte": []}, {"$lt": {}}, {"$lte": False},
                   {"$in": []}, {"$in": N("1")}, {"$in": "a"}, {"$in": [[]]}, {"$in": [{}]}, {"$nin": []}, {"$nin": None},
                   {"$in": [N("1")] * 101}, {"$nin": ["a"] * 101},
                   {"$exists": N("1")}, {"$exists": None}, {"$exists": "true"}, {"$regex": N("1")}, {"$regex": None}, {"$regex": []},
                   {"$options": "i"}, {"$regex": "a", "$options": "x"},
                   {"$regex": "a", "$options": N("1")}, {"$not": N("1")}, {"$not": {}}, {"$not": "a"}, {"$not": []}, {"$not": None},
                   {"$not": {"$foo": N("1")}}, {"$and": [{}]}, {"$or": [{"v": N("1")}]},
                   {"$gt": N("1"), "x": N("1")}, {"$EQ": N("1")}, {"$": N("1")}, {"$where": "1"}, {"$elemMatch": {"callStatus": "busy"}},
                   {"$not": {"$not": {}}}]
BAD_TIME_EXPRESSIONS = [N("1"), True, "", "yesterday", "2025-05-15", "2025-05-15T14:00:00", "2025-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
                        "2025-05-15T24:00:00Z", "2025-05-15T14:00:00+0200",
                        "0000-01-01T00:00:00Z", {"$regex": "2025"}, {"$gt": N("5")}, {"$in": [N("1")]},
                        {"$in": ["2025-05-15T14:00:00Z", "x"]}, {"$ne": "x"}, {"$not": {"$regex": "a"}}, {"$nin": [False]}]
BAD_LEVELS = [{"$and": []}, {"$or": []}, {"$nor": []}, {"$and": {}}, {"$or": N("1")}, {"$nor": None}, {"$and": [N("1")]}, {"$or": [[]]},
              {"$nor": ["a"]}, {"$where": "1"}, {"$eq": N("1")}, {"$not": {"v": N("1")}},
              {"$and": [{}, {"$x": N("1")}]}, {"$": N("1")}, {"$regex": "a"}, {"$AND": [{}]}]
BAD_FILTER_TEXTS = ["[]", "1", "null", "true", '"a"', "{", "}", '{"v":}', '{"v":1,}', "{v:1}", "{'v':1}", '{"v":NaN}', '{"v":Infinity}',
                    '{"v":01}', '{"v":.5}', '{"v":1.}', '{"v":+1}', '{"v":-}',
                    '{"v":1}x', '{"v":1}{}', '{"v" 1}', '{"v":"\\x"}', '{"v":"\\u12"}', '{"v":tru}', '{"v":True}', "/**/{}", '{"v":1e}',
                    '{"v":[1}', '{"a":"b}', "callStatus"]


def spoil(rng, request, batch, kinds):
    """Makes the request one that is answered 400."""
    faults = [("page", ["0", "-1", "1.0", "x", "1000000001", "99999999999999999999", "+1", " 1", "1e2", "٣"]),
              ("limit", ["0", "1001", "-5", "ten", "0x10", "1_0"]),
              ("sortOrder", ["ASC", "descending", "1", "-1", "asc "])]
    if "sort" in kinds:
        faults.append(("sortBy", ["s" * 129, "é" * 65]))
    if "search" in kinds:
        faults.append(("search", BAD_PATTERNS))
    if "filter" in kinds:
        faults += [("filter", None)] * 4
    name, values = rng.choice(faults)
    request[name] = rng.choice(values) if values else bad_filter(rng, batch)


def bad_filter(rng, batch):
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(BAD_FILTER_TEXTS)
    if kind == 1:
        return too_much(rng)
    tree = make_clear_filter(rng, batch)
    level = rng.choice(levels(tree))
    if kind == 2:
        level.update(copy.deepcopy(rng.choice(BAD_LEVELS)))
    elif kind == 3:
        level[rng.choice(TIME_NAMES)] = copy.deepcopy(rng.choice(BAD_TIME_EXPRESSIONS))
    elif kind == 4:
        level[rng.choice(["v", "s", "_id", "transcript"])] = {"$regex": rng.choice(BAD_PATTERNS)}
    else:
        level[pick_name(rng)] = copy.deepcopy(rng.choice(BAD_EXPRESSIONS))
    return tree


def levels(tree):
    """Every object level of a filter."""
    below = [level for name in ("$and", "$or", "$nor") for item in tree.get(name, []) for level in levels(item)]
    return [tree, *below]


def too_much(rng):
    """Beyond a limit, however it is counted."""
    kind = rng.randrange(4)
    if kind == 0:
        return {f"f{number}": N("1") for number in range(33)}
    if kind == 1:
        return {"$or": [{"v": N(str(number))} for number in range(33)]}
    if kind == 2:
        tree = {"v": N("1")}
        for _ in range(9):
            tree = {rng.choice(["$and", "$or", "$nor"]): [tree]}
        return tree
    return {"v": "a" * 8192}


def largest_filter():
    """Exactly 8192 bytes."""
    return {"v": "a" * (8192 - len('{"v":""}'))}


# Query strings

def filter_text(tree):
    return tree if isinstance(tree, str) and not isinstance(tree, Number) else to_json(tree)


def quote(text, rng=None):
    """Percent-encoded; with an rng, in one of the ways that mean the same."""
    quoted = urllib.parse.quote(text, safe=rng.choice(["", "", "!$'()*,/:;?@"]) if rng else "")
    return quoted.replace("%20", "+") if rng and rng.random() < 0.5 else quoted


def spaced(rng, text):
    """The same JSON, told in another way: characters outside ASCII escaped."""
    return "".join(json.dumps(c)[1:-1] if ord(c) > 127 else c for c in text) if rng.random() < 0.2 else text


def encode(request, rng=None):
    """The query string; with an rng, in one of the ways that mean the same."""
    texts = {name: filter_text(value) if name == "filter" else value for name, value in request.items()}
    if rng is None:
        return "&".join(f"{name}={quote(text)}" for name, text in texts.items())
    if isinstance(request.get("filter"), dict) and len(texts["filter"]) < 1000:
        texts["filter"] = spaced(rng, texts["filter"])
    parts = [f"{name}={quote(text, rng)}" for name, text in texts.items()]
    if rng.random() < 0.1:
        unused = [name for name in ("search", "sortBy", "sortOrder", "cursor", "filter", "page") if name not in request]
        parts += [f"{name}=" for name in unused[:1]] + ["unknown=1", "Limit=x"]
    rng.shuffle(parts)
    return "&".join(parts)
