"""Any order, any duplication, any split ends in the same rows, counters and answers (see convergence.py; `run` does more of it)."""
import os
import random
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import convergence  # noqa: E402
import model  # noqa: E402

CASES = int(os.environ.get("CALLBOARD_CONVERGENCE_CASES", "150"))
SEED = os.environ.get("CALLBOARD_CONVERGENCE_SEED") or str(random.SystemRandom().randrange(10**9))
CASES_A_ROUND = 75


class Convergence(unittest.TestCase):
    def test_random_sets_of_events_end_in_the_state_that_the_contract_says(self):
        print(f"tests/convergence/run --cases {CASES} --round {CASES_A_ROUND} --seed {SEED}")
        for first in range(0, CASES, CASES_A_ROUND):
            seeds = [f"{SEED}-{number}" for number in range(first, min(first + CASES_A_ROUND, CASES))]
            failures, _ = convergence.run_cases(seeds, random.Random(f"round {SEED} {first}"))
            self.assertEqual([failure.report() for failure in failures], [])


class BrokenRules(unittest.TestCase):
    """A rule that the model and the services do not share must be found, and shrunk to the few events that show it."""

    def find(self, patch, most_messages):
        with patch:
            failures, _ = convergence.run_cases([f"broken-{number}" for number in range(30)], random.Random("broken"))
        found = [failure for failure in failures if failure.delivery]
        self.assertGreater(len(found), 0, "the difference was not seen")
        self.assertLessEqual(len(found[0].messages), most_messages, found[0].report())

    def test_a_status_rank_that_is_ignored_is_found(self):
        self.find(mock.patch.object(model, "status_rank", lambda status: 4), 3)

    def test_a_version_compared_without_its_sequence_is_found(self):
        original = model.Entity.set
        self.find(mock.patch.object(model.Entity, "set", lambda entity, name, value, version: original(entity, name, value, version[:1] + version[2:])), 3)


if __name__ == "__main__":
    unittest.main()
