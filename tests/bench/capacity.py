#!/usr/bin/env python3
"""How large a machine must be, by what the bench has measured.

usage: capacity.py --events N --calls N --dashboards N [--refresh SECONDS] [--keep-days N] [--results FILE]
  --events N         events a second, at the busiest
  --calls N          calls that are kept
  --dashboards N     that are open at the same time
  --refresh SECONDS  how often each asks for its page (default 2)
  --keep-days N      how long Kafka keeps events, at a third of the busiest rate (default 7)
  --results FILE     results.json of a run with the lines I1, Q1, Q6 and S (default: the one beside this file)

Each figure of the answer is a sum of products of what was asked with what the file holds; CAPACITY.md says which. The processor's figures are
of the machine that ran the bench: run it on yours.
"""
import argparse
import dataclasses
import json
import math
import pathlib
import statistics

RESULTS = pathlib.Path(__file__).with_name("last") / "results.json"
HEADROOM = 0.6   # of a processor's time at the busiest: queues grow beyond
GIB = 2**30


@dataclasses.dataclass
class Costs:
    """Microseconds of CPU time, bytes, and how much of the processors the bench could keep busy."""
    ingest_us: float
    event_postgres_us: float
    broker_us: float
    query_us: float
    page_postgres_us: float
    wal_bytes: float
    event_bytes: float
    call_bytes: float
    page_bytes: float
    ingest_mib: float
    query_mib: float
    connection_kib: float
    busy_share: float  # while catching up: the rest is waiting for the disk and for each other


def line_of(lines, name, what):
    for line in lines:
        if line["name"] == name and what in line["what"] and "skipped" not in line:
            return line
    raise SystemExit(f"the results hold no line {name} with \"{what}\": run the bench with it")


def measure_of(lines, unit):
    for line in lines:
        if unit in line.get("measures", {}):
            return line["measures"][unit]
    raise SystemExit(f"the results hold no {unit}: run the bench with line S")


def read_costs(results):
    lines, processors = results["lines"], results["about"]["processors"]
    alone = line_of(lines, "S", "catch-up by 2")  # whose other side is one process
    pages = line_of(lines, "Q1", "16 connections")
    event_us = [alone["cost"][f"other {name}"] for name in ("service", "postgres", "broker")]
    rate = statistics.median(alone["others"])
    return Costs(*event_us, pages["cost"]["ours service"], pages["cost"]["ours postgres"], measure_of(lines, "WAL bytes/event"),
                 measure_of(lines, "bytes/event"), measure_of(lines, "table bytes/call"), measure_of(lines, "bytes/page"),
                 alone["memory"]["other"], measure_of(lines, "MiB/query process"), statistics.median(line_of(lines, "Q6", "memory")["ours"]),
                 rate * sum(event_us) / 1e6 / processors)


def plan(costs, events, calls, dashboards, refresh, keep_days):
    """{what: (figure, unit)}"""
    pages = dashboards / refresh
    ingest, query = events * costs.ingest_us / 1e6, pages * costs.query_us / 1e6
    postgres = (events * costs.event_postgres_us + pages * costs.page_postgres_us) / 1e6
    broker = events * costs.broker_us / 1e6
    processes = max(1, math.ceil(ingest / HEADROOM))
    query_workers = max(1, math.ceil(query / HEADROOM))
    return {
        "processors: ingest": (ingest / HEADROOM, "cores"), "processors: query": (query / HEADROOM, "cores"),
        "processors: PostgreSQL": (postgres / HEADROOM, "cores"), "processors: Kafka": (broker / HEADROOM, "cores"),
        "processors together": ((ingest + query + postgres + broker) / HEADROOM, "cores"),
        "ingest processes": (processes, ""), "query workers": (query_workers, ""),
        "partitions of each topic": (max(4, 4 * processes), ""),
        "memory: ingest": (processes * costs.ingest_mib / 1024, "GiB"),
        "memory: query": ((query_workers * costs.query_mib + dashboards * costs.connection_kib / 1024) / 1024, "GiB"),
        "memory: PostgreSQL, to hold all calls": (calls * costs.call_bytes / GIB, "GiB"),
        "disk: tables": (calls * costs.call_bytes / GIB, "GiB"),
        "disk: log written": (events * costs.wal_bytes / 1e6, "MB/s"),
        "disk: Kafka": (events / 3 * 86400 * keep_days * costs.event_bytes / GIB, "GiB"),
        "network: events, in and out of Kafka": (2 * events * costs.event_bytes * 8 / 1e6, "Mbit/s"),
        "network: pages": (pages * costs.page_bytes * 8 / 1e6, "Mbit/s"),
        "backlog of an hour is caught up in": (3600 * events / (costs.busy_share * 1e6 / max(costs.ingest_us + costs.event_postgres_us + costs.broker_us, 1e-9)
                                               * max(1, math.ceil((ingest + query + postgres + broker) / HEADROOM))), "s"),
    }


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    for name in ("events", "calls", "dashboards"):
        parser.add_argument("--" + name, type=float, required=True)
    parser.add_argument("--refresh", type=float, default=2)
    parser.add_argument("--keep-days", type=float, default=7)
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    options = parser.parse_args()
    costs = read_costs(json.loads(options.results.read_text()))
    for what, (figure, unit) in plan(costs, options.events, options.calls, options.dashboards, options.refresh, options.keep_days).items():
        print(f"{what:<40} {figure:>10.2f} {unit}".rstrip())


if __name__ == "__main__":
    main()
