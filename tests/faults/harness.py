"""One run of the system under a load while something goes wrong, and the judgement of it.

    @fault("kill-9", "a process was killed while its transaction was open")
    def kill_9(run):
        ...                    # the load is under way; when this returns, nothing is wrong any more

    outcome = execute(FAULTS["kill-9"], seed)

A run has a database, topics and a group of its own, on servers that all runs share; two processes by default; a dialer
that sends without keys, in both modes, with duplicates, reordering and poison, and logs what the broker acknowledged.
While it runs snapshots are taken: at each of them the rows must be exactly what the messages below the stored offsets
amount to. In half of the runs a process gets a SIGTERM in the middle: it must end by itself in 10 s, with status 0.

run.bite(name) counts the proofs that the fault did bite; a fault that never bites is no test.
"""
import atexit
import collections
import contextlib
import functools
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import threading
import time
import traceback
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import kafka as kafka_support  # noqa: E402
from ack_log import model_of, with_offsets  # noqa: E402
from postgres import Postgres, PostgresError, free_port  # noqa: E402
from proxy import Proxy  # noqa: E402
from slow import prepare_delays  # noqa: E402
from snapshot import Snapshot  # noqa: E402
from stack import NotYet, Stack, end_offsets, read_ack_log, wait_for  # noqa: E402

SESSION_TIMEOUT_MS = 3000
STOP_SECONDS = 10
MAX_EVENT_BYTES = 65536
MOST_SAMPLES = 6
TRANSACTION_SIZES = (1, 5, 20, 100, 1000)
BOTH_ASSIGNORS = ("range", "cooperative-sticky")
# How callboard-ingest appears in PostgreSQL when a transaction of it is open.
OPEN_TRANSACTIONS = "FROM pg_stat_activity WHERE application_name = 'callboard-ingest' AND datname = current_database() AND xact_start IS NOT NULL"

# Of librdkafka before 2.4.0, when a consumer with the cooperative-sticky assignor leaves before its first assignment (its issue 4381).
KNOWN_ASSERTION = "rd_kafka_sticky_assignor_state_destroy: Assertion `assignor_state' failed"

# A static member that rejoins after its session ran out may be taken for another one; librdkafka gives up then.
KNOWN_END = "Static consumer fenced by other consumer"

FAULTS = {}


class Fault:
    def __init__(self, name, bites, inject, options):
        self.name = name
        self.bites = bites  # what has to have happened in one of its runs at least
        self.inject = inject
        self.options = options


def fault(name, *bites, **options):
    """Registers a function of a Run as a kind of fault. options: see Run."""
    def register(inject):
        FAULTS[name] = Fault(name, bites, inject, options)
        return inject
    return register


# --- servers -----------------------------------------------------------------------------------------------

@functools.lru_cache(maxsize=None)
def postgres():
    server = Postgres(settings={"max_connections": "40", "superuser_reserved_connections": "8", "log_line_prefix": "%m [%p] %d ",
                                "wal_level": "replica", "max_wal_senders": "4"})
    server.start()
    return server


class ProxiedKafka:
    """A broker with two listeners: one for the dialer, one behind a proxy for whom it is to trouble."""

    def __init__(self):
        direct, behind, controller = (free_port() for _ in range(3))
        self.proxy = Proxy(behind)
        self.node = kafka_support.Kafka({
            "listeners": f"PLAINTEXT://127.0.0.1:{direct},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{direct},PROXIED://127.0.0.1:{self.proxy.port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
            "group.min.session.timeout.ms": "1000",
        })
        self.node.prepare("controller-port", controller)
        self.node.port = direct
        self.node.start()

    @property
    def address(self):
        return self.node.address

    def create_topics(self, partitions):
        self.node.create_topics(partitions)

    def remove(self):
        self.node.remove()

    @property
    def proxied_address(self):
        return f"127.0.0.1:{self.proxy.port}"


@functools.lru_cache(maxsize=None)
def kafka():
    if not kafka_support.is_available():
        return None
    return ProxiedKafka()


class PairOfBrokers:
    """A cluster of two: the first controls it and stays, the second can go away. Everything is kept twice."""

    proxy = None

    def __init__(self):
        controller = free_port()
        copies = {"offsets.topic.replication.factor": "2", "transaction.state.log.replication.factor": "2", "group.min.session.timeout.ms": "1000",
                  "controlled.shutdown.enable": "true", "auto.leader.rebalance.enable": "false"}
        self.node = kafka_support.Kafka(copies)
        self.node.prepare("controller-port", controller)
        self.node.start()
        port = free_port()
        self.second = kafka_support.Kafka({
            **copies, "node.id": "2", "process.roles": "broker", "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port}", "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"})
        self.second.prepare("cluster-id", self.node.cluster_id)
        self.second.port = port
        self.second.start()

    @property
    def address(self):
        return f"{self.node.address},{self.second.address}"

    def create_topics(self, partitions):
        self.node.create_topics(partitions, replicas=2)

    def remove(self):
        self.second.remove()
        self.node.remove()


@functools.lru_cache(maxsize=None)
def pair_of_brokers():
    if not kafka_support.is_available():
        return None
    return PairOfBrokers()


def with_delays(run):
    """Of a kind's `prepare`: so that it can make transactions take longer."""
    prepare_delays(run.stack)


def has_given_up(ingest):
    """Whether it has ended because its Kafka client did."""
    return ingest.process.poll() == 1 and KNOWN_END in ingest.log_since_start()


# --- a run -------------------------------------------------------------------------------------------------

class Run:
    """Options of a kind:
    processes       how many callboard-ingest (default 2)
    assignors       partition.assignment.strategy of theirs, to choose from (default: the service's own, range)
    through_proxy   "postgresql" (one proxy a process) or "kafka"
    sizes           INGEST_BATCH_MAX_EVENTS to choose from
    rate, poison    of the dialer
    is_static       static members: a process that comes back has its partitions at once (default True)
    samples         whether snapshots are taken (default True)
    sigterm         whether a process gets a SIGTERM at a moment of its own in half of the runs (default True); not where the kind sends one itself,
                    at a moment that matters to it
    may_drain_in_vain  it may end with status 1 then, because the database holds its transaction for longer than it may drain
    broker          a function that gives another broker than kafka()
    server          a function that makes a PostgreSQL of the run's own
    url             a function that says how ingest reaches it
    prepare         called before the processes start; clean_up after all have ended
    """

    def __init__(self, kind, seed):
        self.kind = kind
        self.rng = random.Random(f"{kind.name} {seed}")
        self.options = kind.options
        self.bites = collections.Counter()
        self.problems = []
        self.notes = []
        self.samples = []
        self.ingests = []
        self.proxies = []  # of the processes, where they go through one
        self.busy = set()  # processes that the fault has its hands on
        self.process_lock = threading.RLock()
        self.has_ended = threading.Event()
        self.threads = []
        self.lost = lambda record: False  # records that may be missing, as the operator was told
        self.refused_by_database = lambda record: False
        self.log_start = 0
        self.earlier = []  # what was stored of topics that are no more

    # --- setting up

    def set_up(self):
        servers = self.options.get("broker", kafka)
        if servers is not pair_of_brokers:
            remove_cached(pair_of_brokers)  # two brokers that nobody uses would take a tenth of a processor
        self.broker = servers()
        if self.broker is None:
            raise unittest.SkipTest("no Apache Kafka can be had here")
        self.server = self.options["server"](self) if "server" in self.options else postgres()
        prefix = "f" + uuid.uuid4().hex[:8]
        topics = [f"{prefix}.{name}" for name in ("batches", "calls", "phone-logs")]
        self.partitions = self.rng.choice((1, 2, 3))
        self.assignor = self.rng.choice(self.options.get("assignors", BOTH_ASSIGNORS[:1]))
        self.broker.create_topics({topic: self.partitions for topic in topics})
        self.stack = Stack(self.server, self.broker.address, topics)
        self.ack_log = os.path.join(self.stack.folder, "ack.log")
        self.log_start = os.path.getsize(self.server.log_path)
        if "prepare" in self.options:
            self.options["prepare"](self)
        for _ in range(self.options.get("processes", 2)):
            self.add_ingest()
        for ingest in self.ingests:
            ingest.wait_ready(60)
        self.start_dialer()
        self.await_progress(1, 60)

    def add_ingest(self, more=()):
        number = len(self.ingests)
        arguments = ["-X", f"session.timeout.ms={SESSION_TIMEOUT_MS}", "-X", "heartbeat.interval.ms=500", "-X", f"partition.assignment.strategy={self.assignor}", *more]
        if self.options.get("is_static", True):
            arguments += ["-X", f"group.instance.id=ingest-{number}"]
        environment = {"INGEST_BATCH_MAX_EVENTS": str(self.rng.choice(self.options.get("sizes", TRANSACTION_SIZES))),
                       "INGEST_MAX_EVENT_BYTES": str(MAX_EVENT_BYTES), **self.way_to_servers()}
        ingest = self.stack.start_ingest(arguments, **environment)
        self.ingests.append(ingest)
        return ingest

    def way_to_servers(self):
        way = self.options.get("through_proxy")
        if way == "kafka":
            return {"KAFKA_BROKERS": self.broker.proxied_address}
        if way == "postgresql":
            self.proxies.append(Proxy(self.server.port, follows_postgres=True))
            url = self.server.url(self.stack.database, "callboard_writer")
            return {"DATABASE_URL": url.replace(f":{self.server.port}/", f":{self.proxies[-1].port}/") + "?sslmode=disable&gssencmode=disable"}
        if "url" in self.options:
            return {"DATABASE_URL": self.options["url"](self)}
        return {}

    def start_dialer(self, *more, **changes):
        rate = changes.get("rate", self.options.get("rate", 400))
        poison = changes.get("poison", self.options.get("poison", 0.02))
        arguments = ["--seed", str(self.rng.randrange(10**9)), "--batches", "5000", "--calls", "200", "--at-once", "3", "--owner", "owner-1",
                     "--duplicates", "0.1", "--reorder", "0.2", "--reorder-window", "200", "--poison", str(poison), "--max-event-bytes", str(MAX_EVENT_BYTES), "--mode", "mixed", "--key",
                     self.rng.choice(("none", "none", "batch")), "--spellings", "varied", "--words", "5", "--rate", str(rate), "--timeout", "120",
                     "--progress", "0", "--ack-log", self.ack_log, "-X", "topic.metadata.refresh.interval.ms=1000", "-X", "reconnect.backoff.max.ms=1000", *more]
        self.dialer = self.stack.start_dialsim(*arguments)

    # --- for faults

    def bite(self, name, count=1):
        self.bites[name] += count

    def await_progress(self, messages=1, timeout=30):
        """Waits until so many more messages are stored."""
        goal = self.stored() + messages
        wait_for(f"{messages} more messages are stored", lambda: self.stored() >= goal, timeout, 0.04)

    def stored(self):
        try:
            return int(self.stack.sql("SELECT coalesce(sum(next_offset) FILTER (WHERE next_offset > 0), 0) FROM callboard.kafka_offset")[0][0])
        except PostgresError:
            return -1

    def random_moment(self, most=0.1):
        """Lets a random time pass: faults come at any point of a transaction."""
        time.sleep(self.rng.uniform(0, most))

    def logged(self, pattern):
        """How often the processes have said this."""
        return sum(len(re.findall(pattern, ingest.log_text())) for ingest in self.ingests)

    def server_logged(self, phrase):
        """How often PostgreSQL has said this about our database."""
        with open(self.server.log_path, errors="replace") as log:
            log.seek(self.log_start)
            return sum(1 for line in log if phrase in line and self.stack.database in line)

    def await_bite(self, name, count, timeout=30, at_least=1):
        """Waits until count() has grown by at_least, and counts what it has grown by."""
        before = count()
        wait_for(name, lambda: count() - before >= at_least, timeout, 0.05)
        self.bite(name, count() - before)

    def readiness(self, ingest):
        return ingest.admin("/readyz")[1]

    def is_named_unready(self, what):
        return any(what in self.readiness(ingest) for ingest in self.at_hand())

    def tap_all(self, tap):
        """Sets the tap of all ways to PostgreSQL."""
        for proxy in self.proxies:
            proxy.tap = tap
        return tap

    @contextlib.contextmanager
    def hands_on(self, ingest):
        """Meanwhile nobody else signals the process."""
        with self.process_lock:
            self.busy.add(ingest)
        try:
            yield ingest
        finally:
            self.busy.discard(ingest)

    def terminate(self, ingest):
        """SIGTERM. It must end by itself, in time, with status 0."""
        wait_for("it runs", lambda: not ingest.is_running() or ingest.admin("/livez")[0], 20)
        began = time.monotonic()
        ingest.process.send_signal(signal.SIGTERM)
        try:
            status = ingest.process.wait(3 * STOP_SECONDS)
        except Exception:
            self.problems.append(f"SIGTERM did not end a process in {3 * STOP_SECONDS} s:\n{ingest.log_tail()}")
            ingest.kill()
            return
        took = time.monotonic() - began
        if status == -signal.SIGABRT and KNOWN_ASSERTION in ingest.log_text():
            self.bite("librdkafka's assertion")
            return
        in_vain = status == 1 and self.options.get("may_drain_in_vain") and "the drain took too long" in ingest.log_text()
        if (status != 0 and not in_vain) or took > STOP_SECONDS + 2:  # the machine may be busy
            self.problems.append(f"after SIGTERM a process ended with {status} in {took:.1f} s:\n{ingest.log_tail()}")

    def terminate_meanwhile(self):
        """In half of the runs: SIGTERM for one of the processes while things are wrong."""
        if self.rng.random() < 0.5:
            return
        with self.process_lock:
            ingest = self.rng.choice(self.at_hand())
            self.terminate(ingest)
            ingest.start()
        self.bite("SIGTERM meanwhile")

    def at_hand(self):
        """The processes that run, and that the fault has not its hands on."""
        return [ingest for ingest in self.ingests if ingest.is_running() and ingest not in self.busy]

    # --- beside the fault

    def start_threads(self):
        if self.options.get("samples", True):
            self._spawn(self._sample)
        if self.options.get("is_static", True):
            self._spawn(self._supervise)
        if self.options.get("sigterm", True) and self.rng.random() < 0.5:
            self._spawn(self._terminate_one, self.rng.uniform(0.2, 3.0), self.rng.random())

    def _spawn(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)

    def _sample(self):
        rng = random.Random(0)
        taken = 0
        while not self.has_ended.wait(0.4):
            try:
                snapshot = Snapshot(self.server, self.stack.database, self.stack.group)
            except PostgresError:
                continue  # the server is away
            taken += 1
            if len(self.samples) < MOST_SAMPLES:
                self.samples.append(snapshot)
            elif rng.random() < MOST_SAMPLES / taken:
                self.samples[rng.randrange(MOST_SAMPLES)] = snapshot

    def _supervise(self):
        """Starts processes again whose Kafka client has given up."""
        while not self.has_ended.wait(0.2):
            with self.process_lock:
                for ingest in self.ingests:
                    if ingest not in self.busy and has_given_up(ingest):
                        self.bite("ended by librdkafka")
                        ingest.start()

    def _terminate_one(self, delay, draw):
        if self.has_ended.wait(delay):
            return
        with self.process_lock:
            candidates = self.at_hand()
            if candidates:
                ingest = candidates[int(draw * len(candidates))]
                self.terminate(ingest)
                ingest.start()
                self.bite("SIGTERM in the middle")

    # --- the end

    def finish(self):
        """Everything is well again: what was acknowledged must all be stored, soon."""
        self.has_ended.set()
        for thread in self.threads:
            thread.join(60)
        for proxy in self.proxies:
            proxy.heal()
        for ingest in self.ingests:
            if not ingest.is_running():
                self.explain_end(ingest)
                ingest.start()
        self.stop_dialer()
        self.records = [record for record in with_offsets(read_ack_log(self.ack_log)) if not self.lost(record)]
        self.stack.wait_stored(end_offsets(self.records), timeout=60)
        self.judge()
        for ingest in self.ingests:
            if ingest.is_running():
                self.terminate(ingest)

    def explain_end(self, ingest):
        """A process has ended by itself: only where the Kafka client gave up, for its supervisor to start it again."""
        if has_given_up(ingest):
            self.bite("ended by librdkafka")
        else:
            self.problems.append(f"a process ended by itself with {ingest.process.returncode}:\n{ingest.log_tail()}")

    def stop_dialer(self):
        """When it is told to stop it waits some seconds for what it has sent: it must have reached the broker again by then."""
        before = self.acknowledged_bytes()
        wait_for("more is acknowledged", lambda: self.acknowledged_bytes() > before or not self.dialer.is_running(), 60)
        if not self.dialer.is_running():
            raise NotYet(f"the dialer ended by itself: {self.dialer.log_tail()}")
        status = self.dialer.stop(130)
        if status != 0:
            raise NotYet(f"the dialer ended with {status}: {self.dialer.log_tail()}")

    def acknowledged_bytes(self):
        return os.path.getsize(self.ack_log) if os.path.exists(self.ack_log) else 0

    def judge(self):
        records = [dict(record, poison="database-refused") if self.refused_by_database(record) else record for record in self.records]
        final = Snapshot(self.server, self.stack.database, self.stack.group)
        if self.earlier:
            self.problems += final.check(*model_of([*self.earlier, *records]))
            return
        for name, snapshot in [*((f"sample {n}", sample) for n, sample in enumerate(self.samples)), ("end", final)]:
            missing = sum(1 for record in read_ack_log(self.ack_log) if self.lost(record)
                          and record["offset"] < snapshot.offsets.get((record["topic"], record["partition"]), 0))
            self.problems += [f"{name}: {difference}" for difference in snapshot.check_recorded(records, missing)]
        deadlocks = int(self.stack.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0])
        if deadlocks:
            self.problems.append(f"{deadlocks} deadlocks")

    def tear_down(self):
        self.has_ended.set()
        for thread in self.threads:
            thread.join(60)
        for proxy in self.proxies:
            proxy.close()
        if hasattr(self, "broker") and self.broker and self.broker.proxy:
            self.broker.proxy.heal()
        if hasattr(self, "stack"):
            if self.problems:
                self.keep_logs()
            self.stack.__exit__()
            with contextlib.suppress(PostgresError):
                self.server.drop_database(self.stack.database)
        if "clean_up" in self.options:
            self.options["clean_up"](self)

    def keep_logs(self):
        kept = f"/tmp/callboard-fault-{self.kind.name}-{os.getpid()}-{len(os.listdir(self.stack.folder))}-{uuid.uuid4().hex[:4]}"
        shutil.copytree(self.stack.folder, kept)
        self.notes.append(f"logs are kept in {kept}")


class Outcome:
    def __init__(self, kind, seed, run, seconds):
        self.kind_name = kind.name
        self.seed = seed
        self.problems = run.problems
        self.notes = run.notes
        self.bites = run.bites
        self.seconds = seconds
        self.messages = len(getattr(run, "records", ()))
        self.samples = len(run.samples)

    def __str__(self):
        bites = ", ".join(f"{name}: {count}" for name, count in sorted(self.bites.items())) or "did not bite"
        head = f"{self.kind_name} --seed {self.seed}: {'FAILED' if self.problems else 'survived'} in {self.seconds:.0f} s; {self.messages} messages, {self.samples} samples; {bites}"
        return "\n".join([head, *(f"    {text}" for text in self.problems[:20] + self.notes)])


def execute(kind, seed):
    """One run. Raises unittest.SkipTest where the kind can not be done here."""
    run = Run(kind, seed)
    began = time.monotonic()
    try:
        run.set_up()
        run.start_threads()
        kind.inject(run)
        run.finish()
    except unittest.SkipTest:
        raise
    except Exception as error:
        run.problems.append("".join(traceback.format_exception(error)).strip())
    finally:
        run.tear_down()
    return Outcome(kind, seed, run, time.monotonic() - began)


def remove_cached(servers):
    if servers.cache_info().currsize and servers():
        servers().remove()
    servers.cache_clear()


def remove_servers():
    for servers in (kafka, pair_of_brokers, postgres):
        remove_cached(servers)


atexit.register(remove_servers)
