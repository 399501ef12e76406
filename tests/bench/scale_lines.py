"""S: one to four processes of each service on the same machine. What they do together must not fall, and what they count must be exact.

It is the calibration of capacity.py, too: what an event and a page cost each side, in CPU time, bytes and memory.
"""
import concurrent.futures
import statistics

import catch_up
import http_load
import ingest_lines
from query_lines import WrongAnswer, compare, random_pages, Side, targets
from report import Goal
from usage import Meter, peak_mib

PROCESSES = (1, 2, 3, 4)
CONNECTIONS = 48  # dealt out evenly to one to four
# What ends a call: every status but these.
RUNNING = "('queued', 'initiated', 'ringing', 'in-progress')"

# A row for each counter that is not what a recount gives.
WRONG_COUNTERS = f"""
WITH latest AS (SELECT DISTINCT ON (batch_id, position) batch_id, position, call_status FROM callboard.attempt ORDER BY batch_id, position, attempt DESC),
 found AS (SELECT b.batch_id, b.calls, b.finished, b.pending_attempts,
    (SELECT count(*) FROM callboard.call c WHERE c.batch_id = b.batch_id) AS calls_now,
    (SELECT coalesce(max(position), 0) FROM callboard.call c WHERE c.batch_id = b.batch_id) AS last_now,
    (SELECT count(*) FROM latest l WHERE l.batch_id = b.batch_id AND l.call_status NOT IN {RUNNING}) AS finished_now,
    (SELECT count(*) FROM callboard.pending_attempt p WHERE p.batch_id = b.batch_id) AS pending_now FROM callboard.batch b),
 statuses AS (SELECT batch_id, call_status, count(DISTINCT position) AS any_now FROM callboard.attempt WHERE call_status IS NOT NULL GROUP BY 1, 2),
 latest_statuses AS (SELECT batch_id, call_status, count(*) AS latest_now FROM latest WHERE call_status IS NOT NULL GROUP BY 1, 2)
SELECT encode(batch_id, 'hex'), 'batch' FROM found
 WHERE (calls, calls, finished, pending_attempts) IS DISTINCT FROM (calls_now, last_now, finished_now, pending_now)
UNION ALL
SELECT encode(batch_id, 'hex'), call_status FROM callboard.batch_status FULL JOIN statuses USING (batch_id, call_status) FULL JOIN latest_statuses USING (batch_id, call_status)
 WHERE coalesce(calls_any, 0) <> coalesce(any_now, 0) OR coalesce(calls_latest, 0) <> coalesce(latest_now, 0)
"""


def counters_must_be_right(stack):
    wrong = stack.sql(WRONG_COUNTERS)
    if wrong:
        raise WrongAnswer(f"counters that a recount does not confirm: {wrong[:10]}")


def bytes_of_tables(stack):
    return int(stack.sql("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'callboard'::regnamespace AND relkind = 'r'")[0][0])


# --- ingest -------------------------------------------------------------------------------------

def event_bytes():
    """Of the value of an event of I1, on average."""
    return statistics.mean(len(value) for _, _, value in catch_up.make_events(4000, "apart", ingest_lines.BATCHES, 1000))


def ingest_scale(rig, options):
    backlog, sizes = ingest_lines.Backlog(rig, "apart", options.events, flat=False), []

    def check(stack):
        counters_must_be_right(stack)
        sizes.append(bytes_of_tables(stack))

    samples = {count: [] for count in PROCESSES}
    for _ in range(options.repetitions):
        for count in PROCESSES:
            samples[count].append(ingest_lines.run_ours(rig, backlog, check, count))
    lines = [ingest_lines.lines_of("S", f"catch-up by {count} processes", "by 1", samples[count], samples[1], Goal("at least", 0.95)) for count in PROCESSES[1:]]
    wal = statistics.median(sample.wal for sample in samples[1])
    lines[0].measures = {"WAL bytes/event": round(wal), "bytes/event": round(event_bytes()), "table bytes/call": round(statistics.median(sizes) / backlog.calls)}
    return lines


# --- query --------------------------------------------------------------------------------------

def load_all(services, file, token, seconds):
    """Pages a second of all of them together, each under its share of the connections; (rate, bytes a page)."""
    share = CONNECTIONS // len(services)
    with concurrent.futures.ThreadPoolExecutor(len(services)) as pool:
        loads = list(pool.map(lambda service: http_load.run(service.port, file, share, seconds, token), services))
    requests = sum(load["requests"] for load in loads)
    return sum(load["rate"] for load in loads), sum(load["bytes"] for load in loads) / requests


class Several(Side):
    """So many query processes. Their CPU time is one figure."""

    def __init__(self, rig, services, file):
        self.rig, self.services, self.file, self.bytes_a_page = rig, services, file, []
        super().__init__(f"by {len(services)}", self.run_all, {"service": None, "postgres": rig.server.process.pid})

    def run_all(self, seconds):
        rate, size = load_all(self.services, self.file, self.rig.token, seconds)
        self.bytes_a_page.append(size)
        return rate

    def repeat(self, seconds):
        roots = {service.process.pid: service.process.pid for service in self.services}
        meter = Meter({**roots, "postgres": self.roots["postgres"]})
        rate = self.run_all(seconds)
        used = meter.read()
        self.rates.append(rate)
        self.cost["postgres"].append(1e6 * used.pop("postgres") / (rate * seconds))
        self.cost["service"].append(1e6 * sum(used.values()) / (rate * seconds))


def query_scale(rig, options):
    rig.filled(options.calls)
    services = [rig.start_query(HTTP_WORKERS="1") for _ in PROCESSES]
    file = targets("s", random_pages(options.calls))
    sides = [Several(rig, services[:count], file) for count in PROCESSES]
    for side in sides:
        side.run_all(options.seconds)
    for _ in range(options.repetitions):
        for side in sides:
            side.repeat(options.seconds)
    lines = [line for side in sides[1:] for line in compare("S", f"random pages {side.name} processes of one worker", "pages/s", side, [sides[0]],
                                                            [Goal("at least", 0.95)])]
    lines[0].measures = {"bytes/page": round(statistics.median(sides[0].bytes_a_page)), "MiB/query process": round(peak_mib(services[0].process.pid), 1)}
    for service in services:
        service.stop()
    return lines


def scale(rig, options):
    return ingest_scale(rig, options) + query_scale(rig, options)
