"""guard: runs the counters, compares their figures with costs.json, prints both. Used by tests/guard/run."""
import argparse
import importlib
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
COSTS = HERE / "costs.json"
GROWTH = 1.10


def counters():
    return sorted(path.stem.removeprefix("count_") for path in HERE.glob("count_*.py"))


def judge(recorded, counted):
    """What is wrong with a figure, or what is to be said of it: (verdict, is wrong)."""
    if recorded is None:
        return "not written down", True
    if counted is None:
        return "not counted", True
    if counted > recorded * GROWTH:
        return f"grew by {100 * (counted / recorded - 1):.0f} %", True
    if counted * GROWTH < recorded:
        return "less than written down: --record it", False
    return "", False


def compare(recorded, counted):
    """Prints a line for each figure; whether all are well."""
    failures = 0
    for name in sorted(recorded.keys() | counted.keys()):
        verdict, is_wrong = judge(recorded.get(name), counted.get(name))
        failures += is_wrong
        print(f"{name:<50} {counted.get(name, '-'):>12} {recorded.get(name, '-'):>12}  {verdict}")
    return failures == 0


def main():
    parser = argparse.ArgumentParser(usage="run [--record] [COUNTER...]")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("counters", nargs="*", choices=[*counters(), []])
    options = parser.parse_args()
    chosen = options.counters or counters()
    counted = {}
    for name in chosen:
        counted.update(importlib.import_module("count_" + name).count(os.environ["CALLBOARD_BIN"]))
    recorded = json.loads(COSTS.read_text()) if COSTS.exists() else {}
    others = {name: figure for name, figure in recorded.items() if name.split(".")[0] not in chosen}
    if options.record:
        COSTS.write_text(json.dumps({**others, **counted}, indent=2, sort_keys=True) + "\n")
        return 0
    return 0 if compare({name: figure for name, figure in recorded.items() if name not in others}, counted) else 1


if __name__ == "__main__":
    sys.exit(main())
