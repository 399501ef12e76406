"""PostgreSQL goes away, refuses, is slow, or forgets."""
import os
import shutil
import socket
import struct
import subprocess
import time
import unittest

from harness import OPEN_TRANSACTIONS, fault, wait_for, with_delays
from postgres import Postgres, PostgresError
from proxy import MessageTap
from slow import set_delay

FAILED = "transaction failed, trying again"
UNTIL_SETTLED = "the transaction whose answer was lost had committed"


@fault("postgres-crash", "a transaction failed", prepare=with_delays)
def postgres_crash(run):
    """First while a transaction is open, then at any moment."""
    for number in range(run.rng.randint(2, 3)):
        run.await_progress(20)
        if number == 0:
            hold_a_transaction_open(run)
        else:
            run.random_moment()
        before = run.logged(FAILED)
        run.server.stop("immediate")
        try:
            wait_for("ingest says that the database is away", lambda: run.is_named_unready("postgresql"), 20)
            run.terminate_meanwhile()
            time.sleep(run.rng.uniform(0, 1.5))
        finally:
            run.server.start()
        back = time.monotonic()
        set_delay(run.stack, "kafka_offset", 0)
        run.await_progress()
        run.notes.append(f"stored again {time.monotonic() - back:.2f} s after PostgreSQL was back")
        run.bite("crashed")
        run.bite("a transaction failed", run.logged(FAILED) - before)


def hold_a_transaction_open(run):
    """Returns when there is one that stays open for seconds."""
    set_delay(run.stack, "kafka_offset", 5)
    wait_for("a transaction waits", lambda: int(run.stack.sql("SELECT count(*) " + OPEN_TRANSACTIONS + " AND wait_event = 'PgSleep'")[0][0]), 30, 0.02)


def signal_backends(run, function, bite):
    """Again and again, whenever a transaction is open, until it has bitten ten times."""
    set_delay(run.stack, "kafka_offset", 0.02)  # so that a transaction is open for longer than it takes to find it
    deadline = time.monotonic() + 15
    while run.bites[bite] < 10 and time.monotonic() < deadline:
        hit, = run.stack.sql(f"SELECT count(*) FROM (SELECT {function}(pid) AS done {OPEN_TRANSACTIONS}) q WHERE done")[0]
        run.bite(bite, int(hit))
        run.random_moment()
    set_delay(run.stack, "kafka_offset", 0)
    run.await_progress()


@fault("backend-terminated", "terminated with an open transaction", sizes=(5, 20, 100), prepare=with_delays)
def backend_terminated(run):
    signal_backends(run, "pg_terminate_backend", "terminated with an open transaction")


@fault("query-cancelled", "answered with 57014", sizes=(5, 20, 100), prepare=with_delays)
def query_cancelled(run):
    signal_backends(run, "pg_cancel_backend", "signalled with an open transaction")
    run.bite("answered with 57014", run.logged("sqlstate=57014"))


# --- the COMMIT whose answer never comes ---------------------------------------------------------------

COMMIT_POINTS = {"the server never saw COMMIT": ("commit", False), "the client was cut off at once": ("commit", True), "the answer was lost": ("COMMIT", False)}
SLOW_COMMIT = """
CREATE FUNCTION callboard.fault_slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER fault_slow_commit AFTER INSERT ON callboard.batch_change DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.version % 5 = 0) EXECUTE FUNCTION callboard.fault_slow_commit()"""


def prepare_slow_commit(run):
    """In half of the runs: so that the server may still be committing when the client is back."""
    if run.rng.random() < 0.5:
        run.stack.sql(SLOW_COMMIT)
        run.bite("slow COMMIT")


@fault("commit-cut", *COMMIT_POINTS, "settled as committed", through_proxy="postgresql", sizes=(1, 5, 100), rate=200, prepare=prepare_slow_commit)
def commit_cut(run):
    for name, (statement, passes_on) in run.rng.sample(list(COMMIT_POINTS.items()), 3) * 2:
        tap = run.tap_all(MessageTap(statement, passes_on))
        wait_for(name, lambda: tap.hits, 40, 0.01)
        run.bite(name)
        run.await_progress()
    run.stack.sql("DROP TRIGGER IF EXISTS fault_slow_commit ON callboard.batch_change")  # what waits is to be stored soon
    run.bite("settled as committed", run.logged(UNTIL_SETTLED))
    run.bite("fenced by the own commit", run.logged("partition is fenced"))


# --- waiting -------------------------------------------------------------------------------------------

@fault("lock-timeout", "answered with 55P03", sizes=(5, 100), rate=250, may_drain_in_vain=True)
def lock_timeout(run):
    """Another session holds all batches for longer than the lock timeout of 15 s."""
    run.await_progress(50)
    holder = subprocess.Popen([run.server.psql, "-X", "-q", run.server.url(run.stack.database)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        holder.stdin.write(b"BEGIN; SELECT count(*) FROM (SELECT FROM callboard.batch FOR UPDATE) q;\n")
        holder.stdin.flush()
        run.await_bite("answered with 55P03", lambda: run.logged("sqlstate=55P03"), 60)
    finally:
        holder.stdin.close()  # psql ends, and its transaction with it
        holder.wait(30)
    run.await_progress()


@fault("statement-timeout", "answered with 57014", prepare=with_delays, rate=250, may_drain_in_vain=True)
def statement_timeout(run):
    """A statement takes longer than the statement timeout of 20 s."""
    run.await_progress(50)
    set_delay(run.stack, "batch_change", 22)
    try:
        run.await_bite("answered with 57014", lambda: run.logged("sqlstate=57014"), 60)
    finally:
        set_delay(run.stack, "batch_change", 0)
    run.await_progress()


@fault("slow-database", "a transaction took longer than a session timeout", prepare=with_delays, rate=250, sigterm=False, may_drain_in_vain=True,
       sizes=(20, 100))
def slow_database(run):
    """A slow database slows consumption; it must not cost a partition. (SIGTERM does: it comes when that has been looked at.)"""
    run.await_progress(50)
    before = run.logged("partitions revoked")
    set_delay(run.stack, "batch_change", 3.5)
    try:
        wait_for("slow transactions", lambda: slow_transactions(run) >= 2, 60, 0.2)
        run.bite("a transaction took longer than a session timeout", slow_transactions(run))
        if run.logged("partitions revoked") > before:
            run.problems.append("a partition was lost to a slow database")
        run.terminate_meanwhile()
    finally:
        set_delay(run.stack, "batch_change", 0)
    run.await_progress()


def slow_transactions(run):
    return sum(ingest.metric("callboard_ingest_transaction_seconds_count") - ingest.metric('callboard_ingest_transaction_seconds_bucket{le="2.5"}')
               for ingest in run.ingests)


# --- resources -----------------------------------------------------------------------------------------

DISK_BYTES = 48 << 20


def prepare_small_disk(run):
    """Moves the database to a disk of its own, which can be filled: a tmpfs, which root alone can mount."""
    folder = os.path.join(run.server.folder, f"disk-{run.stack.database}")
    os.mkdir(folder)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder], capture_output=True).returncode != 0:
        raise unittest.SkipTest("no small disk can be mounted here")
    run.disk = folder
    owner = os.stat(run.server.data_dir)
    os.chown(folder, owner.st_uid, owner.st_gid)
    os.mkdir(os.path.join(folder, "space"), 0o700)
    os.chown(os.path.join(folder, "space"), owner.st_uid, owner.st_gid)
    run.server.sql(f"CREATE TABLESPACE {run.stack.database} LOCATION '{folder}/space'")
    run.server.sql(f'ALTER DATABASE "{run.stack.database}" SET TABLESPACE {run.stack.database}')


def remove_small_disk(run):
    if not hasattr(run, "disk"):
        return
    run.server.drop_database(run.stack.database)
    run.server.sql(f"DROP TABLESPACE {run.stack.database}")
    subprocess.run(["umount", run.disk], check=True)
    os.rmdir(run.disk)


@fault("disk-full", "answered with 53100", prepare=prepare_small_disk, clean_up=remove_small_disk)
def disk_full(run):
    for _ in range(2):
        run.await_progress(50)
        filler = os.path.join(run.disk, "filler")
        fill_disk(filler)
        try:
            run.await_bite("answered with 53100", lambda: run.logged("sqlstate=53100"), 60)
            time.sleep(run.rng.uniform(0, 1))
        finally:
            os.unlink(filler)
        run.await_progress()


def fill_disk(path):
    with open(path, "wb", buffering=0) as out:
        for size in (1 << 20, 4096):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                continue  # full, for pieces of this size


@fault("out-of-connections", "refused for want of a connection")
def out_of_connections(run):
    run.await_progress(20)
    taken = []
    try:
        take_connections(run, taken)
        run.stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callboard-ingest' AND datname = current_database()")
        deadline = time.monotonic() + 20
        while not run.is_named_unready("connection") and time.monotonic() < deadline:
            take_connections(run, taken)
        wait_for("ingest is refused", lambda: run.is_named_unready("connection"), 5)
        run.bite("refused for want of a connection")
        time.sleep(run.rng.uniform(0, 1))
    finally:
        for connection in taken:
            connection.close()
    run.await_progress()


def take_connections(run, taken):
    """Takes connections to PostgreSQL until it refuses."""
    while len(taken) < 100:
        connection = socket.create_connection(("127.0.0.1", run.server.port), timeout=10)
        settings = b"user\0callboard_reader\0database\0" + run.stack.database.encode() + b"\0\0"
        connection.sendall(struct.pack(">ii", 8 + len(settings), 3 << 16) + settings)
        if connection.recv(1) != b"R":  # not "AuthenticationOk"
            connection.close()
            return
        taken.append(connection)


# --- fail-over -----------------------------------------------------------------------------------------

class Standby(Postgres):
    """A streaming copy of another server, that can be promoted."""

    def __init__(self, primary):
        self._primary = primary
        super().__init__(settings={"log_line_prefix": "%m [%p] %d "})

    def _create(self):
        if os.geteuid() == 0:
            self._user = self._unprivileged_user()
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        copy = [os.path.join(self.bin_dir, "pg_basebackup"), "-D", self.data_dir, "-h", "127.0.0.1", "-p", str(self._primary.port), "-U", "postgres",
                "-c", "fast", "-X", "stream", "-R", "--no-sync"]
        done = subprocess.run(self._as_server(copy), cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise PostgresError(f"pg_basebackup: {done.stderr}")
        with open(os.path.join(self.data_dir, "postgresql.conf"), "a") as conf:
            conf.write(f"unix_socket_directories = '{self.folder}'\n")

    def promote(self):
        self.sql("SELECT pg_promote()")


def make_pair(run):
    primary = Postgres(settings={"log_line_prefix": "%m [%p] %d ", "wal_level": "replica", "max_wal_senders": "4"})
    primary.start()
    run.primary = primary
    run.standby = Standby(primary)
    run.standby.start()
    return primary


def url_of_pair(run):
    return (f"postgresql://callboard_writer@127.0.0.1:{run.primary.port},127.0.0.1:{run.standby.port}/{run.stack.database}"
            "?target_session_attrs=read-write&connect_timeout=2")


def remove_pair(run):
    for name in ("standby", "primary"):
        if hasattr(run, name):
            getattr(run, name).remove()


@fault("fail-over", "stored on the promoted standby", "rewound", server=make_pair, url=url_of_pair, clean_up=remove_pair)
def fail_over(run):
    """The primary dies, its standby is promoted. It copies asynchronously: what it had not got is read again from Kafka."""
    run.await_progress(200)
    run.random_moment()
    if run.rng.random() < 0.7:  # it falls behind: some committed transactions will be lost
        cut_replication(run)
        run.await_progress(50)
        run.bite("the standby was behind")
    run.primary.stop("immediate")
    run.standby.promote()
    run.server = run.stack.server = run.standby
    run.log_start = 0
    run.await_progress(50, 60)
    run.bite("stored on the promoted standby")
    run.bite("rewound", run.logged("reading again from the stored offset"))


def cut_replication(run):
    """The standby hears nothing more of the primary."""
    run.standby.sql("ALTER SYSTEM SET primary_conninfo = ''")
    run.standby.sql("SELECT pg_reload_conf()")
    wait_for("the standby is cut off", lambda: run.primary.sql("SELECT count(*) FROM pg_stat_replication") == [("0",)], 30)
