"""From events in Apache Kafka to answers over HTTP, with producers that are not ours (kcat) and the simulated dialer."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from ack_log import model_of  # noqa: E402
from checker import check_database, check_dead_letters, digest  # noqa: E402
from model import call_json  # noqa: E402
from postgres import Postgres  # noqa: E402
from servers import new_stack, shared_postgres  # noqa: E402
from slow import prepare_delays, set_delay  # noqa: E402
from stack import end_offsets, read_ack_log, wait_for  # noqa: E402

BATCH = "67def9053495307c718d9dfb"
CALL = "64e5f12345abcdef11111111"
OWNER = "owner-1"
SIMULATED_CALLS = int(os.environ.get("CALLBOARD_E2E_CALLS", "3000"))

EXAMPLE = """{
  "message": "Calls fetched successfully", "status": true, "code": 200, "errorMessage": "",
  "data": {
    "batchId": "67def9053495307c718d9dfb", "batchName": "Marketing Campaign May 2025", "batchStatus": "active",
    "page": 1, "limit": 10, "total": 1, "totalPages": 1,
    "data": [
      {
        "_id": "64e5f12345abcdef11111111", "phoneNumber": "12125551234",
        "name": "Emily Davis", "account_id": "ACC-5678", "priority": "high",
        "phoneLogs": [
          {"callStatus": "completed", "callDuration": 120, "recordingUrl": "https://example.com/recording.mp3",
           "transcript": "Call transcript here...", "createdAt": "2025-05-15T14:30:00.000Z"}
        ],
        "createdAt": "2025-05-15T14:00:00.000Z"
      }
    ],
    "nextCursor": null, "prevCursor": null
  }
}"""


def event(number, kind, time_text, **data):
    return {"specversion": "1.0", "id": f"e-{number}", "source": "/dialer/test", "type": f"dialer.{kind}.upserted", "time": time_text,
            "data": {"batchId": BATCH, **data}}


EXAMPLE_EVENTS = [
    event(1, "batch", "2025-05-15T13:59:00Z", ownerId=OWNER, batchName="Marketing Campaign May 2025", batchStatus="active",
          createdAt="2025-05-15T13:59:00Z"),
    event(2, "call", "2025-05-15T14:00:00Z", callId=CALL, phoneNumber="12125551234",
          fields={"name": "Emily Davis", "account_id": "ACC-5678", "priority": "high"}, createdAt="2025-05-15T14:00:00Z"),
    event(3, "phone-log", "2025-05-15T14:30:00Z", callId=CALL, attempt=1, callStatus="ringing", createdAt="2025-05-15T14:30:00Z"),
    event(4, "phone-log", "2025-05-15T14:32:00Z", callId=CALL, attempt=1, callStatus="completed", callDuration=120,
          recordingUrl="https://example.com/recording.mp3", transcript="Call transcript here..."),
]


def compact(text):
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode()


def kcat(brokers, topic, lines, *arguments):
    """Produces one message a line; returns when all are acknowledged."""
    done = subprocess.run(["kcat", "-P", "-b", brokers, "-t", topic, "-X", "acks=all", *arguments], input="\n".join(lines).encode(),
                          capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"kcat: {done.stderr.decode()}")


def kcat_structured(brokers, topic, events):
    kcat(brokers, topic, [json.dumps(one) for one in events])


def kcat_binary(brokers, topic, one):
    attributes = {name: text for name, text in one.items() if name != "data"}
    headers = [argument for name, text in attributes.items() for argument in ("-H", f"ce_{name}={text}")]
    kcat(brokers, topic, [json.dumps(one["data"])], "-H", "content-type=application/json", *headers)


class PublishedExample(unittest.TestCase):
    def test_the_published_request_gets_the_published_answer(self):
        with new_stack() as stack:
            stack.start_ingest().wait_ready()
            query = stack.start_query().wait_ready()
            token = stack.create_token(OWNER)
            kcat_structured(stack.brokers, stack.topics[0], EXAMPLE_EVENTS)
            wait_for("the completed call", lambda: b"Call transcript" in query.get(f"/api/call/batch-details/{BATCH}", token)[2])
            status, headers, body = query.get(f"/api/call/batch-details/{BATCH}?page=1&limit=10&sortBy=createdAt&sortOrder=desc", token)
            self.assertEqual(status, 200)
            self.assertEqual(headers["content-type"].split(";")[0], "application/json")
            self.assertEqual(body, compact(EXAMPLE))


class KcatProducer(unittest.TestCase):
    """An independent producer: both modes, duplicates, every order."""

    def test_any_order_mode_and_repetition_gives_the_same_answer(self):
        with new_stack() as stack:
            ingest = stack.start_ingest().wait_ready()
            query = stack.start_query().wait_ready()
            token = stack.create_token(OWNER)
            kcat_binary(stack.brokers, stack.topics[2], EXAMPLE_EVENTS[3])
            kcat_structured(stack.brokers, stack.topics[1], EXAMPLE_EVENTS[2:])
            kcat_binary(stack.brokers, stack.topics[1], EXAMPLE_EVENTS[1])
            self.assertEqual(query.get(f"/api/call/batch-details/{BATCH}", token)[0], 404, "a batch without its owner is nobody's")
            kcat_structured(stack.brokers, stack.topics[2], EXAMPLE_EVENTS[:1] * 3)
            acknowledged = time.monotonic()
            data = wait_for("the batch", lambda: query.page(BATCH, token))
            print(f"visible {1000 * (time.monotonic() - acknowledged):.0f} ms after kcat had ended")
            self.assertEqual(data["total"], 1)
            body = query.get(f"/api/call/batch-details/{BATCH}?page=1&limit=10&sortBy=createdAt&sortOrder=desc", token)[2]
            self.assertEqual(body, compact(EXAMPLE))
            batches = 'callboard_ingest_events_total{type="batch"}'
            wait_for("all three copies", lambda: ingest.metric(batches) >= 3)
            self.assertEqual(ingest.metric(batches), 3.0)

    def test_a_bad_message_becomes_a_dead_letter_and_stops_nothing(self):
        with new_stack(partitions=1) as stack:
            stack.start_ingest().wait_ready()
            query = stack.start_query().wait_ready()
            token = stack.create_token(OWNER)
            kcat(stack.brokers, stack.topics[0], ["no json"], "-k", "a key")
            kcat_structured(stack.brokers, stack.topics[0], EXAMPLE_EVENTS)
            wait_for("the call", lambda: (query.page(BATCH, token) or {}).get("total"))
            self.assertEqual(check_dead_letters(stack.server, {(stack.topics[0], 0, 0): ("not-json", digest(b"no json"), b"a key")}, stack.database), [])
            listed = [json.loads(line) for line in stack.ctl("dead-letters", "list", "--json").splitlines()]
            self.assertEqual([list(one) for one in listed], [["id", "topic", "partition", "offset", "reason", "detail", "receivedAt"]])
            self.assertEqual(stack.ctl("dead-letters", "show", str(listed[0]["id"]), "--raw", text=False), b"no json")


class SimulatedDialer(unittest.TestCase):
    """Everything at once: duplicates, reordering, poison, both modes, no key; checked against the dialer's own log."""

    def test_everything_acknowledged_has_exactly_its_effect(self):
        with new_stack() as stack:
            stack.start_ingest().wait_ready()
            query = stack.start_query().wait_ready()
            log = os.path.join(stack.folder, "ack.log")
            began = time.monotonic()
            stack.dialsim("--seed", "7", "--batches", "3", "--calls", str(SIMULATED_CALLS // 3), "--owner", OWNER, "--duplicates", "0.1", "--reorder", "0.2",
                          "--poison", "0.02", "--mode", "mixed", "--key", "none", "--spellings", "varied", "--words", "40", "--ack-log", log)
            ends = end_offsets(read_ack_log(log))
            stack.wait_stored(ends, timeout=300)
            print(f"{sum(ends.values())} events in {time.monotonic() - began:.1f} s, produced and stored")
            model, letters = model_of(read_ack_log(log))
            self.assertEqual(check_database(stack.server, model, stack.database), [])
            self.assertEqual(check_dead_letters(stack.server, letters, stack.database), [])
            self.assertGreater(len(letters), 0, "the poison did not bite")
            token = stack.create_token(OWNER)
            for batch_id, batch in model.batches.items():
                self.check_pages(stack, query, token, batch_id, batch)

    def check_pages(self, stack, query, token, batch_id, batch):
        """Walks all pages, both ways, and compares every byte of every call."""
        calls = batch.existing_calls()
        order = [row[0] for row in stack.sql(f"SELECT encode(call_id, 'hex') FROM callboard.call WHERE batch_id = '\\x{batch_id}' ORDER BY position")]
        expected = [call_json(call_id, calls[call_id]).encode() for call_id in order]
        limit = 250
        pages = (len(order) + limit - 1) // limit
        for order_name, wanted in (("asc", expected), ("desc", expected[::-1])):
            for page in range(1, pages + 1):
                body = query.get(f"/api/call/batch-details/{batch_id}?page={page}&limit={limit}&sortOrder={order_name}", token)[2]
                part = b",".join(wanted[(page - 1) * limit:page * limit])
                head, tail = body.split(b'"data":[', 1)
                self.assertEqual(tail[:len(part)], part, f"page {page} {order_name}")
                cursors = json.loads(b"{" + tail[len(part) + 2:-1])
                self.assertEqual((cursors["nextCursor"] is None, cursors["prevCursor"] is None), (page == pages, page == 1))
                self.assertRegex(head.decode(), re.compile(f'"page":{page},"limit":{limit},"total":{len(order)},"totalPages":{pages},$'))


class Crashes(unittest.TestCase):
    """kill -9 in the middle of the load, ten times each; nothing lost, nothing twice."""

    KILLS = 10

    def test_kill_9_of_both_services_loses_and_doubles_nothing(self):
        with new_stack() as stack:
            # A static member: the group gives a restarted process its partitions back at once, so the next kill can follow soon.
            arguments = ["-X", "group.instance.id=ingest-1"]
            ingest = stack.start_ingest(arguments, INGEST_BATCH_MAX_EVENTS="10").wait_ready()
            query = stack.start_query().wait_ready()
            log = os.path.join(stack.folder, "ack.log")
            dialer = stack.start_dialsim("--seed", "11", "--batches", "1000", "--calls", "500", "--owner", OWNER, "--duplicates", "0.05", "--poison", "0.01",
                                         "--poison-kind", "not-json", "--poison-kind", "bad-id", "--words", "10", "--rate", "1000", "--ack-log", log)
            for _ in range(self.KILLS):
                before = self.stored(stack)
                wait_for("some progress", lambda: self.stored(stack) > before, 60, 0.005)
                ingest.kill()
                query.kill()
                ingest.start()
                query.start()
            self.assertTrue(dialer.is_running(), "the load ended before the last kill")
            self.assertEqual(dialer.stop(), 0)
            query.wait_ready()
            stack.wait_stored(end_offsets(read_ack_log(log)), timeout=120)
            model, letters = model_of(read_ack_log(log))
            self.assertEqual(check_database(stack.server, model, stack.database), [])
            self.assertEqual(check_dead_letters(stack.server, letters, stack.database), [])

    @staticmethod
    def stored(stack):
        return int(stack.sql("SELECT coalesce(sum(next_offset) FILTER (WHERE next_offset > 0), 0) FROM callboard.kafka_offset")[0][0])


SHORTEST_SESSION_MS = 6000  # that a broker takes


def peak_memory(program):
    """Bytes that were resident at most."""
    with open(f"/proc/{program.process.pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


class Outages(unittest.TestCase):
    def test_a_database_that_goes_and_comes_back_loses_nothing(self):
        with new_stack() as stack:
            ingest = stack.start_ingest().wait_ready()
            query = stack.start_query().wait_ready()
            token = stack.create_token(OWNER)
            kcat_structured(stack.brokers, stack.topics[0], EXAMPLE_EVENTS[:2])
            wait_for("the first call", lambda: (query.page(BATCH, token) or {}).get("total"))
            server = shared_postgres()
            server.stop("immediate")
            try:
                kcat_structured(stack.brokers, stack.topics[0], EXAMPLE_EVENTS[2:])
                wait_for("ingest says that the database is away", lambda: "postgresql" in ingest.admin("/readyz")[1])
                status, headers, body = query.get(f"/api/call/batch-details/{BATCH}", token)
                self.assertEqual(status, 503)
                self.assertIn("retry-after", headers)
                self.assertEqual(json.loads(body)["code"], 503)
            finally:
                server.start()
            wait_for("the rest", lambda: b"Call transcript" in query.get(f"/api/call/batch-details/{BATCH}", token)[2])
            ingest.wait_ready()
            query.wait_ready()  # each of its workers has a connection of its own
            self.assertEqual(query.page(BATCH, token)["total"], 1)

    def test_a_backlog_waits_outside_and_the_group_is_kept(self):
        """200 MB in Kafka, the database away for longer than a session: memory is bounded, and no partition is lost."""
        with Postgres() as server, new_stack(partitions=2, server=server) as stack:
            path = os.path.join(stack.folder, "backlog")
            with open(path, "w") as out:
                for number in range(3000):
                    out.write(json.dumps(event(number, "phone-log", "2025-05-15T14:00:00Z", callId=f"{number:024x}", attempt=1, transcript="x" * 65000)) + "\n")
            subprocess.run(["kcat", "-P", "-b", stack.brokers, "-t", stack.topics[0], "-l", path], check=True, timeout=60)
            ingest = stack.start_ingest(["-X", f"session.timeout.ms={SHORTEST_SESSION_MS}"])
            stored = "SELECT coalesce(sum(next_offset) FILTER (WHERE next_offset > 0), 0) FROM callboard.kafka_offset"
            wait_for("a part of it", lambda: int(stack.sql(stored)[0][0]))
            server.stop("immediate")
            try:
                time.sleep(1.3 * SHORTEST_SESSION_MS / 1000)  # what is waited for is that nothing happens
                self.assertTrue(ingest.metric("callboard_ingest_paused"))
            finally:
                server.start()
            wait_for("all of it", lambda: int(stack.sql(stored)[0][0]) == 3000, 120, 0.1)
            self.assertNotIn("partitions revoked", ingest.log_text())
            self.assertLess(peak_memory(ingest), 256 << 20)

    def test_what_a_crash_takes_back_from_unflushed_commits_is_read_again(self):
        # A server of its own: one that writes its WAL so seldom that the crash is sure to find transactions in memory alone.
        with Postgres(settings={"wal_writer_delay": "10s", "wal_buffers": "16MB"}) as server, \
                new_stack(server=server) as stack:
            ingest = stack.start_ingest(INGEST_SYNCHRONOUS_COMMIT="off").wait_ready()
            logs = [os.path.join(stack.folder, name) for name in ("kept.log", "lost.log")]
            stack.dialsim("--seed", "8", "--calls", "100", "--owner", OWNER, "--words", "10", "--ack-log", logs[0])
            stack.wait_stored(end_offsets(read_ack_log(logs[0])))
            stack.sql("CHECKPOINT")
            stack.dialsim("--seed", "8", "--calls", "300", "--owner", OWNER, "--words", "10", "--ack-log", logs[1])
            ends = end_offsets(read_ack_log(logs[1]))
            stack.wait_stored(ends)
            ingest.process.send_signal(signal.SIGSTOP)
            server.restart("immediate")
            stored = sum(int(offset) for offset, in stack.sql("SELECT next_offset FROM callboard.kafka_offset WHERE next_offset > 0"))
            ingest.process.send_signal(signal.SIGCONT)
            self.assertLess(stored, sum(ends.values()), "the crash took nothing back")
            stack.wait_stored(ends)
            ingest.wait_ready()
            self.assertGreater(ingest.metric("callboard_ingest_rewinds_total"), 0)
            records = [record for log in logs for record in read_ack_log(log)]
            self.assertEqual(check_database(server, model_of(records)[0], stack.database), [])

    def test_services_start_before_what_they_need(self):
        with new_stack() as stack:
            ingest = stack.start_ingest(KAFKA_BROKERS="127.0.0.1:1")
            wait_for("ingest misses the broker", lambda: "kafka: " in ingest.admin("/readyz")[1])
            self.assertTrue(ingest.is_running())
            query = stack.start_query(DATABASE_URL=shared_postgres().url("postgres", "callboard_reader"))
            wait_for("query names the missing migration", lambda: "migrat" in query.admin("/readyz")[1])
            self.assertEqual(query.admin("/livez")[0], 200)
            self.assertEqual(query.stop(), 0)
            self.assertEqual(ingest.stop(), 0)


class Fencing(unittest.TestCase):
    def test_a_process_whose_epoch_was_raised_stores_nothing_until_it_has_claimed_again(self):
        """Another one has claimed the partition and stored nothing yet: the offset alone would not tell."""
        with new_stack(partitions=1) as stack:
            ingest = stack.start_ingest().wait_ready()
            kcat_structured(stack.brokers, stack.topics[0], EXAMPLE_EVENTS[:1])
            stack.wait_stored({(stack.topics[0], 0): 1})
            epoch, = stack.sql(f"UPDATE callboard.kafka_offset SET epoch = epoch + 1 WHERE topic = '{stack.topics[0]}' RETURNING epoch")[0]
            kcat_structured(stack.brokers, stack.topics[0], EXAMPLE_EVENTS[1:2])
            stack.wait_stored({(stack.topics[0], 0): 2})
            self.assertIn("partition is fenced", ingest.log_text())
            self.assertEqual(stack.sql(f"SELECT epoch FROM callboard.kafka_offset WHERE topic = '{stack.topics[0]}'"), [(str(int(epoch) + 1),)])


class CatchingUp(unittest.TestCase):
    def test_a_backlog_is_read_without_a_pause_and_most_rows_are_not_read_again(self):
        with new_stack() as stack:
            log = os.path.join(stack.folder, "ack.log")
            stack.dialsim("--seed", "5", "--batches", "3", "--at-once", "3", "--calls", "1500", "--owner", OWNER, "--words", "5", "--ack-log", log)
            prepare_delays(stack)
            set_delay(stack, "kafka_offset", 0.02)
            # So small and slow transactions that the next one stands full for far longer than the second after which consumption is paused.
            ingest = stack.start_ingest(INGEST_BATCH_MAX_EVENTS="100").wait_ready()
            stack.wait_stored(end_offsets(read_ack_log(log)))
            self.assertGreater(ingest.metric("callboard_ingest_transaction_seconds_sum"), 1.5, "not long enough to show anything")
            self.assertEqual(ingest.metric("callboard_ingest_pauses_total"), 0)
            recalled, read = (ingest.metric(f'callboard_ingest_call_lookups_total{{from="{place}"}}') for place in ("memory", "database"))
            self.assertGreater(recalled, 4 * read)
            self.assertGreater(ingest.metric("callboard_ingest_prepared_total"), 20)
            self.assertEqual(check_database(stack.server, model_of(read_ack_log(log))[0], stack.database), [])


class Stopping(unittest.TestCase):
    def test_sigterm_in_the_middle_of_the_load_ends_cleanly_and_the_next_one_goes_on(self):
        with new_stack() as stack:
            ingest = stack.start_ingest(INGEST_BATCH_MAX_EVENTS="100").wait_ready()
            log = os.path.join(stack.folder, "ack.log")
            stack.dialsim("--seed", "5", "--calls", "2000", "--owner", OWNER, "--words", "10", "--ack-log", log)
            self.assertEqual(ingest.stop(), 0)
            ingest.start()
            stack.wait_stored(end_offsets(read_ack_log(log)))
            self.assertEqual(check_database(stack.server, model_of(read_ack_log(log))[0], stack.database), [])

    def test_two_processes_share_the_partitions(self):
        with new_stack(partitions=4) as stack:
            stack.start_ingest().wait_ready()
            stack.start_ingest().wait_ready()
            log = os.path.join(stack.folder, "ack.log")
            stack.dialsim("--seed", "6", "--calls", "2000", "--owner", OWNER, "--key", "none", "--words", "10", "--ack-log", log)
            stack.wait_stored(end_offsets(read_ack_log(log)))
            self.assertEqual(check_database(stack.server, model_of(read_ack_log(log))[0], stack.database), [])


if __name__ == "__main__":
    unittest.main()
