"""Walks by cursor over a batch that a dialer is changing: what was there throughout is met once, in its place."""
import itertools
import json
import pathlib
import random
import subprocess
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from servers import new_stack  # noqa: E402
from stack import wait_for  # noqa: E402

BATCH = "ba7c" * 6
OWNER = "owner-1"
STEADY, CHANGING = 90, 40
LIMIT = 15

ORDERS = [
    {}, {"sortBy": "v"}, {"sortBy": "phoneNumber", "filter": {"keep": 1}}, {"search": "^ann", "sortBy": "callDuration"},
    {"filter": {"callStatus": "completed"}}, {"sortBy": "createdAt", "filter": {"v": {"$gte": 2}}}, {"sortBy": "phoneLogs.createdAt"},
]


class Feed:
    """A producer of its own process (kcat) and thread: every event is later than all before."""

    def __init__(self, brokers, topic, seed):
        self.rng = random.Random(seed)
        self.numbers = itertools.count(1)
        self.calls = STEADY + CHANGING
        self.command = ["kcat", "-P", "-b", brokers, "-t", topic]
        self.kcat = subprocess.Popen(self.command, stdin=subprocess.PIPE)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.is_over = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join()
        self.end_kcat()

    def end_kcat(self):
        """All that was sent is acknowledged then."""
        self.kcat.stdin.close()
        self.kcat.wait()

    def send(self, kind, **data):
        number = next(self.numbers)
        event = {"specversion": "1.0", "id": str(number), "source": "/feed", "type": f"dialer.{kind}.upserted",
                 "time": "2025-05-15T14:%02d:%02d.%06dZ" % (number // 60000000, number // 1000000 % 60, number % 1000000),
                 "data": {"batchId": BATCH, **data}}
        self.kcat.stdin.write(json.dumps(event).encode() + b"\n")

    def call(self, number):
        rng = self.rng
        fields = {"v": rng.choice([1, 1, 2, 2.0, 3, "a", "b", None, True, [1]]), "keep": rng.randrange(2), "name": rng.choice(["Anna", "Otto"])}
        self.send("call", callId="%024x" % number, phoneNumber=rng.choice(["1", "2", "2", "3"]), fields=fields,
                  createdAt=f"2025-05-15T1{rng.randrange(3)}:00:00Z")
        for attempt in range(1, rng.randrange(4)):
            self.send("phone-log", callId="%024x" % number, attempt=attempt, callStatus=rng.choice(["completed", "busy", "failed"]),
                      callDuration=rng.choice([1, 2, 2.5]), createdAt=rng.choice([None, "2025-05-15T14:00:00Z", "2025-05-15T15:00:00Z"]))

    def first(self):
        """The batch, its calls in any order."""
        self.send("batch", ownerId=OWNER)
        numbers = list(range(STEADY + CHANGING))
        self.rng.shuffle(numbers)
        for number in numbers:
            self.call(number)
        self.end_kcat()

    def _run(self):
        """Some hundred events a second: three changes for each call that is added."""
        self.kcat = subprocess.Popen(self.command, stdin=subprocess.PIPE)
        while not self.is_over.wait(0.01):
            for _ in range(3):
                self.call(self.rng.randrange(STEADY, STEADY + CHANGING))
            self.call(self.calls)
            self.calls += 1
            self.kcat.stdin.flush()


class Walks(unittest.TestCase):
    def test_what_stays_is_met_exactly_once_whichever_process_answers(self):
        with new_stack() as stack, Feed(stack.brokers, stack.topics[1], seed=1) as feed:
            stack.start_ingest().wait_ready()
            self.processes = [stack.start_query().wait_ready(), stack.start_query().wait_ready()]
            self.token = stack.create_token(OWNER)
            feed.first()
            wait_for("all calls", lambda: (self.processes[0].page(BATCH, self.token, "?limit=1") or {}).get("total") == STEADY + CHANGING)
            attempts = next(feed.numbers) - 2 - STEADY - CHANGING
            wait_for("all attempts", lambda: int(stack.sql("SELECT count(*) FROM callboard.attempt")[0][0]) == attempts)
            walks = [{**order, "limit": LIMIT, "sortOrder": way} for order in ORDERS for way in ("asc", "desc")]
            wanted = [self.steady(self.page(0, {**walk, "limit": 1000})) for walk in walks]
            feed.thread.start()
            totals = set()
            for index, (walk, expected) in enumerate(zip(walks, wanted)):
                with self.subTest(walk):
                    there = self.walk(index, walk, "nextCursor", self.page(index, walk), totals)
                    self.assertEqual(self.steady(*there), expected)
                    back = self.walk(index, walk, "prevCursor", there[-1], totals)
                    self.assertEqual(self.steady(*reversed(back)), expected)
                if index == len(walks) // 2:
                    self.restart_one()
            self.assertGreater(len(totals), len(walks), "nothing changed while the walks went on")

    def restart_one(self):
        """A cursor of before is good after it."""
        data = self.page(0, {"limit": LIMIT})
        self.processes[1].stop()
        self.processes[1].start()
        self.processes[1].wait_ready()
        # Which calls, not what they hold: that changes between the two requests.
        self.assertEqual(self.ids(self.page(1, {"limit": LIMIT, "cursor": data["nextCursor"]})), self.ids(self.page(0, {"limit": LIMIT, "page": 2})))

    @staticmethod
    def ids(data):
        return [call["_id"] for call in data["data"]]

    def page(self, process, parameters):
        query = urllib.parse.urlencode({name: json.dumps(value) if isinstance(value, dict) else value for name, value in parameters.items()})
        status, _, body = self.processes[process % 2].get(f"/api/call/batch-details/{BATCH}?{query}", self.token)
        self.assertEqual(status, 200, body)
        return json.loads(body)["data"]

    def walk(self, process, query, direction, data, totals):
        """All pages from `data` on; each is asked of another process than the one before."""
        pages = [data]
        while data[direction] is not None:
            data = self.page(process + len(pages), {**query, "cursor": data[direction]})
            totals.add(data["total"])
            pages.append(data)
        return pages

    @staticmethod
    def steady(*pages):
        return [call["_id"] for page in pages for call in page["data"] if int(call["_id"], 16) < STEADY]


if __name__ == "__main__":
    unittest.main()
