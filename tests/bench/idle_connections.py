#!/usr/bin/env python3
"""Idle keep-alive connections beside load: what each costs the service, and whether all are still answered right.

usage: idle_connections.py [--connections N] [--requests N] [--most-bytes N]
  --connections N   how many stay open, each after a request of its own (default 10000)
  --requests N      requests on other connections while they stay (default 5000)
  --most-bytes N    of the service's memory for each connection (default 20480): beyond, it fails

Starts a PostgreSQL and a callboard-query of its own. Prints one line of JSON. Environment: CALLBOARD_BIN (best a release build).
Exit status 1 when an answer was wrong or a connection costs too much.
"""
import argparse
import json
import pathlib
import re
import resource
import selectors
import socket
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "query")]

from postgres import Postgres  # noqa: E402
from query_service import QueryService, Rows, migrate  # noqa: E402

CALLS = 500
MOST_BYTES = 20480
AT_ONCE = 64  # requests under way
SECONDS = 60  # for the whole of a round: the service closes what was idle for 75
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) (?:.*\r\n)+?Content-Length: (\d+)\r\n(?:.*\r\n)*?\r\n")


def allow_files(count):
    """Raises the limit of open files, which the programs started inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1000
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


def resident_bytes(pid):
    """Memory of the process's own."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(re.search(r"^RssAnon:\s+(\d+) kB", text, re.M).group(1))


class Clients:
    """Connections of one epoll loop. Each asks for a page of one call, so that its answer names what was asked."""

    def __init__(self, port, path, token, count):
        self.head = f"GET {path}?limit=1&page=%d HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.selector = selectors.DefaultSelector()
        self.socks = []
        for _ in range(count):
            self.socks.append(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.selector.close()
        for sock in self.socks:
            sock.close()

    def ask_all(self, first, requests=None):
        """`requests` requests (one of each connection where not given), AT_ONCE under way; how many were answered wrong."""
        requests = len(self.socks) if requests is None else requests
        self.number, self.last, self.wrong, under_way = first, first + requests, 0, 0
        deadline = time.monotonic() + SECONDS
        for sock in self.socks[:AT_ONCE]:
            under_way += self._ask(sock)
        waiting = iter(self.socks[AT_ONCE:])
        while under_way:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{under_way} requests are not answered within {SECONDS} s")
            for key, _ in self.selector.select(1):
                if self._take(key):
                    under_way += self._ask(next(waiting, key.fileobj)) - 1
        return self.wrong

    def _ask(self, sock):
        if self.number >= self.last:
            return 0
        page = self.number % CALLS + 1
        self.number += 1
        sock.sendall((self.head % page).encode())
        self.selector.register(sock, selectors.EVENT_READ, [page, b""])
        return 1

    def _take(self, key):
        """Whether the answer is there whole."""
        try:
            chunk = key.fileobj.recv(65536)
        except ConnectionError:
            chunk = b""
        key.data[1] += chunk
        answer = ANSWER.match(key.data[1])
        if chunk and (not answer or len(key.data[1]) < answer.end() + int(answer.group(2))):
            return False
        self.selector.unregister(key.fileobj)
        self.wrong += not (answer and answer.group(1) == b"200" and b'"phoneNumber":"n%d"' % key.data[0] in key.data[1])
        return True


def measure(service, path, token, connections, requests):
    """{figures}; `wrong` counts answers that were not what was asked for, of all rounds."""
    with Clients(service.port, path, token, AT_ONCE) as busy:
        wrong = busy.ask_all(0, requests)  # buffers and pools have their size then
        before = resident_bytes(service.process.pid)
        with Clients(service.port, path, token, connections) as idle:
            wrong += idle.ask_all(0)
            held = resident_bytes(service.process.pid) - before
            began = time.monotonic()
            wrong += busy.ask_all(7, requests)
            seconds = time.monotonic() - began
            wrong += idle.ask_all(13)
    return {"connections": connections, "bytesPerConnection": round(held / connections), "wrong": wrong,
            "requests": 2 * requests + 2 * connections, "requestsPerSecondBeside": round(requests / seconds)}


def run(connections, requests, **environment):
    allow_files(connections)
    with Postgres() as server:
        migrate(server, "callboard")
        rows = Rows(server, "callboard")
        batch, token = rows.many_calls("1d" * 12, "idle", CALLS), rows.token("idle")
        # Each worker has its share of the cap, and the kernel deals connections out unevenly.
        with QueryService(server.url("callboard"), HTTP_MAX_CONNECTIONS=str(2 * connections + 4 * AT_ONCE), **environment) as service:
            return measure(service, f"/api/call/batch-details/{batch}", token, connections, requests)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES)
    options = parser.parse_args()
    figures = run(options.connections, options.requests)
    print(json.dumps(figures))
    return 1 if figures["wrong"] or figures["bytesPerConnection"] > options.most_bytes else 0


if __name__ == "__main__":
    sys.exit(main())
