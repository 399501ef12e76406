"""What the contract says must come of a set of events: an independent model, written from the contract's text.

    model = Model()
    model.apply(event)            # a parsed structured CloudEvent: parse_json(text)
    model.apply_binary(headers, value)
    model.batches[batch_id].calls[call_id].attempts[1].values["callStatus"]

It keeps everything in memory, is slow and simple, and shares no code with the services.
"""
import datetime
import decimal
import json
import re

RANKS = {"queued": 0, "initiated": 1, "ringing": 2, "in-progress": 3}
FINAL_RANK = 4
SYNONYMS = {"answered": "in-progress", "cancelled": "canceled", "noanswer": "no-answer", "unanswered": "no-answer", "started": "initiated"}
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))\Z", re.ASCII)
EPOCH = datetime.datetime(1970, 1, 1)


class Number(str):
    """A JSON number as the text that came."""


def clean(text):
    """A string as it is stored: what no text column can hold becomes U+FFFD."""
    return re.sub("[\ud800-\udfff\x00]", "\ufffd", text)


def parse_json(text):
    """JSON with numbers as Number; a repeated key keeps its first place and its last value."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    def members(pairs):
        return {clean(key): value for key, value in pairs}

    return _clean_values(json.loads(text, parse_float=Number, parse_int=Number, parse_constant=refuse, object_pairs_hook=members))


def _clean_values(value):
    if isinstance(value, dict):
        return {key: _clean_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean_values(item) for item in value]
    if isinstance(value, str) and not isinstance(value, Number):
        return clean(value)
    return value


ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string_json(text):
    """A string written anew, by the contract's rule."""
    return '"' + re.sub(r'["\\\x00-\x1f]', lambda m: ESCAPES.get(m.group(), f"\\u{ord(m.group()):04x}"), text) + '"'


def to_json(value):
    """Compact JSON of what parse_json() gave."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return string_json(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{string_json(key)}:{to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(to_json(item) for item in value) + "]"
    return {True: "true", False: "false", None: "null"}[value]


def parse_time(text):
    """Microseconds since the Unix epoch."""
    match = TIME.match(text)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = second == 60
    moment = datetime.datetime(year, month, day, hour, minute, 59 if leap else second)
    us = (moment - EPOCH) // datetime.timedelta(microseconds=1) + (1_000_000 if leap else 0)
    us += int((match.group(7) or "0")[:6].ljust(6, "0"))
    if match.group(9):
        offset = (int(match.group(10)) * 60 + int(match.group(11))) * 60_000_000
        us += -offset if match.group(9) == "+" else offset
    return us


def time_json(us):
    moment = EPOCH + datetime.timedelta(microseconds=us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + f"{moment.microsecond // 1000:03d}Z"


def normalise_status(text):
    text = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text.strip(" \t\n\r\f\v"))
    text = text.replace("_", "-").replace(" ", "-")
    return SYNONYMS.get(text, text)


def status_rank(status):
    return RANKS.get(status, FINAL_RANK)


def duration_ms(number):
    """Seconds, kept to the millisecond, rounded half up."""
    with decimal.localcontext() as context:
        context.prec = 50
        return int((decimal.Decimal(number) * 1000).to_integral_value(rounding=decimal.ROUND_HALF_UP))


class Entity:
    """Fields that each know the version that set them."""

    def __init__(self):
        self.values = {}
        self.versions = {}

    def set(self, name, value, version):
        """One field of an event: replaces the stored one if its version is not lower."""
        if value is None:
            return
        rank = (status_rank(value),) if name == "callStatus" else ()
        if name not in self.versions or rank + version >= self.versions[name]:
            self.values[name] = value
            self.versions[name] = rank + version

    def get(self, name):
        return self.values.get(name)


class Call(Entity):
    def __init__(self):
        super().__init__()
        self.exists = False
        self.attempts = {}

    def latest(self):
        return self.attempts[max(self.attempts)] if self.attempts else None


class Batch(Entity):
    def __init__(self):
        super().__init__()
        self.calls = {}

    def call(self, call_id):
        return self.calls.setdefault(call_id, Call())

    def existing_calls(self):
        return {call_id: call for call_id, call in self.calls.items() if call.exists}


class Model:
    def __init__(self):
        self.batches = {}

    def batch(self, batch_id):
        return self.batches.setdefault(batch_id, Batch())

    def apply_binary(self, headers, value):
        """A binary-mode message: headers {name: text}, value the data."""
        event = {name[3:].lower(): text for name, text in headers.items() if name.lower().startswith("ce_")}
        event["data"] = parse_json(value)
        self.apply(event)

    def apply(self, event):
        data = event["data"]
        sequence = event.get("sequence")
        version = (parse_time(event["time"]), b"" if sequence is None else b"\x01" + sequence.encode(), event["source"].encode(), event["id"].encode())
        batch = self.batch(data["batchId"].lower())
        if event["type"] == "dialer.batch.upserted":
            for name in ("ownerId", "batchName", "batchStatus"):
                batch.set(name, data.get(name), version)
            set_time(batch, data, version)
        elif event["type"] == "dialer.call.upserted":
            self.apply_call(batch.call(data["callId"].lower()), data, version)
        elif event["type"] == "dialer.phone-log.upserted":
            self.apply_attempt(batch.call(data["callId"].lower()), data, version)
        else:
            raise ValueError(f"unknown type {event['type']}")

    def apply_call(self, call, data, version):
        call.exists = True
        call.set("phoneNumber", data.get("phoneNumber"), version)
        call.set("fields", data.get("fields"), version)
        set_time(call, data, version)

    def apply_attempt(self, call, data, version):
        attempt = call.attempts.setdefault(int(decimal.Decimal(data["attempt"])), Entity())
        if data.get("callStatus") is not None:
            attempt.set("callStatus", normalise_status(data["callStatus"]), version)
        if data.get("callDuration") is not None:
            attempt.set("callDuration", duration_ms(data["callDuration"]), version)
        attempt.set("recordingUrl", data.get("recordingUrl"), version)
        attempt.set("transcript", data.get("transcript"), version)
        set_time(attempt, data, version)


def set_time(entity, data, version):
    if data.get("createdAt") is not None:
        entity.set("createdAt", parse_time(data["createdAt"]) // 1000 * 1000, version)


def optional_json(value, render=string_json):
    return "null" if value is None else render(value)


def millis_json(ms):
    whole, rest = divmod(ms, 1000)
    return str(whole) + (f".{rest:03d}".rstrip("0") if rest else "")


def attempt_json(attempt):
    return ('{"callStatus":' + optional_json(attempt.get("callStatus"))
            + ',"callDuration":' + optional_json(attempt.get("callDuration"), millis_json)
            + ',"recordingUrl":' + optional_json(attempt.get("recordingUrl"))
            + ',"transcript":' + optional_json(attempt.get("transcript"))
            + ',"createdAt":' + optional_json(attempt.get("createdAt"), quoted_time) + "}")


def quoted_time(us):
    return f'"{time_json(us)}"'


def call_json(call_id, call):
    """A call object of the answer, byte for byte."""
    fields = "".join(f",{string_json(key)}:{to_json(value)}" for key, value in (call.get("fields") or {}).items())
    logs = ",".join(attempt_json(call.attempts[number]) for number in sorted(call.attempts))
    return (f'{{"_id":"{call_id}","phoneNumber":' + optional_json(call.get("phoneNumber")) + fields
            + f',"phoneLogs":[{logs}],"createdAt":' + optional_json(call.get("createdAt"), quoted_time) + "}")
