"""A proxy that stands between a scanner and the service, and looks at every answer that goes by.

A finding is: an answer that is not HTTP/1.1 or has not the service's envelope, a status of 500 or above, and a body that
tells of what is behind the service in words that the request did not hold. 501 is none where the request brought a
Transfer-Encoding: so RFC 9112, 6.1 has a coding answered that is not understood.
"""
import collections
import re
import socket
import threading

from raw_http import Malformed, check_answer, has_body, parse_head

TALE = re.compile(rb"syntax error|sqlstate|\bpg_\w+|postgres|libpq|relation \W|column \W|callboard\.\w+ |stack trace|segmentation", re.I)
MOST_EXAMPLES = 20


class Exchange:
    """The two directions of one connection, request by request, as far as a witness has to know them."""

    def __init__(self, witness):
        self.witness = witness
        self.asked = b""
        self.answered = b""

    def hear_request(self, chunk):
        self.asked = (self.asked + chunk)[-200000:]

    def hear_answer(self, chunk):
        self.answered += chunk
        while self._take_answer():
            pass

    def _take_answer(self):
        head, end, rest = self.answered.partition(b"\r\n\r\n")
        if not end:
            return False
        answer = parse_head(head)
        is_head = self.asked.startswith(b"HEAD ")
        length = int(answer.get("content-length") or 0) if has_body(answer, is_head) else 0
        if len(rest) < length:
            return False
        answer.body, self.answered = rest[:length], rest[length:]
        if answer.status >= 200:
            check_answer(answer, is_head)
            self._judge(answer)
            self.asked = b""
        return True

    def _judge(self, answer):
        self.witness.count(answer.status)
        is_asked_for = answer.status == 501 and b"\r\ntransfer-encoding:" in self.asked.lower()
        if answer.status >= 500 and not is_asked_for:
            self.witness.find(f"status {answer.status}", self.asked)
        for word in TALE.findall(answer.body):
            if word.lower() not in self.asked.lower():
                self.witness.find(f"a body that speaks of {word!r}", self.asked)


class Witness:
    """Listens on a port of its own; `with` ends it."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.statuses = collections.Counter()
        self.findings = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.listener.close()

    def count(self, status):
        with self.lock:
            self.statuses[status] += 1

    def find(self, what, asked=b""):
        with self.lock:
            self.findings.append(f"{what}: {asked[:400]!r}")

    def report(self):
        return self.findings[:MOST_EXAMPLES]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(self.target)
            except OSError as error:
                self.find(f"the service takes no connection ({error})")
                client.close()
                continue
            exchange = Exchange(self)
            for source, sink, hear in ((client, upstream, exchange.hear_request), (upstream, client, exchange.hear_answer)):
                threading.Thread(target=self._pass_on, args=(source, sink, hear, exchange), daemon=True).start()

    def _pass_on(self, source, sink, hear, exchange):
        try:
            while chunk := source.recv(65536):
                hear(chunk)
                sink.sendall(chunk)
        except OSError:
            pass  # either side may go away
        except (Malformed, ValueError) as error:
            self.find(f"malformed: {error}", exchange.asked)
        for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
            try:
                end.shutdown(how)
            except OSError:
                pass
