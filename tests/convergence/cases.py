"""Random sets of events, and random ways to deliver them. Everything follows from the case's seed.

    case = Case(seed)
    messages = case.delivery(2, ["67de...", "9a0b..."])    # records as `callboard-dialsim --from` takes them, in order

A case is a set of events on one or two batches. Each delivery of it goes to batches of its own (so many share one
database), in an order, with duplicates, keys and topics of its own; all must end in the same state.
"""
import base64
import datetime
import json
import random

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
BASE_US = 1_747_317_600_000_000  # 2025-05-15T14:00:00Z
TYPES = {"batch": "dialer.batch.upserted", "call": "dialer.call.upserted", "phone-log": "dialer.phone-log.upserted"}
OWNERS = ("owner-1", "owner-2")

STATUSES = ("queued", "initiated", "started", "Ringing", "in-progress", "In Progress", "answered", "ANSWERED", "completed", " completed ",
            "busy", "no-answer", "No_Answer", "noanswer", "unanswered", "failed", "cancelled", "canceled", "voice mail", "\u00c9chec", "in_progress")
DURATIONS = ("0", "120", "7.25", "0.10", "12e1", "1.0005", "0.0004", "0.0005", "2147483647", "1E-3", "60.000", "0e5")
ATTEMPTS = {1: ("1", "1", "1", "1.0", "1e0"), 2: ("2", "2", "20e-1"), 3: ("3",), 1000000: ("1000000", "1e6")}
TEXTS = ('""', '"plain"', '"\u00e9\u00df\u65e5\u672c"', '"a \\"quote\\" and \\\\"', '"tab\\there\\u001f"', '"\\u0000nul"', '"\\ud83d\\ude00"', '"lone \\ud800 one"',
         '"\U0001f600"', '"a very long text ' + "x" * 3000 + '"')
FIELDS = ('{}', '{"name":"Emily Davis","account_id":"ACC-5678"}', '{"a":0.10,"b":1e400,"c":-0,"d":12345678901234567890}', '{"b":1,"a":2,"b":3}',
          '{ "x" : [ 1 , {"y":null} , [] ] , "":"" }', '{"t":true,"f":false,"n":null}', '{"Acct. No":"7","\u00fc":"\\u00fc"}', '{"s":"\\u0000\\ud800\\ud83d\\ude00"}',
          '{"phoneLogs2":[],"id":1.000}', '{"deep":{"deeper":{"deepest":[[[0]]]}}}')
PHONES = ('"12125551234"', '"+49 30 1234"', '"\u0661\u0662"', '"0"')


def choose_time(rng, us):
    """One spelling of a moment: RFC 3339 with any offset and precision."""
    minutes = rng.choice((0, 0, 120, -480, 330, 839, -839))
    moment = EPOCH + datetime.timedelta(microseconds=us) + datetime.timedelta(minutes=minutes)
    text = moment.strftime(rng.choice(("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dt%H:%M:%S")))
    fraction = f"{moment.microsecond:06d}"
    if moment.microsecond == 0 and rng.random() < 0.5:
        fraction = ""
    elif rng.random() < 0.3:
        fraction = fraction.rstrip("0") or "0"
    elif rng.random() < 0.2:
        fraction += "999"  # cut
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else rng.choice(("Z", "z", "+00:00", "-00:00"))
    return text + (f".{fraction}" if fraction else "") + zone


def some(rng, members, name, values):
    """Gives the member one of the values, null, or leaves it out."""
    draw = rng.random()
    if draw < 0.6:
        members[name] = rng.choice(values)
    elif draw < 0.7:
        members[name] = "null"


class Case:
    """events: [{"kind", "batch" (index), "attributes" {name: text}, "members" {name: JSON text}, "binary"}]
    poison: [(reason, template of a message)]"""

    def __init__(self, seed):
        rng = random.Random(f"case {seed}")
        self.seed = seed
        self.batch_count = rng.choice((1, 1, 2))
        self.calls = [f"{rng.getrandbits(96):024x}" for _ in range(rng.randint(1, 3))]
        self._moments = [BASE_US + rng.choice((0, 1, 999, 1000, 1_000_000, 60_000_000, -1)) * rng.randint(0, 3) for _ in range(rng.randint(1, 4))]
        self._sources = rng.sample(("/dialer/a", "/dialer/b", "\u00fc", "urn:x:y"), rng.randint(1, 3))
        self._sequences = rng.choice(((None,), (None, "1", "2"), ("0001", "0002"), (None, "", "10", "9")))
        self._batch_share = rng.choice((0.0, 0.1, 0.3))
        self.events = [self._event(rng, number) for number in range(rng.randint(1, rng.choice((4, 12, 40))))]
        self.poison = rng.sample(POISON, rng.choice((0, 0, 0, 1, 2)))

    def _event(self, rng, number):
        kind = "batch" if rng.random() < self._batch_share else rng.choice(("call", "phone-log", "phone-log"))
        attributes = {"specversion": "1.0", "id": f"{rng.choice('abcXYZ')}-{number}", "source": rng.choice(self._sources), "type": TYPES[kind],
                      "time": choose_time(rng, rng.choice(self._moments))}
        sequence = rng.choice(self._sequences)
        if sequence is not None:
            attributes["sequence"] = sequence
        if rng.random() < 0.1:
            attributes["subject"] = "ignored"
        members = {}
        if kind != "batch":
            members["callId"] = json.dumps(rng.choice((str.lower, str.lower, str.upper))(rng.choice(self.calls)))
        MEMBERS[kind](self, rng, members)
        return {"kind": kind, "batch": rng.randrange(self.batch_count), "attributes": attributes, "members": members, "binary": rng.random() < 0.3}

    def _batch_members(self, rng, members):
        some(rng, members, "ownerId", [json.dumps(owner) for owner in OWNERS])
        some(rng, members, "batchName", TEXTS)
        some(rng, members, "batchStatus", ('"active"', '"paused"', '""'))
        self._created_at(rng, members)

    def _call_members(self, rng, members):
        some(rng, members, "phoneNumber", PHONES)
        some(rng, members, "fields", FIELDS)
        self._created_at(rng, members)
        if rng.random() < 0.1:
            members["unknown"] = '{"is":["ignored"]}'

    def _attempt_members(self, rng, members):
        members["attempt"] = rng.choice(ATTEMPTS[rng.choice((1, 1, 1, 2, 2, 3, 1000000))])
        some(rng, members, "callStatus", [json.dumps(status, ensure_ascii=rng.random() < 0.5) for status in STATUSES])
        some(rng, members, "callDuration", DURATIONS)
        some(rng, members, "recordingUrl", ('"https://example.com/r.mp3"', '""'))
        some(rng, members, "transcript", TEXTS)
        self._created_at(rng, members)

    def _created_at(self, rng, members):
        some(rng, members, "createdAt", [json.dumps(choose_time(rng, moment)) for moment in self._moments])

    def delivery(self, number, batch_ids):
        """The messages of one delivery, in order, without their topics."""
        rng = random.Random(f"delivery {self.seed} {number}")
        events = list(self.events)
        for event in self.events:
            if rng.random() < 0.3:
                events += [event] * rng.randint(1, 3)
        rng.shuffle(events)
        if number == 0 and rng.random() < 0.5:
            events = list(self.events)  # once, and in the order of making
        messages = [message_of(event, batch_ids[event["batch"]], rng) for event in events]
        for reason, make in self.poison:
            messages.insert(rng.randint(0, len(messages)), {"poison": reason, "headers": {}, "key": None, **make(batch_ids[0], self.calls[0])})
        return messages


MEMBERS = {"batch": Case._batch_members, "call": Case._call_members, "phone-log": Case._attempt_members}


def object_text(members):
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items()) + "}"


def message_of(event, batch_id, rng):
    """A record of an event, as --from takes it."""
    batch_text = json.dumps(rng.choice((str.lower, str.lower, str.upper))(batch_id))
    data = object_text({"batchId": batch_text, **event["members"]})
    key = rng.choice((None, batch_id, batch_id, event["members"].get("callId"), f"k{rng.randrange(100)}"))
    if event["binary"]:
        headers = {("ce_" if rng.random() < 0.8 else "CE_") + name: text for name, text in event["attributes"].items()}
        headers["content-type"] = rng.choice(("application/json", "application/json; charset=utf-8"))
        return {"poison": None, "key": key, "headers": headers, "value": data}
    attributes = {name: json.dumps(text, ensure_ascii=rng.random() < 0.5) for name, text in event["attributes"].items()}
    if rng.random() < 0.3:
        attributes["datacontenttype"] = '"application/json"'
    return {"poison": None, "key": key, "headers": {}, "value": object_text({**attributes, "data": data})}


# --- messages that can never be events, though they would have had an effect -------------------------

def envelope(data, **changes):
    attributes = {"specversion": "1.0", "id": "poison", "source": "/poison", "type": TYPES["call"], "time": "2030-01-01T00:00:00Z", **changes}
    return {"value": object_text({**{name: json.dumps(value) for name, value in attributes.items() if value is not None}, "data": data})}


def call_data(batch_id, call_id, **more):
    return json.dumps({"batchId": batch_id, "callId": call_id, "phoneNumber": "666", **more})


POISON = (
    ("empty", lambda batch_id, call_id: {"value": None}),
    ("empty", lambda batch_id, call_id: {"value": ""}),
    ("not-utf8", lambda batch_id, call_id: {"valueBase64": base64.b64encode(b'{"specversion":"1.0\xff' + batch_id.encode()).decode()}),
    ("not-json", lambda batch_id, call_id: {"value": envelope(call_data(batch_id, call_id))["value"][:-1]}),
    ("bad-envelope", lambda batch_id, call_id: envelope(call_data(batch_id, call_id), id=None)),
    ("bad-envelope", lambda batch_id, call_id: envelope(call_data(batch_id, call_id), specversion="0.3")),
    ("unknown-type", lambda batch_id, call_id: envelope(call_data(batch_id, call_id), type="dialer.call.deleted")),
    ("bad-id", lambda batch_id, call_id: envelope(call_data(batch_id[:-1], call_id))),
    ("bad-time", lambda batch_id, call_id: envelope(call_data(batch_id, call_id), time="2030-01-32T00:00:00Z")),
    ("bad-field", lambda batch_id, call_id: envelope(call_data(batch_id, call_id, fields=[]))),
    ("reserved-key", lambda batch_id, call_id: envelope(call_data(batch_id, call_id, fields={"_id": 1}))),
)
