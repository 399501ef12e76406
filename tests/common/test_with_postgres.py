"""The Criterion programs that skip themselves without a PostgreSQL, with one."""
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from postgres import Postgres  # noqa: E402


class WithPostgres(unittest.TestCase):
    def test_the_connection_keeps_its_promises(self):
        with Postgres() as server:
            done = subprocess.run([os.path.join(os.environ["CALLBOARD_BIN"], "test_db_postgres")], capture_output=True, text=True,
                                  env={**os.environ, "CALLBOARD_TEST_DATABASE_URL": server.url()})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("[SKIP]", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
