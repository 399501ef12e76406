"""A real Apache Kafka for tests: its own node, folder and port, run by deploy/kafka/kafka-node.

    with Kafka() as broker:
        broker.create_topics({"dialer.calls": 4, "dialer.batches": 1})
        run(["kcat", "-P", "-b", broker.address, "-t", "dialer.calls"])
        broker.kill()
        broker.start()

The jars are copied from Maven Central once: into CALLBOARD_KAFKA_LIBS where that is set, else .local/kafka/libs of
the project. Where they cannot be had, or no Java is there, Kafka() raises KafkaUnavailable: a test without a broker
is to be skipped, and deploy/test says so. Several nodes can run side by side.
"""
import atexit
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]
KAFKA_NODE = PROJECT / "deploy/kafka/kafka-node"

CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, CREATE_PARTITIONS, ELECT_LEADERS = 19, 20, 21, 37, 43
NONE, TOPIC_ALREADY_EXISTS = 0, 36


class KafkaError(Exception):
    """The broker could not be run, or refused a request: the text says why."""


class KafkaUnavailable(KafkaError):
    """There is no way to have a real broker on this machine."""


def libs_dir():
    return os.environ.get("CALLBOARD_KAFKA_LIBS") or str(PROJECT / ".local/kafka/libs")


def ensure_libs():
    """Copies Kafka's jars where they are missing. Raises KafkaUnavailable."""
    if not shutil.which("java"):
        raise KafkaUnavailable("no Java: apt-get install default-jre-headless")
    done = subprocess.run([KAFKA_NODE, "libs", "--libs", libs_dir()], capture_output=True, text=True)
    if done.returncode != 0:
        raise KafkaUnavailable(done.stderr.strip())


@functools.lru_cache(maxsize=None)
def is_available():
    """Whether a real broker can be had here. The first call may copy its jars."""
    try:
        ensure_libs()
        return True
    except KafkaUnavailable:
        return False


class Kafka:
    """One node, from the formatting of its storage to its removal. `with` starts it, and removes it at the end.

    settings: further broker properties, {name: value}, over kafka-node's.
    heap:     of the JVM.
    """

    def __init__(self, settings=None, heap="512m"):
        ensure_libs()
        self.folder = tempfile.mkdtemp(prefix="callboard-kafka-")
        self.port = None
        self._options = ["--libs", libs_dir(), "--heap", heap]
        for name, value in (settings or {}).items():
            self._options += ["--set", f"{name}={value}"]
        atexit.register(self.remove)  # a test run that dies of an exception leaves no broker behind

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.remove()

    @property
    def address(self):
        """HOST:PORT, as KAFKA_BROKERS takes it. The same over all restarts."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        with open(os.path.join(self.folder, "node", "pid")) as record:
            return int(record.read().split()[0])

    @property
    def cluster_id(self):
        with open(os.path.join(self.folder, "node", "cluster-id")) as record:
            return record.read().strip()

    def prepare(self, name, value):
        """Before the first start: sets what kafka-node would choose itself (controller-port, cluster-id)."""
        os.makedirs(os.path.join(self.folder, "node"), exist_ok=True)
        with open(os.path.join(self.folder, "node", name), "w") as out:
            out.write(f"{value}\n")

    def start(self):
        """Starts the node, on the port it had, and waits until it serves."""
        port = ["--port", str(self.port)] if self.port else []
        self._node("start", *port, *self._options)
        self.port = int(self._node("status").rsplit(":", 1)[1])

    def stop(self):
        """In good order. Data and port stay."""
        self._node("stop")

    def restart(self):
        self.stop()
        self.start()

    def kill(self):
        """As a crash. Data and port stay; the next start takes up to 10 s, until the former self has been given up."""
        os.kill(self.pid, signal.SIGKILL)
        self._node("stop")  # waits until it has gone

    def pause(self):
        """Stops it where it is, connections open: a broker that hangs."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def create_topic(self, name, partitions=1):
        self.create_topics({name: partitions})

    def create_topics(self, partitions, replicas=1):
        """Makes topics, {name: number of partitions}; those that are there already are left as they are."""
        topics = b"".join(_text(name) + struct.pack(">ihii", count, replicas, 0, 0) for name, count in partitions.items())
        answer = self._request(CREATE_TOPICS, 2, struct.pack(">i", len(partitions)) + topics + struct.pack(">i?", 10000, False))
        for name, code, detail in _topic_results(answer):
            if code not in (NONE, TOPIC_ALREADY_EXISTS):
                raise KafkaError(f"topic {name}: error {code}: {detail}")

    def add_partitions(self, name, count):
        """Raises the number of a topic's partitions to `count`."""
        body = struct.pack(">i", 1) + _text(name) + struct.pack(">iii?", count, -1, 10000, False)
        for _, code, detail in _topic_results(self._request(CREATE_PARTITIONS, 0, body)):
            if code != NONE:
                raise KafkaError(f"topic {name}: error {code}: {detail}")

    def delete_topic(self, name):
        answer = self._request(DELETE_TOPICS, 1, struct.pack(">i", 1) + _text(name) + struct.pack(">i", 10000))
        _, at = _read_text(answer, 8)
        code, = struct.unpack_from(">h", answer, at)
        if code != NONE:
            raise KafkaError(f"topic {name}: error {code}")

    def delete_records(self, name, partition, before):
        """Deletes what comes before the offset, as retention does. The partition's first offset from now on."""
        body = struct.pack(">i", 1) + _text(name) + struct.pack(">iiqi", 1, partition, before, 10000)
        answer = self._request(DELETE_RECORDS, 0, body)
        _, at = _read_text(answer, 8)
        _, first, code = struct.unpack_from(">iqh", answer, at + 4)
        if code != NONE:
            raise KafkaError(f"topic {name}, partition {partition}: error {code}")
        return first

    def elect_preferred_leaders(self):
        """Gives every partition back to the first of its replicas, where that is in sync."""
        self._request(ELECT_LEADERS, 0, struct.pack(">ii", -1, 30000))

    def partitions(self, topics):
        """{(topic, partition): (leader, number of replicas in sync)}, as the broker tells it."""
        done = subprocess.run(["kcat", "-L", "-J", "-b", self.address], capture_output=True, text=True, check=True, timeout=30)
        return {(topic["topic"], partition["partition"]): (partition["leader"], len(partition["isrs"]))
                for topic in json.loads(done.stdout)["topics"] if topic["topic"] in topics for partition in topic["partitions"]}

    def tool(self, name, *arguments):
        """Runs one of Kafka's own tools (about 2 s) and returns what it printed: tool("TopicCommand", "--list")."""
        return self._node("tool", "--libs", libs_dir(), name, *arguments)

    def log_tail(self, lines=30):
        with open(os.path.join(self.folder, "node", "log"), errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def remove(self):
        """Stops the node and removes all of it."""
        atexit.unregister(self.remove)
        if os.path.isdir(self.folder):
            self._node("remove")
            shutil.rmtree(self.folder, ignore_errors=True)

    def _node(self, command, *arguments):
        done = subprocess.run([KAFKA_NODE, command, "--dir", os.path.join(self.folder, "node"), *arguments],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise KafkaError(f"kafka-node {command}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _request(self, api, version, body):
        """One request of the Kafka protocol (https://kafka.apache.org/protocol); returns the answer's body."""
        header = struct.pack(">hhi", api, version, 1) + _text("callboard-tests")
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
            with connection.makefile("rb") as answer:
                size, = struct.unpack(">i", answer.read(4))
                return answer.read(size)[4:]


def _text(text):
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded


def _topic_results(answer):
    """CreateTopics answer, version 2: throttle time, then (name, error code, error message) a topic."""
    count, = struct.unpack_from(">i", answer, 4)
    at = 8
    for _ in range(count):
        name, at = _read_text(answer, at)
        code, = struct.unpack_from(">h", answer, at)
        detail, at = _read_text(answer, at + 2)
        yield name, code, detail


def _read_text(answer, at):
    length, = struct.unpack_from(">h", answer, at)
    at += 2
    return (answer[at:at + length].decode(), at + length) if length >= 0 else (None, at)
