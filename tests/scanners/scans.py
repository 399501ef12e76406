"""What is scanned, with what: each scan is bounded in time, talks to 127.0.0.1 alone, and returns what it found."""
import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import urllib.parse

from raw_http import Connection, Malformed

LISTS = pathlib.Path("/usr/share/wfuzz/wordlist")
GOOD = {"page": "1", "limit": "5", "sortBy": "name", "sortOrder": "asc", "filter": '{"n":{"$gt":1}}', "search": "Anna", "cursor": None}
HEADERS = ["Authorization", "If-None-Match", "If-Match", "Accept", "Accept-Encoding", "Origin", "Range", "Cookie", "User-Agent", "Referer",
           "X-Forwarded-For", "X-Forwarded-Host", "X-HTTP-Method-Override", "Forwarded", "Connection", "Upgrade", "Expect", "Content-Length",
           "Transfer-Encoding"]


@dataclasses.dataclass
class Target:
    """The service as a scanner sees it: a port, a batch, a token, a cursor that is good."""

    port: int
    batch: str
    token: str
    cursor: str

    @property
    def path(self):
        return f"/api/call/batch-details/{self.batch}"

    @property
    def good(self):
        return {**GOOD, "cursor": self.cursor}

    def url(self, parameter=None, value=None, path=None):
        """With `value` in the place of a parameter's; cursor and page exclude each other."""
        used = {} if parameter is None else {parameter: self.good[parameter] if value is None else value}
        if parameter == "cursor":
            used["limit"] = "5"  # it was given with this one
        query = "&".join(f"{name}={text if text == value else urllib.parse.quote(text)}" for name, text in used.items())
        return f"http://127.0.0.1:{self.port}{path or self.path}" + (f"?{query}" if query else "")

    def authorization(self):
        return f"Authorization: Bearer {self.token}"


def run(command, seconds):
    """(output, whether it ended by itself)."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            process.wait(seconds)
            ended = True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            ended = False
        output.seek(0)
        return re.sub(r"\x1b\[[0-9;]*m", "", output.read().decode(errors="replace")), ended


# --- slowhttptest ---------------------------------------------------------------------------------

class Prober:
    """A customer beside an attack: asks for a page again and again, on a new connection each time."""

    def __init__(self, target, patience=5):
        self.target = target
        self.patience = patience
        self.answered = 0
        self.slowest = 0.0
        self.findings = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.is_over.set()
        self.thread.join()

    def _run(self):
        while not self.is_over.wait(0.05):
            try:
                self._ask()
            except (OSError, Malformed) as error:
                self.findings.append(f"a customer got no answer beside it: {error!r}")

    def _ask(self):
        began = time.monotonic()
        with Connection(self.target.port, timeout=self.patience) as conn:
            conn.send(f"GET {self.target.path} HTTP/1.1\r\nHost: t\r\n{self.target.authorization()}\r\nConnection: close\r\n\r\n".encode())
            status = conn.answer().status
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answered += 1
        if status != 200:
            self.findings.append(f"a customer got {status} beside it")


SLOW_MODES = {
    "slow headers": ["-H", "-i", "1"],
    "slow content": ["-B", "-i", "1", "-s", "8192"],
    "ranges": ["-R", "-a", "5", "-b", "3000"],
    "slow reading": ["-X", "-n", "1", "-w", "10", "-y", "20", "-z", "32", "-k", "5"],
}


def slow_scan(target, mode, connections=1000, seconds=15):
    command = ["slowhttptest", *SLOW_MODES[mode], "-c", str(connections), "-r", "500", "-l", str(seconds), "-p", "5", "-u", target.url(), "-v", "1"]
    with Prober(target) as prober:
        output, ended = run(command, seconds + 30)
    findings = list(prober.findings)
    if re.search(r"service available:\s+NO", output):
        findings.append("slowhttptest found the service away")
    if not ended or "service available" not in output or not prober.answered:
        findings.append(f"slowhttptest did not run: {output[-500:]}")
    return findings, f"{prober.answered} customers answered, the slowest in {prober.slowest * 1000:.0f} ms"


# --- sqlmap ---------------------------------------------------------------------------------------

CLEAN = "all tested parameters do not appear to be injectable"


def sqlmap_scan(target, place, level, seconds):
    """`place` is the name of a parameter, "id", or a header's with a colon."""
    headers = [target.authorization()]
    if place == "id":
        url = target.url(path=target.path + "*")
    elif place == "Authorization:":
        url, headers = target.url(), [f"Authorization: Bearer {target.token}*"]
    elif place.endswith(":"):
        url, headers = target.url(), [*headers, f'{place} "x"*']
    else:
        url = target.url(place)
    marks = [] if "*" in url + "".join(headers) else ["-p", place]
    with tempfile.TemporaryDirectory() as folder:
        output, ended = run([
            "sqlmap", "-u", url, "-H", "\n".join(headers), *marks, "--batch", "--level", str(level), "--risk", "2", "--dbms", "postgresql",
            "--threads", "4", "--timeout", "10", "--retries", "1", "--flush-session", "--output-dir", folder, "--disable-coloring",
            "--ignore-code", "400,401,404,412", "--skip-waf", "--technique", "BEUSTQ", "--time-sec", "2"], seconds)
    requests = re.search(r"performed (\d+) quer", output)
    if "sqlmap identified" in output or "is vulnerable" in output:
        return [f"sqlmap on {place}: {output[-1500:]}"], ""
    if not ended or CLEAN not in output:
        return [f"sqlmap on {place} came to no end: {output[-1500:]}"], ""
    return [], "not injectable" + (f" ({requests.group(1)} queries)" if requests else "")


# --- wfuzz ----------------------------------------------------------------------------------------

def host_scan(target, words):
    """wfuzz's words as Host, which wfuzz itself takes for the place to connect to."""
    statuses = collections.Counter()
    for word in words.read_bytes().splitlines():
        with Connection(target.port) as conn:
            conn.send(f"GET {target.path} HTTP/1.1\r\n{target.authorization()}\r\nHost: ".encode() + word + b"\r\n\r\n")
            statuses[conn.answer().status] += 1
    return [], f"{statuses.total()} requests"


def wfuzz_scan(target, place, words, encoder, seconds):
    """A list of injections in one place; what came of them, the witness has seen."""
    headers = ["-H", target.authorization()]
    if place == "id":
        url = target.url(path=target.path + "FUZZ")
    elif place == "path":
        url = target.url(path="/api/FUZZ")
    elif place == "name":
        url = target.url() + "?FUZZ=1"
    elif place == "Authorization:":
        url, headers = target.url(), ["-H", "Authorization: Bearer FUZZ"]
    elif place.endswith(":"):
        url, headers = target.url(), [*headers, "-H", f"{place} FUZZ"]
    else:
        url = target.url(place, "FUZZ")
    with tempfile.NamedTemporaryFile() as report:
        output, ended = run(["wfuzz", "-Z", "-t", "8", "--conn-delay", "10", "--req-delay", "20", "-z", f"file,{words},{encoder}", *headers,
                             "-f", f"{report.name},json", url], seconds)
        results = json.loads(report.read() or b"[]")
    if not ended or len(results) < len(words.read_bytes().splitlines()):
        return [f"wfuzz on {place} came to no end: {output[-800:]}"], ""
    return [], f"{len(results)} requests"
