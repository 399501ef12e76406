"""Q5: filters, sorts and searches with their exact totals, beside the best single SQL statement that answers the same.

Of each question the first page and one in the middle are asked for: by a service that has just been started (new), then again and
again (asked before), idle and while the batch receives 2,000 events a second; at last once after each minute in which the batch
was written to and nobody asked. The SQL was written by hand for each question and reads what it needs once; it is given the whole
machine, parallel plans included. Its times are those of the idle batch in all lines: what it would take beside the writing is more.
"""
import dataclasses
import json
import math
import re
import statistics
import subprocess
import time
import urllib.parse
from fractions import Fraction

import dataset
from query_lines import Traffic, WrongAnswer, latencies, steps
from report import Goal, Line, quantity
from rig import LOCAL, fetch

ASKS = 200
PATIENT = {"QUERY_TIMEOUT_MS": "120000", "HTTP_REQUEST_TIMEOUT_MS": "120000"}


@dataclasses.dataclass
class Question:
    name: str
    parameters: dict
    where: str = "true"
    key: str = "NULL::int"
    descending: bool = False

    def path(self, page):
        return f"/api/call/batch-details/{dataset.BATCH}?" + urllib.parse.urlencode({**self.parameters, "page": page, "limit": 10})

    def sql(self, skip):
        """Its total, and the calls of the page with their attempts."""
        order = "k DESC NULLS LAST, p DESC" if self.descending else "k NULLS FIRST, p"
        return f"""WITH m AS MATERIALIZED (SELECT c.position AS p, {self.key} AS k FROM callboard.call c
 WHERE c.batch_id = '\\x{dataset.BATCH}' AND ({self.where})),
 page AS MATERIALIZED (SELECT p, row_number() OVER (ORDER BY {order}) AS n FROM (SELECT * FROM m ORDER BY {order} OFFSET {skip} LIMIT 10) s)
SELECT (SELECT count(*) FROM m) AS total, page.n, encode(c.call_id, 'hex'), c.phone_number, c.fields, c.created_at,
       a.attempt, a.call_status, a.call_duration_ms, a.recording_url, a.transcript, a.created_at
 FROM page JOIN callboard.call c ON c.batch_id = '\\x{dataset.BATCH}' AND c.position = page.p
 LEFT JOIN callboard.attempt a ON a.batch_id = c.batch_id AND a.position = c.position ORDER BY page.n, a.attempt"""


def attempt_exists(condition):
    return (f"c.position IN (SELECT a.position FROM callboard.attempt a WHERE a.batch_id = '\\x{dataset.BATCH}' AND {condition})")


LATEST = ("(SELECT {} FROM callboard.attempt a WHERE a.batch_id = c.batch_id AND a.position = c.position ORDER BY a.attempt DESC LIMIT 1)")
SEARCHED = ("(c.phone_number ~* '{0}' OR EXISTS (SELECT FROM json_each_text(c.fields::json) e"
            " WHERE json_typeof(c.fields::json -> e.key) = 'string' AND e.value ~* '{0}'))")

QUESTIONS = (
    Question("status", {"filter": '{"callStatus":"completed"}'}, attempt_exists("a.call_status = 'completed'")),
    Question("status and duration", {"filter": '{"callStatus":"completed","callDuration":{"$gte":300}}'},
             attempt_exists("a.call_status = 'completed' AND a.call_duration_ms >= 300000")),
    Question("phone number", {"filter": '{"phoneNumber":"12120007919"}'}, "c.phone_number = '12120007919'"),
    Question("dynamic text", {"filter": '{"priority":"high"}'}, "c.fields::json ->> 'priority' = 'high'"),
    Question("dynamic number", {"filter": '{"score":{"$gt":990}}'}, "(c.fields::json ->> 'score')::numeric > 990"),
    Question("either", {"filter": '{"$or":[{"city":"Kyoto"},{"callStatus":"failed"}]}'},
             "c.fields::json ->> 'city' = 'Kyoto' OR " + attempt_exists("a.call_status = 'failed'")),
    Question("sort by phone number", {"sortBy": "phoneNumber"}, key='c.phone_number COLLATE "C"'),
    Question("sort by latest duration", {"sortBy": "callDuration", "sortOrder": "desc"}, key=LATEST.format("a.call_duration_ms"), descending=True),
    Question("sort by dynamic text", {"sortBy": "name"}, key='(c.fields::json ->> \'name\') COLLATE "C"'),
    Question("sort by dynamic number", {"sortBy": "score", "sortOrder": "desc"}, key="(c.fields::json ->> 'score')::numeric", descending=True),
    Question("search, plain", {"search": "okafor"}, SEARCHED.format("okafor")),
    Question("search, filter and sort", {"search": "^ana", "filter": '{"callStatus":"busy"}', "sortBy": "account_id"},
             attempt_exists("a.call_status = 'busy'") + " AND " + SEARCHED.format("^ana"),
             '(c.fields::json ->> \'account_id\') COLLATE "C"'),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A page of a question: the first, or one in the middle of all that it matches."""
    question: Question
    where: str
    page: int

    def __str__(self):
        return f"{self.question.name}, {self.where} page"

    __hash__ = object.__hash__

    @property
    def path(self):
        return self.question.path(self.page)

    @property
    def sql(self):
        return self.question.sql(10 * (self.page - 1))


def cases_of(rig):
    """First and deep pages; a question that matches two pages or less has no deep one."""
    for question in QUESTIONS:
        yield Case(question, "first", 1)
        rows = rig.stack.sql(question.sql(0) + ";")
        total = int(rows[0][0]) if rows else 0
        if total > 20:
            yield Case(question, "deep", total // 20)


def sql_milliseconds(rig, case):
    """As pgbench times it: the connection does not count."""
    script = LOCAL / "question.sql"
    script.write_text(case.sql.replace("\n", " ") + ";\n")
    done = subprocess.run(["pgbench", "-n", "-c", "1", "-t", "1", "-l", "--log-prefix", str(LOCAL / "question"), "-f", str(script),
                           rig.server.url(rig.stack.database, "callboard_reader")], capture_output=True, text=True, check=True, cwd=LOCAL)
    logs = list(LOCAL.glob("question.[0-9]*"))
    times = [int(line.split()[2]) for log in logs for line in log.read_text().splitlines()]
    for log in logs:
        log.unlink()
    if len(times) != 1 or not re.search(r"failed transactions: 0", done.stdout):
        raise WrongAnswer(done.stdout + done.stderr)
    return times[0] / 1e3


def milliseconds(text):
    return None if text is None else Fraction(text) / 1000


def calls_by_sql(rows):
    """The calls of a page with their attempts, in their order: {id: (phone number, [(status, milliseconds, recording, transcript)])}"""
    calls = {}
    for _, _, call_id, phone, _, _, attempt, status, duration, recording, transcript, _ in rows:
        logs = calls.setdefault(call_id, (phone, []))[1]
        if attempt is not None:
            logs.append((status, milliseconds(duration), recording, transcript))
    return calls


def calls_by_answer(data):
    return {call["_id"]: (call["phoneNumber"], [(log["callStatus"], None if log["callDuration"] is None else Fraction(str(log["callDuration"])),
                                                 log["recordingUrl"], log["transcript"]) for log in call["phoneLogs"]]) for call in data["data"]}


def must_agree(rig, query, case):
    """Total, calls in their order, and their attempts."""
    rows = rig.stack.sql(case.sql + ";")
    data = json.loads(fetch(query.port, case.path, rig.token)[1])["data"]
    total, wanted, found = int(rows[0][0]) if rows else 0, calls_by_sql(rows), calls_by_answer(data)
    if data["total"] != total or list(found.items()) != list(wanted.items()):
        raise WrongAnswer(f"{case}: {data['total']} calls, {found}; by SQL {total}, {wanted}")


def percentile(values, share):
    """By the nearest rank."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def p99_milliseconds(query, token, case, most_seconds):
    """Of ASKS requests; of fewer than a hundred, where they take too long, it is the slowest."""
    return 1e3 * percentile(latencies(query.port, token, [case.path] * ASKS, most_seconds), 0.99)


def ask_new(rig, cases, where):
    """Milliseconds of each question's first ask, by a service that has just been started."""
    query = rig.start_query(**PATIENT)
    found = {case: 1e3 * latencies(query.port, rig.token, [case.path])[0] for case in cases if case.where == where}
    query.stop()
    return found


def ask_again(rig, query, cases, options):
    """[p99] of each, all asked once before."""
    for case in cases:
        latencies(query.port, rig.token, [case.path])
    found = {case: [] for case in cases}
    for _ in range(options.repetitions):
        for case in cases:
            found[case].append(p99_milliseconds(query, rig.token, case, options.ask_seconds))
    return found


def ask_after_pauses(rig, query, cases, options):
    """Of each question's first page: one ask behind each pause in which nobody asked, and the batch was written to."""
    found = {case: [] for case in cases if case.where == "first"}
    for _ in range(options.repetitions):
        time.sleep(options.pause_seconds)
        for case in found:
            found[case] += [1e3 * seconds for seconds in latencies(query.port, rig.token, [case.path])]
    return found


def worst_line(what, ours, sql, goal):
    """The line of the case that did worst; every case is judged, and stands in the note."""
    lines = [Line("Q5", str(case), "best single SQL", "ms", ours[case], sql[case], goal) for case in ours]
    worst = max(lines, key=lambda line: line.ratio)
    missed = sum(not line.is_met for line in lines)
    note = "; ".join(f"{line.what} {quantity(statistics.median(line.ours))} to {quantity(statistics.median(line.others))} ms"
                     f"{'' if line.is_met else ' MISSED'}" for line in lines)
    return dataclasses.replace(worst, what=f"{what}, worst of {len(lines)} ({len(lines) - missed} met): {worst.what}", note=note)


def q5(rig, options):
    rig.filled(options.calls)
    cases, query = list(cases_of(rig)), rig.start_query(**PATIENT)
    for case in cases:
        must_agree(rig, query, case)
    query.stop()
    new, sql = {case: [] for case in cases}, {case: [] for case in cases}
    for _ in range(options.repetitions):
        for case in cases:
            sql[case].append(sql_milliseconds(rig, case))
        for where in ("first", "deep"):
            for case, taken in ask_new(rig, cases, where).items():
                new[case].append(taken)
    query = rig.start_query(**PATIENT)
    again = ask_again(rig, query, cases, options)
    with Traffic(rig, dataset.BATCH):
        busy = ask_again(rig, query, cases, options)
        returned = ask_after_pauses(rig, query, cases, options)
    for case in cases:  # what was remembered has followed all that was written
        must_agree(rig, query, case)
    query.stop()
    rig._filled = None  # the batch has grown
    return [worst_line("new", new, sql, Goal("at most", 1)), worst_line("asked before, p99", again, sql, Goal("at most", 1 / 20)),
            worst_line("asked before, written to, p99", busy, sql, Goal("at most", 1 / 20)),
            worst_line(f"asked again after {options.pause_seconds} s of writing", returned, sql, Goal("at most", 1 / 20))]


def growth(rig, options):
    """The first pages of all questions, new, in batches of ten times as many calls: they read all of it once, so ten times as long is linear."""
    times = {}
    for size in options.long_growth:
        rig.filled(size)
        cases = [Case(question, "first", 1) for question in QUESTIONS]
        times[size] = [sum(ask_new(rig, cases, "first").values()) for _ in range(options.repetitions)]
    return steps(f"Q5, all {len(QUESTIONS)}, new,", "ms", times, Goal("at most", 13))
