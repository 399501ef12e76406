"""The running services against the oracle: random events, random requests, every byte. tests/oracle/run is the long run."""
import json
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]

from compare import Run  # noqa: E402
from generate import quote  # noqa: E402
from service import Service  # noqa: E402

REQUESTS = int(os.environ.get("CALLBOARD_ORACLE_REQUESTS", "2000"))
SEED = int(os.environ.get("CALLBOARD_ORACLE_SEED", "1"))

# A filter that breaks a rule, and what the errorMessage must name.
NAMED = [('{"v":{"$foo":1}}', "$foo"), ('{"$where":1}', "$where"), ('{"$and":[]}', "$and"), ('{"$or":{}}', "$or"), ('{"$nor":[]}', "$nor"),
         ('{"v":{"$in":[]}}', "$in"), ('{"v":{"$nin":1}}', "$nin"), ('{"v":{"$gt":null}}', "$gt"),
         ('{"v":{"$gte":true}}', "$gte"), ('{"v":{"$lt":[]}}', "$lt"), ('{"v":{"$lte":{}}}', "$lte"), ('{"v":{"$exists":1}}', "$exists"),
         ('{"v":{"$regex":1}}', "$regex"), ('{"v":{"$regex":"("}}', "$regex"),
         ('{"v":{"$options":"i"}}', "$options"), ('{"v":{"$not":1}}', "$not"), ('{"v":{"$eq":[]}}', "$eq"), ('{"v":{"$ne":{}}}', "$ne"),
         ('{"veloce":[]}', "veloce"), ('{"veloce":{}}', "veloce"), ('{"createdAt":1}', "createdAt"),
         ('{"phoneLogs.createdAt":"x"}', "phoneLogs.createdAt")]


class ServiceAgainstOracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = cls.enterClassContext(Service())
        cls.run_of_requests = Run(SEED, REQUESTS)
        cls.run_of_requests.prepare(cls.service)
        cls.found = cls.run_of_requests.compare(cls.service)

    def test_every_answer_is_the_oracles(self):
        self.assertIsNone(self.found, f"\n{self.found}")
        self.assertEqual(self.run_of_requests.compared, REQUESTS)
        print(f"oracle agrees on {self.run_of_requests.compared} of {REQUESTS}")

    def test_every_feature_was_compared(self):
        missing = self.run_of_requests.missing()
        if missing:
            self.skipTest(f"NOT COMPARED, the service does not have it yet: {', '.join(missing)}")
        self.assertGreater(self.run_of_requests.rows_some, REQUESTS // 20, "hardly a filter that parts the calls")
        self.assertGreater(self.run_of_requests.refused, REQUESTS // 50)
        self.assertGreater(self.run_of_requests.by_cursor, 0)

    def test_a_refused_filter_is_named(self):
        if "filter" in self.run_of_requests.missing():
            self.skipTest("NOT COMPARED, the service has no filter yet")
        for text, named in NAMED:
            with self.subTest(filter=text):
                status, body = self.service.ask(self.run_of_requests.batches[0].batch_id, f"filter={quote(text)}")
                self.assertEqual(status, 400)
                self.assertIn(named, json.loads(body)["errorMessage"])


if __name__ == "__main__":
    unittest.main()
