"""callboard-query under test: the program with ports of its own, a client that sees raw answers, and rows to read.

The programs come from CALLBOARD_BIN (a folder) or from a build folder of the tree.
"""
import binascii
import glob
import hashlib
import http.client
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

from postgres import Postgres  # noqa: E402

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def program(name):
    """The path of one of our programs, wherever the build put it."""
    folder = os.environ.get("CALLBOARD_BIN")
    patterns = [f"{folder}/{name}", f"{folder}/services/*/{name}"] if folder else [f"{ROOT}/build*/services/*/{name}"]
    for pattern in patterns:
        for path in glob.glob(pattern):
            return path
    raise FileNotFoundError(f"{name} is not built: set CALLBOARD_BIN to the folder of the programs")


def new_token(rng=random.SystemRandom()):
    """A well-formed token, as callboard-ctl makes them."""
    text = "cbt_" + "".join(rng.choice(ALPHABET) for _ in range(32))
    crc = binascii.crc32(text.encode())
    digits = ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        digits = ALPHABET[digit] + digits
    return text + digits


def quoted(value):
    """An SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, bool)):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


class Rows:
    """Writes rows as the ingest service would leave them."""

    def __init__(self, server, database):
        self.server = server
        self.database = database

    def sql(self, text):
        return self.server.sql(text, self.database)

    def token(self, owner, expires=None, revoked=None):
        token = new_token()
        digest = hashlib.sha256(token.encode()).hexdigest()
        self.sql(
            "INSERT INTO callboard.api_token (token_hash, token_id, owner_id, expires_at, revoked_at) VALUES "
            f"('\\x{digest}', {quoted(token[:12])}, {quoted(owner)}, {expires or 'NULL'}, {revoked or 'NULL'})")
        return token

    def batch(self, owner, calls=(), name="Campaign", status="active", total=None, in_order=True, batch_id=None, version=1):
        """`calls` are dicts: call_id, phone, fields, created, attempts (dicts: status, ms, url, transcript, created)."""
        batch_id = batch_id or "%024x" % random.getrandbits(96)
        lines = ["BEGIN;", "INSERT INTO callboard.batch (batch_id, owner_id, batch_name, batch_status, calls, created_in_order, version)"
                 f" VALUES ('\\x{batch_id}', {quoted(owner)}, {quoted(name)}, {quoted(status)},"
                 f" {len(calls) if total is None else total}, {in_order}, {version});"]
        for number, call in enumerate(calls, 1):
            lines += self._call(batch_id, call.get("position", number), call)
        self.sql("\n".join(lines + ["COMMIT;"]))
        return batch_id

    def many_calls(self, batch_id, owner, count):
        """A batch of `count` plain calls with an attempt each, made within the server."""
        self.sql(f"""
            INSERT INTO callboard.batch (batch_id, owner_id, batch_name, batch_status, calls, version)
                VALUES ('\\x{batch_id}', {quoted(owner)}, 'Many', 'active', {count}, 1);
            INSERT INTO callboard.call (batch_id, call_id, position, created_at, phone_number, fields, versions)
                SELECT '\\x{batch_id}', decode(lpad(to_hex(n), 24, '0'), 'hex'), n, now(), 'n' || n, '{{"n":' || n || '}}', ''
                FROM generate_series(1, {count}) n;
            INSERT INTO callboard.attempt (batch_id, position, attempt, call_status, versions)
                SELECT '\\x{batch_id}', n, 1, 'completed', '' FROM generate_series(1, {count}) n;
            ANALYZE callboard.call; ANALYZE callboard.attempt; ANALYZE callboard.batch;""")
        return batch_id

    def change(self, batch_id, statement):
        """Runs it as a transaction of the ingest service, which gives the batch its next version."""
        self.sql(f"BEGIN; {statement}; UPDATE callboard.batch SET version = version + 1 WHERE batch_id = '\\x{batch_id}'; COMMIT;")

    @staticmethod
    def _call(batch_id, position, call):
        call_id = call.get("call_id") or "%024x" % position
        yield ("INSERT INTO callboard.call (batch_id, call_id, position, created_at, phone_number, fields, versions) VALUES "
               f"('\\x{batch_id}', '\\x{call_id}', {position}, {quoted(call.get('created'))}, {quoted(call.get('phone'))}, "
               f"{quoted(call.get('fields'))}, '');")
        for number, attempt in enumerate(call.get("attempts", ()), 1):
            yield ("INSERT INTO callboard.attempt (batch_id, position, attempt, created_at, call_duration_ms, call_status,"
                   f" recording_url, versions, transcript) VALUES ('\\x{batch_id}', {position}, {attempt.get('attempt', number)},"
                   f" {quoted(attempt.get('created'))}, {quoted(attempt.get('ms'))}, {quoted(attempt.get('status'))},"
                   f" {quoted(attempt.get('url'))}, '', {quoted(attempt.get('transcript'))});")


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # list of (name, value), in order
        self.body = body

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None

    def without_date(self):
        return self.status, [(name, value) for name, value in self.headers if name.lower() != "date"], self.body


class QueryService:
    """The program; `with` starts it, and ends it with SIGTERM. `wrapper` is a command that is to run it: valgrind, say."""

    def __init__(self, database_url, wrapper=(), **environment):
        self.wrapper = list(wrapper)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PG", "HTTP_", "LOG_"))},
            "DATABASE_URL": database_url, "HTTP_LISTEN": "127.0.0.1:0", "ADMIN_LISTEN": "127.0.0.1:0",
            "HTTP_WORKERS": "2", **environment}
        self.lines = []
        self._news = threading.Condition()
        self.process = None
        self.is_terminated = False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.end()

    def start(self, wait_ready=True):
        self.process = subprocess.Popen([*self.wrapper, program("callboard-query")], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True).start()
        self.admin_port = int(self.wait_log(r'msg="admin listening".* port=(\d+)').group(1))
        self.port = int(self.wait_log(r'msg="?listening"?.* http=\S*:(\d+)').group(1))
        if wait_ready:
            self.wait_ready()

    def _read_log(self, pipe):
        with pipe:
            for line in pipe:
                with self._news:
                    self.lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self.lines.append(None)
            self._news.notify_all()

    def wait_log(self, pattern, timeout=30):
        """The first log line that matches, past or to come."""
        deadline = time.monotonic() + timeout
        at = 0
        with self._news:
            while True:
                while at < len(self.lines):
                    if self.lines[at] is None:
                        raise AssertionError("the service ended:\n" + self.log())
                    found = re.search(pattern, self.lines[at])
                    if found:
                        return found
                    at += 1
                if not self._news.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no log line matches {pattern}:\n" + self.log())

    def log(self):
        return "\n".join(line for line in self.lines if line is not None)

    def terminate(self, number=signal.SIGTERM):
        """Once: a second signal would end it without a drain."""
        if not self.is_terminated:
            self.is_terminated = True
            self.process.send_signal(number)

    def end(self, timeout=15):
        """Ends it, if it still runs; its exit status."""
        if self.process is None:
            return None
        self.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the service did not end:\n" + self.log()) from None

    def admin(self, path):
        conn = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=30)
        try:
            conn.request("GET", path)
            reply = conn.getresponse()
            return reply.status, reply.read().decode()
        finally:
            conn.close()

    def wait_admin(self, wanted, timeout=30):
        """Polls /readyz until wanted(status, text); what it last said."""
        deadline = time.monotonic() + timeout
        while True:
            status, text = self.admin("/readyz")
            if wanted(status, text):
                return text
            if time.monotonic() > deadline:
                raise AssertionError(f"/readyz still says {status} {text!r}\n" + self.log())
            time.sleep(0.02)

    def wait_ready(self):
        self.wait_admin(lambda status, text: status == 200)

    def request(self, target, token=None, method="GET", headers=(), conn=None):
        own = conn or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            own.putrequest(method, target, skip_accept_encoding=True)
            if token is not None:
                own.putheader("Authorization", "Bearer " + token)
            for name, value in headers:
                own.putheader(name, value)
            own.endheaders()
            reply = own.getresponse()
            return Answer(reply.status, reply.getheaders(), reply.read())
        finally:
            if conn is None:
                own.close()

    def page(self, batch_id, token, query=""):
        return self.request(f"/api/call/batch-details/{batch_id}" + (f"?{query}" if query else ""), token)

    def start_request(self, target, token, coding="identity"):
        """Sends a request on a socket of its own and does not wait; read_answer() does."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: {coding}\r\n\r\n".encode())
        return sock

    @staticmethod
    def read_answer(sock):
        reply = http.client.HTTPResponse(sock, method="GET")
        try:
            reply.begin()
            return Answer(reply.status, reply.getheaders(), reply.read())
        finally:
            reply.close()
            sock.close()


class Lock:
    """Keeps a table locked, so that the service's statements on it wait."""

    def __init__(self, server, database, table="callboard.call"):
        self.server = server
        self.database = database
        self.table = table

    def __enter__(self):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-t", "-v", "ON_ERROR_STOP=1", self.server.url(self.database)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.psql.stdin.write(f"BEGIN; LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n".encode())
        self.psql.stdin.flush()
        while b"locked" not in self.psql.stdout.readline():
            pass
        return self

    def wait_for_waiters(self, count, timeout=30):
        """Until so many sessions wait for a lock."""
        deadline = time.monotonic() + timeout
        while True:
            waiting = self.server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted", self.database)
            if int(waiting[0][0]) >= count:
                return
            assert time.monotonic() < deadline, "nobody waits for the lock"
            time.sleep(0.01)

    def __exit__(self, *unused):
        self.psql.stdin.close()  # ends the session, and so the transaction
        self.psql.wait()
        self.psql.stdout.close()


def migrate(server, database):
    """An empty database with the current schema."""
    server.create_database(database)
    subprocess.run([program("callboard-ctl"), "migrate"], check=True, capture_output=True,
                   env={**os.environ, "DATABASE_URL": server.url(database)})


def migrated_server(**options):
    """A PostgreSQL of the test module's own, removed with it: the schema is in the database `callboard`, which its reader may use. `options` are Postgres'."""
    server = Postgres(**options)
    unittest.addModuleCleanup(server.remove)
    server.start()
    migrate(server, "callboard")
    server.sql("ALTER ROLE callboard_reader LOGIN")
    return server
