"""The clients that /docs shows, taken from the page and run against the live service."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from tools import Api, needed

CALLS = 250  # of which half are completed: more than a page of 100


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api(cls, CALLS)
        cls.page = xml.etree.ElementTree.fromstring(cls.api.service.request("/docs").body)
        cls.wanted = [f"{n + 1:024x} 1212555{n:04}" for n in range(CALLS) if n % 2] + [f"{CALLS // 2} calls"]

    def snippet(self, name):
        return "".join(next(e for e in self.page.iter("pre") if e.get("id") == name).itertext())

    def run_program(self, command, folder=None, batch=None):
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=folder, timeout=60,
                              env={**os.environ, "CALLBOARD_URL": self.api.url, "CALLBOARD_TOKEN": self.api.token,
                                   "CALLBOARD_BATCH": batch or self.api.batch})

    def check(self, *command):
        done = self.run_program(command)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines(), self.wanted)
        self.assertNotEqual(self.run_program(command, batch="f" * 24).returncode, 0, "a batch that is not there")

    def test_curl_walks_the_batch(self):
        needed("jq")
        self.check(needed("sh"), "-c", self.snippet("client-curl"))

    def test_javascript_walks_the_batch(self):
        self.check(needed("node"), "--input-type=module", "-e", self.snippet("client-javascript"))

    def test_python_walks_the_batch(self):
        self.check(sys.executable, "-c", self.snippet("client-python"))

    def test_the_first_request_is_answered(self):
        done = self.run_program(["sh", "-c", self.snippet("first-request").replace("curl ", "curl -sS ")])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.encode(), self.api.service.page(self.api.batch, self.api.token, "limit=1").body)

    def test_polling_gets_the_page_once(self):
        with tempfile.TemporaryDirectory() as folder:
            statuses = [self.run_program(["sh", "-c", self.snippet("polling-request")], folder).stdout for _ in range(3)]
            self.assertEqual(statuses, ["200\n", "304\n", "304\n"])
            self.assertEqual(pathlib.Path(folder, "page.json").read_bytes(), self.api.service.page(self.api.batch, self.api.token).body)


if __name__ == "__main__":
    unittest.main()
