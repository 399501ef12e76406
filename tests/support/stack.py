"""The programs under test, on a PostgreSQL and a Kafka that the caller brings.

    with Stack(server, brokers, topics) as stack:      # a database of its own, migrated; nothing runs yet
        ingest = stack.start_ingest()
        query = stack.start_query()
        token = stack.create_token("owner-1")
        status, headers, body = query.get("/api/call/batch-details/" + batch_id, token)

CALLBOARD_BIN names the folder of the programs. Every program logs to a file of its own in stack.folder;
the tail of it is part of the error when something does not come about.
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

from postgres import free_port

BIN = os.environ.get("CALLBOARD_BIN", "")


class NotYet(Exception):
    """What was waited for did not come about in time."""


def wait_for(what, condition, timeout=30, interval=0.02):
    """Polls until condition() is truthy and returns its value; NotYet after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NotYet(f"{what}: not within {timeout} s")
        time.sleep(interval)


def http_get(port, path, headers=None, method="GET", timeout=10):
    """(status, headers, body); headers with lower-case names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Program:
    """One running program. It can be killed and started again, on the same ports."""

    def __init__(self, folder, name, environment, arguments=()):
        self.name = name
        self.environment = environment
        self.arguments = list(arguments)
        self.log_path = os.path.join(folder, f"{name}-{uuid.uuid4().hex[:6]}.log")
        self.process = None
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()  # what comes behind is of this process
            self.process = subprocess.Popen([os.path.join(BIN, self.name), *self.arguments], env={**os.environ, **self.environment},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        """As a crash."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=15):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def close(self):
        if self.process.poll() is None:
            self.kill()

    def is_running(self):
        return self.process.poll() is None

    def log_text(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def log_since_start(self):
        with open(self.log_path, errors="replace") as log:
            log.seek(self.log_start)
            return log.read()

    def log_tail(self, lines=15):
        return "".join(self.log_text().splitlines(keepends=True)[-lines:])


class Service(Program):
    """A program with an admin port."""

    def __init__(self, folder, name, environment, arguments=()):
        self.admin_port = free_port()
        super().__init__(folder, name, {**environment, "ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}"}, arguments)

    def admin(self, path):
        """(status, text), or (0, reason) while the port is closed."""
        try:
            status, _, body = http_get(self.admin_port, path)
        except OSError as error:
            return 0, str(error)
        return status, body.decode()

    def wait_ready(self, timeout=30):
        try:
            wait_for(f"{self.name} is ready", lambda: self.admin("/readyz")[0] == 200, timeout)
        except NotYet as error:
            raise NotYet(f"{error}\n{self.admin('/readyz')[1]}\n{self.log_tail()}") from None
        return self

    def metric(self, name):
        """The value of a series, `name{labels}` as Prometheus writes it; 0.0 where it is not there."""
        for line in self.admin("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


class Query(Service):
    def __init__(self, folder, environment, arguments=()):
        self.port = free_port()
        super().__init__(folder, "callboard-query", {**environment, "HTTP_LISTEN": f"127.0.0.1:{self.port}"}, arguments)

    def get(self, path, token=None, method="GET", headers=None):
        credentials = {"Authorization": f"Bearer {token}"} if token else {}
        return http_get(self.port, path, {**credentials, **(headers or {})}, method)

    def page(self, batch_id, token, query=""):
        """`data` of a page's answer; None while the batch is not there."""
        status, _, body = self.get(f"/api/call/batch-details/{batch_id}{query}", token)
        return json.loads(body)["data"] if status == 200 else None


class Stack:
    """A migrated database, and programs that use it. `topics` exist already."""

    def __init__(self, server, brokers, topics):
        self.server = server
        self.brokers = brokers
        self.topics = topics
        self.database = "cb_" + uuid.uuid4().hex[:12]
        self.group = "group-" + self.database
        self.folder = tempfile.mkdtemp(prefix="callboard-stack-")
        self.programs = []
        server.create_database(self.database)
        self.ctl("migrate")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for program in self.programs:
            program.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, role):
        return {"DATABASE_URL": self.server.url(self.database, role), "KAFKA_BROKERS": self.brokers,
                "KAFKA_TOPICS": ",".join(self.topics), "KAFKA_GROUP_ID": self.group}

    def start_ingest(self, arguments=(), **environment):
        return self._add(Service(self.folder, "callboard-ingest", {**self.environment("callboard_writer"), **environment}, arguments))

    def start_query(self, arguments=(), **environment):
        return self._add(Query(self.folder, {**self.environment("callboard_reader"), "HTTP_WORKERS": "2", **environment}, arguments))

    def _add(self, program):
        self.programs.append(program)
        return program

    def ctl(self, *arguments, check=True, text=True):
        """Runs callboard-ctl as the owner of the database; its standard output."""
        done = subprocess.run([os.path.join(BIN, "callboard-ctl"), *arguments], env={**os.environ, **self.environment("postgres")},
                              capture_output=True, text=text)
        if check and done.returncode != 0:
            raise RuntimeError(f"callboard-ctl {' '.join(arguments)}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def create_token(self, owner, *arguments):
        return self.ctl("token", "create", "--owner", owner, *arguments).strip()

    def start_dialsim(self, *arguments):
        """Starts the simulated dialer; SIGTERM ends it in good order."""
        return self._add(Program(self.folder, "callboard-dialsim", self.environment("postgres"), arguments))

    def dialsim(self, *arguments, timeout=600):
        """Runs the simulated dialer to its end; its standard error."""
        done = subprocess.run([os.path.join(BIN, "callboard-dialsim"), *arguments], env={**os.environ, **self.environment("postgres")},
                              capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f"callboard-dialsim: exit {done.returncode}: {done.stderr}")
        return done.stderr

    def sql(self, statements):
        return self.server.sql(statements, self.database)

    def wait_stored(self, expected, timeout=60, until=lambda: False):
        """Waits until every partition's stored offset has reached `expected`: {(topic, partition): next offset}; `timeout` seconds may pass without progress.
        Where until() holds there is nothing more to wait for."""
        def missing():
            rows = self.sql(f"SELECT topic, partition, next_offset FROM callboard.kafka_offset WHERE group_id = '{self.group}'")
            stored = {(topic, int(partition)): int(offset) for topic, partition, offset in rows}
            return {place: (stored.get(place), offset) for place, offset in expected.items() if stored.get(place, -1) < offset}

        left, deadline = None, 0.0
        while now := missing():
            if until():
                return
            if now != left:
                left, deadline = now, time.monotonic() + timeout
            elif time.monotonic() > deadline:
                tails = "\n".join(f"--- {program.name}\n{program.log_tail()}" for program in self.programs)
                raise NotYet(f"nothing has been stored for {timeout} s, missing: {left}\n{tails}")
            time.sleep(0.05)


def read_ack_log(path):
    """Yields the records of callboard-dialsim's --ack-log, one at a time."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def end_offsets(records):
    """{(topic, partition): next offset} behind the last acknowledged message of each partition."""
    ends = {}
    for record in records:
        place = (record["topic"], record["partition"])
        ends[place] = max(ends.get(place, 0), record["offset"] + 1)
    return ends
