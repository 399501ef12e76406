"""HTTP load by wrk: random requests of a list, over so many connections, for so long."""
import json
import os
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).with_name("targets.lua")


class BadRun(Exception):
    """The load was answered by errors: its figure would mean nothing."""


def write_targets(path, targets):
    """`targets`: paths, or (path, entity tag) pairs."""
    with open(path, "w", encoding="utf-8") as lines:
        for target in targets:
            lines.write(target + "\n" if isinstance(target, str) else f"{target[0]}\t{target[1]}\n")
    return path


def run(port, targets_file, connections, seconds, token=None):
    """The RESULT of targets.lua, and `rate`. wrk has one thread: the machine is the servers'."""
    environment = {**os.environ, "BENCH_TARGETS": str(targets_file)}
    if token:
        environment["BENCH_TOKEN"] = token
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}/"],
                          env=environment, capture_output=True, text=True, check=True, timeout=seconds + 60)
    result = json.loads(done.stdout.rsplit("RESULT ", 1)[1])
    if result["status_errors"] or result["socket_errors"] or not result["requests"]:
        raise BadRun(f"port {port}: {result}")
    return {**result, "rate": result["requests"] / result["seconds"]}
