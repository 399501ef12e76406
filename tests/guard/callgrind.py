"""callgrind: instructions spent inside given functions, what they call included; and how often memory was asked for."""
import re
import subprocess
import tempfile

ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"}


def prefix(out, functions=()):
    """What stands before a command, to count it into the file `out`: all of it, or what the functions do."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *(f"--toggle-collect={function}" for function in functions)]


def read(out):
    """{"instructions", "allocations"} of a file that callgrind wrote: all threads together."""
    names, called, found = {}, None, {"instructions": 0, "allocations": 0}
    with open(out, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            function = re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line)
            if function:
                is_callee, number, name = function.groups()
                names.setdefault(number, (name or "").split("'")[0])
                called = names[number] if is_callee else None
            elif line.startswith("calls="):
                found["allocations"] += int(line[6:].split()[0]) if called in ALLOCATORS else 0
            elif line.startswith(("summary:", "totals:")):
                found["instructions"] = max(found["instructions"], int(line.split()[1]))
    return found


def instructions(command, functions):
    """Of all calls of the functions together; none of them may call another."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run([*prefix(out.name, functions), *command], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr[-2000:]}")
        return read(out.name)["instructions"]
