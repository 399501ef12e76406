"""The lines about events: I1 (catching up with a backlog), I2 (freshness), I3 (what ingest takes).

Both sides read the same Apache Kafka and write to the same PostgreSQL. Debezium's sink is given the same events as flat
records; COPY the rows that they come to.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
import uuid

import catch_up
import debezium
import freshness
from psql_session import PsqlSession
from query_lines import WrongAnswer, steps
from report import Goal, Line, Skipped
from rig import LOCAL, Missing
from stack import Stack, wait_for
from usage import Meter, peak_mib

TABLES = ("batch", "call", "attempt", "batch_status")
BATCHES, PARTITIONS, AHEAD = 8, 4, 20000
SIDES = (("default", 1), ("rewrite", 1), ("rewrite", 2), ("unnest", 1), ("unnest", 2))
QUICK_SIDES = SIDES[:2]
WHAT = {"apart": "catch-up, 4 events a call, apart", "new": "catch-up, new calls only"}


# --- what waits ---------------------------------------------------------------------------------

def flat_events(count, shape):
    """What make_events() tells, as flat records: (table, batch, value). The batches themselves are left out."""
    ids = [f"{number:024x}" for number in range(1, BATCHES + 1)]
    calls = count if shape == "new" else count // (1 + len(catch_up.STATUSES))
    for step, call in catch_up.rounds(calls, AHEAD, shape):
        yield flat_call(ids[call % BATCHES], call) if step == 0 else flat_log(ids[call % BATCHES], call, step)


def flat_call(batch, call):
    fields = f'{{"name":"Emily Davis","account_id":"ACC-{call % 99991}","priority":"high","amount":{call % 1000}.50}}'
    return "calls", batch, json.dumps({"batch_id": batch, "call_id": f"{call:024x}", "phone_number": f"1212{call % 10**7:07d}", "fields": fields,
                                       "created_at": catch_up.event_time(call)}, separators=(",", ":"))


def flat_log(batch, call, step):
    last = step == len(catch_up.STATUSES)
    more = {"call_duration": 73.5, "recording_url": f"https://recordings.example.com/2025/05/{call:024x}.mp3"} if last else {}
    return "phone_logs", batch, json.dumps({"batch_id": batch, "call_id": f"{call:024x}", "attempt": 1, "call_status": catch_up.STATUSES[step - 1][0],
                                            "created_at": catch_up.event_time(call), **more}, separators=(",", ":"))


def new_topics(rig, names):
    """{name: a topic of its own}"""
    topics = {name: f"{name.replace('_', '-')}-{uuid.uuid4().hex[:8]}" for name in names}
    rig.kafka.create_topics({topic: PARTITIONS for topic in topics.values()})
    return topics


class Backlog:
    """The same events as Callboard reads them and as the sink does, in topics of their own."""

    def __init__(self, rig, shape, count, ours=True, flat=True):
        self.shape, self.calls = shape, count if shape == "new" else count // 4
        if ours:
            self._send_ours(rig, shape, count)
        if flat:
            self._send_flat(rig, shape, count)

    def _send_ours(self, rig, shape, count):
        topics = list(new_topics(rig, ("batches", "calls", "logs")).values())
        self.topics, events = topics, catch_up.make_events(count, shape, BATCHES, AHEAD)
        self.count, self.ends = catch_up.send(rig.stack, ((topics[kind], key, value) for kind, key, value in events))

    def _send_flat(self, rig, shape, count):
        self.flat = new_topics(rig, ("calls",) if shape == "new" else ("calls", "phone_logs"))
        self.flat_count, _ = catch_up.send(rig.stack, ((self.flat[table], key, value) for table, key, value in flat_events(count, shape)))

    def last_seen(self):
        """A SELECT: whether the last call of each batch, of which each lies in one partition, and its last status are in the sink's tables."""
        last = ", ".join(f"('{call % BATCHES + 1:024x}', '{call:024x}')" for call in range(self.calls - BATCHES, self.calls))
        logs = "" if self.shape == "new" else \
            f" AND {BATCHES} = (SELECT count(*) FROM phone_logs WHERE (batch_id, call_id) IN ({last}) AND call_status = 'completed')"
        return f"SELECT {BATCHES} = (SELECT count(*) FROM calls WHERE (batch_id, call_id) IN ({last})){logs}"


# --- I1 -----------------------------------------------------------------------------------------

def ours_must_be_right(stack, backlog):
    """Counts, and of every attempt what its last status said."""
    attempts = 0 if backlog.shape == "new" else backlog.calls
    row = stack.sql("SELECT (SELECT count(*) FROM callboard.call WHERE phone_number LIKE '1212%' AND fields LIKE '%\"amount\"%'),"
                    " (SELECT sum(calls) FROM callboard.batch WHERE owner_id = 'bench'), (SELECT count(*) FROM callboard.attempt a"
                    " JOIN callboard.call c USING (batch_id, position) WHERE call_status = 'completed' AND call_duration_ms = 73500"
                    " AND recording_url LIKE '%' || encode(call_id, 'hex') || '.mp3'), (SELECT count(*) FROM callboard.attempt),"
                    " (SELECT count(*) FROM callboard.dead_letter)")[0]
    if row != (str(backlog.calls), str(backlog.calls), str(attempts), str(attempts), "0"):
        raise WrongAnswer(f"{backlog.calls} calls and {attempts} attempts became {row}")


def sinks_must_be_right(server, database, backlog):
    attempts = 0 if backlog.shape == "new" else backlog.calls
    row = server.sql("SELECT (SELECT count(*) FROM calls WHERE phone_number LIKE '1212%' AND fields LIKE '%\"amount\"%'), (SELECT count(*) FROM phone_logs"
                     " WHERE call_status = 'completed' AND call_duration = 73.5 AND recording_url LIKE '%' || call_id || '.mp3'),"
                     " (SELECT count(*) FROM phone_logs)", database)[0]
    if row != (str(backlog.calls), str(attempts), str(attempts)):
        raise WrongAnswer(f"Debezium: {backlog.calls} calls and {attempts} attempts became {row}")


def psql(server, database, *commands):
    """All in one session and one transaction."""
    arguments = [argument for command in commands for argument in ("-c", command)]
    subprocess.run([server.psql, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", *arguments, server.url(database)], check=True, stdin=subprocess.DEVNULL)


class Sample:
    """A run: units a second, and microseconds of CPU time a unit."""

    def __init__(self, units, seconds, used, peak=None, wal=None):
        self.rate, self.peak, self.wal = units / seconds, peak, wal
        self.cost = {name: 1e6 * value / units for name, value in used.items()}


def run_ours(rig, backlog, after=lambda stack: None, processes=1):
    def check(stack):
        ours_must_be_right(stack, backlog)
        after(stack)

    options = argparse.Namespace(ingest=[], processes=processes, perf=None)
    found = catch_up.catch_up(rig.server, rig.kafka, backlog.topics, backlog.ends, backlog.count, options, check)
    millions = backlog.count / 1e6
    used = {name: found[f"{key}_cpu_per_million"] * millions for name, key in (("service", "ingest"), ("postgres", "postgres"), ("broker", "kafka"))}
    return Sample(backlog.count, found["seconds"], used, found["peak_mib"], found["wal_bytes_per_event"])


def copy_out(rig, folder):
    """A function that writes the rows of a stack to files."""
    return lambda stack: psql(rig.server, stack.database, *(f"\\copy callboard.{table} TO '{folder}/{table}' (FORMAT binary)" for table in TABLES))


def run_copy(rig, folder):
    """COPY BINARY of the files into a migrated database, in one transaction. The units are rows."""
    with Stack(rig.server, rig.kafka.address, rig.stack.topics) as stack:
        stack.sql("CHECKPOINT")
        meter, began = Meter({"postgres": rig.server.process.pid}), time.monotonic()
        psql(rig.server, stack.database, *(f"\\copy callboard.{table} FROM '{folder}/{table}' (FORMAT binary)" for table in TABLES))
        seconds, used = time.monotonic() - began, meter.read()
        rows = int(stack.sql("SELECT (SELECT count(*) FROM callboard.call) + (SELECT count(*) FROM callboard.attempt)")[0][0])
    rig.server.drop_database(stack.database)
    return Sample(rows, seconds, used)


def run_sink(rig, worker, backlog, settings, tasks):
    database = f"sink_{uuid.uuid4().hex[:8]}"
    debezium.create_tables(rig.server, database)
    rig.server.sql("CHECKPOINT")
    meter = Meter({"service": worker.pid, "postgres": rig.server.process.pid, "broker": rig.kafka.pid})
    with PsqlSession(rig.server, database) as session, worker.sink(settings, rig.server, database, backlog.flat, tasks) as names:
        began = time.monotonic()
        wait_for(f"Debezium ({settings}) has written everything",
                 lambda: session.ask(backlog.last_seen()) == "t" or not all(worker.must_run(name, tasks) for name in names), 600, 0.02)
        seconds, used = time.monotonic() - began, meter.read()
    sinks_must_be_right(rig.server, database, backlog)
    rig.server.drop_database(database)
    return Sample(backlog.flat_count, seconds, used, peak_mib(worker.pid))


def label(settings, tasks):
    how = {"default": "default", "rewrite": "tuned, rewriting", "unnest": "tuned, unnest"}[settings]
    return f"Debezium, {how}, {tasks} task{'s' if tasks > 1 else ''} a topic"


def lines_of(name, what, other, ours, others, goal, units="events/s"):
    cost = {}
    for side, samples in (("ours", ours), ("other", others)):
        for part in samples[0].cost:
            cost[f"{side} {part}"] = statistics.median(sample.cost[part] for sample in samples)
    peaks = {side: max(sample.peak for sample in samples) for side, samples in (("ours", ours), ("other", others)) if samples[0].peak}
    return Line(name, what, other, units, [sample.rate for sample in ours], [sample.rate for sample in others], goal, cost, peaks)


def cpu_line(what, ours, sinks):
    """Beside the setting of Debezium that takes least."""
    side = min(sinks, key=lambda side: statistics.median(sample.cost["service"] for sample in sinks[side]))
    return Line("I3", f"CPU time of ingest, {what}", f"worker of {label(*side)}", "us/event", [sample.cost["service"] for sample in ours],
                [sample.cost["service"] for sample in sinks[side]], Goal("at most", 0.2))


def sinks_of(rig, skipped, name):
    """The worker, in a list; none where it cannot be had."""
    try:
        return [rig.worker]
    except Missing as reason:
        skipped.append(Skipped(name, "Debezium's JDBC sink", str(reason)))
        return []


def i1_shape(rig, options, shape):
    backlog, skipped = Backlog(rig, shape, options.events, flat=False), []
    # The sink is so much slower that it is given a quarter of it: its figure is a rate.
    quarter = Backlog(rig, shape, options.events // 4, ours=False)
    sides = (QUICK_SIDES if options.quick else SIDES) if sinks_of(rig, skipped, "I1") else ()
    ours, copies, sinks = [], [], {side: [] for side in sides}
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        run_ours(rig, backlog, copy_out(rig, folder))
        for side in sides[:2]:
            run_sink(rig, rig.worker, quarter, *side)  # its compiler is warm then
        for _ in range(options.repetitions):
            ours.append(run_ours(rig, backlog))
            copies.append(run_copy(rig, folder))
            for side in sides:
                sinks[side].append(run_sink(rig, rig.worker, quarter, *side))
    found = [lines_of("I1", WHAT[shape], "COPY BINARY of the rows, rows/s", ours, copies, Goal("at least", 0.8))]
    found += [lines_of("I1", WHAT[shape], label(*side), ours, samples, Goal("at least", 10 if side[0] == "default" else 5)) for side, samples in sinks.items()]
    return found + ([cpu_line(WHAT[shape], ours, sinks)] if sinks else []) + skipped


def i1(rig, options):
    """A backlog of calls with the three statuses of their attempts, and one of new calls."""
    return [line for shape in options.shapes for line in i1_shape(rig, options, shape)]


def growth(rig, options):
    """I1 until ten times as many calls are stored."""
    rates = {}
    for size in options.long_growth:
        backlog = Backlog(rig, "apart", 4 * size, flat=False)
        rates[size] = [run_ours(rig, backlog).rate for _ in range(options.repetitions)]
    return steps("I1, four events a call,", "events/s", rates, Goal("at least", 1 / 1.3))


# --- I2 -----------------------------------------------------------------------------------------

def flush_milliseconds(rig, count=200):
    """(p50, p99) of writing a block of the log's size to PostgreSQL's disk and waiting until it is there."""
    path, times = os.path.join(rig.server.folder, "flush"), []
    with open(path, "wb", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            os.pwrite(file.fileno(), b"\0" * 8192, 0)
            os.fdatasync(file.fileno())
            times.append(1e3 * (time.perf_counter() - began))
    os.unlink(path)
    return freshness.quantile(times, 0.5), freshness.quantile(times, 0.99)


class SinkTotal:
    """How many of the batch's calls are visible: they are numbered, sent and written in their order."""

    def __init__(self, session):
        self.session = session

    def total(self):
        last = self.session.ask("SELECT coalesce((SELECT call_id FROM calls ORDER BY batch_id DESC, call_id DESC LIMIT 1), '0')")
        return int(last, 16)


def write_flat_calls(path, topic, calls):
    with open(path, "w", encoding="utf-8") as lines:
        for call in range(1, calls + 1):
            _, batch, value = flat_call(freshness.BATCH, call)
            lines.write(json.dumps({"topic": topic, "key": batch, "headers": {}, "value": value}) + "\n")


def sink_freshness(rig, worker, settings, rate, seconds):
    database, topics = f"sink_{uuid.uuid4().hex[:8]}", new_topics(rig, ("calls",))
    debezium.create_tables(rig.server, database)
    with PsqlSession(rig.server, database) as session, tempfile.TemporaryDirectory() as folder, \
            worker.sink(settings, rig.server, database, topics):
        events, log = os.path.join(folder, "events"), os.path.join(folder, "acknowledged")
        write_flat_calls(events, topics["calls"], rate * seconds)
        open(log, "w", encoding="utf-8").close()
        dialer = rig.stack.start_dialsim("--from", events, "--topics", topics["calls"], "--rate", str(rate), "--ack-log", log, "--progress", "0",
                                         "-X", "linger.ms=0")
        page = SinkTotal(session)
        wait_for("the first call", lambda: page.total() > 0, interval=0.002)
        samples = freshness.probe(dialer, freshness.Acknowledged(log), page, 0)
    rig.server.drop_database(database)
    return freshness.quantile(samples, 0.5), freshness.quantile(samples, 0.99)


def our_freshness(rig, rate, seconds):
    found = freshness.measure(rig.server, rig.kafka, rate, argparse.Namespace(seconds=seconds, ingest=[]))
    return found["p50_ms"], found["p99_ms"]


def beside_sinks(rate, ours, sinks):
    """p50 and p99 beside the setting of Debezium that does best in it."""
    for place, name in enumerate(("p50", "p99")):
        best = min(sinks, key=lambda settings: statistics.median(sample[place] for sample in sinks[settings]))
        yield Line("I2", f"fresh at {rate:,} events/s, {name}", label(best, 1), "ms", [sample[place] for sample in ours],
                   [sample[place] for sample in sinks[best]], Goal("at most", 0.1))


def beyond_flush(rate, ours, flushes):
    for place, (name, most) in enumerate((("p50", 2.0), ("p99", 10.0))):
        beyond = [max(sample[place] - flush[place], 0.0) for sample, flush in zip(ours, flushes)]
        flush = statistics.median(flush[place] for flush in flushes)
        yield Line("I2", f"fresh at {rate:,} events/s, {name} beyond a flush of {flush:.2f} ms", f"{most:g} ms", "ms", beyond, [most] * len(beyond),
                   Goal("at most", 1) if rate == 2000 else None)


def i2(rig, options):
    """From acknowledged by Kafka to visible: in a GET; for Debezium in a SELECT."""
    found, skipped = [], []
    workers = sinks_of(rig, skipped, "I2")
    settings = ("default", "rewrite") if workers else ()
    for rate in options.rates:
        ours, flushes, sinks = [], [], {name: [] for name in settings}
        for _ in range(options.repetitions):
            flushes.append(flush_milliseconds(rig))
            ours.append(our_freshness(rig, rate, options.seconds))
            for name in settings:
                sinks[name].append(sink_freshness(rig, rig.worker, name, rate, options.seconds))
        found += [*beyond_flush(rate, ours, flushes), *(beside_sinks(rate, ours, sinks) if sinks else ())]
    return found + skipped


# --- I3 -----------------------------------------------------------------------------------------

def i3(rig, options):
    """Peak memory of ingest while a backlog waits; its CPU time is measured by I1."""
    topics = list(new_topics(rig, ("batches", "calls", "logs")).values())
    events, sent = min(options.backlog, 400000), 0
    while sent < options.backlog:  # the same events again: what waits need not be new
        kinds = catch_up.make_events(events, "apart", BATCHES, AHEAD)
        sent += catch_up.send(rig.stack, ((topics[kind], key, value) for kind, key, value in kinds))[0]
    peaks = []
    for _ in range(options.repetitions):
        with Stack(rig.server, rig.kafka.address, topics) as stack:
            ingest = stack.start_ingest().wait_ready()
            time.sleep(options.seconds)  # this is the load: it reads as fast as it can
            peaks.append(peak_mib(ingest.process.pid))
            ingest.stop()
        rig.server.drop_database(stack.database)
    return [Line("I3", f"peak memory of ingest while {sent / 1e6:.1f} M events wait", "128 MiB", "MiB", peaks, [128.0] * len(peaks), Goal("at most", 1))]
