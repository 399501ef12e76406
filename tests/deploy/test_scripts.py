"""The scripts of deploy/: what they refuse, and what they make of what a killed run leaves behind. Needs no server."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
SCRIPTS = [DEPLOY / "run", DEPLOY / "test", DEPLOY / "kafka/kafka-node", DEPLOY / "postgres/postgres-node", PROJECT / ".ci/run"]


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **more)


def shell(script, *arguments):
    """Runs it with the functions of deploy/lib."""
    sources = f"set -euo pipefail; program=test; root={PROJECT}; . {DEPLOY}/lib/base.sh; . {DEPLOY}/lib/process.sh; "
    return run("bash", "-c", sources + script, "bash", *map(str, arguments))


class Style(unittest.TestCase):
    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck_finds_nothing(self):
        done = run("shellcheck", "-x", *map(str, SCRIPTS), *map(str, sorted((DEPLOY / "lib").glob("*.sh"))), cwd=PROJECT)
        self.assertEqual(done.stdout, "")


class Options(unittest.TestCase):
    WRONG = [
        ("run", ["--bogus"], "--bogus"),
        ("run", ["--port"], "--port"),
        ("run", ["--port", "0"], '"0"'),
        ("run", ["--port", "65536"], '"65536"'),
        ("run", ["--port=http"], '"http"'),
        ("run", ["--kafka", "somewhere"], '"somewhere"'),
        ("run", ["--kafka", ""], '""'),
        ("run", ["--postgres", "localhost"], '"localhost"'),
        ("run", ["stop"], '"stop"'),
        ("test", ["--bogus"], "--bogus"),
        ("test", ["--variant", "fast"], '"fast"'),
        ("test", ["--suite", "nothing"], "nothing"),
        ("kafka/kafka-node", [], "unknown command"),
        ("kafka/kafka-node", ["start"], "--dir"),
        ("kafka/kafka-node", ["stop", "--dir", "/tmp/x", "y"], '"y"'),
        ("postgres/postgres-node", ["begin"], '"begin"'),
        ("postgres/postgres-node", ["start", "--dir", "/tmp/x", "--port", "no"], '"no"'),
    ]

    def test_wrong_options_are_named_on_one_line_and_exit_with_2(self):
        for script, arguments, named in self.WRONG:
            with self.subTest(script=script, arguments=arguments):
                done = run(str(DEPLOY / script), *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(named, done.stderr)

    def test_help_tells_the_usage(self):
        for script in SCRIPTS:
            with self.subTest(script=script.name):
                done = run(str(script), "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("usage:", done.stdout)


class Processes(unittest.TestCase):
    """process.sh: nobody's process is taken for ours."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="callboard-process-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.record = self.folder / "record"

    def spawn(self, *command):
        done = shell('process_spawn "$1" "$2" "${@:3}" && process_pid "$1"', self.record, self.folder / "log", *command)
        self.assertEqual(done.returncode, 0, done.stderr)
        pid = int(done.stdout)
        self.addCleanup(self.kill, pid)
        return pid

    @staticmethod
    def kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def is_alive(self):
        return shell('process_is_alive "$1"', self.record).returncode == 0

    def test_a_process_outlives_the_script_and_is_found_again(self):
        pid = self.spawn("sleep", "60")
        self.assertTrue(self.is_alive())
        self.assertEqual(os.getsid(pid), pid, "it has a session of its own")
        self.assertEqual(shell('process_stop "$1" TERM 10', self.record).returncode, 0)
        self.assertFalse(self.is_alive())
        self.assertFalse(self.record.exists())

    def test_a_process_that_does_not_listen_is_ended_by_force(self):
        self.spawn("bash", "-c", "trap '' TERM; while :; do sleep 0.1; done")
        time.sleep(0.3)  # until it has set its trap
        done = shell('process_stop "$1" TERM 1', self.record)
        self.assertEqual(done.returncode, 0)
        self.assertIn("killed", done.stderr)
        self.assertFalse(self.is_alive())

    def test_records_of_processes_that_are_no_more_mean_nothing(self):
        stranger = subprocess.Popen(["sleep", "60"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        start = pathlib.Path(f"/proc/{stranger.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
        records = [
            ("the pid is somebody else's by now", f"{stranger.pid} {int(start) - 1} {boot}"),
            ("of an earlier boot", f"{stranger.pid} {start} 00000000-0000-0000-0000-000000000000"),
            ("nobody has the pid", f"4194304 {start} {boot}"),
            ("half written", f"{stranger.pid}"),
            ("empty", ""),
        ]
        for what, text in records:
            with self.subTest(what=what):
                self.record.write_text(text + "\n")
                self.assertFalse(self.is_alive())
                self.assertEqual(shell('process_stop "$1" KILL 1', self.record).returncode, 0)
                self.assertIsNone(stranger.poll(), "a stranger was ended")

    def test_a_zombie_counts_as_ended(self):
        child = subprocess.Popen(["true"])
        self.addCleanup(child.wait)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(shell('process_start_time "$1"', child.pid).stdout, "")

    def test_a_command_with_parentheses_and_blanks_in_its_name_has_a_start_time(self):
        odd = self.folder / "a) b (c"
        shutil.copy(shutil.which("sleep"), odd)
        pid = self.spawn(str(odd), "60")
        expected = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
        self.assertEqual(shell('process_start_time "$1"', pid).stdout.strip(), expected)

    def test_what_ends_instead_of_starting_is_told_with_the_end_of_its_log(self):
        done = shell('process_spawn "$1" "$2" bash -c "echo no such luck; exit 3"; '
                     'process_must_become_ready "$1" 10 "$2" it false', self.record, self.folder / "log")
        self.assertEqual(done.returncode, 1)
        self.assertIn("it ended instead of starting", done.stderr)
        self.assertIn("no such luck", done.stderr)

    def test_the_lock_of_the_script_is_not_passed_on(self):
        lock = self.folder / "lock"
        done = shell('exec 9> "$3"; flock 9; process_spawn "$1" "$2" sleep 60; process_pid "$1"', self.record, self.folder / "log", lock)
        self.addCleanup(self.kill, int(done.stdout))
        self.assertEqual(run("flock", "-n", str(lock), "true").returncode, 0)


class Ports(unittest.TestCase):
    def test_a_port_with_a_listener_is_busy_and_a_closed_one_is_not(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            self.assertEqual(shell('port_is_busy "$1"', port).returncode, 0)
        self.assertNotEqual(shell('port_is_busy "$1"', port).returncode, 0)

    def test_a_remembered_port_is_kept_until_somebody_else_has_it(self):
        with tempfile.TemporaryDirectory() as folder:
            note = os.path.join(folder, "port")
            first = shell('remembered_port "$1"', note).stdout
            self.assertEqual(shell('remembered_port "$1"', note).stdout, first)
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", int(first)))
                listener.listen()
                self.assertNotEqual(shell('remembered_port "$1"', note).stdout, first)


if __name__ == "__main__":
    unittest.main()
