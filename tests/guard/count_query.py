"""What callboard-query pays for a page, on a private PostgreSQL: instructions, allocations, statements, round trips.

One connection asks for one page after the other, so that no figure depends on which requests happen to meet. What a
request costs is the difference between a run of N and one of 2N requests: start and end cancel out. How pages that are
asked for together share a statement is counted with requests that all wait when the service is let go on.
"""
import collections
import http.client
import os
import pathlib
import signal
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("support", "query", "bench")]

import callgrind  # noqa: E402
import dataset  # noqa: E402
from postgres import Postgres  # noqa: E402
from proxy import Proxy  # noqa: E402
from query_service import QueryService, Rows, migrate  # noqa: E402
from stack import wait_for  # noqa: E402

CALLS, REQUESTS, TOGETHER = 20000, 200, 64


def path_of(page):
    return f"/api/call/batch-details/{dataset.BATCH}?page={page}&limit=10"


class Load:
    """Requests over one connection."""

    def __init__(self, service, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        self.token = token

    def ask(self, path, tag=None, expected=200):
        """The answer's entity tag."""
        condition = {"If-None-Match": tag} if tag else {}
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}", **condition})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
        return answer.headers["ETag"]

    def new_pages(self, count):
        """None of which has been asked for before."""
        for page in range(1, count + 1):
            self.ask(path_of(page))

    def same_page(self, count):
        for _ in range(count):
            self.ask(path_of(1))

    def not_modified(self, count):
        tag = self.ask(path_of(1))
        for _ in range(count):
            self.ask(path_of(1), tag, 304)


class Taps:
    """Counts what the service sends to PostgreSQL: statements run, and Syncs, for each of which it waits."""

    KINDS = {b"E": "statements", b"S": "round_trips"}

    def __init__(self):
        self.counts = collections.Counter()

    def pass_on(self, _link, data, messages, from_client):
        for _, kind, _ in messages if from_client else ():
            if kind in self.KINDS:
                self.counts[self.KINDS[kind]] += 1
        return data, True


def count_once(url, token, load, count, functions=()):
    """{"instructions", "allocations"} of a service that is started, given the load, and ended."""
    with tempfile.NamedTemporaryFile() as out:
        with QueryService(url, callgrind.prefix(out.name, functions), HTTP_WORKERS="1", QUERY_TIMEOUT_MS="60000", HTTP_REQUEST_TIMEOUT_MS="60000") as service:
            load(Load(service, token), count)
            if service.end(120) != 0:
                raise RuntimeError(service.log())
        return callgrind.read(out.name)


def per_request(url, token, load, count=REQUESTS):
    once, twice = (count_once(url, token, load, times * count) for times in (1, 2))
    return {f"{name}_per_request": round((twice[name] - once[name]) / count, 1 if name == "allocations" else None) for name in once}


def asked(service, taps, action):
    """What went to PostgreSQL while the action ran."""
    before = taps.counts.copy()
    action()
    return {name: taps.counts[name] - before[name] for name in Taps.KINDS.values()}


def thread_states(pid):
    return {stat.read_text().rsplit(")", 1)[1].split()[0] for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")}


def stop_all_threads(pid):
    """The signal only asks for it: a thread may go on until another one has taken the signal."""
    os.kill(pid, signal.SIGSTOP)
    wait_for("all threads stand still", lambda: thread_states(pid) == {"T"}, interval=0.001)


def ask_together(service, connections, token, pages):
    """The requests lie there, all of them, when the service goes on."""
    stop_all_threads(service.process.pid)
    for connection, page in zip(connections, pages):
        connection.request("GET", path_of(page), headers={"Authorization": f"Bearer {token}"})
    os.kill(service.process.pid, signal.SIGCONT)
    for connection in connections:
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for a page that was asked for together with others")


def count_conversation(server, token):
    """Statements and round trips: of pages one after the other, and of pages together."""
    costs, taps = {}, Taps()
    with Proxy(server.port, follows_postgres=True) as proxy:
        proxy.tap = taps
        url = f"postgresql://callboard_reader@127.0.0.1:{proxy.port}/callboard?sslmode=disable"
        with QueryService(url, HTTP_WORKERS="1") as service:
            load = Load(service, token)
            load.same_page(1)
            for name, action in (("page", lambda: load.new_pages(100)), ("remembered", lambda: load.same_page(100))):
                for what, number in asked(service, taps, action).items():
                    costs[f"query.{name}.{what}_per_request"] = number / 100
            connections = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=60) for _ in range(TOGETHER)]
            for turn in range(3):  # in the first ones, connections are accepted and the loop learns how many events come at once
                pages = range(1000 + turn * TOGETHER, 1000 + (turn + 1) * TOGETHER)
                found = asked(service, taps, lambda pages=pages: ask_together(service, connections, token, pages))
            for what, number in found.items():
                costs[f"query.together.{what}_for_{TOGETHER}_pages"] = number
    return costs


def count(bin_dir):
    os.environ["CALLBOARD_BIN"] = bin_dir
    with Postgres(settings={"autovacuum": "off"}) as server:
        migrate(server, "callboard")
        server.sql("ALTER ROLE callboard_reader LOGIN")
        rows = Rows(server, "callboard")
        dataset.fill(rows.sql, CALLS)
        token, url = rows.token(dataset.OWNER), server.url("callboard", "callboard_reader")
        costs = count_conversation(server, token)
        rendered = count_once(url, token, Load.new_pages, REQUESTS, ["render_page"])
        costs["query.render.instructions_per_page"] = round(rendered["instructions"] / REQUESTS)
        for name, load in (("page", Load.new_pages), ("remembered", Load.same_page), ("not_modified", Load.not_modified)):
            costs.update({f"query.{name}.{what}": value for what, value in per_request(url, token, load).items()})
    return costs
