"""Whatever an event changes in an answer changes the batch's version, too: no remembered page outlives it."""
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from servers import new_stack  # noqa: E402
from stack import wait_for  # noqa: E402

BATCH = "67def9053495307c718d9dfb"
OWNER = "owner-1"
QUERIES = ("", "?limit=1&page=2", "?sortBy=createdAt&sortOrder=desc", "?sortOrder=desc&limit=2")


def batch(**data):
    return "batch", data


def call(number, **data):
    return "call", {"callId": "%024x" % number, **data}


def log(number, attempt, **data):
    return "phone-log", {"callId": "%024x" % number, "attempt": attempt, **data}


# Each step: what it does, its events, and whether a page shows it.
STEPS = [
    ("a batch that is nobody's yet", [batch(batchName="First name")], False),
    ("an owner", [batch(ownerId=OWNER)], True),
    ("another name", [batch(batchName="Second name")], True),
    ("a status", [batch(batchStatus="active")], True),
    ("a call", [call(1, phoneNumber="111", createdAt="2025-05-15T14:00:00Z")], True),
    ("a second call", [call(2, phoneNumber="222", createdAt="2025-05-15T14:01:00Z")], True),
    ("another phone number", [call(1, phoneNumber="333")], True),
    ("dynamic fields", [call(1, fields={"name": "Emily", "n": 1.50})], True),
    ("other dynamic fields", [call(1, fields={"n": 2})], True),
    ("an attempt", [log(1, 1, callStatus="ringing")], True),
    ("its status", [log(1, 1, callStatus="completed")], True),
    ("its duration", [log(1, 1, callDuration=12.5)], True),
    ("its recording", [log(1, 1, recordingUrl="https://example.com/1.mp3")], True),
    ("its transcript", [log(1, 1, transcript="Hello")], True),
    ("its time", [log(1, 1, createdAt="2025-05-15T14:02:00Z")], True),
    ("an attempt before its call", [log(3, 1, callStatus="busy")], False),
    ("the attempt's duration, still before", [log(3, 1, callDuration=3)], False),
    ("the call, and with it the attempt", [call(3, phoneNumber="444")], True),
    ("a time that breaks the order of arrival", [call(3, createdAt="2025-05-15T13:00:00Z")], True),
    ("an earlier attempt", [log(2, 2, callStatus="failed"), log(2, 1, callStatus="busy")], True),
    ("an event that changes nothing", [call(3, createdAt="2025-05-15T13:00:00Z")], False),
]


class Remembered(unittest.TestCase):
    def test_a_page_is_what_it_would_be_without_a_memory_after_every_event(self):
        with new_stack(partitions=1) as stack:
            stack.start_ingest().wait_ready()
            self.stack, self.sent = stack, 0
            self.token = stack.create_token(OWNER)
            remembering = stack.start_query(HTTP_WORKERS="1").wait_ready()
            plain = stack.start_query(HTTP_WORKERS="1", QUERY_CACHE_BYTES="0").wait_ready()
            shown = self.ask(plain)
            for name, events, is_shown in STEPS:
                self.assertEqual(self.ask(remembering), self.ask(remembering), name)
                self.produce(events)
                before, shown = shown, self.ask(plain)
                self.assertEqual(shown != before, is_shown, name)
                self.assertEqual(self.ask(remembering), shown, name)
            confirmed = remembering.metric('callboard_pages_total{source="remembered"}')
            self.assertGreaterEqual(confirmed, len(STEPS), "nothing was remembered")
            self.assertEqual(plain.metric('callboard_pages_total{source="remembered"}'), 0)

    def ask(self, query):
        return [query.get(f"/api/call/batch-details/{BATCH}{text}", self.token)[::2] for text in QUERIES]

    def produce(self, events):
        lines = []
        for kind, data in events:
            self.sent += 1
            lines.append(json.dumps({
                "specversion": "1.0", "id": f"e-{self.sent}", "source": "/dialer/test", "type": f"dialer.{kind}.upserted",
                "time": f"2025-05-15T15:00:{self.sent:02}Z", "data": {"batchId": BATCH, **data}}))
        subprocess.run(["kcat", "-P", "-b", self.stack.brokers, "-t", self.stack.topics[0], "-X", "acks=all"],
                       input="\n".join(lines).encode(), check=True, capture_output=True)
        stored = "SELECT 1 FROM callboard.kafka_offset WHERE topic = '%s' AND next_offset = %d" % (self.stack.topics[0], self.sent)
        wait_for("the events are stored", lambda: self.stack.sql(stored))


if __name__ == "__main__":
    unittest.main()
