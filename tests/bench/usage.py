"""What processes have used: CPU seconds and peak memory, from /proc."""
import os
import re

TICK = os.sysconf("SC_CLK_TCK")


def _fields(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()


def _parents():
    """{pid: (parent, CPU ticks of its own, ticks of its children that have ended)}"""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = _fields(name)
            except OSError:
                continue
            found[int(name)] = (int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14]))
    return found


def family(root):
    """The process and all its descendants."""
    parents = _parents()
    members = {root}
    grown = True
    while grown:
        more = {pid for pid, (parent, _, _) in parents.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return {pid: parents[pid] for pid in members if pid in parents}


def cpu_seconds(root, without=()):
    """Of the process and its descendants, those that have ended and were waited for included; `without` are pids that do not count."""
    return sum(own + ended for pid, (_, own, ended) in family(root).items() if pid not in without) / TICK


def peak_mib(root):
    """The sum of the peaks of resident memory of the process and its descendants."""
    total = 0
    for pid in family(root):
        try:
            with open(f"/proc/{pid}/status") as status:
                found = re.search(r"VmHWM:\s+(\d+)", status.read())
        except OSError:
            continue
        total += int(found.group(1)) if found else 0
    return total / 1024


def resident_kib(pid):
    """Memory of the process's own: what it has mapped of files is not counted."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1))


class Meter:
    """CPU seconds of several processes over a span of time: {name: root pid}, but for what the pids `without` use."""

    def __init__(self, roots, without=()):
        self.roots, self.without = roots, set(without)
        self.before = self._used()

    def _used(self):
        return {name: cpu_seconds(pid, self.without) for name, pid in self.roots.items()}

    def read(self):
        return {name: used - self.before[name] for name, used in self._used().items()}
