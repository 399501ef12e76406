"""HTTP/1.1 as RFC 9110 and RFC 9112 have it: each row names its section, and sends its bytes as they stand.

    CALLBOARD_BIN=build python3 -m unittest discover -s tests/conformance -v

In a row, $PATH is a page of a batch, $AUTH the header line that opens it, $HOST a Host line. A row expects final answers in
their order, by status code (a set: any of them), and whether the connection then takes a further request.
"""
import pathlib
import select
import socket
import struct
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "query")]

from query_service import Lock, QueryService, Rows, migrated_server  # noqa: E402
from raw_http import Connection, Malformed  # noqa: E402

OPEN, CLOSED, EITHER = "open", "closed", "either"
GET = b"GET $PATH HTTP/1.1\r\n$HOST$AUTH\r\n"

server = None
service = None
rows = None
words = {}


def setUpModule():
    global server, service, rows
    server = migrated_server()
    rows = Rows(server, "callboard")
    batch = rows.batch("o", [{"phone": str(n)} for n in range(1, 10)])
    words.update({b"$PATH": f"/api/call/batch-details/{batch}?limit=1".encode(), b"$BATCH": batch.encode(),
                  b"$AUTH": f"Authorization: Bearer {rows.token('o')}\r\n".encode(), b"$HOST": b"Host: callboard.test\r\n"})
    service = query_service()
    unittest.addModuleCleanup(service.end)
    service.start()


def query_service(**environment):
    return QueryService(server.url("callboard", "callboard_reader"), **environment)


def spelled(template):
    for word, text in words.items():
        template = template.replace(word, text)
    return template


def request(*lines, method=b"GET", target=b"$PATH", version=b"HTTP/1.1", host=b"$HOST", auth=b"$AUTH", body=b""):
    return method + b" " + target + b" " + version + b"\r\n" + host + auth + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


class Case(unittest.TestCase):
    def exchange(self, raw, expected, then, is_head=()):
        """Sends the bytes and compares; the answers."""
        with Connection(service.port) as conn:
            conn.send(spelled(raw))
            answers = []
            for index, wanted in enumerate(expected):
                answers.append(conn.answer(is_head=index in is_head))
                wanted = wanted if isinstance(wanted, set) else {wanted}
                self.assertIn(answers[-1].status, wanted, answers[-1].body)
            self.compare_end(conn, answers, then)
        return answers

    def compare_end(self, conn, answers, then):
        is_told = any("close" in value.lower() for value in answers[-1].all("connection")) if answers else then == CLOSED
        if then == EITHER:
            then = CLOSED if is_told else OPEN
        if then == CLOSED:
            self.assertTrue(conn.is_ended(), f"a further answer: {conn.received[:200]!r}")
            self.assertTrue(is_told, "the last answer does not say that the connection closes (RFC 9112, 9.6)")
            return
        self.assertFalse(is_told, "the connection is said to close")
        conn.send(spelled(request(target=b"$PATH&page=2")))
        further = conn.answer()
        self.assertEqual(further.status, 200)
        self.assertIn(b'"page":2,', further.body, "another request was answered in between")

    def run_rows(self, table):
        for section, name, raw, expected, then in table:
            with self.subTest(f"RFC {section}: {name}"):
                self.exchange(raw, expected, then)


class RequestLine(Case):
    def test_lines(self):
        self.run_rows([
            ("9112, 2.2", "an empty line before the request", b"\r\n" + GET, [200], OPEN),
            ("9112, 2.2", "a line feed alone behind the request line", GET.replace(b"1.1\r\n", b"1.1\n", 1), [400], CLOSED),
            ("9112, 2.2", "a line feed alone behind a field", request(b"X: y\nZ: z"), [400], CLOSED),
            ("9112, 2.2", "line feeds alone everywhere", spelled(GET).replace(b"\r\n", b"\n"), [400], CLOSED),
            ("9112, 2.2", "a carriage return alone in the request line", GET.replace(b" HTTP", b"\r HTTP"), [400], CLOSED),
            ("9112, 2.2", "a carriage return alone in a field", request(b"X: a\rb"), [400], CLOSED),
            ("9112, 2.2", "white space before the first field", b"GET $PATH HTTP/1.1\r\n $HOST$AUTH\r\n", [400], CLOSED),
            ("9112, 2.2", "what is not HTTP: TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400], CLOSED),
            ("9112, 2.2", "what is not HTTP: SSH", b"SSH-2.0-OpenSSH_9.2\r\n", [400], CLOSED),
            ("9112, 2.2", "what is not HTTP: PROXY", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + GET, [400], CLOSED),
        ])

    def test_the_request_line(self):
        self.run_rows([
            ("9112, 3", "two spaces", request(target=b" $PATH"), [400], CLOSED),
            ("9112, 3", "a space before the method", b" " + GET, [400], CLOSED),
            ("9112, 3", "a space behind the version", request(version=b"HTTP/1.1 "), [400], CLOSED),
            ("9112, 3", "a tab between", b"GET\t$PATH HTTP/1.1\r\n$HOST\r\n", [400], CLOSED),
            ("9112, 3", "a space in the target", request(target=b"$PATH&search=a b"), [400], CLOSED),
            ("9112, 3", "no version: HTTP/0.9", b"GET $PATH\r\n\r\n", [400], CLOSED),
            ("9112, 3", "a method alone", b"GET\r\n\r\n", [400], CLOSED),
            ("9112, 3.1", "a method that is no token", request(method=b"G(ET"), [400], CLOSED),
            ("9112, 3.1", "methods are case-sensitive", request(method=b"get"), [{405, 501}], OPEN),
            ("9112, 3", "a target beyond the limit", request(target=b"$PATH&x=" + b"a" * 33000), [414], CLOSED),
            ("9112, 3", "a method beyond the limit", request(method=b"A" * 40000), [{400, 414, 501}], CLOSED),
            ("9112, 3", "a target of 32,000 bytes", request(target=b"$PATH&x=" + b"a" * 32000), [200], OPEN),
            ("9112, 2.3", "the name of the protocol in lower case", request(version=b"http/1.1"), [400], CLOSED),
            ("9112, 2.3", "two digits", request(version=b"HTTP/1.10"), [400], CLOSED),
            ("9112, 2.3", "a leading zero", request(version=b"HTTP/01.1"), [400], CLOSED),
            ("9112, 2.3", "no minor version", request(version=b"HTTP/1"), [400], CLOSED),
            ("9110, 2.5", "a greater minor version is 1.1", request(version=b"HTTP/1.9"), [200], OPEN),
            ("9110, 15.6.6", "a greater major version", request(version=b"HTTP/2.0"), [505], CLOSED),
            ("9110, 15.6.6", "version 0.9", request(version=b"HTTP/0.9"), [{400, 505}], CLOSED),
            ("9113, 3.4", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505], CLOSED),
        ])

    def test_the_target(self):
        absolute = request(target=b"http://callboard.test$PATH")
        self.run_rows([
            ("9112, 3.2", "an empty target", b"GET  HTTP/1.1\r\n$HOST\r\n", [400], CLOSED),
            ("9112, 3.2.1", "no slash", request(target=b"api"), [400], CLOSED),
            ("9112, 3.2.1", "the root", request(target=b"/"), [404], OPEN),
            ("9110, 4.2.5", "a fragment", request(target=b"$PATH#x"), [400], CLOSED),
            ("9112, 3.2.2", "an absolute target", absolute, [200], OPEN),
            ("9112, 3.2.2", "an absolute target of https", absolute.replace(b"http:", b"https:"), [200], OPEN),
            ("9110, 4.2.3", "a scheme in upper case", absolute.replace(b"http:", b"HTTP:"), [200], OPEN),
            ("9112, 3.2.2", "its authority wins over Host", absolute.replace(b"$HOST", b"Host: other.test\r\n"), [200], OPEN),
            ("9112, 3.2.2", "still, Host is required", absolute.replace(b"$HOST", b""), [400], CLOSED),
            ("9112, 3.2.2", "an absolute target without a path", request(target=b"http://callboard.test"), [404], OPEN),
            ("9112, 3.2.2", "a query without a path", request(target=b"http://callboard.test?x=1"), [404], OPEN),
            ("9110, 4.2.1", "an empty host", request(target=b"http://$PATH"), [400], CLOSED),
            ("9110, 4.2.4", "user information", request(target=b"http://user@callboard.test$PATH"), [400], CLOSED),
            ("9112, 3.2.2", "another scheme", request(target=b"ftp://callboard.test$PATH"), [400], CLOSED),
            ("9112, 3.2.3", "an authority with GET", request(target=b"callboard.test:80"), [400], CLOSED),
            ("9110, 9.3.6", "CONNECT", request(method=b"CONNECT", target=b"callboard.test:80"), [{400, 405, 501}], EITHER),
            ("9112, 3.2.4", "an asterisk with GET", request(target=b"*"), [400], CLOSED),
            ("9112, 3.2.4", "OPTIONS *", request(method=b"OPTIONS", target=b"*"), [{200, 204, 404, 405}], OPEN),
            ("3986, 2.1", "escapes of the batch id", request(target=b"/api/call/batch-details/%36%37def9053495307c718d9dfb"), [404], OPEN),
        ])

    def test_control_characters(self):
        for byte in [*range(0x09), *range(0x0B, 0x0D), *range(0x0E, 0x20), 0x7F]:
            raw = bytes([byte])
            escaped = b"%%%02X" % byte
            with self.subTest(byte):
                self.exchange(request(target=b"$PATH&search=" + raw), [400], CLOSED)
                self.exchange(request(b"X: a" + raw + b"b"), [400], CLOSED)
                self.exchange(request(b"X" + raw + b": a"), [400], CLOSED)
                self.exchange(request(target=b"$PATH&search=" + escaped), [400], OPEN)
                self.exchange(request(target=b"$PATH&x" + escaped + b"=1"), [400], OPEN)
                self.exchange(request(target=b"/api/call/batch-details/$BATCH" + escaped), [400], OPEN)
        for escaped in (b"%0A", b"%0D", b"%0D%0AX:%20y", b"%", b"%4", b"%zz", b"%C3", b"%ED%A0%80", b"%C0%AF", b"%FF"):
            with self.subTest(escaped):
                self.exchange(request(target=b"$PATH&search=" + escaped), [400], OPEN)


class Fields(Case):
    def test_host(self):
        def with_host(*values):
            return request(host=b"".join(b"Host:" + value + b"\r\n" for value in values))
        self.run_rows([
            ("9112, 3.2", "missing", with_host(), [400], CLOSED),
            ("9112, 3.2", "twice", with_host(b" a", b" b"), [400], CLOSED),
            ("9112, 3.2", "twice the same", with_host(b" a", b" a"), [400], CLOSED),
            ("9112, 3.2", "a space within", with_host(b" a b"), [400], CLOSED),
            ("9112, 3.2", "a path", with_host(b" a/b"), [400], CLOSED),
            ("9112, 3.2", "user information", with_host(b" u@a"), [400], CLOSED),
            ("9112, 3.2", "a port that is no number", with_host(b" a:b"), [400], CLOSED),
            ("9112, 3.2", "two ports", with_host(b" a:1:2"), [400], CLOSED),
            ("9112, 3.2", "a bracket that does not close", with_host(b" [::1"), [400], CLOSED),
            ("9112, 3.2", "an address of IPv6", with_host(b" [::1]:80"), [200], OPEN),
            ("9110, 7.2", "an empty port", with_host(b" a:"), [200], OPEN),
            ("9112, 3.2", "HTTP/1.0 does without", request(version=b"HTTP/1.0", host=b""), [200], CLOSED),
        ])

    def test_field_lines(self):
        self.run_rows([
            ("9112, 5.1", "a space before the colon", request(b"X : y"), [400], CLOSED),
            ("9112, 5.1", "a tab before the colon", request(b"Host\t: y"), [400], CLOSED),
            ("9112, 5", "no colon", request(b"X"), [400], CLOSED),
            ("9112, 5", "no name", request(b": y"), [400], CLOSED),
            ("9110, 5.1", "a name that is no token", request(b"X(y): z"), [400], CLOSED),
            ("9112, 5.2", "a folded line", request(b"X: y", b" z"), [400], CLOSED),
            ("9112, 5.2", "a line folded by a tab", request(b"X: y", b"\tz"), [400], CLOSED),
            ("9112, 5.2", "a folded Host", request(host=b"Host:\r\n callboard.test\r\n"), [400], CLOSED),
            ("9112, 5.1", "no space behind the colon", request(b"X:y"), [200], OPEN),
            ("9112, 5.1", "white space around a value", spelled(GET).replace(b"Authorization: ", b"Authorization:\t  ")
             .replace(b"\r\n\r\n", b" \t\r\n\r\n"), [200], OPEN),
            ("9110, 5.1", "names in any case", spelled(GET).replace(b"Authorization", b"aUTHORIZATION").replace(b"Host", b"HOST"), [200], OPEN),
            ("9110, 5.5", "an empty value", request(b"X:"), [200], OPEN),
            ("9110, 5.5", "bytes beyond ASCII in a value", request(b"X: \x80\xff"), [200], OPEN),
            ("9110, 5.1", "bytes beyond ASCII in a name", request(b"X\xff: y"), [400], CLOSED),
        ])

    def test_sizes(self):
        self.run_rows([
            ("6585, 5", "a field beyond the limit", request(b"X: " + b"a" * 33000), [431], CLOSED),
            ("6585, 5", "many fields beyond the limit", request(*[b"X%d: %s" % (n, b"a" * 900) for n in range(40)]), [431], CLOSED),
            ("6585, 5", "a name beyond the limit", request(b"X" * 33000 + b": a"), [431], CLOSED),
            ("6585, 5", "ten thousand fields", request(*[b"X: y"] * 10000), [431], CLOSED),
            ("9110, 5.4", "fields of 32,000 bytes", request(b"X: " + b"a" * 31500), [200], OPEN),
            ("9110, 5.4", "ninety fields", request(*[b"X%d: y" % n for n in range(90)]), [200], OPEN),
        ])

    def test_expectations(self):
        self.run_rows([
            ("9110, 10.1.1", "100-continue without content", request(b"Expect: 100-continue"), [200], OPEN),
            ("9110, 10.1.1", "in any case", request(b"Expect: 100-Continue"), [200], OPEN),
            ("9110, 10.1.1", "an unknown one", request(b"Expect: tea"), [417], EITHER),
            ("9110, 10.1.1", "ignored from HTTP/1.0", request(b"Expect: tea", version=b"HTTP/1.0"), [200], CLOSED),
            ("9110, 10.1.1", "with content that is refused", request(b"Expect: 100-continue", b"Content-Length: 3", method=b"POST"), [405], CLOSED),
        ])

    def test_fields_that_change_nothing(self):
        self.run_rows([
            ("9110, 7.8", "Upgrade to h2c", request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), [200], OPEN),
            ("9110, 7.8", "Upgrade to websocket", request(b"Connection: Upgrade", b"Upgrade: websocket"), [200], OPEN),
            ("9110, 7.6.2", "Max-Forwards", request(b"Max-Forwards: 0"), [200], OPEN),
            ("9110, 14.2", "Range", request(b"Range: bytes=0-1"), [200], OPEN),
            ("9110, 13.1.5", "If-Range", request(b'If-Range: "x"', b"Range: bytes=0-1"), [200], OPEN),
            ("9110, 12.5.3", "Accept-Encoding that is no list", request(b"Accept-Encoding: ;q=,,gzip;q=9"), [200], OPEN),
            ("9110, 12.5.3", "an empty Accept-Encoding", request(b"Accept-Encoding:"), [200], OPEN),
            ("9110, 12.5.1", "Accept", request(b"Accept: application/json;q=0.5, */*;q=0.1"), [200], OPEN),
            ("9112, 9.3", "Proxy-Connection", request(b"Proxy-Connection: close"), [200], OPEN),
        ])

    def test_credentials(self):
        twice = request(b"Authorization: Bearer x")
        for section, name, raw in [
                ("9110, 11.6.1", "none", request(auth=b"")), ("9110, 11.4", "another scheme", request(auth=b"Authorization: Basic YTpi\r\n")),
                ("6750, 3.1", "an unknown token", request(auth=b"Authorization: Bearer x\r\n")), ("9110, 5.3", "twice", twice)]:
            with self.subTest(f"RFC {section}: {name}"):
                answer, = self.exchange(raw, [401], OPEN)
                self.assertRegex(answer.get("WWW-Authenticate"), r'^Bearer realm="callboard"')
        self.exchange(spelled(GET).replace(b"Bearer ", b"bEARER   "), [200], OPEN)


class Framing(Case):
    """A GET has no content here; whatever could let two readers disagree about where a message ends, ends the connection."""

    def test_lengths_without_content(self):
        self.run_rows([
            ("9110, 8.6", "Content-Length: 0", request(b"Content-Length: 0"), [200], OPEN),
            ("9110, 8.6", "leading zeros", request(b"Content-Length: 000"), [200], OPEN),
            ("9110, 8.6", "the same twice", request(b"Content-Length: 0", b"Content-Length: 0"), [{200, 400}], EITHER),
        ])

    # Behind each, a request that must not be answered.
    SMUGGLING = [
        ("9110, 9.3.1", "content", [b"Content-Length: 5"], b"hello"),
        ("9112, 6.3", "lengths that differ", [b"Content-Length: 0", b"Content-Length: 5"], b"hello"),
        ("9112, 6.3", "lengths that differ, the other way", [b"Content-Length: 5", b"Content-Length: 0"], b"hello"),
        ("9112, 6.3", "lengths that differ in a list", [b"Content-Length: 0, 5"], b"hello"),
        ("9112, 6.3", "a negative length", [b"Content-Length: -1"], b""),
        ("9112, 6.3", "a length with a sign", [b"Content-Length: +0"], b""),
        ("9112, 6.3", "a hexadecimal length", [b"Content-Length: 0x0"], b""),
        ("9112, 6.3", "a fraction", [b"Content-Length: 0.0"], b""),
        ("9112, 6.3", "an empty length", [b"Content-Length:"], b""),
        ("9112, 6.3", "a length with a space", [b"Content-Length: 0 0"], b""),
        ("9112, 6.3", "a length beyond 64 bits", [b"Content-Length: 18446744073709551616"], b""),
        ("9112, 6.3", "a length beyond 128 digits", [b"Content-Length: " + b"9" * 200], b""),
        ("9112, 6.3", "an underscored name", [b"Content_Length: 5", b"Content-Length: 5"], b"hello"),
        ("9112, 6.1", "chunked", [b"Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        ("9112, 6.1", "chunked in upper case", [b"Transfer-Encoding: CHUNKED"], b"0\r\n\r\n"),
        ("9112, 6.1", "chunked and a length", [b"Transfer-Encoding: chunked", b"Content-Length: 0"], b"0\r\n\r\n"),
        ("9112, 6.1", "a length and chunked", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        ("9112, 6.1", "chunked twice", [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        ("9112, 6.1", "chunked, then identity", [b"Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
        ("9112, 6.1", "identity", [b"Transfer-Encoding: identity"], b""),
        ("9112, 6.1", "an unknown coding", [b"Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        ("9112, 6.1", "a quoted coding", [b'Transfer-Encoding: "chunked"'], b"0\r\n\r\n"),
        ("9112, 6.1", "an empty coding", [b"Transfer-Encoding:"], b"0\r\n\r\n"),
        ("9112, 6.1", "a vertical tab before the coding", [b"Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
        ("9112, 5.1", "a space before the colon", [b"Transfer-Encoding : chunked"], b"0\r\n\r\n"),
        ("9112, 5.2", "a folded coding", [b"Transfer-Encoding:", b" chunked"], b"0\r\n\r\n"),
        ("9112, 2.2", "hidden behind a line feed", [b"X: y\nTransfer-Encoding: chunked"], b"0\r\n\r\n"),
        ("9112, 2.2", "hidden behind a carriage return", [b"X: y\rTransfer-Encoding: chunked"], b"0\r\n\r\n"),
        ("9112, 9.3", "a length that Connection names", [b"Connection: Content-Length", b"Content-Length: 5"], b"hello"),
    ]

    def test_what_follows_ambiguous_framing_is_not_answered(self):
        behind = request(target=b"$PATH&page=3")
        for section, name, lines, body in self.SMUGGLING:
            for method, version in ((b"GET", b"HTTP/1.1"), (b"GET", b"HTTP/1.0"), (b"HEAD", b"HTTP/1.1"), (b"POST", b"HTTP/1.1")):
                with self.subTest(f"RFC {section}: {name}", method=method, version=version):
                    raw = request(*lines, b"Connection: keep-alive", method=method, version=version, body=body + behind)
                    self.exchange(raw, [{400, 405, 413, 501}], CLOSED, is_head={0} if method == b"HEAD" else ())

    def test_content_never_becomes_a_request(self):
        inner = spelled(request(target=b"$PATH&page=3"))
        for method in (b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"):
            with self.subTest(method):
                self.exchange(request(b"Content-Length: %d" % len(inner), method=method, body=inner), [405], CLOSED)
        self.exchange(request(b"Transfer-Encoding: chunked", method=b"POST", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)), [405], CLOSED)


class Connections(Case):
    def test_persistence(self):
        self.run_rows([
            ("9112, 9.3", "persistent by default", GET, [200], OPEN),
            ("9112, 9.6", "close", request(b"Connection: close"), [200], CLOSED),
            ("9110, 7.6.1", "in any case", request(b"Connection: CLOSE"), [200], CLOSED),
            ("9110, 7.6.1", "among others", request(b"Connection: x, close ,y"), [200], CLOSED),
            ("9110, 7.6.1", "on a second line", request(b"Connection: keep-alive", b"Connection: close"), [200], CLOSED),
            ("9112, 9.3", "close beside keep-alive", request(b"Connection: keep-alive, close"), [200], CLOSED),
            ("9110, 7.6.1", "a name that only begins so", request(b"Connection: closed"), [200], OPEN),
            ("9112, 9.3", "HTTP/1.0", request(version=b"HTTP/1.0"), [200], CLOSED),
            ("9112, 9.3", "HTTP/1.0 and close", request(b"Connection: keep-alive, close", version=b"HTTP/1.0"), [200], CLOSED),
            ("9112, 9.6", "nothing is answered behind close", request(b"Connection: close") + GET, [200], CLOSED),
            ("9112, 9.3", "errors of the service keep it open", request(target=b"$PATH&page=0") * 2, [400, 400], OPEN),
        ])

    def test_http_1_0_with_keep_alive(self):
        answer, = self.exchange(request(b"Connection: Keep-Alive", version=b"HTTP/1.0"), [200], OPEN)
        self.assertEqual(answer.get("Connection"), "keep-alive")

    def test_pipelined_requests_are_answered_in_order(self):
        targets = [b"$PATH&page=%d" % (n % 9 + 1) if n % 7 else b"$PATH&page=0" for n in range(60)]
        raw = b"".join(request(target=target) for target in targets)
        answers = self.exchange(raw, [400 if n % 7 == 0 else 200 for n in range(60)], OPEN)
        for n, answer in enumerate(answers):
            if n % 7:
                self.assertIn(b'"page":%d,' % (n % 9 + 1), answer.body)

    def test_head_among_pipelined_requests(self):
        raw = request(method=b"HEAD") + request(target=b"$PATH&page=3") + request(method=b"HEAD", target=b"/") + GET
        head, other, _, get = self.exchange(raw, [200, 200, 404, 200], OPEN, is_head={0, 2})
        self.assertIn(b'"page":3,', other.body)
        self.assertEqual(head.get("Content-Length"), str(len(get.body)))

    def test_a_malformed_request_ends_the_pipeline_behind_what_came_before(self):
        self.exchange(GET + b"GET / HTTP/1.1\r\nno colon\r\n\r\n" + GET, [200, 400], CLOSED)

    def test_a_request_of_single_bytes(self):
        with Connection(service.port) as conn:
            for byte in spelled(GET):
                conn.send(bytes([byte]))
            self.assertEqual(conn.answer().status, 200)

    def test_a_client_that_sends_no_more_is_still_answered(self):
        """RFC 9112, 9.6: closing one side leaves the other."""
        with Connection(service.port) as conn:
            conn.send(spelled(GET + request(target=b"$PATH&page=2")))
            conn.end()
            self.assertIn(b'"page":1,', conn.answer().body)
            self.assertIn(b'"page":2,', conn.answer().body)
            self.assertTrue(conn.is_ended())

    def test_a_request_that_ends_too_early(self):
        """RFC 9112, 8: incomplete requests are told so, or nothing."""
        for cut in (3, 10, 60, -2, -1):
            with self.subTest(cut), Connection(service.port) as conn:
                conn.send(spelled(GET)[:cut])
                conn.end()
                try:
                    self.assertEqual(conn.answer().status, 400)
                except Malformed:
                    self.assertTrue(conn.is_ended())

    def test_clients_that_go_away_disturb_nobody(self):
        for cut in (0, 1, 30, None):
            for reset in (True, False):
                with Connection(service.port) as conn:
                    conn.send(spelled(GET)[:cut])
                    if reset:
                        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.exchange(GET, [200], OPEN)


class Methods(Case):
    def test_others_than_get_and_head_are_405_and_told_which_are_allowed(self):
        for method in (b"POST", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"PROPFIND", b"FOO", b"GETS", b"HEAD2"):
            with self.subTest(method):
                answer, = self.exchange(request(method=method), [405], OPEN)
                allowed = {name.strip() for name in answer.get("Allow").split(",")}  # RFC 9110, 15.5.6
                self.assertLessEqual({"GET", "HEAD"}, allowed)
                self.assertNotIn(method.decode(), allowed)
                self.exchange(request(method=method, target=b"/nowhere"), [404], OPEN)

    def test_trace_is_not_echoed(self):
        """RFC 9110, 9.3.8: it could disclose credentials."""
        answer, = self.exchange(request(method=b"TRACE"), [405], OPEN)
        self.assertNotIn(words[b"$AUTH"].strip()[-20:], answer.body)

    def test_head_is_get_without_content(self):
        """RFC 9110, 9.3.2 and 8.6."""
        for target in (b"$PATH", b"$PATH&page=0", b"/nowhere", b"/api/call/batch-details/x", b"$PATH&limit=1&limit=2"):
            with self.subTest(target):
                get, = self.exchange(request(target=target), [{200, 400, 404}], OPEN)
                head, = self.exchange(request(target=target, method=b"HEAD"), [get.status], OPEN, is_head={0})
                self.assertEqual(head.without_date()[:2], get.without_date()[:2])


class Conditions(Case):
    @classmethod
    def setUpClass(cls):
        with Connection(service.port) as conn:
            conn.send(spelled(GET))
            cls.page = conn.answer()
        cls.tag = cls.page.get("ETag").encode()

    def test_the_tag_is_strong_and_quoted(self):
        self.assertRegex(self.page.get("ETag"), r'^"[\x21\x23-\x7e]+"$')

    def test_304_is_the_answer_without_its_content(self):
        """RFC 9110, 15.4.5: the fields that a cache needs, and no content."""
        for method in (b"GET", b"HEAD"):
            answer, = self.exchange(request(b"If-None-Match: " + self.tag, method=method), [304], OPEN, is_head={0} if method == b"HEAD" else ())
            for name in ("ETag", "Cache-Control", "Vary", "Content-Location", "Expires"):
                self.assertEqual(answer.all(name), self.page.all(name), name)
            self.assertIn(answer.get("Content-Length"), (None, self.page.get("Content-Length")))

    def test_precedence(self):
        tag = self.tag
        past, future = b"Thu, 01 Jan 1970 00:00:00 GMT", b"Fri, 31 Dec 2100 00:00:00 GMT"
        self.run_rows([
            ("9110, 13.1.2", "the tag", request(b"If-None-Match: " + tag), [304], OPEN),
            ("9110, 13.1.2", "compared weakly", request(b"If-None-Match: W/" + tag), [304], OPEN),
            ("9110, 13.1.2", "in a list", request(b'If-None-Match: "a", W/"b" ,, ' + tag), [304], OPEN),
            ("9110, 13.1.2", "a comma within another tag", request(b'If-None-Match: "a,", ' + tag), [304], OPEN),
            ("9110, 5.3", "on a second line", request(b'If-None-Match: "a"', b"If-None-Match: " + tag), [304], OPEN),
            ("9110, 13.1.2", "any", request(b"If-None-Match: *"), [304], OPEN),
            ("9110, 13.1.2", "another tag", request(b'If-None-Match: "a"'), [200], OPEN),
            ("9110, 8.8.3", "without quotes", request(b"If-None-Match: " + tag.strip(b'"')), [200], OPEN),
            ("9110, 8.8.3", "within another tag", request(b'If-None-Match: "x' + tag[1:]), [200], OPEN),
            ("9110, 13.1.2", "empty", request(b"If-None-Match:"), [200], OPEN),
            ("9110, 13.1.1", "If-Match: the tag", request(b"If-Match: " + tag), [200], OPEN),
            ("9110, 13.1.1", "If-Match: any", request(b"If-Match: *"), [200], OPEN),
            ("9110, 13.1.1", "If-Match: another", request(b'If-Match: "a"'), [412], OPEN),
            ("9110, 13.1.1", "If-Match is compared strongly", request(b"If-Match: W/" + tag), [412], OPEN),
            ("9110, 13.2.2", "If-Match before If-None-Match", request(b'If-Match: "a"', b"If-None-Match: " + tag), [412], OPEN),
            ("9110, 13.2.2", "If-None-Match behind If-Match", request(b"If-Match: " + tag, b"If-None-Match: " + tag), [304], OPEN),
            ("9110, 13.1.3", "If-Modified-Since is nothing to a page without a date", request(b"If-Modified-Since: " + future), [200], OPEN),
            ("9110, 13.1.4", "If-Unmodified-Since, too", request(b"If-Unmodified-Since: " + past), [200], OPEN),
            ("9110, 13.1.3", "If-None-Match before If-Modified-Since", request(b'If-None-Match: "a"', b"If-Modified-Since: " + future), [200], OPEN),
            ("9110, 13.2.1", "errors come before conditions", request(b"If-None-Match: *", target=b"$PATH&page=0"), [400], OPEN),
            ("9110, 13.2.1", "no credentials, no conditions", request(b"If-None-Match: *", b'If-Match: "a"', auth=b""), [401], OPEN),
            ("9110, 13.2.1", "nor for what is not there", request(b"If-None-Match: *", target=b"/api/call/batch-details/" + b"f" * 24), [404], OPEN),
        ])


class Slowness(Case):
    """Each with a service of its own, whose deadlines are short."""

    def test_a_slow_writer_has_one_deadline(self):
        """RFC 9110, 15.5.9. A byte now and then does not put it off."""
        with query_service(HTTP_REQUEST_TIMEOUT_MS="300") as running:
            for prefix in (b"GET ", b"GET $PATH HTTP/1.1\r\n$HOST$AUTH", b"GET $PATH HTTP/1.1\r\nX: "):
                with self.subTest(prefix), Connection(running.port) as conn:
                    conn.send(spelled(prefix))
                    self.assertEqual(self.drip(conn).status, 408)
                    self.assertTrue(conn.is_ended())

    def drip(self, conn, most=500):
        """Sends bytes one by one until an answer comes: it must come while they do."""
        for _ in range(most):
            if select.select([conn.sock], [], [], 0.02)[0]:
                return conn.answer()
            conn.send(b"a")
        self.fail("each byte puts the deadline off")

    def test_a_connection_without_a_request_does_not_count_as_slow(self):
        with query_service(HTTP_REQUEST_TIMEOUT_MS="100") as running, Connection(running.port) as idle:
            with Connection(running.port) as other:
                other.send(b"G")
                self.assertEqual(other.answer().status, 408)
            idle.send(spelled(GET))
            self.assertEqual(idle.answer().status, 200)

    def test_a_slow_reader_is_cut(self):
        """It keeps neither memory nor a connection: what was not taken by the deadline is not delivered."""
        batch = rows.batch("o", [{"attempts": [{"transcript": "x" * 200000}]} for _ in range(50)])
        target = f"/api/call/batch-details/{batch}?limit=50".encode()
        with query_service(HTTP_REQUEST_TIMEOUT_MS="1000", HTTP_WORKERS="1") as running:
            with Connection(running.port, receive_bytes=4096) as conn:
                conn.send(spelled(request(target=target)))
                self.assertEqual(conn.sock.recv(8, socket.MSG_PEEK), b"HTTP/1.1")
                conn.wait_cut()
                with self.assertRaises((Malformed, ConnectionResetError)):
                    conn.answer()
            with Connection(running.port) as conn:
                conn.send(spelled(GET))
                self.assertEqual(conn.answer().status, 200)

    def test_connections_are_capped_and_busy_ones_stay(self):
        """RFC 9110, 15.6.4."""
        with query_service(HTTP_MAX_CONNECTIONS="8", HTTP_WORKERS="1") as running:
            busy = [Connection(running.port) for _ in range(8)]
            try:
                for conn in busy:
                    conn.send(b"GET")
                with Connection(running.port) as conn:
                    answer = conn.answer()
                    self.assertEqual(answer.status, 503)
                    self.assertRegex(answer.get("Retry-After"), r"^\d+$")
                    self.assertTrue(conn.is_ended())
                for conn in busy:
                    conn.send(spelled(GET)[3:])
                    self.assertEqual(conn.answer().status, 200)
                with Connection(running.port) as conn:  # now they are idle: the oldest makes room
                    conn.send(spelled(GET))
                    self.assertEqual(conn.answer().status, 200)
                self.assertTrue(busy[0].is_ended())
            finally:
                for conn in busy:
                    conn.sock.close()

    def test_pending_requests_do_not_hold_up_others_of_the_worker(self):
        with query_service(HTTP_WORKERS="1") as running, Lock(server, "callboard") as lock:
            with Connection(running.port) as waiting, Connection(running.port) as other:
                waiting.send(spelled(GET))
                lock.wait_for_waiters(1)
                other.send(spelled(request(target=b"$PATH&page=0")))
                self.assertEqual(other.answer().status, 400)


if __name__ == "__main__":
    unittest.main()
