"""The bench's own arithmetic: ratios, goals, the table, the plot, and the rows that are read."""
import dataclasses
import json
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import bench  # noqa: E402
import capacity  # noqa: E402
import catch_up  # noqa: E402
import dataset  # noqa: E402
import ingest_lines  # noqa: E402
import question_lines  # noqa: E402
import report  # noqa: E402
import scale_lines  # noqa: E402
from postgres import Postgres, PostgresError, find_bin_dir  # noqa: E402

FASTER = report.Line("Q1", "pages", "other", "pages/s", [30, 20, 24], [10, 10, 8], report.Goal("at least", 2), {"ours service": 36.8}, {"ours": 11.3})
SLOWER = report.Line("Q4", "deep <page>", "first", "ms", [3.0, 4.0, 2.0], [1.0, 2.0, 1.0], report.Goal("at most", 1.5))


def has_postgres():
    try:
        return bool(find_bin_dir())
    except PostgresError:
        return False


class Ratios(unittest.TestCase):
    def test_the_ratio_is_the_median_of_the_pairs_and_not_of_the_sides(self):
        self.assertEqual(FASTER.ratios, [3, 2, 3])
        self.assertEqual(FASTER.ratio, 3)

    def test_a_goal_is_a_bound_from_below_or_from_above(self):
        self.assertTrue(FASTER.is_met)
        self.assertFalse(SLOWER.is_met)
        self.assertTrue(report.Goal("at most", 1.5).is_met(1.5))
        self.assertFalse(report.Goal("at least", 2).is_met(1.99))

    def test_sides_that_were_run_unequally_often_are_refused(self):
        with self.assertRaises(ValueError):
            report.Line("Q1", "pages", "other", "pages/s", [1, 2], [1])

    def test_of_times_the_advantage_is_the_reciprocal(self):
        self.assertEqual(report.advantage(FASTER, 4), 4)
        self.assertEqual(report.advantage(SLOWER, 4), 0.25)
        self.assertEqual(report.advantage(dataclasses.replace(SLOWER, goal=None), 4), 0.25)


class Reports(unittest.TestCase):
    def test_the_table_names_what_was_missed(self):
        head, faster, slower = report.table([FASTER, SLOWER]).splitlines()
        self.assertEqual(head.split()[:4], ["line", "what", "unit", "ours"])
        self.assertTrue(faster.endswith("met"))
        self.assertIn("3.00   2.00-3.00", faster)
        self.assertTrue(slower.endswith("MISSED"))

    def test_what_was_skipped_stands_in_the_table_and_in_the_json_but_not_in_the_plot(self):
        skipped = report.Skipped("Q1", "Go net/http + pgx", "go build failed")
        self.assertTrue(report.table([FASTER, skipped]).splitlines()[2].endswith("SKIPPED: go build failed"))
        self.assertEqual(json.loads(report.as_json([skipped], {}))["lines"][0]["skipped"], "go build failed")
        self.assertEqual(report.plot([FASTER, skipped], "A").count('class="bar"'), 1)
        self.assertEqual(report.costs([skipped]), "")

    def test_figures_have_three_digits(self):
        for value, text in ((12345, "12.3k"), (0.04123, "0.0412"), (87, "87"), (2.5e6, "2.5M")):
            self.assertEqual(report.quantity(value), text)

    def test_json_holds_every_repetition(self):
        line = json.loads(report.as_json([FASTER], {"date": "2025-05-15"}))["lines"][0]
        self.assertEqual((line["ours"], line["others"], line["ratio_min"], line["ratio_max"], line["met"]), ([30, 20, 24], [10, 10, 8], 2, 3, True))

    def test_a_line_survives_json(self):
        skipped = report.Skipped("Q1", "Go", "it does not build")
        for line in (FASTER, SLOWER, skipped):
            self.assertEqual(report.from_json(json.loads(report.as_json([line], {}))["lines"][0]), line)

    def test_of_two_runs_the_later_lines_take_the_place_of_the_earlier_ones(self):
        other = dataclasses.replace(SLOWER, name="Q2")
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertEqual(bench.read_earlier(folder), ([], {}))
            (folder / "results.json").write_text(report.as_json([other, SLOWER], {"runs": {"Q4": "a", "Q2": "a"}}))
            again = dataclasses.replace(SLOWER, ours=[9.0, 9.0, 9.0])
            lines, facts = bench.together([again, FASTER], {"runs": {"Q4": "b", "Q1": "b"}}, *bench.read_earlier(folder))
            self.assertEqual(lines, [FASTER, other, again])
            self.assertEqual(bench.runs_text(facts["runs"]), "Q1, Q4: b\nQ2: a")

    def test_the_plot_is_well_formed_and_has_a_bar_for_each_line(self):
        root = xml.etree.ElementTree.fromstring(report.plot([FASTER, SLOWER], "A <title>"))
        bars = [element for element in root.iter("{http://www.w3.org/2000/svg}rect") if element.get("class") in ("bar", "less")]
        self.assertEqual([bar.get("class") for bar in bars], ["bar", "less"])


class Capacity(unittest.TestCase):
    COSTS = capacity.Costs(ingest_us=3, event_postgres_us=8, broker_us=1, query_us=30, page_postgres_us=60, wal_bytes=400, event_bytes=300, call_bytes=1024,
                           page_bytes=10000, ingest_mib=100, query_mib=50, connection_kib=2, busy_share=0.5)

    def test_cores_are_what_events_and_pages_take_with_room_to_spare(self):
        found = capacity.plan(self.COSTS, 100000, 2**20, 1000, 1, 7)
        self.assertAlmostEqual(found["processors: ingest"][0], 0.3 / 0.6)
        self.assertAlmostEqual(found["processors: PostgreSQL"][0], (0.8 + 0.06) / 0.6)
        self.assertAlmostEqual(found["disk: tables"][0], 1)
        self.assertAlmostEqual(found["network: pages"][0], 80)

    def test_costs_are_taken_from_the_lines(self):
        line = {"unit": "", "others": [50000], "ours": [4.0]}
        cost = {f"{side} {part}": figure for side in ("ours", "other") for part, figure in (("service", 3), ("postgres", 8), ("broker", 1))}
        lines = [{**line, "name": "S", "what": "catch-up by 2 processes", "cost": cost, "memory": {"other": 90},
                  "measures": {"WAL bytes/event": 370, "bytes/event": 300, "table bytes/call": 1200, "bytes/page": 6000, "MiB/query process": 48}},
                 {**line, "name": "Q1", "what": "random pages, 16 connections", "cost": cost}, {**line, "name": "Q6", "what": "memory of an idle connection"}]
        costs = capacity.read_costs({"lines": lines, "about": {"processors": 2}})
        self.assertEqual((costs.ingest_us, costs.page_postgres_us, costs.connection_kib, costs.busy_share), (3, 8, 4, 0.3))
        with self.assertRaises(SystemExit):
            capacity.read_costs({"lines": lines[1:], "about": {"processors": 2}})


class Events(unittest.TestCase):
    def test_the_sink_is_given_the_same_events_as_ingest(self):
        for shape, count in (("apart", 400), ("new", 100)):
            ours = [(key, json.loads(value)["data"]) for kind, key, value in catch_up.make_events(count, shape, ingest_lines.BATCHES, ingest_lines.AHEAD) if kind]
            flat = [(key, json.loads(value)) for _, key, value in ingest_lines.flat_events(count, shape)]
            self.assertEqual(len(ours), count)
            names = (("batchId", "batch_id"), ("callId", "call_id"), ("phoneNumber", "phone_number"), ("attempt", "attempt"), ("callStatus", "call_status"),
                     ("callDuration", "call_duration"), ("recordingUrl", "recording_url"), ("createdAt", "created_at"))
            for (key, event), (flat_key, record) in zip(ours, flat):
                self.assertEqual((key, *(event.get(name) for name, _ in names)), (flat_key, *(record.get(name) for _, name in names)))
                self.assertEqual(event.get("fields"), json.loads(record["fields"]) if "fields" in record else None)

    def test_the_last_events_of_all_batches_are_waited_for(self):
        backlog = object.__new__(ingest_lines.Backlog)
        backlog.shape, backlog.calls = "apart", 100
        last = {}
        for table, batch, value in ingest_lines.flat_events(400, "apart"):
            last[batch] = (table, json.loads(value)["call_id"])
        self.assertEqual({table for table, _ in last.values()}, {"phone_logs"})
        for batch, (_, call) in last.items():
            self.assertIn(f"('{batch}', '{call}')", backlog.last_seen())


class Questions(unittest.TestCase):
    CASES = [question_lines.Case(question_lines.QUESTIONS[n], "first", 1) for n in range(3)]

    def test_the_figure_is_that_of_the_case_that_did_worst_and_every_case_is_judged(self):
        ours = dict(zip(self.CASES, ([1, 1], [9, 9], [3, 3])))
        line = question_lines.worst_line("new", ours, {case: [2, 2] for case in self.CASES}, report.Goal("at most", 1))
        self.assertEqual((line.ratio, line.is_met), (4.5, False))
        self.assertIn("worst of 3 (1 met): status and duration, first page", line.what)
        self.assertEqual(line.note.count("MISSED"), 2)

    def test_a_percentile_is_not_the_slowest_of_two_hundred(self):
        self.assertEqual(question_lines.percentile(range(1, 201), 0.99), 198)
        self.assertEqual(question_lines.percentile([7], 0.99), 7)

    def test_calls_are_compared_with_their_attempts(self):
        rows = [("1", "1", "0a", "123", "{}", "", "1", "completed", "7250", None, "x", ""), ("1", "2", "0b", None, None, None) + (None,) * 6]
        log = {"callStatus": "completed", "callDuration": 7.25, "recordingUrl": None, "transcript": "x"}
        data = {"data": [{"_id": "0a", "phoneNumber": "123", "phoneLogs": [log]}, {"_id": "0b", "phoneNumber": None, "phoneLogs": []}]}
        self.assertEqual(question_lines.calls_by_sql(rows), question_lines.calls_by_answer(data))


@unittest.skipUnless(has_postgres(), "no PostgreSQL is installed")
class Rows(unittest.TestCase):
    def test_a_smaller_batch_is_the_beginning_of_a_larger_one_and_its_counters_are_right(self):
        schema = sorted((HERE.parents[1] / "deploy/schema").glob("*.sql"))
        with Postgres() as server:
            roles = "".join(f"CREATE ROLE callboard_{name};" for name in ("owner", "writer", "reader"))
            server.sql(roles)
            found = []
            for count in (120, 360):
                name = f"rows{count}"
                server.create_database(name)
                server.sql("CREATE SCHEMA callboard; CREATE TABLE callboard.migration (version integer);", name)
                for migration in schema:
                    server.sql(migration.read_text(), name)
                dataset.fill(lambda statements: server.sql(statements, name), count)  # pylint: disable=cell-var-from-loop
                found.append(server.sql("SELECT position, phone_number, fields::json ->> 'name', (SELECT count(*) FROM callboard.attempt a "
                                        "WHERE a.position = c.position) FROM callboard.call c WHERE position <= 120 ORDER BY position", name))
                self.assertEqual(server.sql("SELECT calls FROM callboard.batch", name), [(str(count),)])
                self.assertEqual(server.sql(scale_lines.WRONG_COUNTERS, name), [])
                self.assertEqual(server.sql("SELECT sum(calls_latest) FROM callboard.batch_status", name), [(str(count),)])
            self.assertEqual(found[0], found[1])
            self.assertEqual(len({row[1] for row in found[1]}), 120)
            self.must_find_wrong_counters(server, "rows360")

    def must_find_wrong_counters(self, server, name):
        for change in ("batch SET calls = calls + 1", "batch SET finished = finished - 1", "batch SET pending_attempts = 1",
                       "batch_status SET calls_any = calls_any + 1", "batch_status SET calls_latest = calls_latest - 1"):
            found = server.sql(f"BEGIN; UPDATE callboard.{change}; {scale_lines.WRONG_COUNTERS}; ROLLBACK;", name)
            self.assertTrue(found, change)


if __name__ == "__main__":
    unittest.main()
