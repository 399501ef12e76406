#!/usr/bin/env python3
"""suite: runs one suite of tests, shows what fails, and counts test cases. Used by deploy/test.

usage: suite.py TALLY ctest BUILD_DIR [CTEST_OPTION...]     the Criterion programs of a build
       suite.py TALLY unittest FOLDER                       every test_*.py of a folder

Appends "passed failed skipped" to the file TALLY. Exit status 1 when anything failed.
Skipped is whatever did not run: a class that skips itself counts with every test it has.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SYNTHESIS = re.compile(r"Synthesis:.*Tested:.*?(\d+).*?\|.*?Passing:.*?(\d+).*?\|.*?Failing:.*?(\d+).*?\|.*?Crashing:.*?(\d+)")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TEST_SECONDS = "300"


def count_criterion(case):
    """(passed, failed, skipped) of one program, from its output; one failure where it did not get to its end."""
    output = COLOURS.sub("", case.findtext("system-out") or "")
    found = SYNTHESIS.search(output)
    if not found:
        return (0, 1, 0)
    tested, passed, failed, crashed = map(int, found.groups())
    lost = 1 if case.get("status") != "run" and failed + crashed == 0 else 0  # passed, and yet its exit status is not 0
    return (passed, failed + crashed + lost, output.count("[SKIP]"))


def run_ctest(build_dir, *options):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        subprocess.run(["ctest", "--test-dir", build_dir, "--output-on-failure", "--timeout", TEST_SECONDS,
                        "--test-output-size-passed", "10000000", "--test-output-size-failed", "10000000",
                        "--output-junit", report, *options])
        if not os.path.exists(report):
            return (0, 1, 0)
        counts = [count_criterion(case) for case in xml.etree.ElementTree.parse(report).iter("testcase")]
    return tuple(map(sum, zip(*counts))) if counts else (0, 1, 0)


class Result(unittest.TextTestResult):
    """Remembers which tests came to a good end, and which did not (once, however many of its sub-tests failed)."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.passed = set()
        self.failed = set()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.add(test.id())

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.passed.add(test.id())

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.failed.add(test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed.add(test.id())

    def addError(self, test, err):
        super().addError(test, err)
        self.failed.add(test.id())

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.failed.add(test.id())


def run_unittest(folder):
    suite = unittest.defaultTestLoader.discover(folder, pattern="test_*.py", top_level_dir=folder)
    total = suite.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    passed = len(result.passed - result.failed)
    return (passed, len(result.failed), max(0, total - passed - len(result.failed)))


def main():
    kinds = {"ctest": run_ctest, "unittest": run_unittest}
    if len(sys.argv) < 4 or sys.argv[2] not in kinds:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))  # in good order: what the tests started is to end
    # A shell starts what is in its background with SIGINT ignored, which all children would inherit, and a script can
    # not trap what it was started with ignored: the tests of Ctrl-C need it as a terminal would give it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    counts = kinds[sys.argv[2]](*sys.argv[3:])
    with open(sys.argv[1], "a") as tally:
        print(*counts, file=tally)
    print("%d passed, %d failed, %d skipped" % counts)
    sys.exit(1 if counts[1] else 0)


if __name__ == "__main__":
    main()
