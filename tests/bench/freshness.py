#!/usr/bin/env python3
"""Measures how long after Kafka has acknowledged an event a GET shows it.

usage: freshness.py [--rate N]... [--seconds N] [--ingest OPTION]...
  --rate N         events a second (may be repeated; default 200, 2000 and 20000)
  --seconds N      of each rate (default 5)
  --ingest OPTION  a further option of callboard-ingest
Environment: CALLBOARD_BIN (release programs), CALLBOARD_KAFKA_LIBS.

The events are new calls of one batch, so of one partition and in order: once n of them are acknowledged, a current answer
has a total of n. The probe reads the acknowledgements as callboard-dialsim logs them, then asks until the total is there;
what it adds is the time of one GET, which is measured beside. PostgreSQL flushes (fsync and synchronous_commit on).
"""
import argparse
import http.client
import json
import os
import pathlib
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from catch_up import SERVER, batch_event, call_event  # noqa: E402
from kafka import Kafka  # noqa: E402
from postgres import Postgres  # noqa: E402
from stack import BIN, Stack, wait_for  # noqa: E402

BATCH = f"{1:024x}"


class Page:
    """The batch's total, over one connection that is kept."""

    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.headers = {"Authorization": f"Bearer {token}"}

    def total(self):
        self.connection.request("GET", f"/api/call/batch-details/{BATCH}?limit=1", headers=self.headers)
        answer = json.loads(self.connection.getresponse().read())
        return answer["data"]["total"] if answer["status"] else -1


class Acknowledged:
    """How many lines the log has."""

    def __init__(self, path):
        self.log = open(path, "rb")
        self.count = 0

    def read(self):
        while chunk := self.log.read(1 << 16):
            self.count += chunk.count(b"\n")
        return self.count


def write_events(path, topic, calls):
    with open(path, "w", encoding="utf-8") as lines:
        for number, value in enumerate([batch_event(0, BATCH), *(call_event(call, BATCH, call) for call in range(1, calls + 1))]):
            lines.write(json.dumps({"topic": topic, "key": BATCH, "headers": {}, "value": value}) + "\n")


def probe(dialer, log, page, others=1):
    """Milliseconds from acknowledged to visible, one sample after the other, while the dialer runs. `others` are events that are no calls: the batch."""
    samples = []
    while dialer.is_running():
        before = log.read()
        count = wait_for("an acknowledgement", lambda: max(log.read() - before, 0) or not dialer.is_running(), 10, 0.0002)
        began, wanted = time.monotonic(), before + int(count) - others
        while page.total() < wanted and dialer.is_running():
            pass
        if dialer.is_running():
            samples.append((time.monotonic() - began) * 1000)
    return samples


def quantile(samples, share):
    return round(sorted(samples)[min(int(share * len(samples)), len(samples) - 1)], 2)


def get_milliseconds(page, count=200):
    times = []
    for _ in range(count):
        began = time.monotonic()
        page.total()
        times.append((time.monotonic() - began) * 1000)
    return times


def measure(server, broker, rate, options):
    topic = f"t{uuid.uuid4().hex[:8]}"
    broker.create_topics({topic: 4})
    with Stack(server, broker.address, [topic]) as stack, tempfile.TemporaryDirectory() as folder:
        stack.start_ingest(options.ingest).wait_ready()
        query = stack.start_query().wait_ready()
        page = Page(query.port, stack.create_token("bench"))
        events, path = os.path.join(folder, "events"), os.path.join(folder, "acknowledged")
        write_events(events, topic, rate * options.seconds)
        open(path, "w").close()
        dialer = stack.start_dialsim("--from", events, "--topics", topic, "--rate", str(rate), "--ack-log", path, "--progress", "0",
                                     "-X", "linger.ms=0")
        wait_for("the batch", lambda: page.total() > 0, interval=0.002)
        samples = probe(dialer, Acknowledged(path), page)
        get = get_milliseconds(page)
    server.drop_database(stack.database)
    return {"events_per_second": rate, "samples": len(samples), "p50_ms": quantile(samples, 0.5), "p99_ms": quantile(samples, 0.99),
            "get_p50_ms": quantile(get, 0.5), "get_p99_ms": quantile(get, 0.99)}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--rate", type=int, action="append")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--ingest", action="append", default=[])
    options = parser.parse_args()
    if not BIN:
        sys.exit("CALLBOARD_BIN names no folder of programs")
    with Postgres(fsync=True, settings=SERVER) as server, Kafka() as broker:
        for rate in options.rate or (200, 2000, 20000):
            print(json.dumps(measure(server, broker, rate, options)), flush=True)


if __name__ == "__main__":
    main()
