"""Runs of faults side by side: each worker is a process with servers of its own, kept from run to run.

    for outcome in outcomes([("kill-9", 1), ("kill-9", 2), ...], jobs=4):
        print(outcome)

Nothing is shared, so every kind may do to its servers what it likes. Most of a run is waiting (for timeouts, for
sessions to run out): more workers than processors are right.
"""
import multiprocessing
import os
import queue
import signal
import sys
import unittest

from harness import FAULTS, execute, remove_servers

# Not to inherit anything of what the caller has running.
CONTEXT = multiprocessing.get_context("fork")


class Skipped:
    """In place of an outcome: the kind can not be done here."""

    def __init__(self, kind_name, seed, reason):
        self.kind_name = kind_name
        self.seed = seed
        self.reason = reason

    def __str__(self):
        return f"{self.kind_name} --seed {self.seed}: SKIPPED: {self.reason}"


def run_one(kind_name, seed):
    """An Outcome, or Skipped. After a failure the next run has new servers: what is wrong with these is nobody else's."""
    try:
        outcome = execute(FAULTS[kind_name], seed)
    except unittest.SkipTest as reason:
        return Skipped(kind_name, seed, str(reason))
    if outcome.problems:
        remove_servers()
    return outcome


def end_in_good_order():
    """SIGTERM is an exception, so that servers and workers are taken down."""
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))


def work(tasks, results, parent):
    end_in_good_order()
    try:
        for kind_name, seed in iter(tasks.get, None):
            results.put(run_one(kind_name, seed))
            if os.getppid() != parent:
                return  # nobody is there to hear of it
    finally:
        remove_servers()


def outcomes(tasks, jobs):
    """Yields what came of each (name of a kind, seed), in the order in which they end. Call it before anything else was started."""
    waiting, results = CONTEXT.Queue(), CONTEXT.Queue()
    for task in [*tasks, *[None] * jobs]:
        waiting.put(task)
    end_in_good_order()
    workers = [CONTEXT.Process(target=work, args=(waiting, results, os.getpid())) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    left = len(tasks)
    try:
        while left:
            result = next_result(results, workers)
            left -= 1
            yield result
    finally:
        for worker in workers:
            if left:
                worker.terminate()
        for worker in workers:
            worker.join()


def next_result(results, workers):
    """Raises RuntimeError when there is nobody left to give one."""
    while True:
        try:
            return results.get(timeout=1)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers) and results.empty():
                raise RuntimeError("the workers have died") from None
