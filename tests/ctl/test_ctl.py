#!/usr/bin/env python3
"""Runs the built callboard-ctl against a PostgreSQL of its own.

    CALLBOARD_BIN=<folder of the programs> python3 tests/ctl/test_ctl.py [-v] [TestClass[.test_name]]

Where a part of it needs Kafka, librdkafka's mock cluster inside the program stands in for one.
"""
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from postgres import Postgres, PostgresError, free_port  # noqa: E402

BIN = os.path.join(os.environ.get("CALLBOARD_BIN", "build/bin"), "callboard-ctl")
SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "schema")
VERSION = len([name for name in os.listdir(SCHEMA) if name.endswith(".sql")])
ROLES = ("callboard_owner", "callboard_writer", "callboard_reader")
MOCK = ("-X", "test.mock.num.brokers=1")
DATABASE = "callboard"

server = None


def setUpModule():
    global server
    server = Postgres()
    server.start()


def tearDownModule():
    server.remove()


class CtlTest(unittest.TestCase):
    """Each test begins with an empty database and without Callboard's roles."""

    migrated = False

    def setUp(self):
        server.drop_database(DATABASE)
        others = [name for (name,) in server.sql("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper")]
        for role in others:
            server.sql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
        server.create_database(DATABASE)
        if self.migrated:
            self.ctl("migrate")

    def env(self, user="postgres", **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "CALLBOARD", "KAFKA", "DATABASE"))}
        return {**kept, "DATABASE_URL": server.url(DATABASE, user), **more}

    def ctl(self, *arguments, user="postgres", status=0, text=True, **env):
        """Runs the program, checks its exit status, and returns (stdout, stderr)."""
        done = subprocess.run([BIN, *arguments], env=self.env(user, **env), capture_output=True, timeout=60)
        err = done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout!r} {err}")
        return (done.stdout.decode() if text else done.stdout), err

    def lines(self, *arguments, **options):
        return self.ctl(*arguments, **options)[0].splitlines()

    def objects(self, *arguments, **options):
        return [json.loads(line) for line in self.lines(*arguments, "--json", **options)]

    def sql(self, statements, user="postgres"):
        return server.sql(statements, DATABASE, user)

    def refused(self, statements, user, pattern="permission denied"):
        with self.assertRaisesRegex(PostgresError, pattern):
            self.sql(statements, user)

    def catalog(self):
        """Everything that migrating made or could change, as one comparable value."""
        return self.sql(
            "SELECT n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text, c.relfilenode"
            "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'callboard' ORDER BY 1, 2;"
            "SELECT number::text, name, checksum, applied_at::text, applied_by FROM callboard.migration ORDER BY number;"
            "SELECT rolname, rolcanlogin::text, rolsuper::text FROM pg_roles WHERE rolname LIKE 'callboard%' ORDER BY 1;"
            "SELECT setrole::regrole::text, setconfig::text FROM pg_db_role_setting ORDER BY 1;"
            "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members"
            " WHERE roleid >= 16384 ORDER BY 1, 2")


class CommandLine(CtlTest):
    def test_help_names_every_command(self):
        out, _ = self.ctl("--help")
        for command in ("migrate", "token create", "token list", "token revoke", "dead-letters list", "dead-letters count",
                        "dead-letters show", "dead-letters replay", "dead-letters discard", "check"):
            self.assertIn(f"  {command} ", out)
            help_text, _ = self.ctl(*command.split(), "--help")
            self.assertIn(f"callboard-ctl {command}", help_text)
            self.assertIn("--database-url", help_text)

    def test_version(self):
        self.assertRegex(self.ctl("--version")[0], r"^callboard-ctl \d+\.\d+\.\d+\n$")
        self.assertRegex(self.ctl("migrate", "--version")[0], r"^callboard-ctl \d+\.\d+\.\d+\n$")

    def test_misuse_is_one_line_and_status_2(self):
        for arguments in (["nonsense"], ["token"], ["token", "make"], ["migrate", "--nonsense"], ["migrate", "now"],
                          ["migrate", "--lock-timeout", "soon"], ["token", "create"], ["token", "create", "--owner", ""],
                          ["token", "create", "--owner", "x" * 129], ["token", "create", "--owner", "me", "--expires", "never"],
                          ["token", "create", "--owner", "me", "--expires", "2020-01-01T00:00:00Z"],
                          ["token", "revoke"], ["token", "revoke", "x"], ["dead-letters", "show"], ["dead-letters", "show", "0"],
                          ["dead-letters", "show", "1", "2"], ["dead-letters", "list", "--since", "x"],
                          ["dead-letters", "list", "--limit", "0"], ["dead-letters", "replay"], ["dead-letters", "discard"],
                          ["dead-letters", "discard", "1", "--all"], ["dead-letters", "discard", "99999999999999999999"],
                          ["check", "--timeout", "0"]):
            with self.subTest(arguments):
                out, err = self.ctl(*arguments, status=2)
                self.assertEqual(out, "")
                self.assertRegex(err, r"\Acallboard-ctl: [^\n]+\n\Z")

    def test_a_malformed_url_is_misuse_and_not_repeated(self):
        _, err = self.ctl("migrate", status=2, DATABASE_URL="postgresql://u:hunter2@h/db?nonsense=1")
        self.assertIn("DATABASE_URL", err)
        self.assertNotIn("hunter2", err)

    def test_database_url_from_a_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(server.url(DATABASE) + "\n")
            file.flush()
            out, _ = self.ctl("migrate", "status", DATABASE_URL="", DATABASE_URL_FILE=file.name)
        self.assertIn(f"version 0 of {VERSION}", out)

    def test_libpq_variables(self):
        out, _ = self.ctl("migrate", "status", DATABASE_URL="", PGHOST="127.0.0.1", PGPORT=str(server.port), PGUSER="postgres",
                          PGDATABASE=DATABASE)
        self.assertIn(f"version 0 of {VERSION}", out)

    def test_an_absent_database_fails_at_once(self):
        _, err = self.ctl("migrate", status=1, DATABASE_URL=f"postgresql://postgres@127.0.0.1:{free_port()}/x")
        self.assertIn("database: ", err)
        self.assertNotIn("waiting", err)

    def test_standard_output_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BIN, "migrate", "status"], env=self.env(), stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)


class Waiting(unittest.TestCase):
    def test_wait_tries_again_until_the_database_is_there(self):
        with Postgres() as late:
            late.stop()
            waiting = subprocess.Popen([BIN, "migrate", "--wait", "60"], env={**os.environ, "DATABASE_URL": late.url()},
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertIn("waiting for the database", waiting.stderr.readline())
            late.start()
            out, err = waiting.communicate(timeout=60)
            self.assertEqual(waiting.returncode, 0, err)
            self.assertIn(f"now at version {VERSION}", out)


class Migrate(CtlTest):
    def test_an_empty_database(self):
        out = self.lines("migrate")
        self.assertIn("applied 001 callboard", out)
        self.assertEqual(out[-1], f"now at version {VERSION}")
        rows = self.sql("SELECT number, name, checksum, applied_by FROM callboard.migration ORDER BY number")
        self.assertEqual(len(rows), VERSION)
        for number, name, checksum, applied_by in rows:
            with open(os.path.join(SCHEMA, f"{int(number):03}_{name}.sql"), "rb") as file:
                self.assertEqual(checksum, hashlib.sha256(file.read()).hexdigest())
            self.assertEqual(applied_by, "postgres")

    def test_everything_belongs_to_the_owner(self):
        self.ctl("migrate")
        self.assertEqual(self.sql("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                  " WHERE nspname = 'callboard' AND pg_get_userbyid(relowner) <> 'callboard_owner'"), [])
        self.assertEqual(self.sql("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'callboard'"),
                         [("callboard_owner",)])

    def test_the_roles_find_the_schema(self):
        self.ctl("migrate")
        for role in ROLES:
            self.assertEqual(self.sql("SHOW search_path", role), [("callboard, public",)])

    def test_twice_changes_nothing(self):
        self.ctl("migrate")
        before = self.catalog()
        for user in ("postgres", "callboard_owner"):
            self.assertEqual(self.ctl("migrate", user=user), (f"already at version {VERSION}\n", ""))
        self.assertEqual(self.catalog(), before)

    def test_two_at_once(self):
        runs = [subprocess.Popen([BIN, "migrate"], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(4)]
        ends = [run.communicate(timeout=60)[0].splitlines()[-1] for run in runs]
        self.assertEqual([run.returncode for run in runs], [0] * 4)
        self.assertEqual(sorted(ends), [f"already at version {VERSION}"] * 3 + [f"now at version {VERSION}"])

    def test_two_databases_at_once_share_the_roles(self):
        names = [f"callboard_{n}" for n in range(4)]
        for name in names:
            server.drop_database(name)
            server.create_database(name)
        try:
            runs = [subprocess.Popen([BIN, "migrate"], env=self.env(DATABASE_URL=server.url(name)), stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True) for name in names]
            for run in runs:
                out, err = run.communicate(timeout=60)
                self.assertEqual(run.returncode, 0, err)
                self.assertIn(f"now at version {VERSION}", out)
        finally:
            for name in names:
                server.drop_database(name)

    def held_lock(self):
        """A session that holds the lock of a migration, until it is closed."""
        key = int.from_bytes(b"callboar", "big")
        holder = subprocess.Popen(["psql", "-X", "-q", server.url(DATABASE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, bufsize=1)
        holder.stdin.write(f"SELECT pg_advisory_lock({key});\n\\echo held\n")
        while holder.stdout.readline() != "held\n":
            pass
        return holder

    @staticmethod
    def release(holder):
        holder.communicate("\\q\n")

    def test_waits_for_another_migration(self):
        holder = self.held_lock()
        waiting = subprocess.Popen([BIN, "migrate"], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("another migration of this database is running: waiting up to 60 s", waiting.stderr.readline())
        self.assertIsNone(waiting.poll())
        self.release(holder)
        out, err = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 0, err)
        self.assertIn(f"now at version {VERSION}", out)

    def test_gives_up_waiting(self):
        holder = self.held_lock()
        try:
            _, err = self.ctl("migrate", "--lock-timeout", "1", status=1)
        finally:
            self.release(holder)
        self.assertIn("still running", err)

    def test_edited_history_is_refused(self):
        self.ctl("migrate")
        self.sql("UPDATE callboard.migration SET checksum = repeat('0', 64) WHERE number = 1")
        for command in (("migrate",), ("migrate", "status")):
            _, err = self.ctl(*command, status=1)
            self.assertIn("migration 001 (callboard) was changed after it had been applied", err)

    def test_a_newer_database_is_refused(self):
        self.ctl("migrate")
        before = self.catalog()
        self.sql("INSERT INTO callboard.migration (number, name, checksum, applied_by) VALUES (999, 'later', 'x', 'y')")
        for command in (("migrate",), ("migrate", "status")):
            _, err = self.ctl(*command, status=1)
            self.assertIn("newer than this program", err)
        _, err = self.ctl("token", "list", status=1)
        self.assertIn("newer than this program", err)
        self.sql("DELETE FROM callboard.migration WHERE number = 999")
        self.assertEqual(self.catalog(), before)

    def test_a_gap_is_refused(self):
        self.ctl("migrate")
        self.sql("UPDATE callboard.migration SET number = 0 WHERE number = 1")
        _, err = self.ctl("migrate", status=1)
        self.assertIn("migration 001 is missing", err)

    def test_a_failed_migration_leaves_nothing_behind(self):
        self.ctl("migrate")
        self.sql("DROP SCHEMA callboard CASCADE; CREATE SCHEMA callboard AUTHORIZATION callboard_owner;"
                 "SET ROLE callboard_owner; CREATE TABLE callboard.api_token (in_the_way int)")
        _, err = self.ctl("migrate", status=1)
        self.assertRegex(err, r'migration 001 \(callboard\) failed and was rolled back: .*"api_token" already exists')
        self.assertEqual(self.sql("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                                  " WHERE nspname = 'callboard' AND relkind = 'r' ORDER BY 1"), [("api_token",), ("migration",)])
        self.assertEqual(self.sql("SELECT count(*) FROM callboard.migration"), [("0",)])
        self.sql("DROP TABLE callboard.api_token")
        self.assertIn(f"now at version {VERSION}", self.lines("migrate"))

    def test_status_and_dry_run_change_nothing(self):
        for command in (("migrate", "status"), ("migrate", "--dry-run")):
            out = self.lines(*command)
            self.assertIn(f"version 0 of {VERSION}", out)
            self.assertIn("pending: 001 callboard", out)
            self.assertIn("missing: CREATE ROLE callboard_reader LOGIN", out)
        self.assertEqual(self.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'callboard%'"), [])
        self.ctl("migrate")
        for user in ("postgres", *ROLES):
            self.assertEqual(self.lines("migrate", "status", user=user), [f"version {VERSION} of {VERSION}"])

    def test_a_dead_session_leaves_no_lock(self):
        holder = self.held_lock()
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
        self.assertIn(f"now at version {VERSION}", self.lines("migrate"))

    def test_statement_and_lock_timeouts_of_the_role_do_not_matter(self):
        """It waits for a lock for longer than either, which does not cancel it."""
        holder = self.held_lock()
        self.sql("ALTER ROLE postgres SET statement_timeout = '300ms'; ALTER ROLE postgres SET lock_timeout = '300ms'")
        try:
            waiting = subprocess.Popen([BIN, "migrate"], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            holder.stdin.write(UNTIL_SOMEBODY_HAS_WAITED)
            self.release(holder)
            out, err = waiting.communicate(timeout=60)
        finally:
            server.sql("ALTER ROLE postgres RESET statement_timeout; ALTER ROLE postgres RESET lock_timeout")
        self.assertEqual(waiting.returncode, 0, err)
        self.assertIn(f"now at version {VERSION}", out)


# For half a second.
UNTIL_SOMEBODY_HAS_WAITED = """DO $$ BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND waitstart < clock_timestamp() - interval '500 ms') LOOP
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
"""


class MigrateWithoutSuperuser(CtlTest):
    def test_a_role_without_rights_is_told_what_a_dba_has_to_run(self):
        self.sql("CREATE ROLE joe LOGIN")
        out, err = self.ctl("migrate", user="joe", status=1)
        self.assertEqual(out, "")
        self.assertEqual(self.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'callboard%'"), [])
        statements = re.findall(r"^(?:CREATE|GRANT|ALTER) .*;$", err, re.M)
        self.assertEqual(len(statements), 8, err)
        self.sql("\n".join(statements))
        self.assertIn(f"now at version {VERSION}", self.lines("migrate", user="joe"))
        self.assertEqual(self.lines("migrate", user="callboard_owner"), [f"already at version {VERSION}"])

    def test_the_owner_itself_with_a_schema_made_for_it(self):
        self.sql("CREATE ROLE callboard_owner LOGIN; CREATE ROLE callboard_writer LOGIN; CREATE ROLE callboard_reader LOGIN;"
                 "CREATE SCHEMA callboard AUTHORIZATION callboard_owner")
        out, err = self.ctl("migrate", user="callboard_owner")
        self.assertIn(f"now at version {VERSION}", out)
        # It may set its own search path, not the others'.
        self.assertIn("ran: ALTER ROLE callboard_owner", out)
        self.assertRegex(err, r"skipped, .*ALTER ROLE callboard_writer")
        self.assertEqual(self.sql("SELECT applied_by FROM callboard.migration LIMIT 1"), [("callboard_owner",)])

    def test_the_owner_of_the_database(self):
        self.sql("CREATE ROLE callboard_owner LOGIN; CREATE ROLE callboard_writer LOGIN; CREATE ROLE callboard_reader LOGIN;"
                 f"ALTER DATABASE {DATABASE} OWNER TO callboard_owner")
        self.assertIn(f"now at version {VERSION}", self.lines("migrate", user="callboard_owner"))

    def test_a_role_that_may_create_roles(self):
        self.sql(f"CREATE ROLE joe LOGIN CREATEROLE; GRANT CREATE ON DATABASE {DATABASE} TO joe")
        out = self.lines("migrate", user="joe")
        self.assertIn("ran: GRANT callboard_owner TO joe", out)
        self.assertEqual(out[-1], f"now at version {VERSION}")
        before = self.catalog()
        self.assertEqual(self.lines("migrate", user="joe"), [f"already at version {VERSION}"])
        self.assertEqual(self.catalog(), before)
        self.assertEqual(self.sql("SELECT applied_by FROM callboard.migration LIMIT 1"), [("joe",)])

    def test_a_member_that_does_not_inherit(self):
        self.ctl("migrate")
        self.sql("CREATE ROLE joe LOGIN NOINHERIT; GRANT callboard_owner TO joe")
        self.assertEqual(self.lines("migrate", user="joe"), [f"already at version {VERSION}"])

    def test_the_owner_with_a_role_missing(self):
        self.sql("CREATE ROLE callboard_owner LOGIN; CREATE SCHEMA callboard AUTHORIZATION callboard_owner")
        _, err = self.ctl("migrate", user="callboard_owner", status=1)
        self.assertIn("CREATE ROLE callboard_writer LOGIN;", err)
        self.assertNotIn("CREATE ROLE callboard_owner", err)

    def test_a_schema_of_somebody_else_changes_hands(self):
        self.sql("CREATE SCHEMA callboard")
        self.assertIn("ran: ALTER SCHEMA callboard OWNER TO callboard_owner", self.lines("migrate"))

    def test_names_that_need_quotes(self):
        server.sql('DROP DATABASE IF EXISTS "odd ""name"; CREATE DATABASE "odd ""name"; CREATE ROLE "o\'dd" LOGIN')
        try:
            url = server.url("odd%20%22name", "o%27dd")
            _, err = self.ctl("migrate", status=1, DATABASE_URL=url)
            self.assertIn('GRANT callboard_owner TO "o\'dd";', err)
            server.sql("\n".join(re.findall(r"^(?:CREATE|GRANT|ALTER) .*;$", err, re.M)), "odd%20%22name")
            self.assertIn(f"now at version {VERSION}", self.lines("migrate", DATABASE_URL=url))
        finally:
            server.sql('DROP DATABASE "odd ""name"')


class Rights(CtlTest):
    migrated = True

    def tables(self):
        return [name for (name,) in self.sql("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                                             " WHERE nspname = 'callboard' AND relkind = 'r' ORDER BY 1")]

    def test_the_reader_can_only_read(self):
        readable = {"batch", "call", "attempt", "batch_status", "batch_change", "api_token", "cursor_key", "migration"}
        for table in self.tables():
            with self.subTest(table):
                if table in readable:
                    self.sql(f"SELECT count(*) FROM callboard.{table}", "callboard_reader")
                else:
                    self.refused(f"SELECT count(*) FROM callboard.{table}", "callboard_reader")
                self.refused(f"INSERT INTO callboard.{table} DEFAULT VALUES", "callboard_reader")
                self.refused(f"DELETE FROM callboard.{table}", "callboard_reader")
                self.refused(f"TRUNCATE callboard.{table}", "callboard_reader")
        self.refused("UPDATE callboard.batch SET calls = 0", "callboard_reader")
        self.refused("CREATE TABLE callboard.t (n int)", "callboard_reader")
        self.refused("CREATE TABLE public.t (n int)", "callboard_reader")

    def test_the_reader_sees_no_dead_letter_and_no_offset(self):
        for table in ("dead_letter", "kafka_offset", "pending_attempt"):
            self.refused(f"SELECT * FROM callboard.{table}", "callboard_reader")

    def test_the_writer_changes_rows_and_nothing_else(self):
        self.sql("INSERT INTO callboard.batch (batch_id) VALUES ('\\x000000000000000000000001')", "callboard_writer")
        self.sql("UPDATE callboard.batch SET calls = 1", "callboard_writer")
        self.sql("INSERT INTO callboard.dead_letter (group_id, topic, partition, message_offset, header_names, header_values,"
                 " reason, detail) VALUES ('g', 't', 0, 0, '{}', '{}', 'empty', '')", "callboard_writer")
        for statement in ("CREATE TABLE callboard.t (n int)", "CREATE TABLE public.t (n int)", "TRUNCATE callboard.batch",
                          "DELETE FROM callboard.batch", "SELECT * FROM callboard.api_token",
                          "INSERT INTO callboard.migration VALUES (2, 'x', 'x', now(), 'x')"):
            self.refused(statement, "callboard_writer")
        for statement in ("ALTER TABLE callboard.batch ADD x int", "DROP TABLE callboard.batch", "DROP SCHEMA callboard CASCADE",
                          "CREATE INDEX ON callboard.batch (calls)"):
            self.refused(statement, "callboard_writer", "must be owner")

    def test_others_have_no_rights(self):
        self.sql("CREATE ROLE stranger LOGIN")
        for table in self.tables():
            self.refused(f"SELECT * FROM callboard.{table}", "stranger")
        _, err = self.ctl("token", "list", user="stranger", status=1)
        self.assertIn('role "stranger" has no rights on the schema callboard', err)

    def test_a_database_that_was_not_migrated_is_named_as_such(self):
        self.sql("DELETE FROM callboard.migration")
        _, err = self.ctl("token", "list", status=1)
        self.assertIn("has not been migrated: run `callboard-ctl migrate`", err)
        self.sql("DROP SCHEMA callboard CASCADE")
        for user in ("postgres", *ROLES):
            _, err = self.ctl("token", "list", user=user, status=1)
            self.assertIn("has not been migrated: run `callboard-ctl migrate`", err)


class Tokens(CtlTest):
    migrated = True

    def create(self, *arguments):
        out, err = self.ctl("token", "create", *arguments)
        self.assertRegex(out, r"\Acbt_[0-9A-Za-z]{38}\n\Z")
        self.assertNotIn(out.strip(), err)
        return out.strip()

    def test_create_prints_the_token_and_stores_its_hash(self):
        token = self.create("--owner", "acme")
        rows = self.sql("SELECT encode(token_hash, 'hex'), token_id, owner_id, expires_at, revoked_at FROM callboard.api_token")
        self.assertEqual(rows, [(hashlib.sha256(token.encode()).hexdigest(), token[:12], "acme", None, None)])
        dump = self.sql("SELECT t::text FROM callboard.api_token t")[0][0]
        self.assertNotIn(token[12:], dump)

    def test_tokens_differ(self):
        tokens = {self.create("--owner", "acme") for _ in range(5)}
        self.assertEqual(len(tokens), 5)

    def test_expiry(self):
        self.create("--owner", "acme", "--expires", "30d")
        self.create("--owner", "acme", "--expires", "2099-12-31T22:00:00-02:00")
        rows = self.sql("SELECT round(extract(epoch FROM expires_at - created_at)), expires_at FROM callboard.api_token ORDER BY 1")
        self.assertLess(abs(int(rows[0][0]) - 30 * 86400), 60)
        self.assertEqual(rows[1][1], "2100-01-01 00:00:00+00")

    def test_owners_of_any_utf_8(self):
        for owner in ("x" * 128, "Zoë's \U0001f680", "a\nb", "'; DROP TABLE callboard.api_token; --", "$1"):
            self.create("--owner", owner)
            self.assertIn((owner,), self.sql("SELECT owner_id FROM callboard.api_token"))
        self.assertEqual(len(self.lines("token", "list")), 6)

    def test_list(self):
        self.assertEqual(self.objects("token", "list"), [])
        first = self.create("--owner", "acme", "--expires", "2099-01-01T00:00:00Z")
        second = self.create("--owner", "beta\x1b[2J")
        out = self.ctl("token", "list")[0]
        self.assertNotIn(first, out)
        self.assertNotIn("\x1b", out)
        self.assertIn("beta\\x1b[2J", out)
        self.assertRegex(out.splitlines()[1], rf"^{first[:12]}  .*2099-01-01T00:00:00\.000Z +- +acme$")
        rows = self.objects("token", "list")
        self.assertEqual([list(row) for row in rows], [["id", "owner", "createdAt", "expiresAt", "revokedAt"]] * 2)
        self.assertEqual([row["id"] for row in rows], [first[:12], second[:12]])
        self.assertEqual([row["owner"] for row in rows], ["acme", "beta\x1b[2J"])
        self.assertEqual([row["expiresAt"] for row in rows], ["2099-01-01T00:00:00.000Z", None])
        self.assertRegex(rows[0]["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_revoke_by_id_and_by_token(self):
        kept, by_id, by_token = (self.create("--owner", "acme") for _ in range(3))
        self.assertEqual(self.lines("token", "revoke", by_id[:12]), ["revoked"])
        self.assertEqual(self.lines("token", "revoke", by_token), ["revoked"])
        before = self.sql("SELECT token_id, revoked_at FROM callboard.api_token ORDER BY 1")
        self.assertEqual(self.lines("token", "revoke", by_id[:12]), ["already revoked"])
        self.assertEqual(self.sql("SELECT token_id, revoked_at FROM callboard.api_token ORDER BY 1"), before)
        self.assertEqual([row["id"] for row in self.objects("token", "list") if row["revokedAt"] is None], [kept[:12]])

    def test_revoke_of_an_unknown_token(self):
        self.assertIn("no such token", self.ctl("token", "revoke", "cbt_AAAAAAAA", status=1)[1])
        # Well-formed, and not in the database.
        self.assertIn("no such token", self.ctl("token", "revoke", "cbt_0123456789ABCDEFGHIJKLMNOPQRSTUV3oe6w9", status=1)[1])
        # The same id with another rest is another token.
        self.sql("INSERT INTO callboard.api_token (token_hash, token_id, owner_id) VALUES (sha256('x'), 'cbt_01234567', 'acme')")
        self.assertIn("no such token", self.ctl("token", "revoke", "cbt_0123456789ABCDEFGHIJKLMNOPQRSTUV3oe6w9", status=1)[1])
        self.assertEqual(self.sql("SELECT count(*) FROM callboard.api_token WHERE revoked_at IS NULL"), [("1",)])

    def test_services_may_not_make_tokens(self):
        for role in ("callboard_writer", "callboard_reader"):
            self.assertIn("permission denied", self.ctl("token", "create", "--owner", "acme", user=role, status=1)[1])
        self.assertEqual(len(self.create("--owner", "acme")), 42)
        self.ctl("token", "create", "--owner", "acme", user="callboard_owner")


class DeadLetters(CtlTest):
    migrated = True
    PAYLOAD = bytes(range(256)) + "{\"é\n".encode()

    def setUp(self):
        super().setUp()
        self.sql(
            "INSERT INTO callboard.dead_letter (group_id, topic, partition, message_offset, message_key, header_names,"
            " header_values, payload, reason, detail, received_at) VALUES"
            " ('g', 'dialer.calls', 0, 17, '\\x6b00ff', ARRAY['\\x636574'::bytea, '\\x78', '\\x78'],"
            f"  ARRAY[NULL::bytea, '', '\\x0a41'], '\\x{self.PAYLOAD.hex()}', 'not-json', 'expected \"}}\"',"
            "  '2025-05-15T14:30:00.1239Z'),"
            " ('g', 'dialer.batches', 2, 5000000000, NULL, '{}', '{}', NULL, 'empty', 'no value', now() - interval '3 hours'),"
            " ('g', 'dialer.calls', 1, 2, '', '{}', '{}', '', 'empty', E'an empty\\nvalue', now() - interval '1 minute')")

    def ids(self, *arguments, command="list"):
        return [row["id"] for row in self.objects("dead-letters", command, *arguments)]

    def test_list_as_json_is_exactly_what_the_contract_says(self):
        out = self.lines("dead-letters", "list", "--json")
        self.assertEqual(out[0], '{"id":1,"topic":"dialer.calls","partition":0,"offset":17,"reason":"not-json",'
                                 '"detail":"expected \\"}\\"","receivedAt":"2025-05-15T14:30:00.123Z"}')
        self.assertEqual([json.loads(line)["id"] for line in out], [1, 2, 3])
        self.assertEqual(json.loads(out[1])["offset"], 5000000000)

    def test_list_for_people_is_one_line_each(self):
        out = self.lines("dead-letters", "list")
        self.assertEqual(len(out), 4)
        self.assertIn("dialer.calls[1]@2  an empty\\nvalue", out[3])

    def test_filters(self):
        self.assertEqual(self.ids("--reason", "empty"), [2, 3])
        self.assertEqual(self.ids("--topic", "dialer.calls"), [1, 3])
        self.assertEqual(self.ids("--reason", "empty", "--topic", "dialer.calls"), [3])
        self.assertEqual(self.ids("--since", "2h"), [3])
        self.assertEqual(self.ids("--until", "2h"), [1, 2])
        self.assertEqual(self.ids("--since", "2025-05-15T14:30:00.1239Z", "--until", "2025-05-15T16:30:01+02:00"), [1])
        self.assertEqual(self.ids("--until", "2025-05-15T14:30:00.1239Z"), [])
        self.assertEqual(self.ids("--limit", "2"), [1, 2])
        self.assertEqual(self.ids("--reason", "unknown"), [])

    def test_a_long_list_is_complete(self):
        self.sql("INSERT INTO callboard.dead_letter (group_id, topic, partition, message_offset, header_names, header_values,"
                 " reason, detail) SELECT 'g', 't', 0, i, '{}', '{}', 'bad-id', '' FROM generate_series(1, 2500) i")
        self.assertEqual(self.ids(), list(range(1, 2504)))
        self.assertEqual(self.ids("--limit", "1001"), list(range(1, 1002)))

    def test_count(self):
        self.assertEqual(self.objects("dead-letters", "count"), [{"reason": "empty", "count": 2}, {"reason": "not-json", "count": 1}])
        self.assertEqual([line.split() for line in self.lines("dead-letters", "count", "--since", "2h")], [["empty", "1"]])

    def test_show_raw_is_the_exact_bytes(self):
        for number, raw, key in ((1, self.PAYLOAD, b"k\0\xff"), (2, b"", b""), (3, b"", b"")):
            self.assertEqual(self.ctl("dead-letters", "show", str(number), "--raw", text=False)[0], raw)
            self.assertEqual(self.ctl("dead-letters", "show", str(number), "--key", text=False)[0], key)
        self.assertIn("has no value", self.ctl("dead-letters", "show", "2", "--raw")[1])
        self.assertEqual(self.ctl("dead-letters", "show", "3", "--raw")[1], "")

    def test_show_is_readable(self):
        out = self.ctl("dead-letters", "show", "1")[0]
        for line in ("reason     not-json", "key        k\\x00\\xff", "header     cet (no value)", "header     x: ",
                     "header     x: \\nA", f"payload    {len(self.PAYLOAD)} bytes", "received   2025-05-15T14:30:00.123Z"):
            self.assertIn(line + "\n", out)
        self.assertFalse(set(out) & set(map(chr, range(32))) - {"\n"})
        self.assertIn("payload    (none)\n", self.ctl("dead-letters", "show", "2")[0])
        self.assertIn("there is no dead letter 99", self.ctl("dead-letters", "show", "99", status=1)[1])

    def test_discard_by_id_keeps_the_row(self):
        self.assertEqual(self.lines("dead-letters", "discard", "1", "3"), ["discarded 2"])
        self.assertEqual(self.ids(), [2])
        self.assertEqual(self.ids("--all"), [1, 2, 3])
        rows = self.sql("SELECT discarded_by, discarded_at > now() - interval '1 minute' FROM callboard.dead_letter"
                        " WHERE id <> 2")
        self.assertEqual(rows, [(rows[0][0], "t")] * 2)
        self.assertRegex(rows[0][0], r"^[^@]+@.+$")
        self.assertRegex(self.ctl("dead-letters", "show", "1")[0], r"\ndiscarded  \S+Z by [^@]+@.+\n")

    def test_discard_by_reason(self):
        self.assertEqual(self.lines("dead-letters", "discard", "--reason", "empty", "--since", "2h"), ["discarded 1"])
        self.assertEqual(self.ids(), [1, 2])

    def test_prune_deletes_what_was_closed_long_ago_and_nothing_else(self):
        self.sql("UPDATE callboard.dead_letter SET discarded_at = now() - interval '31 days', discarded_by = 'x' WHERE id = 1")
        self.sql("UPDATE callboard.dead_letter SET replayed_at = now() - interval '29 days', replayed_by = 'x' WHERE id = 2")
        self.assertEqual(self.lines("dead-letters", "prune", "--until", "30d"), ["deleted 1"])
        self.assertEqual(self.ids("--all"), [2, 3])
        self.assertEqual(self.lines("dead-letters", "prune", "--until", "1m"), ["deleted 1"])
        self.assertEqual(self.ids("--all"), [3], "an open one stays")

    def test_prune_deletes_any_number(self):
        self.sql("INSERT INTO callboard.dead_letter (group_id, topic, partition, message_offset, header_names, header_values, reason, detail, discarded_at)"
                 " SELECT 'g', 't', 0, n, '{}', '{}', 'empty', '', now() - interval '1 day' FROM generate_series(1, 2500) n")
        self.assertEqual(self.lines("dead-letters", "prune", "--until", "1h"), ["deleted 2500"])
        self.assertEqual(self.ids("--all"), [1, 2, 3])

    def test_prune_wants_to_be_told_how_old(self):
        self.assertIn("needs --until", self.ctl("dead-letters", "prune", status=2)[1])
        self.assertIn("--until", self.ctl("dead-letters", "prune", "--until", "old", status=2)[1])

    def test_what_cannot_be_discarded_is_told(self):
        self.ctl("dead-letters", "discard", "1")
        out, err = self.ctl("dead-letters", "discard", "1", "2", "99", status=1)
        self.assertEqual(out, "discarded 1\n")
        self.assertRegex(err, r"dead letter 1: was discarded at \S+ \S+ by \S+@\S+\ndead letter 99: there is none\n")

    def test_replay_marks_what_was_acknowledged(self):
        self.assertEqual(self.lines("dead-letters", "replay", "1", "3", *MOCK), ["replayed 2, failed 0"])
        self.assertEqual(self.ids(), [2])
        self.assertEqual(self.sql("SELECT id FROM callboard.dead_letter WHERE replayed_by LIKE '%@%' AND replayed_at IS NOT NULL"
                                  " ORDER BY 1"), [("1",), ("3",)])
        out, err = self.ctl("dead-letters", "replay", "3", "2", *MOCK, status=1)
        self.assertEqual(out, "replayed 1, failed 1\n")
        self.assertIn("dead letter 3: was replayed at", err)

    def test_replay_of_many(self):
        self.sql("INSERT INTO callboard.dead_letter (group_id, topic, partition, message_offset, header_names, header_values,"
                 " payload, reason, detail) SELECT 'g', 't', 0, i, '{h}', '{v}', 'x', 'bad-id', '' FROM generate_series(1, 300) i")
        self.assertEqual(self.lines("dead-letters", "replay", "--reason", "bad-id", *MOCK, user="callboard_writer"),
                         ["replayed 300, failed 0"])
        self.assertEqual(self.ids(), [1, 2, 3])
        self.assertEqual(self.lines("dead-letters", "replay", "--all", *MOCK), ["replayed 3, failed 0"])
        self.assertEqual(self.lines("dead-letters", "replay", "--all", *MOCK), ["replayed 0, failed 0"])

    def test_what_was_not_delivered_stays_open(self):
        out, err = self.ctl("dead-letters", "replay", "--all", "-X", "message.timeout.ms=500", status=1,
                            KAFKA_BROKERS=f"127.0.0.1:{free_port()}")
        self.assertEqual(out, "replayed 0, failed 3\n")
        self.assertEqual(len(re.findall(r"dead letter \d was not delivered to dialer\.\w+: .*Connection refused", err)), 3, err)
        self.assertEqual(self.ids(), [1, 2, 3])

    def test_a_replay_under_way_elsewhere_is_left_alone(self):
        holder = subprocess.Popen(["psql", "-X", "-q", server.url(DATABASE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, bufsize=1)
        holder.stdin.write("BEGIN;\nSELECT 1 FROM callboard.dead_letter WHERE id = 1 FOR UPDATE;\n\\echo held\n")
        while holder.stdout.readline() != "held\n":
            pass
        self.assertEqual(self.lines("dead-letters", "replay", "--all", *MOCK), ["replayed 2, failed 0"])
        holder.communicate("\\q\n")
        self.assertEqual(self.ids(), [1])

    def test_a_wrong_kafka_property_is_misuse(self):
        for given in ("nonsense=1", "acks=maybe", "acks", "=1"):
            _, err = self.ctl("dead-letters", "replay", "--all", "-X", given, status=2)
            self.assertRegex(err, r"\Acallboard-ctl: [^\n]+\n\Z")
        self.assertEqual(self.ids(), [1, 2, 3])


class AdminPort:
    """Answers each connection with the same bytes; None: never."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            self.request = peer.recv(4096)
            if self.answer is None:
                self.held.append(peer)
                continue
            with peer:
                self.send(peer)

    def send(self, peer):
        try:
            for byte in self.answer[:200]:  # one at a time: as unkind as a network may be
                peer.sendall(bytes([byte]))
            peer.sendall(self.answer[200:])
        except OSError:
            pass  # the program has seen enough

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()
        for peer in self.held:
            peer.close()


READY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
NOT_READY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 42\r\n\r\ndatabase: connection refused\nkafka: absent\n"


class Check(CtlTest):
    migrated = True

    def run_check(self, *arguments, status=1, ingest=READY, query=READY, **env):
        with AdminPort(ingest) as ingest_port, AdminPort(query) as query_port:
            out, _ = self.ctl("check", "--json", "--timeout", "1", *MOCK, *arguments, status=status,
                              **{"CALLBOARD_INGEST_ADMIN": ingest_port.address, "CALLBOARD_QUERY_ADMIN": query_port.address, **env})
        findings = [json.loads(line) for line in out.splitlines()]
        for finding in findings:
            self.assertEqual(list(finding), ["check", "ok", "detail", "hint"])
            self.assertEqual(finding["ok"], finding["hint"] is None)
        return {finding["check"]: finding for finding in findings}

    def failed(self, findings):
        return sorted(name for name, finding in findings.items() if not finding["ok"])

    def test_every_part_is_looked_at(self):
        findings = self.run_check()
        self.assertEqual(list(findings), ["database", "schema", "roles", "kafka", "topics", "ingest", "query"])
        self.assertEqual(self.failed(findings), ["topics"])  # the mock cluster has none
        self.assertIn("PostgreSQL 1", findings["database"]["detail"])
        self.assertEqual(findings["schema"]["detail"], f"version {VERSION}")
        self.assertTrue(findings["ingest"]["detail"].endswith(": ok"))

    def test_words_for_people(self):
        with AdminPort(READY) as port:
            out = self.lines("check", *MOCK, "--ingest-admin", port.address, "--query-admin", f"http://{port.address}/", status=1)
        self.assertEqual([line.split()[:2] for line in out],
                         [["ok", "database"], ["ok", "schema"], ["ok", "roles"], ["ok", "kafka"], ["FAIL", "topics"],
                          ["ok", "ingest"], ["ok", "query"]])
        self.assertIn(" -> ", out[4])

    def test_several_processes(self):
        with AdminPort(READY) as one, AdminPort(NOT_READY) as other:
            out = self.lines("check", *MOCK, "--ingest-admin", one.address, "--ingest-admin", other.address, status=1)
        self.assertEqual([line.split()[0] for line in out if line.split()[1] == "ingest"], ["ok", "FAIL"])

    def test_what_is_not_ready_says_why(self):
        findings = self.run_check(query=NOT_READY)
        self.assertEqual(self.failed(findings), ["query", "topics"])
        self.assertTrue(findings["query"]["detail"].endswith(": database: connection refused; kafka: absent"))

    def test_services_that_do_not_answer_well(self):
        for answer, pattern in ((None, "no answer in time"), (b"SSH-2.0-x\r\n", "not HTTP"), (b"", "not HTTP"),
                                (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70000, "too long")):
            with self.subTest(pattern):
                self.assertRegex(self.run_check(ingest=answer)["ingest"]["detail"], pattern)
        findings = self.run_check(CALLBOARD_INGEST_ADMIN=f"127.0.0.1:{free_port()}", CALLBOARD_QUERY_ADMIN="nonsense")
        self.assertIn("Connection refused", findings["ingest"]["detail"])
        self.assertIn("is not HOST:PORT", findings["query"]["detail"])

    def test_a_database_that_was_not_migrated(self):
        self.sql("DROP SCHEMA callboard CASCADE")
        findings = self.run_check()
        self.assertEqual(self.failed(findings), ["schema", "topics"])
        self.assertIn("run `callboard-ctl migrate`", findings["schema"]["detail"])

    def test_missing_roles(self):
        self.sql("DROP OWNED BY callboard_reader; DROP ROLE callboard_reader")
        findings = self.run_check()
        self.assertEqual(findings["roles"]["detail"], "callboard_reader")

    def test_no_database(self):
        findings = self.run_check(DATABASE_URL=f"postgresql://postgres@127.0.0.1:{free_port()}/x")
        self.assertEqual(self.failed(findings), ["database", "roles", "schema", "topics"])

    def test_no_kafka(self):
        with AdminPort(READY) as port:
            out = self.objects("check", "--timeout", "1", status=1, KAFKA_BROKERS=f"127.0.0.1:{free_port()}",
                               CALLBOARD_INGEST_ADMIN=port.address, CALLBOARD_QUERY_ADMIN=port.address)
        self.assertEqual([row["check"] for row in out if not row["ok"]], ["kafka", "topics"])
        self.assertIn("Connection refused", out[3]["detail"])


if __name__ == "__main__":
    if not os.access(BIN, os.X_OK):
        sys.exit(f"{BIN} is not there: build it, and set CALLBOARD_BIN to its folder")
    unittest.main()
