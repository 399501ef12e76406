"""The short set: one kind of each class of faults, once (tests/faults/run does all of it, many times).

CALLBOARD_FAULT_KINDS=all: each kind once; or the names of kinds, with commas between. CALLBOARD_FAULT_SEED=N: with that seed, not 1.
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kinds  # noqa: E402, F401
from harness import FAULTS  # noqa: E402
from pool import Skipped, outcomes  # noqa: E402

SEED = os.environ.get("CALLBOARD_FAULT_SEED", "1")
JOBS = 4
# None of them waits for a timeout of half a minute, as others do.
SHORT = {
    "kill-points": "the process dies, at each point of a transaction",
    "kill-mid-rebalance": "and while it claims its partitions",
    "zombie": "it sleeps, and another one takes over",
    "sigterm": "it is asked to go",
    "postgres-crash": "PostgreSQL dies",
    "backend-terminated": "a session dies",
    "commit-cut": "the answer to COMMIT is lost",
    "broker-paused": "the broker hangs",
    "offset-gone": "Kafka has lost what was to be read",
    "postgres-network": "the network delays, splits, cuts, refuses",
    "poison-burst": "messages can not be applied",
    "database-refuses": "PostgreSQL refuses events",
}


def chosen():
    names = os.environ.get("CALLBOARD_FAULT_KINDS") or ",".join(SHORT)
    return list(FAULTS) if names == "all" else names.split(",")


KINDS = [FAULTS[name] for name in chosen()]


class Faults(unittest.TestCase):
    """Exactly-once effect under every fault; tests are made below, one a kind. All run side by side before the first is judged."""

    @classmethod
    def setUpClass(cls):
        cls.outcomes = {}
        for outcome in outcomes([(kind.name, int(SEED)) for kind in KINDS], JOBS):
            print(outcome, flush=True)
            cls.outcomes[outcome.kind_name] = outcome


def make_test(kind):
    def test(self):
        outcome = self.outcomes[kind.name]
        if isinstance(outcome, Skipped):
            self.skipTest(outcome.reason)
        again = f"tests/faults/run --kinds {kind.name} --seeds 1 --seed {SEED}"
        self.assertEqual(outcome.problems, [], again)
        self.assertTrue(any(outcome.bites[name] for name in kind.bites), f"the fault did not bite: {dict(outcome.bites)}; {again}")

    return test


for fault in KINDS:
    setattr(Faults, f"test_survives_{fault.name.replace('-', '_')}", make_test(fault))

if __name__ == "__main__":
    unittest.main()
