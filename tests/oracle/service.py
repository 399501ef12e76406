"""The services under test, fed with batches of the generator and asked over keep-alive connections."""
import http.client
import json
import re
import subprocess

from answers import Answer, Oracle
from model import Model, parse_json
from servers import new_stack
from stack import wait_for

TAIL = re.compile(rb',"nextCursor":(null|"[^"\\]+"),"prevCursor":(null|"[^"\\]+")\}\}\Z')
ENVELOPE = ["message", "status", "code", "errorMessage", "data"]


class Service:
    """Both services on one topic of one partition, so that the last event of a batch comes last."""

    def __init__(self, connections=4):
        self.stack = new_stack(partitions=1)
        self.stack.start_ingest().wait_ready()
        self.query = self.stack.start_query().wait_ready()
        self.token = self.stack.create_token("owner-1")
        self.pool = [http.client.HTTPConnection("127.0.0.1", self.query.port, timeout=30) for _ in range(connections)]
        self.model = Model()
        self.oracle = Oracle(self.model, {})
        self.asked = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for connection in self.pool:
            connection.close()
        self.stack.__exit__()

    def feed(self, batches):
        """Sends the events of the batches, and returns once all are stored and the oracle knows them."""
        texts = [text for batch in batches for text in batch.events()]
        done = subprocess.run(["kcat", "-P", "-b", self.stack.brokers, "-t", self.stack.topics[0], "-X", "acks=all", "-X", "linger.ms=5"],
                              input="\n".join(texts).encode(), capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"kcat: {done.stderr.decode()}")
        for text in texts:
            self.model.apply(parse_json(text))
        last = batches[-1]
        wait_for("the last event is stored", lambda: self.batch_name(last.batch_id) == last.name, 120)
        for batch in batches:
            self.oracle.arrival[batch.batch_id] = self.arrival(batch)

    def batch_name(self, batch_id):
        status, body = self.ask(batch_id, "limit=1")
        return json.loads(body)["data"]["batchName"] if status == 200 else None

    def arrival(self, batch):
        rows = self.stack.sql(f"SELECT encode(call_id, 'hex') FROM callboard.call WHERE batch_id = '\\x{batch.batch_id}' ORDER BY position")
        order = [row[0] for row in rows]
        if sorted(order) != sorted({call.call_id for call in batch.calls}):
            raise AssertionError(f"batch {batch.batch_id}: {len(order)} calls stored of {len(batch.calls)}; dead letters: {self.stack.ctl('dead-letters', 'list')}")
        return order

    def ask(self, batch_id, query):
        """(status, body). A connection that the server has closed meanwhile is opened again, once."""
        self.asked += 1
        path = f"/api/call/batch-details/{batch_id}" + (f"?{query}" if query else "")
        connection = self.pool[self.asked % len(self.pool)]
        for last_try in (False, True):
            try:
                connection.request("GET", f"/api/call/batch-details/{batch_id}" + (f"?{query}" if query else ""),
                                   headers={"Authorization": f"Bearer {self.token}"})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                if last_try:
                    raise

    def is_supported(self, query):
        """Whether a feature is there: what is not built yet is answered 400 "... not supported yet ..."."""
        batch_id = next(iter(self.oracle.arrival))
        status, body = self.ask(batch_id, query)
        return not (status == 400 and b"not supported" in body)


def cursors(body):
    """(nextCursor, prevCursor) of a body; None without."""
    match = TAIL.search(body)
    return tuple(json.loads(text) for text in match.groups()) if match else (None, None)


def difference(expected, status, body, with_cursors):
    """What is wrong with the answer: None, or a line about it."""
    if status != expected.status:
        return f"status {status}, expected {expected.status} {expected.reason}".rstrip()
    if expected.status != 200:
        return envelope_fault(expected, body)
    tail = TAIL.search(body)
    if not tail:
        return "the body does not end in nextCursor and prevCursor"
    if body[:tail.start()] != expected.head:
        return "other bytes before nextCursor"
    if not with_cursors:
        return None if tail.groups() == (b"null", b"null") else "a cursor where there are none yet"
    for name, wanted, found in zip(("nextCursor", "prevCursor"), (expected.has_next, expected.has_prev), tail.groups()):
        if wanted is not None and wanted != (found != b"null"):
            return f"{name} is {found.decode()}, expected {'one' if wanted else 'null'}"
    return None


def envelope_fault(expected: Answer, body):
    try:
        envelope = json.loads(body)
    except ValueError:
        return "the body is no JSON"
    if list(envelope) != ENVELOPE:
        return f"members {list(envelope)}"
    right = envelope["status"] is False and envelope["code"] == expected.status and envelope["data"] is None
    return None if right and envelope["message"] and envelope["errorMessage"] else "not the envelope of an error"
