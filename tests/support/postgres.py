"""A private PostgreSQL for tests: its own cluster, port and socket, nothing of the system's.

    with Postgres() as server:
        server.sql("CREATE TABLE t (n int)")
        assert server.sql("SELECT count(*) FROM t") == [("0",)]
        run(["callboard-ctl", "migrate"], env={"DATABASE_URL": server.url()})

The server never runs as root: where the tests do, it runs as `postgres`, or `nobody`. It ends with the
thread that started it (start it from the main thread), so that a killed test run leaves no server behind.
It listens on 127.0.0.1 and trusts everybody there.
"""
import atexit
import csv
import glob
import io
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

OLDEST_VERSION = 15
csv.field_size_limit(1 << 30)  # a dead letter may hold a megabyte
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PostgresError(Exception):
    """The server could not be run, or a statement failed: the text says why."""


def find_bin_dir():
    """The folder of initdb and postgres: POSTGRES_BIN, else the newest version Debian's packages hold."""
    if os.environ.get("POSTGRES_BIN"):
        return os.environ["POSTGRES_BIN"]
    found = []
    for path in glob.glob("/usr/lib/postgresql/*/bin/initdb"):
        version = path.split("/")[4]
        if version.isdigit() and int(version) >= OLDEST_VERSION:
            found.append((int(version), os.path.dirname(path)))
    if not found:
        raise PostgresError(f"no PostgreSQL {OLDEST_VERSION} or newer: apt-get install postgresql")
    return max(found)[1]


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses at this moment, below the range from which systems choose ports of outgoing
    connections: a server that is down for a while finds it free when it is back."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Postgres:
    """One cluster, from initdb to removal. `with` starts it, and stops and removes it at the end.

    fsync:    False makes commits fast and unsafe against a crash of the machine (not of the server).
    settings: further lines of postgresql.conf, {name: value}.
    bin_dir:  where initdb and postgres are; default: find_bin_dir().
    """

    def __init__(self, fsync=False, settings=None, bin_dir=None):
        self.bin_dir = bin_dir or find_bin_dir()
        self.folder = tempfile.mkdtemp(prefix="callboard-pg-")
        self.port = free_port()
        self.process = None
        self._user = None
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "shared_buffers": "64MB",
            "max_wal_size": "1GB",
            "timezone": "UTC",
            "lc_messages": "C",
            **(settings or {}),
        }
        self._create()
        atexit.register(self._remove_at_exit, os.getpid())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.remove()

    @property
    def log_path(self):
        return os.path.join(self.folder, "log")

    @property
    def psql(self):
        """The program itself: Debian's /usr/bin/psql is a script before it, which costs more than most statements."""
        beside = os.path.join(self.bin_dir, "psql")
        return beside if os.path.exists(beside) else "psql"

    @property
    def data_dir(self):
        return os.path.join(self.folder, "data")

    def start(self, timeout=30):
        """Starts the server on its port and waits until it takes connections."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self._as_server([os.path.join(self.bin_dir, "postgres"), "-D", self.data_dir, "-p", str(self.port)],
                                "--pdeathsig", "QUIT"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop("immediate")
                raise PostgresError("the server did not start:\n" + self.log_tail())
            time.sleep(0.02)

    def is_ready(self):
        """Whether it takes connections (it does not while it starts up or recovers)."""
        ready = subprocess.run([os.path.join(self.bin_dir, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port),
                                "-U", "postgres"])
        return ready.returncode == 0

    def stop(self, mode="fast", timeout=30):
        """smart, fast, or immediate (as a crash: the next start recovers). Data and port stay."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(STOP_SIGNALS[mode])
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def remove(self):
        """Stops the server and removes all of it."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database="postgres", user="postgres"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def sql(self, statements, database="postgres", user="postgres"):
        """Runs one or more statements in one session; rows of all results as tuples of texts (NULL is None)."""
        null = "\x01null\x01"
        done = subprocess.run(
            [self.psql, "-X", "-q", "-t", "--csv", "-P", f"null={null}", "-v", "ON_ERROR_STOP=1", "-f", "-",
             self.url(database, user)],
            input=statements.encode(), capture_output=True, env={**os.environ, "PGCLIENTENCODING": "UTF8"})
        if done.returncode != 0:
            raise PostgresError(done.stderr.decode(errors="replace").strip())
        rows = csv.reader(io.StringIO(done.stdout.decode(), newline=""))
        return [tuple(None if value == null else value for value in row) for row in rows]

    def create_database(self, name, owner="postgres"):
        self.sql(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE template0')

    def drop_database(self, name):
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def log_tail(self, lines=30):
        with open(self.log_path, errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def _remove_at_exit(self, owner):
        if os.getpid() == owner:  # a forked child's exit is not ours
            self.remove()

    def _create(self):
        if os.geteuid() == 0:
            self._user = self._unprivileged_user()
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        initdb = [os.path.join(self.bin_dir, "initdb"), "-D", self.data_dir, "-U", "postgres", "--auth=trust",
                  "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(self._as_server(initdb), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise PostgresError("initdb failed:\n" + done.stdout.decode(errors="replace"))
        with open(os.path.join(self.data_dir, "postgresql.conf"), "a") as conf:
            for name, value in self._settings.items():
                conf.write(f"{name} = '{value}'\n")

    def _as_server(self, command, *options):
        """The command as the user the server runs as."""
        if self._user:
            options += ("--reuid", self._user.pw_name, "--regid", str(self._user.pw_gid), "--init-groups")
        return ["setpriv", *options, "--", *command] if options else command

    @staticmethod
    def _unprivileged_user():
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise PostgresError("no user to run the server as: neither postgres nor nobody is there")
