"""callboard-dialsim's --ack-log: what the broker has acknowledged, and what must come of it."""
import base64
import itertools

from checker import digest
from model import Model, parse_json


def value_of(record):
    """The bytes of the message; None for a tombstone."""
    if "valueBase64" in record:
        return base64.b64decode(record["valueBase64"])
    return None if record["value"] is None else record["value"].encode()


def model_of(records):
    """(Model of all events, {place: (reason, digest, key)} of all poison): see checker.py."""
    model, letters = Model(), {}
    for record in records:
        value = value_of(record)
        if record["poison"]:
            key = record.get("key")
            letters[record["topic"], record["partition"], record["offset"]] = (record["poison"], digest(value), key.encode() if key is not None else None)
        elif record["mode"] == "binary":
            model.apply_binary(record["headers"], value)
        else:
            model.apply(parse_json(value))
    return model, letters


def gaps_of(place, known):
    return (offset for offset in itertools.count() if (*place, offset) not in known)


def with_offsets(records):
    """The records, those of unknown offset (the producer had to ask again, and the broker had them already) at the places that are left."""
    records = list(records)
    known = {(record["topic"], record["partition"], record["offset"]) for record in records}
    left = {}
    for record in records:
        place = (record["topic"], record["partition"])
        if record["offset"] < 0:
            gaps = left.setdefault(place, gaps_of(place, known))
            record["offset"] = next(gaps)
    return records
