"""What callboard-ingest pays for an event and for a transaction, on a private PostgreSQL with fixed settings."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from callgrind import instructions  # noqa: E402
from postgres import Postgres  # noqa: E402

EVENTS = 16000  # each of 4,000 calls with its three statuses
RECENT_BYTES = 16 << 20  # as by default
SERVER = {"autovacuum": "off", "wal_compression": "off", "wal_level": "replica", "checkpoint_timeout": "1h", "bgwriter_delay": "10s",
          "wal_writer_delay": "10s"}


def store(bin_dir, server, size, events):
    """(what the program counted, bytes of WAL) of `events` events, `size` a transaction, in a database of their own."""
    database = f"guard_{size}"
    server.create_database(database)
    subprocess.run([os.path.join(bin_dir, "callboard-ctl"), "migrate"], check=True, capture_output=True,
                   env={**os.environ, "DATABASE_URL": server.url(database)})
    before = server.sql("CHECKPOINT; SELECT pg_current_wal_insert_lsn() - '0/0'")
    done = subprocess.run([os.path.join(bin_dir, "ingest_costs"), "store", str(size), str(events), server.url(database), str(RECENT_BYTES)],
                          check=True, capture_output=True, text=True)
    after = server.sql("SELECT pg_current_wal_insert_lsn() - '0/0'")
    return json.loads(done.stdout), int(after[0][0]) - int(before[0][0])


def count(bin_dir):
    program = [os.path.join(bin_dir, "ingest_costs"), "fold", str(EVENTS)]
    costs = {
        "ingest.decode.instructions_per_event": round(instructions(program, ["decode_message"]) / EVENTS),
        "ingest.fold.instructions_per_event": round(instructions(program, ["fold_add", "fold_finish"]) / EVENTS),
    }
    with Postgres(settings=SERVER) as server:
        for name, size, events in (("busy", 1000, EVENTS), ("idle", 1, 200)):
            counts, wal = store(bin_dir, server, size, events)
            costs[f"ingest.{name}.statements_per_transaction"] = counts["statements"] / counts["transactions"]
            costs[f"ingest.{name}.round_trips_per_transaction"] = counts["round_trips"] / counts["transactions"]
            costs[f"ingest.{name}.wal_bytes_per_event"] = round(wal / events)
    return costs
