"""Runs the lines and writes what came of them. Started by tests/bench/run, which says how."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time

import ingest_lines
import query_lines
import question_lines
import report
import scale_lines
from rig import LOCAL, PROJECT, Missing, Rig


def growth(rig, options):
    return query_lines.growth(rig, options) + question_lines.growth(rig, options) + ingest_lines.growth(rig, options)


LINES = {
    "I1": ingest_lines.i1, "I2": ingest_lines.i2, "I3": ingest_lines.i3,
    "Q1": query_lines.q1, "Q2": query_lines.q2, "Q3": query_lines.q3, "Q4": query_lines.q4, "Q5": question_lines.q5, "Q6": query_lines.q6, "G": growth,
    "S": scale_lines.scale,
}
QUICK = {"lines": "I1,I2,I3,Q1,Q2,Q3,Q4,Q5,Q6", "shapes": "apart", "repetitions": 2, "seconds": 1, "connections": (16,), "calls": 50_000, "deep_calls": 50_000,
         "idle": 2_000, "growth": (5_000, 50_000), "ask_seconds": 0.1, "pause_seconds": 2, "events": 100_000, "rates": (2000,), "backlog": 100_000,
         "long_growth": (5_000, 50_000)}
FULL = {"lines": ",".join(LINES), "shapes": "apart,new", "repetitions": 5, "seconds": 5, "connections": (16, 64), "calls": 1_000_000, "deep_calls": 10_000_000,
        "idle": 10_000, "growth": (10_000, 100_000, 1_000_000, 10_000_000), "ask_seconds": 2, "pause_seconds": 60, "events": 400_000,
        "rates": (200, 2000, 20000), "backlog": 10_000_000, "long_growth": (10_000, 100_000, 1_000_000)}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--lines")
    parser.add_argument("--calls", type=int)
    for name in ("repetitions", "seconds", "most-calls"):
        parser.add_argument("--" + name, type=int)
    parser.add_argument("--shapes")
    parser.add_argument("--out", type=pathlib.Path, default=LOCAL)
    parser.add_argument("--add", action="store_true")
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    if options.most_calls:
        options.calls, options.deep_calls = min(options.calls, options.most_calls), min(options.deep_calls, options.most_calls)
        for name in ("growth", "long_growth"):
            setattr(options, name, tuple(size for size in getattr(options, name) if size <= options.most_calls))
    options.lines, options.shapes = options.lines.split(","), options.shapes.split(",")
    unknown = [name for name in options.lines if name not in LINES]
    if unknown:
        parser.error(f"there is no line {', '.join(unknown)}: there are {', '.join(LINES)}")
    return options


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


PROGRAMS = ("services", "common", "deploy/schema", "deploy/cmake")


def commit():
    """The last one that changed the programs; a + behind it where the tree holds further changes."""
    def git(*arguments):
        return subprocess.run(["git", "-C", PROJECT, *arguments, "--", *PROGRAMS], capture_output=True, text=True).stdout.strip()
    return git("log", "-1", "--format=%h") + ("+" if git("status", "--porcelain") else "")


def about():
    return {"date": datetime.date.today().isoformat(), "processor": processor(), "processors": os.cpu_count(), "system": platform.release(), "runs": {}}


def how(options):
    """How a line is run, in words: a table may be made of several runs. The load is what others did with the machine, before and beside."""
    return (f"commit {commit()}, {datetime.date.today().isoformat()}, {options.repetitions} interleaved repetitions of {options.seconds} s, batch of {options.calls:,} calls, "
            f"load {os.getloadavg()[0]:.0f} before")


def run_line(rig, name, options):
    began = time.monotonic()
    try:
        lines = LINES[name](rig, options)
    except Missing as reason:
        lines = [report.Skipped(name, "the whole line", str(reason))]
    print(f"{report.table(lines)}\n({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
    return lines


def read_earlier(folder):
    """(lines, how they were run) of the results that are there."""
    path = folder / "results.json"
    if not path.exists():
        return [], {}
    found = json.loads(path.read_text())
    return list(map(report.from_json, found["lines"])), found["about"]["runs"]


def together(lines, facts, earlier, runs):
    """With the earlier lines but for those that have been measured anew."""
    anew = {report.place(line) for line in lines}
    kept = [line for line in earlier if report.place(line) not in anew]
    order = list(LINES)
    return sorted(kept + lines, key=lambda line: order.index(line.name)), {**facts, "runs": {**runs, **facts["runs"]}}


def runs_text(runs):
    """A text line for each way in which lines were run."""
    names = {}
    for name in sorted(runs):
        names.setdefault(runs[name], []).append(name)
    return "\n".join(f"{', '.join(lines)}: {run}" for run, lines in names.items())


def write(lines, facts, folder):
    folder.mkdir(parents=True, exist_ok=True)
    heading = f"{facts['processors']} x {facts['processor']}\n{runs_text(facts['runs'])}"
    (folder / "results.json").write_text(report.as_json(lines, facts))
    (folder / "results.txt").write_text(f"{heading}\n\n{report.table(lines)}\n\n{report.costs(lines)}\n")
    (folder / "results.svg").write_text(report.plot(lines, "Callboard: times better than the other side (mark: the goal)"))


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))  # in good order: what was started is to end
    facts = about()
    earlier = read_earlier(options.out) if options.add else ([], {})
    lines = []
    with Rig(options) as rig:
        for name in options.lines:
            facts["runs"][name] = how(options)
            lines += run_line(rig, name, options)
            write(*together(lines, facts, *earlier), options.out)  # what has been measured stays, whatever happens to the next one
    print((options.out / "results.txt").read_text() + f"\nwritten to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
