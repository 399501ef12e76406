"""Several callboard-ingest at once: in each other's way, and taking over from each other."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from ack_log import model_of  # noqa: E402
from postgres import Postgres  # noqa: E402
from servers import new_stack  # noqa: E402
from snapshot import Snapshot  # noqa: E402
from slow import prepare_delays, set_delay  # noqa: E402
from stack import end_offsets, read_ack_log, wait_for  # noqa: E402

TRANSACTION_SIZES = (7, 50, 300, 2000)


class Writers(unittest.TestCase):
    """No keys: every process writes to every batch, of which each transaction holds several."""

    def test_writers_of_the_same_batches_wait_for_each_other_and_never_deadlock(self):
        # Whoever waits for a lock for a millisecond is logged, and looked at for being in a deadlock.
        with Postgres(settings={"deadlock_timeout": "1ms", "log_lock_waits": "on"}) as server, \
                new_stack(partitions=len(TRANSACTION_SIZES), server=server) as stack:
            prepare_delays(stack)
            set_delay(stack, "batch_change", 0.01)  # so that locks are held for much longer than a millisecond
            ingests = [stack.start_ingest(INGEST_BATCH_MAX_EVENTS=str(size)) for size in TRANSACTION_SIZES]
            owners = "SELECT count(DISTINCT owner) FROM callboard.kafka_offset"
            wait_for("every process has partitions", lambda: stack.sql(owners) == [(str(len(ingests)),)], 60)
            log = os.path.join(stack.folder, "ack.log")
            stack.dialsim("--seed", "21", "--batches", "6", "--at-once", "6", "--calls", "500", "--owner", "owner-1", "--key", "none", "-X", "sticky.partitioning.linger.ms=0", "--words", "5",
                          "--duplicates", "0.1", "--reorder", "0.3", "--reorder-window", "1000", "--ack-log", log)
            stack.wait_stored(end_offsets(read_ack_log(log)), until=lambda: server_logged(server, "deadlock detected"))
            self.assertEqual(server_logged(server, "deadlock detected"), 0)
            for ingest in ingests:
                self.assertGreater(ingest.metric("callboard_ingest_transaction_seconds_count"), 0, "a process stored nothing")
                self.assertEqual(ingest.stop(), 0)  # what PostgreSQL has counted for a session is complete when it has ended
            waits = server_logged(server, "still waiting for")
            print(f"{sum(end_offsets(read_ack_log(log)).values())} messages, {waits} times a writer had to wait for another one")
            self.assertGreater(waits, 0, "the writers were never in each other's way")
            self.assertEqual(stack.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), [("0",)])
            self.assertEqual(Snapshot(server, stack.database, stack.group).check(*model_of(read_ack_log(log))), [])


def server_logged(server, phrase):
    with open(server.log_path, errors="replace") as log:
        return sum(phrase in line for line in log)


# As a full disk: to be tried again.
REFUSE_FOR_NOW = """
CREATE FUNCTION callboard.disk_is_full() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT ON callboard.batch_change EXECUTE FUNCTION callboard.disk_is_full()"""


class Readiness(unittest.TestCase):
    def test_a_process_that_has_lost_what_failed_is_ready_again(self):
        """It may have no partition left, and so no transaction whose success would tell."""
        with new_stack(partitions=1) as stack:
            stack.sql(REFUSE_FOR_NOW)
            first = stack.start_ingest(["-X", "group.instance.id=z"])
            stack.dialsim("--seed", "22", "--calls", "10", "--owner", "owner-1", "--words", "5")
            wait_for("its transactions fail", lambda: "transactions fail: " in first.admin("/readyz")[1])
            # The assignor gives the one partition of each topic to the member whose name comes first.
            second = stack.start_ingest(["-X", "group.instance.id=a"])
            wait_for("the other one's transactions fail", lambda: "transactions fail: " in second.admin("/readyz")[1], 60)
            first.wait_ready()
            self.assertIn("partitions revoked", first.log_text())


if __name__ == "__main__":
    unittest.main()
