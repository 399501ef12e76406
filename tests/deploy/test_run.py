"""deploy/run, for real: in a copy of the project, with its embedded broker and its private PostgreSQL.

The copy is built anew, so that a stack which somebody runs in this tree is not touched.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests/support"))

from postgres import PostgresError, find_bin_dir, free_port  # noqa: E402

ENV_NAMES = {"CALLBOARD_URL", "CALLBOARD_TOKEN", "CALLBOARD_OWNER", "CALLBOARD_BATCH", "KAFKA_BROKERS", "DATABASE_URL",
             "CALLBOARD_BIN", "CALLBOARD_INGEST_ADMIN", "CALLBOARD_QUERY_ADMIN"}
START_SECONDS = 300
STOP_SECONDS = 30


def has_postgres():
    try:
        return bool(find_bin_dir())
    except PostgresError:
        return False


def processes_of(folder):
    """{pid: command line} of what works in the folder or was started from it."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if str(folder) in line or place.startswith(str(folder)):
            found[int(entry.name)] = line
    return found


@unittest.skipUnless(has_postgres(), "no PostgreSQL is installed")
class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="callboard-run-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.project = cls.folder / "project"
        shutil.copytree(PROJECT, cls.project, ignore=shutil.ignore_patterns(".git", ".local", "build", "build-*", "__pycache__", "tests"))
        cls.local = cls.project / ".local"
        cls.port = free_port()
        cls.addClassCleanup(cls.run_script, "--reset", timeout=STOP_SECONDS)

    def tearDown(self):
        self.run_script("--stop", timeout=STOP_SECONDS)
        self.assertEqual(processes_of(self.folder), {}, "left running")

    @classmethod
    def run_script(cls, *arguments, timeout=START_SECONDS):
        return subprocess.run([cls.project / "deploy/run", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, cwd="/")

    def start(self, *arguments):
        done = self.run_script("--detach", "--port", str(self.port), *arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def shell(self, line):
        """A line in a shell that has read .local/env."""
        return subprocess.run(["bash", "-euc", f". {self.local}/env; {line}"], capture_output=True, text=True, timeout=60)

    def total(self, batch):
        answer = self.shell(f'curl -sf --noproxy "*" -H "Authorization: Bearer $CALLBOARD_TOKEN" '
                            f'"$CALLBOARD_URL/api/call/batch-details/{batch}"').stdout
        found = re.search(r'"total":(\d+)', answer)
        return int(found.group(1)) if found else 0

    def env(self):
        return dict(line.split("=", 1) for line in (self.local / "env").read_text().splitlines())

    def test_a_first_run_ends_with_an_address_a_token_and_a_curl_line_that_works(self):
        printed = self.start()
        env = self.env()
        self.assertEqual(set(env), ENV_NAMES)
        self.assertIn(env["CALLBOARD_URL"], printed)
        self.assertIn(env["CALLBOARD_TOKEN"], printed)
        self.assertGreater(int(re.search(r"(\d+) calls have come through", printed).group(1)), 0)
        line = re.search(r"^ *(curl .*)$", printed, re.M).group(1)
        answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30).stdout
        self.assertIn('"message":"Calls fetched successfully"', answer)
        self.assertIn(env["CALLBOARD_BATCH"], answer)
        self.assertEqual(self.shell("psql -XAt \"$DATABASE_URL\" -c 'SELECT 1 FROM callboard.batch LIMIT 1'").stdout.strip(), "1")
        for admin in ("CALLBOARD_INGEST_ADMIN", "CALLBOARD_QUERY_ADMIN"):
            self.assertEqual(self.shell(f'curl -sf --noproxy "*" "${admin}/readyz"').returncode, 0)
        self.assertEqual(self.shell("set -a; . %s/env; $CALLBOARD_BIN/callboard-ctl check" % self.local).returncode, 0)

    def test_a_second_run_leaves_the_first_alone_and_tells_its_address(self):
        self.start()
        before = processes_of(self.folder)
        again = self.run_script("--detach")
        self.assertEqual(again.returncode, 0)
        self.assertIn(self.env()["CALLBOARD_URL"], again.stdout)
        other = self.run_script("--detach", "--no-demo")
        self.assertEqual(other.returncode, 1)
        self.assertIn("--stop first", other.stderr)
        self.assertLessEqual(set(before), set(processes_of(self.folder)))
        self.assertEqual(self.run_script("--status").returncode, 0)

    def test_rows_and_token_survive_a_stop(self):
        self.start()
        first = self.env()
        self.assertEqual(self.run_script("--stop", timeout=STOP_SECONDS).returncode, 0)
        self.assertEqual(self.run_script("--status").returncode, 1)
        self.assertEqual(processes_of(self.folder), {})
        self.start("--no-demo")
        second = self.env()
        self.assertEqual(set(second), ENV_NAMES - {"CALLBOARD_BATCH"})
        self.assertEqual(second["CALLBOARD_TOKEN"], first["CALLBOARD_TOKEN"])
        self.assertGreater(self.total(first["CALLBOARD_BATCH"]), 0)

    def test_a_killed_run_leaves_nothing_that_blocks_the_next(self):
        self.start()
        batch = self.env()["CALLBOARD_BATCH"]
        for pid in processes_of(self.folder):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.run_script("--status").returncode, 1)
        self.start()
        self.assertGreater(self.total(batch), 0, "the rows of the killed run are there")
        self.assertGreater(self.total(self.env()["CALLBOARD_BATCH"]), 0, "and new ones come through")

    def test_a_part_that_has_died_is_brought_back(self):
        self.start("--no-demo")
        for part in ("ingest", "broker", "query"):
            with self.subTest(part=part):
                os.kill(int((self.local / "pids" / part).read_text().split()[0]), signal.SIGKILL)
                self.assertEqual(self.run_script("--status").returncode, 1)
                self.start("--no-demo")
                self.assertEqual(self.run_script("--status").returncode, 0)

    def test_ctrl_c_stops_all_of_it(self):
        script = subprocess.Popen([self.project / "deploy/run", "--port", str(self.port), "--no-demo"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        printed = ""
        for line in script.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        os.killpg(script.pid, signal.SIGINT)
        rest, _ = script.communicate(timeout=STOP_SECONDS)
        self.assertEqual(script.returncode, 0, printed + rest)
        self.assertEqual(processes_of(self.folder), {})
        self.assertEqual(re.findall(r"stopping (\w+)", rest), ["ingest", "query", "broker", "postgres"])

    def test_the_foreground_ends_when_a_part_dies_and_when_it_is_stopped_from_elsewhere(self):
        for what, status in (("killed", 1), ("stopped", 0)):
            with self.subTest(what=what):
                script = subprocess.Popen([self.project / "deploy/run", "--port", str(self.port), "--no-demo"], text=True,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                while "Ctrl-C" not in script.stdout.readline():
                    self.assertIsNone(script.poll())
                if what == "killed":
                    os.kill(int((self.local / "pids/query").read_text().split()[0]), signal.SIGKILL)
                else:
                    self.run_script("--stop", timeout=STOP_SECONDS)
                printed, _ = script.communicate(timeout=STOP_SECONDS)
                self.assertEqual(script.returncode, status, printed)
                self.assertEqual(processes_of(self.folder), {})

    def test_a_busy_port_is_refused_when_it_was_asked_for(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            done = self.run_script("--detach", "--port", str(listener.getsockname()[1]))
        self.assertEqual(done.returncode, 1)
        self.assertIn("is in use", done.stderr)
        self.assertEqual(processes_of(self.folder), {})

    def test_reset_deletes_the_state(self):
        self.start()
        batch = self.env()["CALLBOARD_BATCH"]
        self.assertEqual(self.run_script("--reset", timeout=STOP_SECONDS).returncode, 0)
        for name in ("postgres", "env", "token", "logs", "pids"):
            self.assertFalse(os.path.lexists(self.local / name), name)
        self.start("--no-demo")
        self.assertEqual(self.total(batch), 0)


if __name__ == "__main__":
    unittest.main()
