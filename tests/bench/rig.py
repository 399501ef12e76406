"""What the lines run on: PostgreSQL that flushes, Kafka, the services, and the other sides.

A Rig starts each part when it is first asked for, and ends all of them.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path.insert(0, str(PROJECT / "tests/support"))

import dataset  # noqa: E402
from postgres import Postgres, free_port  # noqa: E402
from stack import BIN, Stack, wait_for  # noqa: E402,F401

LOCAL = PROJECT / ".local/bench"
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The same server for all sides: it flushes, and what is measured lies in memory.
SERVER = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min", "max_connections": "300", "work_mem": "64MB",
          "max_parallel_workers": "2", "max_parallel_workers_per_gather": "2"}
TOPICS = ("dialer.batches", "dialer.calls", "dialer.phone-logs")


class Missing(Exception):
    """Another side cannot be had on this machine: the text says why."""


def install(command, folder, log):
    """Runs an installer in the folder; Missing when it fails."""
    with open(log, "w", encoding="utf-8") as output:
        if subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode:
            raise Missing(f"{' '.join(map(str, command))} failed: see {log}")


def peer_folder(name):
    """A copy of peers/NAME under .local/bench, where its packages are installed beside it."""
    folder = LOCAL / "peers" / name
    shutil.copytree(HERE / "peers" / name, folder, dirs_exist_ok=True)
    return folder


class Rig:
    def __init__(self, options):
        self.options = options
        self.parts = contextlib.ExitStack()
        self.server = self.parts.enter_context(Postgres(fsync=True, settings=SERVER))
        self._stack = self._kafka = self._worker = None
        self._filled = None
        self._peers = {}
        LOCAL.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for process in self._peers.values():
            process.terminate()
            process.wait()
        self.parts.close()

    @property
    def kafka(self):
        if not self._kafka:
            from kafka import Kafka
            self._kafka = self.parts.enter_context(Kafka())
            self._kafka.create_topics({topic: 4 for topic in TOPICS})
        return self._kafka

    @property
    def worker(self):
        """Kafka Connect, with Debezium's sink."""
        if not self._worker:
            from debezium import Worker
            self._worker = self.parts.enter_context(Worker(self.kafka))
        return self._worker

    @property
    def stack(self):
        """A migrated database; its services are started by the lines."""
        if not self._stack:
            self._stack = self.parts.enter_context(Stack(self.server, self.kafka.address, TOPICS))
            self.token = self._stack.create_token(dataset.OWNER)
        return self._stack

    def filled(self, calls):
        """The stack, with a batch of so many calls in it."""
        if self._filled != calls:
            stack = self.stack
            stack.sql("TRUNCATE callboard.batch, callboard.call, callboard.attempt, callboard.batch_status, callboard.batch_change")
            dataset.fill(stack.sql, calls)
            self._filled = calls
        return self.stack

    def start_query(self, **environment):
        return self.stack.start_query(**environment).wait_ready()

    def peer(self, name):
        """(port, pid) of a service of peers/, started when first asked for."""
        if name not in self._peers:
            self._start_peer(name)
        process = self._peers[name]
        return process.port, process.pid

    def _start_peer(self, name):
        folder, port = peer_folder(name), free_port()
        command = COMMANDS[name](folder)
        environment = {**os.environ, "DATABASE_URL": self.server.url(self.stack.database, "callboard_reader"), "GOMAXPROCS": "2", "NODE_ENV": "production"}
        with open(LOCAL / f"{name}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen([*command, str(port)], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process.port = port
        self._peers[name] = process
        wait_for(f"{name} answers", lambda: page_of(port, self.token, 1) is not None, 30)


def prepare_go(folder):
    install(["go", "build", "-o", "peer", "."], folder, LOCAL / "go-build.log")
    return [folder / "peer"]


def prepare_fastify(folder):
    install(["npm", "ci", "--no-fund", "--no-audit"], folder, LOCAL / "npm.log")
    return ["node", folder / "server.js"]


COMMANDS = {"go": prepare_go, "fastify": prepare_fastify}


def page_path(page, more=""):
    return f"/api/call/batch-details/{dataset.BATCH}?page={page}&limit=10{more}"


def fetch(port, path, token, headers=None):
    """(headers, body) of a good answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}", **(headers or {})})
    with DIRECTLY.open(request, timeout=60) as answer:
        return answer.headers, answer.read()


def page_of(port, token, page):
    """`data` of a page; None while nobody answers."""
    try:
        return json.loads(fetch(port, page_path(page), token)[1])["data"]
    except OSError:
        return None


def timed(action):
    began = time.perf_counter()
    value = action()
    return time.perf_counter() - began, value
