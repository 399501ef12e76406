"""A TCP proxy between a program under test and its server, that delays, trickles, stalls, resets, or cuts at one message.

    with Proxy(server.port) as proxy:
        url = f"postgresql://callboard_writer@127.0.0.1:{proxy.port}/{database}?sslmode=disable"
        proxy.delay = 0.05          # seconds added to every piece, both ways
        proxy.trickle = 64          # the first so many bytes of every piece go out one by one
        proxy.reset_all()           # RST on every connection
        proxy.refusing = True       # new connections are reset
        proxy.tap = MessageTap("COMMIT", passes_on=False)    # cuts at one message

Threads: two a connection. All settings may be changed while connections are open.
"""
import collections
import socket
import struct
import threading
import time

PIECE = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


class Proxy:
    def __init__(self, target_port, port=0, follows_postgres=False):
        self.target_port = target_port
        self.follows_postgres = follows_postgres  # connections are taken apart into messages: a MessageTap needs it
        self.delay = 0.0
        self.trickle = 0
        self.refusing = False
        self.tap = None
        self.counts = collections.Counter()  # connections, bytes, resets, cuts: what did happen
        self._links = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self._listener.close()
        self.reset_all()

    def reset_all(self):
        """RST on every open connection, both sides. How many there were."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.cut()
        self.counts["resets"] += len(links)
        return len(links)

    def heal(self):
        """From now on it only forwards."""
        self.delay, self.trickle, self.refusing, self.tap = 0.0, 0, False, None

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._connect(client)

    def _connect(self, client):
        if self.refusing:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            self.counts["refused"] += 1
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port), timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self.counts["connections"] += 1
        link = Link(self, client, server)
        with self._lock:
            self._links.add(link)
        link.start()

    def forget(self, link):
        with self._lock:
            self._links.discard(link)


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client = client
        self.server = server
        self._messages = {True: _Messages(has_startup=True), False: _Messages(has_startup=False)} if proxy.follows_postgres else {}
        self._ends = 0
        self._lock = threading.Lock()
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self):
        threading.Thread(target=self._pump, args=(self.client, self.server, True), daemon=True).start()
        threading.Thread(target=self._pump, args=(self.server, self.client, False), daemon=True).start()

    def cut(self):
        for end in (self.client, self.server):
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it, which closes
            except OSError:
                pass  # was gone already

    def _pump(self, source, target, from_client):
        try:
            while True:
                data = source.recv(PIECE)
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    break
                if not self._forward(data, target, from_client):
                    self.proxy.counts["cuts"] += 1
                    self.cut()
                    break
        except OSError:
            self.cut()
        self._end()

    def _forward(self, data, target, from_client):
        """False when the tap wants the connection cut; what it gave is sent first."""
        messages = list(self._messages[from_client].feed(data)) if self._messages else ()
        tap = self.proxy.tap
        goes_on = True
        if tap:
            data, goes_on = tap.pass_on(self, data, messages, from_client)
        if self.proxy.delay:
            time.sleep(self.proxy.delay)
        alone = min(self.proxy.trickle, len(data))
        for at in range(alone):
            target.sendall(data[at:at + 1])
        target.sendall(data[alone:])
        self.proxy.counts["bytes"] += len(data)
        return goes_on

    def _end(self):
        with self._lock:
            self._ends += 1
            if self._ends < 2:
                return
        self.client.close()
        self.server.close()
        self.proxy.forget(self)


class MessageTap:
    """Watches for one message between callboard-ingest and PostgreSQL, and acts there.

    statement: the name of a prepared statement: the message is the client's request to run it;
               or a command tag ("COMMIT"), in capitals: the message is the server's answer
    passes_on: whether the message still reaches the other side
    action:    called with the link: before an answer is passed on, after a request was
    cuts:      whether the connection is cut then

    The connection must be without TLS (sslmode=disable), the Proxy with follows_postgres. Statements and answers are recognised by the protocol of
    the PostgreSQL manual, "Message Formats".
    """

    def __init__(self, statement, passes_on, times=1, action=None, cuts=True):
        self.hits = 0
        self._is_answer = statement.isupper()
        self._start = statement.encode() + b"\0" if self._is_answer else b"\0" + statement.encode() + b"\0"
        self._passes_on = passes_on
        self._left = times
        self._action = action
        self._cuts = cuts
        self._lock = threading.Lock()

    def pass_on(self, link, data, messages, from_client):
        """(what may go on of the data, whether the connection stays)"""
        for start, kind, body in messages:
            if self._is_meant(kind, body, from_client) and self._take():
                return self._act(link, data if self._passes_on else data[:max(start, 0)])
        return data, True

    def _is_meant(self, kind, body, from_client):
        return from_client != self._is_answer and kind == (b"C" if self._is_answer else b"B") and body.startswith(self._start)

    def _take(self):
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def _act(self, link, data):
        if not self._is_answer:
            link.server.sendall(data)
            data = b""
        elif self._cuts:
            data = b""
        if self._action:
            self._action(link)
        self.hits += 1
        return data, not self._cuts


class _Messages:
    """Takes one direction of a PostgreSQL connection apart. The first message of a client has no type."""

    def __init__(self, has_startup):
        self._rest = b""
        self._has_type = not has_startup

    def feed(self, data):
        """Yields (start within `data`, negative when it began earlier, type, body) of each message that is now whole."""
        held = len(self._rest)
        self._rest += data
        at = 0
        while True:
            head = 5 if self._has_type else 4
            if len(self._rest) - at < head:
                break
            size, = struct.unpack_from(">i", self._rest, at + head - 4)
            end = at + head - 4 + size
            if len(self._rest) < end:
                break
            kind = self._rest[at:at + 1] if self._has_type else b""
            yield at - held, kind, self._rest[at + head:end]
            self._has_type = True
            at = end
        self._rest = self._rest[at:]
