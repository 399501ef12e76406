#!/usr/bin/env python3
"""Times how callboard-ingest catches up with a backlog in a real Apache Kafka, and counts what that costs.

usage: catch_up.py [--events N] [--shape SHAPE] [--topics N] [--partitions N] [--batches N] [--processes N] [--repeat N]
                   [--keep-ahead N] [--ingest OPTION]... [--json]
  --events N       how many events wait (default 400000)
  --shape SHAPE    apart   a call and three statuses of its attempt, other calls' events between them (default)
                   new     calls alone, each a new one
                   together  as apart, the four events of a call one behind the other
  --topics N       1 or 3 (default 3)
  --partitions N   of each topic (default 4)
  --batches N      that the calls are spread over (default 8)
  --processes N    of callboard-ingest (default 1)
  --repeat N       runs, each into a database of its own (default 1)
  --keep-ahead N   calls between the events of one call, for `apart` (default 20000)
  --ingest OPTION  a further option of callboard-ingest, as --ingest=--batch-max-events=1000
  --perf FILE      the first process under `perf record`, into FILE
Environment: CALLBOARD_BIN (release programs), CALLBOARD_KAFKA_LIBS.

PostgreSQL flushes (fsync and synchronous_commit on); the clock runs from the first claimed partition to the commit of the
last event. CPU seconds are those of each side in that time; peak memory is ingest's.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from kafka import Kafka  # noqa: E402
from postgres import Postgres  # noqa: E402
from psql_session import PsqlSession  # noqa: E402
from stack import BIN, Stack, wait_for  # noqa: E402
from usage import Meter, cpu_seconds, peak_mib  # noqa: E402

STATUSES = (("ringing", ""), ("in-progress", ""),
            ("completed", ',"callDuration":73.5,"recordingUrl":"https://recordings.example.com/2025/05/%s.mp3"'))
SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}


# --- the events ---------------------------------------------------------------------------------

def event_time(milliseconds):
    return (datetime.datetime(2025, 5, 15, 14) + datetime.timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds") + "Z"


def event(number, kind, batch, data):
    return (f'{{"specversion":"1.0","id":"e-{number:012x}","source":"/dialers/bench","type":"dialer.{kind}.upserted",'
            f'"time":"{event_time(number)}","data":{{"batchId":"{batch}",{data}}}}}')


def batch_event(number, batch):
    return event(number, "batch", batch, '"ownerId":"bench","batchName":"Bench","batchStatus":"active","createdAt":"2025-05-15T14:00:00Z"')


def call_event(number, batch, call):
    return event(number, "call", batch,
                 f'"callId":"{call:024x}","phoneNumber":"1212{call % 10**7:07d}","createdAt":"{event_time(call)}",'
                 f'"fields":{{"name":"Emily Davis","account_id":"ACC-{call % 99991}","priority":"high","amount":{call % 1000}.50}}')


def attempt_event(number, batch, call, status, more):
    more = more % f"{call:024x}" if "%s" in more else more
    return event(number, "phone-log", batch,
                 f'"callId":"{call:024x}","attempt":1,"callStatus":"{status}","createdAt":"{event_time(call)}"{more}')


def rounds(calls, ahead, shape):
    """(step, call): step 0 is the call, 1 to 3 its statuses."""
    width = 1 if shape == "together" else ahead
    for first in range(0, calls, width):
        block = range(first, min(first + width, calls))
        for step in range(1 if shape == "new" else 1 + len(STATUSES)):
            for call in block:
                yield step, call


def make_events(count, shape, batches, ahead):
    """Yields (topic 0 to 2, key, value)."""
    ids = [f"{number:024x}" for number in range(1, batches + 1)]
    for number, batch in enumerate(ids):
        yield 0, batch, batch_event(number, batch)
    calls = count if shape == "new" else count // (1 + len(STATUSES))
    for number, (step, call) in enumerate(rounds(calls, ahead, shape), len(ids)):
        batch = ids[call % batches]
        if step == 0:
            yield 1, batch, call_event(number, batch, call)
        else:
            yield 2, batch, attempt_event(number, batch, call, *STATUSES[step - 1])


def send(stack, messages):
    """Sends (topic, key, value)s; how many there were, and the end of each partition."""
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        path, log = os.path.join(folder, "events"), os.path.join(folder, "acknowledged")
        with open(path, "w", encoding="utf-8") as lines:
            for topic, key, value in messages:
                lines.write(f'{{"topic":"{topic}","key":"{key}","headers":{{}},"value":{json.dumps(value)}}}\n')
                count += 1
        stack.dialsim("--from", path, "--topics", topic,  # an option that must be there: each event has its own
                       "--ack-log", log, "--progress", "0")
        ends = {}
        with open(log, encoding="utf-8") as lines:
            for line in lines:
                topic, partition, offset = re.match(r'{"topic":"([^"]*)","partition":(\d+),"offset":(\d+)', line).groups()
                place = topic, int(partition)
                ends[place] = max(ends.get(place, 0), int(offset) + 1)
    return count, ends


def fill(stack, options):
    """Sends the events; how many there were, and the end of each partition."""
    events = make_events(options.events, options.shape, options.batches, options.keep_ahead)
    return send(stack, ((stack.topics[topic % len(stack.topics)], key, value) for topic, key, value in events))


# --- what it costs ------------------------------------------------------------------------------

def first_claim(programs):
    """When the first partition was claimed, by the logs."""
    times = [re.match(r"ts=(\S+)", line).group(1) for program in programs for line in program.log_text().splitlines() if "partition claimed" in line]
    return min(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() for text in times)


def stored_partitions(stack, ends):
    """A SELECT: of how many partitions the stored offset has reached its end."""
    rows = ", ".join(f"('{topic}', {partition}, {end})" for (topic, partition), end in ends.items())
    return (f"SELECT count(*) FROM callboard.kafka_offset o JOIN (VALUES {rows}) v (topic, partition, goal) USING (topic, partition)"
            f" WHERE group_id = '{stack.group}' AND next_offset >= goal")


def wait_until_stored(stack, ends):
    """When the last event was seen to be committed, as time.time() tells it."""
    with PsqlSession(stack.server, stack.database) as session:
        wait_for("all events are stored", lambda: session.ask(stored_partitions(stack, ends)) == str(len(ends)), 1200, 0.02)
        return time.time()


def wal_bytes(stack):
    return int(stack.sql("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])


def catch_up(server, broker, topics, ends, count, options, after=lambda stack: None):
    """One run: its figures. `after` is given the stack before its database goes."""
    with Stack(server, broker.address, topics) as stack:
        stack.sql("CHECKPOINT")
        meter, wal_before = Meter({"postgres": server.process.pid, "kafka": broker.pid}), wal_bytes(stack)
        programs = [stack.start_ingest(options.ingest) for _ in range(options.processes)]
        if options.perf:
            wait_for("the first claim", lambda: "partition claimed" in programs[0].log_text())
            recorder = subprocess.Popen(["perf", "record", "-q", "-g", "-o", options.perf, "-p", str(programs[0].process.pid)])
        finished = wait_until_stored(stack, ends)
        if options.perf:
            recorder.terminate()
            recorder.wait()
        seconds = finished - first_claim(programs)
        used, ingest_cpu = meter.read(), sum(cpu_seconds(program.process.pid) for program in programs)
        millions = count / 1e6
        transactions = sum(program.metric("callboard_ingest_transactions_total{outcome=\"committed\"}") for program in programs)
        figures = {
            "events": count, "seconds": round(seconds, 3), "events_per_second": round(count / seconds),
            "ingest_cpu_per_million": round(ingest_cpu / millions, 2),
            "postgres_cpu_per_million": round(used["postgres"] / millions, 2),
            "kafka_cpu_per_million": round(used["kafka"] / millions, 2),
            "peak_mib": round(max(peak_mib(program.process.pid) for program in programs), 1),
            "wal_bytes_per_event": round((wal_bytes(stack) - wal_before) / count, 1),
            "transactions": transactions,
        }
        hot = stack.sql("SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE n_tup_upd > 0 ORDER BY 1")
        figures["hot"] = {name: f"{changed}/{updated}" for name, updated, changed in hot}
        for program in programs:
            program.stop()
        after(stack)
    server.drop_database(stack.database)
    return figures


def parse(arguments):
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--events", type=int, default=400000)
    parser.add_argument("--shape", choices=("apart", "new", "together"), default="apart")
    parser.add_argument("--topics", type=int, choices=(1, 3), default=3)
    for name, default in (("partitions", 4), ("batches", 8), ("processes", 1), ("repeat", 1), ("keep-ahead", 20000)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--ingest", action="append", default=[])
    parser.add_argument("--perf")
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    if not BIN:
        sys.exit("CALLBOARD_BIN names no folder of programs")
    with Postgres(fsync=True, settings=SERVER) as server, Kafka() as broker:
        topics = [f"t{uuid.uuid4().hex[:8]}" for _ in range(options.topics)]
        broker.create_topics({topic: options.partitions for topic in topics})
        with Stack(server, broker.address, topics) as stack:
            count, ends = fill(stack, options)
        for _ in range(options.repeat):
            print(json.dumps(catch_up(server, broker, topics, ends, count, options)), flush=True)


if __name__ == "__main__":
    main()
