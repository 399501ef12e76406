"""The lines about answers: Q1 to Q6, and their growth."""
import http.client
import json
import math
import os
import random
import re
import resource
import socket
import statistics
import subprocess
import threading
import time

import dataset
import http_load
from report import Goal, Line, Skipped
from rig import BIN, HERE, LOCAL, Missing, fetch, page_path
from usage import Meter, peak_mib, resident_kib

PEERS = (("go", "Go net/http + pgx", 4), ("fastify", "Fastify + pg", 6))
RANDOM = random.Random(20250515)


class WrongAnswer(Exception):
    """The two sides do not say the same: their times mean nothing."""


# --- loads --------------------------------------------------------------------------------------

def random_pages(calls, count=50000):
    pages = calls // 10
    return [page_path(RANDOM.randint(1, pages)) for _ in range(min(count, pages))]


def targets(name, lines):
    return http_load.write_targets(LOCAL / f"{name}.targets", lines)


def pgbench(rig, script, seconds, connections, variables, jobs=1):
    """Transactions a second."""
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", str(jobs), "-T", str(seconds), "-f", str(HERE / "peers/pgbench" / script)]
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    done = subprocess.run([*command, rig.server.url(rig.stack.database, "callboard_reader")], capture_output=True, text=True, check=True)
    if "number of failed transactions: 0" not in done.stdout:
        raise WrongAnswer(done.stdout)
    return float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))


def pgbench_variables(rig, calls):
    return {"pages": calls // 10, "batch": "\\x" + dataset.BATCH, "token_hash": "\\x" + dataset.token_hash(rig.token)}


def must_agree(rig, port, other, pages):
    """Same calls, same total, on some pages."""
    for page in pages:
        sides = [json.loads(fetch(at, page_path(page), rig.token)[1])["data"] for at in (port, other)]
        if any(sides[0][name] != sides[1][name] for name in ("total", "totalPages", "data", "batchName")):
            raise WrongAnswer(f"page {page}: {sides[0]} is not {sides[1]}")


class Side:
    """One side of a line: how it is run for some seconds, and whose CPU time it takes."""

    def __init__(self, name, run, roots, without=()):
        self.name, self.run, self.roots, self.without = name, run, roots, without
        self.rates, self.cost = [], {name: [] for name in roots}

    def repeat(self, seconds):
        meter = Meter(self.roots, self.without)
        rate = self.run(seconds)
        self.rates.append(rate)
        for name, used in meter.read().items():
            self.cost[name].append(1e6 * used / (rate * seconds))

    def costs(self, label):
        return {f"{label} {name}": statistics.median(values) for name, values in self.cost.items()}


def interleave(ours, others, repetitions, seconds):
    """One side after the other, again and again. Each is run once before: plans are made, and just-in-time compilers done."""
    for side in (ours, *others):
        side.run(seconds)
    for _ in range(repetitions):
        for side in (ours, *others):
            side.repeat(seconds)


def compare(name, what, unit, ours, others, goals, memory=None):
    return [Line(name, what, other.name, unit, ours.rates, other.rates, goal, {**ours.costs("ours"), **other.costs("other")}, memory or {})
            for other, goal in zip(others, goals)]


def http_side(rig, name, port, pid, file, connections):
    return Side(name, lambda seconds: http_load.run(port, file, connections, seconds, rig.token)["rate"],
                {"service": pid, "postgres": rig.server.process.pid})


def peers(rig, line, skipped):
    """(label, goal's ratio, port, pid) of each peer that can be had; those that cannot go to `skipped`."""
    for name, label, times in PEERS:
        try:
            yield (label, times, *rig.peer(name))
        except Missing as reason:
            skipped.append(Skipped(line, label, str(reason)))


def peer_sides(rig, ours_port, file, connections, calls, skipped):
    found = []
    for label, times, port, pid in peers(rig, "Q1", skipped):
        must_agree(rig, ours_port, port, (1, 2, calls // 20, calls // 10))
        found.append((http_side(rig, label, port, pid, file, connections), Goal("at least", times)))
    return found


# --- the lines ----------------------------------------------------------------------------------

def q1(rig, options):
    """Random pages of ten calls with their attempts."""
    calls = options.calls
    rig.filled(calls)
    query = rig.start_query()
    file = targets("q1", random_pages(calls))
    variables = pgbench_variables(rig, calls)
    found, skipped = [], []
    for count in options.connections:
        ours = http_side(rig, "Callboard", query.port, query.process.pid, file, count)
        others = [(Side("pgbench, prepared", lambda seconds, count=count: pgbench(rig, "page.sql", seconds, count, variables),
                        {"postgres": rig.server.process.pid}), Goal("at least", 2)),
                  *peer_sides(rig, query.port, file, count, calls, skipped)]
        interleave(ours, [side for side, _ in others], options.repetitions, options.seconds)
        found += compare("Q1", f"random pages, {count} connections", "pages/s", ours, [side for side, _ in others], [goal for _, goal in others],
                         {"ours": peak_mib(query.process.pid)})
    query.stop()
    return found + skipped


def not_modified(load):
    """Answers a second of a load of which all answers must have been 304: those have no body, a page has 5 kB."""
    if load["bytes"] / load["requests"] > 1000:
        raise WrongAnswer(f"{load['bytes'] / load['requests']:.0f} bytes an answer: not all of them were 304")
    return load["rate"]


def q3(rig, options):
    """304 answers beside full ones, random pages of which the client knows the tag."""
    rig.filled(options.calls)
    query = rig.start_query()
    paths = random_pages(options.calls, 2000)
    known = [(path, fetch(query.port, path, rig.token)[0]["ETag"]) for path in paths]
    file = targets("q3", known)
    # The pages of Q1: as many as a caller who knows none of them asks for.
    ours = Side("304", lambda seconds: not_modified(http_load.run(query.port, file, 16, seconds, rig.token)),
                {"service": query.process.pid, "postgres": rig.server.process.pid})
    other = http_side(rig, "Q1: 200, random pages", query.port, query.process.pid, targets("q3-q1", random_pages(options.calls)), 16)
    interleave(ours, [other], options.repetitions, options.seconds)
    query.stop()
    return compare("Q3", "304 answers, 16 connections", "answers/s", ours, [other], [Goal("at least", 3)])


class Traffic:
    """2,000 events a second of callboard-dialsim into a batch of its own, through Kafka and ingest."""

    def __init__(self, rig, batch, rate=2000, calls=4000000):
        self.rig, self.batch = rig, batch
        self.arguments = ["--owner", dataset.OWNER, "--batch-id", batch, "--calls", str(calls), "--rate", str(rate), "--transcripts", "off",
                          "--lines", "2000", "--progress", "0"]

    def __enter__(self):
        self.ingest = self.rig.stack.start_ingest().wait_ready()
        self.dialer = self.rig.stack.start_dialsim(*self.arguments)
        return self

    def __exit__(self, *unused):
        self.dialer.stop()
        self.ingest.stop()


def wait_for_calls(query, rig, batch, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        page = query.page(batch, rig.token)
        if page and page["total"] >= count:
            return
        time.sleep(0.05)
    raise WrongAnswer(f"batch {batch} has not got {count} calls")


def watched(rig, port, path, batch, seconds):
    """Pages a second that 64 dashboards get. None may lack a call that was known to be committed when it was asked for."""
    environment = {**os.environ, "BENCH_TOKEN": rig.token, "DATABASE_URL": rig.server.url(rig.stack.database)}
    done = subprocess.run([os.path.join(BIN, "dashboards"), str(port), path, "64", str(seconds), batch], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise WrongAnswer(done.stderr[-2000:])
    found = json.loads(done.stdout)
    if found["stale"]:
        raise WrongAnswer(f"{found['stale']} of {found['requests']} answers lacked what had been committed before they were asked for")
    if found["calls_after"] <= found["calls_before"]:
        raise WrongAnswer("the batch was not written to while it was watched")
    return found["requests"] / found["seconds"]


def writers(rig):
    """Processes of PostgreSQL that work for ingest and for the server itself, not for who reads."""
    rows = rig.stack.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'callboard_writer' OR backend_type NOT IN ('client backend', 'parallel worker')")
    return [int(pid) for (pid,) in rows]


def q2(rig, options):
    """One batch watched by 64 dashboards while it receives 2,000 events a second."""
    batch = "%024x" % RANDOM.getrandbits(96)
    rig.filled(options.calls)
    query, skipped = rig.start_query(), []
    path = f"/api/call/batch-details/{batch}?page=1&limit=10"
    with Traffic(rig, batch):
        wait_for_calls(query, rig, batch, 1000)
        without, postgres = writers(rig), rig.server.process.pid

        def side(label, port, pid):
            return Side(label, lambda seconds: watched(rig, port, path, batch, seconds), {"service": pid, "postgres": postgres}, without)

        variables = {**pgbench_variables(rig, 10), "batch": "\\x" + batch}
        others = [(Side("pgbench, prepared", lambda seconds: pgbench(rig, "page.sql", seconds, 64, variables), {"postgres": postgres}, without),
                   Goal("at least", 5))]
        others += [(side(label, port, pid), None) for label, _, port, pid in peers(rig, "Q2", skipped)]
        ours = side("Callboard", query.port, query.process.pid)
        interleave(ours, [other for other, _ in others], options.repetitions, options.seconds)
    query.stop()
    return compare("Q2", "64 dashboards on one busy batch, all answers current", "pages/s", ours, [other for other, _ in others],
                   [goal for _, goal in others]) + skipped


def latencies(port, token, paths, most_seconds=None):
    """Seconds of each request, one connection; of the first ones only, where the time runs out."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=150)
    found, end = [], time.perf_counter() + (most_seconds or math.inf)
    for path in paths:
        began = time.perf_counter()
        if began > end:
            break
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        found.append(time.perf_counter() - began)
        if answer.status != 200:
            raise WrongAnswer(f"{path}: {answer.status} {body[:300]!r}")
    connection.close()
    return found


def must_be_there(rig, query, calls, page, order):
    """The calls of a page, which follow from its number: the dataset numbers them in the order of their arrival."""
    answer = json.loads(fetch(query.port, page_path(page, f"&sortOrder={order}"), rig.token)[1])["data"]
    first = (page - 1) * 10 + 1
    numbers = range(first, first + 10) if order == "asc" else range(calls - first + 1, calls - first - 9, -1)
    ids = [call["_id"] for call in answer["data"]]
    if answer["total"] != calls or ids != [f"{number:024x}" for number in numbers]:
        raise WrongAnswer(f"page {page}, {order}: {answer['total']} calls, {ids}")


def q4(rig, options):
    """A page at any depth beside the first ones, and beside OFFSET."""
    calls = options.deep_calls
    rig.filled(calls)
    query = rig.start_query()
    pages, around, found = calls // 10, min(100, calls // 10000), []
    for order in ("asc", "desc"):
        for percent in (1, 50, 99):
            first, deep, shift = [], [], 0
            for _ in range(options.repetitions):
                shift += around  # pages that nobody has asked for yet
                more = f"&sortOrder={order}"
                near = [page_path(1 + shift + i, more) for i in range(around)]
                aside = shift if percent <= 50 else -shift - around
                far = [page_path(pages * percent // 100 + aside + i, more) for i in range(around)]
                first.append(1e3 * statistics.median(latencies(query.port, rig.token, near)))
                deep.append(1e3 * statistics.median(latencies(query.port, rig.token, far)))
            must_be_there(rig, query, calls, pages * percent // 100, order)
            found.append(Line("Q4", f"page at {percent} % of {calls:,} calls, {order}", "its first pages", "ms", deep, first, Goal("at most", 1.5)))
    offsets, deep = [], []
    for repetition in range(options.repetitions):
        paths = [page_path(pages // 2 + 10000 + 100 * repetition + i) for i in range(100)]
        deep.append(1e3 * statistics.median(latencies(query.port, rig.token, paths)))
        tps = pgbench(rig, "offset.sql", 2, 1, {"batch": "\\x" + dataset.BATCH, "skip": calls // 2})
        offsets.append(1e3 / tps)
    found.append(Line("Q4", f"page at 50 % of {calls:,} calls", "OFFSET in SQL", "ms", deep, offsets))
    query.stop()
    return found


def idle_connections(port, token, count):
    """Open connections, each of which has got a page."""
    return [ask_once(socket.create_connection(("127.0.0.1", port), timeout=60), token) for _ in range(count)]


def ask_once(connection, token):
    """Asks for a page over the connection, which stays open; the connection."""
    connection.sendall(f"GET {page_path(1)} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    body = answer.read()
    if answer.status != 200:
        raise WrongAnswer(f"an idle connection got {answer.status} {body[:300]!r}")
    return connection


def open_files(wanted):
    """How many files a process may have open, which becomes this one's limit and that of those it starts: `wanted`, or what the system allows."""
    hardest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hardest)))
    except ValueError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hardest), hardest))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def q6_once(rig, options, file, count):
    """(p99 without, p99 beside `count` idle connections, KiB for each of them), by a service that has just been started.

    Alone, beside, beside, alone: what becomes slower or faster meanwhile counts for both sides.
    """
    query = rig.start_query(HTTP_MAX_CONNECTIONS=str(2 * count + 1000))  # they are dealt out unevenly to the workers, each of which has its share

    def p99_milliseconds():
        return http_load.run(query.port, file, 16, options.seconds, rig.token)["p99_us"] / 1e3

    p99_milliseconds()  # plans are made, buffers have their size
    alone = [p99_milliseconds()]
    before = resident_kib(query.process.pid)
    connections = idle_connections(query.port, rig.token, count)
    each = (resident_kib(query.process.pid) - before) / count
    beside = [p99_milliseconds() for _ in range(2)]
    for connection in connections:
        ask_once(connection, rig.token).close()
    alone.append(p99_milliseconds())
    query.stop()
    return statistics.mean(alone), statistics.mean(beside), each


def q6(rig, options):
    """Ten thousand idle connections beside Q1, or as many as this machine's limit of open files lets the service have."""
    count = min(options.idle, (open_files(2 * options.idle + 2000) - 2000) // 2)
    rig.filled(options.calls)
    file = targets("q6", random_pages(options.calls))
    samples = [q6_once(rig, options, file, count) for _ in range(options.repetitions)]
    alone, beside, each = map(list, zip(*samples))
    return [Line("Q6", f"p99 beside {count:,} idle connections", "p99 without them", "ms", beside, alone, Goal("at most", 1.2)),
            Line("Q6", "memory of an idle connection", "20 KiB", "KiB", each, [20.0] * len(each), Goal("at most", 1))]


def growth(rig, options):
    """Q1 in batches of ten times as many calls, without remembered pages: of a small batch all would be."""
    sizes, rates = options.growth, {}
    for size in sizes:
        rig.filled(size)
        query = rig.start_query(QUERY_CACHE_BYTES="0")
        file = targets("g", random_pages(size))
        http_load.run(query.port, file, 16, options.seconds, rig.token)
        rates[size] = [http_load.run(query.port, file, 16, options.seconds, rig.token)["rate"] for _ in range(options.repetitions)]
        query.stop()
    return steps("Q1", "pages/s", rates, Goal("at least", 1 / 1.3))


def steps(what, unit, figures, goal):
    """A line for each tenfold: {calls: [figure]}"""
    return [Line("G", f"{what} with {large:,} calls", f"with {small:,}", unit, figures[large], figures[small], goal)
            for small, large in zip(figures, list(figures)[1:])]
