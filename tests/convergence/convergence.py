"""Delivers cases (cases.py) and judges what came of them; shrinks what failed.

    failures = run_cases(seeds, rng)        # many at once: one database, one set of topics, one set of processes
    for failure in failures:
        print(failure.report())
"""
import http.client
import json
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import checker  # noqa: E402
from ack_log import model_of  # noqa: E402
from cases import OWNERS, Case  # noqa: E402
from model import call_json, string_json  # noqa: E402
from servers import new_stack  # noqa: E402
from snapshot import Snapshot  # noqa: E402
from stack import end_offsets, read_ack_log  # noqa: E402

FAST_GROUP = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300"]
TRANSACTION_SIZES = (1, 2, 3, 10, 50, 500, 5000)
DELIVERIES = 3
SHRINK_STEPS = 40
SHRINK_REPEATS = 4  # a failure may depend on how the messages fall into transactions


class Delivery:
    """One way in which one case was sent."""

    def __init__(self, case, number, rng):
        self.case = case
        self.number = number
        self.batch_ids = [f"{rng.getrandbits(96):024x}" for _ in range(case.batch_count)]
        self.messages = case.delivery(number, self.batch_ids)


def interleave(deliveries, topics, rng):
    """All messages in one order; those of one delivery keep theirs, and each has a topic."""
    queues = [list(reversed(delivery.messages)) for delivery in deliveries if delivery.messages]
    messages = []
    while queues:
        at = rng.randrange(len(queues))
        for _ in range(rng.choice((1, 1, 3, 20))):
            if not queues[at]:
                break
            messages.append({"topic": rng.choice(topics), **queues[at].pop()})
        if not queues[at]:
            queues[at] = queues[-1]
            queues.pop()
    return messages


class Round:
    """A stack with processes of random number and transaction size, and what is sent through it."""

    def __init__(self, rng):
        self.rng = rng
        self.stack = new_stack(partitions=rng.choice((1, 2, 4)))
        self.sent = 0

    def __enter__(self):
        self.stack.__enter__()
        try:
            self.processes = [self._start_ingest() for _ in range(self.rng.choice((1, 1, 2)))]
            self.query = self.stack.start_query(HTTP_WORKERS="1")
            self.tokens = {owner: self.stack.create_token(owner) for owner in OWNERS}
            for program in [*self.processes, self.query]:
                program.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        self.stack.__exit__()
        self.stack.server.drop_database(self.stack.database)

    def describe(self):
        return "INGEST_BATCH_MAX_EVENTS " + ",".join(program.environment["INGEST_BATCH_MAX_EVENTS"] for program in self.processes)

    def _start_ingest(self):
        return self.stack.start_ingest(FAST_GROUP, INGEST_BATCH_MAX_EVENTS=str(self.rng.choice(TRANSACTION_SIZES)))

    def deliver(self, messages):
        """Sends them, waits until they are stored; the broker's record of them."""
        self.sent += 1
        lines = os.path.join(self.stack.folder, f"messages-{self.sent}.jsonl")
        log = os.path.join(self.stack.folder, f"ack-{self.sent}.jsonl")
        with open(lines, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(message) + "\n" for message in messages)
        self.stack.dialsim("--from", lines, "--ack-log", log)
        records = list(read_ack_log(log))
        if len(records) != len(messages):
            raise RuntimeError(f"{len(messages)} messages were sent, {len(records)} acknowledged")
        self.stack.wait_stored(end_offsets(records), timeout=300)
        return records

    def judge(self, deliveries, records, seen_before=()):
        """{delivery: differences} of those that went wrong, and differences that are nobody's."""
        snapshot = Snapshot(self.stack.server, self.stack.database, self.stack.group)
        model, letters = model_of(records)
        here = {batch_id for delivery in deliveries for batch_id in delivery.batch_ids}
        wrong = {}
        rows = {row[0]: row[1:] for row in snapshot.sql(checker.BATCHES)}
        with Pages(self.query.port) as pages:
            for delivery in deliveries:
                differences = checker.Differences()
                for batch_id in delivery.batch_ids:
                    self._judge_batch(differences, batch_id, model.batches.get(batch_id), rows.get(batch_id), snapshot, pages)
                if differences:
                    wrong[delivery] = list(differences)
        others = list(snapshot.violations[:20]) + [f"batch {batch_id} was never sent" for batch_id in set(rows) - here - set(seen_before)]
        if not seen_before:
            others += checker.check_dead_letters(snapshot, letters)
        return wrong, others

    def _judge_batch(self, differences, batch_id, batch, row, snapshot, pages):
        differences.expect(f"batch {batch_id} is there", batch is not None, row is not None)
        if batch is None or row is None:
            return
        checker.check_batch(snapshot, None, differences, batch_id, batch, row)
        order = [call[0] for call in snapshot.sql(checker.CALLS.format(batch_id))]
        existing = batch.existing_calls()
        if not differences:
            calls = ",".join(call_json(call_id, existing[call_id]) for call_id in order)
            for owner in OWNERS:
                status, body = pages.get(batch_id, self.tokens[owner])
                differences.expect(f"{batch_id} answer to {owner}", 200 if batch.get("ownerId") == owner else 404, status)
                if status == 200:
                    differences.expect(f"{batch_id} page", page_json(batch_id, batch, calls, len(order)), body)


def page_json(batch_id, batch, calls, total):
    """The one page of a batch of up to 1000 calls, byte for byte."""
    name, status = (("null" if batch.get(field) is None else string_json(batch.get(field))) for field in ("batchName", "batchStatus"))
    return ('{"message":"Calls fetched successfully","status":true,"code":200,"errorMessage":"","data":{"batchId":"' + batch_id + '","batchName":' + name
            + ',"batchStatus":' + status + f',"page":1,"limit":1000,"total":{total},"totalPages":{1 if total else 0},"data":[' + calls
            + '],"nextCursor":null,"prevCursor":null}}')


class Pages:
    """GET over one connection."""

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._connection.close()

    def get(self, batch_id, token):
        self._connection.request("GET", f"/api/call/batch-details/{batch_id}?limit=1000", headers={"Authorization": f"Bearer {token}"})
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()


class Failure:
    def __init__(self, delivery, differences, messages, how):
        self.delivery = delivery
        self.differences = differences
        self.messages = messages
        self.how = how

    def report(self):
        head = f"case {self.delivery.case.seed}, delivery {self.delivery.number} ({self.how}), {len(self.messages)} messages after shrinking" if self.delivery else self.how
        lines = "\n".join(json.dumps(message) for message in self.messages)
        return f"{head}\n" + "\n".join(f"  {difference}" for difference in self.differences) + (f"\nreplay with callboard-dialsim --from FILE:\n{lines}" if lines else "")


def run_cases(seeds, rng):
    """Delivers the cases of these seeds in one round. A list of failures, the first of them shrunk."""
    with Round(rng) as current:
        deliveries = [Delivery(case, number, rng) for case in map(Case, seeds) for number in range(DELIVERIES)]
        messages = interleave(deliveries, current.stack.topics, rng)
        if rng.random() < 0.3:  # another process joins in the middle
            current.processes.append(current._start_ingest())
        records = current.deliver(messages)
        wrong, others = current.judge(deliveries, records)
        failures = [Failure(None, others, [], f"in a round of {len(seeds)} cases, {current.describe()}")] if others else []
        for delivery, differences in wrong.items():
            shrunk = shrink(current, delivery.messages, delivery.case.batch_count) if not failures else delivery.messages
            failures.append(Failure(delivery, differences, shrunk, current.describe()))
        for program in current.processes:
            status = program.stop()
            if status != 0:
                failures.append(Failure(None, [f"ingest ended with {status}: {program.log_tail()}"], [], current.describe()))
        return failures, len(messages)


# --- shrinking -------------------------------------------------------------------------------------------

class Candidate:
    """A shorter list of messages, on batches of its own."""

    def __init__(self, messages, old_ids, topic, rng):
        self.original = messages
        self.batch_ids = [f"{rng.getrandbits(96):024x}" for _ in old_ids]
        text = json.dumps([{"topic": topic, **message, "key": None} for message in messages])
        for old, new in zip(old_ids, self.batch_ids):
            text = text.replace(old, new).replace(old.upper(), new.upper())
        self.messages = json.loads(text)


def batch_ids_of(messages):
    model, _ = model_of(dict(message, mode="binary" if message["headers"] else "structured", topic="", partition=0, offset=n)
                        for n, message in enumerate(messages))
    return sorted(model.batches)


def fails(current, candidates):
    """The first of the lists of messages that still fails, or None. All are tried at once, several times each."""
    tries = [Candidate(messages, batch_ids_of(messages), current.stack.topics[0], current.rng) for messages in candidates for _ in range(SHRINK_REPEATS)]
    sent = interleave(tries, current.stack.topics[:1], current.rng)
    records = current.deliver(sent)
    everything = {row[0] for row in current.stack.sql("SELECT encode(batch_id, 'hex') FROM callboard.batch")}
    wrong, _ = current.judge(tries, records, seen_before=everything | {"other"})
    return next((one.original for one in tries if one in wrong), None)


def shorter(messages, size):
    """Every list without one run of `size` messages."""
    return [messages[:at] + messages[at + size:] for at in range(0, len(messages), size) if len(messages) > size]


def shrink(current, messages, batch_count):
    """Fewer messages that still fail; the same ones when the failure does not show itself again."""
    best = [message for message in messages if not message["poison"]] or messages
    if not fails(current, [best]):
        return messages
    size = max(len(best) // 2, 1)
    for _ in range(SHRINK_STEPS):
        found = fails(current, shorter(best, size)) if len(best) > size else None
        if found:
            best = found
        elif size == 1:
            break
        if not found or size > len(best) // 2:
            size = max(min(size, len(best)) // 2, 1)
    return best
