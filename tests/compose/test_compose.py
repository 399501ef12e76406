"""docker-compose.yml, for real: from `docker compose up --wait` to a page with calls in it, and after a restart of each service.

Skipped where no container engine answers. The stack gets a project name and ports of its own, and is removed at the end,
volumes and images included.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
import uuid

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests/support"))

from postgres import free_port  # noqa: E402

BATCH = "5f" * 12
DEMO_BATCH = "5eed" * 6  # docker-compose.yml's
OWNER = "compose-test"
BUILD_AND_START_SECONDS = 900
COMMAND_SECONDS = 180
CALLS = 25
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def compose_command():
    """["docker", "compose"] where an engine and the plugin answer, else None."""
    if not shutil.which("docker"):
        return None
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            return None
    return ["docker", "compose"]


COMPOSE = compose_command()


@unittest.skipUnless(COMPOSE, "no container engine with compose answers")
class ComposeStack(unittest.TestCase):
    """One stack for all tests of the class; each leaves it running."""

    @classmethod
    def setUpClass(cls):
        cls.name = "callboard-test-" + uuid.uuid4().hex[:8]
        cls.port = free_port()
        cls.environment = {**os.environ, "COMPOSE_PROJECT_NAME": cls.name, "CALLBOARD_PORT": str(cls.port),
                           "CALLBOARD_KAFKA_PORT": str(free_port()), "POSTGRES_PASSWORD": uuid.uuid4().hex,
                           "CALLBOARD_OWNER_PASSWORD": uuid.uuid4().hex, "CALLBOARD_WRITER_PASSWORD": uuid.uuid4().hex,
                           "CALLBOARD_READER_PASSWORD": uuid.uuid4().hex}
        cls.addClassCleanup(cls.compose, "--profile", "demo", "--profile", "tools", "down", "--volumes", "--remove-orphans", "--rmi", "local",
                            timeout=COMMAND_SECONDS)
        cls.compose("--profile", "demo", "--profile", "tools", "build", timeout=BUILD_AND_START_SECONDS)
        cls.compose("up", "--detach", "--wait", timeout=BUILD_AND_START_SECONDS)
        cls.token = cls.new_token(OWNER)
        cls.simulate(BATCH, CALLS)

    @classmethod
    def compose(cls, *arguments, timeout=COMMAND_SECONDS, stdin=None):
        done = subprocess.run([*COMPOSE, "--project-directory", str(PROJECT), *arguments], env=cls.environment, timeout=timeout,
                              input=stdin, stdin=None if stdin else subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"docker compose {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr[-4000:]}\n"
                                 + cls.logs())
        return done.stdout

    @classmethod
    def new_token(cls, owner):
        return cls.compose("run", "--rm", "-T", "ctl", "token", "create", "--owner", owner).strip().splitlines()[-1]

    @classmethod
    def logs(cls):
        done = subprocess.run([*COMPOSE, "--project-directory", str(PROJECT), "logs", "--tail", "20"], env=cls.environment,
                              capture_output=True, text=True)
        return done.stdout[-8000:]

    @classmethod
    def simulate(cls, batch, calls):
        """The whole life of one batch, as fast as it goes."""
        cls.compose("run", "--rm", "-T", "dialsim", "--owner", OWNER, "--batch-id", batch, "--seed", "7", "--calls", str(calls),
                    "--transcripts", "off")

    def get(self, batch, limit=10, token=None):
        """(status, envelope); status 0 while nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/call/batch-details/{batch}?limit={limit}",
                                         headers={"Authorization": "Bearer " + (token or self.token)})
        try:
            with DIRECTLY.open(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def page_with(self, batch, total, seconds=60):
        """The page, as soon as the batch has so many calls, each with an attempt."""
        deadline = time.monotonic() + seconds
        while True:
            status, envelope = self.get(batch, limit=1000)
            if status == 200 and envelope["data"]["total"] == total and all(call["phoneLogs"] for call in envelope["data"]["data"]):
                return envelope["data"]
            if time.monotonic() > deadline:
                self.fail(f"batch {batch} has not got {total} calls within {seconds} s; last answer {status} {str(envelope)[:500]}\n"
                          + self.logs())
            time.sleep(0.2)

    def container(self, service):
        return json.loads(subprocess.run(["docker", "inspect", self.compose("ps", "--quiet", service).strip()], check=True,
                                         capture_output=True, text=True).stdout)[0]

    def test_a_batch_comes_through_as_a_page(self):
        data = self.page_with(BATCH, CALLS)
        self.assertEqual((data["batchId"], data["totalPages"], len(data["data"])), (BATCH, 1, CALLS))
        self.assertEqual(len({call["_id"] for call in data["data"]}), CALLS)

    def test_nothing_is_lost_by_a_restart_of_each_service(self):
        before = self.page_with(BATCH, CALLS)
        for number, service in enumerate(("ingest", "query", "kafka", "postgres")):
            with self.subTest(service=service):
                self.compose("restart", service)
                self.compose("up", "--detach", "--wait")
                self.assertEqual(self.page_with(BATCH, CALLS), before)
                later = f"{number + 1:024x}"
                self.simulate(later, 3)
                self.assertEqual(len(self.page_with(later, 3)["data"]), 3)

    def test_the_services_run_locked_down(self):
        for service in ("ingest", "query"):
            with self.subTest(service=service):
                container = self.container(service)
                self.assertNotIn(container["Config"]["User"].split(":")[0], ("", "0", "root"))
                self.assertTrue(container["HostConfig"]["ReadonlyRootfs"])
                self.assertEqual([name.upper() for name in container["HostConfig"]["CapDrop"]], ["ALL"])
                self.assertEqual(container["Config"]["StopSignal"], "SIGTERM")
                self.assertEqual(container["State"]["Health"]["Status"], "healthy")

    def test_the_services_end_well_when_told_to(self):
        for service in ("ingest", "query"):
            with self.subTest(service=service):
                identity = self.container(service)["Id"]
                self.compose("stop", service)
                state = json.loads(subprocess.run(["docker", "inspect", identity], check=True, capture_output=True, text=True).stdout)
                self.assertEqual(state[0]["State"]["ExitCode"], 0)
                self.compose("up", "--detach", "--wait")

    def test_migrating_again_changes_nothing(self):
        self.assertIn("already at version", self.compose("run", "--rm", "-T", "migrate"))

    def test_the_demo_moves_a_batch_of_its_own(self):
        self.compose("--profile", "demo", "up", "--detach", "--wait")
        token = self.new_token("demo")
        deadline = time.monotonic() + 60
        while True:
            status, envelope = self.get(DEMO_BATCH, limit=1000, token=token)
            if status == 200 and any(call["phoneLogs"] for call in envelope["data"]["data"]):
                return
            self.assertLess(time.monotonic(), deadline, f"last answer {status}\n{self.logs()}")
            time.sleep(0.5)


if __name__ == "__main__":
    unittest.main()
