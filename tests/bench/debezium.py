"""Debezium's JDBC sink on Kafka Connect: installed from Maven, one worker, connectors by its REST interface.

    with Worker(broker) as worker:
        with worker.sink(settings, server, database, {"calls": topic}, tasks=1) as sink:
            ...
"""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid

from postgres import free_port
from rig import DIRECTLY, LOCAL, Missing, install, peer_folder
from stack import NotYet, wait_for

KEYS = {"calls": "batch_id,call_id", "phone_logs": "batch_id,call_id,attempt"}
SETTINGS = ("default", "rewrite", "unnest")
# As Kafka's own scripts start it.
JVM = ("-Xms256M", "-Xmx2G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent")


def ensure_libs(folder):
    """Copies the jars, once for each list."""
    libs, pom = LOCAL / "debezium-libs", (folder / "pom.xml").read_text()
    done = libs / "complete"
    if done.exists() and done.read_text() == pom:
        return libs
    if not shutil.which("mvn"):
        raise Missing("Maven is not installed")
    shutil.rmtree(libs, ignore_errors=True)
    install(["mvn", "-q", "-B", "-f", "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={libs}", "-DincludeScope=runtime"],
            folder, LOCAL / "debezium-maven.log")
    done.write_text(pom)
    return libs


def read_properties(path):
    lines = [line.strip() for line in path.read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Worker:
    """One Kafka Connect worker."""

    def __init__(self, broker):
        self.broker, self.folder = broker, peer_folder("debezium")
        self.libs = ensure_libs(self.folder)
        self.port, self.work = free_port(), tempfile.mkdtemp(prefix="callboard-connect-")
        self.process = None

    def __enter__(self):
        properties = {**read_properties(self.folder / "worker.properties"), "bootstrap.servers": self.broker.address,
                      "listeners": f"http://127.0.0.1:{self.port}", "offset.storage.file.filename": os.path.join(self.work, "offsets")}
        path = os.path.join(self.work, "worker.properties")
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(f"{name}={value}\n" for name, value in properties.items())
        self.log = LOCAL / "debezium.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["java", *JVM, f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties", "-cp", f"{self.libs}/*",
                 "org.apache.kafka.connect.cli.ConnectStandalone", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for("Kafka Connect answers", lambda: self.rest("GET", "/connectors") is not None, 90, 0.1)
        except NotYet:
            self.__exit__()
            raise Missing(f"Kafka Connect does not start: see {self.log}") from None
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def rest(self, method, path, body=None):
        """The answer; None while there is none."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with DIRECTLY.open(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code in (404, 409):  # not there yet, or a rebalance under way
                return None
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:2000]!r}") from None
        except OSError:
            return None
        return json.loads(text) if text else {}

    def _start(self, table, settings, server, database, topic, tasks):
        name = f"{table}-{uuid.uuid4().hex[:8]}"
        more = read_properties(self.folder / f"{settings}.properties")
        url = f"jdbc:postgresql://127.0.0.1:{server.port}/{database}{more.pop('connection.url.options', '')}"
        self.rest("PUT", f"/connectors/{name}/config", {
            **read_properties(self.folder / "sink.properties"), **more, "tasks.max": str(tasks), "topics": topic, "connection.url": url,
            "primary.key.fields": KEYS[table], "collection.name.format": table, "consumer.override.auto.offset.reset": "earliest",
            "value.converter.schema.content": json.dumps(json.loads((self.folder / f"{table}.schema.json").read_text()))})
        return name

    def must_run(self, name, tasks):
        """Whether all its tasks run; raises where one has failed."""
        status = self.rest("GET", f"/connectors/{name}/status")
        states = [task["state"] for task in status["tasks"]] if status else []
        if "FAILED" in states:
            raise RuntimeError(f"{name}: {status}")
        return states == ["RUNNING"] * tasks

    @contextlib.contextmanager
    def sink(self, settings, server, database, topics, tasks=1):
        """Connectors that write {table: topic}, each with so many tasks, since a converter holds one schema. Yields when all run."""
        names = [self._start(table, settings, server, database, topic, tasks) for table, topic in topics.items()]
        for name in names:
            wait_for(f"{name} runs", lambda name=name: self.must_run(name, tasks), 60, 0.01)
        try:
            yield names
        finally:
            for name in names:
                self.rest("DELETE", f"/connectors/{name}")


def create_tables(server, database):
    server.create_database(database)
    server.sql((peer_folder("debezium") / "tables.sql").read_text(), database)


