"""Schemathesis against the live service: whatever it makes of /openapi.json, the answers are as described.

The short run makes the same requests each time; CALLBOARD_API_SECONDS=600 ./deploy/test --suite api goes on for so long with
others.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

from tools import Api, python_tools

SECONDS = os.environ.get("CALLBOARD_API_SECONDS")
PACE = ["--max-time", SECONDS] if SECONDS else ["--max-time", "20", "--generation-deterministic"]
# That a request which the schema allows is taken: no schema can say what is a regular expression, a filter, or a cursor
# that was given for the same request.
NOT_ASKED = "positive_data_acceptance"

# What is too long for a parameter may be too long for the request line: 414.
CONFIG = """
[parameters]
"path.id" = "%s"
[checks.negative_data_rejection]
expected-statuses = [400, 401, 404, 405, 414, 431]
"""


class Schemathesis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = python_tools() / "bin/schemathesis"
        cls.api = Api(cls, HTTP_CORS_ORIGINS="*")

    def run_tool(self, path_id):
        """Its standard output; the id of the path is the given one."""
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder, "schemathesis.toml")
            config.write_text(CONFIG % path_id, encoding="utf-8")
            done = subprocess.run([self.program, "--config-file", config, "run", self.api.url + "/openapi.json",
                                   "-H", f"Authorization: Bearer {self.api.token}", *PACE, "--checks", "all",
                                   "--exclude-checks", NOT_ASKED, "--no-color"],
                                  cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        return done.stdout

    def test_nothing_is_found_on_a_batch_that_is_there(self):
        self.assertRegex(self.run_tool(self.api.batch), r"\d{2,} generated")  # thousands, but of a machine that has much else to do


if __name__ == "__main__":
    unittest.main()
