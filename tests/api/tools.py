"""What the tests of this folder take from elsewhere, pinned, and the service that they look at.

Programs are installed into .local when first needed; a test whose program cannot be had is skipped, which CI=true makes a
failure.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "query")]

from postgres import Postgres  # noqa: E402
from query_service import QueryService, Rows, migrate  # noqa: E402

PYPI_PACKAGES = ["schemathesis==4.32.5", "backports.zstd==1.3.0"]  # the second, so that its client can read answers coded so
# The linter of Redocly's command line, without the other nine tenths of it; both run on the Node.js of Debian 12.
NPM_PACKAGES = ["@redocly/openapi-core@1.34.20", "html-validate@9.7.1"]


def is_missing(what):
    """Skips the test, or the class, that cannot do without."""
    if os.environ.get("CI") == "true":
        raise RuntimeError(f"{what} cannot be had")
    raise unittest.SkipTest(f"{what} cannot be had")


def needed(program):
    """The path of a program of the machine's."""
    return shutil.which(program) or is_missing(program)


def installed(folder, packages, *commands):
    """The folder, once every command has succeeded for these packages; else the test is skipped."""
    mark = folder / "installed"
    if not mark.exists() or mark.read_text(encoding="utf-8").split() != packages:
        folder.mkdir(parents=True, exist_ok=True)
        for command in commands:
            if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode != 0:
                is_missing(packages[0])
        mark.write_text("\n".join(packages), encoding="utf-8")
    return folder


def python_tools():
    """The folder of a virtual environment with PYPI_PACKAGES."""
    folder = TESTS.parent / ".local/api-tools"
    return installed(folder, PYPI_PACKAGES, [sys.executable, "-m", "venv", folder], [folder / "bin/pip", "install", "-q", *PYPI_PACKAGES])


def node_tools():
    """A folder whose node_modules has NPM_PACKAGES. Their install scripts are not run: none is needed."""
    folder = TESTS.parent / ".local/api-node-tools"
    return installed(folder, NPM_PACKAGES, [needed("npm"), "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
                                            "--prefix", folder, *NPM_PACKAGES])


def make_batch(rows, count):
    """Every other call is completed."""
    return rows.batch("owner", [{"phone": f"1212555{n:04}", "fields": json.dumps({"name": f"Emily {n}", "n": n}), "created": "2025-05-15T14:00:00Z",
                                 "attempts": [{"status": "completed" if n % 2 else "busy", "ms": 1000 * n}]} for n in range(count)])


class Api:
    """A service with a batch; `case` is the class that it lives as long as."""

    def __init__(self, case, count=60, **environment):
        server = Postgres()
        case.addClassCleanup(server.remove)
        server.start()
        migrate(server, "callboard")
        server.sql("ALTER ROLE callboard_reader LOGIN")
        rows = Rows(server, "callboard")
        self.token, self.batch = rows.token("owner"), make_batch(rows, count)
        self.service = QueryService(server.url("callboard", "callboard_reader"), **environment)
        case.addClassCleanup(self.service.end)
        self.service.start()
        self.url = f"http://127.0.0.1:{self.service.port}"
