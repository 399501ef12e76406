"""A client that sends exactly the bytes it is given, and takes nothing that RFC 9112 does not allow in an answer."""
import json
import re
import select
import socket

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*")
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT")
ENVELOPE = ["message", "status", "code", "errorMessage", "data"]


class Malformed(AssertionError):
    """An answer that is not HTTP/1.1, or not this service's."""


class Answer:
    def __init__(self, status, fields):
        self.status = status
        self.fields = fields  # (lower-case name, value), in order
        self.body = b""

    def all(self, name):
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def without_date(self):
        return self.status, [field for field in self.fields if field[0] != "date"], self.body


def parse_head(head):
    lines = head.split(b"\r\n")
    status = STATUS_LINE.fullmatch(lines[0])
    if not status:
        raise Malformed(f"status line {lines[0]!r} (RFC 9112, 4)")
    fields = []
    for line in lines[1:]:
        field = FIELD_LINE.fullmatch(line)
        if not field:
            raise Malformed(f"field line {line!r} (RFC 9112, 5)")
        fields.append((field.group(1).decode().lower(), field.group(2).decode("latin-1")))
    return Answer(int(status.group(1)), fields)


def has_body(answer, is_head):
    return not is_head and answer.status >= 200 and answer.status not in (204, 304)


def check_answer(answer, is_head):
    """What holds of every final answer of this service."""
    dates = answer.all("date")
    if len(dates) != 1 or not DATE.fullmatch(dates[0]):
        raise Malformed(f"Date {dates} (RFC 9110, 6.6.1)")
    if answer.all("transfer-encoding"):
        raise Malformed("Transfer-Encoding beside Content-Length (RFC 9112, 6.2)")
    if has_body(answer, is_head):
        check_envelope(answer)


def check_envelope(answer):
    if answer.get("content-encoding"):
        return
    try:
        body = json.loads(answer.body)
    except ValueError:
        raise Malformed(f"the body is not JSON: {answer.body[:200]!r}") from None
    if list(body) != ENVELOPE or body["code"] != answer.status or body["status"] != (answer.status == 200):
        raise Malformed(f"{answer.status} with the envelope {answer.body[:200]!r}")


class Connection:
    """`with` closes it."""

    def __init__(self, port, timeout=20, receive_bytes=None):
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.connect(("127.0.0.1", port))
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, data):
        """What the other side no longer takes, because it has answered and closed, is not sent."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def end(self):
        """Sends no more."""
        self.sock.shutdown(socket.SHUT_WR)

    def _receive(self):
        chunk = self.sock.recv(65536)
        self.received += chunk
        return chunk

    def _take(self, length):
        while len(self.received) < length:
            if not self._receive():
                raise Malformed(f"the connection ended within an answer: {self.received[:200]!r}")
        taken, self.received = self.received[:length], self.received[length:]
        return taken

    def _take_head(self):
        while b"\r\n\r\n" not in self.received:
            if not self._receive():
                raise Malformed(f"no answer: the connection ended behind {self.received[:200]!r}")
        return self._take(self.received.index(b"\r\n\r\n") + 4)[:-4]

    def answer(self, is_head=False):
        """The next final answer, checked."""
        answer = parse_head(self._take_head())
        while answer.status < 200:
            answer = parse_head(self._take_head())
        lengths = answer.all("content-length")
        if has_body(answer, is_head):
            if len(lengths) != 1 or not lengths[0].isdigit():
                raise Malformed(f"Content-Length {lengths} (RFC 9110, 8.6)")
            answer.body = self._take(int(lengths[0]))
        check_answer(answer, is_head)
        return answer

    def wait_cut(self, timeout=20):
        """Until the other side has reset the connection, while nothing is read."""
        poll = select.poll()
        poll.register(self.sock, 0)
        if not poll.poll(timeout * 1000):
            raise Malformed("the connection is not cut")

    def is_ended(self):
        """Whether the other side has sent all it had to; waits for it or for a further byte."""
        try:
            return not self.received and not self._receive()
        except ConnectionResetError:
            return not self.received
