"""Compares what PostgreSQL holds with what a Model says must be there, and every counter with a recount.

    differences = check_database(server, model, database="callboard")
    differences += check_dead_letters(server, expected, database="callboard")
"""
import collections
import hashlib

from model import FINAL_RANK, status_rank, time_json, to_json

MAX_DIFFERENCES = 20

BATCHES = """SELECT encode(batch_id, 'hex'), owner_id, batch_name, batch_status,
    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    calls, finished, pending_attempts, version, created_in_order FROM callboard.batch ORDER BY 1"""
CALLS = """SELECT encode(call_id, 'hex'), position, phone_number, fields,
    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    FROM callboard.call WHERE batch_id = '\\x{0}' ORDER BY position"""
ATTEMPT_COLUMNS = """attempt, call_status, call_duration_ms, recording_url, transcript,
    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
ATTEMPTS = "SELECT position, " + ATTEMPT_COLUMNS + " FROM callboard.attempt WHERE batch_id = '\\x{0}'"
PENDING = "SELECT encode(call_id, 'hex'), " + ATTEMPT_COLUMNS + " FROM callboard.pending_attempt WHERE batch_id = '\\x{0}'"
STATUSES = "SELECT call_status, calls_any, calls_latest FROM callboard.batch_status WHERE batch_id = '\\x{0}' AND (calls_any <> 0 OR calls_latest <> 0)"
DEAD_LETTERS = """SELECT topic, partition, message_offset, reason, coalesce(encode(sha256(payload), 'hex'), '-'), coalesce(encode(message_key, 'hex'), '-')
    FROM callboard.dead_letter ORDER BY 1, 2, 3"""


class Differences(list):
    def expect(self, what, expected, found):
        if expected != found and len(self) < MAX_DIFFERENCES:
            self.append(f"{what}: expected {shorten(expected)}, found {shorten(found)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "..."


def optional(value, render=str):
    return None if value is None else render(value)


def attempt_row(attempt):
    return (optional(attempt.get("callStatus")), optional(attempt.get("callDuration")), optional(attempt.get("recordingUrl")),
            optional(attempt.get("transcript")), optional(attempt.get("createdAt"), time_json))


def check_database(server, model, database="callboard"):
    """A list of differences; empty when the database holds exactly what the model does."""
    differences = Differences()
    rows = {row[0]: row[1:] for row in server.sql(BATCHES, database)}
    differences.expect("batches", sorted(model.batches), sorted(rows))
    for batch_id, batch in model.batches.items():
        if batch_id in rows:
            check_batch(server, database, differences, batch_id, batch, rows[batch_id])
    return differences


def check_batch(server, database, differences, batch_id, batch, row):
    owner, name, status, created_at, calls, finished, pending, version, in_order = row
    for field, found in (("ownerId", owner), ("batchName", name), ("batchStatus", status)):
        differences.expect(f"{batch_id} {field}", batch.get(field), found)
    differences.expect(f"{batch_id} createdAt", optional(batch.get("createdAt"), time_json), created_at)

    existing = batch.existing_calls()
    positions = check_calls(server.sql(CALLS.format(batch_id), database), differences, batch_id, existing, in_order == "t")
    check_attempts(server.sql(ATTEMPTS.format(batch_id), database), differences, batch_id, existing, positions)
    waiting = {call_id: call for call_id, call in batch.calls.items() if not call.exists}
    check_pending(server.sql(PENDING.format(batch_id), database), differences, batch_id, waiting)

    differences.expect(f"{batch_id} calls", len(existing), int(calls))
    differences.expect(f"{batch_id} pending_attempts", sum(len(call.attempts) for call in waiting.values()), int(pending))
    latest = [call.latest().get("callStatus") for call in existing.values() if call.latest()]
    differences.expect(f"{batch_id} finished", sum(1 for s in latest if s is not None and status_rank(s) == FINAL_RANK), int(finished))
    check_statuses(server.sql(STATUSES.format(batch_id), database), differences, batch_id, existing, latest)
    if int(version) < 1:
        differences.append(f"{batch_id}: version {version}")


def check_calls(rows, differences, batch_id, existing, in_order):
    """Returns {position: call_id}."""
    positions = {}
    before = ""
    for call_id, position, phone_number, fields, created_at in rows:
        positions[int(position)] = call_id
        differences.expect(f"{batch_id} position of {call_id} is dense", len(positions), int(position))
        call = existing.get(call_id)
        if call is None:
            differences.expect(f"{batch_id} call {call_id}", "none", "a row")
            continue
        expected = (call.get("phoneNumber"), optional(call.get("fields"), to_json), optional(call.get("createdAt"), time_json))
        differences.expect(f"{batch_id} call {call_id}", expected, (phone_number, fields, created_at))
        if in_order and (created_at or "") < before:
            differences.append(f"{batch_id}: created_in_order is set, yet {call_id} runs backwards")
        before = created_at or ""
    differences.expect(f"{batch_id} call ids", set(existing), set(positions.values()))
    return positions


def check_attempts(rows, differences, batch_id, existing, positions):
    found = {(positions.get(int(row[0])), int(row[1])): row[2:] for row in rows}
    expected = {(call_id, number): attempt_row(attempt) for call_id, call in existing.items() for number, attempt in call.attempts.items()}
    compare_maps(differences, f"{batch_id} attempt", expected, found)


def check_pending(rows, differences, batch_id, waiting):
    found = {(row[0], int(row[1])): row[2:] for row in rows}
    expected = {(call_id, number): attempt_row(attempt) for call_id, call in waiting.items() for number, attempt in call.attempts.items()}
    compare_maps(differences, f"{batch_id} pending attempt", expected, found)


def check_statuses(rows, differences, batch_id, existing, latest):
    any_attempt = collections.Counter()
    for call in existing.values():
        any_attempt.update({attempt.get("callStatus") for attempt in call.attempts.values()} - {None})
    latest_attempt = collections.Counter(status for status in latest if status is not None)
    expected = {status: (any_attempt[status], latest_attempt[status]) for status in any_attempt}
    compare_maps(differences, f"{batch_id} status", expected, {row[0]: (int(row[1]), int(row[2])) for row in rows})


def compare_maps(differences, what, expected, found):
    if expected == found:
        return
    for key in expected.keys() | found.keys():
        differences.expect(f"{what} {key}", expected.get(key), found.get(key))


def check_dead_letters(server, expected, database="callboard"):
    """expected: {(topic, partition, offset): (reason, digest(value), key or None)}, keys as bytes."""
    differences = Differences()
    rows = server.sql(DEAD_LETTERS, database)
    found = {(row[0], int(row[1]), int(row[2])): row[3:] for row in rows}
    differences.expect("dead letters of one message", len(found), len(rows))

    letters = {place: (reason, value, "-" if key is None else key.hex()) for place, (reason, value, key) in expected.items()}
    compare_maps(differences, "dead letter", letters, found)
    return differences


def digest(value):
    """What stands for a dead letter's exact bytes; a message may hold a megabyte, and there may be thousands."""
    return "-" if value is None else hashlib.sha256(value).hexdigest()
